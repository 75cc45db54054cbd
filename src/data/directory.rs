//! A data set in a directory of four IDX files.

use super::dataset::{Dataset, assemble};
use super::{DataError, Images, idx};
use crate::files;
use flate2::read::MultiGzDecoder;
use std::fs;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

/// The four files of a data set, each plain or with `.gz` behind its name.
pub const FILE_NAMES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];
/// Optional: the name of every class, one a line, in order of its label.
const CLASSES_FILE: &str = "classes.txt";
/// Most bytes read of the file of class names.
const MAX_CLASSES_BYTES: u64 = 64 << 10;

impl Dataset {
    /// Reads the four IDX files ([`FILE_NAMES`]) of a directory, such as MNIST's or
    /// Fashion-MNIST's, plain or gzipped. Any image size up to 1024×1024 and up to 256 classes.
    /// The last sixth of the training images becomes the validation images, as the book does with
    /// MNIST's 60,000. Classes are named by `classes.txt` where there is one, else by their numbers.
    ///
    /// # Errors
    /// Where a file is missing, unreadable, torn or oversized, counts or sizes differ, or a label
    /// lies outside the classes; the error names the file and what would be right.
    pub fn from_dir(dir: &Path) -> Result<Self, DataError> {
        fs::read_dir(dir).map_err(|source| DataError::Directory { dir: dir.into(), source })?;
        let (train, train_labels_file) = pair(dir, FILE_NAMES[0], FILE_NAMES[1])?;
        let (test, test_labels_file) = pair(dir, FILE_NAMES[2], FILE_NAMES[3])?;
        if (test.width, test.height) != (train.width, train.height) {
            return Err(DataError::Sizes {
                file: locate(dir, FILE_NAMES[2])?,
                found: (test.width, test.height),
                expected: (train.width, train.height),
            });
        }
        let given = read_classes(&dir.join(CLASSES_FILE))?;
        let count = match &given {
            Some(names) => names.len(),
            None => count_classes(&train_labels_file, &train.labels)?,
        };
        check_labels(&train_labels_file, &train.labels, count)?;
        check_labels(&test_labels_file, &test.labels, count)?;
        let classes = given.unwrap_or_else(|| (0..count).map(|class| class.to_string()).collect());
        Ok(assemble(name_of(dir), classes, train, test))
    }
}

/// The directory's own name, also for `.` and paths that end in `..`.
fn name_of(dir: &Path) -> String {
    let whole = dir.canonicalize().unwrap_or_else(|_| dir.into());
    whole.file_name().map_or_else(|| dir.display().to_string(), |n| n.to_string_lossy().into())
}

/// Images with their labels, and the labels' file.
fn pair(
    dir: &Path,
    images: &'static str,
    labels: &'static str,
) -> Result<(Images, PathBuf), DataError> {
    let image_file = locate(dir, images)?;
    let label_file = locate(dir, labels)?;
    let mut images = idx::read_images(&image_file, open(&image_file)?)?;
    images.labels = idx::read_labels(&label_file, open(&label_file)?)?;
    let count = images.pixels.len() / images.pixels_per_image();
    if images.labels.len() != count {
        let labels = images.labels.len();
        return Err(DataError::Counts { image_file, images: count, label_file, labels });
    }
    Ok((images, label_file))
}

/// The file of that name, plain or gzipped, also in the spelling `train-images.idx3-ubyte`.
fn locate(dir: &Path, name: &'static str) -> Result<PathBuf, DataError> {
    let dotted = name.replace("-idx", ".idx");
    [name.to_string(), format!("{name}.gz"), dotted.clone(), format!("{dotted}.gz")]
        .iter()
        .map(|name| dir.join(name))
        .find(|path| path.exists())
        .ok_or_else(|| DataError::Missing { dir: dir.into(), name })
}

