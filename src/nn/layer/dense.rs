//! The fully connected layer: z = x W + b, a = σ(z).

use super::{BIASES, Kind, Pass, Role, Scratch, Shape, Taped};
use crate::nn::{Activation, Init, LayerGradients, Real};
use crate::rng::Stream;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView2, ArrayViewD, ArrayViewMut2, ArrayViewMutD, Axis, Ix2};
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

    fn gradients(&self) -> LayerGradients {
        LayerGradients {
            weights: vec![Array2::zeros(self.weights.raw_dim()).into_dyn()],
            biases: Array1::zeros(self.biases.raw_dim()),
        }
    }

    fn forward(
        &self,
        x: ArrayView2<Real>,
        mut a: ArrayViewMut2<Real>,
        _scratch: &mut Scratch,
        _pass: Pass,
    ) {
        a.assign(&self.biases);
        general_mat_mul(1.0, &x, &self.weights, 1.0, &mut a);
        self.activation.apply_in_place(a);
    }

    fn backward(
        &self,
        Taped { x, delta, .. }: Taped,
        gradients: &mut LayerGradients,
        input_delta: Option<ArrayViewMut2<Real>>,
        _scratch: &mut Scratch,
        pass: Pass,
    ) {
        let mut weights = gradients.weights[0]
            .view_mut()
            .into_dimensionality::<Ix2>()
            .expect("a dense layer's gradient has two axes");
        general_mat_mul(pass.scale, &x.t(), &delta, 0.0, &mut weights);
        gradients.biases.fill(0.0);
        for row in delta.axis_iter(Axis(0)) {
            gradients.biases.scaled_add(pass.scale, &row);
        }
        if let Some(mut input_delta) = input_delta {
            general_mat_mul(1.0, &delta, &self.weights.t(), 0.0, &mut input_delta);
        }
    }
}
