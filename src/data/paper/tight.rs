//! Pictures cropped tightly around one digit. There is too little paper for a local estimate of its
//! shade, but one threshold separates ink and paper.

use super::parts::{Part, Parts};
use super::plane::Plane;
use crate::picture::Picture;

/// Minimum difference between the mean shades (0 to 255) of ink and paper.
const CONTRAST: f32 = 40.0;
/// Maximum distance of the digit from each side of the picture, as a fraction of its size.
const NEAR: f32 = 0.04;
/// Maximum fraction of the border that the digit covers; a frame covers more.
const BORDER: f32 = 0.62;
/// Maximum fraction of the picture that the digit covers.
const AREA: f32 = 0.85;
/// Minimum fraction of all pixels of ink that belong to the digit.
const MAIN: f32 = 0.85;
/// Pixels with at least this fraction of that difference from paper are kept as ink.
const EDGE: f32 = 0.3;
/// Maximum width of the digit's edges in pixels. The edges of strokes are sharper than the fall-off
/// of light towards the corners of a picture.
const SOFT: f32 = 5.0;

/// The digit that fills the picture, and the width of its strokes in pixels; `None` if the picture
/// is not cropped tightly around one.
pub(super) fn whole(plane: &Plane) -> Option<(Picture, f32)> {
    let threshold = otsu(plane)?;
    let dark = of_polarity(plane, threshold, true);
    dark.or_else(|| of_polarity(plane, threshold, false))
}

fn of_polarity(plane: &Plane, threshold: u8, dark: bool) -> Option<(Picture, f32)> {
    let (width, height) = (plane.width, plane.height);
    let is_ink = |at: usize| (plane.shades[at] <= threshold) == dark;
    let parts = Parts::of(width, height, is_ink);
    let (label, digit) = parts.list.iter().enumerate().max_by_key(|(_, part)| part.area)?;
    let total: usize = parts.list.iter().map(|part| part.area).sum();
    let covered = digit.at_border as f32 / (2 * (width + height)) as f32;
    if !reaches_all_sides(digit, width, height)
        || covered > BORDER
        || digit.area as f32 > AREA * (width * height) as f32
        || (digit.area as f32) < MAIN * total as f32
    {
        return None;
    }
    let mean = |ink: bool| {
        let shades = (0..width * height).filter(|at| is_ink(*at) == ink);
        let (sum, count) = shades
            .fold((0.0, 0.0_f32), |(sum, n), at| (sum + f32::from(plane.shades[at]), n + 1.0));
        sum / count.max(1.0)
    };
    let (ink, paper) = (mean(true), mean(false));
    if (ink - paper).abs() < CONTRAST {
        return None;
    }
    let share = |at: usize| (f32::from(plane.shades[at]) - paper) / (ink - paper);
    let between = (0..width * height).filter(|at| (EDGE..1.0 - EDGE).contains(&share(*at)));
    if between.count() as f32 > SOFT * digit.outline as f32 {
        return None;
    }
    let strength = |at: usize| {
        let share = share(at);
        let other = is_ink(at) && parts.labels[at] as usize != label;
        if share < EDGE || other { 0 } else { (255.0 * share.min(1.0)) as u8 }
    };
    let picture = Picture { width, height, ink: (0..width * height).map(strength).collect() };
    Some((picture, digit.stroke()))
}

fn reaches_all_sides(part: &Part, width: usize, height: usize) -> bool {
    let near = |away: usize, size: usize| away as f32 <= (NEAR * size as f32).max(1.5);
    near(part.left, width)
        && near(width - part.right, width)
        && near(part.top, height)
        && near(height - part.bottom, height)
}

/// Otsu's threshold: the shade that separates two classes with the largest variance between them.
fn otsu(plane: &Plane) -> Option<u8> {
    let mut counts = [0.0_f64; 256];
    plane.shades.iter().for_each(|shade| counts[usize::from(*shade)] += 1.0);
    let total: f64 = counts.iter().sum();
    let sum: f64 = counts.iter().zip(0_u32..).map(|(count, shade)| count * f64::from(shade)).sum();
    let (mut below, mut sum_below) = (0.0, 0.0);
    let mut best: Option<(f64, u8)> = None;
    for shade in 0..=254_u8 {
        below += counts[usize::from(shade)];
        sum_below += counts[usize::from(shade)] * f64::from(shade);
        let above = total - below;
        if below == 0.0 || above == 0.0 {
            continue;
        }
        let difference = sum_below / below - (sum - sum_below) / above;
        let variance = below * above * difference * difference;
        if best.is_none_or(|(most, _)| variance > most) {
            best = Some((variance, shade));
        }
    }
    best.map(|(_, threshold)| threshold)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(shade: impl Fn(usize, usize) -> u8) -> Plane {
        Plane::new(40, 60, (0..40 * 60).map(|at| shade(at % 40, at / 40)).collect())
    }

    #[test]
    fn a_thick_digit_that_fills_the_picture_is_found_in_both_polarities() {
        // A seven: a bar at the top, and a thick stroke down to the left corner.
        let is_ink = |x: usize, y: usize| y < 18 || (x + y / 2).abs_diff(36) < 12;
        for (ink, paper) in [(20, 230), (240, 30)] {
            let plane = picture(|x, y| if is_ink(x, y) { ink } else { paper });
            let (found, stroke) = whole(&plane).unwrap();
            let right =
                (0..40 * 60).filter(|at| is_ink(at % 40, at / 40) == (found.ink[*at] > 128));
            assert_eq!(right.count(), 40 * 60, "ink {ink}");
            assert!(stroke > 8.0, "{stroke}");
        }
    }

    #[test]
    fn frames_and_digits_within_paper_are_not_cropped_tightly() {
        let frame = |x: usize, y: usize| x < 3 || y < 3 || x > 36 || y > 56;
        assert!(whole(&picture(|x, y| if frame(x, y) { 20 } else { 230 })).is_none());
        let bar = |x: usize, y: usize| (15..25).contains(&x) && (10..50).contains(&y);
        assert!(whole(&picture(|x, y| if bar(x, y) { 20 } else { 230 })).is_none());
        assert!(whole(&picture(|_, _| 7)).is_none());
    }

    #[test]
    fn light_that_falls_off_towards_the_corners_is_not_a_digit() {
        // The bright middle of the picture is an ellipse that reaches all sides.
        let light = |x: usize, y: usize| {
            let square = |at: usize, size: f32| (at as f32 / (size / 2.0) - 1.0).powi(2);
            1.0 - 0.35 * (square(x, 160.0) + square(y, 240.0))
        };
        let bar = |x: usize, y: usize| (70..90).contains(&x) && (60..180).contains(&y);
        let shade = |x, y| (230.0 * light(x, y) * if bar(x, y) { 0.2 } else { 1.0 }) as u8;
        let shades = (0..160 * 240).map(|at| shade(at % 160, at / 160)).collect();
        assert!(whole(&Plane::new(160, 240, shades)).is_none());
    }
}
