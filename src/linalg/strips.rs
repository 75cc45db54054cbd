//! Products with more weights than a cache holds: strip after strip of columns, so that what is
//! read again and again stays near, and without what is zero.

use super::matrix::AlignedBuffer;
use super::prefetch::Prefetch;
use super::row::{Band, Row, WIDEST, bands, by_width};
use super::simd::{LANES, WideSimd, WideVector};
use super::sparse::SparseRows;
use super::{Real, scale_by, wide_kernel};
use ndarray::ArrayViewMut2;
use std::ops::Range;

wide_kernel! {
    /// Every row of `out` += Σ value · a row of `strips` over the entries of a row of `rows`, whose
    /// offsets are those of rows of the strips. Meanwhile `next` is fetched.
    fn accumulate_rows(
        out: ArrayViewMut2<Real>,
        rows: &SparseRows,
        strips: Strips<'_>,
        next: Prefetch<'_>,
    ) = accumulate_rows_body
}

wide_kernel! {
    /// `out[s, i]` = `weights[i]` · `delta[s]`, a dot product, for the samples s that entries of row i
    /// of `rows` name by their offsets in `delta`, which is a copy in strips; 0 for all others.
    /// Weights begin `stride` apart; the values of the entries do not matter. `sums` is room.
    fn dot_rows(
        out: ArrayViewMut2<Real>,
        rows: &SparseRows,
        weights: &[Real],
        stride: usize,
        delta: Strips<'_>,
        sums: &mut AlignedBuffer,
    ) = dot_rows_body
}

wide_kernel! {
    /// Every row of `weights`, which begin `stride` apart, becomes decay · row + Σ value · a row of
    /// `strips`, over the entries of a row of `rows`, whose offsets are those of rows of the strips.
    fn add_products(
        weights: &mut [Real],
        stride: usize,
        rows: &SparseRows,
        strips: Strips<'_>,
        decay: Real,
    ) = add_products_body
}

/// Rows of `width` numbers, in strips of columns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strips<'a> {
    values: &'a [Real],
    width: usize,
    /// How far apart strips begin.
    pitch: usize,
}

impl<'a> Strips<'a> {
    /// The columns from `first` on, `width` of them, of rows as they lie in memory: the offset of
    /// row r is r times the distance of two rows.
    pub(crate) fn of_rows(values: &'a [Real], first: usize, width: usize) -> Self {
        Self { values: &values[first..], width, pitch: STRIP }
    }

    /// A copy in `room`, times `factor`, of some columns of rows that begin `stride` apart: the rows
    /// of a strip as near to one another as can be, each from the start of a line of the cache on.
    /// The offset of row r is r · [`STRIP_PITCH`].
    #[allow(clippy::float_cmp, reason = "exactly 1 changes nothing")]
    pub(crate) fn copy(
        values: &[Real],
        stride: usize,
        columns: Range<usize>,
        factor: Real,
        room: &'a mut AlignedBuffer,
    ) -> Self {
        let width = columns.len();
        let size = values.len() / stride * STRIP_PITCH;
        let to = room.room(width.div_ceil(STRIP) * size);
        // Row after row, as they lie in memory.
        for (row, from) in values.chunks_exact(stride).enumerate() {
            let parts = from[columns.clone()].chunks(STRIP);
            for (part, strip) in parts.zip((0..).step_by(size)) {
                to[strip + row * STRIP_PITCH..][..part.len()].copy_from_slice(part);
            }
        }
        if factor != 1.0 {
            scale_by(to, factor);
        }
        Self { values: to, width, pitch: size }
    }

    /// Numbers in a row.
    pub(crate) fn width(self) -> usize {
        self.width
    }

    /// From a band's part of the first row on.
    #[inline(always)]
    pub(super) fn band(self, band: Band) -> &'a [Real] {
        &self.values[band.first / STRIP * self.pitch..]
    }
}

/// How far apart the rows of a strip's copy begin: at lines of the cache.
pub(crate) const STRIP_PITCH: usize = STRIP.next_multiple_of(2 * LANES);

