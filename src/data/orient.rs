//! Resizes and transposes whole sets of images, and converts them to colour.

use super::Images;
use image::imageops::{self, FilterType};
use image::{GrayImage, RgbImage};

/// Number of images sampled for the hint on transposed images.
const SAMPLED: usize = 1000;
/// The hint is given only for images with at least this fraction of zero pixels.
const EMPTY: f64 = 0.6;
/// Images look transposed if the horizontal variance of their ink exceeds the vertical one by this
/// factor.
const WIDE: f64 = 1.15;

/// Resizes one image with a triangle filter, which averages when shrinking.
pub(super) fn resize_one(
    pixels: &[u8],
    channels: usize,
    from: (usize, usize),
    to: (usize, usize),
) -> Vec<u8> {
    if from == to {
        return pixels.to_vec();
    }
    let ((width, height), (wide, high)) =
        ((from.0 as u32, from.1 as u32), (to.0 as u32, to.1 as u32));
    let expected = "an image holds channels × width × height bytes";
    if channels == 3 {
        let image = RgbImage::from_raw(width, height, pixels.to_vec()).expect(expected);
        imageops::resize(&image, wide, high, FilterType::Triangle).into_raw()
    } else {
        let image = GrayImage::from_raw(width, height, pixels.to_vec()).expect(expected);
        imageops::resize(&image, wide, high, FilterType::Triangle).into_raw()
    }
}

/// Resizes every image.
pub(super) fn resize(images: &mut Images, to: (usize, usize)) {
    let from = (images.width, images.height);
    if from == to {
        return;
    }
    let size = images.pixels_per_image();
    images.pixels = (images.pixels.chunks_exact(size))
        .flat_map(|pixels| resize_one(pixels, images.channels, from, to))
        .collect();
    (images.width, images.height) = to;
}

/// Gives grey images three equal channels.
pub(super) fn to_colour(images: &mut Images) {
    if images.channels == 1 {
        images.pixels = images.pixels.iter().flat_map(|&grey| [grey; 3]).collect();
        images.channels = 3;
    }
}

/// Transposes every image.
pub(super) fn transpose(images: &mut Images) {
    let (width, height, channels) = (images.width, images.height, images.channels);
    let mut turned = Vec::with_capacity(images.pixels.len());
    for image in images.pixels.chunks_exact(images.pixels_per_image()) {
        for x in 0..width {
            for y in 0..height {
                let at = (y * width + x) * channels;
                turned.extend_from_slice(&image[at..at + channels]);
            }
        }
    }
    images.pixels = turned;
    (images.width, images.height) = (height, width);
}

/// A hint if the images look transposed: characters are usually higher than wide.
pub(super) fn transposed_hint(images: &Images) -> Option<String> {
    if images.channels != 1 || images.width != images.height || images.is_empty() {
        return None;
    }
    let step = images.len().div_ceil(SAMPLED);
    let sample: Vec<&[u8]> = (0..images.len()).step_by(step).map(|at| images.image(at)).collect();
    let empty = sample.iter().flat_map(|image| image.iter()).filter(|&&ink| ink == 0).count();
    if (empty as f64) < EMPTY * (sample.len() * images.pixels_per_image()) as f64 {
        return None;
    }
    let (wide, high) = sample.iter().fold((0.0, 0.0), |(wide, high), image| {
        let (x, y) = spread(image, images.width);
        (wide + x, high + y)
    });
    (wide > WIDE * high).then(|| {
        "the images look as if rows and columns were exchanged, as EMNIST stores them; if so, add --transpose".into()
    })
}

/// The variances of column and row, weighted by ink.
fn spread(image: &[u8], width: usize) -> (f64, f64) {
    let mut sums = [0.0; 5];
    for (at, &ink) in image.iter().enumerate() {
        let (x, y, ink) = ((at % width) as f64, (at / width) as f64, f64::from(ink));
        let terms = [1.0, x, y, x * x, y * y];
        sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += ink * term);
    }
    let [mass, x, y, xx, yy] = sums;
    if mass == 0.0 {
        return (0.0, 0.0);
    }
    (xx / mass - (x / mass).powi(2), yy / mass - (y / mass).powi(2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;

    #[test]
    fn transposing_twice_is_the_identity() {
        let images = Images {
            width: 3,
            height: 2,
            channels: 3,
            pixels: (0..36).collect(),
            labels: vec![0, 1],
        };
        let mut turned = images.clone();
        transpose(&mut turned);
        assert_eq!((turned.width, turned.height), (2, 3));
        assert_eq!(turned.image(0)[..6], [0, 1, 2, 9, 10, 11]);
        transpose(&mut turned);
        assert_eq!(turned, images);
    }

    #[test]
    fn only_transposed_mnist_gives_a_hint() {
        let mut images = Dataset::embedded().test;
        assert_eq!(transposed_hint(&images), None);
        transpose(&mut images);
        assert!(transposed_hint(&images).is_some_and(|hint| hint.contains("--transpose")));
    }

    #[test]
    fn resizing_preserves_constants_and_separates_channels() {
        let mut images = Images {
            width: 4,
            height: 4,
            channels: 3,
            pixels: [10, 20, 30].repeat(16),
            labels: vec![0],
        };
        resize(&mut images, (7, 3));
        assert_eq!(images.pixels, [10, 20, 30].repeat(21));
        let mut grey = Images { width: 1, height: 1, pixels: vec![9], ..Images::default() };
        to_colour(&mut grey);
        assert_eq!((grey.pixels, grey.channels), (vec![9; 3], 3));
    }
}
