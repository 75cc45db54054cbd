//! The IDX format of LeCun and Cortes: big-endian magic number and dimensions, then bytes.

use super::{DataError, Images};
use std::io::{self, Read};
use std::path::Path;

/// Unsigned bytes in three dimensions: images.
const IMAGES_MAGIC: u32 = 0x0000_0803;
/// Unsigned bytes in one dimension: labels.
const LABELS_MAGIC: u32 = 0x0000_0801;
/// Most images or labels in a file.
const MAX_COUNT: u32 = 10_000_000;
/// Most pixels an image may be wide or high.
const MAX_SIDE: u32 = 1024;
/// Most bytes of pixels in a file, so that a header cannot ask for more memory than machines have.
const MAX_BYTES: u64 = 1 << 30;
/// Room made before anything is read; beyond it memory grows with what the file really holds.
const MAX_RESERVED: u64 = 64 << 20;

/// Reads a file of images from `reader`; the labels stay empty. `file` is for the error's words.
///
/// # Errors
/// Where the magic number is another one, a dimension is 0 or enormous (checked before memory is
/// asked for), or there are fewer or more bytes than the dimensions say.
pub fn read_images(file: &Path, mut reader: impl Read) -> Result<Images, DataError> {
    check_magic(file, &mut reader, IMAGES_MAGIC, "images")?;
    let count = dimension(file, &mut reader, "images", MAX_COUNT, 4)?;
    let height = dimension(file, &mut reader, "rows an image", MAX_SIDE, 8)?;
    let width = dimension(file, &mut reader, "columns an image", MAX_SIDE, 12)?;
    let bytes = u64::from(count) * u64::from(height) * u64::from(width);
    if bytes > MAX_BYTES {
        return Err(DataError::TooLarge { file: file.into(), bytes, limit: MAX_BYTES });
    }
    let pixels = body(file, reader, 16, bytes)?;
    Ok(Images { width: width as usize, height: height as usize, pixels, labels: Vec::new() })
}

/// Reads a file of labels from `reader`. `file` is for the error's words.
///
/// # Errors
/// As [`read_images`].
pub fn read_labels(file: &Path, mut reader: impl Read) -> Result<Vec<u8>, DataError> {
    check_magic(file, &mut reader, LABELS_MAGIC, "labels")?;
    let count = dimension(file, &mut reader, "labels", MAX_COUNT, 4)?;
    body(file, reader, 8, u64::from(count))
}

fn check_magic(
    file: &Path,
    reader: &mut impl Read,
    expected: u32,
    content: &'static str,
) -> Result<(), DataError> {
    let found = word(file, reader, 0)?;
    if found == expected {
        Ok(())
    } else {
        Err(DataError::Magic { file: file.into(), found, expected, content })
    }
}

fn dimension(
    file: &Path,
    reader: &mut impl Read,
    what: &'static str,
    limit: u32,
    offset: u64,
) -> Result<u32, DataError> {
    let value = word(file, reader, offset)?;
    if (1..=limit).contains(&value) {
        Ok(value)
    } else {
        Err(DataError::Dimension { file: file.into(), what, value, limit })
    }
}

/// The big-endian number at `offset`.
fn word(file: &Path, reader: &mut impl Read, offset: u64) -> Result<u32, DataError> {
    let mut bytes = [0_u8; 4];
    reader.read_exact(&mut bytes).map_err(|source| match source.kind() {
        io::ErrorKind::UnexpectedEof => {
            DataError::Truncated { file: file.into(), found: offset, expected: offset + 4 }
        }
        _ => DataError::Read { file: file.into(), source },
    })?;
    Ok(u32::from_be_bytes(bytes))
}

