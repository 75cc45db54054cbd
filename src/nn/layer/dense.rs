//! The fully connected layer: z = x W + b, a = σ(z).

mod row_by_row;
mod wide;

use super::{BIASES, GradientStep, LayerOps, LayerValues, Pass, Role, Shape, Workspace};
use crate::linalg::{AlignedBuffer, Strips, add_bytes_times_rows, sum_rows};
use crate::nn::{Activation, Batch, Executor, Init, InputKind, LayerGradients, Matrix, Mode, Real};
use crate::rng::Stream;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView2, ArrayViewD, ArrayViewMut2, ArrayViewMutD};
use rand_distr::{Distribution, Normal};
use serde::{Deserialize, Serialize};

/// Every unit sees every input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dense {
    /// Shape (inputs, units): the transpose of the book's w_jk, so that the weights of one input
    /// lie side by side.
    pub weights: Matrix,
    /// Shape (units).
    pub biases: Array1<Real>,
    pub activation: Activation,
}

/// Weights from which a layer works on a chunk of its inputs at a time (see `wide`): threads share
/// chunks, and the weights of one stay in the cache.
const WIDE: usize = 50_000;
/// Most weights for which a list of the inputs that are not zero is read sample by sample: all
/// weights stay in the second cache meanwhile.
const SPARSE_INPUT_WEIGHTS: usize = 100_000;
/// Samples from which weights are updated like a product of matrices, each weight loaded and stored
/// once, and from which it pays to copy what is read again and again.
const MIN_BATCH_FOR_GEMM: usize = 24;
/// Weights up to which they are transposed for [`LayerOps::input_delta`].
const SMALL: usize = 4096;
/// For each sample so many more make up for transposing them.
const SMALL_A_SAMPLE: usize = 512;

impl Dense {
    /// A layer with weights drawn as `init` says, biases unit Gaussians.
    ///
    /// # Panics
    /// Never: a standard deviation of 1/√n is finite and positive.
    #[must_use]
    pub fn random(
        inputs: usize,
        units: usize,
        activation: Activation,
        init: Init,
        stream: &mut Stream,
    ) -> Self {
        let normal = Normal::new(0.0, init.deviation(inputs))
            .expect("a deviation of 1/sqrt(n) is finite and positive");
        let unit = Normal::new(0.0, 1.0).expect("1 is finite and positive");
        let biases = Array1::from_shape_simple_fn(units, || unit.sample(stream) as Real);
        let weights = Matrix::from_simple_fn(inputs, units, || normal.sample(stream) as Real);
        Self { weights, biases, activation }
    }

    /// Whether it has so many weights that it works on a chunk of inputs at a time, where these come
    /// as [`Batch::Dense`].
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

    fn parameters(&self) -> Vec<(&'static str, ArrayViewD<'_, Real>)> {
        vec![("weights", self.weights.view().into_dyn()), (BIASES, self.biases.view().into_dyn())]
    }

    fn parameters_mut(&mut self) -> Vec<(&'static str, ArrayViewMutD<'_, Real>)> {
        vec![
            ("weights", self.weights.view_mut().into_dyn()),
            (BIASES, self.biases.view_mut().into_dyn()),
        ]
    }

    fn units(&self) -> usize {
        self.biases.len()
    }

    fn unit_weights(&self, unit: usize) -> (Shape, Vec<Real>) {
        (self.input(), self.weights.view().column(unit).to_vec())
    }

    fn visit_mut(&mut self, visit: &mut dyn FnMut(Role, &mut [Real])) {
        visit(Role::Weights, self.weights.padded_mut());
        visit(Role::Biases, slice_mut(&mut self.biases));
    }

