//! On-the-fly data augmentation (sections 3.2 and 6.2).

use crate::picture::shade_at;
use crate::rng::Stream;
use rand::RngExt;

/// The four shifts by one pixel, as (right, down) (section 6.2).
pub const SHIFTS: [(f32, f32); 4] = [(0.0, -1.0), (0.0, 1.0), (-1.0, 0.0), (1.0, 0.0)];
/// Radius of the Gaussian kernel in standard deviations.
const REACH: f64 = 3.0;

/// Transforms images of one size. Allocates only for a new `sigma` of a distortion.
///
/// Transformations are composed before an image is resampled once, because interpolation blurs.
#[derive(Clone, Debug)]
pub struct ImageTransform {
    width: usize,
    height: usize,
    /// Column and row that each pixel's shade is sampled from.
    x: Vec<f32>,
    y: Vec<f32>,
    field: Vec<f32>,
    blurred: Vec<f32>,
    kernel: Vec<f32>,
    /// The standard deviation of `kernel`, in pixels.
    sigma: f64,
    copy: Vec<u8>,
}

impl ImageTransform {
    /// For images of `width` × `height` pixels.
    #[must_use]
    pub fn new(width: usize, height: usize) -> Self {
        let zeros = vec![0.0; width * height];
        let mut augmenter = Self {
            width,
            height,
            x: zeros.clone(),
            y: zeros.clone(),
            field: zeros.clone(),
            blurred: zeros,
            kernel: Vec::new(),
            sigma: 0.0,
            copy: vec![0; width * height],
        };
        augmenter.begin();
        augmenter
    }

    /// Resets to the identity.
    pub fn begin(&mut self) {
        for (at, (x, y)) in self.x.iter_mut().zip(&mut self.y).enumerate() {
            *x = (at % self.width) as f32;
            *y = (at / self.width) as f32;
        }
    }

    /// Shifts by this many pixels; background moves in at the edge.
    pub fn shift(&mut self, right: f32, down: f32) {
        self.x.iter_mut().for_each(|x| *x -= right);
        self.y.iter_mut().for_each(|y| *y -= down);
    }

    /// Shifts in each direction by an amount drawn from −`pixels` to `pixels`.
    pub fn translate(&mut self, pixels: f64, stream: &mut Stream) {
        let mut draw = || (stream.random_range(-1.0..=1.0) * pixels) as f32;
        let (right, down) = (draw(), draw());
        self.shift(right, down);
    }

    /// Scales width and height about the centre by factors drawn from 1 − `fraction` to 1 +
    /// `fraction`.
    pub fn scale(&mut self, fraction: f64, stream: &mut Stream) {
        let mut draw = || 1.0 / (1.0 + stream.random_range(-1.0..=1.0) * fraction) as f32;
        let (wide, high) = (draw(), draw());
        self.about_the_centre(|x, y| (wide * x, high * y));
    }

    /// Rotates about the centre by an angle drawn from −`degrees` to `degrees`.
    pub fn rotate(&mut self, degrees: f64, stream: &mut Stream) {
        let angle = (stream.random_range(-1.0..=1.0) * degrees).to_radians();
        let (sin, cos) = (angle.sin() as f32, angle.cos() as f32);
        self.about_the_centre(|x, y| (cos * x - sin * y, sin * x + cos * y));
    }

    fn about_the_centre(&mut self, change: impl Fn(f32, f32) -> (f32, f32)) {
        let middle = |size: usize| (size as f32 - 1.0) / 2.0;
        let (middle_x, middle_y) = (middle(self.width), middle(self.height));
        for (x, y) in self.x.iter_mut().zip(&mut self.y) {
            let (changed_x, changed_y) = change(*x - middle_x, *y - middle_y);
            (*x, *y) = (changed_x + middle_x, changed_y + middle_y);
        }
    }

