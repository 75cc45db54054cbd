//! Reproducible random streams.
//!
//! Every random draw comes from a stream named by (seed, purpose, epoch, step), so a checkpoint
//! needs no generator state: every stream can be opened again by its name.

use rand::SeedableRng;

/// The generator of every stream: ChaCha8, whose output is the same in all versions of the crate.
pub type Stream = rand::rngs::ChaCha8Rng;

/// What a stream of random numbers is for. Numbers are part of the checkpoint format: append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// Initial weights and biases; `step` counts the layers with random weights, from 0.
    Initialization = 1,
    /// The order of the training images in an epoch.
    Shuffle = 2,
    /// Dropout masks; `step` counts mini-batches within the epoch.
    Dropout = 3,
    /// Random changes to training images; `step` is the image's index in the epoch.
    Augmentation = 4,
    /// The random sample of training images that is evaluated after each epoch.
    Sample = 5,
    /// Draws of an experiment or an explorable.
    Experiment = 6,
    /// Choosing hyper-parameters at random.
    Search = 7,
    /// Splitting off test and validation images if a data set has none; `step` is the class.
    Split = 8,
}

/// The stream named by (seed, purpose, epoch, step).
#[must_use]
pub fn stream(seed: u64, purpose: Purpose, epoch: u64, step: u64) -> Stream {
    let mut key = [0_u8; 32];
    for (bytes, word) in key.chunks_exact_mut(8).zip([seed, purpose as u64, epoch, step]) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    Stream::from_seed(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn a_stream_is_reproducible_and_differs_by_every_part_of_its_name() {
        let first = |s, p, e, t| stream(s, p, e, t).next_u64();
        let base = first(1, Purpose::Shuffle, 2, 3);
        assert_eq!(base, first(1, Purpose::Shuffle, 2, 3));
        for other in [
            first(2, Purpose::Shuffle, 2, 3),
            first(1, Purpose::Dropout, 2, 3),
            first(1, Purpose::Shuffle, 3, 3),
            first(1, Purpose::Shuffle, 2, 4),
        ] {
            assert_ne!(base, other);
        }
    }

    /// Checkpoints hold no generator state, so a resumed run must draw exactly these numbers.
    #[test]
    fn streams_are_the_same_with_every_version() {
        let draws = |seed, purpose, epoch, step| {
            let mut stream = stream(seed, purpose, epoch, step);
            [stream.next_u64(), stream.next_u64()]
        };
        assert_eq!(
            draws(1, Purpose::Initialization, 0, 0),
            [4_344_717_217_939_160_907, 15_305_578_173_110_765_368]
        );
        assert_eq!(
            draws(3, Purpose::Shuffle, 29, 0),
            [6_511_973_528_416_714_281, 12_148_542_714_881_187_907]
        );
        assert_eq!(
            draws(u64::MAX, Purpose::Dropout, 7, 4999),
            [7_733_878_876_045_031_785, 13_639_292_178_512_667_328]
        );
    }
}
