//! Reads image files as grey planes: formats, limits, transparency, EXIF orientation.

use super::paper::Plane;
use crate::files;
use image::{DynamicImage, GrayImage, ImageDecoder, ImageError, ImageReader, Limits, imageops};
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

/// Maximum number of pixels of a picture; those of most cameras have fewer.
const MAX_PIXELS: u64 = 50_000_000;
/// Maximum number of bytes that a decoder may allocate, and that a decoded picture may take.
const MAX_BYTES: u64 = 256 << 20;
/// Maximum number of bytes read from standard input.
const MAX_INPUT: u64 = 64 << 20;
/// Pictures with more pixels are scaled down first.
const ENOUGH_PIXELS: u64 = 4_000_000;
/// Number of bytes at the start of a file that identify its format.
const MAGIC: usize = 16;
/// If the visible shades of a transparent picture differ by more than this, they include both ink
/// and paper.
const INK_AND_PAPER: u8 = 40;

/// Why a picture cannot be used, and a remedy.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    #[error("{name}: cannot be read: {source}")]
    Read { name: String, source: io::Error },
    #[error(
        "{name}: is not a picture that can be read: {}; give a complete PNG, JPEG or PGM file (WebP, GIF, BMP and TIFF are read too)",
        one_line(source)
    )]
    Decode { name: String, source: ImageError },
    #[error("{name}: is a {format} file, which is not supported; {convert}")]
    Convert { name: String, format: &'static str, convert: &'static str },
    #[error("{name}: has {width}×{height} pixels; give a picture with a digit on it")]
    Empty { name: String, width: u32, height: u32 },
    #[error(
        "{name}: has {width}×{height} pixels; give a picture of at most {} million, made smaller or cut out",
        MAX_PIXELS / 1_000_000
    )]
    TooLarge { name: String, width: u32, height: u32 },
    #[error("{name}: is longer than {} MB; give a smaller picture", MAX_INPUT >> 20)]
    TooLong { name: String },
    #[error(
        "{name}: shows nothing: all pixels have the same shade; give a picture with ink on paper, dark on light or light on dark"
    )]
    Blank { name: String },
    #[error(
        "{name}: no ink on paper stands out, with a contrast of {contrast} and noise of {noise} (of \
         255 shades); light it better, or move the camera closer"
    )]
    Faint { name: String, contrast: u8, noise: u8 },
    #[error(
        "{name}: more than {most} separate pieces of ink are not writing; give a picture without dots or texture"
    )]
    Specks { name: String, most: usize },
    #[error(
        "{name}: shows no writing: nothing in it looks like strokes of ink on paper; cut out the part with the digits"
    )]
    NoInk { name: String },
}

/// A decoded picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DecodedPicture {
    /// Not normalized: dark on light or light on dark.
    pub plane: Plane,
    /// Downsampling factor: each pixel is a square of this many pixels of the file per side.
    pub shrunk: usize,
}

/// Opens a picture file.
pub(super) fn open(file: &Path) -> Result<DecodedPicture, PictureError> {
    let name = file.display().to_string();
    match files::read::open(file) {
        Ok((file, _)) => decode(BufReader::new(file), &name),
        Err(source) => Err(PictureError::Read { name, source }),
    }
}

/// Reads a picture from a reader; `name` is for errors.
pub(super) fn read(from: impl Read, name: &str) -> Result<DecodedPicture, PictureError> {
    let mut bytes = Vec::new();
    let name = || name.to_string();
    from.take(MAX_INPUT + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| PictureError::Read { name: name(), source })?;
    if bytes.len() as u64 > MAX_INPUT {
        return Err(PictureError::TooLong { name: name() });
    }
    decode(Cursor::new(bytes), &name())
}

/// Checks the size before decoding any pixels.
fn decode<R: BufRead + Seek>(mut from: R, name: &str) -> Result<DecodedPicture, PictureError> {
    let name = || name.to_string();
    let failed = |source| PictureError::Read { name: name(), source };
    let mut magic = Vec::with_capacity(MAGIC);
    from.by_ref().take(MAGIC as u64).read_to_end(&mut magic).map_err(failed)?;
    from.seek(SeekFrom::Start(0)).map_err(failed)?;
    if let Some((format, convert)) = known_but_not_read(&magic) {
        return Err(PictureError::Convert { name: name(), format, convert });
    }
    let wrap = |source| PictureError::Decode { name: name(), source };
    let mut reader = ImageReader::new(from).with_guessed_format().map_err(failed)?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(wrap)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(PictureError::Empty { name: name(), width, height });
    }
    let pixels = u64::from(width) * u64::from(height);
    if pixels > MAX_PIXELS || decoder.total_bytes() > MAX_BYTES {
        return Err(PictureError::TooLarge { name: name(), width, height });
    }
    let orientation = decoder.orientation().map_err(wrap)?;
    let shades = shades(DynamicImage::from_decoder(decoder).map_err(wrap)?);
    let shrunk = (pixels as f64 / ENOUGH_PIXELS as f64).sqrt().ceil().max(1.0) as u32;
    let mut small = DynamicImage::ImageLuma8(if shrunk > 1 {
        let smaller = |side: u32| (side / shrunk).max(1);
        imageops::thumbnail(&shades, smaller(shades.width()), smaller(shades.height()))
    } else {
        shades
    });
    small.apply_orientation(orientation);
    let small = small.into_luma8();
    let (width, height) = (small.width() as usize, small.height() as usize);
    let plane = Plane::new(width, height, small.into_raw());
    Ok(DecodedPicture { plane, shrunk: shrunk as usize })
}

