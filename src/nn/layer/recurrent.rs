//! A recurrent layer (named in sections 1.6 and 6.5 of the book): Elman's network of 1990.

use super::{BIASES, LayerOps, LayerValues, Pass, Role, Shape, Workspace};
use crate::nn::{Activation, Batch, Executor, Init, LayerGradients, Real};
use crate::rng::Stream;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView2, ArrayViewD, ArrayViewMut2, ArrayViewMutD, Axis, Ix2, s};
use rand_distr::{Distribution, Normal};
use serde::{Deserialize, Serialize};

/// Reads an image row by row, from the top: hₜ = σ(xₜ W + hₜ₋₁ U + b) with h₀ = 0, where xₜ is row
/// t with all its maps. Its output is h after the last row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recurrent {
    pub input: Shape,
    /// W, shape (values of a row, units).
    pub weights: Array2<Real>,
    /// U, shape (units, units): from the units of one row to those of the next.
    pub recurrent_weights: Array2<Real>,
    /// Shape (units).
    pub biases: Array1<Real>,
    pub activation: Activation,
}

impl Recurrent {
    /// A layer with weights drawn as `init` says, W for the values of a row and U for the units.
    /// Biases begin at 0: one that saturates a unit would do so at every row.
    ///
    /// # Panics
    /// Never: a standard deviation of 1/√n is finite and positive.
    #[must_use]
    pub fn random(
        input: Shape,
        units: usize,
        activation: Activation,
        init: Init,
        stream: &mut Stream,
    ) -> Self {
        let values = input.width * input.maps;
        let mut draw = |rows: usize| {
            let normal = Normal::new(0.0, init.deviation(rows))
                .expect("a deviation of 1/sqrt(n) is finite and positive");
            Array2::from_shape_simple_fn((rows, units), || normal.sample(stream) as Real)
        };
        let (weights, recurrent_weights) = (draw(values), draw(units));
        Self { input, weights, recurrent_weights, biases: Array1::zeros(units), activation }
    }

    /// Rows that are read, and values of each.
    fn steps(&self) -> (usize, usize) {
        (self.input.height, self.weights.nrows())
    }

    /// Backpropagation through time: δₜ₋₁ = δₜ Uᵀ ⊙ σ′(zₜ₋₁), BP2 from row to row. Leaves every δₜ,
    /// of shape (rows, samples, units), in the workspace's second buffer; the first has the hₜ.
    fn through_time(&self, delta: ArrayView2<Real>, workspace: &mut Workspace) {
        let Workspace { first: hidden, second: deltas, .. } = workspace;
        let shape = delta.raw_dim();
        let size = delta.len();
        deltas.resize(hidden.len(), 0.0);
        let last = deltas.len() - size;
        view_mut(&mut deltas[last..], shape).assign(&delta);
        for step in (1..self.steps().0).rev() {
            let (before, after) = deltas.split_at_mut(step * size);
            let mut before = view_mut(&mut before[(step - 1) * size..], shape);
            let after = view(&after[..size], shape);
            general_mat_mul(1.0, &after, &self.recurrent_weights.t(), 0.0, &mut before);
            let a = view(&hidden[(step - 1) * size..step * size], shape);
            self.activation.multiply_by_derivative(a, before);
        }
    }
}

fn view(values: &[Real], shape: Ix2) -> ArrayView2<'_, Real> {
    ArrayView2::from_shape(shape, values).expect(SIZE)
}

fn view_mut(values: &mut [Real], shape: Ix2) -> ArrayViewMut2<'_, Real> {
    ArrayViewMut2::from_shape(shape, values).expect(SIZE)
}

