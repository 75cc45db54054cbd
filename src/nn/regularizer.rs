//! Regularization: penalties on large weights.

use serde::{Deserialize, Serialize};

/// The norm of the weights, without biases, that is added to the cost (section 3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Penalty {
    #[default]
    None,
    /// (λ/n) Σ|w| (equation 95).
    L1,
    /// (λ/2n) Σw² (equation 87).
    L2,
}

/// A penalty and its strength λ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Regularizer {
    pub penalty: Penalty,
    /// λ; divided by the size n of the training set where it is used.
    pub lambda: f64,
}
