//! Finds a sheet of paper on a darker or lighter table as a quadrilateral region, and rectifies its
//! perspective.

use super::plane::Plane;

/// Number of thresholds to try between the darkest and the lightest tones.
const THRESHOLDS: usize = 14;
/// Minimum and maximum fraction of the picture that a sheet covers.
const SMALLEST: f32 = 0.12;
const LARGEST: f32 = 0.94;
/// Minimum length of a sheet's edges, as a fraction of the picture's shorter side.
const SHORTEST: f32 = 0.25;
/// Minimum overlap of the region and the quadrilateral, as a fraction of the larger of the two.
const FILLED: f32 = 0.94;
/// Minimum fraction of the region that is paper rather than holes; excludes frames.
const SOLID: f32 = 0.7;
/// Minimum of the median difference in shade (0 to 255) between the two sides of the edges.
const CONTRAST: f32 = 18.0;
/// Minimum fraction of the points along the edges whose difference has the sign of the median and
/// is at least a third of `CONTRAST`.
const EDGE: f32 = 0.85;
/// Margin that is cut off along the edges, as a fraction of the sheet's sides.
const RIM: f32 = 0.015;

/// Column and row.
type SheetPoint = [f32; 2];

/// The perspective transform from a rectified sheet to the picture it was found in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rectification {
    /// The homography, row-major, without its last element (1).
    by: [f32; 8],
}

impl Rectification {
    /// The transform from a rectangle of this size to four corners: upper left, upper right, lower
    /// right, lower left (Heckbert, "Fundamentals of Texture Mapping", section 2.2.3).
    fn of(corners: [SheetPoint; 4], [width, height]: [f32; 2]) -> Self {
        let [[x0, y0], [x1, y1], [x2, y2], [x3, y3]] = corners;
        let (dx1, dx2, sx) = (x1 - x2, x3 - x2, x0 - x1 + x2 - x3);
        let (dy1, dy2, sy) = (y1 - y2, y3 - y2, y0 - y1 + y2 - y3);
        let all = dx1 * dy2 - dx2 * dy1;
        let [g, h] = if all.abs() < f32::EPSILON {
            [0.0; 2]
        } else {
            [(sx * dy2 - dx2 * sy) / all, (dx1 * sy - sx * dy1) / all]
        };
        let rows = [x1 - x0 + g * x1, x3 - x0 + h * x3, x0, y1 - y0 + g * y1, y3 - y0 + h * y3, y0];
        let [a, b, c, d, e, f] = rows;
        Self { by: [a / width, b / height, c, d / width, e / height, f, g / width, h / height] }
    }

    /// The homography, row-major, without its last element (1).
    #[must_use]
    pub fn coefficients(&self) -> [f32; 8] {
        self.by
    }

    /// The inverse of [`Rectification::coefficients`].
    #[must_use]
    pub fn from_coefficients(by: [f32; 8]) -> Self {
        Self { by }
    }

    /// Maps a point of the rectified sheet to the picture.
    #[must_use]
    pub fn place(&self, [x, y]: SheetPoint) -> SheetPoint {
        let [a, b, c, d, e, f, g, h] = self.by;
        let scale = g * x + h * y + 1.0;
        [(a * x + b * y + c) / scale, (d * x + e * y + f) / scale]
    }

    /// The transform to a picture enlarged by this factor.
    #[must_use]
    pub fn enlarged(&self, by: f32) -> Self {
        let [a, b, c, d, e, f, g, h] = self.by;
        Self { by: [a * by, b * by, c * by, d * by, e * by, f * by, g, h] }
    }
}

/// The rectified sheet and the transform back to `plane`. It is searched for in `small`, a copy of
/// `plane` of reduced size.
pub(super) fn straightened(plane: &Plane, small: &Plane) -> Option<(Plane, Rectification)> {
    let corners = find(small)?;
    let scale =
        [plane.width as f32 / small.width as f32, plane.height as f32 / small.height as f32];
    let middle =
        corners.iter().fold([0.0; 2], |sum, at| [sum[0] + at[0] / 4.0, sum[1] + at[1] / 4.0]);
    let corners = corners.map(|at| {
        let inward = |axis: usize| at[axis] + 2.0 * RIM * (middle[axis] - at[axis]);
        [(inward(0) + 0.5) * scale[0] - 0.5, (inward(1) + 0.5) * scale[1] - 0.5]
    });
    let [a, b, c, d] = corners;
    let sides = [distance(a, b).max(distance(c, d)), distance(b, c).max(distance(d, a))];
    let [width, height] = sides.map(|side| side.round().max(8.0));
    let straightening = Rectification::of(corners, [width, height]);
    let (wide, high) = (width as usize, height as usize);
    let shades = (0..wide * high).map(|at| {
        let centre = [(at % wide) as f32 + 0.5, (at / wide) as f32 + 0.5];
        plane.between(straightening.place(centre))
    });
    Some((Plane::new(wide, high, shades.collect()), straightening))
}

