//! The readers of data sets never panic. The format is recognised by content, so a corpus with a
//! file of each format (`tests/inputs/layouts`) reaches every reader.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nntop::data::{Dataset, OpenOptions};

fuzz_target!(|bytes: &[u8]| {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("data");
    std::fs::write(&file, bytes).expect("room for it");
    if let Ok(data) = Dataset::open(&file, &OpenOptions::default()) {
        for images in [&data.train, &data.validation, &data.test] {
            assert_eq!(images.pixels.len(), images.len() * images.pixels_per_image());
            assert!(images.labels.iter().all(|&label| usize::from(label) < data.classes.len()));
        }
    }
});
