//! Products with the transpose of a small weight matrix, using a transposed copy.

use crate::linalg::{SparseRows, sum_rows};
use crate::nn::{Matrix, Real};

/// A transposed copy of weights.
pub(super) struct Transposed<'a> {
    /// Zeros, one per input: the initial values of the sums.
    zeros: &'a [Real],
    weights: &'a [Real],
}

impl<'a> Transposed<'a> {
    pub(super) fn copy(weights: &Matrix, buffer: &'a mut Vec<Real>) -> Self {
        let inputs = weights.rows();
        buffer.clear();
        buffer.resize(inputs, 0.0);
        for unit in 0..weights.columns() {
            buffer.extend(weights.padded()[unit..].iter().step_by(weights.stride()));
        }
        let (zeros, weights) = buffer.split_at(inputs);
        Self { zeros, weights }
    }

    /// `out` = δ Wᵀ; `list` is a buffer for the nonzero deltas.
    pub(super) fn product(&self, out: &mut [Real], delta: &[Real], list: &mut SparseRows) {
        let inputs = self.zeros.len();
        list.clear(delta.len());
        for delta in delta.chunks_exact(self.weights.len() / inputs) {
            list.push_values(delta, inputs);
        }
        sum_rows(out, self.zeros, list, self.weights);
    }
}
