//! Pictures of digits, made into what MNIST's images are.

use super::Images;
use crate::digit::Picture;
use image::codecs::png::PngEncoder;
use image::{DynamicImage, ExtendedColorType, GrayImage, ImageEncoder, ImageReader, Limits};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Most pixels a picture may be wide or high.
const MAX_SIDE: u32 = 10_000;
/// Most bytes that decoding a picture may take.
const MAX_BYTES: u64 = 512 << 20;
/// Ink fainter than this, of 255, is paper: noise of a camera, not a stroke.
const PAPER: u8 = 38;

/// Why a picture cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    #[error("{}: cannot be read: {source}", file.display())]
    Read { file: PathBuf, source: io::Error },
    #[error("{}: {source}; give a PNG, JPEG or PGM picture of at most {MAX_SIDE}×{MAX_SIDE} pixels", file.display())]
    Decode { file: PathBuf, source: image::ImageError },
    #[error("{}: shows nothing: all of it is of one shade", file.display())]
    Blank { file: PathBuf },
}

impl Picture {
    /// Reads a PNG, JPEG or PGM picture, dark on light or light on dark.
    ///
    /// # Errors
    /// Where the file is missing, no such picture, too large, or of one shade.
    pub fn open(file: &Path) -> Result<Self, PictureError> {
        let wrap = |source| PictureError::Read { file: file.into(), source };
        let mut reader =
            ImageReader::open(file).map_err(wrap)?.with_guessed_format().map_err(wrap)?;
        let mut limits = Limits::default();
        limits.max_image_width = Some(MAX_SIDE);
        limits.max_image_height = Some(MAX_SIDE);
        limits.max_alloc = Some(MAX_BYTES);
        reader.limits(limits);
        let decoded =
            reader.decode().map_err(|source| PictureError::Decode { file: file.into(), source })?;
        Self::from_shades(&shades(decoded)).ok_or_else(|| PictureError::Blank { file: file.into() })
    }

    /// Takes the shade of the border as paper, and what differs from it as ink; `None` where
    /// nothing does.
    fn from_shades(shades: &GrayImage) -> Option<Self> {
        let paper = i32::from(paper_of(shades)?);
        let difference = |shade: &u8| i32::from(*shade) - paper;
        // More ink on the darker side of paper: dark on light.
        let balance: i64 = shades.as_raw().iter().map(|shade| i64::from(difference(shade))).sum();
        let sign = if balance < 0 { -1 } else { 1 };
        let strength = |shade: &u8| (sign * difference(shade)).max(0);
        let strongest = shades.as_raw().iter().map(strength).max().filter(|most| *most > 0)?;
        let ink = shades.as_raw().iter().map(|shade| {
            let ink = (strength(shade) * 255 / strongest) as u8;
            if ink < PAPER { 0 } else { ink }
        });
        let (width, height) = (shades.width() as usize, shades.height() as usize);
        Some(Self { width, height, ink: ink.collect() })
    }

    /// Writes a PNG picture, light ink on dark paper as MNIST's; a file that is there already is
    /// not touched.
    ///
    /// # Errors
    /// Where the file exists or cannot be written.
    pub fn save_new_png(&self, file: &Path) -> io::Result<()> {
        let mut png = Vec::new();
        let (width, height) = (self.width as u32, self.height as u32);
        PngEncoder::new(&mut png)
            .write_image(&self.ink, width, height, ExtendedColorType::L8)
            .map_err(io::Error::other)?;
        File::create_new(file)?.write_all(&png)
    }

    /// The picture as a data set of one image without a meaningful label.
    #[must_use]
    pub fn to_images(&self, width: usize, height: usize) -> Images {
        Images { width, height, pixels: self.to_digit(width, height), labels: vec![0] }
    }
}

/// Shades of grey; where the picture is see-through, the shade that its ink stands out from.
fn shades(picture: DynamicImage) -> GrayImage {
    if !picture.color().has_alpha() {
        return picture.to_luma8();
    }
    let picture = picture.to_luma_alpha8();
    let visible = picture.pixels().map(|pixel| u64::from(pixel[1])).sum::<u64>().max(1);
    let light: u64 = picture.pixels().map(|pixel| u64::from(pixel[0]) * u64::from(pixel[1])).sum();
    let paper: u32 = if light / visible < 128 { 255 } else { 0 };
    GrayImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [shade, alpha] = picture.get_pixel(x, y).0.map(u32::from);
        image::Luma([((shade * alpha + paper * (255 - alpha)) / 255) as u8])
    })
}

