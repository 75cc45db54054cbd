//! Stochastic gradient descent: w → w − η ∇C (equations 20 and 21).

use super::{Gradients, Layer, LayerGradients, Network, Penalty, Real, Regularizer};

/// Plain mini-batch gradient descent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// η, above 0.
    pub learning_rate: f64,
    pub regularizer: Regularizer,
    /// n, the size of the training set that λ is divided by.
    pub train_size: usize,
}

impl Sgd {
    /// Takes one step against the gradient of a mini-batch.
    pub fn step(&self, network: &mut Network, gradients: &Gradients) {
        let rate = self.learning_rate as Real;
        let shrink =
            (self.learning_rate * self.regularizer.lambda / self.train_size as f64) as Real;
        for (layer, gradient) in network.layers.iter_mut().zip(&gradients.layers) {
            let Layer::Dense(dense) = layer;
            let LayerGradients::Dense { weights, biases } = gradient else { continue };
            match self.regularizer.penalty {
                Penalty::None => {}
                Penalty::L1 => dense.weights.mapv_inplace(|w| w - shrink * w.signum()),
                Penalty::L2 => dense.weights.mapv_inplace(|w| w * (1.0 - shrink)),
            }
            dense.weights.scaled_add(-rate, weights);
            dense.biases.scaled_add(-rate, biases);
        }
    }
}
