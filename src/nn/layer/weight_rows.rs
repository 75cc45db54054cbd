//! Products of inputs and deltas, for the gradient of weights or their update.

use super::{BATCH, CONTIGUOUS};
use crate::linalg::{
    AlignedBuffer, STRIP_PITCH, SparseRows, Strips, add_products, scale_by, scatter_rows,
};
use crate::nn::Real;
use ndarray::{Array1, ArrayView2};

/// The batch size from which weights are updated by a matrix product, which loads and stores each
/// weight once, and from which copying operands into strips pays off.
pub(super) const MIN_BATCH_FOR_GEMM: usize = 24;

/// Weights or their gradient, one row per input, `stride` numbers apart.
pub(super) struct WeightRows<'a> {
    pub(super) values: &'a mut [Real],
    pub(super) stride: usize,
}

impl WeightRows<'_> {
    /// W ← `decay` · W + `factor` · xᵀ δ; the offset of an entry of x is that of its row of W.
    pub(super) fn add_outer_product(
        self,
        x: &SparseRows,
        delta: ArrayView2<Real>,
        [factor, decay]: [Real; 2],
        transposed: &mut SparseRows,
        strips: &mut AlignedBuffer,
    ) {
        let Self { values, stride } = self;
        if delta.nrows() >= MIN_BATCH_FOR_GEMM {
            transposed.transpose(x, (stride, values.len() / stride), STRIP_PITCH, 1.0);
            let delta = copy_in_strips(delta, factor, strips);
            return add_products(values, stride, transposed, delta, decay);
        }
        // Sample by sample, touching only the weights of nonzero inputs.
        scale(values, decay);
        scatter_rows(values, x, delta.to_slice().expect(BATCH), delta.ncols(), factor);
    }
}

/// A copy of a batch's rows in strips, times `factor`.
pub(super) fn copy_in_strips<'a>(
    rows: ArrayView2<Real>,
    factor: Real,
    buffer: &'a mut AlignedBuffer,
) -> Strips<'a> {
    let width = rows.ncols();
    Strips::copy(rows.to_slice().expect(BATCH), width, 0..width, factor, buffer)
}

/// `sum` += factor · every row.
pub(super) fn add_rows(sum: &mut Array1<Real>, rows: ArrayView2<Real>, factor: Real) {
    let sum = sum.as_slice_mut().expect(CONTIGUOUS);
    for row in rows.to_slice().expect(BATCH).chunks_exact(sum.len()) {
        sum.iter_mut().zip(row).for_each(|(sum, &value)| *sum += factor * value);
    }
}

/// Multiplies weights by `factor`; 0 replaces even those that are not finite.
#[allow(clippy::float_cmp, reason = "exactly 1 changes nothing")]
fn scale(weights: &mut [Real], factor: Real) {
    if factor == 0.0 {
        weights.fill(0.0);
    } else if factor != 1.0 {
        scale_by(weights, factor);
    }
}
