//! Distortions of a digit before it is classified.

use super::shade_at;
use crate::rng::{Purpose, stream};
use rand_distr::{Distribution, Normal};

/// Distortions of an image, applied in this order: rotation about its centre, translation, noise.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Distortion {
    /// Rotation in degrees, clockwise.
    pub degrees: f32,
    /// Translation in pixels, to the right and down.
    pub right: f32,
    pub down: f32,
    /// Standard deviation of the Gaussian noise added to every pixel, as a fraction of full ink.
    pub noise: f32,
    /// Seed of the noise.
    pub seed: u64,
}

impl Distortion {
    /// The distorted image, filled with paper at the edges. It is deterministic.
    ///
    /// # Panics
    /// If `pixels` does not have width × height values.
    #[must_use]
    pub fn apply(&self, pixels: &[u8], (width, height): (usize, usize)) -> Vec<u8> {
        assert_eq!(pixels.len(), width * height, "one byte a pixel");
        let mut distorted = self.moved(pixels, width, height);
        self.add_noise(&mut distorted);
        distorted
    }

    fn moved(&self, pixels: &[u8], width: usize, height: usize) -> Vec<u8> {
        if [self.degrees, self.right, self.down].iter().all(|by| *by == 0.0) {
            return pixels.to_vec();
        }
        let (sin, cos) = self.degrees.to_radians().sin_cos();
        let middle = |side: usize| (side as f32 - 1.0) / 2.0;
        let (middle_x, middle_y) = (middle(width), middle(height));
        // Each pixel takes the shade of its source position.
        let source = |at: usize| {
            let x = (at % width) as f32 - self.right - middle_x;
            let y = (at / width) as f32 - self.down - middle_y;
            (cos * x + sin * y + middle_x, cos * y - sin * x + middle_y)
        };
        let shade = |(x, y)| shade_at(pixels, [width, height], x, y);
        (0..pixels.len()).map(|at| shade(source(at))).collect()
    }

    fn add_noise(&self, pixels: &mut [u8]) {
        let Ok(noise) = Normal::new(0.0, 255.0 * self.noise) else { return };
        if self.noise <= 0.0 {
            return;
        }
        let mut random = stream(self.seed, Purpose::Augmentation, 0, 0);
        for pixel in pixels {
            *pixel = (f32::from(*pixel) + noise.sample(&mut random)).clamp(0.0, 255.0) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A vertical stroke, right of the middle.
    fn stroke() -> Vec<u8> {
        (0..25).map(|at| if at % 5 == 3 { 255 } else { 0 }).collect()
    }

    fn distorted(distortion: Distortion) -> Vec<u8> {
        distortion.apply(&stroke(), (5, 5))
    }

    #[test]
    fn no_damage_changes_nothing() {
        assert_eq!(distorted(Distortion::default()), stroke());
    }

    #[test]
    fn moves_right_and_down_and_turns_clockwise() {
        let column = |x| (0..25).map(|at| if at % 5 == x { 255 } else { 0 }).collect::<Vec<u8>>();
        assert_eq!(distorted(Distortion { right: 1.0, ..Distortion::default() }), column(4));
        assert_eq!(distorted(Distortion { right: -2.0, ..Distortion::default() }), column(1));
        let lower = distorted(Distortion { down: 2.0, ..Distortion::default() });
        assert_eq!((lower[3], lower[13]), (0, 255));
        // After a quarter turn, the right side is at the bottom.
        let turned = distorted(Distortion { degrees: 90.0, ..Distortion::default() });
        assert_eq!(turned[15..20], [255; 5]);
    }

    #[test]
    fn noise_depends_only_on_its_seed() {
        let noisy = |seed| distorted(Distortion { noise: 0.3, seed, ..Distortion::default() });
        assert_eq!(noisy(1), noisy(1));
        assert_ne!(noisy(1), noisy(2));
        let mean = |pixels: &[u8]| pixels.iter().map(|&p| f64::from(p)).sum::<f64>() / 25.0;
        assert!((mean(&noisy(1)) - mean(&stroke())).abs() < 60.0);
    }
}
