//! MNIST, compiled into the program.

mod decoder;

use super::dataset::{Dataset, assemble};
use super::{Images, idx};
use brotli_decompressor::Decompressor;
use decoder::Frequencies;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// A stream of `data/`, compiled in.
macro_rules! stream {
    ($name:literal) => {
        include_bytes!(concat!("../../data/", $name))
    };
}

/// Number of images per stream.
const IMAGES_PER_STREAM: usize = 10_000;
/// Rows and columns of an image.
const SIDE: usize = 28;
/// Pixels of an image.
const PIXELS: usize = SIDE * SIDE;

/// The 60,000 training images; those of the last stream are the validation set. Streams are decoded
/// in parallel.
static TRAIN_IMAGES: [&[u8]; 6] = [
    stream!("train-images.0.rans"),
    stream!("train-images.1.rans"),
    stream!("train-images.2.rans"),
    stream!("train-images.3.rans"),
    stream!("train-images.4.rans"),
    stream!("train-images.5.rans"),
];
static TEST_IMAGES: [&[u8]; 1] = [stream!("t10k-images.0.rans")];
/// The original files of labels, compressed with brotli.
static TRAIN_LABELS: &[u8] = stream!("train-labels-idx1-ubyte.br");
static TEST_LABELS: &[u8] = stream!("t10k-labels-idx1-ubyte.br");

/// Why decoding cannot fail.
const CHECKED: &str = "the compiled-in files are checked by a test";

fn frequencies() -> Frequencies {
    Frequencies::read(stream!("frequencies.br")).expect(CHECKED)
}

fn labels(packed: &[u8]) -> Vec<u8> {
    let file = Decompressor::new(packed, 1 << 16);
    let labels = idx::read_labels(Path::new("MNIST"), file).expect(CHECKED);
    labels.into_iter().map(|label| label as u8).collect()
}

/// The pixels of all images, first training, then test, decoded on all cores.
fn images() -> (Vec<u8>, Vec<u8>) {
    const STREAM: usize = IMAGES_PER_STREAM * PIXELS;
    let mut train = vec![0; TRAIN_IMAGES.len() * STREAM];
    let mut test = vec![0; TEST_IMAGES.len() * STREAM];
    let streams = TRAIN_IMAGES.iter().chain(&TEST_IMAGES);
    let parts = train.chunks_exact_mut(STREAM).chain(test.chunks_exact_mut(STREAM));
    let jobs = Mutex::new(streams.zip(parts));
    let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).next();
    let frequencies = frequencies();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads.min(TRAIN_IMAGES.len() + TEST_IMAGES.len()) {
            scope.spawn(|| {
                while let Some((stream, pixels)) = next() {
                    decoder::decode(&frequencies, stream, pixels);
                }
            });
        }
    });
    (train, test)
}

impl Dataset {
    /// MNIST as compiled into the program, in the book's split: 50,000 training, 10,000 validation
    /// (the last of the 60,000) and 10,000 test images of 28×28 pixels. Takes about 0.25 s of
    /// processor time, distributed over all cores, and 55 MB.
    ///
    /// # Panics
    /// Never: a test decompresses and checks the same bytes.
    #[must_use]
    pub fn embedded() -> Self {
        let part = |pixels, labels| Images {
            width: SIDE,
            height: SIDE,
            channels: 1,
            pixels,
            labels: self::labels(labels),
        };
        let classes = (0..10).map(|digit| digit.to_string()).collect();
        let (train, test) = images();
        assemble("MNIST".into(), classes, part(train, TRAIN_LABELS), part(test, TEST_LABELS))
    }

    /// The name, classes and sizes of [`Dataset::embedded`], without pixels and with label 0 for
    /// every image, for checking a spec before anything is decompressed.
    #[must_use]
    pub fn embedded_outline() -> Self {
        let part =
            |count| Images { width: 28, height: 28, labels: vec![0; count], ..Images::default() };
        Self {
            name: "MNIST".into(),
            classes: (0..10).map(|digit| digit.to_string()).collect(),
            train: part(50_000),
            validation: part(10_000),
            test: part(10_000),
            notes: Vec::new(),
        }
    }
}

/// The first test image of every digit from 0 to 9, 28×28 pixels each. Takes about 3 ms,
/// because only the start of the stream is decoded.
///
/// # Panics
/// Never: a test decompresses the same bytes.
#[must_use]
pub fn first_of_each_digit() -> [Vec<u8>; 10] {
    let labels = labels(TEST_LABELS);
    let place = |digit| labels.iter().position(|&label| label == digit);
    let places: Vec<usize> = (0..10).filter_map(place).collect();
    let images = places.iter().max().map_or(0, |last| last + 1);
    let mut pixels = vec![0; images * PIXELS];
    decoder::decode(&frequencies(), TEST_IMAGES[0], &mut pixels);
    std::array::from_fn(|digit| pixels[places[digit] * PIXELS..][..PIXELS].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};
    use std::fmt::Write as _;

    /// SHA-256 of an IDX file with this content, in hexadecimal digits.
    fn checksum(sizes: &[u32], content: &[u8]) -> String {
        let mut file = vec![0, 0, 8, sizes.len() as u8];
        file.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
        file.extend(content);
        Sha256::digest(&file).iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        })
    }

    #[test]
    fn the_embedded_files_match_the_originals() {
        let (train, test) = images();
        let found = [
            checksum(&[60_000, 28, 28], &train),
            checksum(&[60_000], &labels(TRAIN_LABELS)),
            checksum(&[10_000, 28, 28], &test),
            checksum(&[10_000], &labels(TEST_LABELS)),
        ];
        let expected = [
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_damaged_stream_does_not_panic() {
        let frequencies = frequencies();
        let mut pixels = vec![0; 100 * PIXELS];
        for stream in [&TEST_IMAGES[0][..1_001], &TEST_IMAGES[0][501..], &[0xff; 4_000], &[]] {
            pixels.fill(0);
            decoder::decode(&frequencies, stream, &mut pixels);
        }
        assert!(Frequencies::read(&stream!("frequencies.br")[..1_000]).is_err());
    }

    #[test]
    fn the_first_digits_are_test_images() {
        let test = Dataset::embedded().test;
        for (digit, pixels) in first_of_each_digit().iter().enumerate() {
            let first = test.labels.iter().position(|&label| usize::from(label) == digit).unwrap();
            assert_eq!(pixels.as_slice(), &test.pixels[first * PIXELS..][..PIXELS], "{digit}");
        }
    }

    #[test]
    fn the_split_is_that_of_the_book() {
        let mnist = Dataset::embedded();
        let sizes = [&mnist.train, &mnist.validation, &mnist.test].map(Images::len);
        assert_eq!(sizes, [50_000, 10_000, 10_000]);
        let outline = Dataset::embedded_outline();
        assert_eq!((&outline.name, &outline.classes), (&mnist.name, &mnist.classes));
        assert_eq!([&outline.train, &outline.validation, &outline.test].map(Images::len), sizes);
        assert_eq!((outline.train.width, outline.train.height), (28, 28));
        for images in [&mnist.train, &mnist.validation, &mnist.test] {
            assert_eq!((images.width, images.height), (28, 28));
            assert_eq!(images.pixels.len(), images.len() * 784);
        }
        // The first labels of the training images, of those from 50,000 on, and of the test images.
        assert_eq!(mnist.train.labels[..5], [5, 0, 4, 1, 9]);
        assert_eq!(mnist.validation.labels[..5], [3, 8, 6, 9, 6]);
        assert_eq!(mnist.test.labels[..5], [7, 2, 1, 0, 4]);
    }
}
