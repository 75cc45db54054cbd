//! Checkpoints: everything that a run needs to continue and to end with the same bytes as a run
//! that was never interrupted.
//!
//! Every random draw comes from a stream identified by (seed, purpose, epoch, step), so no
//! generator state is saved.

mod checkpointer;
mod claim;
mod file;

pub use checkpointer::{BEST, CheckpointPolicy, LAST, PREVIOUS};
pub(super) use checkpointer::{CheckpointTrigger, Checkpointer, WrittenCheckpoint};
pub use claim::{CheckpointClaim, ClaimError};
pub use file::CheckpointError;

use super::schedule::PlateauTracker;
use crate::data::Dataset;
use crate::files::atomic;
use crate::nn::{
    HyperParameters, Layer, Network, Optimizer, OptimizerState, Penalty, Real, Regularizer,
};
use crate::protocol::{EpochStats, LayerStats, Series, Tune, Tuned};
use crate::spec::Spec;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Completed epochs, and completed mini-batches of the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    pub epoch: u32,
    pub batch: u32,
}

impl Position {
    /// The completed fraction of the run, with `batches` mini-batches per epoch.
    pub(super) fn done(self, batches: usize, spec: &Spec) -> f64 {
        let epochs = f64::from(self.epoch) + f64::from(self.batch) / batches.max(1) as f64;
        epochs / f64::from(spec.epochs.max(1))
    }
}

/// The current hyper-parameters, which may be changed by the user or a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tuning {
    /// η.
    pub learning_rate: f64,
    pub regularizer: Regularizer,
    /// μ.
    pub momentum: f64,
}

impl Tuning {
    /// The hyper-parameters for the optimizer; `train_size` is the n that λ is divided by.
    pub(super) fn hyper(&self, train_size: usize) -> HyperParameters {
        let Self { learning_rate, regularizer, momentum } = *self;
        HyperParameters { learning_rate, regularizer, momentum, train_size }
    }

    /// Changes a hyper-parameter and returns its previous value, or the reason why the new value is
    /// invalid.
    pub(super) fn change(&mut self, tune: Tune, optimizer: Optimizer) -> Result<f64, String> {
        match tune {
            Tune::LearningRate(rate) if rate > 0.0 && rate <= HIGHEST_RATE => {
                Ok(std::mem::replace(&mut self.learning_rate, rate))
            }
            Tune::LearningRate(rate) => Err(format!(
                "the learning rate η cannot become {rate}: give a number above 0, at most \
                 {HIGHEST_RATE}"
            )),
            Tune::Regularization(lambda) if lambda.is_finite() && lambda >= 0.0 => {
                // λ requires a penalty; the book's first choice is L2.
                if self.regularizer.penalty == Penalty::None {
                    self.regularizer.penalty = Penalty::L2;
                }
                Ok(std::mem::replace(&mut self.regularizer.lambda, lambda))
            }
            Tune::Regularization(lambda) => {
                Err(format!("λ cannot become {lambda}: give a number of at least 0"))
            }
            Tune::Momentum(_)
                if !matches!(optimizer, Optimizer::Momentum | Optimizer::Nesterov) =>
            {
                Err("this run's optimizer has no momentum: start one with `momentum`".into())
            }
            Tune::Momentum(momentum) if (0.0..1.0).contains(&momentum) => {
                Ok(std::mem::replace(&mut self.momentum, momentum))
            }
            Tune::Momentum(momentum) => {
                Err(format!("μ cannot become {momentum}: give a number from 0 to under 1"))
            }
        }
    }
}

/// The largest learning rate that is accepted.
const HIGHEST_RATE: f64 = 1e6;

/// Identifies a data set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fingerprint {
    name: String,
    /// Training, validation and test images.
    counts: [u64; 3],
    /// CRC-32 of the training labels, and of a sample of the training pixels.
    labels: u32,
    pixels: u32,
}

impl Fingerprint {
    pub(super) fn of(data: &Dataset) -> Self {
        // A prime step covers all columns and all parts of the file in well under 1 ms.
        let sample: Vec<u8> = data.train.pixels.iter().step_by(997).copied().collect();
        Self {
            name: data.name.clone(),
            counts: [&data.train, &data.validation, &data.test].map(|set| set.len() as u64),
            labels: crc32fast::hash(&data.train.labels),
            pixels: crc32fast::hash(&sample),
        }
    }
}

/// Elapsed times in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Clock {
    /// Since the run started, without pauses.
    pub elapsed_seconds: f64,
    /// In mini-batches of the current epoch, and their number of images.
    pub epoch_seconds: f64,
    pub epoch_samples: u64,
}

