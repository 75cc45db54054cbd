//! The pages of a column: compressed, with levels for absent values and lists, and values in one of
//! several encodings.

use super::super::thrift::{ThriftStruct, read_struct};
use super::{ParquetColumn, ParquetValue};
use brotli_decompressor::Decompressor;
use flate2::read::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// Maximum size of a page, compressed or not.
const MAX_PAGE: i64 = 256 << 20;
/// A page may unpack to this many bytes regardless of its size.
const UNPACKED_FREELY: i64 = 16 << 20;
/// Larger pages may unpack to at most this many times their size.
const MAX_RATIO: i64 = 100;

/// The pages of a column in a row group.
pub(super) struct Pages<'a> {
    column: &'a ParquetColumn,
    codec: i64,
    /// The compressed bytes of all pages.
    bytes: Vec<u8>,
    /// Offset of the next page in `bytes`.
    at: usize,
    dictionary: Vec<ParquetValue>,
}

impl<'a> Pages<'a> {
    pub(super) fn new(
        file: &mut File,
        len: u64,
        chunk: &ThriftStruct,
        column: &'a ParquetColumn,
    ) -> Result<Self, String> {
        let first = chunk.int(9).unwrap_or(0);
        let start = chunk.int(11).filter(|&at| at > 0).map_or(first, |at| at.min(first));
        let size = chunk.int(7).unwrap_or(0);
        let (Ok(start), Ok(size)) = (u64::try_from(start), u64::try_from(size)) else {
            return Err("its offset is negative".into());
        };
        if start.checked_add(size).is_none_or(|end| end > len) {
            return Err("its pages are beyond the end of the file".into());
        }
        file.seek(SeekFrom::Start(start)).map_err(|error| error.to_string())?;
        let mut bytes = vec![0; size as usize];
        file.read_exact(&mut bytes).map_err(|error| error.to_string())?;
        let codec = chunk.int(4).unwrap_or(0);
        Ok(Self { column, codec, bytes, at: 0, dictionary: Vec::new() })
    }

