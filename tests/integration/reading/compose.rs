//! Lines of digits composed from single images.

use nntop::data::Images;
use nntop::rng::{Purpose, Stream, stream};
use rand::RngExt;
use rand_distr::{Distribution, Normal};

/// Number of digits in a line.
const DIGITS: usize = 5;
/// Pixels between the bounding boxes of neighbours' ink; they overlap if negative.
const GAPS: std::ops::RangeInclusive<i32> = -2..=12;
/// Maximum vertical offset of a digit in pixels.
const OFF: usize = 3;
/// Maximum standard deviation of the noise of a line, of 255 shades.
const NOISE: f32 = 15.0;
/// Paper around the line, in pixels.
const MARGIN: usize = 8;
/// Rows of a picture: a digit of 20 or 28 pixels, its offset, and its margin.
const HEIGHT: usize = 50;

/// A line of digits with known labels.
pub struct Composed {
    pub width: usize,
    pub height: usize,
    /// Dark ink on light, noisy paper.
    pub shades: Vec<u8>,
    pub labels: Vec<u8>,
    pub gaps: Vec<i32>,
}

impl Composed {
    /// The line with this number, composed from randomly selected images.
    pub fn of(images: &Images, number: u64) -> Self {
        let mut random = stream(1, Purpose::Experiment, number, 0);
        let chosen: Vec<usize> =
            (0..DIGITS).map(|_| random.random_range(0..images.len())).collect();
        let gaps: Vec<i32> = (1..DIGITS).map(|_| random.random_range(GAPS)).collect();
        let digits: Vec<Ink> = chosen.iter().map(|&index| Ink::of(images, index)).collect();
        let widths: usize = digits.iter().map(|digit| digit.width).sum();
        let width = (2 * MARGIN + widths).saturating_add_signed(gaps.iter().sum::<i32>() as isize);
        let mut ink = vec![0; width * HEIGHT];
        let mut left = MARGIN;
        for (at, digit) in digits.iter().enumerate() {
            let top = (HEIGHT - digit.height) / 2 + random.random_range(0..=2 * OFF) - OFF;
            digit.draw(&mut ink, width, left, top);
            let gap = gaps.get(at).copied().unwrap_or(0);
            left = (left + digit.width).saturating_add_signed(gap as isize);
        }
        let shades = photographed(&ink, &mut random);
        let labels = chosen.iter().map(|&index| images.labels[index]).collect();
        Self { width, height: HEIGHT, shades, labels, gaps }
    }

    /// The picture as a PGM file.
    pub fn pgm(&self) -> Vec<u8> {
        let mut bytes = format!("P5 {} {} 255\n", self.width, self.height).into_bytes();
        bytes.extend(&self.shades);
        bytes
    }

    /// Whether the bounding boxes of neighbours touch or overlap.
    pub fn touches(&self) -> bool {
        self.gaps.iter().any(|gap| *gap <= 0)
    }
}

/// Dark on light, with noise of random strength.
fn photographed(ink: &[u8], random: &mut Stream) -> Vec<u8> {
    let noise = Normal::new(0.0, random.random_range(0.0..NOISE)).unwrap();
    let shade = |ink: &u8| 240.0 - 220.0 * f32::from(*ink) / 255.0;
    let seen = ink.iter().map(|ink| (shade(ink) + noise.sample(random)).round().clamp(0.0, 255.0));
    seen.map(|shade| shade as u8).collect()
}

/// The bounding box of an image's ink.
struct Ink {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Ink {
    fn of(images: &Images, index: usize) -> Self {
        let image = images.image(index);
        let inked = |(at, _): (usize, &u8)| (at % images.width, at / images.width);
        let places: Vec<_> =
            image.iter().enumerate().filter(|(_, ink)| **ink > 0).map(inked).collect();
        let span = |of: fn(&(usize, usize)) -> usize| {
            let (low, high) = (places.iter().map(of).min(), places.iter().map(of).max());
            low.unwrap()..high.unwrap() + 1
        };
        let (columns, rows) = (span(|place| place.0), span(|place| place.1));
        let (width, height) = (columns.len(), rows.len());
        let pixels = rows
            .flat_map(|row| columns.clone().map(move |column| image[row * images.width + column]))
            .collect();
        Self { width, height, pixels }
    }

    /// Where strokes overlap, the stronger ink is visible.
    fn draw(&self, ink: &mut [u8], width: usize, left: usize, top: usize) {
        for (at, &pixel) in self.pixels.iter().enumerate() {
            let (row, column) = (top + at / self.width, left + at % self.width);
            let under = &mut ink[row * width + column];
            *under = pixel.max(*under);
        }
    }
}
