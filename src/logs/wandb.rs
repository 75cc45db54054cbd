//! `.wandb` files of Weights & Biases: protobuf records in blocks of 32 KiB, in the log format of
//! LevelDB. Both encodings of values (JSON and typed) and both versions of the header (0 and 1) are
//! supported.

use super::json;
use super::record::{LONGEST_RECORD, LogReader, LogRecord, Sink, WriterState};
use super::value::LogValue;
use super::wire::{Field, ProtobufFields};

/// Bytes per block.
const BLOCK: u64 = 32 << 10;
/// Bytes before a chunk's payload: checksum, length, kind.
const CHUNK_HEADER: usize = 7;
/// Bytes of the file's header: `:W&B`, a magic number, and the version.
const FILE_HEADER: usize = 7;
const MAGIC: [u8; 6] = [0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe];

/// Reads a `.wandb` file. If a chunk is damaged, the rest of its block is skipped with a warning.
#[derive(Debug, Default)]
pub struct WandbFile {
    offset: u64,
    /// A record of several chunks, as read so far; `None` between records.
    pending: Option<Vec<u8>>,
    /// Number of history records so far: the step of those without one.
    rows: i64,
    /// Printed text after the last newline.
    printed: String,
}

impl LogReader for WandbFile {
    fn read(&mut self, bytes: &[u8], end: bool, sink: &mut dyn Sink) -> usize {
        let mut at = 0;
        if self.offset == 0 {
            let Some(header) = bytes.get(..FILE_HEADER) else { return 0 };
            if header[..6] != MAGIC {
                warn(sink, 0, "it does not start like a .wandb file");
            } else if header[6] > 1 {
                let text =
                    format!("written by a newer wandb, format {}: some may be missing", header[6]);
                warn(sink, 6, &text);
            }
            at = FILE_HEADER;
        }
        while let Some(taken) = self.chunk(&bytes[at..], self.offset + at as u64, end, sink) {
            at += taken;
        }
        if end {
            if at < bytes.len() || self.pending.is_some() {
                warn(sink, self.offset + at as u64, "the last record is incomplete");
            }
            if !self.printed.is_empty() {
                let text = std::mem::take(&mut self.printed);
                sink.record(LogRecord::Line { text: &text });
            }
        }
        self.offset += at as u64;
        at
    }
}

impl WandbFile {
    /// Reads the chunk at the start; returns its length, `None` if more data is needed.
    fn chunk(
        &mut self,
        bytes: &[u8],
        offset: u64,
        end: bool,
        sink: &mut dyn Sink,
    ) -> Option<usize> {
        let left = (BLOCK - offset % BLOCK) as usize;
        if left < CHUNK_HEADER {
            return (bytes.len() >= left).then_some(left);
        }
        let header = bytes.get(..CHUNK_HEADER)?;
        let sum = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
        let length = usize::from(u16::from_le_bytes([header[4], header[5]]));
        let whole = CHUNK_HEADER + length;
        let fits = whole <= left;
        if fits && bytes.len() < whole && sum != 0 {
            return None;
        }
        let body = bytes.get(6..whole).filter(|_| fits);
        let good = body.filter(|body| crc32fast::hash(body) == sum);
        let Some(body) = good.filter(|body| (1..=4).contains(&body[0])) else {
            // Wait until the block is complete: damaged bytes may not have arrived yet.
            if bytes.len() <= left && !end {
                return None;
            }
            let skip = left.min(bytes.len());
            if bytes[..skip].iter().any(|&byte| byte != 0) {
                warn(sink, offset, &format!("a damaged chunk: {skip} bytes were skipped"));
            }
            self.pending = None;
            return Some(skip);
        };
        self.add_chunk(body[0], &body[1..], sink);
        Some(whole)
    }

    /// Processes a chunk: a complete record, or its first, middle or last part.
    fn add_chunk(&mut self, kind: u8, part: &[u8], sink: &mut dyn Sink) {
        match (kind, &mut self.pending) {
            (1, pending) => {
                *pending = None;
                self.entry(part, sink);
            }
            (2, pending) => *pending = Some(part.to_vec()),
            (3, Some(record)) if record.len() < LONGEST_RECORD => record.extend(part),
            (4, Some(record)) => {
                record.extend(part);
                let record = std::mem::take(record);
                self.pending = None;
                self.entry(&record, sink);
            }
            // A part whose start was lost.
            _ => self.pending = None,
        }
    }

