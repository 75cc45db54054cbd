//! NumPy's `.npy` arrays: a header in Python syntax, then values.

use super::arrays::{Array, Values};
use super::shades::Shades;
use std::io::{self, Read};

const MAGIC: &[u8] = b"\x93NUMPY";
/// Maximum length of a header; numpy's are shorter than 64 KB.
const MAX_HEADER: usize = 64 << 10;
/// Maximum number of dimensions of an array.
const MAX_DIMENSIONS: usize = 8;
/// Maximum number of values of an array.
const MAX_VALUES: u64 = 1 << 30;
/// Maximum length of a text.
const MAX_TEXT: usize = 4096;

/// The kind of a value in numpy's `descr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberKind {
    Bool,
    Unsigned,
    Signed,
    Float,
    /// Texts of 4-byte characters.
    Unicode,
    /// Byte strings.
    Bytes,
}

/// The type of an array's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dtype {
    pub kind: NumberKind,
    /// Bytes per value.
    pub size: usize,
    pub big_endian: bool,
}

impl Dtype {
    /// Parses a description such as `<f4`, `|u1`, `<U8`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let unknown = || format!("holds values of type `{text}`, not whole or real numbers");
        let (order, rest) = match text.as_bytes().first() {
            Some(b'<' | b'>' | b'|' | b'=') => text.split_at(1),
            _ => ("=", text),
        };
        let mut letters = rest.chars();
        let kind = match letters.next() {
            Some('b') if letters.as_str() == "1" => NumberKind::Bool,
            Some('u') => NumberKind::Unsigned,
            Some('i' | 'b') => NumberKind::Signed,
            Some('f') => NumberKind::Float,
            Some('U') => NumberKind::Unicode,
            Some('S' | 'a') => NumberKind::Bytes,
            Some('O') => {
                return Err("holds Python objects, which could run code; write it with a plain type, such as `.astype('uint8')`".into());
            }
            _ => return Err(unknown()),
        };
        let size: usize = letters.as_str().parse().map_err(|_| unknown())?;
        let size = if kind == NumberKind::Unicode { size.saturating_mul(4) } else { size };
        let fits = match kind {
            NumberKind::Bool => size == 1,
            NumberKind::Unsigned | NumberKind::Signed => matches!(size, 1 | 2 | 4 | 8),
            NumberKind::Float => matches!(size, 2 | 4 | 8),
            NumberKind::Unicode | NumberKind::Bytes => (1..=MAX_TEXT).contains(&size),
        };
        if fits { Ok(Self { kind, size, big_endian: order == ">" }) } else { Err(unknown()) }
    }

    /// Converts one value of `size` bytes.
    pub fn number(self, bytes: &[u8]) -> f64 {
        let mut word = [0_u8; 8];
        word[..self.size].copy_from_slice(bytes);
        if self.big_endian {
            word[..self.size].reverse();
        }
        let [a, b, c, d, ..] = word;
        match (self.kind, self.size) {
            (NumberKind::Signed, 1) => f64::from(a.cast_signed()),
            (NumberKind::Signed, 2) => f64::from(i16::from_le_bytes([a, b])),
            (NumberKind::Signed, 4) => f64::from(i32::from_le_bytes([a, b, c, d])),
            (NumberKind::Signed, _) => i64::from_le_bytes(word) as f64,
            (NumberKind::Float, 2) => {
                f64::from(crate::data::half::f16_to_f32(u16::from_le_bytes([a, b])))
            }
            (NumberKind::Float, 4) => f64::from(f32::from_le_bytes([a, b, c, d])),
            (NumberKind::Float, _) => f64::from_le_bytes(word),
            _ => u64::from_le_bytes(word) as f64,
        }
    }
}

/// The header of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NpyHeader {
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    /// Whether the array is column-major.
    pub fortran: bool,
}

/// Whether these are the first bytes of an array.
pub(super) fn is_npy(head: &[u8]) -> bool {
    head.starts_with(MAGIC)
}

/// Reads the header of an array.
///
/// # Errors
/// A message if it is not an array, or has an unsupported type.
pub(super) fn read_header(reader: &mut impl Read) -> Result<NpyHeader, String> {
    let mut start = [0; 8];
    reader.read_exact(&mut start).map_err(|error| ends(&error))?;
    if !start.starts_with(MAGIC) {
        return Err("does not start like a numpy array".into());
    }
    let length = if start[6] == 1 {
        let mut length = [0; 2];
        reader.read_exact(&mut length).map_err(|error| ends(&error))?;
        usize::from(u16::from_le_bytes(length))
    } else {
        let mut length = [0; 4];
        reader.read_exact(&mut length).map_err(|error| ends(&error))?;
        u32::from_le_bytes(length) as usize
    };
    if length > MAX_HEADER {
        return Err(format!("its header is {length} bytes long"));
    }
    let mut text = vec![0; length];
    reader.read_exact(&mut text).map_err(|error| ends(&error))?;
    parse_header(&String::from_utf8_lossy(&text))
}

