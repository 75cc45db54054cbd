//! The readers of NumPy's arrays never panic: neither on an `.npy` file beside labels, nor on a
//! member of an archive.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nntop::data::{Dataset, OpenOptions, PredictedDataset};
use std::fs;
use std::path::Path;

/// A stored member of a zip archive.
fn member(name: &str, bytes: &[u8]) -> [Vec<u8>; 2] {
    let sum = crc32(bytes).to_le_bytes();
    let size = (bytes.len() as u32).to_le_bytes();
    let length = (name.len() as u16).to_le_bytes();
    let about = [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &sum, &size, &size, &length, &[0; 2]].concat();
    let local = [&b"PK\x03\x04"[..], &about, name.as_bytes(), bytes].concat();
    let central = [&b"PK\x01\x02\x14\0"[..], &about, &[0; 10]].concat();
    [local, central]
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 }
        })
    })
}

/// An archive of stored members.
fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in members {
        let [local, central] = member(name, bytes);
        directory.extend(central);
        directory.extend((file.len() as u32).to_le_bytes());
        directory.extend(name.as_bytes());
        file.extend(local);
    }
    let (start, size) = (file.len() as u32, directory.len() as u32);
    let count = (members.len() as u16).to_le_bytes();
    file.extend(directory);
    file.extend([&b"PK\x05\x06"[..], &[0; 4], &count, &count].concat());
    file.extend([&size.to_le_bytes()[..], &start.to_le_bytes(), &[0; 2]].concat());
    file
}

fn open(file: &Path) {
    if let Ok(data) = Dataset::open(file, &OpenOptions::default()) {
        for images in [&data.train, &data.validation, &data.test] {
            assert_eq!(images.pixels.len(), images.len() * images.pixels_per_image());
        }
    }
}

/// The bytes before the first `|` are the images, those after it the labels.
fuzz_target!(|bytes: &[u8]| {
    let cut = bytes.iter().position(|byte| *byte == b'|').unwrap_or(bytes.len());
    let (images, labels) = (&bytes[..cut], &bytes[(cut + 1).min(bytes.len())..]);
    let [images, labels] = [images, labels].map(|rest| [&b"\x93NUMPY"[..], rest].concat());
    let dir = tempfile::tempdir().expect("a temporary directory");
    fs::write(dir.path().join("x.npy"), &images).expect("room for it");
    fs::write(dir.path().join("y.npy"), &labels).expect("room for it");
    open(dir.path());
    let file = dir.path().join("both.npz");
    fs::write(&file, archive(&[("x.npy", &images), ("y.npy", &labels)])).expect("room for it");
    open(&file);
    let _ = PredictedDataset::open(&file, &OpenOptions::default());
});