    fn entry(&mut self, bytes: &[u8], sink: &mut dyn Sink) {
        for (number, field) in ProtobufFields::new(bytes) {
            match number {
                2 => self.history(field.bytes(), sink),
                13 => self.output(field.bytes(), sink),
                17 => run(field.bytes(), sink),
                5 => config(field.bytes(), sink),
                18 => {
                    let code = ProtobufFields::new(field.bytes()).find(|(number, _)| *number == 1);
                    let code = code.and_then(|(_, code)| code.int()).unwrap_or(0);
                    let state = if code == 0 { WriterState::Finished } else { WriterState::Failed };
                    sink.record(LogRecord::State(state));
                }
                _ => {}
            }
        }
    }

    fn history(&mut self, bytes: &[u8], sink: &mut dyn Sink) {
        let mut items = Vec::new();
        let mut step = None;
        for (number, field) in ProtobufFields::new(bytes) {
            match number {
                1 => items.push(item(field.bytes())),
                2 => {
                    let number =
                        ProtobufFields::new(field.bytes()).find(|(number, _)| *number == 1);
                    step = Some(number.and_then(|(_, step)| step.int()).unwrap_or(0));
                }
                _ => {}
            }
        }
        let find = |name: &str| {
            let found = items.iter().find(|(key, _)| key == name);
            found.and_then(|(_, value)| value.number())
        };
        let counted = find("_step").map_or(self.rows, |step| step as i64);
        let step = step.unwrap_or(counted);
        let wall_time = find("_timestamp").unwrap_or(f64::NAN);
        self.rows = self.rows.max(step) + 1;
        for (key, value) in &items {
            value.leaves(".", false, &mut |path, leaf| {
                if let LogValue::Number(value) = *leaf {
                    let nested = format!("{key}.{path}");
                    let name = if path.is_empty() { key } else { &nested };
                    sink.record(LogRecord::Scalar { name, step, wall_time, value });
                }
            });
        }
    }

    /// Processes printed text, which arrives in pieces of any length.
    fn output(&mut self, bytes: &[u8], sink: &mut dyn Sink) {
        let line = ProtobufFields::new(bytes).find(|(number, _)| *number == 3);
        let Some((_, line)) = line else { return };
        self.printed.push_str(&line.text());
        while let Some(length) = self.printed.find('\n') {
            sink.record(LogRecord::Line { text: &self.printed[..length] });
            self.printed.drain(..=length);
        }
        if self.printed.len() > 1 << 20 {
            self.printed.clear();
        }
    }
}

/// The key and value of a history or configuration item.
fn item(bytes: &[u8]) -> (String, LogValue) {
    let mut keys = Vec::new();
    let mut value = LogValue::Null;
    for (number, field) in ProtobufFields::new(bytes) {
        match number {
            1 => keys = vec![field.text()],
            2 => keys.push(field.text()),
            4 => value = LogValue::Bool(field.int() == Some(1)),
            // sint64: zigzag.
            5 => {
                let raw = field.int().unwrap_or(0).cast_unsigned();
                let number = (raw >> 1).cast_signed() ^ -(raw & 1).cast_signed();
                value = LogValue::Number(number as f64);
            }
            6 => value = field.double().map_or(LogValue::Null, LogValue::Number),
            7 => value = LogValue::Text(field.text().into_owned()),
            8 | 16 => value = parse_value(field),
            _ => {}
        }
    }
    (keys.join("."), value)
}

fn parse_value(field: Field<'_>) -> LogValue {
    json::parse(&field.text()).unwrap_or(LogValue::Null)
}

fn config(bytes: &[u8], sink: &mut dyn Sink) {
    for (number, field) in ProtobufFields::new(bytes) {
        if number != 1 {
            continue;
        }
        let (key, value) = item(field.bytes());
        if key.starts_with("_wandb") {
            continue;
        }
        value.leaves(".", false, &mut |path, leaf| {
            let nested = format!("{key}.{path}");
            let name = if path.is_empty() { &key } else { &nested };
            sink.record(LogRecord::Config { name, value: leaf.clone() });
        });
    }
}

