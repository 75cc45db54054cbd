//! Removes faint lines that cross the whole picture: the lines of ruled and squared paper. The
//! sides of boxes stay: [`super::box_lines`] removes all sides of a box at once.
//!
//! A line of the paper is found by its coverage: at least 60 % of its pixels are a little darker
//! than the paper, while rows of writing are mostly paper. Ink that crosses a line is darker than
//! the line and stays.

use super::contrast::{Contrast, DARKEST_PAPER, percentile};
use super::plane::Plane;

/// Maximum longer side, in pixels, of the copy in which lines are searched for.
const LARGEST: usize = 800;
/// Maximum slope of a line: pixels across per pixel along it.
const MAX_SLOPE: f32 = 0.1;
/// Number of positions along a line that are sampled to estimate the slope.
const SAMPLES: usize = 80;
/// Minimum strength (0 to 255) of a dark pixel.
const FAINTEST: f32 = 5.0;
/// Minimum strength of a dark pixel in standard deviations of the paper's noise.
const ABOVE_NOISE: f32 = 2.0;
/// Minimum fraction of dark pixels along a line.
const COVERED: f32 = 0.6;
/// Minimum fraction of dark pixels along the blurred edges of a line.
const EDGE: f32 = 0.35;
/// A line is weaker than this fraction of the ink's strength, the 99.5th percentile of all pixels.
const WEAK: f32 = 0.6;
/// Pixels up to this many times the strength of the line belong to it; stronger ones are ink.
const STRONGER: f32 = 1.5;
/// A line is at most as wide as this fraction of the picture's shorter side, or as `NARROW` pixels.
const NARROW_PART: f32 = 0.03;
const NARROW: usize = 4;

/// A line is a side of boxes if a perpendicular line begins at each of its ends. The perpendicular
/// lines are checked over this fraction of the picture's shorter side, but over at least
/// `SHORTEST_SIDE` pixels.
const SIDE: f32 = 0.07;
const SHORTEST_SIDE: f32 = 8.0;
/// Minimum fraction of dark pixels along the perpendicular lines.
const JOINED: f32 = 0.85;
/// Maximum distance, in pixels, of a perpendicular line from the end of the line.
const BESIDE: usize = 4;
/// A line starts where this many of the next ten pixels are dark.
const START: usize = 8;

/// The rows (or columns) of a line at the middle of its length, and its strength.
struct LineBand {
    first: isize,
    last: isize,
    strength: f32,
}

/// The parallel lines of one direction.
struct ParallelLines {
    vertical: bool,
    /// Pixels across per pixel along the lines.
    slope: f32,
    bands: Vec<LineBand>,
}

/// The level of the image pyramid that was searched, and its picture without the ruled lines.
/// `None` if there are no such lines.
pub(super) fn without_ruled_lines(copies: &[Plane]) -> Option<(usize, Plane)> {
    let level = copies.iter().position(|copy| copy.longer_side() <= LARGEST)?;
    let plane = &copies[level];
    let radius = (plane.longer_side() / 40).clamp(4, 20);
    let contrast = Contrast::of(plane, radius, DARKEST_PAPER);
    let ink = f32::from(percentile(contrast.strength.iter().copied(), 0.995));
    let all = [false, true].map(|vertical| ParallelLines::of(&contrast, vertical, WEAK * ink));
    if all.iter().all(|lines| lines.bands.is_empty()) {
        return None;
    }
    let paper = plane.closed(radius);
    let mut shades = plane.shades.clone();
    for lines in &all {
        lines.erase(&contrast, &paper, &mut shades, WEAK * ink);
    }
    Some((level, Plane { shades, ..*plane }))
}

