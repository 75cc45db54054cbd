//! Cost functions C(a, y) and the output error δᴸ.

use super::{Activation, Real};
use crate::linalg::flush_tiny;
use ndarray::{ArrayView2, ArrayViewMut2, Zip};
use serde::{Deserialize, Serialize};

/// The cost function that training minimizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cost {
    /// C = ½‖y − a‖² per sample (equation 6).
    #[default]
    Quadratic,
    /// C = −Σ [y ln a + (1 − y) ln(1 − a)] per sample (equation 57).
    CrossEntropy,
    /// C = −ln a_y per sample (equation 80), with softmax.
    LogLikelihood,
}

impl Cost {
    /// The cost summed over the samples; `a` and `y` of shape (samples, outputs). Divide by their
    /// number for the book's C.
    #[must_use]
    pub fn sum(self, a: ArrayView2<Real>, y: ArrayView2<Real>) -> f64 {
        let term: fn(f64, f64) -> f64 = match self {
            Self::Quadratic => |a, y| 0.5 * (a - y) * (a - y),
            Self::CrossEntropy => |a, y| -times_ln(y, a) - times_ln(1.0 - y, 1.0 - a),
            Self::LogLikelihood => |a, y| -times_ln(y, a),
        };
        let mut sum = 0.0;
        #[allow(clippy::useless_conversion, reason = "Real is f64 with the feature f64")]
        Zip::from(a).and(y).for_each(|&a, &y| sum += term(f64::from(a), f64::from(y)));
        sum
    }

    /// BP1: δᴸ = ∇ₐC ⊙ σ′(zᴸ), one row per sample. For cross-entropy with sigmoid, and
    /// log-likelihood with softmax, this simplifies to a − y.
    pub fn delta(
        self,
        activation: Activation,
        a: ArrayView2<Real>,
        y: ArrayView2<Real>,
        mut delta: ArrayViewMut2<Real>,
    ) {
        let difference = |d: &mut Real, &a: &Real, &y: &Real| *d = flush_tiny(a - y);
        match (self, activation) {
            (Self::CrossEntropy, Activation::Sigmoid)
            | (Self::LogLikelihood, Activation::Softmax) => {
                Zip::from(&mut delta).and(a).and(y).for_each(difference);
            }
            _ => {
                match self {
                    Self::Quadratic => Zip::from(&mut delta).and(a).and(y).for_each(difference),
                    Self::CrossEntropy => Zip::from(&mut delta)
                        .and(a)
                        .and(y)
                        .for_each(|d, &a, &y| *d = (a - y) / bounded(a * (1.0 - a))),
                    Self::LogLikelihood => Zip::from(&mut delta)
                        .and(a)
                        .and(y)
                        .for_each(|d, &a, &y| *d = -y / bounded(a)),
                }
                activation.multiply_by_derivative(a, delta);
            }
        }
    }
}

/// p ln q with 0 ln 0 = 0. An output of exactly 0 or 1 was rounded in single precision, so its
/// logarithm is large but finite.
fn times_ln(p: f64, q: f64) -> f64 {
    let least = f64::from(f32::MIN_POSITIVE);
    match (p == 0.0, q < least) {
        (true, _) => 0.0,
        (false, true) => p * least.ln(),
        (false, false) => p * q.ln(),
    }
}

/// Raises a divisor that may have been rounded to 0 to the smallest positive normal number.
fn bounded(divisor: Real) -> Real {
    divisor.max(Real::MIN_POSITIVE)
}
