//! A data set of IDX files in one directory, such as MNIST's four.

use super::idx::{IdxContent, content, read_images, read_labels};
use super::options::OpenOptions;
use super::source::SourceFile;
use super::split_images::Labels;
use super::split_images::SplitImages;
use super::splits::{Split, Splits};
use crate::data::DataError;
use std::collections::BTreeMap;

/// MNIST's four files, each plain or with `.gz` appended.
pub const FILE_NAMES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

pub(super) fn recognises(source: &SourceFile) -> bool {
    content(&source.head).is_some()
}

/// A file, and what its name and content indicate.
struct File<'a> {
    source: &'a SourceFile,
    content: IdxContent,
    split: Option<Split>,
    /// The name without words for split, content and format: identifies the data set if a directory
    /// has several, as for EMNIST.
    set: String,
}

impl<'a> File<'a> {
    fn of(source: &'a SourceFile) -> Option<Self> {
        let name = source.name();
        let found = content(&source.head)?;
        // If the name contradicts the content, the reader reports that.
        let content = match (name.contains("images"), name.contains("labels")) {
            (true, false) => IdxContent::Images,
            (false, true) => IdxContent::Labels,
            _ => found,
        };
        let words: Vec<&str> = name
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| {
                let common =
                    ["train", "test", "t10k", "val", "images", "labels", "idx", "ubyte", "int"];
                !word.is_empty() && !common.iter().any(|common| word.starts_with(common))
            })
            .collect();
        Some(Self { source, content, split: Split::of(&name), set: words.join("-") })
    }
}

/// Files beside `chosen` that belong to the same data set.
pub(super) fn of_the_same_set(chosen: &SourceFile, beside: Vec<SourceFile>) -> Vec<SourceFile> {
    let Some(set) = File::of(chosen).map(|file| file.set) else { return beside };
    beside.into_iter().filter(|s| File::of(s).is_some_and(|file| file.set == set)).collect()
}

/// Reads the images and labels of all splits.
pub(super) fn read(sources: &[SourceFile], options: &OpenOptions) -> Result<Splits, DataError> {
    let mut sets: BTreeMap<String, Vec<File>> = BTreeMap::new();
    for file in sources.iter().filter_map(File::of) {
        let files = sets.entry(file.set.clone()).or_default();
        // The same file, compressed and uncompressed, or in both spellings of its name.
        let same = |other: &File| (other.content, other.split) == (file.content, file.split);
        match files.iter_mut().find(|other| same(other) && file.split.is_some()) {
            Some(other) if other.source.gzipped && !file.source.gzipped => *other = file,
            Some(_) => {}
            None => files.push(file),
        }
    }
    let several = sets.len() > 1;
    let whole = |files: &Vec<File>| {
        [IdxContent::Images, IdxContent::Labels]
            .iter()
            .all(|c| files.iter().any(|f| f.content == *c))
    };
    let mut chosen: Vec<Vec<File>> = Vec::new();
    let mut rest = Vec::new();
    for (_, files) in sets {
        if whole(&files) { chosen.push(files) } else { rest.extend(files) }
    }
    // If no set has both images and labels, their names may have nothing in common.
    if chosen.is_empty() {
        chosen.push(rest);
    }
    let Some(files) = chosen.pop() else { return Ok(Splits::default()) };
    if let (Some(other), Some(file), true) =
        (chosen.first().and_then(|f| f.first()), files.first(), several)
    {
        let problem = format!(
            "belongs to another data set than {} in the same directory",
            other.source.path.display()
        );
        return Err(file
            .source
            .unsuitable(problem, "give one file of images instead of the directory"));
    }
    let parts = pair_up(&files)?;
    if options.size.is_none() {
        check_sizes(&files, &parts)?;
    }
    Ok(parts)
}

/// Checks that the images of all splits have the size of the training images.
fn check_sizes(files: &[File], parts: &Splits) -> Result<(), DataError> {
    let Some(train) = &parts.train else { return Ok(()) };
    let size = |part: &SplitImages| (part.images.width, part.images.height);
    for (split, part) in [(Split::Validation, &parts.validation), (Split::Test, &parts.test)] {
        let Some(part) = part.as_ref().filter(|part| size(part) != size(train)) else { continue };
        let images =
            files.iter().find(|f| f.content == IdxContent::Images && f.split == Some(split));
        let file = images.map_or(&part.file, |images| &images.source.path).clone();
        return Err(DataError::Sizes { file, found: size(part), expected: size(train) });
    }
    Ok(())
}