fn distance(a: SheetPoint, b: SheetPoint) -> f32 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// The corners of the sheet: upper left, upper right, lower right, lower left.
fn find(plane: &Plane) -> Option<[SheetPoint; 4]> {
    let plane = plane.blurred();
    let mut sorted = plane.shades.clone();
    sorted.sort_unstable();
    let mut best: Option<(f32, [SheetPoint; 4])> = None;
    for step in 1..=THRESHOLDS {
        let low = sorted[sorted.len() / 50];
        let high = sorted[sorted.len() - 1 - sorted.len() / 50];
        let share = step as f32 / (THRESHOLDS + 1) as f32;
        let threshold = f32::from(low) + share * (f32::from(high) - f32::from(low));
        for light in [true, false] {
            let is_sheet = |shade: u8| (f32::from(shade) > threshold) == light;
            let Some((score, corners)) = at_threshold(&plane, is_sheet) else { continue };
            if best.is_none_or(|(most, _)| score > most) {
                best = Some((score, corners));
            }
        }
    }
    best.map(|(_, corners)| corners)
}

/// The corners of the largest region of one tone inside the picture, if it is a quadrilateral, and a
/// score of the fit.
fn at_threshold(plane: &Plane, is_sheet: impl Fn(u8) -> bool) -> Option<(f32, [SheetPoint; 4])> {
    let (width, height) = (plane.width, plane.height);
    let region = largest(plane, is_sheet)?;
    let own = region.iter().filter(|inside| **inside).count();
    let filled = filled(&region, width, height);
    let area = filled.iter().filter(|inside| **inside).count() as f32;
    let share = area / (width * height) as f32;
    if !(SMALLEST..=LARGEST).contains(&share) || (own as f32) < SOLID * area {
        return None;
    }
    let corners = largest_quadrilateral(&hull(&filled, width))?;
    let fit = agreement(&filled, width, corners, area);
    let shorter = width.min(height) as f32;
    let edges = (0..4).map(|at| distance(corners[at], corners[(at + 1) % 4]));
    let near_border = corners
        .iter()
        .any(|[x, y]| *x < 1.5 || *y < 1.5 || *x > width as f32 - 2.5 || *y > height as f32 - 2.5);
    if fit < FILLED || near_border || edges.fold(f32::MAX, f32::min) < SHORTEST * shorter {
        return None;
    }
    let contrast = edge_contrast(plane, corners)?;
    Some((fit * contrast.min(60.0), from_upper_left(corners)))
}

/// The largest 4-connected region; `None` if it includes at least 2.5 % of the picture's border.
fn largest(plane: &Plane, is_sheet: impl Fn(u8) -> bool) -> Option<Vec<bool>> {
    let (width, height) = (plane.width, plane.height);
    let mut labels = vec![0_u32; width * height];
    let (mut sizes, mut open) = (vec![0_usize], Vec::new());
    for start in 0..labels.len() {
        if labels[start] != 0 || !is_sheet(plane.shades[start]) {
            continue;
        }
        let label = sizes.len() as u32;
        sizes.push(0);
        labels[start] = label;
        open.push(start);
        while let Some(at) = open.pop() {
            sizes[label as usize] += 1;
            for next in neighbours(at, width, height) {
                if labels[next] == 0 && is_sheet(plane.shades[next]) {
                    labels[next] = label;
                    open.push(next);
                }
            }
        }
    }
    let label = (1..sizes.len()).max_by_key(|label| sizes[*label])? as u32;
    let border = (0..width)
        .flat_map(|x| [x, (height - 1) * width + x])
        .chain((0..height).flat_map(|y| [y * width, y * width + width - 1]));
    let touching = border.filter(|at| labels[*at] == label).count();
    (touching * 20 < width + height).then(|| labels.iter().map(|of| *of == label).collect())
}

/// The pixels to the left, right, above and below pixel `at` that are in the picture.
fn neighbours(at: usize, width: usize, height: usize) -> impl Iterator<Item = usize> {
    let (x, y) = (at % width, at / width);
    let beside = [
        (x > 0).then(|| at - 1),
        (x + 1 < width).then_some(at + 1),
        (y > 0).then(|| at - width),
        (y + 1 < height).then_some(at + width),
    ];
    beside.into_iter().flatten()
}

