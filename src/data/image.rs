//! Pictures of digits, from files and from standard input.

pub use super::paper::Rectification;
use super::{Images, paper, shades};
use crate::picture::{Drawing, Picture};
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

pub use super::shades::PictureError;

/// The name that stands for standard input.
const STDIN: &str = "-";

/// The ink of a picture, in one or several interpretations.
#[derive(Clone, Debug, PartialEq)]
pub struct Scan {
    /// At least one, the most likely first. Other plausible interpretations (such as light ink on
    /// dark paper instead of the reverse) follow; the one that a network classifies with the most
    /// confidence is to be used.
    pub extractions: Vec<Extraction>,
    /// The whole picture as ink, unchanged except for polarity: for pictures that already have the
    /// network's input size.
    prepared: Picture,
}

/// Ink extracted from a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Extraction {
    pub picture: Picture,
    /// Downsampling factor: each pixel of `picture` is a square of this many pixels of the file (or
    /// of the rectified sheet) per side.
    pub shrunk: usize,
    /// If the ink was found in a rectified sheet of paper: the transform from it to the file.
    pub straightening: Option<Rectification>,
}

impl Scan {
    /// Reads a picture, dark on light or light on dark; `-` is standard input. The EXIF orientation is
    /// applied.
    ///
    /// # Errors
    /// If it is missing, not a picture, empty, too large, or shows no writing.
    pub fn open(file: &Path) -> Result<Self, PictureError> {
        if file.as_os_str() == STDIN {
            return Self::read(io::stdin().lock(), "standard input");
        }
        Self::of(shades::open(file)?, &file.display().to_string())
    }

    /// As [`Scan::open`], from a reader; `name` is for errors.
    ///
    /// # Errors
    /// As [`Scan::open`].
    pub fn read(from: impl Read, name: &str) -> Result<Self, PictureError> {
        Self::of(shades::read(from, name)?, name)
    }

    fn of(decoded: shades::DecodedPicture, name: &str) -> Result<Self, PictureError> {
        let name = || name.to_string();
        let prepared =
            paper::untouched(&decoded.plane).ok_or_else(|| PictureError::Blank { name: name() })?;
        let shrunk = decoded.shrunk;
        match paper::ink_of(decoded.plane) {
            Ok(found) => {
                let extraction = |ink: paper::Ink| Extraction {
                    picture: ink.picture,
                    shrunk: if ink.straightening.is_some() {
                        ink.shrunk
                    } else {
                        ink.shrunk * shrunk
                    },
                    straightening: ink.straightening.map(|back| back.enlarged(shrunk as f32)),
                };
                let extractions = found.into_iter().map(extraction).collect();
                Ok(Self { extractions, prepared })
            }
            Err(paper::NoInk::Faint { contrast, noise }) => {
                Err(PictureError::Faint { name: name(), contrast, noise })
            }
            Err(paper::NoInk::Specks { most }) => Err(PictureError::Specks { name: name(), most }),
            Err(paper::NoInk::NoStrokes) => Err(PictureError::NoInk { name: name() }),
        }
    }

    /// The picture itself, if it already has the network's input size.
    #[must_use]
    pub fn prepared(&self, (width, height): (usize, usize)) -> Option<&Picture> {
        let picture = &self.prepared;
        ((picture.width, picture.height) == (width, height)).then_some(picture)
    }

    /// One digit, normalized to this input size, from the most likely extraction.
    #[must_use]
    pub fn to_images(&self, width: usize, height: usize) -> Images {
        let prepared = self.prepared((width, height)).map(|picture| picture.ink.clone());
        let pixels =
            prepared.unwrap_or_else(|| self.extractions[0].picture.normalized(width, height));
        Images { width, height, channels: 1, pixels, labels: vec![0] }
    }
}

