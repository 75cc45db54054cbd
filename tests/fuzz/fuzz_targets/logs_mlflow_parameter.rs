//! The reader of the format "MLflow parameter"; see `shared/reader.rs`.
#![no_main]

#[path = "shared/reader.rs"]
mod reader;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| reader::check("MLflow parameter", input));
