//! Decodes pictures of a data set, grey or colour, without extracting ink.

use super::{Images, PictureError};
use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageError, ImageReader, Limits};
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Seek};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Maximum number of pixels of a picture; those of most cameras have fewer.
const MAX_PIXELS: u64 = 50_000_000;
/// Maximum number of bytes that a decoded picture may take.
const MAX_BYTES: u64 = 160 << 20;
/// Pictures of more decoded bytes than this are decoded one at a time, to limit memory.
const LARGE: u64 = 16 << 20;

static ONE_LARGE: Mutex<()> = Mutex::new(());

/// A decoded picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DecodedRaster {
    pub width: usize,
    pub height: usize,
    /// 1 (grey) or 3 (red, green, blue).
    pub channels: usize,
    /// Row by row, with interleaved channels.
    pub pixels: Vec<u8>,
}

/// Why a picture cannot be decoded.
#[derive(Debug, thiserror::Error)]
pub(super) enum DecodeError {
    #[error("cannot be read: {0}")]
    Read(#[from] std::io::Error),
    #[error("is not a complete picture: {}", one_line(.0))]
    Decode(#[from] ImageError),
    #[error("has {width}×{height} pixels")]
    Empty { width: u32, height: u32 },
    #[error("has {width}×{height} pixels, too many to decode")]
    TooLarge { width: u32, height: u32 },
}

/// The message of a decoder on one line.
fn one_line(error: &ImageError) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether these are the first bytes of a picture that can be decoded.
pub(super) fn is_picture(head: &[u8]) -> bool {
    image::guess_format(head).is_ok_and(|format| format.reading_enabled())
}

/// Decodes a picture file. The EXIF orientation is applied; transparency is dropped, as by PIL's
/// `convert("RGB")`.
pub(super) fn decode_file(file: &Path) -> Result<DecodedRaster, DecodeError> {
    decode(BufReader::new(File::open(file)?))
}

/// As [`decode_file`], for a picture in memory.
pub(super) fn decode_bytes(bytes: &[u8]) -> Result<DecodedRaster, DecodeError> {
    decode(Cursor::new(bytes))
}

fn decoder<'a, R: BufRead + Seek + 'a>(reader: R) -> Result<impl ImageDecoder + 'a, DecodeError> {
    let mut reader = ImageReader::new(reader).with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_BYTES);
    reader.limits(limits);
    let decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(DecodeError::Empty { width, height });
    }
    let pixels = u64::from(width) * u64::from(height);
    if pixels > MAX_PIXELS || decoder.total_bytes() > MAX_BYTES {
        return Err(DecodeError::TooLarge { width, height });
    }
    Ok(decoder)
}

fn decode<R: BufRead + Seek>(reader: R) -> Result<DecodedRaster, DecodeError> {
    let mut decoder = decoder(reader)?;
    // Invalid metadata must not prevent the picture from being read.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let large = decoder.total_bytes() > LARGE;
    // A poisoned lock is harmless: it protects no data.
    let _alone = large.then(|| ONE_LARGE.lock().unwrap_or_else(PoisonError::into_inner));
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    let grey = matches!(
        picture.color(),
        ColorType::L8 | ColorType::La8 | ColorType::L16 | ColorType::La16
    );
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let (channels, pixels) = if grey {
        (1, picture.into_luma8().into_raw())
    } else {
        (3, picture.into_rgb8().into_raw())
    };
    Ok(DecodedRaster { width, height, channels, pixels })
}

impl Images {
    /// A colour picture from a file, resized, as a data set of one image without a meaningful
    /// label.
    ///
    /// # Errors
    /// If it cannot be read or decoded.
    pub fn open_colour(file: &Path, size: (usize, usize)) -> Result<Self, PictureError> {
        let raster = decode_file(file).map_err(|error| PictureError::Read {
            name: file.display().to_string(),
            source: std::io::Error::other(error.to_string()),
        })?;
        let pixels = raster.pixels_as(3, size);
        let (width, height) = size;
        Ok(Self { width, height, channels: 3, pixels, labels: vec![0] })
    }
}

impl DecodedRaster {
    /// Whether every pixel is a shade of grey.
    pub fn is_grey(&self) -> bool {
        self.channels == 1
            || self.pixels.chunks_exact(3).all(|rgb| rgb[0] == rgb[1] && rgb[1] == rgb[2])
    }

    /// The pixels converted to 1 or 3 channels and this size.
    pub fn pixels_as(&self, channels: usize, size: (usize, usize)) -> Vec<u8> {
        let own = (self.width, self.height);
        match (self.channels, channels) {
            (1, 3) => {
                let grey = super::orient::resize_one(&self.pixels, 1, own, size);
                grey.iter().flat_map(|&grey| [grey; 3]).collect()
            }
            (3, 1) => {
                // ITU-R 601, as PIL's `convert("L")`.
                let luma = |rgb: &[u8]| {
                    let [r, g, b] = [rgb[0], rgb[1], rgb[2]].map(u32::from);
                    ((r * 19_595 + g * 38_470 + b * 7_471 + 0x8000) >> 16) as u8
                };
                let grey: Vec<u8> = self.pixels.chunks_exact(3).map(luma).collect();
                super::orient::resize_one(&grey, 1, own, size)
            }
            (own_channels, _) => super::orient::resize_one(&self.pixels, own_channels, own, size),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageFormat, RgbImage, RgbaImage};

    fn png(picture: impl Into<DynamicImage>) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.into().write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn colours_are_kept_and_transparency_is_dropped() {
        let colour = RgbImage::from_fn(3, 2, |x, y| image::Rgb([x as u8 * 40, y as u8 * 90, 7]));
        let raster = decode_bytes(&png(colour.clone())).unwrap();
        assert_eq!((raster.width, raster.height, raster.channels), (3, 2, 3));
        assert_eq!(raster.pixels, colour.into_raw());
        assert!(!raster.is_grey());
        let clear = RgbaImage::from_pixel(2, 2, image::Rgba([9, 9, 9, 0]));
        let raster = decode_bytes(&png(clear)).unwrap();
        assert!(raster.is_grey());
        assert_eq!(raster.pixels_as(1, (2, 2)), [9; 4]);
        assert_eq!(raster.pixels_as(3, (1, 1)), [9; 3]);
    }

    #[test]
    fn truncated_pictures_are_errors() {
        let whole = png(RgbImage::from_fn(9, 9, |x, y| image::Rgb([(x * y) as u8, 1, 2])));
        for end in 0..whole.len() - 12 {
            assert!(decode_bytes(&whole[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn a_header_with_an_enormous_size_is_an_error() {
        let mut bomb = png(RgbImage::new(1, 1));
        // Width and height follow the signature, the chunk's length and its name.
        bomb[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
        let checksum = crc32fast::hash(&bomb[12..29]);
        bomb[29..33].copy_from_slice(&checksum.to_be_bytes());
        let error = decode_bytes(&bomb).unwrap_err().to_string();
        assert!(error.contains("65535×65535"), "{error}");
    }
}
