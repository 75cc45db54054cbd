//! The fully connected layer: z = x W + b, a = σ(z).

use super::{BIASES, Descent, Kind, Pass, Role, Scratch, Shape, Taped};
use crate::nn::kernels::{Term, accumulate, nonzero, scatter};
use crate::nn::{Activation, Init, LayerGradients, Real};
use crate::rng::Stream;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView2, ArrayViewD, ArrayViewMut2, ArrayViewMutD, Ix2};
use rand_distr::{Distribution, Normal};
use serde::{Deserialize, Serialize};

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

/// Weights up to which a row at a time is best: they stay in the processor's second cache.
const NARROW: usize = 100_000;
/// Weights up to which they are turned for [`Kind::input_delta`].
const SMALL: usize = 4096;

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

    /// Whether blocks of a matrix product beat single rows.
    fn is_wide(&self) -> bool {
        self.weights.len() > NARROW
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
        }
    }

    fn forward(
        &self,
        x: ArrayView2<Real>,
        mut a: ArrayViewMut2<Real>,
        scratch: &mut Scratch,
        _pass: Pass,
    ) {
        if self.is_wide() {
            a.assign(&self.biases);
            general_mat_mul(1.0, &x, &self.weights, 1.0, &mut a);
        } else {
            let units = self.biases.len();
            let (weights, biases) = (slice(&self.weights), slice(&self.biases));
            let Scratch { terms, ends, .. } = scratch;
            if terms.len() < x.len() {
                terms.resize(x.len(), Term::default());
            }
            ends.clear();
            let mut start = 0;
            for (x, mut a) in x.rows().into_iter().zip(a.rows_mut()) {
                let count = nonzero(x.to_slice().expect(ROWS), units, &mut terms[start..]);
                let a = a.as_slice_mut().expect(ROWS);
                a.copy_from_slice(biases);
                accumulate(a, &terms[start..start + count], weights);
                start += count;
                ends.push(start);
            }
        }
        self.activation.apply_in_place(a);
    }

    fn input_delta(
        &self,
        Taped { delta, .. }: Taped,
        mut input_delta: ArrayViewMut2<Real>,
        scratch: &mut Scratch,
        _pass: Pass,
    ) {
        if self.weights.len() > SMALL {
            return general_mat_mul(1.0, &delta, &self.weights.t(), 0.0, &mut input_delta);
        }
        // The weights of one unit side by side.
        scratch.second.clear();
        scratch.second.extend(self.weights.columns().into_iter().flatten());
        for (delta, mut input_delta) in delta.rows().into_iter().zip(input_delta.rows_mut()) {
            let input_delta = input_delta.as_slice_mut().expect(ROWS);
            input_delta.fill(0.0);
            let delta = delta.to_slice().expect(ROWS);
            for (unit, &factor) in delta.iter().enumerate() {
                let offset = (unit * input_delta.len()) as u32;
                accumulate(input_delta, &[Term { offset, factor }], &scratch.second);
            }
        }
    }

    fn gradients(
        &self,
        Taped { x, delta, .. }: Taped,
        gradients: &mut LayerGradients,
        scratch: &mut Scratch,
        pass: Pass,
    ) {
        gradients.biases.fill(0.0);
        for row in delta.rows() {
            gradients.biases.scaled_add(pass.scale, &row);
        }
        let weights = &mut gradients.weights[0];
        if self.is_wide() {
            let weights = weights.view_mut().into_dimensionality::<Ix2>();
            let mut weights = weights.expect("a dense layer's gradient has two axes");
            general_mat_mul(pass.scale, &x.t(), &delta, 0.0, &mut weights);
        } else {
            weights.fill(0.0);
            let weights = weights.as_slice_mut().expect("gradients are row-major");
            scatter_outer(weights, delta, pass.scale, scratch);
        }
    }

    fn descend(
        &mut self,
        Taped { x, delta, .. }: Taped,
        descent: Descent,
        scratch: &mut Scratch,
        pass: Pass,
    ) -> bool {
        let factor = -descent.rate * pass.scale;
        for row in delta.rows() {
            self.biases.scaled_add(factor, &row);
        }
        if self.is_wide() && descent.l1 == 0.0 {
            general_mat_mul(factor, &x.t(), &delta, 1.0 - descent.l2, &mut self.weights);
            return true;
        }
        let wide = self.is_wide();
        let weights = self.weights.as_slice_mut().expect("weights are row-major");
        descent.decay(weights);
        if wide {
            general_mat_mul(factor, &x.t(), &delta, 1.0, &mut self.weights);
        } else {
            scatter_outer(weights, delta, factor, scratch);
        }
        true
    }
}

/// `weights` += factor · xᵀ δ, where `scratch` lists the x that are not zero.
fn scatter_outer(
    weights: &mut [Real],
    delta: ArrayView2<Real>,
    factor: Real,
    scratch: &mut Scratch,
) {
    let Scratch { first: row, terms, ends, .. } = scratch;
    let mut start = 0;
    for (delta, &end) in delta.rows().into_iter().zip(&*ends) {
        row.clear();
        row.extend(delta.iter().map(|&delta| factor * delta));
        scatter(weights, &terms[start..end], row);
        start = end;
    }
}

/// Why a row of a batch is a slice.
const ROWS: &str = "the values of a batch's row lie side by side";

fn slice<D: ndarray::Dimension>(array: &ndarray::Array<Real, D>) -> &[Real] {
    array.as_slice().expect("weights and biases are row-major")
}
