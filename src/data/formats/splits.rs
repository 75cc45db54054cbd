//! Assembles a data set from the images of a reader: one size, labels from 0, and three splits.

use super::classes::number_labels;
use super::options::OpenOptions;
use super::split_images::SplitImages;
use crate::data::dataset::last_sixth;
use crate::data::orient;
use crate::data::{DataError, Dataset, Images};
use crate::rng::{Purpose, stream};
use rand::seq::SliceRandom;

/// One in this many images is split off for testing, as of MNIST's 70,000.
const TEST_SHARE: usize = 7;
/// One in this many training images is split off for validation, as of MNIST's 60,000.
const VALIDATION_SHARE: usize = 6;

/// A split of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Split {
    Train,
    Validation,
    Test,
}

impl Split {
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// The split named by a file or array, such as `train-00000-of-00001.parquet`, `x_test`, `t10k`
    /// or `valid`.
    pub fn of(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).collect();
        let any = |begin: &[&str]| {
            words.iter().any(|word| begin.iter().any(|begin| word.starts_with(begin)))
        };
        if any(&["test", "t10k"]) || name.contains("test") {
            Some(Self::Test)
        } else if any(&["val", "dev"]) || name.contains("valid") {
            Some(Self::Validation)
        } else if any(&["train", "tr"]) || name.contains("train") || name.starts_with("data_batch")
        {
            Some(Self::Train)
        } else {
            None
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "training",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// The images that a reader found.
#[derive(Clone, Debug, Default)]
pub(super) struct Splits {
    pub train: Option<SplitImages>,
    pub validation: Option<SplitImages>,
    pub test: Option<SplitImages>,
    /// Class names given by the data set, in order of their labels.
    pub classes: Option<Vec<String>>,
    /// What was assumed or skipped, one sentence each.
    pub notes: Vec<String>,
    /// Whether the images already have the requested size.
    pub resized: bool,
}

impl Splits {
    pub fn slot(&mut self, split: Split) -> &mut Option<SplitImages> {
        match split {
            Split::Train => &mut self.train,
            Split::Validation => &mut self.validation,
            Split::Test => &mut self.test,
        }
    }

    /// Appends images to a split.
    ///
    /// # Errors
    /// If their sizes differ.
    pub fn add(&mut self, split: Split, part: SplitImages) -> Result<(), DataError> {
        let Some(before) = self.slot(split) else {
            *self.slot(split) = Some(part);
            return Ok(());
        };
        check_size(&before.images, &part)?;
        before.images.pixels.extend_from_slice(&part.images.pixels);
        before.labels.append(part.labels);
        Ok(())
    }

    /// Completes the data set: makes size and channels equal, numbers the labels from 0, and
    /// creates missing splits.
    ///
    /// # Errors
    /// If there are no images, sizes differ, or labels and classes do not match.
    pub fn finish(mut self, name: String, options: &OpenOptions) -> Result<Dataset, DataError> {
        let mut notes = std::mem::take(&mut self.notes);
        let (train, mut validation, mut test) = self.arrange(&mut notes);
        let Some(mut train) = train else {
            return Err(DataError::NoDataSet { dir: name.into() });
        };
        let mut parts: Vec<&mut SplitImages> =
            [Some(&mut train), validation.as_mut(), test.as_mut()].into_iter().flatten().collect();
        if parts.iter().any(|part| part.images.channels == 3) {
            for part in &mut parts {
                orient::to_colour(&mut part.images);
            }
        }
        if let (Some(size), false) = (options.size, self.resized) {
            resize(&mut parts, size, &mut notes);
        }
        if options.transpose {
            for part in &mut parts {
                orient::transpose(&mut part.images);
            }
        }
        let (first, rest) = parts.split_first().expect("the training images were put first");
        rest.iter().try_for_each(|part| check_size(&first.images, part))?;
        let classes = number_labels(&mut parts, self.classes)?;
        let mut train = train.images;
        let grouped = is_grouped(&train.labels);
        if grouped {
            train = shuffled(&train);
        }
        let test = if let Some(test) = test {
            test.images
        } else {
            let (rest, test) = stratified(&train, TEST_SHARE, classes.len());
            notes.push(format!(
                "there are no test images: {} of {} training images were split off deterministically",
                test.len(),
                train.len()
            ));
            train = rest;
            test
        };
        let (train, validation) = match validation {
            Some(validation) => (train, validation.images),
            None if grouped => stratified(&train, VALIDATION_SHARE, classes.len()),
            None => last_sixth(train),
        };
        let mut data = Dataset { name, classes, train, validation, test, notes };
        if let Some(hint) = orient::transposed_hint(&data.train).filter(|_| !options.transpose) {
            data.notes.push(hint);
        }
        Ok(data)
    }

    /// Decides which images are for training, validation and testing.
    fn arrange(
        &mut self,
        notes: &mut Vec<String>,
    ) -> (Option<SplitImages>, Option<SplitImages>, Option<SplitImages>) {
        let divided = |part: &str| {
            format!(
                "there are only {part} images: they were divided into training, validation and \
                 test images"
            )
        };
        match (self.train.take(), self.validation.take(), self.test.take()) {
            // Data sets with two splits call the one for evaluation `val` as often as `test`.
            (Some(train), Some(validation), None) => {
                notes.push("the validation images serve as test images; new validation images were split off the training images".into());
                (Some(train), None, Some(validation))
            }
            (None, None, Some(test)) => {
                notes.push(divided("test"));
                (Some(test), None, None)
            }
            (None, validation, Some(test)) => {
                notes.push("there are no training images: the test images were divided into training and test images".into());
                (Some(test), validation, None)
            }
            (None, Some(validation), None) => {
                notes.push(divided("validation"));
                (Some(validation), None, None)
            }
            parts => parts,
        }
    }
}

fn check_size(first: &Images, part: &SplitImages) -> Result<(), DataError> {
    let size = |images: &Images| (images.width, images.height);
    if size(&part.images) == size(first) {
        return Ok(());
    }
    let (found, expected) = (size(&part.images), size(first));
    Err(DataError::Sizes { file: part.file.clone(), found, expected })
}

fn resize(parts: &mut [&mut SplitImages], size: (usize, usize), notes: &mut Vec<String>) {
    let mut from: Vec<(usize, usize)> =
        parts.iter().map(|part| (part.images.width, part.images.height)).collect();
    from.retain(|from| *from != size);
    from.dedup();
    for part in parts.iter_mut() {
        orient::resize(&mut part.images, size);
    }
    if !from.is_empty() {
        let from: Vec<String> = from.iter().map(|(w, h)| format!("{w}×{h}")).collect();
        notes.push(format!(
            "images of {} were resized to {}×{}",
            from.join(" and "),
            size.0,
            size.1
        ));
    }
}

/// Whether images are ordered by class, as in folders, so that neither the first nor the last ones
/// are a representative sample.
fn is_grouped(labels: &[u8]) -> bool {
    let changes = labels.windows(2).filter(|pair| pair[0] != pair[1]).count();
    let mut seen = [false; 256];
    for &label in labels {
        seen[usize::from(label)] = true;
    }
    let classes = seen.iter().filter(|seen| **seen).count();
    labels.len() > 2 * classes && changes < 2 * classes
}

/// Shuffles the images deterministically.
fn shuffled(images: &Images) -> Images {
    let mut order: Vec<usize> = (0..images.len()).collect();
    order.shuffle(&mut stream(0, Purpose::Split, 0, 0));
    images.select(&order)
}

/// Splits off one in `share` images of every class, deterministically, and at least one if a class
/// has two or more. Returns the rest, and those split off.
fn stratified(images: &Images, share: usize, classes: usize) -> (Images, Images) {
    let mut of_class: Vec<Vec<usize>> = vec![Vec::new(); classes];
    images.labels.iter().enumerate().for_each(|(at, &label)| of_class[usize::from(label)].push(at));
    let mut aside = vec![false; images.len()];
    for (class, mut members) in of_class.into_iter().enumerate() {
        members.shuffle(&mut stream(0, Purpose::Split, share as u64, class as u64));
        let count = (members.len() / share).max(usize::from(members.len() > 1));
        members[..count].iter().for_each(|&at| aside[at] = true);
    }
    let pick = |wanted: bool| -> Vec<usize> {
        (0..images.len()).filter(|&at| aside[at] == wanted).collect()
    };
    (images.select(&pick(false)), images.select(&pick(true)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::formats::split_images::Labels;

    fn part(labels: &[i64], side: usize) -> SplitImages {
        let pixels = labels.iter().flat_map(|&l| vec![l as u8 * 10; side * side]).collect();
        let images = Images { width: side, height: side, pixels, ..Images::default() };
        SplitImages { file: "data".into(), images, labels: Labels::Numbers(labels.to_vec()) }
    }

    fn finish(parts: Splits) -> Dataset {
        parts.finish("data".into(), &OpenOptions::default()).unwrap()
    }

    #[test]
    fn names_indicate_the_split() {
        for (name, split) in [
            ("train-00000-of-00001.parquet", Some(Split::Train)),
            ("emnist-letters-test-images-idx3-ubyte", Some(Split::Test)),
            ("t10k-images-idx3-ubyte", Some(Split::Test)),
            ("mnist_train.csv", Some(Split::Train)),
            ("y_val", Some(Split::Validation)),
            ("validation", Some(Split::Validation)),
            ("data_batch_3.bin", Some(Split::Train)),
            ("x", None),
            ("images", None),
        ] {
            assert_eq!(Split::of(name), split, "{name}");
        }
    }

    #[test]
    fn missing_splits_are_stratified_and_deterministic() {
        // Ordered by class, as from folders: 30 images of each of 4 classes.
        let labels: Vec<i64> = (0..120).map(|at| at / 30).collect();
        let parts = || Splits { train: Some(part(&labels, 2)), ..Splits::default() };
        let data = finish(parts());
        assert_eq!(data, finish(parts()));
        for (images, each) in [(&data.test, 4), (&data.validation, 4), (&data.train, 22)] {
            let counts = (0..4).map(|class| {
                let labels = images.labels.iter();
                labels.map(|&label| usize::from(label == class)).sum::<usize>()
            });
            assert_eq!(counts.collect::<Vec<_>>(), [each; 4]);
            // Every image kept its label.
            for at in 0..images.len() {
                assert_eq!(images.image(at)[0], images.labels[at] * 10);
            }
        }
        assert!(!is_grouped(&data.train.labels), "the images are shuffled");
        assert!(data.notes.iter().any(|note| note.contains("no test images")), "{:?}", data.notes);
    }

    #[test]
    fn the_last_sixth_of_unordered_training_images_is_for_validation() {
        let labels: Vec<i64> = (0..12).map(|at| at % 3).collect();
        let data = finish(Splits {
            train: Some(part(&labels, 2)),
            test: Some(part(&[0, 1, 2], 2)),
            ..Splits::default()
        });
        assert_eq!((data.train.len(), data.validation.labels), (10, vec![1, 2]));
    }

    #[test]
    fn a_validation_split_without_a_test_split_is_used_for_testing() {
        let labels: Vec<i64> = (0..12).map(|at| at % 3).collect();
        let data = finish(Splits {
            train: Some(part(&labels, 2)),
            validation: Some(part(&[2, 1, 0], 2)),
            ..Splits::default()
        });
        assert_eq!((data.test.labels, data.validation.len()), (vec![2, 1, 0], 2));
    }

    #[test]
    fn test_images_are_divided_if_there_are_no_training_images() {
        let labels: Vec<i64> = (0..60).map(|at| at % 3).collect();
        let validation = || Some(part(&[2, 1, 0], 2));
        for (validation, expected) in [
            (None, "there are only test images: they were divided into training, validation and"),
            (validation(), "the test images were divided into training and test images"),
        ] {
            let given = validation.is_some();
            let test = Some(part(&labels, 2));
            let data = finish(Splits { validation, test, ..Splits::default() });
            assert!(!data.train.is_empty() && !data.test.is_empty());
            assert_eq!(data.validation.labels == [2, 1, 0], given);
            assert!(data.notes.iter().any(|note| note.contains(expected)), "{:?}", data.notes);
        }
    }

    #[test]
    fn different_sizes_are_an_error_unless_a_size_is_requested() {
        let labels: Vec<i64> = (0..12).map(|at| at % 3).collect();
        let parts = || Splits {
            train: Some(part(&labels, 2)),
            test: Some(part(&[0, 1, 2], 3)),
            ..Splits::default()
        };
        let error = parts().finish("data".into(), &OpenOptions::default()).unwrap_err().to_string();
        assert!(error.contains("3×3") && error.contains("--size 2x2"), "{error}");
        let options = OpenOptions { size: Some((4, 5)), ..OpenOptions::default() };
        let data = parts().finish("data".into(), &options).unwrap();
        for images in [&data.train, &data.validation, &data.test] {
            assert_eq!((images.width, images.height), (4, 5));
            assert_eq!(images.pixels.len(), images.len() * 20);
        }
        assert!(data.notes[0].contains("2×2 and 3×3 were resized to 4×5"), "{:?}", data.notes);
    }
}