    /// The gradient of the weights is padded as they are.
    fn zero_gradients(&self) -> LayerGradients {
        LayerGradients {
            weights: vec![Array2::zeros((self.weights.rows(), self.weights.stride())).into_dyn()],
            biases: Array1::zeros(self.biases.raw_dim()),
            statistics: Vec::new(),
        }
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

    fn forward(
        &self,
        x: Batch,
        mut a: ArrayViewMut2<Real>,
        workspace: &mut Workspace,
        _pass: Pass,
        executor: &mut Executor,
    ) {
        let (weights, stride) = (self.weights.padded(), self.weights.stride());
        let (biases, sum) = (slice(&self.biases), a.as_slice_mut().expect(BATCH));
        match x {
            Batch::Dense(x) if self.is_wide() => {
                return self.forward_by_chunks(x, a, workspace, executor);
            }
            Batch::Dense(x) => {
                workspace.inputs.clear(x.len());
                for x in x.rows() {
                    workspace.inputs.push_values(x.to_slice().expect(BATCH), stride);
                }
                sum_rows(sum, biases, &workspace.inputs, weights);
            }
            Batch::Sparse(rows) => sum_rows(sum, biases, rows, weights),
            Batch::Bytes(bytes) => {
                a.assign(&self.biases);
                add_bytes_times_rows(a.view_mut(), bytes, weights, stride);
            }
        }
        self.activation.apply_in_place(a);
    }

    fn input_delta(
        &self,
        values: LayerValues,
        mut input_delta: ArrayViewMut2<Real>,
        workspace: &mut Workspace,
        pass: Pass,
        executor: &mut Executor,
    ) {
        if self.is_wide() {
            return self.input_delta_by_chunks(values, input_delta, workspace, pass, executor);
        }
        let delta = values.delta;
        if self.weights.len() > SMALL.max(SMALL_A_SAMPLE * delta.nrows()) {
            let weights = self.weights.view();
            return general_mat_mul(1.0, &delta, &weights.t(), 0.0, &mut input_delta);
        }
        // The weights of one unit side by side, behind as many zeros.
        let inputs = self.weights.rows();
        let Workspace { second: transposed, deltas, .. } = workspace;
        transposed.clear();
        transposed.resize(inputs, 0.0);
        for unit in 0..self.biases.len() {
            let column = self.weights.padded()[unit..].iter().step_by(self.weights.stride());
            transposed.extend(column);
        }
        let (zeros, transposed) = transposed.split_at(inputs);
        deltas.clear(delta.len());
        for delta in delta.rows() {
            deltas.push_values(delta.to_slice().expect(BATCH), inputs);
        }
        sum_rows(input_delta.as_slice_mut().expect(BATCH), zeros, deltas, transposed);
    }

    fn gradients(
        &self,
        values: LayerValues,
        gradients: &mut LayerGradients,
        workspace: &mut Workspace,
        pass: Pass,
        executor: &mut Executor,
    ) {
        gradients.biases.fill(0.0);
        add_rows(&mut gradients.biases, values.delta, pass.scale);
        let weights = gradients.weights[0].as_slice_mut().expect("gradients are row-major");
        let rows = Rows { values: weights, stride: self.weights.stride() };
        let overwrite = |_: &mut [Real]| 0.0;
        if self.works_by_chunks(values.x) {
            rows.update_by_chunks(values, pass.scale, overwrite, workspace, executor);
        } else {
            rows.update(values, pass.scale, overwrite, workspace);
        }
    }

    fn update(
        &mut self,
        values: LayerValues,
        step: GradientStep,
        workspace: &mut Workspace,
        pass: Pass,
        executor: &mut Executor,
    ) -> bool {
        let factor = step.factor(pass.scale);
        add_rows(&mut self.biases, values.delta, factor);
        let by_chunks = self.works_by_chunks(values.x);
        let stride = self.weights.stride();
        let rows = Rows { values: self.weights.padded_mut(), stride };
        let decay = |weights: &mut [Real]| step.weight_decay_factor(weights);
        if by_chunks {
            rows.update_by_chunks(values, factor, decay, workspace, executor);
        } else {
            rows.update(values, factor, decay, workspace);
        }
        true
    }
}

/// Weights, or their gradient: a row an input, `stride` numbers apart.
struct Rows<'a> {
    values: &'a mut [Real],
    stride: usize,
}

/// A copy of a batch's rows in strips, times `factor`.
fn copy_in_strips<'a>(
    rows: ArrayView2<Real>,
    factor: Real,
    room: &'a mut AlignedBuffer,
) -> Strips<'a> {
    let width = rows.ncols();
    Strips::copy(rows.to_slice().expect(BATCH), width, 0..width, factor, room)
}

/// `sum` += factor · every row.
fn add_rows(sum: &mut Array1<Real>, rows: ArrayView2<Real>, factor: Real) {
    let rows = rows.to_slice().expect(BATCH).chunks_exact(sum.len());
    rows.for_each(|row| sum.iter_mut().zip(row).for_each(|(sum, &value)| *sum += factor * value));
}

/// Why a batch and its rows are slices.
const BATCH: &str = "the values of a batch lie side by side";
const VECTOR: &str = "a vector of its own is contiguous";

fn slice(vector: &Array1<Real>) -> &[Real] {
    vector.as_slice().expect(VECTOR)
}

fn slice_mut(vector: &mut Array1<Real>) -> &mut [Real] {
    vector.as_slice_mut().expect(VECTOR)
}
