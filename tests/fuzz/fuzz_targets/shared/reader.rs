//! The properties of every reader of logs: it never panics, and its result does not depend on where
//! a growing file is divided into two reads. The first byte of an input selects that position.

use nntop::logs::formats::{FORMATS, LogFormat, ReaderKind};
use nntop::logs::{LONGEST_RECORD, LogReader, LogRecord};
use std::path::Path;

/// What a reader finds in a file that grows to each of these lengths.
fn read(mut reader: Box<dyn LogReader>, bytes: &[u8], lengths: &[usize]) -> Vec<String> {
    let mut found = Vec::new();
    let mut sink = |record: LogRecord<'_>| found.push(format!("{record:?}"));
    let mut start = 0;
    for &length in lengths {
        if start < length {
            start += reader.read(&bytes[start..length], false, &mut sink);
        }
    }
    reader.read(&bytes[start.min(bytes.len())..], true, &mut sink);
    found
}

/// Reads an input in a format by its name.
pub fn check(name: &str, input: &[u8]) {
    let format = FORMATS.iter().find(|format| format.name == name);
    check_format(format.expect("a format of this name"), input);
}

/// Reads an input in a format.
pub fn check_format(format: &LogFormat, input: &[u8]) {
    let Some((cut, bytes)) = input.split_first() else { return };
    assert!(bytes.len() < LONGEST_RECORD);
    let path = Path::new("mlruns/1/run/metrics/x");
    let open = || (format.open)(path, bytes);
    match open() {
        ReaderKind::Stream(reader) => {
            let cut = usize::from(*cut) * bytes.len() / 256;
            let whole = read(reader, bytes, &[]);
            if let ReaderKind::Stream(reader) = open() {
                assert_eq!(read(reader, bytes, &[cut]), whole, "{} cut at {cut}", format.name);
            }
        }
        ReaderKind::Whole(read) => {
            let _ = read(path, bytes.to_vec(), &mut |_: LogRecord<'_>| {});
        }
    }
}
