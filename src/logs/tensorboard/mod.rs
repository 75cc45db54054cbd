//! TensorBoard event files: records of a length, its checksum, an `Event` message and its checksum.

mod event;
mod tensor;

use super::record::{LONGEST_RECORD, Reader, Record, Sink};
use event::Decoder;
use std::ops::Range;

/// Bytes before the data of a record: its length and the checksum of that.
const HEADER: usize = 12;
/// Bytes behind the data: its checksum.
const FOOTER: usize = 4;
/// A longer record than this is damage, whatever its checksum says.
const ABSURD: u64 = 1 << 32;

/// Reads an event file. A record with a wrong checksum is skipped and told. Where the length itself
/// is damaged, reading goes on at the next place that holds a whole record with right checksums;
/// until there is one it waits, since zeros that a network file system shows for a while look the
/// same.
#[derive(Debug, Default)]
pub struct EventFile {
    decoder: Decoder,
    /// Offset in the file of the next byte to read.
    offset: u64,
    /// How far behind `offset` was searched for a whole record in vain.
    searched: usize,
    holes: Vec<Range<u64>>,
}

/// What stands at the front of some bytes.
enum Frame<'a> {
    Record(&'a [u8]),
    /// More bytes must come before it can be told.
    Torn,
    /// The length cannot be believed.
    BadLength,
    /// A record of this many data bytes with a wrong checksum.
    BadData(usize),
    /// A record of this many data bytes, too long to hold.
    TooLong(u64),
}

impl Reader for EventFile {
    fn read(&mut self, bytes: &[u8], end: bool, sink: &mut dyn Sink) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let offset = self.offset + at as u64;
            match frame(rest) {
                Frame::Record(data) => {
                    if !self.decoder.event(data, sink) {
                        warn(sink, offset, "a record that is no event was skipped");
                    }
                    at += HEADER + data.len() + FOOTER;
                }
                Frame::BadData(length) => {
                    let next = HEADER + length + FOOTER;
                    // The newest record may still be on its way.
                    if next == rest.len() && !end {
                        break;
                    }
                    warn(sink, offset, "a record with a wrong checksum was skipped");
                    at += next;
                }
                Frame::TooLong(length) => {
                    warn(sink, offset, &format!("a record of {length} bytes was skipped"));
                    at += usize::try_from(length).unwrap_or(usize::MAX / 2) + HEADER + FOOTER;
                }
                Frame::BadLength => match self.search(rest) {
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
                Frame::Torn => {
                    if end {
                        warn(
                            sink,
                            offset,
                            &format!("the last record is torn, {} bytes", rest.len()),
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

impl EventFile {
    /// How many bytes to skip to the next whole record with right checksums.
    fn search(&mut self, bytes: &[u8]) -> Option<usize> {
        let last = bytes.len().checked_sub(HEADER + FOOTER)?;
        for skip in self.searched.max(1)..=last {
            self.searched = skip;
            match frame(&bytes[skip..]) {
                Frame::Record(_) => return Some(skip),
                // Its length is right: wait for the rest of it.
                Frame::Torn => return None,
                _ => {}
            }
        }
        None
    }
}

fn warn(sink: &mut dyn Sink, offset: u64, text: &str) {
    sink.record(Record::Warning { offset, text: text.to_owned() });
}

fn frame(bytes: &[u8]) -> Frame<'_> {
    let Some((header, rest)) = bytes.split_at_checked(HEADER) else { return Frame::Torn };
    let (length, sum) = header.split_at(8);
    if masked(length) != number(sum) {
        return Frame::BadLength;
    }
    // `length` holds 8 bytes.
    let length = u64::from_le_bytes(length.try_into().unwrap_or_default());
    if length >= ABSURD {
        return Frame::BadLength;
    }
    if length > LONGEST_RECORD as u64 {
        return Frame::TooLong(length);
    }
    let length = length as usize;
    let Some((data, rest)) = rest.split_at_checked(length) else { return Frame::Torn };
    let Some(sum) = rest.get(..FOOTER) else { return Frame::Torn };
    if masked(data) == number(sum) { Frame::Record(data) } else { Frame::BadData(length) }
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes.try_into().unwrap_or_default())
}

/// TensorFlow's masked CRC-32C.
fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Whether a file begins as an event file does: with a record whose length has a right checksum.
#[must_use]
pub fn begins_like_one(head: &[u8]) -> bool {
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
    use crate::logs::record::testing::{assert_cutting_changes_nothing, growing, whole};
    use proptest::prelude::*;

    /// An event with one scalar of the tag `loss`.
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
    fn zeros_at_the_end_are_waited_for_and_read_once_they_are_filled_in() {
        let good = file(4);
        let mut zeros = good.clone();
        let third = good.len() / 2;
        zeros[third..].fill(0);
        let mut reader = EventFile::default();
        let mut found = Vec::new();
        let mut sink = |record: Record<'_>| found.push(format!("{record:?}"));
        let read = reader.read(&zeros, false, &mut sink);
        assert_eq!(read, third);
        assert_eq!(reader.read(&good[read..], false, &mut sink), good.len() - third);
        assert_eq!(found.len(), 4, "{found:?}");
    }

    #[test]
    fn a_hole_of_zeros_is_skipped_told_and_remembered() {
        let mut bytes = file(6);
        let one = bytes.len() / 6;
        bytes[one..2 * one + 5].fill(0);
        let mut reader = EventFile::default();
        let mut found = Vec::new();
        reader.read(&bytes, true, &mut |record: Record<'_>| found.push(format!("{record:?}")));
        assert_eq!(scalars(&found), 4);
        assert_eq!(found.iter().filter(|record| record.starts_with("Warning")).count(), 1);
        let holes: Vec<(u64, u64)> =
            reader.holes().iter().map(|hole| (hole.start, hole.end)).collect();
        assert_eq!(holes, [(one as u64, 3 * one as u64)]);
    }

    #[test]
    fn a_record_of_garbage_with_right_checksums_is_told() {
        let mut bytes = encode(&[0xff; 20]);
        bytes.extend(scalar(1, 2.0));
        let found = whole(EventFile::default(), &bytes);
        assert_eq!((found.len(), scalars(&found)), (2, 1), "{found:?}");
    }

    proptest! {
        #[test]
        fn cutting_changes_nothing(
            damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4),
            cut in proptest::collection::vec(0_usize..700, 0..6),
        ) {
            let mut bytes = file(12);
            for (place, value) in damage {
                let place = place.index(bytes.len());
                bytes[place] = value;
            }
            assert_cutting_changes_nothing(EventFile::default, &bytes, &cut);
        }

        #[test]
        fn no_bytes_make_it_panic_and_good_records_behind_them_are_found(
            noise in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut bytes = noise;
            bytes.extend(file(3));
            prop_assert_eq!(scalars(&growing(EventFile::default(), &bytes, &[50, 100])), 3);
        }
    }
}
