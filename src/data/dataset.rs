//! Labelled images, in memory as bytes.

/// Images of one size and their labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// Pixels per row.
    pub width: usize,
    /// Pixels per column.
    pub height: usize,
    /// Values per pixel: 1 (grey) or 3 (red, green, blue).
    pub channels: usize,
    /// Image after image, row by row, with interleaved channels. For grey images 0 is background
    /// and 255 is ink.
    pub pixels: Vec<u8>,
    /// One label per image, less than the number of classes.
    pub labels: Vec<u8>,
}

impl Default for Images {
    /// No images; grey, 0 × 0 pixels.
    fn default() -> Self {
        Self { width: 0, height: 0, channels: 1, pixels: Vec::new(), labels: Vec::new() }
    }
}

impl Images {
    /// Number of images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Values per image: width × height × channels.
    #[must_use]
    pub fn pixels_per_image(&self) -> usize {
        self.width * self.height * self.channels
    }

    /// The pixels of one image.
    ///
    /// # Panics
    /// If `index` is not less than [`Images::len`].
    #[must_use]
    pub fn image(&self, index: usize) -> &[u8] {
        let size = self.pixels_per_image();
        &self.pixels[index * size..(index + 1) * size]
    }

    /// Prefetches an image into the processor's cache; `index` may be out of range.
    pub(crate) fn prefetch(&self, index: usize) {
        if index < self.len() {
            super::sparse_images::prefetch(self.image(index));
        }
    }

    /// The images at these indices, in this order, with their labels.
    ///
    /// # Panics
    /// If an index is not less than [`Images::len`].
    #[must_use]
    pub fn select(&self, indices: &[usize]) -> Self {
        let mut pixels = Vec::with_capacity(indices.len() * self.pixels_per_image());
        for &index in indices {
            pixels.extend_from_slice(self.image(index));
        }
        let labels = indices.iter().map(|&index| self.labels[index]).collect();
        Self { pixels, labels, ..*self }
    }
}

/// Training, validation and test images. The book's split of MNIST: 50,000, 10,000 (the last of
/// the 60,000) and 10,000.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dataset {
    /// `MNIST`, or the name of the directory or file it was read from.
    pub name: String,
    /// The name of each class, in order of its label.
    pub classes: Vec<String>,
    pub train: Images,
    pub validation: Images,
    pub test: Images,
    /// What was assumed or skipped while reading, one sentence each.
    pub notes: Vec<String>,
}

impl Dataset {
    /// Appends the validation images to the training images.
    #[must_use]
    pub fn all_for_training(mut self) -> Self {
        self.train.pixels.append(&mut self.validation.pixels);
        self.train.labels.append(&mut self.validation.labels);
        self
    }
}

/// Takes the last sixth of `all` as the validation images: 10,000 of MNIST's 60,000.
pub(super) fn assemble(name: String, classes: Vec<String>, all: Images, test: Images) -> Dataset {
    let (train, validation) = last_sixth(all);
    Dataset { name, classes, train, validation, test, notes: Vec::new() }
}

/// Splits off the last sixth of the images.
pub(super) fn last_sixth(mut all: Images) -> (Images, Images) {
    let kept = all.len() - all.len() / 6;
    let last = Images {
        pixels: all.pixels.split_off(kept * all.pixels_per_image()),
        labels: all.labels.split_off(kept),
        ..all
    };
    all.pixels.shrink_to_fit();
    all.labels.shrink_to_fit();
    (all, last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validation_images_are_appended_to_the_training_images() {
        let images = |labels: &[u8]| Images {
            width: 2,
            height: 1,
            pixels: labels.iter().flat_map(|&label| [label, 9]).collect(),
            labels: labels.to_vec(),
            ..Images::default()
        };
        let data = Dataset {
            train: images(&[1, 2]),
            validation: images(&[3]),
            test: images(&[4]),
            ..Dataset::default()
        };
        let all = data.all_for_training();
        assert_eq!(all.train, images(&[1, 2, 3]));
        assert!(all.validation.is_empty() && all.validation.pixels.is_empty());
        assert_eq!(all.test, images(&[4]));
    }

    #[test]
    fn a_selection_has_the_requested_images_in_order() {
        let images = Images {
            width: 1,
            height: 1,
            channels: 3,
            pixels: (0..9).collect(),
            labels: vec![7, 8, 9],
        };
        let chosen = images.select(&[2, 0]);
        assert_eq!((chosen.pixels, chosen.labels), (vec![6, 7, 8, 0, 1, 2], vec![9, 7]));
    }
}