    /// Reads one page: appends its values to `cells`, which may hold `most`, and the start of each
    /// row to `starts`; or stores the dictionary.
    pub(super) fn next(
        &mut self,
        cells: &mut Vec<ParquetValue>,
        starts: &mut Vec<usize>,
        most: usize,
    ) -> Result<(), String> {
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty());
        let (header, length) = read_struct(rest.ok_or("its pages end too early")?)?;
        let packed = header.int(3).unwrap_or(0);
        let unpacked = header.int(2).unwrap_or(0);
        let body = self.at + length;
        let end = usize::try_from(packed).ok().and_then(|packed| body.checked_add(packed));
        let page = end.and_then(|end| self.bytes.get(body..end)).ok_or("a page ends too early")?;
        let bound = UNPACKED_FREELY.max(packed.saturating_mul(MAX_RATIO)).min(MAX_PAGE);
        if !(0..=bound).contains(&unpacked) {
            return Err(format!(
                "a page of {packed} bytes that declares {unpacked}: a decompression bomb"
            ));
        }
        let kind = header.int(1).unwrap_or(-1);
        match kind {
            2 => {
                let details = header.fields(7).ok_or("a dictionary without a header")?;
                let count = details.int(1).unwrap_or(0);
                let page = unpack(self.codec, page, unpacked as usize)?;
                self.dictionary = plain(self.column, &page, count_of(count, page.len())?)?.0;
            }
            0 => {
                let details = header.fields(5).ok_or("a page without a header")?;
                let count = details.int(1).unwrap_or(0);
                let page = unpack(self.codec, page, unpacked as usize)?;
                let mut rest = &page[..];
                let count =
                    usize::try_from(count).ok().filter(|&count| cells.len() + count <= most);
                let count = count.ok_or("a page with more values than its column")?;
                let repetition = level(&mut rest, self.column.repeated, count)?;
                let definition = level(&mut rest, self.column.optional, count)?;
                let encoding = details.int(2).unwrap_or(-1);
                self.values(rest, encoding, count, &repetition, &definition, cells, starts)?;
            }
            3 => {
                let details = header.fields(8).ok_or("a page without a header")?;
                let count = usize::try_from(details.int(1).unwrap_or(0)).ok();
                let count = count.filter(|&count| cells.len() + count <= most);
                let count = count.ok_or("a page with more values than its column")?;
                let size = |id| usize::try_from(details.int(id).unwrap_or(0)).unwrap_or(usize::MAX);
                let (definitions, repetitions) = (size(5), size(6));
                let levels = definitions.saturating_add(repetitions);
                let (levels, values) =
                    page.split_at_checked(levels).ok_or("a page ends too early")?;
                let (repetitions, definitions) = levels.split_at(repetitions);
                let repetition = runs_of(repetitions, self.column.repeated, count)?;
                let definition = runs_of(definitions, self.column.optional, count)?;
                let left = (unpacked as usize).saturating_sub(levels.len());
                let codec = if details.bool(7) == Some(false) { 0 } else { self.codec };
                let values =
                    if values.is_empty() { Vec::new() } else { unpack(codec, values, left)? };
                let encoding = details.int(4).unwrap_or(-1);
                self.values(&values, encoding, count, &repetition, &definition, cells, starts)?;
            }
            // An index page, which common writers do not produce.
            1 => {}
            other => return Err(format!("a page of the unknown kind {other}")),
        }
        self.at = body + packed as usize;
        Ok(())
    }

    #[allow(clippy::too_many_arguments, reason = "shared by both page versions")]
    fn values(
        &self,
        bytes: &[u8],
        encoding: i64,
        count: usize,
        repetition: &[u32],
        definition: &[u32],
        cells: &mut Vec<ParquetValue>,
        starts: &mut Vec<usize>,
    ) -> Result<(), String> {
        let max_level = u32::from(self.column.optional);
        let present = definition.iter().filter(|&&level| level == max_level).count();
        let present = if max_level == 0 { count } else { present };
        let values = match encoding {
            0 => plain(self.column, bytes, present)?.0,
            2 | 8 => {
                let width = u32::from(*bytes.first().ok_or("a page ends too early")?);
                let places = runs(&bytes[1..], width, present)?;
                let cell = |&at: &u32| self.dictionary.get(at as usize).cloned();
                let cells: Option<Vec<ParquetValue>> = places.iter().map(cell).collect();
                cells.ok_or("a value that is not in its dictionary")?
            }
            3 if self.column.kind == 0 => {
                let body = bytes.get(4..).ok_or("a page ends too early")?;
                let bits = runs(body, 1, present)?;
                bits.into_iter().map(|bit| ParquetValue::Int(bit.into())).collect()
            }
            other => {
                return Err(format!(
                    "its values are in the encoding {other}, which is not supported; write the file with pyarrow, whose default is"
                ));
            }
        };
        let mut values = values.into_iter();
        for index in 0..count {
            if repetition.get(index).copied().unwrap_or(0) == 0 {
                starts.push(cells.len());
            }
            let level = definition.get(index).copied().unwrap_or(max_level);
            let value = if level == max_level { values.next() } else { Some(ParquetValue::Null) };
            cells.push(value.ok_or("a page with fewer values than it declares")?);
        }
        Ok(())
    }
}

/// Checks that this many bytes can hold `count` values of at least one bit each.
fn count_of(count: i64, bytes: usize) -> Result<usize, String> {
    let count = usize::try_from(count).ok().filter(|&count| count <= bytes.saturating_mul(8));
    count.ok_or_else(|| "a page with more values than bytes".into())
}

fn unpack(codec: i64, bytes: &[u8], size: usize) -> Result<Vec<u8>, String> {
    let limit = size as u64 + 1;
    let read = |reader: &mut dyn Read| {
        let mut unpacked = Vec::new();
        reader.take(limit).read_to_end(&mut unpacked).map_err(|error| error.to_string())?;
        Ok::<_, String>(unpacked)
    };
    let unpacked = match codec {
        0 => bytes.to_vec(),
        1 => {
            let length = snap::raw::decompress_len(bytes).map_err(|error| error.to_string())?;
            if length != size {
                return Err("a page whose length differs from its header".into());
            }
            snap::raw::Decoder::new().decompress_vec(bytes).map_err(|error| error.to_string())?
        }
        2 => read(&mut MultiGzDecoder::new(bytes))?,
        4 => read(&mut Decompressor::new(bytes, 4096))?,
        6 => {
            let mut reader = StreamingDecoder::new(bytes).map_err(|error| error.to_string())?;
            read(&mut reader)?
        }
        other => {
            let name = match other {
                3 => "LZO",
                5 | 7 => "LZ4",
                _ => "an unknown method",
            };
            return Err(format!(
                "compressed with {name}, which is not supported; write the file with compression='zstd'"
            ));
        }
    };
    if unpacked.len() == size {
        Ok(unpacked)
    } else {
        Err("a page whose length differs from its header".into())
    }
}

