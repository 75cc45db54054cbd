//! The IDX format of LeCun and Cortes: big-endian magic number and dimensions, then values.

use crate::data::{DataError, Images};
use std::io::{self, Read};
use std::path::Path;

/// Unsigned bytes in three dimensions: images.
const IMAGES_MAGIC: u32 = 0x0000_0803;
/// Unsigned bytes in one dimension: labels.
const LABELS_MAGIC: u32 = 0x0000_0801;
/// 32-bit integers in one dimension: labels.
const INT_LABELS_MAGIC: u32 = 0x0000_0c01;
/// 32-bit integers in two dimensions: QMNIST's labels, whose first field is the class.
const FIELDS_MAGIC: u32 = 0x0000_0c02;
const LABEL_MAGICS: [u32; 3] = [LABELS_MAGIC, INT_LABELS_MAGIC, FIELDS_MAGIC];
/// Maximum number of images or labels in a file.
const MAX_COUNT: u32 = 10_000_000;
/// Maximum width and height of an image in pixels.
const MAX_SIDE: u32 = 1024;
/// Maximum number of fields of a label.
const MAX_FIELDS: u32 = 64;
/// Maximum size of the pixels of a file in bytes, so that a damaged header cannot exhaust memory.
const MAX_BYTES: u64 = 1 << 30;
/// Maximum number of bytes reserved before reading; beyond it memory grows with the content read.
const MAX_RESERVED: u64 = 64 << 20;

/// The contents of an IDX file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdxContent {
    Images,
    Labels,
}

/// The contents indicated by the first bytes of a file, in either byte order; `None` if it is not
/// an IDX file.
pub(super) fn content(head: &[u8]) -> Option<IdxContent> {
    let magic = u32::from_be_bytes(*head.first_chunk()?);
    match magic {
        0 => None,
        _ if [magic, magic.swap_bytes()].contains(&IMAGES_MAGIC) => Some(IdxContent::Images),
        _ if LABEL_MAGICS.contains(&magic) || LABEL_MAGICS.contains(&magic.swap_bytes()) => {
            Some(IdxContent::Labels)
        }
        _ => None,
    }
}

/// Reads a file of images without labels from `reader`. `file` is for error messages.
///
/// # Errors
/// If the magic number is wrong, a dimension is 0 or too large (checked before memory is
/// allocated), or the number of bytes does not match the dimensions.
pub fn read_images(file: &Path, mut reader: impl Read) -> Result<Images, DataError> {
    magic(file, &mut reader, &[IMAGES_MAGIC], "images")?;
    let count = dimension(file, &mut reader, "images", MAX_COUNT, 4)?;
    let height = dimension(file, &mut reader, "rows per image", MAX_SIDE, 8)?;
    let width = dimension(file, &mut reader, "columns per image", MAX_SIDE, 12)?;
    let bytes = u64::from(count) * u64::from(height) * u64::from(width);
    if bytes > MAX_BYTES {
        return Err(DataError::TooLarge { file: file.into(), bytes, limit: MAX_BYTES });
    }
    let pixels = body(file, reader, 16, bytes)?;
    let (width, height) = (width as usize, height as usize);
    Ok(Images { width, height, channels: 1, pixels, labels: Vec::new() })
}

/// Reads a file of labels from `reader`: bytes, 32-bit integers, or the first of QMNIST's fields.
/// `file` is for error messages.
///
/// # Errors
/// As [`read_images`].
pub fn read_labels(file: &Path, mut reader: impl Read) -> Result<Vec<i64>, DataError> {
    let magic = magic(file, &mut reader, &LABEL_MAGICS, "labels")?;
    let count = dimension(file, &mut reader, "labels", MAX_COUNT, 4)?;
    if magic == LABELS_MAGIC {
        let bytes = body(file, reader, 8, u64::from(count))?;
        return Ok(bytes.into_iter().map(i64::from).collect());
    }
    let fields = match magic {
        FIELDS_MAGIC => dimension(file, &mut reader, "fields per label", MAX_FIELDS, 8)?,
        _ => 1,
    };
    let header = if magic == FIELDS_MAGIC { 12 } else { 8 };
    let bytes = u64::from(count) * u64::from(fields) * 4;
    if bytes > MAX_BYTES {
        return Err(DataError::TooLarge { file: file.into(), bytes, limit: MAX_BYTES });
    }
    let bytes = body(file, reader, header, bytes)?;
    let numbers = bytes.as_chunks().0.iter().step_by(fields as usize);
    Ok(numbers.map(|&number| i32::from_be_bytes(number).into()).collect())
}