/// The state of a run between two mini-batches.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The recipe. Raising `epochs` before resuming makes the run longer.
    pub spec: Spec,
    pub(super) body: Body,
    /// Why a newer checkpoint was not used; reported when the run is resumed.
    pub refused: Option<String>,
}

/// Everything except the spec, which is stored as JSON so that fields can be added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Body {
    pub data: Fingerprint,
    pub position: Position,
    pub tuning: Tuning,
    pub network: Network,
    /// The optimizer state.
    pub optimizer: OptimizerState,
    pub plateaus: PlateauTracker,
    pub epochs: Series<EpochStats>,
    pub tuned: Vec<Tuned>,
    pub layers: Vec<LayerStats>,
    pub clock: Clock,
    /// The reason if the schedule or early stopping ended the run.
    pub ended: Option<String>,
}

impl Checkpoint {
    /// The initial state of a run.
    pub(super) fn start(spec: Spec, network: Network, data: &Dataset) -> Self {
        let tuning = Tuning {
            learning_rate: spec.eta,
            regularizer: spec.regularizer,
            momentum: spec.momentum,
        };
        let body = Body {
            data: Fingerprint::of(data),
            position: Position::default(),
            tuning,
            optimizer: OptimizerState::new(spec.optimizer, &network),
            network,
            plateaus: PlateauTracker::default(),
            epochs: Series::default(),
            tuned: Vec::new(),
            layers: Vec::new(),
            clock: Clock::default(),
            ended: None,
        };
        Self { spec, body, refused: None }
    }

    /// The magic number at the start of a checkpoint file.
    pub const MAGIC: &[u8; 8] = file::MAGIC;
    /// The format version that is written and read; follows the magic number.
    pub const VERSION: u32 = file::VERSION;

    /// The initial state of a run of this spec, with the weights of another network.
    ///
    /// # Errors
    /// If the network does not have the shape of the spec.
    pub fn from_weights(
        spec: Spec,
        network: Network,
        data: &Dataset,
    ) -> Result<Self, CheckpointError> {
        let fresh = crate::spec::build(&spec, data)
            .map_err(|_| CheckpointError::Network(spec.layers.clone()))?;
        let checkpoint = Self::start(spec, network, data);
        checkpoint.check_network(&fresh)?;
        Ok(checkpoint)
    }

    /// A run that continues from here with another spec. `past` is a later checkpoint of the same
    /// run, with its measured epochs. Hyper-parameters changed by the spec apply from here on; the
    /// others keep their tuned values.
    #[must_use]
    pub fn branch(&self, past: &Self, spec: Spec) -> Self {
        let mut body = self.body.clone();
        let before = &self.spec;
        if (spec.eta - before.eta).abs() > 0.0 {
            body.tuning.learning_rate = spec.eta;
        }
        if spec.regularizer != before.regularizer {
            body.tuning.regularizer = spec.regularizer;
        }
        if (spec.momentum - before.momentum).abs() > 0.0 {
            body.tuning.momentum = spec.momentum;
        }
        if spec.optimizer != before.optimizer {
            body.optimizer = OptimizerState::new(spec.optimizer, &body.network);
        }
        if (spec.schedule, spec.early_stopping) != (before.schedule, before.early_stopping) {
            body.plateaus = PlateauTracker::default();
        }
        let Position { epoch, batch } = body.position;
        body.epochs = past.body.epochs.up_to(|stats| stats.epoch <= epoch);
        let known = |tuned: &&Tuned| (tuned.epoch, tuned.batch) <= (epoch, batch);
        body.tuned = past.body.tuned.iter().filter(known).cloned().collect();
        body.ended = None;
        Self { spec, body, refused: None }
    }

    /// Whether a spec has the same network, so that a run can continue with it.
    #[must_use]
    pub fn fits(&self, spec: &Spec) -> bool {
        let Spec { layers, activation, output, cost, readout, .. } = &self.spec;
        let mine = (layers, activation, output, cost, readout);
        mine == (&spec.layers, &spec.activation, &spec.output, &spec.cost, &spec.readout)
            && (spec.dropout > 0.0) == (self.spec.dropout > 0.0)
    }

    /// The position of the run.
    #[must_use]
    pub fn position(&self) -> Position {
        self.body.position
    }

    /// The hyper-parameters at that position.
    #[must_use]
    pub fn tuning(&self) -> Tuning {
        self.body.tuning
    }

