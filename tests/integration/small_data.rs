//! A small data set that every test can create.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io::Write;
use std::path::Path;

/// The four files, with the names that the program expects.
pub(crate) const NAMES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// A directory of 60 training and 30 test images of 8×8 pixels in three classes, which differ in
/// the third of the rows that is bright. Every image has its own noise.
pub(crate) fn small_data() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (count, images, labels) in [(60, NAMES[0], NAMES[1]), (30, NAMES[2], NAMES[3])] {
        let label = |index: usize| (index % 3) as u8;
        let pixel = |index: usize, at: usize| {
            let bright = (at / 8 / 3) as u8 == label(index);
            let noise = ((index * 7919 + at * 104_729) % 61) as u8;
            if bright { 255 - noise } else { noise }
        };
        let pixels = (0..count).flat_map(|index| (0..64).map(move |at| pixel(index, at)));
        write_idx(
            &dir.path().join(images),
            &[0x803, count as u32, 8, 8],
            &pixels.collect::<Vec<_>>(),
        );
        let all: Vec<u8> = (0..count).map(label).collect();
        write_idx(&dir.path().join(labels), &[0x801, count as u32], &all);
    }
    dir
}

/// An IDX file: big-endian words, then bytes.
pub(crate) fn write_idx(file: &Path, words: &[u32], body: &[u8]) {
    let words = words.iter().flat_map(|word| word.to_be_bytes());
    fs::write(file, words.chain(body.iter().copied()).collect::<Vec<u8>>()).unwrap();
}

/// Replaces a file by its gzipped version with the suffix `.gz`.
pub(crate) fn gzip(file: &Path) {
    let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
    zipped.write_all(&fs::read(file).unwrap()).unwrap();
    let name = format!("{}.gz", file.display());
    fs::write(name, zipped.finish().unwrap()).unwrap();
    fs::remove_file(file).unwrap();
}
