//! TensorBoard event files: records of a length, its checksum, an `Event` message and its checksum.

mod event;
mod tensor;

use super::record::{LONGEST_RECORD, LogReader, LogRecord, Sink};
use event::Decoder;
use std::ops::Range;

/// Bytes before a record's data: its length, and the checksum of the length.
const HEADER: usize = 12;
/// Bytes after the data: its checksum.
const FOOTER: usize = 4;
/// A length of this many bytes or more is damage, even with a correct checksum.
const IMPLAUSIBLE: u64 = 1 << 32;

/// Reads an event file. A record with a wrong checksum is skipped with a warning. If a length is
/// damaged, reading continues at the next complete record with correct checksums; until there is
/// one it waits, because zeros returned temporarily by a network file system look the same.
#[derive(Debug, Default)]
pub struct EventFileReader {
    decoder: Decoder,
    /// Offset of the next byte to read.
    offset: u64,
    /// Number of bytes after `offset` already searched for a complete record.
    searched: usize,
    holes: Vec<Range<u64>>,
}

/// The result of parsing the record at the start of some bytes.
enum RecordFrame<'a> {
    Record(&'a [u8]),
    /// More bytes are needed to decide.
    Incomplete,
    /// The length is wrong.
    BadLength,
    /// A record of this many data bytes with a wrong checksum.
    BadData(usize),
    /// A record of this many data bytes, too long to keep in memory.
    TooLong(u64),
}

impl LogReader for EventFileReader {
    fn read(&mut self, bytes: &[u8], end: bool, sink: &mut dyn Sink) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let offset = self.offset + at as u64;
            match frame(rest) {
                RecordFrame::Record(data) => {
                    if !self.decoder.event(data, sink) {
                        warn(sink, offset, "a record that is not an event was skipped");
                    }
                    at += HEADER + data.len() + FOOTER;
                }
                RecordFrame::BadData(length) => {
                    let next = HEADER + length + FOOTER;
                    // The newest record may be incomplete.
                    if next == rest.len() && !end {
                        break;
                    }
                    warn(sink, offset, "a record with a wrong checksum was skipped");
                    at += next;
                }
                RecordFrame::TooLong(length) => {
                    warn(sink, offset, &format!("a record of {length} bytes was skipped"));
                    at += usize::try_from(length).unwrap_or(usize::MAX / 2) + HEADER + FOOTER;
                }
                RecordFrame::BadLength => match self.search(rest) {
                    Some(skip) => {
                        warn(sink, offset, &format!("{skip} damaged bytes were skipped"));
                        if rest[..skip.min(HEADER)].iter().all(|&byte| byte == 0) {
                            self.holes.push(offset..offset + skip as u64);
                        }
                        self.searched = 0;
                        at += skip;
                    }
                    None if rest.len() >= LONGEST_RECORD / 4 || end => {
                        warn(sink, offset, &format!("{} damaged bytes were skipped", rest.len()));
                        self.searched = 0;
                        at += rest.len();
                    }
                    None => break,
                },
                RecordFrame::Incomplete => {
                    if end {
                        warn(
                            sink,
                            offset,
                            &format!("the last record is incomplete, {} bytes", rest.len()),
                        );
                    }
                    break;
                }
            }
        }
        self.offset += at as u64;
        at
    }

    fn holes(&self) -> &[Range<u64>] {
        &self.holes
    }
}

impl EventFileReader {
    /// Number of bytes up to the next complete record with correct checksums.
    fn search(&mut self, bytes: &[u8]) -> Option<usize> {
        let last = bytes.len().checked_sub(HEADER + FOOTER)?;
        for skip in self.searched.max(1)..=last {
            self.searched = skip;
            match frame(&bytes[skip..]) {
                RecordFrame::Record(_) => return Some(skip),
                // Its length is correct: wait for the rest of it.
                RecordFrame::Incomplete => return None,
                _ => {}
            }
        }
        None
    }
}

fn warn(sink: &mut dyn Sink, offset: u64, text: &str) {
    sink.record(LogRecord::Warning { offset, text: text.to_owned() });
}

