//! The gradient of the cost with respect to every weight and bias.

use super::{Layer, Network, Real};
use ndarray::{Array1, Array2};

/// One layer's gradient, of the same shapes as its weights and biases.
#[derive(Clone, Debug, PartialEq)]
pub enum LayerGradients {
    Dense {
        weights: Array2<Real>,
        biases: Array1<Real>,
    },
    /// The layer learns nothing.
    None,
}

/// One entry a layer, averaged over the mini-batch; without the regularization term.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    pub layers: Vec<LayerGradients>,
}

impl Gradients {
    /// Zeros in the shapes of a network; made once, then reused for every mini-batch.
    #[must_use]
    pub fn zeros(network: &Network) -> Self {
        let layers = network.layers.iter().map(|layer| match layer {
            Layer::Dense(dense) => LayerGradients::Dense {
                weights: Array2::zeros(dense.weights.raw_dim()),
                biases: Array1::zeros(dense.biases.raw_dim()),
            },
        });
        Self { layers: layers.collect() }
    }
}
