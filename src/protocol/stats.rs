//! What an epoch is measured by.

use super::real;
use serde::{Deserialize, Serialize};

/// The statistics of one epoch. Accuracies are fractions from 0 to 1; a cost that is not a number
/// or a figure that was not measured is `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochStats {
    /// 0 is the network before any training.
    pub epoch: u32,
    /// Cost on the training sample, regularization term included.
    pub train_cost: Option<f64>,
    pub validation_cost: Option<f64>,
    pub test_cost: Option<f64>,
    pub train_accuracy: Option<f64>,
    pub validation_accuracy: Option<f64>,
    pub test_accuracy: Option<f64>,
    /// Seconds in mini-batches alone, without evaluation, pauses or slow motion.
    pub train_seconds: f64,
    /// Images a second over `train_seconds`.
    pub samples_per_second: f64,
    /// The learning rate η that the epoch ended with.
    pub learning_rate: f64,
    /// One entry a layer that learns, from the input side.
    pub layers: Vec<LayerStats>,
}

/// How one layer learns, as of the last mini-batch of an epoch.
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
    /// Fraction of activations within 1% of a bound of their range (0 where there is none).
    #[serde(deserialize_with = "real::number")]
    pub saturated: f64,
    /// Fraction of units that were zero for every image looked at.
    #[serde(deserialize_with = "real::number")]
    pub dead: f64,
}
