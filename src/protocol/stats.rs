//! The statistics of an epoch.

use super::real;
use serde::{Deserialize, Serialize};

/// The statistics of one epoch. Accuracies are fractions from 0 to 1; a value that was not measured,
/// or is not a number, is `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochStats {
    /// 0 is the untrained network.
    pub epoch: u32,
    /// Cost on the training sample, regularization term included.
    pub train_cost: Option<f64>,
    pub validation_cost: Option<f64>,
    pub test_cost: Option<f64>,
    pub train_accuracy: Option<f64>,
    pub validation_accuracy: Option<f64>,
    pub test_accuracy: Option<f64>,
    /// Seconds spent on mini-batches, without evaluation, pauses or slow motion.
    pub train_seconds: f64,
    /// Images per second of `train_seconds`.
    pub samples_per_second: f64,
    /// The learning rate η at the end of the epoch.
    pub learning_rate: f64,
    /// One entry per layer with parameters, from the input side.
    pub layers: Vec<LayerStats>,
}

/// Statistics of one layer: for an epoch, the means over some of its mini-batches, evenly spaced.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LayerStats {
    /// Index among all layers.
    pub layer: u32,
    /// Euclidean norm of the gradient with respect to the biases: the book's speed of learning
    /// (chapter 5).
    #[serde(deserialize_with = "real::number")]
    pub bias_gradient_norm: f64,
    /// Euclidean norm of the gradient with respect to the weights.
    #[serde(deserialize_with = "real::number")]
    pub weight_gradient_norm: f64,
    /// Norm of one update divided by the norm of the weights.
    #[serde(deserialize_with = "real::number")]
    pub update_ratio: f64,
    /// Fraction of activations within 1% of a bound of their range (0 if it is unbounded).
    #[serde(deserialize_with = "real::number")]
    pub saturated: f64,
    /// Fraction of units that were zero for every image of a mini-batch.
    #[serde(deserialize_with = "real::number")]
    pub dead: f64,
}
