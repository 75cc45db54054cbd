//! Products with weights that exceed the cache, computed in strips of columns, so that data read
//! repeatedly stays in the cache. Sparse rows skip zeros.

use super::matrix::AlignedBuffer;
use super::prefetch::RowPrefetch;
use super::row::{ColumnBand, VectorRow, WIDEST, bands, by_width};
use super::simd::{LANES, WideSimd, WideVector};
use super::sparse::SparseRows;
use super::{Real, scale_by, wide_kernel};
use ndarray::ArrayViewMut2;
use std::array;
use std::ops::Range;

wide_kernel! {
    /// Row r of `out` += Σ value · row of `strips` over the entries of row r of `rows`; the offset
    /// of an entry selects the row of the strips. Meanwhile `next` is prefetched.
    fn accumulate_rows = accumulate_rows_body(
        simd, out: ArrayViewMut2<Real>, rows: &SparseRows, strips: Strips<'_>, next: RowPrefetch<'_>,
    ) {
        let mut out = out;
        for band in bands(strips.width) {
            let job = StripJob { simd, rows, strips, band };
            by_width!(band.len, StripJob::accumulate(job, &mut out, next));
        }
    }
}

wide_kernel! {
    /// `out[s, i]` = the dot product of row i of `weights` and row s of `delta`, for every sample s
    /// with an entry in row i of `rows`, and 0 for the others. Offsets of entries refer to rows of
    /// `delta`, a copy in strips; their values are ignored. Rows of weights start `stride` apart;
    /// `sums` is a buffer.
    fn dot_rows = dot_rows_body(
        simd,
        out: ArrayViewMut2<Real>,
        rows: &SparseRows,
        weights: &[Real],
        stride: usize,
        delta: Strips<'_>,
        sums: &mut AlignedBuffer,
    ) {
        let mut out = out;
        // One vector per product, to which the products of each strip are added. The buffer has
        // room for all products, so that it need not grow with the number of nonzero ones.
        let sums = &mut sums.slice_mut(2 * LANES * out.len())[..2 * LANES * rows.count()];
        sums.fill(0.0);
        let sums = sums.as_chunks_mut().0.as_chunks_mut().0;
        for band in bands(delta.width) {
            let job = StripJob { simd, rows, strips: delta, band };
            by_width!(band.len, StripJob::dot(job, weights, stride, sums));
        }
        out.fill(0.0);
        let mut sums = sums.iter();
        for (mut column, entries) in out.columns_mut().into_iter().zip(rows.iter()) {
            for (entry, sum) in entries.iter().zip(&mut sums) {
                column[entry.offset as usize / STRIP_PITCH] = simd.load(sum).sum();
            }
        }
    }
}

wide_kernel! {
    /// Row i of `weights` ← decay · itself + Σ value · row of `strips` over the entries of row i of
    /// `rows`; the offset of an entry selects the row of the strips. Rows of weights begin `stride`
    /// apart.
    fn add_products = add_products_body(
        simd,
        weights: &mut [Real],
        stride: usize,
        rows: &SparseRows,
        strips: Strips<'_>,
        decay: Real,
    ) {
        for band in bands(strips.width) {
            let job = StripJob { simd, rows, strips, band };
            by_width!(band.len, StripJob::add_products(job, weights, stride, decay));
        }
    }
}

wide_kernel! {
    /// W ← decay · W + xᵀ δ for dense inputs x, one row per sample; `delta` is a copy made by
    /// [`Strips::copy`]. Rows of W begin `stride` numbers apart.
    fn add_outer_products = add_outer_products_body(
        simd,
        weights: &mut [Real],
        stride: usize,
        x: &[Real],
        delta: Strips<'_>,
        decay: Real,
    ) {
        for band in bands(delta.width) {
            let job = OuterProducts { simd, stride, x, delta, band, decay };
            by_width!(band.len, OuterProducts::add(job, weights));
        }
    }
}

/// Rows of `width` numbers, divided into strips of columns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strips<'a> {
    values: &'a [Real],
    width: usize,
    /// The distance between the starts of consecutive strips.
    pitch: usize,
}

impl<'a> Strips<'a> {
    /// Columns `first..first + width` of rows that are not copied: the offset of row r is r times
    /// their stride.
    pub(crate) fn of_rows(values: &'a [Real], first: usize, width: usize) -> Self {
        Self { values: &values[first..], width, pitch: STRIP }
    }

