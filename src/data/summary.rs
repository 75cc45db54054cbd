//! Statistics of a data set: counts, duplicates, missing classes.

use super::{Dataset, Images};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Statistics of a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetSummary {
    /// Numbers of images: a row per class; columns for training, validation and testing.
    pub counts: Vec<[usize; 3]>,
    /// Images that equal an earlier one, in any split.
    pub duplicates: usize,
    /// Duplicates whose label differs from that of the earlier image.
    pub contradictions: usize,
    /// Test images that equal a training or validation image, which inflates the test accuracy.
    pub leaked: usize,
    /// Images with a single shade.
    pub blank: usize,
}

impl DatasetSummary {
    /// Computes the statistics.
    #[must_use]
    pub fn of(data: &Dataset) -> Self {
        let parts = [&data.train, &data.validation, &data.test];
        let mut counts = vec![[0; 3]; data.classes.len()];
        for (part, images) in parts.iter().enumerate() {
            images.labels.iter().for_each(|&label| counts[usize::from(label)][part] += 1);
        }
        let mut summary = Self { counts, duplicates: 0, contradictions: 0, leaked: 0, blank: 0 };
        // Split and index of distinct images by hash; pixels are compared, as hashes can collide.
        let mut seen: HashMap<u64, Vec<(usize, usize)>> = HashMap::new();
        for (part, images) in parts.iter().enumerate() {
            for index in 0..images.len() {
                let image = images.image(index);
                summary.blank += usize::from(image.iter().all(|&pixel| pixel == image[0]));
                let same = seen.entry(hash(image)).or_default();
                match same.iter().find(|&&(part, other)| parts[part].image(other) == image) {
                    None => same.push((part, index)),
                    Some(&(first, other)) => {
                        summary.duplicates += 1;
                        let contradicts = parts[first].labels[other] != images.labels[index];
                        summary.contradictions += usize::from(contradicts);
                        summary.leaked += usize::from(part == 2 && first < 2);
                    }
                }
            }
        }
        summary
    }

    /// The classes without images in a split (0 training, 1 validation, 2 test); none if the split
    /// is empty.
    #[must_use]
    pub fn missing(&self, part: usize) -> Vec<usize> {
        if self.counts.iter().all(|count| count[part] == 0) {
            return Vec::new();
        }
        (0..self.counts.len()).filter(|&class| self.counts[class][part] == 0).collect()
    }
}

fn hash(image: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    image.hash(&mut hasher);
    hasher.finish()
}

/// The first images of every class for a contact sheet, at most `each`; training images first.
#[must_use]
pub fn first_of_each_class(data: &Dataset, each: usize) -> Vec<Images> {
    (0..data.classes.len())
        .map(|class| {
            let mut chosen = Images { pixels: Vec::new(), labels: Vec::new(), ..data.train };
            for images in [&data.train, &data.validation, &data.test] {
                let left = each - chosen.len();
                let members =
                    (0..images.len()).filter(|&at| usize::from(images.labels[at]) == class);
                let more = images.select(&members.take(left).collect::<Vec<_>>());
                chosen.pixels.extend(more.pixels);
                chosen.labels.extend(more.labels);
            }
            chosen
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(shades: &[(u8, u8)]) -> Images {
        Images {
            width: 2,
            height: 1,
            pixels: shades.iter().flat_map(|&(shade, _)| [shade, 7]).collect(),
            labels: shades.iter().map(|&(_, label)| label).collect(),
            ..Images::default()
        }
    }

    #[test]
    fn duplicates_leaks_and_missing_classes_are_counted() {
        let data = Dataset {
            classes: vec!["a".into(), "b".into(), "c".into()],
            train: images(&[(1, 0), (2, 1), (1, 0), (7, 0)]),
            validation: images(&[(3, 2)]),
            test: images(&[(2, 0), (9, 1)]),
            ..Dataset::default()
        };
        let summary = DatasetSummary::of(&data);
        assert_eq!(summary.counts, [[3, 0, 1], [1, 0, 1], [0, 1, 0]]);
        assert_eq!((summary.duplicates, summary.contradictions, summary.leaked), (2, 1, 1));
        assert_eq!(summary.blank, 1);
        assert_eq!([0, 1, 2].map(|part| summary.missing(part)), [vec![2], vec![0, 1], vec![2]]);
        let first = first_of_each_class(&data, 2);
        assert_eq!(first.iter().map(Images::len).collect::<Vec<_>>(), [2, 2, 1]);
        assert_eq!(first[1].pixels, [2, 7, 9, 7]);
    }
}
