//! MNIST, compiled into the program.

use super::dataset::{Dataset, assemble};
use super::{DataError, Images, idx};
use std::io::Read;
use std::path::Path;
use std::thread;

/// A file of the data set as it ships: its name and its zstd stream.
struct Packed {
    name: &'static str,
    bytes: &'static [u8],
}

macro_rules! packed {
    ($name:literal) => {
        Packed { name: $name, bytes: include_bytes!(concat!("../../data/", $name, ".zst")) }
    };
}

static TRAIN_IMAGES: Packed = packed!("train-images-idx3-ubyte");
static TRAIN_LABELS: Packed = packed!("train-labels-idx1-ubyte");
static TEST_IMAGES: Packed = packed!("t10k-images-idx3-ubyte");
static TEST_LABELS: Packed = packed!("t10k-labels-idx1-ubyte");

impl Packed {
    fn unpack<T>(
        &self,
        read: impl Fn(&Path, &mut dyn std::io::Read) -> Result<T, DataError>,
    ) -> Result<T, DataError> {
        let file = Path::new(self.name);
        let mut stream = zstd::Decoder::with_buffer(self.bytes)
            .map_err(|source| DataError::Read { file: file.into(), source })?;
        read(file, &mut stream)
    }

    fn images(&self) -> Result<Images, DataError> {
        self.unpack(|file, stream| idx::read_images(file, stream))
    }

    fn labels(&self) -> Result<Vec<u8>, DataError> {
        self.unpack(|file, stream| idx::read_labels(file, stream))
    }
}

impl Dataset {
    /// MNIST as compiled into the program, in the book's split: 50,000 training, 10,000
    /// validation (the last of the 60,000) and 10,000 test images of 28×28 pixels. Takes about a
    /// tenth of a second and 55 MB.
    ///
    /// # Panics
    /// Never: a test unpacks these very bytes and checks them.
    #[must_use]
    pub fn embedded() -> Self {
        let unpacked = thread::scope(|scope| {
            let test = scope.spawn(|| Ok((TEST_IMAGES.images()?, TEST_LABELS.labels()?)));
            let train = (TRAIN_IMAGES.images()?, TRAIN_LABELS.labels()?);
            let test = test.join().expect("unpacking returns its errors")?;
            Ok::<_, DataError>((train, test))
        });
        let ((mut train, train_labels), (mut test, test_labels)) =
            unpacked.expect("the compiled-in files are checked by a test");
        train.labels = train_labels;
        test.labels = test_labels;
        let classes = (0..10).map(|digit| digit.to_string()).collect();
        assemble("MNIST".into(), classes, train, test)
    }

    /// What [`Dataset::embedded`] will be, without pixels and labels: enough to check a spec
    /// against before anything is unpacked, and good for nothing else.
    #[must_use]
    pub fn embedded_outline() -> Self {
        let part = |count| Images { width: 28, height: 28, pixels: vec![], labels: vec![0; count] };
        Self {
            name: "MNIST".into(),
            classes: (0..10).map(|digit| digit.to_string()).collect(),
            train: part(50_000),
            validation: part(10_000),
            test: part(10_000),
        }
    }
}

/// Bytes before the pixels of an IDX file of images.
const IMAGES_HEADER: usize = 16;
/// Pixels of an image.
const PIXELS: usize = 28 * 28;

/// The first test image of every digit, 28×28 pixels each, from 0 to 9: a millisecond's work, as
/// only the beginning of the file is unpacked.
///
/// # Panics
/// Never: a test unpacks these very bytes.
#[must_use]
pub fn first_of_each_digit() -> [Vec<u8>; 10] {
    let labels = TEST_LABELS.labels().expect("the compiled-in files are checked by a test");
    let place = |digit| labels.iter().position(|&label| label == digit);
    let places: Vec<usize> = (0..10).filter_map(place).collect();
    let images = places.iter().max().map_or(0, |last| last + 1);
    let read = |_: &Path, stream: &mut dyn Read| {
        let mut start = vec![0; IMAGES_HEADER + images * PIXELS];
        let file = || TEST_IMAGES.name.into();
        stream.read_exact(&mut start).map_err(|source| DataError::Read { file: file(), source })?;
        Ok(start)
    };
    let bytes = TEST_IMAGES.unpack(read).expect("the compiled-in files are checked by a test");
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
    fn the_embedded_files_are_the_originals() {
        let checksums = [
            (&TRAIN_IMAGES, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
            (&TRAIN_LABELS, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
            (&TEST_IMAGES, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
            (&TEST_LABELS, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
        ];
        for (packed, expected) in checksums {
            let raw = zstd::decode_all(packed.bytes).unwrap();
            let found = Sha256::digest(&raw).iter().fold(String::new(), |mut hex, byte| {
                write!(hex, "{byte:02x}").unwrap();
                hex
            });
            assert_eq!(found, expected, "{}", packed.name);
        }
    }

    #[test]
    fn the_first_digits_are_those_of_the_test_images() {
        let test = Dataset::embedded().test;
        for (digit, pixels) in first_of_each_digit().iter().enumerate() {
            let first = test.labels.iter().position(|&label| usize::from(label) == digit).unwrap();
            assert_eq!(pixels.as_slice(), &test.pixels[first * PIXELS..][..PIXELS], "{digit}");
        }
    }

    #[test]
    fn the_split_is_the_books() {
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
        // The first labels of each part, as in the files: 5 0 4 1 9, image 50,000 on, 7 2 1 0 4.
        assert_eq!(mnist.train.labels[..5], [5, 0, 4, 1, 9]);
        assert_eq!(mnist.validation.labels[..5], [3, 8, 6, 9, 6]);
        assert_eq!(mnist.test.labels[..5], [7, 2, 1, 0, 4]);
    }
}