fn open(path: &Path) -> Result<Box<dyn Read>, DataError> {
    let read = |source| DataError::Read { file: path.into(), source };
    if path.is_dir() {
        return Err(read(io::Error::from(io::ErrorKind::IsADirectory)));
    }
    let file = BufReader::new(files::read::open(path).map_err(read)?.0);
    let gzipped = path.extension().is_some_and(|extension| extension == "gz");
    Ok(if gzipped { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

/// The classes that occur are numbered from 0, or from 1 as EMNIST's letters are. One stray label
/// in a torn file would otherwise pass for hundreds of classes.
fn count_classes(file: &Path, labels: &[u8]) -> Result<usize, DataError> {
    let mut occurs = [false; 256];
    for &label in labels {
        occurs[usize::from(label)] = true;
    }
    let distinct = occurs.iter().filter(|occurs| **occurs).count();
    check_labels(file, labels, distinct + 1)?;
    let highest = labels.iter().copied().max().map_or(0, usize::from);
    Ok((highest + 1).max(2))
}

fn check_labels(file: &Path, labels: &[u8], classes: usize) -> Result<(), DataError> {
    match labels.iter().position(|&label| usize::from(label) >= classes) {
        Some(index) => {
            Err(DataError::Label { file: file.into(), index, label: labels[index], classes })
        }
        None => Ok(()),
    }
}

fn read_classes(file: &Path) -> Result<Option<Vec<String>>, DataError> {
    let reader = match files::read::open(file) {
        Ok((reader, _)) => reader,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(DataError::Read { file: file.into(), source }),
    };
    let mut text = String::new();
    reader
        .take(MAX_CLASSES_BYTES)
        .read_to_string(&mut text)
        .map_err(|source| DataError::Read { file: file.into(), source })?;
    let names: Vec<String> =
        text.lines().map(str::trim).filter(|l| !l.is_empty()).map(String::from).collect();
    if (2..=256).contains(&names.len()) {
        Ok(Some(names))
    } else {
        Err(DataError::Classes {
            file: file.into(),
            problem: format!("names {} classes", names.len()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn words(words: &[u32], body: &[u8]) -> Vec<u8> {
        words.iter().flat_map(|w| w.to_be_bytes()).chain(body.iter().copied()).collect()
    }

    fn images(count: u32, side: u32) -> Vec<u8> {
        let pixels: Vec<u8> = (0..count * side * side).map(|i| (i % 251) as u8).collect();
        words(&[0x803, count, side, side], &pixels)
    }

    fn labels(labels: &[u8]) -> Vec<u8> {
        words(&[0x801, labels.len() as u32], labels)
    }

    /// Twelve training and three test images of 8×8 in three classes.
    fn small() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: Vec<u8>| fs::write(dir.path().join(name), bytes).unwrap();
        write(FILE_NAMES[0], images(12, 8));
        write(FILE_NAMES[1], labels(&[0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]));
        write(FILE_NAMES[2], images(3, 8));
        write(FILE_NAMES[3], labels(&[2, 1, 0]));
        dir
    }

    /// The error after a file was replaced.
    fn error_with(name: &str, bytes: Vec<u8>) -> String {
        let dir = small();
        fs::write(dir.path().join(name), bytes).unwrap();
        Dataset::from_dir(dir.path()).unwrap_err().to_string()
    }

    #[test]
    fn any_size_and_number_of_classes_is_read() {
        let dir = small();
        let data = Dataset::from_dir(dir.path()).unwrap();
        assert_eq!([&data.train, &data.validation, &data.test].map(Images::len), [10, 2, 3]);
        assert_eq!(data.classes, ["0", "1", "2"]);
        assert_eq!(data.validation.labels, [1, 2]);
        assert_eq!(data.validation.image(0)[0], (640 % 251) as u8);
        assert_eq!(data.name, dir.path().file_name().unwrap().to_str().unwrap());
    }

    #[test]
    fn gzipped_files_and_class_names_are_read() {
        let dir = small();
        let plain = Dataset::from_dir(dir.path()).unwrap();
        for name in FILE_NAMES {
            let bytes = fs::read(dir.path().join(name)).unwrap();
            let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
            gz.write_all(&bytes).unwrap();
            fs::write(dir.path().join(format!("{name}.gz")), gz.finish().unwrap()).unwrap();
            fs::remove_file(dir.path().join(name)).unwrap();
        }
        fs::write(dir.path().join("classes.txt"), "T-shirt\nTrouser\nPullover\n").unwrap();
        let data = Dataset::from_dir(dir.path()).unwrap();
        assert_eq!(data.classes, ["T-shirt", "Trouser", "Pullover"]);
        assert_eq!((data.train, data.test), (plain.train, plain.test));
    }

    #[test]
    fn a_torn_gzip_file_is_refused_by_name() {
        let dir = small();
        let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
        gz.write_all(&images(12, 8)).unwrap();
        let whole = gz.finish().unwrap();
        fs::remove_file(dir.path().join(FILE_NAMES[0])).unwrap();
        let path = dir.path().join(format!("{}.gz", FILE_NAMES[0]));
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let error = Dataset::from_dir(dir.path()).unwrap_err().to_string();
        assert!(error.contains("train-images-idx3-ubyte.gz"), "{error}");
    }

    #[test]
    fn what_is_missing_is_named() {
        let dir = small();
        fs::remove_file(dir.path().join(FILE_NAMES[3])).unwrap();
        let error = Dataset::from_dir(dir.path()).unwrap_err().to_string();
        assert!(error.contains("no file t10k-labels-idx1-ubyte"), "{error}");
        let error = Dataset::from_dir(Path::new("/no/such/place")).unwrap_err().to_string();
        assert!(error.contains("/no/such/place"), "{error}");
    }

    #[test]
    fn counts_and_sizes_that_differ_are_refused() {
        let counts = error_with(FILE_NAMES[1], labels(&[0, 1, 2]));
        assert!(counts.contains("12 images") && counts.contains("3 labels"), "{counts}");
        let sizes = error_with(FILE_NAMES[2], images(3, 9));
        assert!(sizes.contains("9×9") && sizes.contains("8×8"), "{sizes}");
    }

    #[test]
    fn labels_outside_the_classes_are_refused() {
        let test = error_with(FILE_NAMES[3], labels(&[2, 3, 0]));
        assert!(test.contains("image 1 has label 3, outside the 3 classes"), "{test}");
        let stray = error_with(FILE_NAMES[1], labels(&[0, 1, 2, 0, 1, 200, 0, 1, 2, 0, 1, 2]));
        assert!(stray.contains("image 5 has label 200"), "{stray}");
        let named = error_with("classes.txt", b"a\nb\n".to_vec());
        assert!(named.contains("label 2, outside the 2 classes"), "{named}");
        let unnamed = error_with("classes.txt", b"a\n".to_vec());
        assert!(unnamed.contains("names 1 classes"), "{unnamed}");
    }
}
