//! The fully connected layer: z = x W + b, a = σ(z).

mod many;
mod wide;

use many::Weights;
pub(crate) use many::are_many;
pub(crate) use wide::{Chunk, Rows, cut_rows, halves};

use super::{BIASES, Descent, Kind, Pass, Role, Scratch, Shape, Taped, Told};
use crate::linalg::{List, Packed, add_bytes_times_rows, nonzero, scatter_rows, sum_rows};
use crate::nn::{Activation, Init, LayerGradients, Real};
use crate::rng::Stream;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView2, ArrayViewD, ArrayViewMut2, ArrayViewMutD};
use rand_distr::{Distribution, Normal};
use serde::{Deserialize, Serialize};
use std::mem::take;

/// Every unit sees every input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dense {
    /// Shape (inputs, units): the transpose of the book's w_jk, so that the weights of one input
    /// lie side by side.
    pub weights: Array2<Real>,
    /// Shape (units).
    pub biases: Array1<Real>,
    pub activation: Activation,
}

/// Weights up to which all rows are best gone through for every sample: they stay in the
/// processor's second cache.
const NARROW: usize = 100_000;
/// Weights up to which they are turned for [`Kind::input_delta`].
const SMALL: usize = 4096;
/// For each sample so many more make up for turning them.
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
        let weights =
            Array2::from_shape_simple_fn((inputs, units), || normal.sample(stream) as Real);
        Self { weights, biases, activation }
    }

    /// Whether it has more weights than the second cache holds.
    pub(crate) fn is_wide(&self) -> bool {
        self.weights.len() > NARROW
    }

    /// How far apart the weights of two inputs are.
    fn pitch(&self, packed: &Packed, pass: Pass) -> usize {
        if pass.packed { packed.stride() } else { self.biases.len() }
    }

    /// BP3, times `pass.scale`.
    pub(crate) fn bias_gradients(taped: Taped, gradients: &mut LayerGradients, pass: Pass) {
        gradients.biases.fill(0.0);
        add_rows(&mut gradients.biases, taped.delta, pass.scale);
    }

    /// Adds factor · δ of every sample to the biases.
    pub(crate) fn descend_biases(&mut self, delta: ArrayView2<Real>, factor: Real) {
        add_rows(&mut self.biases, delta, factor);
    }
}

impl Kind for Dense {
    fn input(&self) -> Shape {
        Shape::vector(self.weights.nrows())
    }

    fn output(&self) -> Shape {
        Shape::vector(self.weights.ncols())
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
        (self.input(), self.weights.column(unit).to_vec())
    }

    fn visit_mut(&mut self, visit: &mut dyn FnMut(Role, &mut [Real])) {
        visit(Role::Weights, self.weights.as_slice_mut().expect("weights are row-major"));
        visit(Role::Biases, self.biases.as_slice_mut().expect("a vector of its own is contiguous"));
    }

    fn zero_gradients(&self) -> LayerGradients {
        LayerGradients {
            weights: vec![Array2::zeros(self.weights.raw_dim()).into_dyn()],
            biases: Array1::zeros(self.biases.raw_dim()),
            statistics: Vec::new(),
        }
    }

    fn listing_stride(&self) -> Option<usize> {
        (!self.is_wide()).then_some(self.biases.len())
    }

    fn pack(&self, scratch: &mut Scratch, lines: bool) {
        scratch.packed.fill(slice(&self.weights), self.biases.len(), lines);
    }

    fn unpack(&mut self, scratch: &Scratch) {
        let weights = self.weights.as_slice_mut().expect("weights are row-major");
        scratch.packed.copy_to(weights, self.biases.len());
    }

    fn forward(
        &self,
        x: ArrayView2<Real>,
        mut a: ArrayViewMut2<Real>,
        scratch: &mut Scratch,
        pass: Pass,
    ) {
        if self.is_wide() {
            self.weighted_inputs_alone(x, a.view_mut(), scratch);
        } else {
            if pass.told == Told::Numbers {
                list(x, self.biases.len(), &mut scratch.inputs);
            }
            let Scratch { inputs, bytes, packed, .. } = scratch;
            let weights = if pass.packed { packed.values() } else { slice(&self.weights) };
            if pass.told == Told::Bytes {
                a.assign(&self.biases);
                add_bytes_times_rows(a.view_mut(), bytes, weights, self.pitch(packed, pass));
            } else {
                sum_rows(a.as_slice_mut().expect(ROWS), slice(&self.biases), inputs, weights);
            }
        }
        self.activation.apply_in_place(a);
    }

