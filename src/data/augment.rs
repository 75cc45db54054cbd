//! More training images out of those there are (sections 3.2 and 6.2), made as they are needed.

use crate::digit::shade_at;
use crate::rng::Stream;
use rand::RngExt;

/// The four moves by one pixel, right and down counted up (section 6.2).
pub const SHIFTS: [(i32, i32); 4] = [(0, -1), (0, 1), (-1, 0), (1, 0)];
/// Deviations of a Gaussian on either side that its kernel reaches.
const REACH: f64 = 3.0;

/// Changes images of one size; keeps its buffers, so that an image costs no allocation.
#[derive(Clone, Debug)]
pub struct Augmenter {
    width: usize,
    height: usize,
    /// Displacements of every pixel, to the right and down.
    right: Vec<f32>,
    down: Vec<f32>,
    blurred: Vec<f32>,
    kernel: Vec<f32>,
    /// The deviation that `kernel` was made for.
    sigma: f64,
    copy: Vec<u8>,
}

impl Augmenter {
    /// For images of `width` × `height` pixels.
    #[must_use]
    pub fn new(width: usize, height: usize) -> Self {
        let zeros = vec![0.0; width * height];
        Self {
            width,
            height,
            right: zeros.clone(),
            down: zeros.clone(),
            blurred: zeros,
            kernel: Vec::new(),
            sigma: 0.0,
            copy: vec![0; width * height],
        }
    }

    /// Moves an image; what comes in at the edge is background.
    ///
    /// # Panics
    /// Where `pixels` is not of this size.
    pub fn shift(&mut self, pixels: &mut [u8], right: i32, down: i32) {
        self.right.fill(-right as f32);
        self.down.fill(-down as f32);
        self.resample(pixels);
    }

    /// Turns an image about its centre by an angle drawn between −`degrees` and `degrees`.
    ///
    /// # Panics
    /// Where `pixels` is not of this size.
    pub fn rotate(&mut self, pixels: &mut [u8], degrees: f64, stream: &mut Stream) {
        let angle = (stream.random_range(-1.0..=1.0) * degrees).to_radians();
        let (sin, cos) = (angle.sin() as f32, angle.cos() as f32);
        let (middle_x, middle_y) = self.middle();
        for (at, (right, down)) in self.right.iter_mut().zip(&mut self.down).enumerate() {
            let x = (at % self.width) as f32 - middle_x;
            let y = (at / self.width) as f32 - middle_y;
            *right = cos * x - sin * y - x;
            *down = sin * x + cos * y - y;
        }
        self.resample(pixels);
    }

    /// An elastic distortion (Simard, Steinkraus and Platt 2003): every pixel is displaced by
    /// random amounts between −1 and 1, smoothed by a Gaussian of `sigma` pixels, times `alpha`.
    ///
    /// # Panics
    /// Where `pixels` is not of this size.
    pub fn distort(&mut self, pixels: &mut [u8], alpha: f64, sigma: f64, stream: &mut Stream) {
        self.prepare_kernel(sigma);
        for displacement in self.right.iter_mut().chain(&mut self.down) {
            *displacement = stream.random_range(-1.0_f32..=1.0) * alpha as f32;
        }
        let mut right = std::mem::take(&mut self.right);
        let mut down = std::mem::take(&mut self.down);
        self.blur(&mut right);
        self.blur(&mut down);
        (self.right, self.down) = (right, down);
        self.resample(pixels);
    }

    fn middle(&self) -> (f32, f32) {
        ((self.width as f32 - 1.0) / 2.0, (self.height as f32 - 1.0) / 2.0)
    }

    fn prepare_kernel(&mut self, sigma: f64) {
        if self.sigma.to_bits() == sigma.to_bits() {
            return;
        }
        let most = self.width.max(self.height) as f64;
        let reach = (sigma * REACH).ceil().clamp(1.0, most) as i32;
        let weight = |offset: i32| (-0.5 * (f64::from(offset) / sigma).powi(2)).exp();
        let sum: f64 = (-reach..=reach).map(weight).sum();
        self.kernel = (-reach..=reach).map(|offset| (weight(offset) / sum) as f32).collect();
        self.sigma = sigma;
    }

    /// Rows, then columns; beyond the edge the field is 0.
    fn blur(&mut self, field: &mut [f32]) {
        convolve(field, &mut self.blurred, &self.kernel, self.width, self.height, 1, self.width);
        convolve(&self.blurred, field, &self.kernel, self.height, self.width, self.width, 1);
    }