/// Parses `{'descr': '|u1', 'fortran_order': False, 'shape': (60000, 28, 28), }`.
fn parse_header(text: &str) -> Result<NpyHeader, String> {
    let after = |key: &str| -> Result<&str, String> {
        let at = text.find(key).ok_or(format!("its header has no {key}"))?;
        let rest = text[at + key.len()..].trim_start_matches(['\'', '"']).trim_start();
        rest.strip_prefix(':').map(str::trim_start).ok_or(format!("its header has no {key}"))
    };
    let descr = after("descr")?;
    if descr.starts_with('[') {
        return Err("holds records with fields, not plain numbers".into());
    }
    let descr = descr.trim_start_matches(['\'', '"']);
    let descr = &descr[..descr.find(['\'', '"']).unwrap_or(descr.len())];
    let fortran = after("fortran_order")?.starts_with("True");
    let shape = after("shape")?;
    let shape = shape.strip_prefix('(').ok_or("its header has no shape")?;
    let shape = &shape[..shape.find(')').ok_or("its header has no shape")?];
    let shape: Result<Vec<usize>, _> =
        shape.split(',').map(str::trim).filter(|size| !size.is_empty()).map(str::parse).collect();
    let shape = shape.map_err(|_| "its header has no shape of whole numbers".to_owned())?;
    let header = NpyHeader { dtype: Dtype::parse(descr)?, shape, fortran };
    header.count()?;
    Ok(header)
}

impl NpyHeader {
    /// The number of values.
    pub fn count(&self) -> Result<usize, String> {
        if self.shape.len() > MAX_DIMENSIONS {
            return Err(format!("has {} dimensions", self.shape.len()));
        }
        let count =
            self.shape.iter().try_fold(1_u64, |count, &size| count.checked_mul(size as u64));
        match count {
            Some(count) if count <= MAX_VALUES => Ok(count as usize),
            _ => Err(format!("declares an array of {:?} values, too many to read", self.shape)),
        }
    }
}

/// Reads the values described by a header: numbers as shades or numbers, texts as texts.
///
/// # Errors
/// A message if the data is truncated or cannot be converted.
pub(super) fn read_values(header: &NpyHeader, reader: &mut impl Read) -> Result<Array, String> {
    let NpyHeader { dtype, shape, fortran } = header;
    let count = header.count()?;
    let mut values = match dtype.kind {
        NumberKind::Unicode | NumberKind::Bytes => Values::Texts(Vec::new()),
        NumberKind::Float => Values::Shades(Shades::Reals(Vec::new())),
        _ => Values::Shades(Shades::default()),
    };
    // The `f32` of shades would lose the precision of 64-bit labels.
    if shape.len() <= 2 && !matches!(values, Values::Texts(_)) && may_hold_labels(shape) {
        values = Values::Numbers(Vec::new());
    }
    // Reads in chunks, so that a header that declares too much does not allocate memory.
    let per_chunk = (32 << 10) / dtype.size + 1;
    let mut buffer = vec![0; per_chunk * dtype.size];
    let mut left = count;
    while left > 0 {
        let now = left.min(per_chunk);
        let bytes = &mut buffer[..now * dtype.size];
        reader.read_exact(bytes).map_err(|error| ends(&error))?;
        match &mut values {
            Values::Shades(Shades::Bytes(shades))
                if dtype.kind == NumberKind::Unsigned && dtype.size == 1 =>
            {
                shades.extend_from_slice(bytes);
            }
            Values::Shades(shades) => {
                bytes
                    .chunks_exact(dtype.size)
                    .for_each(|value| shades.push(dtype.number(value) as f32));
            }
            Values::Numbers(numbers) => {
                numbers.extend(bytes.chunks_exact(dtype.size).map(|value| dtype.number(value)));
            }
            Values::Texts(texts) => {
                texts.extend(bytes.chunks_exact(dtype.size).map(|value| text(*dtype, value)));
            }
        }
        left -= now;
    }
    if *fortran && shape.len() > 1 {
        values = match values {
            Values::Shades(Shades::Bytes(bytes)) => {
                Values::Shades(Shades::Bytes(row_major(&bytes, shape)))
            }
            Values::Shades(Shades::Reals(reals)) => {
                Values::Shades(Shades::Reals(row_major(&reals, shape)))
            }
            Values::Numbers(numbers) => Values::Numbers(row_major(&numbers, shape)),
            Values::Texts(texts) => Values::Texts(row_major(&texts, shape)),
        };
    }
    Ok(Array { shape: shape.clone(), values })
}

