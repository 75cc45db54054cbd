//! Layers: one file a kind, and this table of them.

mod dense;

pub use dense::Dense;

use super::Real;
use ndarray::{ArrayViewD, ArrayViewMutD};
use serde::{Deserialize, Serialize};

/// What goes in or comes out of a layer: feature maps of height × width. A vector of n is (1, 1, n).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    pub maps: usize,
    pub height: usize,
    pub width: usize,
}

impl Shape {
    /// A plain vector.
    #[must_use]
    pub fn vector(len: usize) -> Self {
        Self { maps: 1, height: 1, width: len }
    }

    /// Number of values.
    #[must_use]
    pub fn len(self) -> usize {
        self.maps * self.height * self.width
    }

    /// Whether there are no values at all.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// A layer of a network: plain data, no hidden caches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Layer {
    Dense(Dense),
}

impl Layer {
    /// Values that go in.
    #[must_use]
    pub fn input(&self) -> Shape {
        match self {
            Self::Dense(dense) => dense.input(),
        }
    }

    /// Values that come out.
    #[must_use]
    pub fn output(&self) -> Shape {
        match self {
            Self::Dense(dense) => dense.output(),
        }
    }

    /// As the network's text writes it, such as `dense30`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Dense(dense) => format!("dense{}", dense.biases.len()),
        }
    }

    /// The arrays that the layer learns, by name; none for a layer that learns nothing. Model files
    /// keep them under these names.
    #[must_use]
    pub fn parameters(&self) -> Vec<(&'static str, ArrayViewD<'_, Real>)> {
        match self {
            Self::Dense(dense) => vec![
                ("weights", dense.weights.view().into_dyn()),
                ("biases", dense.biases.view().into_dyn()),
            ],
        }
    }

    /// [`Layer::parameters`], to be changed.
    pub fn parameters_mut(&mut self) -> Vec<(&'static str, ArrayViewMutD<'_, Real>)> {
        match self {
            Self::Dense(dense) => vec![
                ("weights", dense.weights.view_mut().into_dyn()),
                ("biases", dense.biases.view_mut().into_dyn()),
            ],
        }
    }
}
