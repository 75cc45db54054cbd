//! Small data sets and specs for tests.

use super::Spec;
use crate::data::{Dataset, Images};
use crate::rng::{Purpose, stream};
use rand::RngExt;

/// Noisy images of 4×4 pixels in three classes: the class is the index of the bright row.
fn images(count: usize, seed: u64) -> Images {
    let mut stream = stream(seed, Purpose::Experiment, 0, 0);
    let mut images = Images { width: 4, height: 4, ..Images::default() };
    for index in 0..count {
        let label = index % 3;
        for pixel in 0..16 {
            let bright = pixel / 4 == label;
            let noise: u8 = stream.random_range(0..100);
            images.pixels.push(if bright { 255 - noise } else { noise });
        }
        images.labels.push(label as u8);
    }
    images
}

/// 120 training, 30 validation and 60 test images in three classes.
pub(crate) fn dataset() -> Dataset {
    Dataset {
        name: "rows".into(),
        classes: vec!["top".into(), "middle".into(), "bottom".into()],
        train: images(120, 1),
        validation: images(30, 2),
        test: images(60, 3),
        notes: Vec::new(),
    }
}

/// A network that learns [`dataset`] within a few epochs.
pub(crate) fn spec() -> Spec {
    Spec { layers: "16,6,3".into(), epochs: 5, batch: 10, seed: 1, ..Spec::default() }
}