/// The median shade of the border.
fn paper_of(shades: &GrayImage) -> Option<u8> {
    let (width, height) = shades.dimensions();
    let edge = |x: u32, y: u32| x == 0 || y == 0 || x + 1 == width || y + 1 == height;
    let border = shades.enumerate_pixels().filter(|(x, y, _)| edge(*x, *y));
    let mut border: Vec<u8> = border.map(|(_, _, shade)| shade[0]).collect();
    let middle = border.len() / 2;
    (!border.is_empty()).then(|| *border.select_nth_unstable(middle).1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    /// A vertical bar on paper, away from the middle.
    fn bar(width: u32, height: u32, paper: u8, ink: u8) -> GrayImage {
        GrayImage::from_fn(width, height, |x, y| {
            let inside =
                (width / 8..width / 4).contains(&x) && (height / 8..height / 2).contains(&y);
            image::Luma([if inside { ink } else { paper }])
        })
    }

    fn centre_of_mass(pixels: &[u8], width: usize) -> (f64, f64) {
        let mass: f64 = pixels.iter().map(|&p| f64::from(p)).sum();
        let mean = |coordinate: &dyn Fn(usize) -> usize| {
            let moments = pixels.iter().enumerate();
            moments.map(|(at, &p)| (coordinate(at) as f64 + 0.5) * f64::from(p)).sum::<f64>() / mass
        };
        (mean(&|at| at % width), mean(&|at| at / width))
    }

    #[test]
    fn dark_on_light_and_light_on_dark_are_the_same_digit() {
        let digit =
            |paper, ink| Picture::from_shades(&bar(96, 96, paper, ink)).unwrap().to_digit(28, 28);
        let dark = digit(255, 0);
        assert_eq!(dark, digit(0, 255));
        assert_eq!(dark, digit(200, 60), "little contrast is stretched");
        assert_eq!(dark.iter().max(), Some(&255));
    }

    #[test]
    fn a_digit_fills_20_pixels_and_its_mass_is_in_the_middle() {
        let digit = Picture::from_shades(&bar(160, 160, 255, 0)).unwrap().to_digit(28, 28);
        let picture = Picture { width: 28, height: 28, ink: digit.clone() };
        let (_, _, width, height) = picture.bounds();
        assert_eq!(height, 20);
        assert_eq!(width, 7, "20 wide and 60 high becomes 7 by 20");
        let (x, y) = centre_of_mass(&digit, 28);
        assert!((x - 14.0).abs() <= 0.51 && (y - 14.0).abs() <= 0.51, "({x}, {y})");
    }

    #[test]
    fn see_through_pictures_are_read_whatever_the_colour_of_the_ink() {
        let dir = tempfile::tempdir().unwrap();
        let digit = |ink: u8| {
            let picture = image::GrayAlphaImage::from_fn(64, 64, |x, y| {
                image::LumaA([ink, bar(64, 64, 0, 255).get_pixel(x, y)[0]])
            });
            let file = dir.path().join("digit.png");
            picture.save(&file).unwrap();
            Picture::open(&file).unwrap().to_digit(28, 28)
        };
        assert_eq!(digit(0), digit(255));
    }

    #[test]
    fn a_prepared_image_is_taken_as_it_is() {
        let shades = bar(28, 28, 0, 255);
        assert_eq!(Picture::from_shades(&shades).unwrap().to_digit(28, 28), shades.into_raw());
    }

    #[test]
    fn what_is_no_picture_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let error = |name: &str, bytes: &[u8]| {
            let file = dir.path().join(name);
            fs::write(&file, bytes).unwrap();
            Picture::open(&file).unwrap_err().to_string()
        };
        let text = error("digit.png", b"no picture");
        assert!(text.contains("digit.png") && text.contains("PGM"), "{text}");
        let blank = error("blank.pgm", b"P5 2 2 255 \x07\x07\x07\x07");
        assert!(blank.contains("blank.pgm") && blank.contains("one shade"), "{blank}");
        let bomb = error("bomb.pgm", b"P5 60000 60000 255 \x07");
        assert!(bomb.contains("bomb.pgm"), "{bomb}");
        let missing = Picture::open(Path::new("/no/such.png")).unwrap_err().to_string();
        assert!(missing.contains("/no/such.png"), "{missing}");
    }

    #[test]
    fn a_saved_picture_reads_back_and_is_never_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("drawn.png");
        let drawn = Picture { width: 28, height: 28, ink: bar(28, 28, 0, 255).into_raw() };
        drawn.save_new_png(&file).unwrap();
        assert_eq!(Picture::open(&file).unwrap(), drawn);
        let error = drawn.save_new_png(&file).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_picture_becomes_a_digit_of_the_size_asked_for(
            width in 1_u32..40, height in 1_u32..40, seed: Vec<u8>,
            wide in 1_usize..32, high in 1_usize..32,
        ) {
            let shades = GrayImage::from_fn(width, height, |x, y| {
                image::Luma([seed.get((y * width + x) as usize).copied().unwrap_or(0)])
            });
            if let Some(picture) = Picture::from_shades(&shades) {
                prop_assert_eq!(picture.to_digit(wide, high).len(), wide * high);
            }
        }
    }
}