/// Exactly `len` bytes and then the end of the file.
fn body(file: &Path, reader: impl Read, header: u64, len: u64) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::with_capacity(len.min(MAX_RESERVED) as usize);
    let mut limited = reader.take(len);
    limited
        .read_to_end(&mut bytes)
        .map_err(|source| DataError::Read { file: file.into(), source })?;
    let expected = header + len;
    let found = header + bytes.len() as u64;
    if found < expected {
        return Err(DataError::Truncated { file: file.into(), found, expected });
    }
    let mut one_more = [0_u8];
    match limited.into_inner().read(&mut one_more) {
        Ok(0) => Ok(bytes),
        Ok(_) => Err(DataError::Oversized { file: file.into(), expected }),
        Err(source) => Err(DataError::Read { file: file.into(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode_images(count: u32, height: u32, width: u32, pixels: &[u8]) -> Vec<u8> {
        let words = [IMAGES_MAGIC, count, height, width];
        words.iter().flat_map(|w| w.to_be_bytes()).chain(pixels.iter().copied()).collect()
    }

    fn encode_labels(labels: &[u8]) -> Vec<u8> {
        let words = [LABELS_MAGIC, labels.len() as u32];
        words.iter().flat_map(|w| w.to_be_bytes()).chain(labels.iter().copied()).collect()
    }

    fn images_of(bytes: &[u8]) -> Result<Images, DataError> {
        read_images(Path::new("train-images"), bytes)
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(height in 1_u32..9, width in 1_u32..9, seed: Vec<u8>) {
            let size = (height * width) as usize;
            let count = (seed.len() / size).max(1);
            let pixels: Vec<u8> = seed.into_iter().chain(std::iter::repeat(7)).take(count * size).collect();
            let images = images_of(&encode_images(count as u32, height, width, &pixels)).unwrap();
            prop_assert_eq!((images.height, images.width), (height as usize, width as usize));
            prop_assert_eq!(images.pixels, pixels);
        }

        #[test]
        fn labels_come_back(labels in prop::collection::vec(any::<u8>(), 1..300)) {
            let read = read_labels(Path::new("labels"), encode_labels(&labels).as_slice()).unwrap();
            prop_assert_eq!(read, labels);
        }

        #[test]
        fn any_bytes_are_refused_or_read_without_a_panic(bytes: Vec<u8>) {
            let _ = images_of(&bytes);
            let _ = read_labels(Path::new("labels"), bytes.as_slice());
        }

        #[test]
        fn any_header_is_refused_or_read_without_a_panic(words: [u32; 3], tail: Vec<u8>) {
            let bytes = encode_images(words[0], words[1], words[2], &tail);
            if let Ok(images) = images_of(&bytes) {
                prop_assert_eq!(images.pixels, tail);
            }
        }

        #[test]
        fn every_truncation_and_every_extra_byte_is_refused(cut in 0_usize..34, extra in 1_usize..40) {
            let whole = encode_images(2, 3, 3, &[9; 18]);
            prop_assert!(images_of(&whole).is_ok());
            prop_assert!(
                matches!(images_of(&whole[..cut]), Err(DataError::Truncated { .. })), "cut at {}", cut
            );
            let mut longer = whole.clone();
            longer.resize(whole.len() + extra, 0);
            prop_assert!(
                matches!(images_of(&longer), Err(DataError::Oversized { .. })), "{} more", extra
            );
        }
    }

    #[test]
    fn zero_and_enormous_dimensions_are_refused_by_name() {
        for (words, what) in [
            ([0, 28, 28], "images"),
            ([1, 0, 28], "rows"),
            ([1, 28, 0], "columns"),
            ([u32::MAX, 28, 28], "images"),
            ([1, u32::MAX, 28], "rows"),
            ([1, 28, u32::MAX], "columns"),
        ] {
            let error = images_of(&encode_images(words[0], words[1], words[2], &[])).unwrap_err();
            assert!(matches!(error, DataError::Dimension { .. }), "{error}");
            assert!(error.to_string().contains(what), "{error}");
        }
        let large = images_of(&encode_images(MAX_COUNT, MAX_SIDE, MAX_SIDE, &[])).unwrap_err();
        assert!(matches!(large, DataError::TooLarge { .. }), "{large}");
    }

    #[test]
    fn a_wrong_magic_number_says_which_and_names_the_file() {
        let error = images_of(&encode_labels(&[1, 2, 3])).unwrap_err().to_string();
        assert!(error.contains("train-images") && error.contains("0x00000801"), "{error}");
        assert!(error.contains("0x00000803"), "{error}");
    }
}