    /// Copies some columns, times `factor`, of rows that start `stride` apart into `buffer`. The
    /// rows of a strip are contiguous, each aligned to a cache line: the offset of row r is r ·
    /// [`STRIP_PITCH`].
    #[allow(clippy::float_cmp, reason = "exactly 1 changes nothing")]
    pub(crate) fn copy(
        values: &[Real],
        stride: usize,
        columns: Range<usize>,
        factor: Real,
        buffer: &'a mut AlignedBuffer,
    ) -> Self {
        let width = columns.len();
        let size = values.len() / stride * STRIP_PITCH;
        let to = buffer.slice_mut(width.div_ceil(STRIP) * size);
        // Row by row, in the order of memory.
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

    /// Numbers per row.
    pub(crate) fn width(self) -> usize {
        self.width
    }

    /// The strip of a band, from its first row on.
    #[inline(always)]
    pub(super) fn band(self, band: ColumnBand) -> &'a [Real] {
        &self.values[band.first / STRIP * self.pitch..]
    }
}

/// The distance between the rows of a copied strip: whole cache lines.
pub(crate) const STRIP_PITCH: usize = STRIP.next_multiple_of(2 * LANES);

/// Columns of a strip: as many as fit into registers.
const STRIP: usize = WIDEST;

/// A kernel's work on one band of columns.
#[derive(Clone, Copy)]
struct StripJob<'a, S> {
    simd: S,
    rows: &'a SparseRows,
    strips: Strips<'a>,
    band: ColumnBand,
}

impl<S: WideSimd> StripJob<'_, S> {
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
        next: RowPrefetch<'_>,
    ) {
        let source = self.strips.band(self.band);
        let count = out.nrows();
        let rows = out.rows_mut().into_iter().zip(self.rows.iter());
        for (at, (mut row, entries)) in rows.enumerate() {
            next.fetch(at, count, self.band);
            let row = self.part_mut(row.as_slice_mut().expect(ROWS));
            let mut sum = VectorRow::<S, PAIRS, ODD>::load(self.simd, row);
            for &entry in entries {
                sum.add_entry(entry, source, self.band.len);
            }
            sum.store(row);
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
            let row = VectorRow::<S, PAIRS, ODD>::load_once(self.simd, self.part(row));
            for (entry, sum) in entries.iter().zip(&mut sums) {
                let delta = &delta[entry.offset as usize..][..self.band.len];
                row.add_products(delta, self.simd.load(sum)).store(sum);
            }
        }
    }

    #[allow(clippy::float_cmp, reason = "exactly 1 leaves the weights unchanged")]
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
            let mut sum = VectorRow::<S, PAIRS, ODD>::decayed(self.simd, row, decay);
            for &entry in entries {
                sum.add_entry(entry, source, self.band.len);
            }
            sum.store(row);
        }
    }
}

/// The work of [`add_outer_products`] on one band of columns.
#[derive(Clone, Copy)]
struct OuterProducts<'a, S> {
    simd: S,
    stride: usize,
    x: &'a [Real],
    delta: Strips<'a>,
    band: ColumnBand,
    decay: Real,
}

impl<S: WideSimd> OuterProducts<'_, S> {
    #[inline(always)]
    fn add<const PAIRS: usize, const ODD: usize>(self, weights: &mut [Real]) {
        let inputs = weights.len() / self.stride;
        // Narrow rows four at a time, because each addition to a sum waits for the one before.
        let rows = if 2 * PAIRS + ODD <= 3 { 4 } else { 1 };
        for (block, weights) in weights.chunks_mut(rows * self.stride).enumerate() {
            let first = block * rows;
            if weights.len() == 4 * self.stride {
                self.add_to_rows::<PAIRS, ODD, 4>(weights, first, inputs);
            } else {
                for (input, row) in (first..).zip(weights.chunks_mut(self.stride)) {
                    self.add_to_rows::<PAIRS, ODD, 1>(row, input, inputs);
                }
            }
        }
    }

    /// Updates the weights of `ROWS` inputs, from input `first` on.
    #[inline(always)]
    fn add_to_rows<const PAIRS: usize, const ODD: usize, const ROWS: usize>(
        &self,
        weights: &mut [Real],
        first: usize,
        inputs: usize,
    ) {
        let Self { simd, stride, band, decay, .. } = *self;
        let mut sums: [VectorRow<S, PAIRS, ODD>; ROWS] = array::from_fn(|row| {
            VectorRow::decayed(simd, &weights[row * stride + band.first..][..band.len], decay)
        });
        let deltas = self.delta.band(band).chunks(STRIP_PITCH);
        for (x, delta) in self.x.chunks_exact(inputs).zip(deltas) {
            let delta = VectorRow::load(simd, &delta[..band.len]);
            for (sum, &x) in sums.iter_mut().zip(&x[first..][..ROWS]) {
                sum.add_times(&delta, x);
            }
        }
        for (row, sum) in sums.iter().enumerate() {
            sum.store(&mut weights[row * stride + band.first..][..band.len]);
        }
    }
}

/// `expect` message: why rows are slices.
const ROWS: &str = "rows are contiguous";

#[cfg(test)]
pub(super) mod tests;
