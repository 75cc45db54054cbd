//! Activation functions a = σ(z) and their derivatives.

use super::Real;
use crate::linalg::{
    exponentials, relu, sigmoids, tanhs, times_relu_slope, times_sigmoid_slope, times_tanh_slope,
};
use ndarray::{ArrayView2, ArrayViewMut2, Zip};
use serde::{Deserialize, Serialize};

/// How a unit's weighted input z becomes its activation a.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// σ(z) = 1 / (1 + e^−z), between 0 and 1 (section 1.2).
    #[default]
    Sigmoid,
    /// tanh(z), between −1 and 1 (section 3.6).
    Tanh,
    /// max(0, z) (section 3.6).
    Relu,
    /// z itself.
    Linear,
    /// The perceptron: 1 if z > 0, else 0 (section 1.1). Its derivative is 0, so it cannot learn.
    Step,
    /// e^z divided by the sum of e^z over the layer (section 3.1).
    Softmax,
}

impl Activation {
    /// Replaces the weighted inputs z by the activations a = σ(z), row by row; shape
    /// (samples, units).
    pub fn apply_in_place(self, mut z: ArrayViewMut2<Real>) {
        match self {
            Self::Sigmoid => all(z, sigmoids),
            Self::Tanh => all(z, tanhs),
            Self::Relu => all(z, relu),
            Self::Linear => {}
            Self::Step => z.mapv_inplace(|z| Real::from(u8::from(z > 0.0))),
            Self::Softmax => rows(z, softmax),
        }
    }

    /// a = σ(z), row by row; both of shape (samples, units).
    pub fn apply(self, z: ArrayView2<Real>, mut a: ArrayViewMut2<Real>) {
        a.assign(&z);
        self.apply_in_place(a);
    }

    /// Multiplies `delta`, which holds ∂C/∂a, by σ′(z), expressed through the activation: BP2's
    /// second factor (section 2.4). All of shape (samples, units).
    pub fn multiply_by_derivative(self, a: ArrayView2<Real>, mut delta: ArrayViewMut2<Real>) {
        match self {
            Self::Sigmoid => pairs(a, delta, times_sigmoid_slope),
            Self::Tanh => pairs(a, delta, times_tanh_slope),
            Self::Relu => pairs(a, delta, times_relu_slope),
            Self::Linear => {}
            Self::Step => delta.fill(0.0),
            Self::Softmax => {
                for (mut d, a) in delta.rows_mut().into_iter().zip(a.rows()) {
                    let mean = d.dot(&a);
                    Zip::from(&mut d).and(a).for_each(|d, &a| *d = a * (*d - mean));
                }
            }
        }
    }
}

/// Applies an elementwise function, row by row if rows are not contiguous.
fn all(mut z: ArrayViewMut2<Real>, replace: fn(&mut [Real])) {
    match z.as_slice_mut() {
        Some(z) => replace(z),
        None => rows(z, replace),
    }
}

fn rows(mut z: ArrayViewMut2<Real>, replace: fn(&mut [Real])) {
    for row in z.rows_mut() {
        replace(row.into_slice().expect(ROWS));
    }
}

fn pairs(a: ArrayView2<Real>, mut delta: ArrayViewMut2<Real>, change: fn(&mut [Real], &[Real])) {
    for (a, delta) in a.rows().into_iter().zip(delta.rows_mut()) {
        change(delta.into_slice().expect(ROWS), a.to_slice().expect(ROWS));
    }
}

/// `expect` message: why a row of a batch is a slice.
const ROWS: &str = "rows of a batch are contiguous";

/// Subtracts the maximum first, which does not change the result but prevents overflow.
fn softmax(z: &mut [Real]) {
    let largest = z.iter().fold(Real::NEG_INFINITY, |m, &z| m.max(z));
    for z in &mut *z {
        *z -= largest;
    }
    exponentials(z);
    let sum: Real = z.iter().sum();
    for a in z {
        *a /= sum;
    }
}
