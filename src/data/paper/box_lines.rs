//! Removes printed lines that are connected to ink: boxes of forms, borders of cells, margins.
//! [`super::ruled_paper`] removes faint lines that cross the whole picture.

use super::parts::{Part, Parts};

/// Maximum slope of a line: pixels across per pixel along it.
const MAX_SLOPE: f32 = 0.07;
/// A line covers at least this fraction of its part's extent in the direction of the line.
const COVERED: f32 = 0.62;
/// Maximum number of pixels of a part that are sampled to estimate the slope of its lines.
const ENOUGH_PIXELS: usize = 8000;
/// Parts shorter than this fraction of the picture's shorter side are not searched for lines.
const SHORTEST: f32 = 0.15;
/// Parallel lines are sides of a box if the outermost ones are further apart than this fraction of
/// the part's extent across them.
const APART: f32 = 0.3;
/// If less than this fraction of a part is left without its lines, the part was an empty box.
const REMAINS: f32 = 0.04;

/// The range of rows (or columns) of a line, in the coordinates of [`Direction::across`].
#[derive(Clone, Copy, Debug)]
struct BoxLine {
    first: isize,
    last: isize,
    /// Whether it reaches the picture's border, or the pixel next to it.
    at_border: bool,
}

/// Direction of lines: horizontal or vertical, with a slope in pixels across per pixel along.
#[derive(Clone, Copy, Debug)]
struct Direction {
    vertical: bool,
    slope: f32,
    /// Centre of the part along the line.
    middle: f32,
}

impl Direction {
    /// Coordinates (along, across) of a pixel.
    fn place(self, x: usize, y: usize) -> (usize, usize) {
        if self.vertical { (y, x) } else { (x, y) }
    }

    /// Coordinate across the lines, corrected for their slope.
    fn across(self, x: usize, y: usize) -> isize {
        let (along, across) = self.place(x, y);
        (across as f32 - self.slope * (along as f32 - self.middle)).round() as isize
    }
}

/// Clears in `mask` the lines of parts that are boxes, or whose lines reach the picture's border.
/// Strokes that cross a line stay. Only parts for which `is_searched` is true are searched. Returns
/// whether anything was erased.
pub(super) fn erase_box_lines(
    parts: &Parts,
    mask: &mut [bool],
    is_searched: impl Fn(&Part) -> bool,
) -> bool {
    let least = SHORTEST * parts.width.min(parts.height) as f32;
    let mut erased = false;
    for (label, part) in parts.list.iter().enumerate() {
        let thin = part.stroke() * 8.0 < part.longer_side() as f32;
        if part.longer_side() as f32 >= least.max(12.0) && thin && is_searched(part) {
            erased |= erase_in(parts, label as u32, part, mask);
        }
    }
    erased
}

fn erase_in(parts: &Parts, label: u32, part: &Part, mask: &mut [bool]) -> bool {
    let pixels: Vec<(usize, usize)> = (part.top..part.bottom)
        .flat_map(|y| (part.left..part.right).map(move |x| (x, y)))
        .filter(|(x, y)| parts.labels[y * parts.width + x] == label)
        .collect();
    let [horizontal, vertical] =
        [false, true].map(|vertical| lines(parts, part, &pixels, vertical));
    let framed = |lines: &(Direction, Vec<BoxLine>), side: usize| {
        let first = lines.1.first().map_or(0, |line| line.first);
        let last = lines.1.last().map_or(0, |line| line.last);
        (last - first) as f32 > APART * side as f32 && lines.1.len() > 1
    };
    let boxed = framed(&horizontal, part.height()) && framed(&vertical, part.width());
    let chosen = |lines: (Direction, Vec<BoxLine>)| {
        let kept: Vec<BoxLine> =
            lines.1.into_iter().filter(|line| boxed || line.at_border).collect();
        (lines.0, kept)
    };
    let (horizontal, vertical) = (chosen(horizontal), chosen(vertical));
    if horizontal.1.is_empty() && vertical.1.is_empty() {
        return false;
    }
    let on = |lines: &(Direction, Vec<BoxLine>), x: usize, y: usize| {
        let across = lines.0.across(x, y);
        lines.1.iter().find(|line| (line.first - 1..=line.last + 1).contains(&across)).copied()
    };
    let mut erased_pixels = Vec::new();
    for &(x, y) in &pixels {
        let (in_horizontal, in_vertical) = (on(&horizontal, x, y), on(&vertical, x, y));
        let erase = match (in_horizontal, in_vertical) {
            (Some(_), Some(_)) => true,
            (Some(line), None) => !crossed(parts, label, (x, y), horizontal.0, line),
            (None, Some(line)) => !crossed(parts, label, (x, y), vertical.0, line),
            (None, None) => false,
        };
        if erase {
            erased_pixels.push(y * parts.width + x);
        }
    }
    // If the part consists almost only of lines, the other pixels are remains of them.
    let left = pixels.len() - erased_pixels.len();
    if (left as f32) < REMAINS * pixels.len() as f32 {
        erased_pixels = pixels.iter().map(|(x, y)| y * parts.width + x).collect();
    }
    for at in &erased_pixels {
        mask[*at] = false;
    }
    !erased_pixels.is_empty()
}

