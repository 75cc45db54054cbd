//! Grey pictures of digits: normalization to MNIST's format, and distortion.
//!
//! Pure functions on pixels, without files, for pictures from files, drawings of the Draw view, and
//! digits cut out of a line.

mod components;
mod distortion;
mod drawing;

pub use components::{Component, Components};
pub use distortion::Distortion;
pub use drawing::Drawing;

use image::GrayImage;
use image::imageops::{self, FilterType};

/// Longer side of a digit as a fraction of the image's side: 20 of 28 pixels in MNIST.
const BOX: f32 = 20.0 / 28.0;

/// A picture as ink on paper, whichever of the two was darker in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    /// Row-major; 0 is paper, 255 the strongest ink.
    pub ink: Vec<u8>,
}

impl Picture {
    /// An empty picture.
    #[must_use]
    pub fn blank(width: usize, height: usize) -> Self {
        Self { width, height, ink: vec![0; width * height] }
    }

    /// One digit as the network's input. A picture that already has the input size is used
    /// unchanged; any other is normalized by [`Picture::normalized`].
    #[must_use]
    pub fn to_digit(&self, width: usize, height: usize) -> Vec<u8> {
        if (self.width, self.height) == (width, height) {
            return self.ink.clone();
        }
        self.normalized(width, height)
    }

    /// One digit normalized as in MNIST: its longer side is scaled to 20 of 28 pixels with
    /// anti-aliasing, then its centre of mass is moved to the centre. `width` and `height` are the
    /// network's input size, above 0.
    #[must_use]
    pub fn normalized(&self, width: usize, height: usize) -> Vec<u8> {
        let cropped = self.crop(self.bounds());
        let scale = (width.min(height) as f32 * BOX) / cropped.width.max(cropped.height) as f32;
        let scaled = |side: usize| ((side as f32 * scale).round() as u32).max(1);
        let digit = imageops::resize(
            &cropped.to_gray(),
            scaled(cropped.width),
            scaled(cropped.height),
            FilterType::Triangle,
        );
        centred(&digit, width, height)
    }

    /// A rectangle of the picture, given as left, top, width, height.
    ///
    /// # Panics
    /// If the rectangle extends beyond the picture.
    #[must_use]
    pub fn crop(&self, (left, top, width, height): (usize, usize, usize, usize)) -> Self {
        let rows = (top..top + height).map(|row| row * self.width + left);
        let ink = rows.flat_map(|start| self.ink[start..start + width].iter().copied()).collect();
        Self { width, height, ink }
    }

    /// Bounding box of all ink as left, top, width, height; the whole picture if there is no ink.
    #[must_use]
    pub fn bounds(&self) -> (usize, usize, usize, usize) {
        let inked = |(at, _): (usize, &u8)| (at % self.width, at / self.width);
        let points = self.ink.iter().enumerate().filter(|(_, ink)| **ink > 0).map(inked);
        let extent = points.fold(None, |extent: Option<[usize; 4]>, (x, y)| {
            let [left, top, right, bottom] = extent.unwrap_or([x, y, x, y]);
            Some([left.min(x), top.min(y), right.max(x), bottom.max(y)])
        });
        extent.map_or((0, 0, self.width, self.height), |[left, top, right, bottom]| {
            (left, top, right - left + 1, bottom - top + 1)
        })
    }

    /// Whether there is no ink at all.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.ink.iter().all(|ink| *ink == 0)
    }

    /// The picture reduced by a factor (above 0) in each direction: each square of `by` × `by`
    /// pixels becomes one pixel.
    #[must_use]
    pub fn shrunk(&self, by: usize) -> Self {
        if by == 1 {
            return self.clone();
        }
        let smaller = |side: usize| (side / by).max(1) as u32;
        let small = imageops::thumbnail(&self.to_gray(), smaller(self.width), smaller(self.height));
        let (width, height) = (small.width() as usize, small.height() as usize);
        Self { width, height, ink: small.into_raw() }
    }

    fn to_gray(&self) -> GrayImage {
        GrayImage::from_raw(self.width as u32, self.height as u32, self.ink.clone())
            .expect("a picture holds one byte a pixel")
    }
}

