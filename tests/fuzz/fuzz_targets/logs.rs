//! No bytes make a reader of logs panic, and how a file is cut into polls changes nothing. The first
//! byte chooses the format, the second where the file is cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nntop::logs::formats::{FORMATS, Source};
use nntop::logs::{LONGEST_RECORD, Reader, Record};
use std::path::Path;

/// What a reader finds in a file that grows to each of these lengths.
fn read(mut reader: Box<dyn Reader>, bytes: &[u8], lengths: &[usize]) -> Vec<String> {
    let mut found = Vec::new();
    let mut sink = |record: Record<'_>| found.push(format!("{record:?}"));
    let mut start = 0;
    for &length in lengths {
        if start < length {
            start += reader.read(&bytes[start..length], false, &mut sink);
        }
    }
    reader.read(&bytes[start.min(bytes.len())..], true, &mut sink);
    found
}

fuzz_target!(|input: &[u8]| {
    let [format, cut, bytes @ ..] = input else { return };
    assert!(bytes.len() < LONGEST_RECORD);
    let format = &FORMATS[usize::from(*format) % FORMATS.len()];
    let path = Path::new("mlruns/1/run/metrics/x");
    let open = || (format.open)(path, bytes);
    match open() {
        Source::Stream(reader) => {
            let cut = usize::from(*cut) * bytes.len() / 256;
            let whole = read(reader, bytes, &[]);
            if let Source::Stream(reader) = open() {
                assert_eq!(read(reader, bytes, &[cut]), whole, "{} cut at {cut}", format.name);
            }
        }
        Source::Whole(read) => {
            let _ = read(path, bytes.to_vec(), &mut |_: Record<'_>| {});
        }
    }
});
