//! The reader of parquet files never panics. The input is put between the magic numbers: pages,
//! then metadata, whose length is in the first two bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nntop::data::{Dataset, OpenOptions, PredictedDataset};
use std::fs;

fuzz_target!(|bytes: &[u8]| {
    let [low, high, rest @ ..] = bytes else { return };
    let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("train.parquet");
    let length = (length as u32).to_le_bytes();
    fs::write(&file, [b"PAR1", rest, &length, b"PAR1"].concat()).expect("room for it");
    let _ = Dataset::open(&file, &OpenOptions::default());
    let _ = PredictedDataset::open(&file, &OpenOptions::default());
});
