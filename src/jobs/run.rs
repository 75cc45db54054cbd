//! The training runs of a job and their results.

use crate::data::Dataset;
use crate::nn::Network;
use crate::protocol::EpochStats;
use crate::spec::Spec;
use std::path::PathBuf;
use std::sync::Arc;

/// A training run to be started by a job.
#[derive(Clone, Debug)]
pub struct PlannedRun {
    /// Unique within the experiment, such as `seed 2`; names its curves.
    pub name: String,
    pub spec: Spec,
    /// The images; MNIST if `None`.
    pub data: Option<Arc<Dataset>>,
    /// The run's own directory for checkpoints; the run resumes from the newest one.
    pub checkpoints: Option<PathBuf>,
}

impl PlannedRun {
    /// A run on MNIST.
    #[must_use]
    pub fn new(name: impl Into<String>, spec: Spec) -> Self {
        Self { name: name.into(), spec, data: None, checkpoints: None }
    }

    /// The same run on other images.
    #[must_use]
    pub fn with_data(self, data: Arc<Dataset>) -> Self {
        Self { data: Some(data), ..self }
    }

    /// The same run with its own directory for checkpoints.
    #[must_use]
    pub fn with_checkpoints(self, directory: Option<PathBuf>) -> Self {
        Self { checkpoints: directory, ..self }
    }
}

/// The measurements of a run so far.
#[derive(Clone, Debug)]
pub struct TrainingRecord {
    pub name: String,
    pub spec: Spec,
    /// One entry per epoch, starting with the untrained network.
    pub epochs: Vec<EpochStats>,
}

impl TrainingRecord {
    /// The maximum of `value` over the epochs.
    #[must_use]
    pub fn best(&self, value: impl Fn(&EpochStats) -> Option<f64>) -> Option<f64> {
        self.epochs.iter().filter_map(value).max_by(f64::total_cmp)
    }

    /// The best test accuracy of all epochs, as a fraction; the book reports this value.
    #[must_use]
    pub fn best_test_accuracy(&self) -> Option<f64> {
        self.best(|stats| stats.test_accuracy)
    }

    /// The test accuracy after the last epoch, as a fraction.
    #[must_use]
    pub fn last_test_accuracy(&self) -> Option<f64> {
        self.epochs.last()?.test_accuracy
    }
}

/// A completed run.
#[derive(Clone, Debug)]
pub struct TrainedRun {
    pub record: TrainingRecord,
    pub network: Network,
}