/// Reads the magic number, which must be one of those expected.
fn magic(
    file: &Path,
    reader: &mut impl Read,
    expected: &[u32],
    content: &'static str,
) -> Result<u32, DataError> {
    let found = word(file, reader, 0)?;
    if expected.contains(&found) {
        Ok(found)
    } else if expected.contains(&found.swap_bytes()) {
        Err(DataError::LittleEndian { file: file.into() })
    } else {
        Err(DataError::Magic { file: file.into(), found, expected: expected[0], content })
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
    let possible = |value: u32| (1..=limit).contains(&value);
    if possible(value) {
        Ok(value)
    } else if value.trailing_zeros() >= 16 && possible(value.swap_bytes()) {
        Err(DataError::LittleEndian { file: file.into() })
    } else {
        Err(DataError::Dimension { file: file.into(), what, value, limit })
    }
}

/// Reads a big-endian number at `offset`.
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

/// Reads exactly `len` bytes up to the end of the file.
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
        fn written_images_can_be_read(height in 1_u32..9, width in 1_u32..9, seed: Vec<u8>) {
            let size = (height * width) as usize;
            let count = (seed.len() / size).max(1);
            let pixels: Vec<u8> = seed.into_iter().chain(std::iter::repeat(7)).take(count * size).collect();
            let images = images_of(&encode_images(count as u32, height, width, &pixels)).unwrap();
            prop_assert_eq!((images.height, images.width), (height as usize, width as usize));
            prop_assert_eq!(images.pixels, pixels);
        }

        #[test]
        fn written_labels_can_be_read(labels in prop::collection::vec(any::<u8>(), 1..300)) {
            let read = read_labels(Path::new("labels"), encode_labels(&labels).as_slice()).unwrap();
            prop_assert_eq!(read, labels.into_iter().map(i64::from).collect::<Vec<_>>());
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>) {
            let _ = images_of(&bytes);
            let _ = read_labels(Path::new("labels"), bytes.as_slice());
        }

        #[test]
        fn arbitrary_headers_do_not_panic(words: [u32; 3], tail: Vec<u8>) {
            let bytes = encode_images(words[0], words[1], words[2], &tail);
            if let Ok(images) = images_of(&bytes) {
                prop_assert_eq!(images.pixels, tail);
            }
        }

        #[test]
        fn truncated_and_overlong_files_are_errors(cut in 0_usize..34, extra in 1_usize..40) {
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
    fn labels_of_32_bits_and_with_many_fields_are_read() {
        let encode =
            |words: &[u32]| -> Vec<u8> { words.iter().flat_map(|w| w.to_be_bytes()).collect() };
        let read = |words: &[u32]| read_labels(Path::new("labels"), encode(words).as_slice());
        assert_eq!(read(&[INT_LABELS_MAGIC, 3, 7, 0, 9]).unwrap(), [7, 0, 9]);
        assert_eq!(read(&[FIELDS_MAGIC, 2, 3, 7, 1, 2, 9, 3, 4]).unwrap(), [7, 9]);
        assert!(matches!(read(&[FIELDS_MAGIC, 2, 3, 7, 1]), Err(DataError::Truncated { .. })));
        assert!(matches!(read(&[FIELDS_MAGIC, 2, 99]), Err(DataError::Dimension { .. })));
    }

    #[test]
    fn little_endian_files_are_errors() {
        let little =
            |words: &[u32]| -> Vec<u8> { words.iter().flat_map(|w| w.to_le_bytes()).collect() };
        let error = images_of(&little(&[IMAGES_MAGIC, 1, 1, 1])).unwrap_err();
        assert!(matches!(error, DataError::LittleEndian { .. }), "{error}");
        let mut mixed = IMAGES_MAGIC.to_be_bytes().to_vec();
        mixed.extend(little(&[60_000, 28, 28]));
        let error = images_of(&mixed).unwrap_err().to_string();
        assert!(error.contains("little-endian") && error.contains(">i4"), "{error}");
        assert_eq!(content(&little(&[LABELS_MAGIC])), Some(IdxContent::Labels));
        assert_eq!(content(b"\0\0\0\0"), None);
    }

    #[test]
    fn zero_and_enormous_dimensions_are_errors() {
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
    fn a_wrong_magic_number_is_an_error_that_names_the_file() {
        let error = images_of(&encode_labels(&[1, 2, 3])).unwrap_err().to_string();
        assert!(error.contains("train-images") && error.contains("0x00000801"), "{error}");
        assert!(error.contains("0x00000803"), "{error}");
    }
}
