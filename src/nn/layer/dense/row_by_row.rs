//! Updates of layers whose weights stay in the second cache.

use super::wide::list_all;
use super::{BATCH, MIN_BATCH_FOR_GEMM, Rows, copy_in_strips};
use crate::linalg::{
    STRIP_PITCH, add_products, add_transposed_bytes_times_strips, scale_by, scatter_rows,
};
use crate::nn::layer::{LayerValues, Workspace};
use crate::nn::{Batch, Real};
use ndarray::ArrayView2;

impl Rows<'_> {
    /// Becomes decay · itself + factor · xᵀ δ; `decay` returns its factor, and may do more to the
    /// weights. The workspace is that of the forward pass.
    pub(super) fn update(
        self,
        LayerValues { x, delta, .. }: LayerValues,
        factor: Real,
        decay: impl Fn(&mut [Real]) -> Real,
        workspace: &mut Workspace,
    ) {
        let decay = decay(self.values);
        let many = delta.nrows() >= MIN_BATCH_FOR_GEMM;
        let inputs = self.values.len() / self.stride;
        let Workspace { inputs: listed, deltas: transposed, strips, .. } = workspace;
        match x {
            Batch::Bytes(bytes) => {
                let delta = copy_in_strips(delta, factor, strips);
                add_transposed_bytes_times_strips(self.values, self.stride, bytes, delta, decay);
            }
            Batch::Dense(x) if many && delta.ncols() < inputs => {
                self.update_by_unit(x, delta, [factor, decay], workspace);
            }
            Batch::Dense(_) | Batch::Sparse(_) => {
                let rows = if let Batch::Sparse(rows) = x { rows } else { &*listed };
                if many {
                    transposed.transpose(rows, (self.stride, inputs), STRIP_PITCH, 1.0);
                    let delta = copy_in_strips(delta, factor, strips);
                    add_products(self.values, self.stride, transposed, delta, decay);
                } else {
                    // Sample after sample: only the weights of inputs that are not zero are touched.
                    scale(self.values, decay);
                    let (units, delta) = (delta.ncols(), delta.to_slice().expect(BATCH));
                    scatter_rows(self.values, rows, delta, units, factor);
                }
            }
        }
    }

    /// With fewer units than inputs: a few long rows are added up faster than many short ones.
    fn update_by_unit(
        self,
        x: ArrayView2<Real>,
        delta: ArrayView2<Real>,
        [factor, decay]: [Real; 2],
        Workspace { second: rows, deltas: transposed, strips, .. }: &mut Workspace,
    ) {
        let Self { values, stride } = self;
        rows.resize(x.ncols() * delta.ncols(), 0.0);
        for (unit, row) in rows.chunks_exact_mut(x.ncols()).enumerate() {
            let column = values[unit..].iter().step_by(stride);
            row.iter_mut().zip(column).for_each(|(to, from)| *to = *from);
        }
        list_all(delta, factor, transposed);
        add_products(rows, x.ncols(), transposed, copy_in_strips(x, 1.0, strips), decay);
        for (unit, row) in rows.chunks_exact(x.ncols()).enumerate() {
            let column = values[unit..].iter_mut().step_by(stride);
            column.zip(row).for_each(|(to, from)| *to = *from);
        }
    }
}

/// Multiplies weights; by 0 whatever they are.
#[allow(clippy::float_cmp, reason = "exactly 1 changes nothing")]
fn scale(weights: &mut [Real], factor: Real) {
    if factor == 0.0 {
        weights.fill(0.0);
    } else if factor != 1.0 {
        scale_by(weights, factor);
    }
}
