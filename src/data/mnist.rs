//! MNIST, compiled into the program.

use super::dataset::{Dataset, assemble};
use super::{DataError, Images, idx};
use brotli_decompressor::Decompressor;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// An IDX file of MNIST as compiled in: brotli streams whose concatenated contents are the original
/// file. Streams can be decompressed in parallel.
struct Packed {
    name: &'static str,
    streams: &'static [&'static [u8]],
}

macro_rules! stream {
    ($name:literal) => {
        include_bytes!(concat!("../../data/", $name, ".br"))
    };
}

static TRAIN_IMAGES: Packed = Packed {
    name: "train-images-idx3-ubyte",
    // 10,000 images each, so the last one is the validation set.
    streams: &[
        stream!("train-images-idx3-ubyte.0"),
        stream!("train-images-idx3-ubyte.1"),
        stream!("train-images-idx3-ubyte.2"),
        stream!("train-images-idx3-ubyte.3"),
        stream!("train-images-idx3-ubyte.4"),
        stream!("train-images-idx3-ubyte.5"),
    ],
};
static TRAIN_LABELS: Packed =
    Packed { name: "train-labels-idx1-ubyte", streams: &[stream!("train-labels-idx1-ubyte")] };
static TEST_IMAGES: Packed =
    Packed { name: "t10k-images-idx3-ubyte", streams: &[stream!("t10k-images-idx3-ubyte")] };
static TEST_LABELS: Packed =
    Packed { name: "t10k-labels-idx1-ubyte", streams: &[stream!("t10k-labels-idx1-ubyte")] };

/// Images of each stream.
const IMAGES_PER_STREAM: usize = 10_000;
/// Length of the header of an IDX file of images, in bytes.
const IMAGES_HEADER: usize = 16;
/// Pixels of an image.
const PIXELS: usize = 28 * 28;
/// Size of the buffer that a stream is read through.
const BUFFER: usize = 1 << 16;

/// Why decompression cannot fail.
const CHECKED: &str = "the compiled-in files are checked by a test";

/// A stream and the destination of its pixels.
struct Job<'a> {
    stream: &'static [u8],
    /// Bytes before the pixels.
    header: usize,
    pixels: &'a mut [u8],
}

impl Job<'_> {
    fn unpack(self) -> io::Result<()> {
        let mut stream = Decompressor::new(self.stream, BUFFER);
        let mut header = [0; IMAGES_HEADER];
        stream.read_exact(&mut header[..self.header])?;
        stream.read_exact(self.pixels)
    }
}

impl Packed {
    /// Allocates the pixels of all streams; returns one job per stream.
    fn jobs<'a>(&self, pixels: &'a mut Vec<u8>) -> Vec<Job<'a>> {
        pixels.resize(self.streams.len() * IMAGES_PER_STREAM * PIXELS, 0);
        let parts = pixels.chunks_exact_mut(IMAGES_PER_STREAM * PIXELS);
        let jobs = self.streams.iter().zip(parts).enumerate();
        jobs.map(|(index, (stream, pixels))| {
            // The IDX header precedes the first image.
            let header = if index == 0 { IMAGES_HEADER } else { 0 };
            Job { stream, header, pixels }
        })
        .collect()
    }

    fn labels(&self) -> Result<Vec<u8>, DataError> {
        let labels = idx::read_labels(Path::new(self.name), self.reader())?;
        Ok(labels.into_iter().map(|label| label as u8).collect())
    }

    /// Reads the original file.
    fn reader(&self) -> impl Read + use<> {
        let nothing: Box<dyn Read> = Box::new(io::empty());
        self.streams.iter().fold(nothing, |before, stream| {
            Box::new(before.chain(Decompressor::new(*stream, BUFFER)))
        })
    }
}

impl Dataset {
    /// MNIST as compiled into the program, in the book's split: 50,000 training, 10,000 validation
    /// (the last of the 60,000) and 10,000 test images of 28×28 pixels. Takes about 0.3 s of
    /// processor time, distributed over all cores, and 55 MB.
    ///
    /// # Panics
    /// Never: a test decompresses and checks the same bytes.
    #[must_use]
    pub fn embedded() -> Self {
        let (mut train, mut test) = (Vec::new(), Vec::new());
        let mut jobs = TRAIN_IMAGES.jobs(&mut train);
        jobs.append(&mut TEST_IMAGES.jobs(&mut test));
        let threads = thread::available_parallelism().map_or(1, usize::from).min(jobs.len());
        let jobs = Mutex::new(jobs);
        let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).pop();
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some(job) = next() {
                        job.unpack().expect(CHECKED);
                    }
                });
            }
        });
        let images = |pixels, labels: &Packed| Images {
            width: 28,
            height: 28,
            channels: 1,
            pixels,
            labels: labels.labels().expect(CHECKED),
        };
        let classes = (0..10).map(|digit| digit.to_string()).collect();
        let (train, test) = (images(train, &TRAIN_LABELS), images(test, &TEST_LABELS));
        assemble("MNIST".into(), classes, train, test)
    }

    /// The description of [`Dataset::embedded`] without pixels and labels, for checking a spec
    /// before anything is decompressed.
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

/// The first test image of every digit from 0 to 9, 28×28 pixels each. Takes about a millisecond,
/// because only the start of the file is decompressed.
///
/// # Panics
/// Never: a test decompresses the same bytes.
#[must_use]
pub fn first_of_each_digit() -> [Vec<u8>; 10] {
    let labels = TEST_LABELS.labels().expect(CHECKED);
    let place = |digit| labels.iter().position(|&label| label == digit);
    let places: Vec<usize> = (0..10).filter_map(place).collect();
    let images = places.iter().max().map_or(0, |last| last + 1);
    let mut bytes = vec![0; IMAGES_HEADER + images * PIXELS];
    TEST_IMAGES.reader().read_exact(&mut bytes).expect(CHECKED);
    std::array::from_fn(|digit| {
        let from = IMAGES_HEADER + places[digit] * PIXELS;
        bytes[from..from + PIXELS].to_vec()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};
    use std::fmt::Write as _;

    #[test]
    fn the_embedded_files_match_the_originals() {
        let checksums = [
            (&TRAIN_IMAGES, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
            (&TRAIN_LABELS, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
            (&TEST_IMAGES, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
            (&TEST_LABELS, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
        ];
        for (packed, expected) in checksums {
            let mut raw = Vec::new();
            packed.reader().read_to_end(&mut raw).unwrap();
            let found = Sha256::digest(&raw).iter().fold(String::new(), |mut hex, byte| {
                write!(hex, "{byte:02x}").unwrap();
                hex
            });
            assert_eq!(found, expected, "{}", packed.name);
        }
    }

    #[test]
    fn parallel_and_sequential_decompression_agree() {
        let mnist = Dataset::embedded();
        let train = [&mnist.train.pixels[..], &mnist.validation.pixels[..]].concat();
        for (packed, pixels) in [(&TRAIN_IMAGES, &train), (&TEST_IMAGES, &mnist.test.pixels)] {
            let images = idx::read_images(Path::new(packed.name), packed.reader()).unwrap();
            assert_eq!((images.width, images.height), (28, 28));
            assert!(images.pixels == *pixels, "{}", packed.name);
        }
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
        // The first labels of each part: 5 0 4 1 9, from image 50,000 on, 7 2 1 0 4.
        assert_eq!(mnist.train.labels[..5], [5, 0, 4, 1, 9]);
        assert_eq!(mnist.validation.labels[..5], [3, 8, 6, 9, 6]);
        assert_eq!(mnist.test.labels[..5], [7, 2, 1, 0, 4]);
    }
}
