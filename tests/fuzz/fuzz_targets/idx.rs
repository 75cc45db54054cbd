//! The IDX parser never panics, and what it reads is no larger than its input.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nntop::data::idx;
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(images) = idx::read_images(Path::new("images"), bytes) {
        assert_eq!(images.pixels.len() + 16, bytes.len());
        assert_eq!(images.pixels.len() % images.pixels_per_image(), 0);
    }
    if let Ok(labels) = idx::read_labels(Path::new("labels"), bytes) {
        // A label has one byte or four, or is one of several fields.
        assert!(labels.len() + 8 <= bytes.len());
    }
});
