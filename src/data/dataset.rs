//! Labelled images, in memory as bytes.

/// Images of one size and their labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    /// Pixels an image is wide.
    pub width: usize,
    /// Pixels an image is high.
    pub height: usize,
    /// Image after image, row by row; 0 is background, 255 is ink.
    pub pixels: Vec<u8>,
    /// One label an image, below the number of classes.
    pub labels: Vec<u8>,
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

    /// Values an image has.
    #[must_use]
    pub fn pixels_per_image(&self) -> usize {
        self.width * self.height
    }

    /// The pixels of one image.
    ///
    /// # Panics
    /// Where `index` is not below [`Images::len`].
    #[must_use]
    pub fn image(&self, index: usize) -> &[u8] {
        let size = self.pixels_per_image();
        &self.pixels[index * size..(index + 1) * size]
    }

    /// Asks for an image to be in the processor's cache soon; there is no need for it to exist.
    pub(crate) fn prefetch(&self, index: usize) {
        if index < self.len() {
            super::ink::prefetch(self.image(index));
        }
    }
}

/// Training, validation and test images. The book's split of MNIST: 50,000, 10,000 (the last of
/// the 60,000) and 10,000.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dataset {
    /// Such as `MNIST`, or the name of the directory it was read from.
    pub name: String,
    /// The name of each class, in order of its label.
    pub classes: Vec<String>,
    pub train: Images,
    pub validation: Images,
    pub test: Images,
}

impl Dataset {
    /// The validation images become training images, behind the others.
    #[must_use]
    pub fn all_for_training(mut self) -> Self {
        self.train.pixels.append(&mut self.validation.pixels);
        self.train.labels.append(&mut self.validation.labels);
        self
    }
}

/// Takes the last sixth of `all` as the validation images: 10,000 of MNIST's 60,000.
pub(super) fn assemble(
    name: String,
    classes: Vec<String>,
    mut all: Images,
    test: Images,
) -> Dataset {
    let kept = all.len() - all.len() / 6;
    let validation = Images {
        width: all.width,
        height: all.height,
        pixels: all.pixels.split_off(kept * all.pixels_per_image()),
        labels: all.labels.split_off(kept),
    };
    all.pixels.shrink_to_fit();
    all.labels.shrink_to_fit();
    Dataset { name, classes, train: all, validation, test }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validation_images_become_the_last_training_images() {
        let images = |labels: &[u8]| Images {
            width: 2,
            height: 1,
            pixels: labels.iter().flat_map(|&label| [label, 9]).collect(),
            labels: labels.to_vec(),
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
}
