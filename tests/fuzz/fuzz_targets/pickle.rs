//! The readers of pickles and of CIFAR's binary batches never panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nntop::data::{Dataset, OpenOptions};
use std::fs;

/// The first byte selects the protocol of a pickle, or a binary batch.
fuzz_target!(|bytes: &[u8]| {
    let [kind, rest @ ..] = bytes else { return };
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("data_batch_1");
    let bytes = match kind % 7 {
        6 => rest.repeat(3073_usize.div_ceil(rest.len().max(1))),
        protocol => [&[0x80, protocol][..], rest].concat(),
    };
    fs::write(&file, bytes).expect("room for it");
    let _ = Dataset::open(&file, &OpenOptions::default());
});
