//! The training runs of a job and their results.

use crate::data::Dataset;
use crate::nn::Network;
use crate::protocol::EpochStats;
use crate::spec::Spec;
use std::path::PathBuf;
use std::sync::Arc;

/// A training run that a job requests.
#[derive(Clone, Debug)]
pub struct Run {
    /// Unique within the experiment, such as `seed 2`; names its curves.
    pub name: String,
    pub spec: Spec,
    /// The images; MNIST where there are none.
    pub data: Option<Arc<Dataset>>,
    /// A directory of its own for checkpoints: it goes on from the newest one there.
    pub checkpoints: Option<PathBuf>,
}

impl Run {
    /// A run on MNIST.
    #[must_use]
    pub fn new(name: impl Into<String>, spec: Spec) -> Self {
        Self { name: name.into(), spec, data: None, checkpoints: None }
    }

    /// The same run on other images.
    #[must_use]
    pub fn on(self, data: Arc<Dataset>) -> Self {
        Self { data: Some(data), ..self }
    }

    /// The same run with checkpoints in a directory of its own, from which it goes on.
    #[must_use]
    pub fn kept_in(self, directory: Option<PathBuf>) -> Self {
        Self { checkpoints: directory, ..self }
    }
}

/// What a run has measured so far.
#[derive(Clone, Debug)]
pub struct Record {
    pub name: String,
    pub spec: Spec,
    /// One entry an epoch; the first is the untrained network's.
    pub epochs: Vec<EpochStats>,
}

impl Record {
    /// The largest of what `value` takes from the epochs.
    #[must_use]
    pub fn best(&self, value: impl Fn(&EpochStats) -> Option<f64>) -> Option<f64> {
        self.epochs.iter().filter_map(value).max_by(f64::total_cmp)
    }

    /// The best accuracy on the test images, a fraction: the book's figure for its networks.
    #[must_use]
    pub fn best_test_accuracy(&self) -> Option<f64> {
        self.best(|stats| stats.test_accuracy)
    }

    /// The accuracy on the test images after the last epoch, a fraction.
    #[must_use]
    pub fn last_test_accuracy(&self) -> Option<f64> {
        self.epochs.last()?.test_accuracy
    }
}

/// A run that is over.
#[derive(Clone, Debug)]
pub struct Trained {
    pub record: Record,
    pub network: Network,
}