/// Fills the holes of a region.
fn filled(region: &[bool], width: usize, height: usize) -> Vec<bool> {
    let mut outside = vec![false; region.len()];
    let border = (0..width)
        .flat_map(|x| [x, (height - 1) * width + x])
        .chain((0..height).flat_map(|y| [y * width, y * width + width - 1]));
    let mut open: Vec<usize> = border.filter(|at| !region[*at]).collect();
    for at in &open {
        outside[*at] = true;
    }
    while let Some(at) = open.pop() {
        for next in neighbours(at, width, height) {
            if !region[next] && !outside[next] {
                outside[next] = true;
                open.push(next);
            }
        }
    }
    outside.into_iter().map(|outside| !outside).collect()
}

/// The convex hull of a region, clockwise on the screen (Andrew's monotone chain algorithm).
fn hull(region: &[bool], width: usize) -> Vec<SheetPoint> {
    // The first and the last pixel of each row suffice.
    let mut points: Vec<SheetPoint> = Vec::new();
    for (y, row) in region.chunks(width).enumerate() {
        let first = row.iter().position(|inside| *inside);
        let last = row.iter().rposition(|inside| *inside);
        for x in [first, last].into_iter().flatten() {
            points.push([x as f32, y as f32]);
        }
    }
    points.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    points.dedup();
    let half = |points: &mut dyn Iterator<Item = &SheetPoint>| {
        let mut chain: Vec<SheetPoint> = Vec::new();
        for &point in points {
            while chain.len() > 1
                && cross(chain[chain.len() - 2], chain[chain.len() - 1], point) <= 0.0
            {
                chain.pop();
            }
            chain.push(point);
        }
        chain.pop();
        chain
    };
    let mut hull = half(&mut points.iter());
    hull.extend(half(&mut points.iter().rev()));
    hull
}

/// Twice the signed area of a triangle, positive if it is clockwise on the screen.
fn cross(a: SheetPoint, b: SheetPoint, c: SheetPoint) -> f32 {
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
}

/// The quadrilateral of largest area whose corners are vertices of the hull.
fn largest_quadrilateral(hull: &[SheetPoint]) -> Option<[SheetPoint; 4]> {
    let mut best: Option<(f32, [SheetPoint; 4])> = None;
    for first in 0..hull.len() {
        for second in first + 2..hull.len() {
            let (a, c) = (hull[first], hull[second]);
            let furthest = |among: &mut dyn Iterator<Item = usize>| {
                let away = |at: usize| cross(a, c, hull[at]).abs();
                let at = among.max_by(|x, y| away(*x).total_cmp(&away(*y)))?;
                Some((away(at), hull[at]))
            };
            let between = furthest(&mut (first + 1..second));
            let beyond = furthest(&mut (second + 1..hull.len()).chain(0..first));
            let (Some((one, b)), Some((other, d))) = (between, beyond) else { continue };
            if best.is_none_or(|(most, _)| one + other > most) {
                best = Some((one + other, [a, b, c, d]));
            }
        }
    }
    best.map(|(_, corners)| corners)
}

/// Overlap of a region and a quadrilateral, as a fraction of the larger of the two.
fn agreement(region: &[bool], width: usize, corners: [SheetPoint; 4], area: f32) -> f32 {
    let (mut both, mut inside_all) = (0_usize, 0_usize);
    for (at, is_region) in region.iter().enumerate() {
        let point = [(at % width) as f32, (at / width) as f32];
        let inside =
            (0..4).all(|edge| cross(corners[edge], corners[(edge + 1) % 4], point) >= -0.5);
        inside_all += usize::from(inside);
        both += usize::from(inside && *is_region);
    }
    (both as f32 / area).min(both as f32 / inside_all.max(1) as f32)
}

/// The absolute value of the median difference of the shades on the two sides of the edges; `None`
/// if it is too small or its sign varies too much along the edges.
fn edge_contrast(plane: &Plane, corners: [SheetPoint; 4]) -> Option<f32> {
    let apart = (0.015 * plane.shorter_side() as f32).max(2.0);
    let mut differences = Vec::new();
    for edge in 0..4 {
        let (from, to) = (corners[edge], corners[(edge + 1) % 4]);
        let long = distance(from, to).max(1.0);
        // The corners are clockwise, so the outside is on the left.
        let out = [(to[1] - from[1]) / long * apart, (from[0] - to[0]) / long * apart];
        for step in 1..20 {
            let share = step as f32 / 20.0;
            let at = [from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])];
            let outside = plane.between([at[0] + out[0] + 0.5, at[1] + out[1] + 0.5]);
            let inside = plane.between([at[0] - out[0] + 0.5, at[1] - out[1] + 0.5]);
            differences.push(f32::from(inside) - f32::from(outside));
        }
    }
    differences.sort_by(f32::total_cmp);
    let middle = differences[differences.len() / 2];
    let same = |difference: &&f32| **difference * middle.signum() > CONTRAST / 3.0;
    let agreeing = differences.iter().filter(same).count() as f32;
    (middle.abs() >= CONTRAST && agreeing >= EDGE * differences.len() as f32)
        .then_some(middle.abs())
}

