//! A network: layers one after another, and backpropagation through them (chapter 2).

use super::layer::{Descent, Role, Taped};
use super::optimizer::follow;
use super::tape::LayerTape;
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
        self.forward_part(x, tape, mode, 0, x.nrows());
    }

    /// Feeds rows of a mini-batch of `batch` samples forward, the first of them its `first_row`.
    pub(crate) fn forward_part(
        &self,
        x: ArrayView2<Real>,
        tape: &mut Tape,
        mode: Mode,
        first_row: usize,
        batch: usize,
    ) {
        tape.begin(mode, first_row, x.nrows(), batch);
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
        self.deltas(y, tape);
        self.gradients(x, tape, gradients);
    }

    /// BP1 and BP2: δ of every layer; `y` of shape (samples, outputs).
    pub(crate) fn deltas(&self, y: ArrayView2<Real>, tape: &mut Tape) {
        self.output_delta(y, tape);
        // The first layer's input is data: nothing learns from its delta.
        for index in (1..self.layers.len()).rev() {
            self.input_delta(index, tape);
        }
    }

    /// BP3 and BP4, once every δ is known.
    pub(crate) fn gradients(
        &self,
        x: ArrayView2<Real>,
        tape: &mut Tape,
        gradients: &mut Gradients,
    ) {
        for (index, gradients) in gradients.layers.iter_mut().enumerate() {
            let (taped, scratch, pass) = tape.taped(index, x);
            self.layers[index].kind().gradients(taped, gradients, scratch, pass);
        }
    }

    /// A step of plain gradient descent once every δ is known, without writing the gradient down
    /// where a layer can do so; `spare` has room for the others.
    pub(crate) fn descend(
        &mut self,
        x: ArrayView2<Real>,
        tape: &mut Tape,
        descent: Descent,
        spare: &mut Gradients,
    ) {
        for index in 0..self.layers.len() {
            self.descend_layer(index, x, tape, descent, spare);
        }
    }

    /// [`Network::descend`] of one layer.
    pub(crate) fn descend_layer(
        &mut self,
        index: usize,
        x: ArrayView2<Real>,
        tape: &mut Tape,
        descent: Descent,
        spare: &mut Gradients,
    ) {
        let spare = &mut spare.layers[index];
        let layer = self.layers[index].kind_mut();
        let (taped, scratch, pass) = tape.taped(index, x);
        if layer.descend(taped, descent, scratch, pass) {
            return;
        }
        layer.gradients(taped, spare, scratch, pass);
        let mut arrays = spare.arrays();
        layer.visit_mut(&mut |role, values| {
            let gradient = arrays.next().expect("a gradient for every array that is learned");
            match role {
                Role::Weights => descent.decay(values),
                Role::Biases => {}
                Role::Statistics => return follow(values, gradient),
            }
            values.iter_mut().zip(gradient).for_each(|(w, g)| *w -= descent.rate * g);
        });
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

    /// BP2: from a layer's δ that of the layer before it.
    pub(crate) fn input_delta(&self, index: usize, tape: &mut Tape) {
        let rows = s![..tape.samples, ..];
        let pass = tape.pass(index);
        let (before, rest) = tape.layers.split_at_mut(index);
        let (here, Some(previous)) = (&mut rest[0], before.last_mut()) else { return };
        let previous_a = previous.activations.slice(rows);
        let taped =
            Taped { x: previous_a, a: here.activations.slice(rows), delta: here.delta.slice(rows) };
        let delta = previous.delta.slice_mut(rows);
        self.layers[index].kind().input_delta(taped, delta, &mut here.scratch, pass);
        self.through_activation(index - 1, tape);
    }

    /// BP2's second factor: turns ∂C/∂a of a layer into δ = ∂C/∂z.
    pub(crate) fn through_activation(&self, index: usize, tape: &mut Tape) {
        let rows = s![..tape.samples, ..];
        let LayerTape { activations, delta, .. } = &mut tape.layers[index];
        let (a, delta) = (activations.slice(rows), delta.slice_mut(rows));
        self.layers[index].activation().multiply_by_derivative(a, delta);
    }

    /// Whether ∂C/∂a matters for an activation in front of a layer also where it is 0: not where
    /// the derivative of what makes the activations is 0 there too.
    pub(crate) fn zeros_learn(&self, index: usize) -> bool {
        let learning = self.layers[..index].iter().rfind(|layer| layer.units() > 0);
        learning.is_some_and(|layer| {
            !matches!(layer.activation(), Activation::Relu | Activation::Sigmoid)
        })
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
