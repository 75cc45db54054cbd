//! Products with the transpose of a small matrix of weights, of which a transposed copy is made.

use crate::linalg::{SparseRows, sum_rows};
use crate::nn::{Matrix, Real};

/// A transposed copy of weights.
pub(super) struct Transposed<'a> {
    /// A row of zeros.
    zeros: &'a [Real],
    weights: &'a [Real],
}

impl<'a> Transposed<'a> {
    pub(super) fn copy(weights: &Matrix, room: &'a mut Vec<Real>) -> Self {
        let inputs = weights.rows();
        room.clear();
        room.resize(inputs, 0.0);
        for unit in 0..weights.columns() {
            room.extend(weights.padded()[unit..].iter().step_by(weights.stride()));
        }
        let (zeros, weights) = room.split_at(inputs);
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
