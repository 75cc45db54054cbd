//! Shared by the Rust peers: arguments, MNIST, the order of an epoch, the report.
//!
//! `compare.py` starts them as `PROGRAM DIRECTORY ROW BATCH RATE EPOCHS`; the directory contains
//! the four uncompressed IDX files.

use std::path::Path;

/// What to train.
pub struct Job {
    /// A row of the table: 1, the dense network, or any other, the convolutional one.
    pub row: u32,
    pub batch: usize,
    /// The learning rate η.
    pub rate: f64,
    pub epochs: usize,
    pub train: Digits,
    pub test: Digits,
}

/// Images as numbers from 0 to 1, 784 each, and their labels.
pub struct Digits {
    pub images: Vec<f32>,
    pub labels: Vec<u8>,
}

impl Job {
    /// Parses the command line.
    pub fn from_arguments() -> Self {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let [directory, row, batch, rate, epochs] = &arguments[..] else {
            panic!("expected DIRECTORY ROW BATCH RATE EPOCHS, not {arguments:?}");
        };
        let directory = Path::new(directory);
        Self {
            row: row.parse().expect("ROW is a number"),
            batch: batch.parse().expect("BATCH is a number"),
            rate: rate.parse().expect("RATE is a number"),
            epochs: epochs.parse().expect("EPOCHS is a number"),
            // The book's split: the last 10,000 are for validation.
            train: Digits::read(directory, "train", 50_000),
            test: Digits::read(directory, "t10k", 10_000),
        }
    }

    /// Prints a JSON object: the fastest epoch, and the test accuracy after the last.
    pub fn report(&self, peer: &str, seconds: &[f64], right: usize) {
        let (row, fastest) = (self.row, seconds.iter().copied().fold(f64::INFINITY, f64::min));
        let accuracy = right as f64 / self.test.labels.len() as f64;
        println!(
            r#"{{"peer":"{peer}","row":{row},"seconds":{fastest},"test_accuracy":{accuracy}}}"#
        );
    }
}

impl Digits {
    fn read(directory: &Path, name: &str, count: usize) -> Self {
        let file = |kind: &str| {
            let path = directory.join(format!("{name}-{kind}-ubyte"));
            std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let (images, labels) = (file("images-idx3"), file("labels-idx1"));
        let pixels = images[16..][..count * 784].iter();
        Self {
            images: pixels.map(|&pixel| f32::from(pixel) / 255.0).collect(),
            labels: labels[8..][..count].to_vec(),
        }
    }

    /// 1 at the label of every image, 0 elsewhere.
    pub fn one_hot(&self) -> Vec<f32> {
        let row = |&label: &u8| (0..10).map(move |class| f32::from(u8::from(class == label)));
        self.labels.iter().flat_map(row).collect()
    }
}

/// The numbers below `count` in random order.
pub fn shuffled(count: u32, state: &mut u64) -> Vec<u32> {
    let mut order: Vec<u32> = (0..count).collect();
    for last in (1..order.len()).rev() {
        // A linear congruential generator: good enough to shuffle with.
        *state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.swap(last, (*state >> 33) as usize % (last + 1));
    }
    order
}
