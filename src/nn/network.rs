//! A network: layers one after another, and backpropagation through them (chapter 2).

use super::forward_cache::LayerCache;
use super::layer::{GradientStep, LayerContext, LayerValues, ParameterRole, ROWS};
use super::optimizer::update_moving_mean;
use super::{Activation, Batch, Cost, Executor, ForwardCache, Gradients, InputKind, Layer, Real};
use ndarray::{ArrayView2, Axis, s};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Layers in order from input to output, and the cost they are trained with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Network {
    pub layers: Vec<Layer>,
    pub cost: Cost,
}

/// Whether a forward pass is for training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Dropout draws its mask from the stream named by (seed, dropout, epoch, step).
    Training { seed: u64, epoch: u64, step: u64 },
    /// No dropout.
    Inference,
}

/// What a backward pass does with the gradients of BP3 and BP4.
#[derive(Debug)]
pub(crate) struct BackwardPass<'a> {
    /// Receives the gradients if they are kept; otherwise a scratch buffer.
    pub(crate) gradients: &'a mut Gradients,
    pub(crate) keep_gradients: bool,
    /// A step of plain gradient descent to take in the same pass.
    pub(crate) step: Option<GradientStep>,
}

/// The forward pass and the four equations of backpropagation.
impl Network {
    /// The forward pass: a^l = σ(w^l a^{l−1} + b^l), layer by layer (equation 25). `x` has the
    /// shape (samples, inputs), with at most the cache's capacity of samples.
    pub fn forward<'x>(
        &self,
        x: impl Into<Batch<'x>>,
        cache: &mut ForwardCache,
        mode: Mode,
        executor: &mut Executor,
    ) {
        let x = x.into();
        cache.begin(mode, 0, x.samples(), x.samples());
        self.forward_layers(0..self.layers.len(), x, cache, executor);
    }

    /// Equation 25 for some layers; `x` is the network's input.
    pub(crate) fn forward_layers(
        &self,
        layers: Range<usize>,
        x: Batch,
        cache: &mut ForwardCache,
        executor: &mut Executor,
    ) {
        let rows = s![..cache.samples, ..];
        for l in layers {
            let pass = cache.pass(l);
            let (before, rest) = cache.layers.split_at_mut(l);
            let x = before.last().map_or(x, |before| Batch::Dense(before.activations.slice(rows)));
            let LayerCache { activations, workspace, .. } = &mut rest[0];
            let context = LayerContext { workspace, pass, executor };
            self.layers[l].ops().forward(x, activations.slice_mut(rows), context);
        }
    }

    /// BP1 to BP4 after a forward pass of the same batch: δ of every layer, and the gradients. `y`
    /// has the shape (samples, outputs).
    pub fn backward<'x>(
        &self,
        x: impl Into<Batch<'x>>,
        y: ArrayView2<Real>,
        cache: &mut ForwardCache,
        gradients: &mut Gradients,
        executor: &mut Executor,
    ) {
        let x = x.into();
        self.output_delta(y, cache);
        for l in (0..self.layers.len()).rev() {
            self.input_delta(l, cache, executor);
            self.gradients(l, x, cache, gradients, executor);
        }
    }

    /// [`Network::backward`] for some layers, given the delta of the last one. Updates each layer
    /// as soon as its weights are no longer needed.
    pub(crate) fn backward_layers(
        &mut self,
        layers: Range<usize>,
        x: Batch,
        cache: &mut ForwardCache,
        pass: &mut BackwardPass,
        executor: &mut Executor,
    ) {
        for l in layers.rev() {
            self.input_delta(l, cache, executor);
            if pass.keep_gradients {
                self.gradients(l, x, cache, pass.gradients, executor);
            }
            if let Some(step) = pass.step {
                self.update(l, x, cache, step, pass.gradients, executor);
            }
        }
    }

    /// BP1: δ^L = ∇ₐC ⊙ σ′(z^L), for the output layer.
    pub(crate) fn output_delta(&self, y: ArrayView2<Real>, cache: &mut ForwardCache) {
        let rows = s![..cache.samples, ..];
        let Some(output) = cache.layers.last_mut() else { return };
        let (a, delta) = (output.activations.slice(rows), output.delta.slice_mut(rows));
        self.cost.delta(self.output_activation(), a, y, delta);
    }

    /// BP2: δ^{l−1} = ((w^l)ᵀ δ^l) ⊙ σ′(z^{l−1}). Does nothing for the first layer, whose input is
    /// data.
    pub(crate) fn input_delta(&self, l: usize, cache: &mut ForwardCache, executor: &mut Executor) {
        let rows = s![..cache.samples, ..];
        let pass = cache.pass(l).for_input_delta(self.is_flat_at_zero(l));
        let (before, rest) = cache.layers.split_at_mut(l);
        let (here, Some(before)) = (&mut rest[0], before.last_mut()) else { return };
        let x = before.activations.slice(rows);
        let values = LayerValues {
            x: x.into(),
            a: here.activations.slice(rows),
            delta: here.delta.slice(rows),
        };
        let mut delta = before.delta.slice_mut(rows);
        let context = LayerContext { workspace: &mut here.workspace, pass, executor };
        self.layers[l].ops().input_delta(values, delta.view_mut(), context);
        let activation = self.layers[l - 1].activation();
        let parts = x.axis_chunks_iter(Axis(0), ROWS);
        executor.each(parts.zip(delta.axis_chunks_iter_mut(Axis(0), ROWS)), |(a, delta)| {
            activation.multiply_by_derivative(a, delta);
        });
    }

    /// BP3: ∂C/∂b = δ, and BP4: ∂C/∂w = a_in δ_out, averaged over the mini-batch.
    pub(crate) fn gradients(
        &self,
        l: usize,
        x: Batch,
        cache: &mut ForwardCache,
        gradients: &mut Gradients,
        executor: &mut Executor,
    ) {
        let (values, context) = cache.values(l, x, executor);
        self.layers[l].ops().gradients(values, &mut gradients.layers[l], context);
    }

    /// BP3, BP4 and a step of plain gradient descent (equation 20) combined: without storing the
    /// gradient if the layer supports that, otherwise using the layer's part of `spare`.
    pub(crate) fn update(
        &mut self,
        l: usize,
        x: Batch,
        cache: &mut ForwardCache,
        step: GradientStep,
        spare: &mut Gradients,
        executor: &mut Executor,
    ) {
        let (values, context) = cache.values(l, x, executor);
        let layer = self.layers[l].ops_mut();
        if layer.update(values, step, context) {
            return;
        }
        let spare = &mut spare.layers[l];
        let (values, context) = cache.values(l, x, executor);
        layer.gradients(values, spare, context);
        let mut arrays = spare.arrays();
        layer.visit_mut(&mut |role, values| {
            let gradient = arrays.next().expect("there is a gradient for every parameter array");
            match role {
                ParameterRole::Weights => step.decay(values),
                ParameterRole::Biases => {}
                ParameterRole::Statistics => return update_moving_mean(values, gradient),
            }
            values.iter_mut().zip(gradient).for_each(|(w, g)| *w -= step.rate * g);
        });
    }
}

impl Network {
    /// Whether the activation before layer l has derivative 0 wherever its value is 0, so that
    /// ∂C/∂a is not needed there.
    fn is_flat_at_zero(&self, l: usize) -> bool {
        let learning = self.layers[..l].iter().rfind(|layer| layer.units() > 0);
        learning.is_none_or(|layer| {
            matches!(layer.activation(), Activation::Relu | Activation::Sigmoid)
        })
    }

    /// The representation in which the first layer expects this number of samples.
    #[must_use]
    pub fn input_kind(&self, samples: usize, mode: Mode) -> InputKind {
        self.layers.first().map_or(InputKind::Dense, |layer| layer.ops().input_kind(samples, mode))
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
