//! The fully connected layer: z = x W + b, a = σ(z).

mod wide;

use super::parameters::{ParameterArray, named_parameters, parameter_memory};
use super::transposed::Transposed;
use super::weight_rows::{MIN_BATCH_FOR_GEMM, WeightRows, add_rows, copy_in_strips};
use super::{
    BATCH, BIASES, CONTIGUOUS, GradientStep, LayerContext, LayerOps, LayerValues, ParameterRole,
    Shape, Workspace,
};
use crate::linalg::{
    add_bytes_times_rows, add_outer_products, add_transposed_bytes_times_strips, sum_rows,
};
use crate::nn::{Activation, Batch, Init, InputKind, LayerGradients, Matrix, Mode, Real};
use crate::rng::Stream;
use ndarray::{Array1, ArrayViewD, ArrayViewMut2, ArrayViewMutD};
use serde::{Deserialize, Serialize};

/// A fully connected layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dense {
    /// Shape (inputs, units): the transpose of the book's w_jk, so that the weights of one input
    /// are contiguous.
    pub weights: Matrix,
    /// Shape (units).
    pub biases: Array1<Real>,
    pub activation: Activation,
}

/// The number of weights from which a layer processes one chunk of its inputs at a time (see
/// `wide`): chunks are distributed among threads, and the weights of a chunk fit into the cache.
const WIDE: usize = 50_000;
/// The largest number of weights for which nonzero inputs are processed sample by sample: all
/// weights stay in the L2 cache.
const SPARSE_INPUT_WEIGHTS: usize = 100_000;
/// [`LayerOps::input_delta`] uses a transposed copy of at most this many weights.
const SMALL: usize = 4096;
/// It also uses a copy of more weights if there are at most this many per sample of the mini-batch.
const SMALL_PER_ROW: usize = 512;

impl Dense {
    /// A layer with weights drawn as `init` specifies and unit Gaussian biases.
    #[must_use]
    pub fn random(
        inputs: usize,
        units: usize,
        activation: Activation,
        init: Init,
        stream: &mut Stream,
    ) -> Self {
        let biases = Array1::from_shape_simple_fn(units, Init::Large.draw(inputs, stream));
        let weights = Matrix::from_simple_fn(inputs, units, init.draw(inputs, stream));
        Self { weights, biases, activation }
    }

    /// Whether the layer processes dense inputs ([`Batch::Dense`]) one chunk at a time.
    pub(crate) fn is_wide(&self) -> bool {
        self.weights.len() >= WIDE
    }

    fn works_by_chunks(&self, x: Batch) -> bool {
        self.is_wide() && matches!(x, Batch::Dense(_))
    }
}

impl LayerOps for Dense {
    fn input(&self) -> Shape {
        Shape::vector(self.weights.rows())
    }

    fn output(&self) -> Shape {
        Shape::vector(self.weights.columns())
    }

    fn name(&self) -> String {
        match self.activation {
            Activation::Softmax => format!("softmax{}", self.biases.len()),
            _ => format!("dense{}", self.biases.len()),
        }
    }

    fn activation(&self) -> Activation {
        self.activation
    }

    fn multiplications(&self) -> usize {
        self.weights.len()
    }

    named_parameters!("weights" => weights, BIASES => biases);

    parameter_memory!(weights: Weights, biases: Biases);

    fn units(&self) -> usize {
        self.biases.len()
    }

    fn unit_weights(&self, unit: usize) -> (Shape, Vec<Real>) {
        (self.input(), self.weights.view().column(unit).to_vec())
    }

    fn input_kind(&self, samples: usize, mode: Mode) -> InputKind {
        if self.weights.len() > SPARSE_INPUT_WEIGHTS {
            InputKind::Dense
        } else if mode != Mode::Inference && samples >= MIN_BATCH_FOR_GEMM {
            InputKind::Bytes
        } else {
            InputKind::Sparse { stride: self.weights.stride() }
        }
    }