impl ParallelLines {
    fn of(contrast: &Contrast, vertical: bool, strongest: f32) -> Self {
        let mut lines = Self { vertical, slope: 0.0, bands: Vec::new() };
        let (long, _) = lines.sides(contrast);
        let min_strength = FAINTEST.max(ABOVE_NOISE * contrast.noise);
        let steps = (MAX_SLOPE * long as f32) as isize;
        let every = (long / SAMPLES).max(1);
        // The squares favour few rows with many dark pixels.
        let weight = |slope: f32| {
            let (counts, samples) =
                Self { vertical, slope, bands: Vec::new() }.profile(contrast, min_strength, every);
            let share = |count: &usize| (*count as f32 / samples as f32 - COVERED / 2.0).max(0.0);
            counts.iter().map(|count| share(count).powi(2)).sum::<f32>()
        };
        let best = (-steps..=steps)
            .map(|step| step as f32 / long as f32)
            .map(|slope| (weight(slope), slope))
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.abs().total_cmp(&a.1.abs())));
        if let Some((_, slope)) = best.filter(|(weight, _)| *weight > 0.0) {
            lines.slope = slope;
            lines.find_bands(contrast, min_strength, strongest);
            let bands = std::mem::take(&mut lines.bands).into_iter();
            let kept = bands.filter(|band| !lines.is_side_of_boxes(contrast, min_strength, band));
            lines.bands = kept.collect();
        }
        lines
    }

    /// Number of pixels along the lines and across them.
    fn sides(&self, contrast: &Contrast) -> (usize, usize) {
        if self.vertical {
            (contrast.height, contrast.width)
        } else {
            (contrast.width, contrast.height)
        }
    }

    /// The index of a pixel by its coordinates along and across the lines.
    fn at(&self, contrast: &Contrast, along: usize, across: usize) -> usize {
        if self.vertical {
            along * contrast.width + across
        } else {
            across * contrast.width + along
        }
    }

    /// Shift of a line across its direction, in pixels, at a position along it; 0 at the middle.
    fn shift(&self, along: usize, long: usize) -> isize {
        (self.slope * (along as f32 - long as f32 / 2.0)).round() as isize
    }

    /// The number of dark pixels in each row along the lines, and the number of pixels that were
    /// sampled of each: one in `every`.
    fn profile(&self, contrast: &Contrast, min_strength: f32, every: usize) -> (Vec<usize>, usize) {
        let (long, wide) = self.sides(contrast);
        let mut counts = vec![0; wide];
        let mut samples = 0;
        for along in (0..long).step_by(every) {
            samples += 1;
            let shift = self.shift(along, long);
            for (across, count) in counts.iter_mut().enumerate() {
                let Some(across) = across.checked_add_signed(shift).filter(|at| *at < wide) else {
                    continue;
                };
                let strength = contrast.strength[self.at(contrast, along, across)];
                *count += usize::from(f32::from(strength) >= min_strength);
            }
        }
        (counts, samples)
    }

    fn find_bands(&mut self, contrast: &Contrast, min_strength: f32, strongest: f32) {
        let (long, wide) = self.sides(contrast);
        let (counts, samples) = self.profile(contrast, min_strength, 1);
        let share = |at: usize| counts[at] as f32 / samples as f32;
        let widest = (NARROW_PART * long.min(wide) as f32).max(NARROW as f32) as usize;
        let mut at = 0;
        while at < wide {
            if share(at) < COVERED {
                at += 1;
                continue;
            }
            let (mut first, mut last) = (at, at);
            while first > 0 && share(first - 1) >= EDGE {
                first -= 1;
            }
            while last + 1 < wide && share(last + 1) >= EDGE {
                last += 1;
            }
            let strength = (first..=last).map(|row| self.median(contrast, row)).fold(0, u8::max);
            let strength = f32::from(strength);
            if last - first < widest && strength < strongest {
                let [first, last] = [first, last].map(usize::cast_signed);
                self.bands.push(LineBand { first: first - 1, last: last + 1, strength });
            }
            at = last + 1;
        }
    }

    /// Whether a line is a side of boxes: perpendicular lines begin at both ends, on the same side.
    fn is_side_of_boxes(&self, contrast: &Contrast, min_strength: f32, band: &LineBand) -> bool {
        let (long, wide) = self.sides(contrast);
        let Some(ends) = self.ends(contrast, band) else { return false };
        // A line that ends at the border may meet a perpendicular line of squared paper there.
        if ends[0].min(long - 1 - ends[1]) <= BESIDE {
            return false;
        }
        let depth = (SIDE * long.min(wide) as f32).max(SHORTEST_SIDE) as isize;
        let is_dark = |along: usize, across: isize| {
            let across = across + self.shift(along, long);
            (0..wide.cast_signed()).contains(&across)
                && f32::from(contrast.strength[self.at(contrast, along, across.cast_unsigned())])
                    >= min_strength
        };
        let begins = |end: usize, row: isize| {
            // Perpendicular to the line.
            let end = end.saturating_add_signed((-self.slope * (row - band.first) as f32) as isize);
            (end.saturating_sub(BESIDE)..=(end + BESIDE).min(long - 1))
                .any(|along| is_dark(along, row))
        };
        [band.last + 1..band.last + 1 + depth, band.first - depth..band.first].into_iter().any(
            |rows| {
                ends.into_iter().all(|end| {
                    let dark = rows.clone().filter(|row| begins(end, *row)).count();
                    dark as f32 >= JOINED * depth as f32
                })
            },
        )
    }

    /// The positions of the first and the last pixel along a line.
    fn ends(&self, contrast: &Contrast, band: &LineBand) -> Option<[usize; 2]> {
        let (long, wide) = self.sides(contrast);
        let dark: Vec<bool> = (0..long)
            .map(|along| {
                let shift = self.shift(along, long);
                let rows = (band.first + shift).max(0)..=(band.last + shift);
                rows.map(isize::cast_unsigned).filter(|across| *across < wide).any(|across| {
                    f32::from(contrast.strength[self.at(contrast, along, across)])
                        >= band.strength / 2.0
                })
            })
            .collect();
        let is_line = |pixels: &[bool]| pixels.iter().filter(|dark| **dark).count() >= START;
        let first = dark.windows(10).position(is_line)?;
        let last = dark.windows(10).rposition(is_line)?;
        Some([first, last + 9])
    }

    /// The median strength along a row that is shifted by the slope.
    fn median(&self, contrast: &Contrast, row: usize) -> u8 {
        let (long, wide) = self.sides(contrast);
        let strengths = (0..long).filter_map(|along| {
            let across = row.checked_add_signed(self.shift(along, long));
            across.filter(|at| *at < wide).map(|at| contrast.strength[self.at(contrast, along, at)])
        });
        percentile(strengths, 0.5)
    }

    /// Gives the pixels of the lines, except those of ink, the shade of the paper around them.
    fn erase(&self, contrast: &Contrast, paper: &Plane, shades: &mut [u8], strongest: f32) {
        let (long, wide) = self.sides(contrast);
        for band in &self.bands {
            let most = (STRONGER * band.strength + ABOVE_NOISE * contrast.noise).min(strongest);
            for along in 0..long {
                let shift = self.shift(along, long);
                for across in band.first + shift..=band.last + shift {
                    let Ok(across) = usize::try_from(across) else { continue };
                    if across >= wide {
                        continue;
                    }
                    let at = self.at(contrast, along, across);
                    if f32::from(contrast.strength[at]) <= most {
                        shades[at] = paper.shades[at];
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 300;
    const HEIGHT: usize = 200;
    const PAPER: u8 = 220;
    const LINE: u8 = 170;
    const PEN: u8 = 30;

    /// A picture whose pixel at (x, y) has the shade `shade(x, y)`.
    fn plane(shade: impl Fn(f32, f32) -> u8) -> Vec<Plane> {
        let shades = (0..WIDTH * HEIGHT).map(|at| shade((at % WIDTH) as f32, (at / WIDTH) as f32));
        vec![Plane::new(WIDTH, HEIGHT, shades.collect())]
    }

    fn is_line(x: f32, y: f32) -> bool {
        let (leaning_x, leaning_y) = (x + 0.03 * y, y - 0.03 * x);
        leaning_x.rem_euclid(37.0) < 2.0 || leaning_y.rem_euclid(41.0) < 2.0
    }

    /// A stroke along a line of the paper, and one across lines.
    fn is_pen(x: f32, y: f32) -> bool {
        let vertical = (x + 0.03 * y - 75.0).abs() < 4.0 && (40.0..150.0).contains(&y);
        let across = (x - y - 60.0).abs() < 5.0 && (40.0..150.0).contains(&y);
        vertical || across
    }

    #[test]
    fn lines_of_squared_paper_are_removed_and_strokes_along_them_stay() {
        let shade = |x, y| match (is_pen(x, y), is_line(x, y)) {
            (true, _) => PEN,
            (false, true) => LINE,
            (false, false) => PAPER,
        };
        let (level, clean) = without_ruled_lines(&plane(shade)).expect("lines");
        assert_eq!(level, 0);
        let pixels = || clean.shades.iter().enumerate();
        let at = |index: usize| ((index % WIDTH) as f32, (index / WIDTH) as f32);
        let of_pen = pixels().filter(|(index, _)| is_pen(at(*index).0, at(*index).1));
        assert!(of_pen.into_iter().all(|(_, shade)| *shade == PEN), "the strokes stay");
        let is_line = |(x, y)| !is_pen(x, y) && is_line(x, y);
        let lines: Vec<u8> =
            pixels().filter(|(index, _)| is_line(at(*index))).map(|(_, shade)| *shade).collect();
        let left = lines.iter().filter(|shade| **shade < PAPER).count();
        assert!(left * 20 < lines.len(), "{left} of {} pixels of the lines are left", lines.len());
    }

    /// A row of boxes from x = 12 to x = 288 with some space around it.
    #[test]
    fn a_row_of_boxes_stays() {
        let shade = |x: f32, y: f32| {
            let within = (12.0..290.0).contains(&x) && (60.0..122.0).contains(&y);
            let side = (x - 12.0).rem_euclid(46.0) < 2.0 || !(62.0..120.0).contains(&y);
            match (is_pen(x, y) && (80.0..110.0).contains(&y), within && side) {
                (true, _) => PEN,
                (false, true) => LINE,
                (false, false) => PAPER,
            }
        };
        assert!(without_ruled_lines(&plane(shade)).is_none());
        // Without the vertical sides, the other two are lines of the paper.
        let shade = |x: f32, y: f32| if (62.0..120.0).contains(&y) { PAPER } else { shade(x, y) };
        assert!(
            without_ruled_lines(&plane(|x, y| if is_pen(x, y) { PEN } else { shade(x, y) }))
                .is_some()
        );
    }

    #[test]
    fn strokes_are_not_lines_of_the_paper() {
        assert!(
            without_ruled_lines(&plane(|x, y| if is_pen(x, y) { PEN } else { PAPER })).is_none()
        );
        // A one that fills the picture from top to bottom.
        assert!(
            without_ruled_lines(&plane(|x, _| if (x - 150.0).abs() < 9.0 { PEN } else { PAPER }))
                .is_none()
        );
        assert!(without_ruled_lines(&plane(|_, _| PAPER)).is_none());
    }
}
