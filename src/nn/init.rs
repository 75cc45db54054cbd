//! Initial weights.

use super::Real;
use crate::rng::Stream;
use rand_distr::{Distribution, Normal};
use serde::{Deserialize, Serialize};

/// How weights are drawn before training; biases are always unit Gaussians (section 3.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// Standard deviation 1 (chapter 1).
    #[default]
    Large,
    /// Standard deviation 1/√n_in (section 3.3).
    Scaled,
}

impl Init {
    /// The standard deviation for units with this number of inputs.
    #[must_use]
    pub fn deviation(self, inputs: usize) -> f64 {
        match self {
            Self::Large => 1.0,
            Self::Scaled => 1.0 / (inputs as f64).sqrt(),
        }
    }

    /// Draws weights for units with this number of inputs.
    ///
    /// # Panics
    /// If there are no inputs.
    pub(crate) fn draw(self, inputs: usize, stream: &mut Stream) -> impl FnMut() -> Real {
        let normal = Normal::new(0.0, self.deviation(inputs));
        let normal = normal.expect("a deviation of 1 or 1/sqrt(n) is finite and positive");
        move || normal.sample(stream) as Real
    }
}
