//! A recurrent layer, which the book mentions in sections 1.3 and 6.5: Elman's network of 1990.

use super::parameters::{ParameterArray, named_parameters, parameter_memory};
use super::transposed::Transposed;
use super::weight_rows::{WeightRows, add_rows};
use super::{
    BATCH, BIASES, CONTIGUOUS, LayerContext, LayerOps, LayerValues, ParameterRole, Shape,
    Workspace, rows,
};
use crate::linalg::{SparseRows, accumulate, sum_rows};
use crate::nn::{Activation, Batch, Init, LayerGradients, Matrix, Real};
use crate::rng::Stream;
use ndarray::{Array1, ArrayView2, ArrayViewD, ArrayViewMut2, ArrayViewMutD, Axis};
use serde::{Deserialize, Serialize};

/// Reads an image row by row from the top: hₜ = σ(xₜ W + hₜ₋₁ U + b) with h₀ = 0, where xₜ is row t
/// with all its maps. The output is h after the last row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recurrent {
    pub input: Shape,
    /// W, shape (values per row, units).
    pub weights: Matrix,
    /// U, shape (units, units): from the units of one row to those of the next.
    pub recurrent_weights: Matrix,
    /// Shape (units).
    pub biases: Array1<Real>,
    pub activation: Activation,
}

impl Recurrent {
    /// A layer with weights drawn as `init` specifies, W for the values of a row and U for the
    /// units. Biases are initially 0, because a bias that saturates a unit would do so at every
    /// row.
    #[must_use]
    pub fn random(
        input: Shape,
        units: usize,
        activation: Activation,
        init: Init,
        stream: &mut Stream,
    ) -> Self {
        let mut draw = |inputs| Matrix::from_simple_fn(inputs, units, init.draw(inputs, stream));
        let (weights, recurrent_weights) = (draw(input.width * input.maps), draw(units));
        Self { input, weights, recurrent_weights, biases: Array1::zeros(units), activation }
    }

    /// Number of rows, and of values per row.
    fn steps(&self) -> (usize, usize) {
        (self.input.height, self.weights.rows())
    }

    /// Backpropagation through time: δₜ₋₁ = δₜ Uᵀ ⊙ σ′(zₜ₋₁), BP2 from row to row. Stores all δₜ,
    /// shape (rows, samples, units), in the workspace's second buffer; the first has the hₜ.
    fn through_time(&self, delta: ArrayView2<Real>, workspace: &mut Workspace) {
        let Workspace { first: hidden, second: deltas, third, deltas: list, .. } = workspace;
        let transposed = Transposed::copy(&self.recurrent_weights, third);
        let (shape, size) = (delta.raw_dim(), delta.len());
        deltas.resize(hidden.len(), 0.0);
        let newest = deltas.len() - size;
        deltas[newest..].copy_from_slice(delta.to_slice().expect(BATCH));
        for step in (1..self.steps().0).rev() {
            let (before, after) = deltas.split_at_mut(step * size);
            let before = &mut before[(step - 1) * size..];
            transposed.product(before, &after[..size], list);
            let a = ArrayView2::from_shape(shape, &hidden[(step - 1) * size..step * size]);
            let before = ArrayViewMut2::from_shape(shape, before);
            self.activation.multiply_by_derivative(a.expect(SIZE), before.expect(SIZE));
        }
    }
}

/// `expect` message: why a part of a buffer has the shape of a matrix.
const SIZE: &str = "each step has samples times units values";

impl LayerOps for Recurrent {
    fn input(&self) -> Shape {
        self.input
    }

    fn output(&self) -> Shape {
        Shape::vector(self.biases.len())
    }

    fn name(&self) -> String {
        format!("rnn{}", self.biases.len())
    }

    fn activation(&self) -> Activation {
        self.activation
    }

    fn multiplications(&self) -> usize {
        self.steps().0 * (self.weights.len() + self.recurrent_weights.len())
    }

    named_parameters!(
        "weights" => weights,
        "recurrent_weights" => recurrent_weights,
        BIASES => biases
    );

    parameter_memory!(weights: Weights, recurrent_weights: Weights, biases: Biases);