/// Recognises common unsupported formats; returns the name and how to convert the file.
fn known_but_not_read(magic: &[u8]) -> Option<(&'static str, &'static str)> {
    let brand = magic.get(8..12).filter(|_| magic.get(4..8) == Some(b"ftyp"));
    match brand {
        Some(b"avif" | b"avis") => {
            return Some(("AVIF", "convert it with `avifdec IN.avif OUT.png`"));
        }
        Some(b"heic" | b"heix" | b"hevc" | b"heim" | b"heis" | b"mif1" | b"msf1") => {
            return Some((
                "HEIC",
                "convert it with `heif-convert IN.heic OUT.jpg`, or have the phone share it as JPEG (\"most compatible\")",
            ));
        }
        _ => {}
    }
    let trimmed = magic.trim_ascii_start();
    if trimmed.starts_with(b"%PDF") {
        return Some((
            "PDF",
            "convert its page with `pdftoppm -png -r 200 -singlefile IN.pdf OUT`",
        ));
    }
    if trimmed.starts_with(b"<svg") || trimmed.starts_with(b"<?xml") {
        return Some(("SVG or XML", "convert a drawing with `rsvg-convert IN.svg -o OUT.png`"));
    }
    None
}

/// The message of a decoder on one line.
fn one_line(error: &ImageError) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Converts to grey. Transparent pixels become paper: the median shade if they surround a sheet, or
/// a contrasting shade if only ink is visible.
fn shades(picture: DynamicImage) -> GrayImage {
    if !picture.color().has_alpha() {
        return picture.into_luma8();
    }
    let picture = picture.into_luma_alpha8();
    let mut counts = [0_usize; 256];
    let visible = picture.pixels().filter(|pixel| pixel[1] >= 128);
    visible.for_each(|pixel| counts[usize::from(pixel[0])] += 1);
    let all: usize = counts.iter().sum();
    let quantile = |fraction: f64| {
        let mut left = (all as f64 * fraction).ceil() as usize;
        let found = counts.iter().position(|count| {
            left = left.saturating_sub(*count);
            left == 0 && *count > 0
        });
        found.unwrap_or(0) as u8
    };
    let (darkest, middle, lightest) = (quantile(0.001), quantile(0.5), quantile(0.999));
    let ink_alone = lightest - darkest <= INK_AND_PAPER;
    let paper = match (ink_alone, middle) {
        (true, 128..) => 0,
        (true, _) => 255,
        (false, middle) => middle,
    };
    GrayImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [shade, alpha] = picture.get_pixel(x, y).0.map(u32::from);
        image::Luma([((shade * alpha + u32::from(paper) * (255 - alpha)) / 255) as u8])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{GrayAlphaImage, ImageFormat, LumaA, RgbImage};

    fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn all_formats_give_the_same_shades() {
        let picture = RgbImage::from_fn(40, 30, |x, y| {
            let shade = if (10..20).contains(&x) && (5..25).contains(&y) { 20 } else { 220 };
            image::Rgb([shade; 3])
        });
        let picture = DynamicImage::ImageRgb8(picture);
        let right = read(encoded(&picture, ImageFormat::Png).as_slice(), "png").unwrap();
        assert_eq!((right.plane.width, right.plane.height, right.shrunk), (40, 30, 1));
        for format in [
            ImageFormat::Pnm,
            ImageFormat::WebP,
            ImageFormat::Gif,
            ImageFormat::Bmp,
            ImageFormat::Tiff,
            ImageFormat::Jpeg,
        ] {
            let decoded = read(encoded(&picture, format).as_slice(), "picture").unwrap();
            let away = decoded.plane.shades.iter().zip(&right.plane.shades);
            let furthest = away.map(|(a, b)| a.abs_diff(*b)).max();
            let allowed = if format == ImageFormat::Jpeg { 40 } else { 2 };
            assert!(furthest.unwrap() <= allowed, "{format:?}: {furthest:?}");
        }
    }

    #[test]
    fn unsupported_formats_are_errors_that_tell_how_to_convert() {
        for (bytes, format, tool) in [
            (&b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..], "HEIC", "heif-convert"),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC", "heif-convert"),
            (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1", "AVIF", "avifdec"),
            (b"%PDF-1.7\n%\xe2\xe3", "PDF", "pdftoppm"),
            (b"\n<svg xmlns=\"http", "SVG", "rsvg-convert"),
        ] {
            let error = read(bytes, "photo").unwrap_err().to_string();
            assert!(error.contains(format) && error.contains(tool), "{error}");
        }
    }

    #[test]
    fn transparency_around_a_sheet_or_ink_becomes_paper() {
        // A sheet of shade 200 with a stroke of shade 30, in a transparent black margin.
        let sheet = GrayAlphaImage::from_fn(60, 60, |x, y| {
            let outside = !(10..50).contains(&x) || !(10..50).contains(&y);
            let stroke = (25..30).contains(&x) && (20..40).contains(&y);
            LumaA(if outside {
                [0, 0]
            } else if stroke {
                [30, 255]
            } else {
                [200, 255]
            })
        });
        let sheet = shades(DynamicImage::ImageLumaA8(sheet));
        assert_eq!([sheet.get_pixel(2, 2)[0], sheet.get_pixel(27, 30)[0]], [200, 30]);
        for (ink, paper) in [(0, 255), (250, 0)] {
            let drawn =
                GrayAlphaImage::from_fn(20, 20, |x, _| LumaA([ink, if x == 9 { 255 } else { 0 }]));
            let drawn = shades(DynamicImage::ImageLumaA8(drawn));
            assert_eq!([drawn.get_pixel(2, 2)[0], drawn.get_pixel(9, 9)[0]], [paper, ink]);
        }
    }
}