/// Why a part of a buffer can be seen as a matrix.
const SIZE: &str = "a step takes samples times units";

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

    fn parameters(&self) -> Vec<(&'static str, ArrayViewD<'_, Real>)> {
        vec![
            ("weights", self.weights.view().into_dyn()),
            ("recurrent_weights", self.recurrent_weights.view().into_dyn()),
            (BIASES, self.biases.view().into_dyn()),
        ]
    }

    fn parameters_mut(&mut self) -> Vec<(&'static str, ArrayViewMutD<'_, Real>)> {
        vec![
            ("weights", self.weights.view_mut().into_dyn()),
            ("recurrent_weights", self.recurrent_weights.view_mut().into_dyn()),
            (BIASES, self.biases.view_mut().into_dyn()),
        ]
    }

    fn units(&self) -> usize {
        self.biases.len()
    }

    /// Those from a row of the image; those between units are left out.
    fn unit_weights(&self, unit: usize) -> (Shape, Vec<Real>) {
        let shape = Shape { maps: self.input.maps, height: 1, width: self.input.width };
        (shape, shape.maps_first(&self.weights.column(unit).to_vec()))
    }

    fn visit_mut(&mut self, visit: &mut dyn FnMut(Role, &mut [Real])) {
        let rows = "weights are row-major";
        visit(Role::Weights, self.weights.as_slice_mut().expect(rows));
        visit(Role::Weights, self.recurrent_weights.as_slice_mut().expect(rows));
        visit(Role::Biases, self.biases.as_slice_mut().expect("a vector of its own is contiguous"));
    }

    fn zero_gradients(&self) -> LayerGradients {
        let zeros = |of: &Array2<Real>| Array2::zeros(of.raw_dim()).into_dyn();
        LayerGradients {
            weights: vec![zeros(&self.weights), zeros(&self.recurrent_weights)],
            biases: Array1::zeros(self.biases.raw_dim()),
            statistics: Vec::new(),
        }
    }

    fn forward(
        &self,
        x: Batch,
        mut a: ArrayViewMut2<Real>,
        workspace: &mut Workspace,
        _pass: Pass,
        _executor: &mut Executor,
    ) {
        let x = x.dense();
        let (steps, values) = self.steps();
        let (shape, size) = (a.raw_dim(), a.len());
        let hidden = &mut workspace.first;
        hidden.resize(steps * size, 0.0);
        for step in 0..steps {
            let (before, here) = hidden.split_at_mut(step * size);
            let mut z = view_mut(&mut here[..size], shape);
            z.assign(&self.biases);
            let row = x.slice(s![.., step * values..(step + 1) * values]);
            general_mat_mul(1.0, &row, &self.weights, 1.0, &mut z);
            if step > 0 {
                let before = view(&before[(step - 1) * size..], shape);
                general_mat_mul(1.0, &before, &self.recurrent_weights, 1.0, &mut z);
            }
            self.activation.apply_in_place(z);
        }
        a.assign(&view(&hidden[(steps - 1) * size..], shape));
    }

    fn input_delta(
        &self,
        LayerValues { delta, .. }: LayerValues,
        mut input_delta: ArrayViewMut2<Real>,
        workspace: &mut Workspace,
        _pass: Pass,
        _executor: &mut Executor,
    ) {
        self.through_time(delta, workspace);
        let (steps, values) = self.steps();
        for (step, delta_t) in (0..steps).zip(workspace.second.chunks_exact(delta.len())) {
            let mut dx = input_delta.slice_mut(s![.., step * values..(step + 1) * values]);
            let delta_t = view(delta_t, delta.raw_dim());
            general_mat_mul(1.0, &delta_t, &self.weights.t(), 0.0, &mut dx);
        }
    }

    fn gradients(
        &self,
        LayerValues { x, delta, .. }: LayerValues,
        gradients: &mut LayerGradients,
        workspace: &mut Workspace,
        pass: Pass,
        _executor: &mut Executor,
    ) {
        let x = x.dense();
        self.through_time(delta, workspace);
        let (shape, size, values) = (delta.raw_dim(), delta.len(), self.weights.nrows());
        let LayerGradients { weights, biases, .. } = gradients;
        let [input, recurrent] = &mut weights[..] else { return };
        let mut input = matrix(input);
        let mut recurrent = matrix(recurrent);
        recurrent.fill(0.0);
        biases.fill(0.0);
        for (step, delta) in workspace.second.chunks_exact(size).enumerate() {
            let delta = view(delta, shape);
            let row = x.slice(s![.., step * values..(step + 1) * values]);
            let so_far = if step == 0 { 0.0 } else { 1.0 };
            general_mat_mul(pass.scale, &row.t(), &delta, so_far, &mut input);
            if step > 0 {
                let before = view(&workspace.first[(step - 1) * size..step * size], shape);
                general_mat_mul(pass.scale, &before.t(), &delta, 1.0, &mut recurrent);
            }
            for delta in delta.axis_iter(Axis(0)) {
                biases.scaled_add(pass.scale, &delta);
            }
        }
    }
}

fn matrix(array: &mut ndarray::ArrayD<Real>) -> ArrayViewMut2<'_, Real> {
    array.view_mut().into_dimensionality().expect("its gradients have two axes")
}
