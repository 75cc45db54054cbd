//! A network: layers one after another, and backpropagation through them (chapter 2).

use super::{Activation, Cost, Gradients, Layer, LayerGradients, Real};
use ndarray::{Array2, ArrayView2, s};
use serde::{Deserialize, Serialize};

/// Layers from the input side to the output, and the cost they are trained for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Network {
    pub layers: Vec<Layer>,
    pub cost: Cost,
}

/// Whether a forward pass is for learning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Dropout draws its mask from the stream named by (seed, dropout, epoch, step).
    Training { seed: u64, epoch: u64, step: u64 },
    /// Every unit takes part.
    Inference,
}

/// What a forward pass leaves behind for the backward pass; made once for the largest batch, then
/// reused.
#[derive(Clone, Debug)]
pub struct Tape {
    layers: Vec<LayerTape>,
    samples: usize,
}

#[derive(Clone, Debug)]
struct LayerTape {
    /// z, shape (capacity, units).
    weighted_inputs: Array2<Real>,
    /// a, shape (capacity, units).
    activations: Array2<Real>,
    /// ∂C/∂z, shape (capacity, units).
    delta: Array2<Real>,
}

impl Tape {
    /// Room for batches of up to `capacity` samples.
    #[must_use]
    pub fn new(network: &Network, capacity: usize) -> Self {
        let layers = network.layers.iter().map(|layer| {
            let zeros = Array2::zeros((capacity, layer.output().len()));
            LayerTape { weighted_inputs: zeros.clone(), activations: zeros.clone(), delta: zeros }
        });
        Self { layers: layers.collect(), samples: 0 }
    }

    /// A layer's activations in the last forward pass, shape (samples, units).
    #[must_use]
    pub fn activations(&self, layer: usize) -> ArrayView2<'_, Real> {
        self.layers[layer].activations.slice(s![..self.samples, ..])
    }

    /// A layer's δ = ∂C/∂z in the last backward pass, shape (samples, units).
    #[must_use]
    pub fn delta(&self, layer: usize) -> ArrayView2<'_, Real> {
        self.layers[layer].delta.slice(s![..self.samples, ..])
    }

    /// The output activations of the last forward pass, shape (samples, outputs).
    ///
    /// # Panics
    /// Where the network has no layers.
    #[must_use]
    pub fn outputs(&self) -> ArrayView2<'_, Real> {
        self.activations(self.layers.len() - 1)
    }
}

impl Network {
    /// Feeds a batch forward; `x` of shape (samples, inputs), at most the tape's capacity.
    pub fn forward(&self, x: ArrayView2<Real>, tape: &mut Tape, _mode: Mode) {
        let samples = x.nrows();
        tape.samples = samples;
        for (index, layer) in self.layers.iter().enumerate() {
            let (before, rest) = tape.layers.split_at_mut(index);
            let input = match before.last() {
                Some(previous) => previous.activations.slice(s![..samples, ..]),
                None => x,
            };
            let here = &mut rest[0];
            match layer {
                Layer::Dense(dense) => dense.forward(
                    input,
                    here.weighted_inputs.slice_mut(s![..samples, ..]),
                    here.activations.slice_mut(s![..samples, ..]),
                ),
            }
        }
    }

    /// Backpropagation after a forward pass of the same batch: BP1 at the output, BP2 from layer
    /// to layer, BP3 and BP4 for the gradients (section 2.4). `y` of shape (samples, outputs).
    pub fn backward(
        &self,
        x: ArrayView2<Real>,
        y: ArrayView2<Real>,
        tape: &mut Tape,
        gradients: &mut Gradients,
    ) {
        let samples = tape.samples;
        let last = self.layers.len() - 1;
        let output = &mut tape.layers[last];
        self.cost.delta(
            self.output_activation(),
            output.activations.slice(s![..samples, ..]),
            y,
            output.delta.slice_mut(s![..samples, ..]),
        );
        for index in (0..=last).rev() {
            let (before, rest) = tape.layers.split_at_mut(index);
            let Layer::Dense(dense) = &self.layers[index];
            let delta = rest[0].delta.slice(s![..samples, ..]);
            let input = match before.last() {
                Some(previous) => previous.activations.slice(s![..samples, ..]),
                None => x,
            };
            if let LayerGradients::Dense { weights, biases } = &mut gradients.layers[index] {
                dense.gradients(input, delta, weights, biases);
            }
            // The first layer's input is data: nothing learns from its delta.
            if let Some(previous) = before.last_mut() {
                dense.backward(delta, previous.delta.slice_mut(s![..samples, ..]));
                let Layer::Dense(below) = &self.layers[index - 1];
                below.activation.multiply_by_derivative(
                    previous.activations.slice(s![..samples, ..]),
                    previous.delta.slice_mut(s![..samples, ..]),
                );
            }
        }
    }

    /// The activation function of the last layer.
    #[must_use]
    pub fn output_activation(&self) -> Activation {
        match self.layers.last() {
            Some(Layer::Dense(dense)) => dense.activation,
            None => Activation::Linear,
        }
    }

    /// Number of input values.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.input().len())
    }

    /// Number of output values.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.output().len())
    }
}
