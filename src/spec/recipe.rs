//! What to train, on what, and how: everything that decides a run's result.

use super::Readout;
pub use crate::nn::Optimizer;
use crate::nn::{Activation, Cost, Init, Regularizer};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A run's recipe. Two runs of equal specs on the same machine end with the same bytes, whatever
/// `threads` says. The defaults are chapter 1's network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Spec {
    /// Sizes of the layers (`784,30,10`), or a run of layers (`conv20x5-pool2-dense100-softmax10`).
    pub layers: String,
    /// Layers of the second, the third, … network of an ensemble; after the last, `layers` come
    /// again. One network has `layers`.
    pub also: Vec<String>,
    /// Activation of the hidden layers.
    pub activation: Activation,
    /// Activation of the output layer, unless it is named `softmaxN` or the cost is log-likelihood
    /// (then softmax). Recipes of version 0.1.0 have none: their outputs are of the hidden layers'
    /// activation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Activation>,
    pub cost: Cost,
    pub init: Init,
    pub regularizer: Regularizer,
    pub optimizer: Optimizer,
    /// μ of momentum and Nesterov momentum, from 0 to under 1.
    pub momentum: f64,
    /// Fraction of hidden units left out of each mini-batch, from 0 to under 1.
    pub dropout: f64,
    pub schedule: Schedule,
    pub early_stopping: EarlyStopping,
    /// Changes that add copies of the training images.
    pub expand: Vec<Expansion>,
    pub epochs: u32,
    pub batch: u32,
    /// The learning rate η.
    pub eta: f64,
    /// How many training images to use, the first ones; all when absent.
    pub train_size: Option<u32>,
    /// Learn from the validation images too, which then measure nothing: for a recipe that was
    /// chosen before.
    pub all_images: bool,
    /// A saved model is asked of each image and of the same moved by a pixel each way, and answers
    /// with the mean of its outputs (test-time augmentation).
    pub test_time_shifts: bool,
    pub seed: u64,
    /// Worker threads; the machine's cores when absent. Never changes a result.
    pub threads: Option<u32>,
    /// A data set of the user's own instead of the embedded MNIST: a file or a directory in any of
    /// the formats of [`crate::data::READABLE`].
    pub data: Option<PathBuf>,
    /// Width and height that the images of `data` are brought to; their own, or the commonest, when
    /// absent.
    pub image_size: Option<(u32, u32)>,
    /// Exchange rows and columns of the images of `data`, as EMNIST's need it.
    pub transpose: bool,
    /// What the outputs stand for.
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

/// How the learning rate changes by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    #[default]
    Constant,
    /// Halve η whenever validation accuracy has not improved for `patience` epochs; the run ends
    /// when η falls below its start divided by `stop_at` (the book: 10 and 128, section 3.5).
    HalveOnPlateau { patience: u32, stop_at: u32 },
    /// η falls in a straight line, from mini-batch to mini-batch, to 0 at the end of the run.
    Linear,
}

/// When a run ends before its last epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EarlyStopping {
    #[default]
    Never,
    /// Validation accuracy has not improved for so many epochs.
    NoImprovementIn(u32),
}

/// A way to make more training images out of those there are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expansion {
    /// Four more copies, moved by one pixel each way (section 6.2).
    Shifts,
    /// Each epoch, every image turned by up to so many degrees either way.
    Rotation(f64),
    /// Each epoch, every image's width and height multiplied by up to so much more or less than 1.
    Scaling(f64),
    /// Each epoch, every image moved by up to so many pixels either way.
    Translation(f64),
    /// Each epoch, an elastic distortion (Simard, Steinkraus and Platt 2003).
    Elastic { alpha: f64, sigma: f64 },
}

impl std::fmt::Display for Expansion {
    /// As `--expand` takes it.
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