/// Columns of a strip: as many as there are registers for.
const STRIP: usize = WIDEST;

#[inline(always)]
fn accumulate_rows_body<S: WideSimd>(
    simd: S,
    mut out: ArrayViewMut2<Real>,
    rows: &SparseRows,
    strips: Strips<'_>,
    next: Prefetch<'_>,
) {
    for band in bands(strips.width) {
        let job = Job { simd, rows, strips, band };
        if band.len <= LANES {
            job.accumulate_narrow(&mut out);
        } else {
            by_width!(band.len, Job::accumulate(job, &mut out, next));
        }
    }
}

#[inline(always)]
fn dot_rows_body<S: WideSimd>(
    simd: S,
    mut out: ArrayViewMut2<Real>,
    rows: &SparseRows,
    weights: &[Real],
    stride: usize,
    delta: Strips<'_>,
    sums: &mut AlignedBuffer,
) {
    // A vector a product: strip after strip is added to it.
    let sums = sums.room(2 * LANES * rows.count());
    sums.fill(0.0);
    let sums = sums.as_chunks_mut().0.as_chunks_mut().0;
    for band in bands(delta.width) {
        let job = Job { simd, rows, strips: delta, band };
        if band.len <= LANES {
            job.dot_narrow(weights, stride, sums);
        } else {
            by_width!(band.len, Job::dot(job, weights, stride, sums));
        }
    }
    out.fill(0.0);
    let mut sums = sums.iter();
    for (mut column, entries) in out.columns_mut().into_iter().zip(rows.iter()) {
        for (entry, sum) in entries.iter().zip(&mut sums) {
            column[entry.offset as usize / STRIP_PITCH] = simd.load(sum).sum();
        }
    }
}

#[inline(always)]
fn add_products_body<S: WideSimd>(
    simd: S,
    weights: &mut [Real],
    stride: usize,
    rows: &SparseRows,
    strips: Strips<'_>,
    decay: Real,
) {
    for band in bands(strips.width) {
        let job = Job { simd, rows, strips, band };
        if band.len <= LANES {
            job.add_products_narrow(weights, stride, decay);
        } else {
            by_width!(band.len, Job::add_products(job, weights, stride, decay));
        }
    }
}

/// A band of columns, which is a kernel's work at a time.
#[derive(Clone, Copy)]
struct Job<'a, S> {
    simd: S,
    rows: &'a SparseRows,
    strips: Strips<'a>,
    band: Band,
}