/// Pairs images and labels by the split that their names indicate, or if there is only one of each.
fn pair_up(files: &[File]) -> Result<Splits, DataError> {
    let mut parts = Splits::default();
    let mut unnamed = Vec::new();
    let images =
        |split| files.iter().find(move |f| f.content == IdxContent::Images && f.split == split);
    let labels =
        |split| files.iter().find(move |f| f.content == IdxContent::Labels && f.split == split);
    for split in Split::ALL {
        match (images(Some(split)), labels(Some(split))) {
            (Some(images), Some(labels)) => {
                *parts.slot(split) = Some(part(images.source, labels.source)?);
            }
            (Some(file), None) => return Err(missing(file, "images", "labels")),
            (None, Some(file)) => return Err(missing(file, "labels", "images")),
            (None, None) => {}
        }
    }
    for file in files.iter().filter(|file| file.split.is_none()) {
        unnamed.push(file);
    }
    let find = |content| unnamed.iter().filter(move |file| file.content == content);
    match (find(IdxContent::Images).count(), find(IdxContent::Labels).count()) {
        (0, 0) => {}
        (1, 1) if parts.train.is_none() => {
            let both = [IdxContent::Images, IdxContent::Labels].map(|content| find(content).next());
            if let [Some(images), Some(labels)] = both {
                parts.train = Some(part(images.source, labels.source)?);
            }
        }
        _ => {
            let file = unnamed[0];
            return Err(file.source.unsuitable(
                "its name does not say whether it is for training or testing",
                format!("name the files {}", FILE_NAMES.join(", ")),
            ));
        }
    }
    // One of MNIST's four well-known files without the others: they were probably not downloaded.
    let mnist = |name: &str| files.iter().any(|file| file.source.name().contains(name));
    if parts.test.is_none()
        && mnist("train-images-idx3")
        && !mnist("t10k")
        && parts.validation.is_none()
        && let Some(file) = files.first().filter(|file| file.set.is_empty())
    {
        return Err(missing_name(file, FILE_NAMES[2].into()));
    }
    if parts.train.is_none() && mnist("t10k") {
        return Err(missing_name(&files[0], FILE_NAMES[0].into()));
    }
    Ok(parts)
}

/// The error for a file without its counterpart.
fn missing(file: &File, has: &str, lacks: &str) -> DataError {
    let name = file.source.name().replace(has, lacks);
    let name = match lacks {
        "labels" => name.replace("idx3", "idx1"),
        _ => name.replace("idx1", "idx3"),
    };
    missing_name(file, name)
}

fn missing_name(file: &File, name: String) -> DataError {
    let beside = file.source.path.clone();
    DataError::Missing { dir: beside.parent().unwrap_or(&beside).into(), name, beside }
}