/// Converts column-major values to row-major.
fn row_major<T: Clone>(values: &[T], shape: &[usize]) -> Vec<T> {
    let mut index = vec![0; shape.len()];
    let mut ordered = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        let place = index.iter().zip(shape).rev().fold(0, |place, (i, size)| place * size + i);
        ordered.push(values[place].clone());
        for (i, size) in index.iter_mut().zip(shape).rev() {
            *i += 1;
            if *i < *size {
                break;
            }
            *i = 0;
        }
    }
    ordered
}

/// Whether an array of this shape may hold labels or scores: it has one dimension, or at most 256
/// columns.
fn may_hold_labels(shape: &[usize]) -> bool {
    match shape {
        [_] => true,
        [_, columns] => *columns <= super::classes::MAX_CLASSES,
        _ => false,
    }
}

fn text(dtype: Dtype, bytes: &[u8]) -> String {
    if dtype.kind == NumberKind::Bytes {
        return String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned();
    }
    let characters = bytes.as_chunks().0.iter().map(|&word| {
        let code =
            if dtype.big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) };
        char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
    });
    characters.collect::<String>().trim_end_matches('\0').to_owned()
}

/// The message for a read error.
pub(super) fn ends(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "ends too early".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Encodes an array as numpy does.
    pub(in crate::data::formats) fn npy(descr: &str, shape: &[usize], body: &[u8]) -> Vec<u8> {
        let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
        let sizes = sizes.join(", ") + ",";
        let text =
            format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sizes}), }}\n");
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes.extend(body);
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Array, String> {
        let mut reader = bytes;
        let header = read_header(&mut reader)?;
        read_values(&header, &mut reader)
    }

    fn numbers(bytes: &[u8]) -> Vec<f64> {
        match read(bytes).unwrap().values {
            Values::Numbers(numbers) => numbers,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn numbers_of_all_types_and_byte_orders_are_read() {
        let le = |values: &[i32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>();
        let be = |values: &[i32]| values.iter().flat_map(|v| v.to_be_bytes()).collect::<Vec<_>>();
        assert_eq!(numbers(&npy("<i4", &[2], &le(&[7, -3]))), [7.0, -3.0]);
        assert_eq!(numbers(&npy(">i4", &[2], &be(&[7, -3]))), [7.0, -3.0]);
        assert_eq!(numbers(&npy("<f2", &[2], &[0x00, 0x3c, 0x00, 0xc0])), [1.0, -2.0]);
        assert_eq!(numbers(&npy("|b1", &[2], &[0, 1])), [0.0, 1.0]);
        assert_eq!(numbers(&npy("<f8", &[1], &2.5_f64.to_le_bytes())), [2.5]);
        assert_eq!(numbers(&npy("<i8", &[1], &(-9_i64).to_le_bytes())), [-9.0]);
        let names = npy(
            "<U3",
            &[2],
            &"cat"
                .chars()
                .chain("ox\0".chars())
                .flat_map(|c| (c as u32).to_le_bytes())
                .collect::<Vec<_>>(),
        );
        assert!(
            matches!(read(&names).unwrap().values, Values::Texts(texts) if texts == ["cat", "ox"])
        );
    }

    #[test]
    fn fortran_order_becomes_row_major() {
        // numpy.asfortranarray([[1, 2, 3], [4, 5, 6]]) is stored as 1 4 2 5 3 6.
        assert_eq!(row_major(&[1, 4, 2, 5, 3, 6], &[2, 3]), [1, 2, 3, 4, 5, 6]);
        assert_eq!(row_major(&[0, 4, 2, 6, 1, 5, 3, 7], &[2, 2, 2]), [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn damaged_files_are_errors() {
        for (bytes, why) in [
            (npy("|O", &[2], &[]), "could run code"),
            (npy("<c8", &[2], &[]), "<c8"),
            (npy("|u1", &[usize::MAX, 2], &[]), "too many"),
            (npy("|u1", &[1 << 20, 1 << 20], &[]), "too many"),
            (npy("|u1", &[4], &[1, 2]), "ends too early"),
            (b"\x93NUMPY\x01\0\x05\0{ab} ".to_vec(), "descr"),
        ] {
            let error = read(&bytes).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_headers_do_not_panic(text in ".{0,80}", tail: Vec<u8>) {
            let mut bytes = MAGIC.to_vec();
            bytes.extend([1, 0]);
            bytes.extend((text.len() as u16).to_le_bytes());
            bytes.extend(text.as_bytes());
            bytes.extend(tail);
            let _ = read(&bytes);
        }
    }
}
