//! Initial weights.

use serde::{Deserialize, Serialize};

/// How weights are drawn before training; biases are always unit Gaussians (section 3.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// Standard deviation 1: chapter 1's.
    #[default]
    Large,
    /// Standard deviation 1/√n_in: section 3.3's.
    Scaled,
}

impl Init {
    /// The standard deviation for units with so many inputs.
    #[must_use]
    pub fn deviation(self, inputs: usize) -> f64 {
        match self {
            Self::Large => 1.0,
            Self::Scaled => 1.0 / (inputs as f64).sqrt(),
        }
    }
}
