//! Photographs of single digits are classified like the test images from which they were made.

use super::reader;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use nntop::data::{Dataset, Images, Scan};
use nntop::model::Model;
use nntop::picture::shade_at;
use nntop::reading::recognize;
use nntop::rng::{Purpose, stream};
use rand::RngExt;
use rand_distr::{Distribution, Normal};
use std::io::Cursor;

/// Number of pictures of each kind.
const PICTURES: u64 = 100;

/// A kind of picture: its name, the colours of paper and ink, the light at the darker side, the
/// standard deviation of the noise in shades, its format.
type Kind = (&'static str, [u8; 3], [u8; 3], f32, f32, ImageFormat);

const KINDS: &[Kind] = &[
    ("a clean scan", [255, 255, 255], [0, 0, 0], 1.0, 0.0, ImageFormat::Png),
    ("chalk on a board", [40, 60, 50], [235, 240, 230], 0.8, 3.0, ImageFormat::Jpeg),
    ("a blue pen in bad light", [240, 235, 220], [30, 40, 140], 0.5, 6.0, ImageFormat::Jpeg),
    ("a pencil on rough paper", [210, 210, 205], [110, 110, 115], 0.8, 8.0, ImageFormat::Png),
];

/// A test image, enlarged, at a random position on a larger sheet.
fn photograph(images: &Images, index: usize, kind: &Kind, number: u64) -> Vec<u8> {
    let (_, paper, ink, light, noise, format) = *kind;
    let mut random = stream(2, Purpose::Experiment, number, index as u64);
    let scale = random.random_range(1.5..9.0_f32);
    let side = 28.0 * scale;
    let [wide, high] = [(); 2].map(|()| (side * random.random_range(1.0..1.8)) as u32);
    let left = random.random_range(0.0..=wide as f32 - side.floor());
    let top = random.random_range(0.0..=high as f32 - side.floor());
    let normal = Normal::new(0.0, noise).unwrap();
    let picture = RgbImage::from_fn(wide, high, |x, y| {
        let at = |x: u32, start: f32| (x as f32 - start) / scale - 0.5;
        let strength =
            f32::from(shade_at(images.image(index), [28, 28], at(x, left), at(y, top))) / 255.0;
        // Darker towards the left and the bottom.
        let (right, up) = (x as f32 / wide as f32, 1.0 - y as f32 / high as f32);
        let lit = light + (1.0 - light) * (0.7 * right + 0.3 * up);
        Rgb([0, 1, 2].map(|channel| {
            let (paper, ink) = (f32::from(paper[channel]), f32::from(ink[channel]));
            let shade = lit * (paper + (ink - paper) * strength) + normal.sample(&mut random);
            shade.round().clamp(0.0, 255.0) as u8
        }))
    });
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(picture).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

#[test]
fn photographs_and_scans_are_classified_like_their_images() {
    let model = Model::load(&reader()).unwrap();
    let images = Dataset::embedded().test;
    for (number, kind) in (0..).zip(KINDS) {
        let right = (0..PICTURES as usize).filter(|&index| {
            let bytes = photograph(&images, index, kind, number);
            let scan = Scan::read(bytes.as_slice(), kind.0).unwrap();
            let answer = recognize(&model, &scan).unwrap().answer;
            answer.answer == usize::from(images.labels[index])
        });
        let right = right.count();
        eprintln!("{}: {right} of {PICTURES}", kind.0);
        assert!(right >= 97, "{}: {right} of {PICTURES}", kind.0);
    }
}
