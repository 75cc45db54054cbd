//! The recipe: everything that determines the result of a run.

use super::Readout;
pub use crate::nn::Optimizer;
use crate::nn::{Activation, Cost, Init, Regularizer};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A run's recipe. Two runs with equal specs on the same machine give identical bytes, regardless
/// of `threads`. The defaults are those of chapter 1's network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Spec {
    /// Sizes of the layers (`784,30,10`), or a sequence of layers
    /// (`conv20x5-pool2-dense100-softmax10`).
    pub layers: String,
    /// Layers of the second, third, … network of an ensemble; further networks start over with
    /// `layers`. Ignored for a single network.
    pub also: Vec<String>,
    /// Activation of the hidden layers.
    pub activation: Activation,
    /// Activation of the output layer, unless it is named `softmaxN` or the cost is log-likelihood
    /// (which imply softmax). Recipes of version 0.1.0 lack it and use the activation of the hidden
    /// layers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Activation>,
    pub cost: Cost,
    pub init: Init,
    pub regularizer: Regularizer,
    pub optimizer: Optimizer,
    /// μ of momentum and Nesterov momentum, from 0 to below 1.
    pub momentum: f64,
    /// Dropout rate of the hidden units, from 0 to below 1.
    pub dropout: f64,
    pub schedule: Schedule,
    pub early_stopping: EarlyStopping,
    /// Augmentations of the training images.
    pub expand: Vec<Expansion>,
    pub epochs: u32,
    pub batch: u32,
    /// The learning rate η.
    pub eta: f64,
    /// Number of training images to use, from the first on; all by default.
    pub train_size: Option<u32>,
    /// Also train on the validation images, for a recipe that was already chosen on them.
    pub all_images: bool,
    /// Test-time augmentation: a saved model averages its outputs for each image and for the image
    /// shifted by a pixel in each direction.
    pub test_time_shifts: bool,
    pub seed: u64,
    /// Number of threads, by default one per core. Does not change the result.
    pub threads: Option<u32>,
    /// A data set to use instead of the embedded MNIST: a file or directory in one of the formats
    /// of [`crate::data::READABLE`].
    pub data: Option<PathBuf>,
    /// Width and height to which the images of `data` are scaled; by default their own, or the most
    /// frequent.
    pub image_size: Option<(u32, u32)>,
    /// Transpose the images of `data`, as required for EMNIST.
    pub transpose: bool,
    /// The meaning of the outputs.
    pub readout: Readout,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            layers: "784,30,10".into(),
            also: Vec::new(),
            activation: Activation::Sigmoid,
            output: None,
            cost: Cost::Quadratic,
            init: Init::Large,
            regularizer: Regularizer::default(),
            optimizer: Optimizer::Sgd,
            momentum: 0.0,
            dropout: 0.0,
            schedule: Schedule::Constant,
            early_stopping: EarlyStopping::Never,
            expand: Vec::new(),
            epochs: 30,
            batch: 10,
            eta: 3.0,
            train_size: None,
            all_images: false,
            test_time_shifts: false,
            seed: 3,
            threads: None,
            data: None,
            image_size: None,
            transpose: false,
            readout: Readout::OneHot,
        }
    }
}

/// The learning rate schedule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    #[default]
    Constant,
    /// Halve η whenever validation accuracy has not improved for `patience` epochs; the run ends
    /// when η falls below its initial value divided by `stop_at` (the book: 10 and 128, section
    /// 3.5).
    HalveOnPlateau { patience: u32, stop_at: u32 },
    /// η decreases linearly with every mini-batch, to 0 at the end of the run.
    Linear,
}

impl Schedule {
    /// The factor of the learning rate after this fraction of the run's mini-batches.
    pub(crate) fn factor(self, done: f64) -> f64 {
        match self {
            Self::Constant | Self::HalveOnPlateau { .. } => 1.0,
            Self::Linear => (1.0 - done).max(0.0),
        }
    }
}

/// When a run ends before its last epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EarlyStopping {
    #[default]
    Never,
    /// Validation accuracy has not improved for this number of epochs.
    NoImprovementIn(u32),
}

/// An augmentation of the training images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expansion {
    /// Four additional copies, shifted by one pixel in each direction (section 6.2).
    Shifts,
    /// Rotation by at most this number of degrees, different in each epoch.
    Rotation(f64),
    /// Scaling of width and height by factors that differ from 1 by at most this, different in each
    /// epoch.
    Scaling(f64),
    /// Translation by at most this number of pixels, different in each epoch.
    Translation(f64),
    /// An elastic distortion (Simard, Steinkraus and Platt 2003), different in each epoch.
    Elastic { alpha: f64, sigma: f64 },
}

impl std::fmt::Display for Expansion {
    /// As written for `--expand`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Shifts => f.write_str("shifts"),
            Self::Rotation(degrees) => write!(f, "rotation:{degrees}"),
            Self::Scaling(fraction) => write!(f, "scaling:{fraction}"),
            Self::Translation(pixels) => write!(f, "translation:{pixels}"),
            Self::Elastic { alpha, sigma } => write!(f, "elastic:{alpha}:{sigma}"),
        }
    }
}