    /// An elastic distortion (Simard, Steinkraus and Platt 2003): every pixel is displaced by
    /// random amounts between −1 and 1, smoothed by a Gaussian of `sigma` pixels, times `alpha`.
    pub fn distort(&mut self, alpha: f64, sigma: f64, stream: &mut Stream) {
        self.prepare_kernel(sigma);
        let Self { width, height, x, y, field, blurred, kernel, .. } = self;
        for places in [x, y] {
            for displacement in &mut *field {
                *displacement = stream.random_range(-1.0_f32..=1.0) * alpha as f32;
            }
            // Rows, then columns; outside the image the field is 0.
            convolve(field, blurred, kernel, *width, 1);
            convolve(blurred, field, kernel, *height, *width);
            places.iter_mut().zip(&*field).for_each(|(place, by)| *place += by);
        }
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

    /// Transforms an image with bilinear interpolation.
    ///
    /// # Panics
    /// If the size of `pixels` is not that of the image times a number of channels.
    pub fn apply(&mut self, pixels: &mut [u8]) {
        let size = [self.width, self.height];
        let channels = pixels.len() / self.copy.len();
        assert_eq!(pixels.len(), channels * self.copy.len(), "the size of the images");
        // Channel by channel: channels are interleaved.
        for channel in 0..channels {
            let shades = pixels.iter().skip(channel).step_by(channels);
            self.copy.iter_mut().zip(shades).for_each(|(to, &from)| *to = from);
            let places = self.x.iter().zip(&self.y);
            let shades = pixels.iter_mut().skip(channel).step_by(channels);
            for (shade, (&x, &y)) in shades.zip(places) {
                *shade = shade_at(&self.copy, size, x, y);
            }
        }
    }
}

/// Convolves `step` interleaved lines of `length` values each.
fn convolve(from: &[f32], to: &mut [f32], kernel: &[f32], length: usize, step: usize) {
    let reach = kernel.len() / 2;
    let lines = from.chunks_exact(length * step).zip(to.chunks_exact_mut(length * step));
    for (from, to) in lines {
        to.fill(0.0);
        for (tap, weight) in kernel.iter().enumerate() {
            // `from[i + tap − reach]` contributes to `to[i]`.
            let (source, target) = (tap.saturating_sub(reach), reach.saturating_sub(tap));
            let sources = from.iter().skip(source * step);
            let sums = to.iter_mut().skip(target * step);
            sums.zip(sources).for_each(|(sum, value)| *sum += weight * value);
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

    /// A ring, so that there is ink on every side.
    fn ring() -> Vec<u8> {
        let radius = |at: usize| ((at % 28) as f32 - 13.5).hypot((at / 28) as f32 - 13.5);
        (0..784).map(|at| if (6.0..9.0).contains(&radius(at)) { 255 } else { 0 }).collect()
    }

    fn sum(pixels: &[u8]) -> i64 {
        pixels.iter().map(|&p| i64::from(p)).sum()
    }

    #[test]
    fn shifts_move_by_a_pixel_and_fill_with_background() {
        let mut augmenter = ImageTransform::new(3, 2);
        let moved = |augmenter: &mut ImageTransform, (right, down)| {
            let mut pixels = vec![1, 2, 3, 4, 5, 6];
            augmenter.begin();
            augmenter.shift(right, down);
            augmenter.apply(&mut pixels);
            pixels
        };
        let all: Vec<_> = SHIFTS.iter().map(|&by| moved(&mut augmenter, by)).collect();
        assert_eq!(
            all,
            [[4, 5, 6, 0, 0, 0], [0, 0, 0, 1, 2, 3], [2, 3, 0, 5, 6, 0], [0, 1, 2, 0, 4, 5]]
        );
    }

    #[test]
    fn all_channels_of_a_pixel_move_together() {
        let mut transform = ImageTransform::new(3, 1);
        let mut pixels = vec![1, 10, 100, 2, 20, 200, 3, 30, 255];
        transform.shift(1.0, 0.0);
        transform.apply(&mut pixels);
        assert_eq!(pixels, [0, 0, 0, 1, 10, 100, 2, 20, 200]);
    }

    #[test]
    fn rotation_by_zero_is_the_identity_and_others_preserve_the_ink() {
        let mut augmenter = ImageTransform::new(28, 28);
        let mut pixels = ring();
        augmenter.rotate(0.0, &mut random(0));
        augmenter.apply(&mut pixels);
        assert_eq!(pixels, ring());
        let mut bar: Vec<u8> = (0..784)
            .map(|at| if at % 28 == 14 && (5..23).contains(&(at / 28)) { 255 } else { 0 })
            .collect();
        let before = bar.clone();
        augmenter.rotate(20.0, &mut random(1));
        augmenter.apply(&mut bar);
        assert_ne!(bar, before);
        let (old, new) = (sum(&before), sum(&bar));
        assert!((old - new).abs() * 20 < old, "{old} became {new}");
    }

    #[test]
    fn a_quarter_turn_is_exact() {
        let mut augmenter = ImageTransform::new(3, 3);
        let mut pixels = vec![1, 2, 3, 4, 5, 6, 7, 8, 9];
        // The drawn angle is a fraction of the limit: choose the limit that makes it 90 degrees.
        let fraction: f64 = random(7).random_range(-1.0..=1.0);
        augmenter.rotate(90.0 / fraction, &mut random(7));
        augmenter.apply(&mut pixels);
        assert_eq!(pixels, [3, 6, 9, 2, 5, 8, 1, 4, 7]);
    }

    #[test]
    fn distortions_are_smooth_reproducible_and_different_for_each_image() {
        let mut augmenter = ImageTransform::new(28, 28);
        let mut distorted = |index| {
            let mut pixels = ring();
            augmenter.begin();
            augmenter.distort(34.0, 4.0, &mut random(index));
            augmenter.apply(&mut pixels);
            pixels
        };
        let first = distorted(1);
        assert_eq!(first, distorted(1));
        assert_ne!(first, distorted(2));
        assert_ne!(first, ring());
        let (old, new) = (sum(&ring()), sum(&first));
        assert!((old - new).abs() * 4 < old, "the ring is preserved: {old} became {new}");
    }

    #[test]
    fn a_blurred_constant_stays_constant_inside() {
        let mut augmenter = ImageTransform::new(40, 30);
        augmenter.prepare_kernel(2.0);
        let (mut field, mut blurred) = (vec![1.0; 1200], vec![0.0; 1200]);
        convolve(&field, &mut blurred, &augmenter.kernel, 40, 1);
        convolve(&blurred, &mut field, &augmenter.kernel, 30, 40);
        assert!((field[15 * 40 + 20] - 1.0).abs() < 1e-5);
        assert!(field[0] < 0.5, "outside the image it is 0");
    }

    #[test]
    fn a_convolution_sums_neighbours_along_its_lines() {
        let kernel = [1.0, 10.0, 100.0];
        let from = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let along = |length, step| {
            let mut to = [0.0; 6];
            convolve(&from, &mut to, &kernel, length, step);
            to.map(|sum| sum as i32)
        };
        assert_eq!(along(3, 1), [210, 321, 32, 540, 654, 65]);
        assert_eq!(along(2, 3), [410, 520, 630, 41, 52, 63]);
    }

    #[test]
    fn transformations_are_composed_before_one_interpolation() {
        let mut augmenter = ImageTransform::new(28, 28);
        let mut pixels = ring();
        augmenter.shift(0.5, 0.0);
        augmenter.shift(-0.5, 0.0);
        augmenter.apply(&mut pixels);
        assert_eq!(pixels, ring());
    }

    #[test]
    fn translations_and_scalings_stay_within_their_limits() {
        let mut augmenter = ImageTransform::new(28, 28);
        for index in 0..50 {
            augmenter.begin();
            augmenter.translate(2.0, &mut random(index));
            let by = [augmenter.x[0], augmenter.y[0]];
            assert!(by.iter().all(|by| by.abs() <= 2.0), "{by:?}");
            augmenter.begin();
            augmenter.scale(0.1, &mut random(index));
            // A point 13.5 pixels from the centre is sampled between 13.5 / 1.1 and 13.5 / 0.9.
            let by = [augmenter.x[0], augmenter.y[0]].map(|place| 13.5 - place);
            assert!(by.iter().all(|by| (12.27..=15.01).contains(by)), "{by:?}");
            assert!((by[0] - by[1]).abs() > 0.0, "width and height are drawn independently");
        }
    }
}
