//! Pictures of digits, from files and from standard input.

use super::{Images, paper};
use crate::files;
use crate::picture::Picture;
use image::codecs::png::PngEncoder;
use image::{
    DynamicImage, ExtendedColorType, GrayImage, ImageDecoder, ImageEncoder, ImageError,
    ImageReader, Limits, imageops,
};
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Write};
use std::path::Path;

/// Most pixels a picture may have: what cameras take, and no more memory than a browser's page.
const MOST_PIXELS: u64 = 50_000_000;
/// Most bytes that a decoder may take.
const MOST_BYTES: u64 = 256 << 20;
/// Most bytes read from standard input.
const MOST_INPUT: u64 = 64 << 20;
/// A picture of more pixels is made smaller before it is looked at.
const ENOUGH_PIXELS: u64 = 4_000_000;
/// The name that stands for standard input.
const STDIN: &str = "-";

/// Why a picture cannot be used: which, and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    #[error("{name}: cannot be read: {source}")]
    Read { name: String, source: io::Error },
    #[error(
        "{name}: is no picture that can be read: {}; give a whole PNG, JPEG or PGM file",
        one_line(source)
    )]
    Decode { name: String, source: ImageError },
    #[error("{name}: has {width}×{height} pixels; give a picture with a digit on it")]
    Empty { name: String, width: u32, height: u32 },
    #[error(
        "{name}: has {width}×{height} pixels; give a picture of at most {} million, made smaller or cut out",
        MOST_PIXELS / 1_000_000
    )]
    TooLarge { name: String, width: u32, height: u32 },
    #[error("{name}: is longer than {} MB; give a smaller picture", MOST_INPUT >> 20)]
    TooLong { name: String },
    #[error(
        "{name}: shows nothing: all of it is of one shade; give a picture with ink on paper, dark on light or light on dark"
    )]
    Blank { name: String },
}

/// A picture as ink on paper, and how it was made smaller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    pub picture: Picture,
    /// So many pixels of the file, in each direction, became one.
    pub shrunk: usize,
}

impl Scan {
    /// Reads a PNG, JPEG or PGM picture, dark on light or light on dark; `-` is standard input. A
    /// photograph is turned as its camera was held.
    ///
    /// # Errors
    /// Where it is missing, no picture, without pixels, too large, or of one shade.
    pub fn open(file: &Path) -> Result<Self, PictureError> {
        if file.as_os_str() == STDIN {
            return Self::read(io::stdin().lock(), "standard input");
        }
        let name = file.display().to_string();
        match files::read::open(file) {
            Ok((file, _)) => decode(ImageReader::new(BufReader::new(file)), &name),
            Err(source) => Err(PictureError::Read { name, source }),
        }
    }

    /// As [`Scan::open`], of bytes that come from anywhere; `name` is for errors.
    ///
    /// # Errors
    /// As [`Scan::open`].
    pub fn read(from: impl Read, name: &str) -> Result<Self, PictureError> {
        let mut bytes = Vec::new();
        let name = || name.to_string();
        from.take(MOST_INPUT + 1)
            .read_to_end(&mut bytes)
            .map_err(|source| PictureError::Read { name: name(), source })?;
        if bytes.len() as u64 > MOST_INPUT {
            return Err(PictureError::TooLong { name: name() });
        }
        decode(ImageReader::new(Cursor::new(bytes)), &name())
    }
}

/// Looks at the size before any pixel is decoded.
fn decode<R: io::BufRead + io::Seek>(
    reader: ImageReader<R>,
    name: &str,
) -> Result<Scan, PictureError> {
    let name = || name.to_string();
    let wrap = |source| PictureError::Decode { name: name(), source };
    let mut reader = reader
        .with_guessed_format()
        .map_err(|source| PictureError::Read { name: name(), source })?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(wrap)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(PictureError::Empty { name: name(), width, height });
    }
    let pixels = u64::from(width) * u64::from(height);
    if pixels > MOST_PIXELS || decoder.total_bytes() > MOST_BYTES {
        return Err(PictureError::TooLarge { name: name(), width, height });
    }
    let orientation = decoder.orientation().map_err(wrap)?;
    let mut shades =
        DynamicImage::ImageLuma8(shades(DynamicImage::from_decoder(decoder).map_err(wrap)?));
    shades.apply_orientation(orientation);
    let shrunk = (pixels as f64 / ENOUGH_PIXELS as f64).sqrt().ceil().max(1.0) as u32;
    let mut shades = shades.into_luma8();
    if shrunk > 1 {
        let smaller = |side: u32| (side / shrunk).max(1);
        shades = imageops::thumbnail(&shades, smaller(shades.width()), smaller(shades.height()));
    }
    let picture = paper::ink_of(&shades).ok_or_else(|| PictureError::Blank { name: name() })?;
    Ok(Scan { picture, shrunk: shrunk as usize })
}

/// What a decoder says, on one line.
fn one_line(error: &ImageError) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Picture {
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
        Images { width, height, channels: 1, pixels: self.to_digit(width, height), labels: vec![0] }
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
        let digit = |paper, ink| paper::ink_of(&bar(96, 96, paper, ink)).unwrap().to_digit(28, 28);
        let dark = digit(255, 0);
        assert_eq!(dark, digit(0, 255));
        assert_eq!(dark, digit(200, 60), "little contrast is stretched");
        assert_eq!(dark.iter().max(), Some(&255));
    }

    #[test]
    fn a_digit_fills_20_pixels_and_its_mass_is_in_the_middle() {
        let digit = paper::ink_of(&bar(160, 160, 255, 0)).unwrap().to_digit(28, 28);
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
            Scan::open(&file).unwrap().picture.to_digit(28, 28)
        };
        assert_eq!(digit(0), digit(255));
    }

    #[test]
    fn a_prepared_image_is_taken_as_it_is() {
        let shades = bar(28, 28, 0, 255);
        assert_eq!(paper::ink_of(&shades).unwrap().to_digit(28, 28), shades.into_raw());
    }

    #[test]
    fn what_is_no_picture_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let error = |name: &str, bytes: &[u8]| {
            let file = dir.path().join(name);
            fs::write(&file, bytes).unwrap();
            Scan::open(&file).unwrap_err().to_string()
        };
        let text = error("digit.png", b"no picture");
        assert!(text.contains("digit.png") && text.contains("PGM"), "{text}");
        let blank = error("blank.pgm", b"P5 2 2 255 \x07\x07\x07\x07");
        assert!(blank.contains("blank.pgm") && blank.contains("one shade"), "{blank}");
        let bomb = error("bomb.pgm", b"P5 60000 60000 255 \x07");
        assert!(bomb.contains("bomb.pgm"), "{bomb}");
        let missing = Scan::open(Path::new("/no/such.png")).unwrap_err().to_string();
        assert!(missing.contains("/no/such.png"), "{missing}");
    }

    #[test]
    fn a_saved_picture_reads_back_and_is_never_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("drawn.png");
        let drawn = Picture { width: 28, height: 28, ink: bar(28, 28, 0, 255).into_raw() };
        drawn.save_new_png(&file).unwrap();
        assert_eq!(Scan::open(&file).unwrap().picture, drawn);
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
            if let Some(picture) = paper::ink_of(&shades) {
                prop_assert_eq!(picture.to_digit(wide, high).len(), wide * high);
            }
        }
    }
}