impl Drawing {
    /// Writes a PNG picture, grey or colour, light on dark as in MNIST. Never overwrites a file.
    ///
    /// # Errors
    /// If the file exists or cannot be written.
    pub fn save_new_png(&self, file: &Path) -> io::Result<()> {
        let mut png = Vec::new();
        let (width, height) = (self.width as u32, self.height as u32);
        let color =
            if self.channels == 3 { ExtendedColorType::Rgb8 } else { ExtendedColorType::L8 };
        PngEncoder::new(&mut png)
            .write_image(&self.ink, width, height, color)
            .map_err(io::Error::other)?;
        File::create_new(file)?.write_all(&png)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::GrayImage;
    use proptest::prelude::*;
    use std::fs;

    /// A vertical bar on paper, off-centre.
    fn bar(width: u32, height: u32, paper: u8, ink: u8) -> GrayImage {
        GrayImage::from_fn(width, height, |x, y| {
            let inside =
                (width / 8..width / 4).contains(&x) && (height / 8..height / 2).contains(&y);
            image::Luma([if inside { ink } else { paper }])
        })
    }

    fn scanned(picture: &GrayImage) -> Result<Scan, PictureError> {
        let header = format!("P5 {} {} 255\n", picture.width(), picture.height());
        Scan::read([header.as_bytes(), picture.as_raw()].concat().as_slice(), "picture")
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
    fn both_polarities_give_the_same_digit() {
        let digit =
            |paper, ink| scanned(&bar(96, 96, paper, ink)).unwrap().to_images(28, 28).pixels;
        let dark = digit(255, 0);
        assert_eq!(dark, digit(0, 255));
        assert_eq!(dark, digit(200, 60), "low contrast is stretched");
        assert_eq!(dark.iter().max(), Some(&255));
    }

    #[test]
    fn a_digit_is_scaled_to_20_pixels_and_centred_by_mass() {
        let digit = scanned(&bar(160, 160, 255, 0)).unwrap().to_images(28, 28).pixels;
        let picture = Picture { width: 28, height: 28, ink: digit.clone() };
        let (_, _, width, height) = picture.bounds();
        assert_eq!(height, 20);
        assert_eq!(width, 7, "20 wide and 60 high becomes 7 by 20");
        let (x, y) = centre_of_mass(&digit, 28);
        assert!((x - 14.0).abs() <= 0.51 && (y - 14.0).abs() <= 0.51, "({x}, {y})");
    }

    #[test]
    fn a_prepared_image_is_used_unchanged() {
        let shades = bar(28, 28, 0, 255);
        assert_eq!(scanned(&shades).unwrap().to_images(28, 28).pixels, shades.into_raw());
    }

    #[test]
    fn files_that_are_not_pictures_are_errors_that_name_the_format() {
        let dir = tempfile::tempdir().unwrap();
        let error = |name: &str, bytes: &[u8]| {
            let file = dir.path().join(name);
            fs::write(&file, bytes).unwrap();
            Scan::open(&file).unwrap_err().to_string()
        };
        let text = error("digit.png", b"no picture");
        assert!(text.contains("digit.png") && text.contains("PGM"), "{text}");
        let blank = error("blank.pgm", b"P5 2 2 255 \x07\x07\x07\x07");
        assert!(blank.contains("blank.pgm") && blank.contains("same shade"), "{blank}");
        let bomb = error("bomb.pgm", b"P5 60000 60000 255 \x07");
        assert!(bomb.contains("bomb.pgm"), "{bomb}");
        let missing = Scan::open(Path::new("/no/such.png")).unwrap_err().to_string();
        assert!(missing.contains("/no/such.png"), "{missing}");
        let device = Scan::open(Path::new("/dev/null")).unwrap_err().to_string();
        assert!(device.contains("/dev/null: cannot be read"), "{device}");
    }

    #[test]
    fn a_saved_picture_can_be_read_and_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("drawn.png");
        let ink = bar(28, 28, 0, 255).into_raw();
        let drawn = Drawing { width: 28, height: 28, channels: 1, ink: ink.clone() };
        drawn.save_new_png(&file).unwrap();
        let seen = Picture { width: 28, height: 28, ink };
        assert_eq!(Scan::open(&file).unwrap().prepared((28, 28)), Some(&seen));
        let error = drawn.save_new_png(&file).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        let file = dir.path().join("colour.png");
        let colour = Drawing { width: 2, height: 1, channels: 3, ink: vec![250, 0, 0, 0, 9, 250] };
        colour.save_new_png(&file).unwrap();
        assert_eq!(Images::open_colour(&file, (2, 1)).unwrap().pixels, colour.ink);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_picture_becomes_a_digit_of_the_requested_size(
            width in 1_u32..40, height in 1_u32..40, seed: Vec<u8>,
            wide in 1_usize..32, high in 1_usize..32,
        ) {
            let shades = GrayImage::from_fn(width, height, |x, y| {
                image::Luma([seed.get((y * width + x) as usize).copied().unwrap_or(0)])
            });
            if let Ok(scan) = scanned(&shades) {
                prop_assert_eq!(scan.to_images(wide, high).len(), 1);
                prop_assert_eq!(scan.to_images(wide, high).pixels.len(), wide * high);
            }
        }
    }
}
