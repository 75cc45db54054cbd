//! A network: layers one after another, and backpropagation through them (chapter 2).

use super::layer::Taped;
use super::{Activation, Cost, Gradients, Layer, Real, Tape};
use ndarray::{ArrayView2, s};
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

impl Network {
    /// Feeds a batch forward; `x` of shape (samples, inputs), at most the tape's capacity.
    pub fn forward(&self, x: ArrayView2<Real>, tape: &mut Tape, mode: Mode) {
        let samples = x.nrows();
        tape.begin(mode, 0, samples, samples);
        for index in 0..self.layers.len() {
            self.forward_layer(index, x, tape);
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
        self.output_delta(y, tape);
        for index in (0..self.layers.len()).rev() {
            self.backward_layer(index, x, tape, gradients);
        }
    }

    /// Feeds the tape's rows through one layer; `x` are the network's inputs.
    pub(crate) fn forward_layer(&self, index: usize, x: ArrayView2<Real>, tape: &mut Tape) {
        let rows = s![..tape.samples, ..];
        let pass = tape.pass(index);
        let (before, rest) = tape.layers.split_at_mut(index);
        let input = before.last().map_or(x, |previous| previous.activations.slice(rows));
        let here = &mut rest[0];
        let a = here.activations.slice_mut(rows);
        self.layers[index].kind().forward(input, a, &mut here.scratch, pass);
    }

    /// BP1: δ of the output layer.
    pub(crate) fn output_delta(&self, y: ArrayView2<Real>, tape: &mut Tape) {
        let rows = s![..tape.samples, ..];
        let Some(output) = tape.layers.last_mut() else { return };
        let (a, delta) = (output.activations.slice(rows), output.delta.slice_mut(rows));
        self.cost.delta(self.output_activation(), a, y, delta);
    }

    /// From a layer's δ its gradient, and the δ of the layer before it (BP2).
    pub(crate) fn backward_layer(
        &self,
        index: usize,
        x: ArrayView2<Real>,
        tape: &mut Tape,
        gradients: &mut Gradients,
    ) {
        let rows = s![..tape.samples, ..];
        let pass = tape.pass(index);
        let (before, rest) = tape.layers.split_at_mut(index);
        let here = &mut rest[0];
        // The first layer's input is data: nothing learns from its delta.
        let (input, input_delta) = match before.last_mut() {
            Some(previous) => {
                (previous.activations.slice(rows), Some(previous.delta.slice_mut(rows)))
            }
            None => (x, None),
        };
        let (a, delta) = (here.activations.slice(rows), here.delta.slice(rows));
        let taped = Taped { x: input, a, delta };
        let gradients = &mut gradients.layers[index];
        self.layers[index].kind().backward(taped, gradients, input_delta, &mut here.scratch, pass);
        if let Some(previous) = before.last_mut() {
            let (a, delta) = (previous.activations.slice(rows), previous.delta.slice_mut(rows));
            self.layers[index - 1].activation().multiply_by_derivative(a, delta);
        }
    }

    /// The activation function of the last layer.
    #[must_use]
    pub fn output_activation(&self) -> Activation {
        self.layers.last().map_or(Activation::Linear, Layer::activation)
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