fn run(bytes: &[u8], sink: &mut dyn Sink) {
    for (number, field) in ProtobufFields::new(bytes) {
        match number {
            4 => config(field.bytes(), sink),
            6 if !field.bytes().is_empty() => sink.record(LogRecord::Group { name: &field.text() }),
            8 if !field.bytes().is_empty() => sink.record(LogRecord::Title { name: &field.text() }),
            17 => {
                let (mut seconds, mut nanoseconds) = (0, 0);
                for (number, field) in ProtobufFields::new(field.bytes()) {
                    match number {
                        1 => seconds = field.int().unwrap_or(0),
                        2 => nanoseconds = field.int().unwrap_or(0),
                        _ => {}
                    }
                }
                let wall_time = seconds as f64 + nanoseconds as f64 / 1e9;
                sink.record(LogRecord::Started { wall_time });
            }
            _ => {}
        }
    }
}

fn warn(sink: &mut dyn Sink, offset: u64, text: &str) {
    sink.record(LogRecord::Warning { offset, text: text.to_owned() });
}

/// Whether a file starts like a `.wandb` file.
#[must_use]
pub fn has_magic(head: &[u8]) -> bool {
    head.starts_with(&MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::record::testing::{assert_pieces_give_same_records, whole};
    use proptest::prelude::*;

    /// A file of these records, in chunks as written by LevelDB.
    fn file(records: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.push(0);
        for record in records {
            let mut rest = &record[..];
            let mut first = true;
            loop {
                let left = BLOCK as usize - bytes.len() % BLOCK as usize;
                if left < CHUNK_HEADER {
                    bytes.extend(vec![0; left]);
                    continue;
                }
                let part = rest.len().min(left - CHUNK_HEADER);
                let kind = match (first, part == rest.len()) {
                    (true, true) => 1,
                    (true, false) => 2,
                    (false, false) => 3,
                    (false, true) => 4,
                };
                let mut body = vec![kind];
                body.extend(&rest[..part]);
                bytes.extend(crc32fast::hash(&body).to_le_bytes());
                bytes.extend((part as u16).to_le_bytes());
                bytes.extend(body);
                rest = &rest[part..];
                first = false;
                if kind == 1 || kind == 4 {
                    break;
                }
            }
        }
        bytes
    }

    fn varint(mut value: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while value >= 0x80 {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    }

    fn message(number: u64, body: &[u8]) -> Vec<u8> {
        [varint(number << 3 | 2), varint(body.len() as u64), body.to_vec()].concat()
    }

    /// A history record with a value of `length` digits.
    fn history(length: usize) -> Vec<u8> {
        let value = format!("1.{}", "5".repeat(length));
        let item = [message(2, b"loss"), message(16, value.as_bytes())].concat();
        message(2, &[message(1, &item), message(2, &[0x08, 7])].concat())
    }

    #[test]
    fn typed_values_are_read() {
        let typed = [vec![0x0a, 1, b'a'], vec![0x28, 5]].concat();
        let double = [vec![0x0a, 1, b'b', 0x31], 0.5_f64.to_le_bytes().to_vec()].concat();
        let record = message(2, &[message(1, &typed), message(1, &double)].concat());
        let found = whole(WandbFile::default(), &file(&[record.clone(), record]));
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found[0].contains("step: 0") && found[0].contains("value: -3.0"), "{found:?}");
        assert!(found[3].contains("step: 1") && found[3].contains("value: 0.5"), "{found:?}");
    }

    proptest! {
        #[test]
        fn reading_in_pieces_gives_the_same_records(
            lengths in proptest::collection::vec(0_usize..30_000, 1..6),
            damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..3),
            cut in proptest::collection::vec(0_usize..150_000, 0..6),
        ) {
            let records: Vec<_> = lengths.into_iter().map(history).collect();
            let mut bytes = file(&records);
            for (place, value) in damage {
                let place = place.index(bytes.len());
                bytes[place] = value;
            }
            assert_pieces_give_same_records(WandbFile::default, &bytes, &cut);
        }
    }
}