    fn input_delta(
        &self,
        taped: Taped,
        mut input_delta: ArrayViewMut2<Real>,
        scratch: &mut Scratch,
        _pass: Pass,
    ) {
        if self.is_wide() {
            return self.input_delta_alone(taped, input_delta, scratch);
        }
        let delta = taped.delta;
        if self.weights.len() > SMALL.max(SMALL_A_SAMPLE * delta.nrows()) {
            return general_mat_mul(1.0, &delta, &self.weights.t(), 0.0, &mut input_delta);
        }
        // The weights of one unit side by side, behind as many zeros.
        let inputs = self.weights.nrows();
        let Scratch { second: turned, deltas, .. } = scratch;
        turned.clear();
        turned.resize(inputs, 0.0);
        for unit in 0..self.biases.len() {
            turned.extend(slice(&self.weights)[unit..].iter().step_by(self.biases.len()));
        }
        let (zeros, turned) = turned.split_at(inputs);
        list(delta, inputs, deltas);
        sum_rows(input_delta.as_slice_mut().expect(ROWS), zeros, deltas, turned);
    }

    fn gradients(
        &self,
        taped: Taped,
        gradients: &mut LayerGradients,
        scratch: &mut Scratch,
        pass: Pass,
    ) {
        Self::bias_gradients(taped, gradients, pass);
        let Taped { x, delta, .. } = taped;
        let weights = &mut gradients.weights[0];
        if self.is_wide() {
            let weights = weights.as_slice_mut().expect("gradients are row-major");
            let Scratch { chunks, deltas: list, strips, .. } = scratch;
            let delta = cut_rows(delta, 1.0, strips);
            for rows in Rows::all(weights, x) {
                rows.list(chunks, pass.scale, list);
                rows.gradient(delta, list);
            }
            return;
        }
        let weights = weights.as_slice_mut().expect("gradients are row-major");
        let units = self.biases.len();
        if are_many(delta.nrows()) {
            let weights = Weights { values: weights, pitch: units };
            return weights.learn(taped, pass.told, [pass.scale, 0.0], scratch);
        }
        weights.fill(0.0);
        let delta = delta.to_slice().expect(ROWS);
        scatter_rows(weights, &scratch.inputs, delta, units, pass.scale);
    }

    fn descend(
        &mut self,
        taped: Taped,
        descent: Descent,
        scratch: &mut Scratch,
        pass: Pass,
    ) -> bool {
        let Taped { x, delta, .. } = taped;
        let factor = descent.factor(pass.scale);
        self.descend_biases(delta, factor);
        // Lent, so that the rest of the scratch can be written meanwhile.
        let mut packed = take(&mut scratch.packed);
        let (wide, pitch) = (self.is_wide(), self.pitch(&packed, pass));
        let weights = if pass.packed {
            packed.values_mut()
        } else {
            self.weights.as_slice_mut().expect("weights are row-major")
        };
        if wide {
            let Scratch { chunks, deltas, strips, .. } = scratch;
            let delta = cut_rows(delta, 1.0, strips);
            for rows in Rows::all(weights, x) {
                rows.list(chunks, factor, deltas);
                rows.descend(delta, descent, deltas);
            }
        } else if are_many(delta.nrows()) {
            let keep = descent.keep(weights);
            let weights = Weights { values: weights, pitch };
            weights.learn(taped, pass.told, [factor, keep], scratch);
        } else {
            descent.decay(weights);
            let (delta, units) = (delta.to_slice().expect(ROWS), self.biases.len());
            scatter_rows(weights, &scratch.inputs, delta, units, factor);
        }
        scratch.packed = packed;
        true
    }
}

/// Lists the values of a batch that are not zero; the weights of each are `stride` numbers.
fn list(x: ArrayView2<Real>, stride: usize, into: &mut List) {
    into.clear(x.len());
    for x in x.rows() {
        into.push(|terms| nonzero(x.to_slice().expect(ROWS), stride, terms));
    }
}

/// `sum` += factor · every row.
fn add_rows(sum: &mut Array1<Real>, rows: ArrayView2<Real>, factor: Real) {
    let rows = rows.to_slice().expect(ROWS).chunks_exact(sum.len());
    rows.for_each(|row| sum.iter_mut().zip(row).for_each(|(sum, &value)| *sum += factor * value));
}

/// Why a batch and its rows are slices.
const ROWS: &str = "the values of a batch lie side by side";

fn slice<D: ndarray::Dimension>(array: &ndarray::Array<Real, D>) -> &[Real] {
    array.as_slice().expect("weights and biases are row-major")
}