/// Whether ink crosses the line at this pixel of it: across the line, the part extends there over
/// more than twice the width of the line.
fn crossed(
    parts: &Parts,
    label: u32,
    (x, y): (usize, usize),
    direction: Direction,
    line: BoxLine,
) -> bool {
    let thick = (line.last - line.first + 1) as usize;
    let is_ink = |by: isize| {
        let (dx, dy) = if direction.vertical { (by, 0) } else { (0, by) };
        let (x, y) = (x.cast_signed() + dx, y.cast_signed() + dy);
        let inside =
            x >= 0 && y >= 0 && x < parts.width.cast_signed() && y < parts.height.cast_signed();
        inside && parts.labels[y as usize * parts.width + x as usize] == label
    };
    let run =
        |sign: isize| (1..=3 * thick.cast_signed() + 4).take_while(|by| is_ink(sign * by)).count();
    let (before, after) = (run(-1), run(1));
    before + after + 1 > 2 * thick + 2
}

/// The direction of the horizontal or vertical lines of a part, and the lines in order.
fn lines(
    parts: &Parts,
    part: &Part,
    pixels: &[(usize, usize)],
    vertical: bool,
) -> (Direction, Vec<BoxLine>) {
    let (long, start, wide, picture) = if vertical {
        (part.height(), part.top, part.width(), parts.height)
    } else {
        (part.width(), part.left, part.height(), parts.width)
    };
    let middle = start as f32 + long as f32 / 2.0;
    let direction = |slope| Direction { vertical, slope, middle };
    if long < 12 {
        return (direction(0.0), Vec::new());
    }
    let step = 1.5 / long as f32;
    let steps = (MAX_SLOPE / step) as isize;
    let margin = (MAX_SLOPE * long as f32) as isize + 2;
    let start = if vertical { part.left } else { part.top };
    let lowest = start.cast_signed() - margin;
    let histogram = |slope: f32, every: usize| {
        let mut counts = vec![0_u32; wide + 2 * margin as usize + 1];
        let direction = direction(slope);
        for &(x, y) in pixels.iter().step_by(every) {
            counts[(direction.across(x, y) - lowest) as usize] += every as u32;
        }
        counts
    };
    // Estimate the slope from a sample of the pixels.
    let sample_step = pixels.len().div_ceil(ENOUGH_PIXELS).max(1);
    let needed = COVERED * long as f32;
    let weight = |counts: &[u32]| {
        counts.iter().map(|count| (*count as f32 - 0.5 * needed).max(0.0).powi(2)).sum::<f32>()
    };
    let best = (-steps..=steps)
        .map(|at| at as f32 * step)
        .map(|slope| (weight(&histogram(slope, sample_step)), slope))
        .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.abs().total_cmp(&a.1.abs())));
    let Some((_, slope)) = best else { return (direction(0.0), Vec::new()) };
    let counts = histogram(slope, 1);
    // Lines of the other direction contribute about equally to every row: the median count.
    let mut sorted: Vec<u32> = counts.iter().copied().filter(|count| *count > 0).collect();
    sorted.sort_unstable();
    let common =
        sorted.get(sorted.len() / 2).map_or(0.0, |middle| *middle as f32).min(needed / 2.0);
    let mut found: Vec<BoxLine> = Vec::new();
    let mut at = 0;
    while at < counts.len() {
        if (counts[at] as f32) < needed {
            at += 1;
            continue;
        }
        // Include the blurred edges of the line.
        let least = common + 0.35 * (needed - common);
        let belongs = |at: usize| counts.get(at).is_some_and(|c| *c as f32 > least);
        let mut first = at;
        while first > 0 && belongs(first - 1) {
            first -= 1;
        }
        while belongs(at + 1) {
            at += 1;
        }
        let line = BoxLine {
            first: first.cast_signed() + lowest,
            last: at.cast_signed() + lowest,
            at_border: false,
        };
        found.push(line);
        at += 1;
    }
    // Printed lines are thin; a stroke of a pen that is as long as its part is thicker.
    found.retain(|line| ((line.last - line.first + 1) as f32) < (0.09 * long as f32).max(4.0));
    let direction = direction(slope);
    for line in &mut found {
        let rows = line.first..=line.last;
        let ends = pixels.iter().filter(|(x, y)| rows.contains(&direction.across(*x, *y)));
        let along = ends.map(|(x, y)| direction.place(*x, *y).0);
        line.at_border = along.into_iter().any(|at| at < 2 || at + 2 >= picture);
    }
    (direction, found)
}
