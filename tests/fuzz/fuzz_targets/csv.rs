//! The reader of tables never panics, as a data set and as predictions, with and without a header.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nntop::data::{Dataset, OpenOptions, PredictedDataset};
use std::fs;

const HEADERS: [&str; 4] = ["", "label,p0,p1,p2,p3\n", "label,prediction,path\n", "y,prob_0,prob_1\n"];

/// The first byte chooses a header.
fuzz_target!(|bytes: &[u8]| {
    let [header, rest @ ..] = bytes else { return };
    let header = HEADERS[usize::from(*header) % HEADERS.len()];
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("table.csv");
    fs::write(&file, [header.as_bytes(), rest].concat()).expect("room for it");
    let _ = Dataset::open(&file, &OpenOptions::default());
    if let Ok(table) = PredictedDataset::open(&file, &OpenOptions::default()) {
        let (rows, classes) = (table.answers.len(), table.data.classes.len());
        assert_eq!((table.outputs.len(), table.data.test.len()), (rows * classes, rows));
        assert!(table.answers.iter().flatten().all(|&class| (class as usize) < classes));
    }
});
