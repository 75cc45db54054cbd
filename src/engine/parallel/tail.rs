//! Wide dense layers: the whole mini-batch at once, in disjoint blocks of what comes out.
//!
//! Cut into shards, every shard would read all their weights and write a gradient as large. The
//! blocks are the same for any number of threads, and so are the sums.

use super::crew::Crew;
use crate::nn::layer::{Dense, Descent};
use crate::nn::{Gradients, Hyper, Layer, Mode, Network, Real, Tape};
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, Axis, Ix2, s};

/// Blocks that columns or rows are cut into: enough for some threads, and as large as can be, for
/// what each block multiplies by is made ready once a block.
const BLOCKS: usize = 4;
/// Columns or rows of a block at most.
const WIDEST: usize = 256;

/// Columns or rows of each of some blocks that are about as large as one another.
fn block(len: usize) -> usize {
    len.div_ceil(BLOCKS).next_multiple_of(16).min(WIDEST)
}

/// The layers from the first wide one on.
#[derive(Debug)]
pub(super) struct Tail {
    /// The index of that layer.
    pub(super) first: usize,
    /// Of the whole mini-batch. The layer before has its activations and δ here too.
    pub(super) tape: Tape,
}

impl Tail {
    /// The tail of a network that has a wide layer.
    pub(super) fn of(network: &Network, batch: usize) -> Option<Self> {
        let wide = |layer: &Layer| matches!(layer, Layer::Dense(dense) if dense.is_wide());
        let first = network.layers.iter().position(wide)?;
        Some(Self { first, tape: Tape::new(network, batch) })
    }

    /// Makes ready for a mini-batch of so many samples.
    pub(super) fn begin(&mut self, mode: Mode, samples: usize) {
        self.tape.begin(mode, 0, samples, samples);
    }

    /// Forward through the tail, behind the activations of the layer before; then δ back to that
    /// layer. `x` and `y` are the network's inputs and targets.
    pub(super) fn run(
        &mut self,
        network: &Network,
        x: ArrayView2<Real>,
        y: ArrayView2<Real>,
        crew: &mut Crew,
    ) {
        for index in self.first..network.layers.len() {
            match &network.layers[index] {
                Layer::Dense(dense) if dense.is_wide() => self.forward(index, dense, x, crew),
                _ => network.forward_layer(index, x, &mut self.tape),
            }
        }
        network.output_delta(y, &mut self.tape);
        for index in (self.first.max(1)..network.layers.len()).rev() {
            match &network.layers[index] {
                Layer::Dense(dense) if dense.is_wide() => {
                    self.input_delta(index, dense, crew);
                    network.through_activation(index - 1, &mut self.tape);
                }
                _ => network.input_delta(index, &mut self.tape),
            }
        }
    }

    /// BP3 and BP4 of the tail.
    pub(super) fn gradients(
        &mut self,
        network: &Network,
        x: ArrayView2<Real>,
        gradients: &mut Gradients,
        crew: &mut Crew,
    ) {
        for index in self.first..network.layers.len() {
            let (taped, scratch, pass) = self.tape.taped(index, x);
            let gradients = &mut gradients.layers[index];
            match &network.layers[index] {
                Layer::Dense(dense) if dense.is_wide() => {
                    Dense::bias_gradients(taped, gradients, pass);
                    let weights = gradients.weights[0].view_mut().into_dimensionality::<Ix2>();
                    let weights = weights.expect("a dense layer's gradient has two axes");
                    outer(weights, taped.x, taped.delta, pass.scale, 0.0, crew);
                }
                layer => layer.kind().gradients(taped, gradients, scratch, pass),
            }
        }
    }

    /// A step of plain gradient descent for the tail.
    pub(super) fn descend(
        &mut self,
        network: &mut Network,
        x: ArrayView2<Real>,
        hyper: &Hyper,
        spare: &mut Gradients,
        crew: &mut Crew,
    ) {
        let descent = hyper.descent();
        for index in self.first..network.layers.len() {
            let (taped, _, pass) = self.tape.taped(index, x);
            match &mut network.layers[index] {
                Layer::Dense(dense) if dense.is_wide() => {
                    let Descent { rate, l1, l2 } = descent;
                    let factor = -rate * pass.scale;
                    dense.descend_biases(taped.delta, factor);
                    if l1 != 0.0 {
                        descent.decay(dense.weights.as_slice_mut().expect(ROWS));
                    }
                    let keep = if l1 == 0.0 { 1.0 - l2 } else { 1.0 };
                    outer(dense.weights.view_mut(), taped.x, taped.delta, factor, keep, crew);
                }
                _ => network.descend_layer(index, x, &mut self.tape, descent, spare),
            }
        }
    }

    fn forward(&mut self, index: usize, dense: &Dense, x: ArrayView2<Real>, crew: &mut Crew) {
        let rows = s![..self.tape.samples, ..];
        let (before, rest) = self.tape.layers.split_at_mut(index);
        let x = before.last().map_or(x, |previous| previous.activations.slice(rows));
        let mut a = rest[0].activations.slice_mut(rows);
        let size = block(dense.biases.len());
        let blocks = a.axis_chunks_iter_mut(Axis(1), size);
        let weights = dense.weights.axis_chunks_iter(Axis(1), size);
        let biases = dense.biases.axis_chunks_iter(Axis(0), size);
        crew.each(blocks.zip(weights).zip(biases), |((mut a, weights), biases)| {
            a.assign(&biases);
            general_mat_mul(1.0, &x, &weights, 1.0, &mut a);
        });
        dense.activation.apply_in_place(a);
    }

    fn input_delta(&mut self, index: usize, dense: &Dense, crew: &mut Crew) {
        let rows = s![..self.tape.samples, ..];
        let (before, rest) = self.tape.layers.split_at_mut(index);
        let Some(previous) = before.last_mut() else { return };
        let delta = rest[0].delta.slice(rows);
        let mut input_delta = previous.delta.slice_mut(rows);
        let size = block(dense.weights.nrows());
        let blocks = input_delta.axis_chunks_iter_mut(Axis(1), size);
        let weights = dense.weights.axis_chunks_iter(Axis(0), size);
        crew.each(blocks.zip(weights), |(mut dx, weights)| {
            general_mat_mul(1.0, &delta, &weights.t(), 0.0, &mut dx);
        });
    }
}

/// Why the weights are a slice.
const ROWS: &str = "weights are row-major";

/// `weights` = keep · weights + factor · xᵀ δ.
fn outer(
    mut weights: ArrayViewMut2<Real>,
    x: ArrayView2<Real>,
    delta: ArrayView2<Real>,
    factor: Real,
    keep: Real,
    crew: &mut Crew,
) {
    let size = block(weights.nrows());
    let blocks = weights.axis_chunks_iter_mut(Axis(0), size);
    crew.each(blocks.zip(x.axis_chunks_iter(Axis(1), size)), |(mut weights, x)| {
        general_mat_mul(factor, &x.t(), &delta, keep, &mut weights);
    });
}
