//! The gradient of the cost with respect to every weight and bias.

use super::layer::ParameterRole;
use super::{Network, Real};
use ndarray::{Array1, ArrayD};

/// One layer's gradients, in the shapes of its parameters; empty for a layer without parameters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LayerGradients {
    /// One array for each array of weights of the layer, with the same padding.
    pub weights: Vec<ArrayD<Real>>,
    pub biases: Array1<Real>,
    /// The statistics of the mini-batch, for parameters that are moving means of them.
    pub statistics: Vec<Array1<Real>>,
}

impl LayerGradients {
    /// Adds the array of a parameter with this role.
    pub(crate) fn push(&mut self, role: ParameterRole, array: ArrayD<Real>) {
        match role {
            ParameterRole::Weights => self.weights.push(array),
            ParameterRole::Biases => self.biases = array.into_iter().collect(),
            ParameterRole::Statistics => self.statistics.push(array.into_iter().collect()),
        }
    }

    /// Whether the layer has no parameters.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }

    /// Its arrays: weights, biases, statistics.
    ///
    /// # Panics
    /// Never: the arrays are row-major.
    pub fn arrays(&self) -> impl Iterator<Item = &[Real]> {
        let weights = self.weights.iter().map(|array| array.as_slice());
        let biases = (!self.is_empty()).then(|| self.biases.as_slice());
        let statistics = self.statistics.iter().map(|array| array.as_slice());
        weights.chain(biases).chain(statistics).map(|array| array.expect("gradients are row-major"))
    }

    /// The mutable version of [`LayerGradients::arrays`].
    ///
    /// # Panics
    /// Never: the arrays are row-major.
    pub fn arrays_mut(&mut self) -> impl Iterator<Item = &mut [Real]> {
        let empty = self.is_empty();
        let weights = self.weights.iter_mut().map(ArrayD::as_slice_mut);
        let biases = (!empty).then(|| self.biases.as_slice_mut());
        let statistics = self.statistics.iter_mut().map(|array| array.as_slice_mut());
        weights.chain(biases).chain(statistics).map(|array| array.expect("gradients are row-major"))
    }

    /// One of [`LayerGradients::arrays`].
    ///
    /// # Panics
    /// If there is no such array.
    pub(crate) fn array(&self, index: usize) -> &[Real] {
        self.arrays().nth(index).expect("there is a gradient for every parameter array")
    }

    /// The mutable version of [`LayerGradients::array`].
    ///
    /// # Panics
    /// If there is no such array.
    pub(crate) fn array_mut(&mut self, index: usize) -> &mut [Real] {
        self.arrays_mut().nth(index).expect("there is a gradient for every parameter array")
    }
}

/// The gradients of every layer, averaged over the mini-batch, without the regularization term.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    pub layers: Vec<LayerGradients>,
}

impl Gradients {
    /// Zeros in the shapes of a network; to be reused for every mini-batch.
    #[must_use]
    pub fn zeros(network: &Network) -> Self {
        Self::zeros_of(network, network.layers.len())
    }

    /// [`Gradients::zeros`] of the first `layers`.
    pub(crate) fn zeros_of(network: &Network, layers: usize) -> Self {
        let layers = network.layers.iter().take(layers);
        Self { layers: layers.map(|layer| layer.ops().zero_gradients()).collect() }
    }
}
