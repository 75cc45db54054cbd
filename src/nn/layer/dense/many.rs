//! Learning from many samples: every weight is loaded and stored once.

use super::wide::{cut_rows, list_all};
use crate::linalg::{CUT, add_bytes_times_matrix, add_products};
use crate::nn::Real;
use crate::nn::layer::{Scratch, Taped, Told};

/// Samples from which it pays.
const MANY: usize = 24;

/// Whether a layer that is not wide learns so.
pub(crate) fn are_many(samples: usize) -> bool {
    samples >= MANY
}

/// Weights whose rows begin `pitch` apart.
pub(super) struct Weights<'a> {
    pub(super) values: &'a mut [Real],
    pub(super) pitch: usize,
}

impl Weights<'_> {
    /// Become keep · weights + factor · xᵀ δ.
    pub(super) fn learn(
        self,
        taped: Taped,
        told: Told,
        [factor, keep]: [Real; 2],
        scratch: &mut Scratch,
    ) {
        let Taped { x, delta, .. } = taped;
        let Scratch { inputs, turned, deltas: list, strips, .. } = scratch;
        if told == Told::Bytes {
            let delta = cut_rows(delta, factor, strips);
            return add_bytes_times_matrix(self.values, self.pitch, turned, delta, keep);
        }
        if told == Told::Numbers && delta.ncols() < x.ncols() {
            return self.learn_by_unit(taped, [factor, keep], scratch);
        }
        list.transpose(inputs, (self.pitch, x.ncols()), CUT, 1.0);
        let delta = cut_rows(delta, factor, strips);
        add_products(self.values, self.pitch, list, delta, keep);
    }

    /// With fewer units than inputs: long rows for a few units are sooner added up than short rows
    /// for many inputs.
    fn learn_by_unit(
        self,
        Taped { x, delta, .. }: Taped,
        [factor, keep]: [Real; 2],
        Scratch { second: rows, deltas: list, strips, .. }: &mut Scratch,
    ) {
        let Self { values, pitch } = self;
        rows.resize(x.ncols() * delta.ncols(), 0.0);
        for (unit, row) in rows.chunks_exact_mut(x.ncols()).enumerate() {
            let column = values[unit..].iter().step_by(pitch);
            row.iter_mut().zip(column).for_each(|(to, from)| *to = *from);
        }
        list_all(delta, factor, list);
        add_products(rows, x.ncols(), list, cut_rows(x, 1.0, strips), keep);
        for (unit, row) in rows.chunks_exact(x.ncols()).enumerate() {
            let column = values[unit..].iter_mut().step_by(pitch);
            column.zip(row).for_each(|(to, from)| *to = *from);
        }
    }
}