/// Moves the centre of mass to the centre; pixels moved over the edge are lost, as in MNIST.
fn centred(digit: &GrayImage, width: usize, height: usize) -> Vec<u8> {
    let mass: f64 = digit.as_raw().iter().map(|&ink| f64::from(ink)).sum::<f64>().max(1.0);
    let centre = |coordinate: fn(u32, u32) -> u32| {
        let moments = digit
            .enumerate_pixels()
            .map(|(x, y, ink)| (f64::from(coordinate(x, y)) + 0.5) * f64::from(ink[0]));
        moments.sum::<f64>() / mass
    };
    let left = (width as f64 / 2.0 - centre(|x, _| x)).round() as i64;
    let top = (height as f64 / 2.0 - centre(|_, y| y)).round() as i64;
    let strongest = u32::from(digit.as_raw().iter().copied().max().unwrap_or(0).max(1));
    let mut pixels = vec![0; width * height];
    for (x, y, ink) in digit.enumerate_pixels() {
        let (column, row) = (i64::from(x) + left, i64::from(y) + top);
        let inside = |at: i64, size: usize| usize::try_from(at).ok().filter(|at| *at < size);
        if let (Some(column), Some(row)) = (inside(column, width), inside(row, height)) {
            pixels[row * width + column] = (u32::from(ink[0]) * 255 / strongest) as u8;
        }
    }
    pixels
}

/// The bilinearly interpolated shade at a position, where 0 is the middle of the first pixel; beyond
/// the edge it is 0.
#[must_use]
pub fn shade_at(pixels: &[u8], [width, height]: [usize; 2], x: f32, y: f32) -> u8 {
    let shade = |x: i64, y: i64| {
        let inside = |at: i64, size: usize| usize::try_from(at).ok().filter(|at| *at < size);
        match (inside(x, width), inside(y, height)) {
            (Some(x), Some(y)) => f32::from(pixels[y * width + x]),
            _ => 0.0,
        }
    };
    let (left, top) = (x.floor(), y.floor());
    let (dx, dy) = (x - left, y - top);
    let (left, top) = (left as i64, top as i64);
    let above = (1.0 - dx) * shade(left, top) + dx * shade(left + 1, top);
    let below = (1.0 - dx) * shade(left, top + 1) + dx * shade(left + 1, top + 1);
    ((1.0 - dy) * above + dy * below).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digit_of_the_input_size_is_only_centred_on_request() {
        // A stroke of 2 by 5 in a corner becomes one of 8 by 20 in the middle.
        let mut drawn = Picture::blank(28, 28);
        (0..10).for_each(|at| drawn.ink[(1 + at / 2) * 28 + 1 + at % 2] = 200);
        assert_eq!(drawn.to_digit(28, 28), drawn.ink, "already of the input size");
        let seen = Picture { ink: drawn.normalized(28, 28), ..drawn };
        assert_eq!(seen.bounds(), (10, 4, 8, 20));
        assert_eq!(seen.ink.iter().max(), Some(&255));
    }

    #[test]
    fn a_blank_picture_stays_blank() {
        let blank = Picture::blank(5, 9);
        assert!(blank.is_blank());
        assert_eq!(blank.normalized(28, 28), vec![0; 784]);
    }

    #[test]
    fn shades_are_interpolated_and_zero_beyond_the_edge() {
        let pixels = [0, 100, 200, 40];
        let at = |x, y| shade_at(&pixels, [2, 2], x, y);
        assert_eq!([at(1.0, 0.0), at(0.5, 0.0), at(0.5, 0.5)], [100, 50, 85]);
        assert_eq!([at(1.5, 0.0), at(-3.0, 0.0), at(0.0, 9.0)], [50, 0, 0]);
    }
}