    /// Every pixel takes the shade that lies where its displacement points, between four pixels.
    fn resample(&mut self, pixels: &mut [u8]) {
        self.copy.copy_from_slice(pixels);
        for (at, pixel) in pixels.iter_mut().enumerate() {
            let x = (at % self.width) as f32 + self.right[at];
            let y = (at / self.width) as f32 + self.down[at];
            *pixel = shade_at(&self.copy, [self.width, self.height], x, y);
        }
    }
}

/// Convolves `lines` lines of `length` values that lie `step` apart; lines start `next` apart.
fn convolve(
    from: &[f32],
    to: &mut [f32],
    kernel: &[f32],
    length: usize,
    lines: usize,
    step: usize,
    next: usize,
) {
    let reach = kernel.len() / 2;
    for line in 0..lines {
        for at in 0..length {
            let first = at.saturating_sub(reach);
            let last = (at + reach).min(length - 1);
            let weights = &kernel[first + reach - at..];
            let values = (first..=last).map(|source| from[line * next + source * step]);
            to[line * next + at * step] = values.zip(weights).map(|(value, w)| value * w).sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    fn random(index: u64) -> Stream {
        stream(1, Purpose::Augmentation, 3, index)
    }

    /// A ring, so that something lies on every side.
    fn ring() -> Vec<u8> {
        let radius = |at: usize| ((at % 28) as f32 - 13.5).hypot((at / 28) as f32 - 13.5);
        (0..784).map(|at| if (6.0..9.0).contains(&radius(at)) { 255 } else { 0 }).collect()
    }

    fn sum(pixels: &[u8]) -> i64 {
        pixels.iter().map(|&p| i64::from(p)).sum()
    }

    #[test]
    fn shifts_move_by_a_pixel_and_the_edge_is_background() {
        let mut augmenter = Augmenter::new(3, 2);
        let moved = |augmenter: &mut Augmenter, (right, down)| {
            let mut pixels = vec![1, 2, 3, 4, 5, 6];
            augmenter.shift(&mut pixels, right, down);
            pixels
        };
        let all: Vec<_> = SHIFTS.iter().map(|&by| moved(&mut augmenter, by)).collect();
        assert_eq!(
            all,
            [[4, 5, 6, 0, 0, 0], [0, 0, 0, 1, 2, 3], [2, 3, 0, 5, 6, 0], [0, 1, 2, 0, 4, 5]]
        );
    }

    #[test]
    fn a_rotation_by_nothing_changes_nothing_and_another_keeps_the_ink() {
        let mut augmenter = Augmenter::new(28, 28);
        let mut pixels = ring();
        augmenter.rotate(&mut pixels, 0.0, &mut random(0));
        assert_eq!(pixels, ring());
        let mut bar: Vec<u8> = (0..784)
            .map(|at| if at % 28 == 14 && (5..23).contains(&(at / 28)) { 255 } else { 0 })
            .collect();
        let before = bar.clone();
        augmenter.rotate(&mut bar, 20.0, &mut random(1));
        assert_ne!(bar, before);
        let (old, new) = (sum(&before), sum(&bar));
        assert!((old - new).abs() * 20 < old, "{old} became {new}");
    }

    #[test]
    fn a_quarter_turn_is_exact() {
        let mut augmenter = Augmenter::new(3, 3);
        let mut pixels = vec![1, 2, 3, 4, 5, 6, 7, 8, 9];
        // The drawn angle is a fraction of the limit: ask for the limit that makes it 90 degrees.
        let fraction: f64 = random(7).random_range(-1.0..=1.0);
        augmenter.rotate(&mut pixels, 90.0 / fraction, &mut random(7));
        assert_eq!(pixels, [3, 6, 9, 2, 5, 8, 1, 4, 7]);
    }

    #[test]
    fn distortions_are_smooth_reproducible_and_differ_by_image() {
        let mut augmenter = Augmenter::new(28, 28);
        let mut distorted = |index| {
            let mut pixels = ring();
            augmenter.distort(&mut pixels, 34.0, 4.0, &mut random(index));
            pixels
        };
        let first = distorted(1);
        assert_eq!(first, distorted(1));
        assert_ne!(first, distorted(2));
        assert_ne!(first, ring());
        let (old, new) = (sum(&ring()), sum(&first));
        assert!((old - new).abs() * 4 < old, "a ring stays a ring: {old} became {new}");
    }

    #[test]
    fn a_blurred_constant_stays_constant_inside() {
        let mut augmenter = Augmenter::new(40, 30);
        augmenter.prepare_kernel(2.0);
        let mut field = vec![1.0; 1200];
        augmenter.blur(&mut field);
        assert!((field[15 * 40 + 20] - 1.0).abs() < 1e-5);
        assert!(field[0] < 0.5, "beyond the edge it is 0");
    }
}