    fn forward(&self, x: Batch, mut a: ArrayViewMut2<Real>, context: LayerContext) {
        let (weights, stride) = (self.weights.padded(), self.weights.stride());
        let biases = self.biases.as_slice().expect(CONTIGUOUS);
        let sum = a.as_slice_mut().expect(BATCH);
        match x {
            Batch::Dense(x) if self.is_wide() => {
                return wide::forward(self, x, a, context);
            }
            Batch::Dense(x) => {
                let inputs = &mut context.workspace.inputs;
                inputs.clear(x.len());
                let rows = x.to_slice().expect(BATCH).chunks_exact(x.ncols());
                rows.for_each(|x| inputs.push_values(x, stride));
                sum_rows(sum, biases, inputs, weights);
            }
            Batch::Sparse(rows) => sum_rows(sum, biases, rows, weights),
            Batch::Bytes(bytes) => {
                sum.chunks_exact_mut(biases.len()).for_each(|row| row.copy_from_slice(biases));
                add_bytes_times_rows(sum, biases.len(), bytes, weights, stride);
            }
        }
        self.activation.apply_in_place(a);
    }

    fn input_delta(
        &self,
        values: LayerValues,
        mut input_delta: ArrayViewMut2<Real>,
        context: LayerContext,
    ) {
        if self.weights.len() > SMALL.max(SMALL_PER_ROW * values.delta.nrows()) || self.is_wide() {
            return wide::input_delta(self, values, input_delta, context);
        }
        let Workspace { second, deltas, .. } = context.workspace;
        let (out, delta) = (input_delta.as_slice_mut().expect(BATCH), values.delta.to_slice());
        Transposed::copy(&self.weights, second).product(out, delta.expect(BATCH), deltas);
    }

    fn gradients(
        &self,
        values: LayerValues,
        gradients: &mut LayerGradients,
        context: LayerContext,
    ) {
        gradients.biases.fill(0.0);
        let scale = context.pass.scale;
        add_rows(&mut gradients.biases, values.delta, scale);
        let weights = gradients.weights[0].as_slice_mut().expect("gradients are row-major");
        let rows = WeightRows { values: weights, stride: self.weights.stride() };
        let by_chunks = self.works_by_chunks(values.x);
        add_gradient(rows, values, scale, |_| 0.0, by_chunks, context);
    }

    fn update(&mut self, values: LayerValues, step: GradientStep, context: LayerContext) -> bool {
        let factor = step.factor(context.pass.scale);
        add_rows(&mut self.biases, values.delta, factor);
        let (by_chunks, stride) = (self.works_by_chunks(values.x), self.weights.stride());
        let rows = WeightRows { values: self.weights.padded_mut(), stride };
        let decay = |weights: &mut [Real]| step.weight_decay_factor(weights);
        add_gradient(rows, values, factor, decay, by_chunks, context);
        true
    }
}

/// W ← decay · W + factor · xᵀ δ, after a forward pass with the same workspace. `decay` returns the
/// decay factor, and may change the weights itself.
fn add_gradient(
    rows: WeightRows,
    values: LayerValues,
    factor: Real,
    decay: impl Fn(&mut [Real]) -> Real + Sync,
    by_chunks: bool,
    context: LayerContext,
) {
    if by_chunks {
        return wide::update(rows, values, factor, decay, context);
    }
    let LayerValues { x, delta, .. } = values;
    let Workspace { inputs, deltas, strips, .. } = context.workspace;
    let decay = decay(rows.values);
    let inputs = match x {
        Batch::Bytes(bytes) => {
            let delta = copy_in_strips(delta, factor, strips);
            let WeightRows { values, stride } = rows;
            return add_transposed_bytes_times_strips(values, stride, bytes, delta, decay);
        }
        Batch::Dense(x) if delta.nrows() >= MIN_BATCH_FOR_GEMM => {
            let delta = copy_in_strips(delta, factor, strips);
            let x = x.to_slice().expect(BATCH);
            return add_outer_products(rows.values, rows.stride, x, delta, decay);
        }
        Batch::Dense(_) => inputs,
        Batch::Sparse(rows) => rows,
    };
    rows.add_outer_product(inputs, delta, [factor, decay], deltas, strips);
}
