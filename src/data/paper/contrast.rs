//! How far ink stands out from the paper around it.

use super::plane::Plane;

/// Paper is taken for no darker than this: ratios of fewer shades are noise.
pub(super) const DARKEST_PAPER: u16 = 32;
/// The same where light and dark were exchanged, and light paper is not what is looked for.
pub(super) const DARKEST_BOARD: u16 = 128;
/// Half of the picture or more is ink where half is as strong as this.
const STRONG: u8 = 48;

/// For each pixel, how much of the paper's light is missing there.
#[derive(Clone, Debug)]
pub(super) struct Contrast {
    pub width: usize,
    pub height: usize,
    /// Row by row, 0 where there is paper, 255 where no light is left.
    pub strength: Vec<u8>,
    /// Standard deviation of the strengths of paper.
    pub noise: f32,
}

impl Contrast {
    /// The paper's shade is that of the plane after a closing of this radius: whatever is dark and
    /// narrower than twice the radius is ink; shadows, and tables beside the sheet, are wider.
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
        // A closing follows the lightest grains of the paper, so that most of it seems to be a
        // little too dark.
        let mut paper_alone = strength.clone();
        if median(&strength) >= STRONG {
            paper_alone.retain(|at| *at < STRONG);
        }
        let middle = median(&paper_alone);
        let away: Vec<u8> = paper_alone.iter().map(|at| at.abs_diff(middle)).collect();
        let noise = 1.4826 * f32::from(median(&away));
        for at in &mut strength {
            *at = at.saturating_sub(middle);
        }
        Self { width: plane.width, height: plane.height, strength, noise }
    }
}

fn median(values: &[u8]) -> u8 {
    percentile(values.iter().copied(), 0.5)
}

/// The value that this fraction of all does not exceed; 0 of none.
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
