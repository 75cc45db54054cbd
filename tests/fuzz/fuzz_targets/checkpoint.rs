//! The reader of checkpoints never panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nntop::train::Checkpoint;
use std::io::Write;

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("room for it");
    let _ = Checkpoint::load(file.path());
});