/// Rotates the order of the corners so that the upper left one (smallest x + y) is first.
fn from_upper_left(corners: [SheetPoint; 4]) -> [SheetPoint; 4] {
    let first = (0..4)
        .min_by(|a, b| {
            let sum = |at: usize| corners[at][0] + corners[at][1];
            sum(*a).total_cmp(&sum(*b))
        })
        .unwrap_or(0);
    [0, 1, 2, 3].map(|at| corners[(first + at) % 4])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paper with a dark mark near its upper left corner, on a table.
    fn on_table(corners: [SheetPoint; 4], paper: u8, table: u8) -> Plane {
        let back = Rectification::of(corners, [1.0, 1.0]);
        let mark: Vec<SheetPoint> = (0..400)
            .map(|at| back.place([0.2 + (at % 20) as f32 / 200.0, 0.2 + (at / 20) as f32 / 200.0]))
            .collect();
        let shade = |at: usize| {
            let point = [(at % 200) as f32, (at / 200) as f32];
            let inside =
                (0..4).all(|edge| cross(corners[edge], corners[(edge + 1) % 4], point) >= 0.0);
            if mark.iter().any(|mark| distance(*mark, point) < 1.0) {
                10
            } else if inside {
                paper
            } else {
                table
            }
        };
        Plane::new(200, 160, (0..200 * 160).map(shade).collect())
    }

    const OBLIQUE_CORNERS: [SheetPoint; 4] =
        [[45.0, 30.0], [160.0, 22.0], [180.0, 140.0], [20.0, 130.0]];

    #[test]
    fn a_sheet_on_a_darker_or_lighter_table_is_found_by_its_corners() {
        for (paper, table) in [(220, 60), (150, 240)] {
            let found = find(&on_table(OBLIQUE_CORNERS, paper, table)).unwrap();
            for (found, right) in found.iter().zip(&OBLIQUE_CORNERS) {
                assert!(distance(*found, *right) < 4.0, "{found:?} {right:?}");
            }
        }
    }

    #[test]
    fn the_transform_maps_back_to_the_picture() {
        let plane = on_table(OBLIQUE_CORNERS, 220, 60);
        let (sheet, straightening) = straightened(&plane, &plane).unwrap();
        // The mark is where it was drawn, a fifth from the upper left corner.
        let dark = sheet.shades.iter().enumerate().filter(|(_, shade)| **shade < 80);
        let places: Vec<[f32; 2]> =
            dark.map(|(at, _)| [(at % sheet.width) as f32, (at / sheet.width) as f32]).collect();
        assert!(!places.is_empty());
        for [x, y] in &places {
            assert!((0.15..0.34).contains(&(x / sheet.width as f32)), "{x} of {}", sheet.width);
            assert!((0.15..0.34).contains(&(y / sheet.height as f32)), "{y} of {}", sheet.height);
            let back = straightening.place([x + 0.5, y + 0.5]);
            assert!(plane.between(back) < 140, "{back:?}");
            let twice = straightening.enlarged(2.0).place([x + 0.5, y + 0.5]);
            assert!(distance([twice[0] / 2.0, twice[1] / 2.0], back) < 1e-3);
        }
    }

    #[test]
    fn regions_without_four_edges_are_not_sheets() {
        let round = |at: usize| {
            let away = ((at % 200) as f32 - 100.0).hypot((at / 200) as f32 - 80.0);
            if away < 60.0 { 220 } else { 60 }
        };
        assert_eq!(find(&Plane::new(200, 160, (0..200 * 160).map(round).collect())), None);
        let half = |at: usize| if at % 200 < 110 { 220 } else { 60 };
        assert_eq!(find(&Plane::new(200, 160, (0..200 * 160).map(half).collect())), None);
        // A frame is not filled.
        let frame = |at: usize| {
            let (x, y) = (at % 200, at / 200);
            let within =
                |low: usize| (low..200 - low).contains(&x) && (low..160 - low).contains(&y);
            if within(30) && !within(36) { 20 } else { 230 }
        };
        let plane = Plane::new(200, 160, (0..200 * 160).map(frame).collect());
        let found = find(&plane);
        assert!(found.is_none_or(|found| found[0][0] > 34.0), "the paper within: {found:?}");
        assert_eq!(find(&Plane::new(1, 1, vec![7])), None);
    }
}
