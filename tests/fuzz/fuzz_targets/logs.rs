//! All readers of logs: the first byte selects the format.
#![no_main]

#[path = "shared/reader.rs"]
#[allow(dead_code)] // The targets of single formats use the rest.
mod reader;

use libfuzzer_sys::fuzz_target;
use nntop::logs::formats::FORMATS;

fuzz_target!(|input: &[u8]| {
    let Some((format, rest)) = input.split_first() else { return };
    reader::check_format(&FORMATS[usize::from(*format) % FORMATS.len()], rest);
});
