//! Local contrast: how much darker each pixel is than the paper around it.

use super::plane::Plane;

/// Lower limit of the shade (0 to 255) by which the contrast is divided; relative to darker paper
/// it would be noise.
pub(super) const DARKEST_PAPER: u16 = 32;
/// The same limit for light ink on dark paper, whose shades are inverted.
pub(super) const DARKEST_INVERTED_PAPER: u16 = 128;
/// If the median strength reaches this, at least half of the picture is ink.
const STRONG: u8 = 48;

/// Strength of each pixel: how much darker it is than the paper around it, relative to the paper.
#[derive(Clone, Debug)]
pub(super) struct Contrast {
    pub width: usize,
    pub height: usize,
    /// Row-major; 0 is paper, 255 is black.
    pub strength: Vec<u8>,
    /// Standard deviation of the strength of paper: 1.4826 times the median absolute deviation.
    pub noise: f32,
}

impl Contrast {
    /// The paper is estimated by a morphological closing of this radius: dark structures narrower
    /// than twice the radius count as ink; shadows and the table beside a sheet are wider.
    pub fn of(plane: &Plane, radius: usize, darkest_paper: u16) -> Self {
        let paper = plane.closed(radius);
        let mut strength: Vec<u8> = plane
            .shades
            .iter()
            .zip(&paper.shades)
            .map(|(&shade, &paper)| {
                let missing = u16::from(paper - shade);
                (255 * u32::from(missing) / u32::from(u16::from(paper).max(darkest_paper))) as u8
            })
            .collect();
        // A closing follows the lightest grains of the paper, so the median strength of paper is
        // above 0; subtract it.
        let mut paper_alone = strength.clone();
        if median(&strength) >= STRONG {
            paper_alone.retain(|value| *value < STRONG);
        }
        let middle = median(&paper_alone);
        let deviations: Vec<u8> = paper_alone.iter().map(|value| value.abs_diff(middle)).collect();
        let noise = 1.4826 * f32::from(median(&deviations));
        for value in &mut strength {
            *value = value.saturating_sub(middle);
        }
        Self { width: plane.width, height: plane.height, strength, noise }
    }
}

fn median(values: &[u8]) -> u8 {
    percentile(values.iter().copied(), 0.5)
}

/// The quantile of the values at a fraction from 0 to 1; 0 if there are no values.
pub(super) fn percentile(values: impl Iterator<Item = u8>, fraction: f64) -> u8 {
    let mut counts = [0_usize; 256];
    values.for_each(|value| counts[usize::from(value)] += 1);
    let all: usize = counts.iter().sum();
    let mut left = (all as f64 * fraction).ceil() as usize;
    let found = counts.iter().position(|count| {
        left = left.saturating_sub(*count);
        left == 0
    });
    found.unwrap_or(0) as u8
}
