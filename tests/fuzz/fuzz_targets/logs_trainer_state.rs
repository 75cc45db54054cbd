//! The reader of the format "Hugging Face trainer state"; see `shared/reader.rs`.
#![no_main]

#[path = "shared/reader.rs"]
mod reader;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| reader::check("Hugging Face trainer state", input));