/// The levels of a version 1 page, stored after their length in bytes; none if the highest is 0.
fn level(rest: &mut &[u8], highest: u8, count: usize) -> Result<Vec<u32>, String> {
    if highest == 0 {
        return Ok(Vec::new());
    }
    let length = rest.first_chunk().map(|length| u32::from_le_bytes(*length) as usize);
    let end = length.and_then(|length| length.checked_add(4));
    let levels = end.and_then(|end| rest.get(4..end)).ok_or("a page ends too early")?;
    *rest = &rest[4 + levels.len()..];
    runs_of(levels, highest, count)
}

fn runs_of(bytes: &[u8], highest: u8, count: usize) -> Result<Vec<u32>, String> {
    if highest == 0 { Ok(Vec::new()) } else { runs(bytes, 8 - highest.leading_zeros(), count) }
}

/// Decodes the RLE/bit-packing hybrid: runs of a repeated number, or of bit-packed groups of eight.
pub(super) fn runs(mut bytes: &[u8], width: u32, count: usize) -> Result<Vec<u32>, String> {
    if width > 32 {
        return Err(format!("numbers of {width} bits"));
    }
    let mut numbers = Vec::new();
    while numbers.len() < count {
        let mut head = 0_u64;
        for shift in (0..).step_by(7) {
            let (&byte, rest) = bytes.split_first().ok_or("a page ends too early")?;
            bytes = rest;
            head |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                break;
            }
        }
        let left = count - numbers.len();
        if head & 1 == 0 {
            let size = width.div_ceil(8) as usize;
            let value = bytes.get(..size).ok_or("a page ends too early")?;
            let value = value.iter().rev().fold(0, |number, &byte| number << 8 | u32::from(byte));
            bytes = &bytes[size..];
            let run = usize::try_from(head >> 1).unwrap_or(usize::MAX);
            if run == 0 {
                return Err("an empty run".into());
            }
            numbers.resize(numbers.len() + run.min(left), value);
        } else {
            let groups = usize::try_from(head >> 1).unwrap_or(usize::MAX);
            let size = groups.saturating_mul(width as usize);
            let packed = &bytes[..size.min(bytes.len())];
            let available = if width == 0 {
                groups.saturating_mul(8)
            } else {
                packed.len() * 8 / width as usize
            };
            let run = groups.saturating_mul(8).min(left);
            if run == 0 || available < run {
                return Err("a page ends too early".into());
            }
            for index in 0..run {
                let bit = index * width as usize;
                let (first, shift) = (bit / 8, bit % 8);
                let window = packed[first.min(packed.len())..].iter().take(5).enumerate();
                let word =
                    window.fold(0_u64, |word, (at, &byte)| word | u64::from(byte) << (8 * at));
                let mask = (1_u64 << width) - 1;
                numbers.push((word >> shift & mask) as u32);
            }
            bytes = &bytes[packed.len()..];
        }
    }
    Ok(numbers)
}

/// Decodes plain values; returns them and the number of bytes read.
fn plain(
    column: &ParquetColumn,
    bytes: &[u8],
    count: usize,
) -> Result<(Vec<ParquetValue>, usize), String> {
    let mut rest = bytes;
    let mut cells = Vec::new();
    let mut take = |length: usize| -> Result<&[u8], String> {
        let (value, after) = rest.split_at_checked(length).ok_or("a page ends too early")?;
        rest = after;
        Ok(value)
    };
    for index in 0..count {
        cells.push(match column.kind {
            0 => {
                let byte = bytes.get(index / 8).ok_or("a page ends too early")?;
                ParquetValue::Int((byte >> (index % 8) & 1).into())
            }
            1 => ParquetValue::Int(i32::from_le_bytes(word(take(4)?)).into()),
            2 => ParquetValue::Int(i64::from_le_bytes(word(take(8)?))),
            4 => ParquetValue::Real(f32::from_le_bytes(word(take(4)?)).into()),
            5 => ParquetValue::Real(f64::from_le_bytes(word(take(8)?))),
            6 => {
                let length = u32::from_le_bytes(word(take(4)?)) as usize;
                ParquetValue::Bytes(take(length)?.into())
            }
            7 => ParquetValue::Bytes(take(column.length)?.into()),
            other => {
                return Err(format!("its values are of the type {other}, which is not supported"));
            }
        });
    }
    let left = rest.len();
    Ok((cells, bytes.len() - left))
}

/// Converts a slice to an array.
fn word<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut word = [0; N];
    word.copy_from_slice(bytes);
    word
}