fn frame(bytes: &[u8]) -> RecordFrame<'_> {
    let Some((header, rest)) = bytes.split_at_checked(HEADER) else {
        return RecordFrame::Incomplete;
    };
    let (length, sum) = header.split_at(8);
    if masked(length) != number(sum) {
        return RecordFrame::BadLength;
    }
    // `length` holds 8 bytes.
    let length = u64::from_le_bytes(length.try_into().unwrap_or_default());
    if length >= IMPLAUSIBLE {
        return RecordFrame::BadLength;
    }
    if length > LONGEST_RECORD as u64 {
        return RecordFrame::TooLong(length);
    }
    let length = length as usize;
    let Some((data, rest)) = rest.split_at_checked(length) else { return RecordFrame::Incomplete };
    let Some(sum) = rest.get(..FOOTER) else { return RecordFrame::Incomplete };
    if masked(data) == number(sum) {
        RecordFrame::Record(data)
    } else {
        RecordFrame::BadData(length)
    }
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes.try_into().unwrap_or_default())
}

/// TensorFlow's masked CRC-32C.
fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Whether a file starts like an event file: with a record whose length has a correct checksum.
#[must_use]
pub fn has_magic(head: &[u8]) -> bool {
    head.len() >= HEADER && masked(&head[..8]) == number(&head[8..HEADER])
}

#[cfg(test)]
pub(crate) fn encode(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut bytes = length.to_vec();
    bytes.extend(masked(&length).to_le_bytes());
    bytes.extend(data);
    bytes.extend(masked(data).to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::record::testing::{assert_pieces_give_same_records, growing, whole};
    use proptest::prelude::*;

    /// An event with one scalar with the tag `loss`.
    fn scalar(step: u8, value: f32) -> Vec<u8> {
        let mut summary = vec![0x0a, 4];
        summary.extend(b"loss");
        summary.push(0x15);
        summary.extend(value.to_le_bytes());
        let mut event = vec![0x09];
        event.extend(1.5_f64.to_le_bytes());
        event.extend([
            0x10,
            step & 0x7f,
            0x2a,
            (summary.len() + 2) as u8,
            0x0a,
            summary.len() as u8,
        ]);
        event.extend(summary);
        encode(&event)
    }

    fn file(records: u8) -> Vec<u8> {
        (0..records).flat_map(|step| scalar(step, f32::from(step) / 2.0)).collect()
    }

    fn scalars(found: &[String]) -> usize {
        found.iter().filter(|record| record.starts_with("Scalar")).count()
    }

    #[test]
    fn zeros_at_the_end_are_read_once_they_are_filled_in() {
        let good = file(4);
        let mut zeros = good.clone();
        let third = good.len() / 2;
        zeros[third..].fill(0);
        let mut reader = EventFileReader::default();
        let mut found = Vec::new();
        let mut sink = |record: LogRecord<'_>| found.push(format!("{record:?}"));
        let read = reader.read(&zeros, false, &mut sink);
        assert_eq!(read, third);
        assert_eq!(reader.read(&good[read..], false, &mut sink), good.len() - third);
        assert_eq!(found.len(), 4, "{found:?}");
    }

    #[test]
    fn a_hole_of_zeros_is_skipped_reported_and_remembered() {
        let mut bytes = file(6);
        let one = bytes.len() / 6;
        bytes[one..2 * one + 5].fill(0);
        let mut reader = EventFileReader::default();
        let mut found = Vec::new();
        reader.read(&bytes, true, &mut |record: LogRecord<'_>| found.push(format!("{record:?}")));
        assert_eq!(scalars(&found), 4);
        assert_eq!(found.iter().filter(|record| record.starts_with("Warning")).count(), 1);
        let holes: Vec<(u64, u64)> =
            reader.holes().iter().map(|hole| (hole.start, hole.end)).collect();
        assert_eq!(holes, [(one as u64, 3 * one as u64)]);
    }

    #[test]
    fn a_garbage_record_with_correct_checksums_is_reported() {
        let mut bytes = encode(&[0xff; 20]);
        bytes.extend(scalar(1, 2.0));
        let found = whole(EventFileReader::default(), &bytes);
        assert_eq!((found.len(), scalars(&found)), (2, 1), "{found:?}");
    }

    proptest! {
        #[test]
        fn reading_in_pieces_gives_the_same_records(
            damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4),
            cut in proptest::collection::vec(0_usize..700, 0..6),
        ) {
            let mut bytes = file(12);
            for (place, value) in damage {
                let place = place.index(bytes.len());
                bytes[place] = value;
            }
            assert_pieces_give_same_records(EventFileReader::default, &bytes, &cut);
        }

        #[test]
        fn arbitrary_bytes_do_not_panic_and_records_after_them_are_found(
            noise in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut bytes = noise;
            bytes.extend(file(3));
            prop_assert_eq!(scalars(&growing(EventFileReader::default(), &bytes, &[50, 100])), 3);
        }
    }
}