    /// The network at that position.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.body.network
    }

    /// The epochs measured so far.
    #[must_use]
    pub fn epochs(&self) -> &Series<EpochStats> {
        &self.body.epochs
    }

    /// The best validation (or else test) accuracy so far.
    pub(super) fn best_accuracy(&self) -> Option<f64> {
        let accuracies = self.body.epochs.points().iter();
        let accuracies = accuracies.filter_map(|s| s.validation_accuracy.or(s.test_accuracy));
        accuracies.max_by(f64::total_cmp)
    }

    /// The checkpoint without measured epochs, as stored in a snapshot.
    pub(super) fn without_history(&self) -> Self {
        let Self { spec, body, .. } = self;
        let body = Body {
            data: body.data.clone(),
            position: body.position,
            tuning: body.tuning,
            network: body.network.clone(),
            optimizer: body.optimizer.clone(),
            plateaus: body.plateaus,
            epochs: Series::default(),
            tuned: Vec::new(),
            layers: body.layers.clone(),
            clock: body.clock,
            ended: None,
        };
        Self { spec: spec.clone(), body, refused: None }
    }

    /// The validation (or else test) accuracy of an epoch.
    pub(super) fn accuracy_at(&self, epoch: u32) -> Option<f64> {
        let stats = self.body.epochs.points().iter().find(|stats| stats.epoch == epoch)?;
        stats.validation_accuracy.or(stats.test_accuracy)
    }

    /// Size of weights, biases and optimizer state in bytes.
    pub(super) fn bytes(&self) -> u64 {
        let layers = self.body.network.layers.iter();
        let parameters = layers.flat_map(Layer::parameters).map(|(_, array)| array.len());
        let copies = match self.spec.optimizer {
            Optimizer::Sgd => 1,
            Optimizer::Momentum | Optimizer::Nesterov => 2,
            Optimizer::Adam => 3,
        };
        (parameters.sum::<usize>() * size_of::<Real>() * copies) as u64
    }

    /// The checkpoint as the contents of a file.
    pub(super) fn encode(&self) -> Vec<u8> {
        file::encode(self)
    }

    /// Reads a checkpoint file, or the newest valid checkpoint of a directory.
    ///
    /// If the file, or the directory's last checkpoint, is damaged, the previous one beside it is
    /// used and [`Checkpoint::refused`] contains the reason.
    ///
    /// # Errors
    /// If no checkpoint is valid; the error is that of the newest.
    pub fn load(path: &Path) -> Result<Self, CheckpointError> {
        let file = if path.is_dir() { path.join(LAST) } else { path.to_path_buf() };
        let newest = match file::read(&file) {
            Ok(checkpoint) => return Ok(checkpoint),
            Err(error) => error,
        };
        let previous = file.with_file_name(PREVIOUS);
        if file.file_name().is_none_or(|name| name != LAST) {
            return Err(newest);
        }
        let Ok(mut checkpoint) = file::read(&previous) else { return Err(newest) };
        checkpoint.refused =
            Some(format!("{newest}; continuing from the previous one, {}", previous.display()));
        Ok(checkpoint)
    }

    /// Writes the checkpoint atomically and returns its size in bytes.
    ///
    /// # Errors
    /// If the file cannot be written; an existing file is left unchanged.
    pub fn save(&self, path: &Path) -> Result<u64, CheckpointError> {
        let bytes = file::encode(self);
        let wrap = |source| CheckpointError::Write { file: path.into(), source };
        atomic::write(path, &bytes).map_err(wrap)?;
        Ok(bytes.len() as u64)
    }

    /// Checks that the run can continue with this data.
    pub(super) fn check_data(&self, data: &Dataset) -> Result<(), CheckpointError> {
        let found = Fingerprint::of(data);
        if found == self.body.data {
            return Ok(());
        }
        let describe = |print: &Fingerprint| {
            let [train, validation, test] = print.counts;
            format!("{} ({train} + {validation} + {test} images)", print.name)
        };
        Err(CheckpointError::Data { expected: describe(&self.body.data), found: describe(&found) })
    }

    /// Checks that the network has the shape of the spec; `fresh` was built from it.
    pub(super) fn check_network(&self, fresh: &Network) -> Result<(), CheckpointError> {
        let shape = |network: &Network| {
            let layers = network.layers.iter();
            let layers = layers.map(|l| (l.name(), l.input(), l.output(), l.activation()));
            layers.collect::<Vec<_>>()
        };
        let alike = shape(fresh) == shape(&self.body.network)
            && fresh.cost == self.body.network.cost
            && self.body.optimizer.optimizer() == self.spec.optimizer
            && self.body.optimizer.fits(fresh);
        alike.then_some(()).ok_or_else(|| CheckpointError::Network(self.spec.layers.clone()))
    }
}

#[cfg(test)]
mod tests;