    fn units(&self) -> usize {
        self.biases.len()
    }

    /// The weights from a row of the image, without those between units.
    fn unit_weights(&self, unit: usize) -> (Shape, Vec<Real>) {
        let shape = Shape { maps: self.input.maps, height: 1, width: self.input.width };
        (shape, shape.maps_first(&self.weights.view().column(unit).to_vec()))
    }

    fn forward(&self, x: Batch, mut a: ArrayViewMut2<Real>, context: LayerContext) {
        let workspace = context.workspace;
        let (steps, values) = self.steps();
        let (samples, units) = a.dim();
        let Workspace { first: hidden, inputs, chunks, .. } = workspace;
        // The nonzero values of all image rows, step by step, and of the hidden states.
        inputs.clear(x.samples() * steps * values);
        for step in 0..steps {
            for x in rows(x.dense()) {
                let row = &x[step * values..][..values];
                inputs.push_values(row, self.weights.stride());
            }
        }
        hidden.resize(steps * samples * units, 0.0);
        let biases = self.biases.as_slice().expect(CONTIGUOUS);
        sum_rows(hidden, biases, inputs, self.weights.padded());
        chunks.resize_with(1, SparseRows::default);
        let before = &mut chunks[0];
        before.clear(hidden.len());
        for (step, z) in hidden.chunks_exact_mut(samples * units).enumerate() {
            if step > 0 {
                let first = (step - 1) * samples;
                for (z, entries) in z.chunks_exact_mut(units).zip(before.iter().skip(first)) {
                    accumulate(z, entries, self.recurrent_weights.padded());
                }
            }
            let h = ArrayViewMut2::from_shape((samples, units), &mut *z).expect(SIZE);
            self.activation.apply_in_place(h);
            if step + 1 < steps {
                let stride = self.recurrent_weights.stride();
                z.chunks_exact(units).for_each(|h| before.push_values(h, stride));
            }
        }
        let last = hidden.len() - samples * units;
        a.as_slice_mut().expect(BATCH).copy_from_slice(&hidden[last..]);
    }

    fn input_delta(
        &self,
        LayerValues { delta, .. }: LayerValues,
        mut input_delta: ArrayViewMut2<Real>,
        context: LayerContext,
    ) {
        let workspace = context.workspace;
        self.through_time(delta, workspace);
        let (samples, values) = (delta.nrows(), self.weights.rows());
        let Workspace { second: deltas, third, deltas: list, strips: buffer, .. } = workspace;
        let by_step = buffer.slice_mut(input_delta.len());
        Transposed::copy(&self.weights, third).product(by_step, deltas, list);
        for (index, row) in by_step.chunks_exact(values).enumerate() {
            let (step, sample) = (index / samples, index % samples);
            let mut dx = input_delta.row_mut(sample);
            let dx = dx.as_slice_mut().expect(BATCH);
            dx[step * values..][..values].copy_from_slice(row);
        }
    }

    fn gradients(
        &self,
        LayerValues { delta, .. }: LayerValues,
        gradients: &mut LayerGradients,
        context: LayerContext,
    ) {
        let LayerContext { workspace, pass, .. } = context;
        self.through_time(delta, workspace);
        let (samples, units) = delta.dim();
        let Workspace { second, inputs, chunks, deltas: buffer, strips, .. } = workspace;
        let deltas = ArrayView2::from_shape((second.len() / units, units), second).expect(SIZE);
        gradients.biases.fill(0.0);
        add_rows(&mut gradients.biases, deltas, pass.scale);
        // Hidden states are multiplied by the deltas of the next step.
        let (_, later) = deltas.split_at(Axis(0), samples);
        let parts =
            [(&self.weights, &*inputs, deltas), (&self.recurrent_weights, &chunks[0], later)];
        for (gradient, (weights, x, delta)) in gradients.weights.iter_mut().zip(parts) {
            let values = gradient.as_slice_mut().expect(CONTIGUOUS);
            let rows = WeightRows { values, stride: weights.stride() };
            rows.add_outer_product(x, delta, [pass.scale, 0.0], buffer, strips);
        }
    }
}
