//! The fully connected layer: z = x W + b, a = σ(z).

use super::Shape;
use crate::nn::{Activation, Init, Real};
use crate::rng::Stream;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2, Axis};
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

    /// Values that go in.
    #[must_use]
    pub fn input(&self) -> Shape {
        Shape::vector(self.weights.nrows())
    }

    /// Values that come out.
    #[must_use]
    pub fn output(&self) -> Shape {
        Shape::vector(self.weights.ncols())
    }

    /// z = x W + b and a = σ(z); x of shape (samples, inputs), z and a of shape (samples, units).
    pub fn forward(&self, x: ArrayView2<Real>, mut z: ArrayViewMut2<Real>, a: ArrayViewMut2<Real>) {
        z.assign(&self.biases);
        general_mat_mul(1.0, &x, &self.weights, 1.0, &mut z);
        self.activation.apply(z.view(), a);
    }

    /// BP3 and BP4: ∂C/∂b = Σ δ and ∂C/∂w = xᵀ δ, both divided by the number of samples.
    pub fn gradients(
        &self,
        x: ArrayView2<Real>,
        delta: ArrayView2<Real>,
        weights: &mut Array2<Real>,
        biases: &mut Array1<Real>,
    ) {
        let scale = 1.0 / delta.nrows() as Real;
        general_mat_mul(scale, &x.t(), &delta, 0.0, weights);
        biases.fill(0.0);
        for row in delta.axis_iter(Axis(0)) {
            biases.scaled_add(scale, &row);
        }
    }

    /// BP2's first factor: ∂C/∂x = δ Wᵀ; the result of shape (samples, inputs).
    pub fn backward(&self, delta: ArrayView2<Real>, mut input_delta: ArrayViewMut2<Real>) {
        general_mat_mul(1.0, &delta, &self.weights.t(), 0.0, &mut input_delta);
    }
}