fn part(image_source: &SourceFile, label_source: &SourceFile) -> Result<SplitImages, DataError> {
    let images = read_images(&image_source.path, image_source.reader()?)?;
    let labels = read_labels(&label_source.path, label_source.reader()?)?;
    let count = images.pixels.len() / images.pixels_per_image();
    if labels.len() != count {
        return Err(DataError::Counts {
            image_file: image_source.path.clone(),
            images: count,
            label_file: label_source.path.clone(),
            labels: labels.len(),
        });
    }
    Ok(SplitImages { file: label_source.path.clone(), images, labels: Labels::Numbers(labels) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Dataset, Images};
    use flate2::{Compression, write::GzEncoder};
    use std::fs;
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

    fn open(dir: &tempfile::TempDir) -> Result<Dataset, DataError> {
        Dataset::open(dir.path(), &OpenOptions::default())
    }

    /// The error after replacing a file.
    fn error_with(name: &str, bytes: Vec<u8>) -> String {
        let dir = small();
        fs::write(dir.path().join(name), bytes).unwrap();
        open(&dir).unwrap_err().to_string()
    }

    #[test]
    fn any_size_and_number_of_classes_is_read() {
        let dir = small();
        let data = open(&dir).unwrap();
        assert_eq!([&data.train, &data.validation, &data.test].map(Images::len), [10, 2, 3]);
        assert_eq!(data.classes, ["0", "1", "2"]);
        assert_eq!(data.validation.labels, [1, 2]);
        assert_eq!(data.validation.image(0)[0], (640 % 251) as u8);
        assert_eq!(data.name, dir.path().file_name().unwrap().to_str().unwrap());
    }

    #[test]
    fn gzip_is_recognised_by_content_and_class_names_are_read() {
        let dir = small();
        let plain = open(&dir).unwrap();
        for (number, name) in FILE_NAMES.iter().enumerate() {
            let bytes = fs::read(dir.path().join(name)).unwrap();
            let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
            gz.write_all(&bytes).unwrap();
            fs::remove_file(dir.path().join(name)).unwrap();
            // Half of them without `.gz` in the name.
            let ending = if number % 2 == 0 { ".gz" } else { "" };
            fs::write(dir.path().join(format!("{name}{ending}")), gz.finish().unwrap()).unwrap();
        }
        fs::write(dir.path().join("classes.txt"), "T-shirt\nTrouser\nPullover\n").unwrap();
        let data = open(&dir).unwrap();
        assert_eq!(data.classes, ["T-shirt", "Trouser", "Pullover"]);
        assert_eq!((data.train, data.test), (plain.train, plain.test));
    }

    #[test]
    fn one_file_identifies_its_data_set_among_several() {
        let dir = small();
        let plain = open(&dir).unwrap();
        for name in FILE_NAMES {
            let emnist = |set: &str| {
                name.replace("t10k", "test").replacen('t', &format!("emnist-{set}-t"), 1)
            };
            fs::copy(dir.path().join(name), dir.path().join(emnist("letters"))).unwrap();
            fs::rename(dir.path().join(name), dir.path().join(emnist("digits"))).unwrap();
        }
        let error = open(&dir).unwrap_err().to_string();
        assert!(error.contains("another data set") && error.contains("emnist-digits"), "{error}");
        let file = dir.path().join("emnist-letters-train-images-idx3-ubyte");
        let data = Dataset::open(&file, &OpenOptions::default()).unwrap();
        assert_eq!((data.train, data.test), (plain.train, plain.test));
    }

    #[test]
    fn a_truncated_gzip_file_is_an_error_that_names_it() {
        let dir = small();
        let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
        gz.write_all(&images(12, 8)).unwrap();
        let whole = gz.finish().unwrap();
        fs::remove_file(dir.path().join(FILE_NAMES[0])).unwrap();
        let path = dir.path().join(format!("{}.gz", FILE_NAMES[0]));
        for percent in 1..100 {
            fs::write(&path, &whole[..whole.len() * percent / 100]).unwrap();
            let error = open(&dir).unwrap_err().to_string();
            assert!(error.contains("train-images-idx3-ubyte"), "{error}");
        }
    }

    #[test]
    fn a_missing_file_is_an_error_that_names_it() {
        for (name, other) in [(FILE_NAMES[3], "t10k-labels"), (FILE_NAMES[0], "train-images")] {
            let dir = small();
            fs::remove_file(dir.path().join(name)).unwrap();
            let error = open(&dir).unwrap_err().to_string();
            assert!(error.contains("no file ") && error.contains(other), "{error}");
        }
        let dir = small();
        for name in &FILE_NAMES[2..] {
            fs::remove_file(dir.path().join(name)).unwrap();
        }
        let error = open(&dir).unwrap_err().to_string();
        assert!(error.contains("no file t10k-images-idx3-ubyte"), "{error}");
        let error = Dataset::open("/no/such/place".as_ref(), &OpenOptions::default()).unwrap_err();
        assert!(error.to_string().contains("/no/such/place"), "{error}");
    }

    #[test]
    fn mismatched_counts_and_sizes_are_errors() {
        let counts = error_with(FILE_NAMES[1], labels(&[0, 1, 2]));
        assert!(counts.contains("12 images") && counts.contains("3 labels"), "{counts}");
        let sizes = error_with(FILE_NAMES[2], images(3, 9));
        assert!(sizes.contains("9×9") && sizes.contains("8×8"), "{sizes}");
    }

    #[test]
    fn labels_outside_the_classes_are_errors() {
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
