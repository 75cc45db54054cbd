//! A step of plain gradient descent (equation 20), with regularization (section 3.2).

use crate::linalg::scale_by;
use crate::nn::Real;

/// A step of plain gradient descent: w → (1 − l2) w − l1 sgn(w) − η ∇C.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GradientStep {
    /// η.
    pub rate: Real,
    /// ηλ/n for L1 regularization, otherwise 0.
    pub l1: Real,
    /// ηλ/n for L2 regularization, otherwise 0.
    pub l2: Real,
}

impl GradientStep {
    /// The factor by which a sum of gradients over samples is added to the weights: −η · `scale`,
    /// see [`super::Pass::scale`].
    pub(crate) fn factor(&self, scale: Real) -> Real {
        -self.rate * scale
    }

    /// The factor to multiply weights by when the gradient is added. L1 regularization, which is
    /// not a factor, is applied here.
    pub(crate) fn weight_decay_factor(&self, weights: &mut [Real]) -> Real {
        if self.l1 == 0.0 {
            return 1.0 - self.l2;
        }
        self.decay(weights);
        1.0
    }

    /// Applies the regularization to weights.
    pub(crate) fn decay(&self, weights: &mut [Real]) {
        if self.l2 != 0.0 {
            scale_by(weights, 1.0 - self.l2);
        }
        if self.l1 != 0.0 {
            for w in weights {
                *w -= self.l1 * sign(*w);
            }
        }
    }
}

/// sgn(w): −1, 0 or 1.
pub(crate) fn sign(w: Real) -> Real {
    Real::from(u8::from(w > 0.0)) - Real::from(u8::from(w < 0.0))
}