impl<S: WideSimd> Job<'_, S> {
    /// The band's part of a row.
    #[inline(always)]
    fn part<'b>(&self, row: &'b [Real]) -> &'b [Real] {
        &row[self.band.first..][..self.band.len]
    }

    #[inline(always)]
    fn part_mut<'b>(&self, row: &'b mut [Real]) -> &'b mut [Real] {
        &mut row[self.band.first..][..self.band.len]
    }

    #[inline(always)]
    fn accumulate<const PAIRS: usize, const ODD: usize>(
        self,
        out: &mut ArrayViewMut2<Real>,
        next: Prefetch<'_>,
    ) {
        let source = self.strips.band(self.band);
        let count = out.nrows();
        let rows = out.rows_mut().into_iter().zip(self.rows.iter());
        for (at, (mut row, entries)) in rows.enumerate() {
            next.fetch(at, count, self.band);
            let row = self.part_mut(row.as_slice_mut().expect(ROWS));
            let mut sum = Row::<S, PAIRS, ODD>::load(self.simd, row);
            for entry in entries {
                let values = &source[entry.offset as usize..][..self.band.len];
                sum.add_times(&Row::load(self.simd, values), entry.value);
            }
            sum.store(row);
        }
    }

    #[inline(always)]
    fn accumulate_narrow(self, out: &mut ArrayViewMut2<Real>) {
        let source = self.strips.band(self.band);
        for (mut row, entries) in out.rows_mut().into_iter().zip(self.rows.iter()) {
            let row = self.part_mut(row.as_slice_mut().expect(ROWS));
            for entry in entries {
                let values = &source[entry.offset as usize..];
                row.iter_mut().zip(values).for_each(|(sum, &value)| {
                    *sum = self.simd.scalar(entry.value, value, *sum);
                });
            }
        }
    }

    #[inline(always)]
    fn dot<const PAIRS: usize, const ODD: usize>(
        self,
        weights: &[Real],
        stride: usize,
        sums: &mut [[[Real; LANES]; 2]],
    ) {
        let (mut sums, delta) = (sums.iter_mut(), self.strips.band(self.band));
        for (row, entries) in weights.chunks_exact(stride).zip(self.rows.iter()) {
            let row = Row::<S, PAIRS, ODD>::load_once(self.simd, self.part(row));
            for (entry, sum) in entries.iter().zip(&mut sums) {
                let delta = &delta[entry.offset as usize..][..self.band.len];
                row.add_products(delta, self.simd.load(sum)).store(sum);
            }
        }
    }

    #[inline(always)]
    fn dot_narrow(self, weights: &[Real], stride: usize, sums: &mut [[[Real; LANES]; 2]]) {
        let (mut sums, delta) = (sums.iter_mut(), self.strips.band(self.band));
        for (row, entries) in weights.chunks_exact(stride).zip(self.rows.iter()) {
            for (entry, sum) in entries.iter().zip(&mut sums) {
                let delta = &delta[entry.offset as usize..];
                for ((sum, &w), &delta) in sum[0].iter_mut().zip(self.part(row)).zip(delta) {
                    *sum = self.simd.scalar(w, delta, *sum);
                }
            }
        }
    }

    #[allow(clippy::float_cmp, reason = "exactly 1 keeps what is there")]
    #[inline(always)]
    fn add_products<const PAIRS: usize, const ODD: usize>(
        self,
        weights: &mut [Real],
        stride: usize,
        decay: Real,
    ) {
        let source = self.strips.band(self.band);
        for (row, entries) in weights.chunks_exact_mut(stride).zip(self.rows.iter()) {
            if entries.is_empty() && decay == 1.0 {
                continue;
            }
            let row = self.part_mut(row);
            let mut sum = decayed::<S, PAIRS, ODD>(self.simd, row, decay);
            for entry in entries {
                let values = &source[entry.offset as usize..][..self.band.len];
                sum.add_times(&Row::load(self.simd, values), entry.value);
            }
            sum.store(row);
        }
    }

    #[inline(always)]
    fn add_products_narrow(self, weights: &mut [Real], stride: usize, decay: Real) {
        let source = self.strips.band(self.band);
        for (row, entries) in weights.chunks_exact_mut(stride).zip(self.rows.iter()) {
            let row = self.part_mut(row);
            decay_narrow(row, decay);
            for entry in entries {
                let values = &source[entry.offset as usize..];
                for (weight, &value) in row.iter_mut().zip(values) {
                    *weight = self.simd.scalar(entry.value, value, *weight);
                }
            }
        }
    }
}

/// decay · row; 0 for a decay of 0, whatever the row holds.
#[allow(clippy::float_cmp, reason = "exactly 1 keeps what is there")]
#[inline(always)]
pub(super) fn decayed<S: WideSimd, const PAIRS: usize, const ODD: usize>(
    simd: S,
    row: &[Real],
    decay: Real,
) -> Row<S, PAIRS, ODD> {
    match decay {
        0.0 => Row::zero(simd),
        1.0 => Row::load(simd, row),
        decay => Row::load(simd, row).times(decay),
    }
}

/// [`decayed`] of a row of a vector at most, in place.
#[inline(always)]
pub(super) fn decay_narrow(row: &mut [Real], decay: Real) {
    if decay == 0.0 {
        row.fill(0.0);
    } else {
        for weight in row {
            *weight *= decay;
        }
    }
}

/// Why rows are slices.
const ROWS: &str = "the values of a row lie side by side";

#[cfg(test)]
pub(super) mod tests;
