//! Weighted sums of rows: the products of dense layers and the gradients of convolutions.

use super::entry::SparseEntry;
use super::row::{ColumnBand, VectorRow, bands, by_width};
use super::simd::{LANES, VectorPair, WideSimd};
use super::sparse::SparseRows;
use super::{Real, kernel, wide_kernel};

wide_kernel! {
    /// `out` += Σ value · `source[offset..][..out.len()]` over the entries.
    fn accumulate = accumulate_body(simd, out: &mut [Real], entries: &[SparseEntry], source: &[Real]) {
        for band in bands(out.len()) {
            let out = &mut out[band.first..][..band.len];
            let source = &source[band.first.min(source.len())..];
            by_width!(band.len, accumulate_band::<S>(simd, out, entries, source));
        }
    }
}

kernel! {
    /// Row r of `out` ← `start` + Σ value · `source[offset..]` over the entries of row r of `rows`;
    /// rows have `start.len()` numbers.
    fn sum_rows = sum_rows_body(
        simd, out: &mut [Real], start: &[Real], rows: &SparseRows, source: &[Real],
    ) {
        // 256-bit vectors: the weights come from the L2 cache, which does not deliver wider ones
        // faster.
        let simd = VectorPair(simd);
        for band in bands(start.len()) {
            by_width!(band.len, sum_band::<VectorPair<S>>(simd, out, start, rows, source, band));
        }
    }
}

kernel! {
    /// `out[offset..]` += `rate` · value · row r of `values` for every entry of row r of `rows`;
    /// rows of `values` have `width` numbers.
    fn scatter_rows = scatter_rows_body(
        simd, out: &mut [Real], rows: &SparseRows, values: &[Real], width: usize, rate: Real,
    ) {
        // 256-bit vectors, as in [`sum_rows_body`].
        let simd = VectorPair(simd);
        for band in bands(width) {
            by_width!(band.len, scatter_band::<VectorPair<S>>(simd, out, rows, values, band, rate));
        }
    }
}

#[inline(always)]
fn accumulate_band<S: WideSimd, const PAIRS: usize, const ODD: usize>(
    simd: S,
    out: &mut [Real],
    entries: &[SparseEntry],
    source: &[Real],
) {
    let sum = VectorRow::<S, PAIRS, ODD>::load(simd, out).add_entries(entries, source, out.len());
    sum.store(out);
}

#[inline(always)]
fn sum_band<S: WideSimd, const PAIRS: usize, const ODD: usize>(
    simd: S,
    out: &mut [Real],
    start: &[Real],
    rows: &SparseRows,
    source: &[Real],
    ColumnBand { first, len, width }: ColumnBand,
) {
    let (start, source) = (&start[first..][..len], &source[first..]);
    for (out, entries) in out.chunks_exact_mut(width).zip(rows.iter()) {
        let sum = VectorRow::<S, PAIRS, ODD>::load(simd, start).add_entries(entries, source, len);
        sum.store(&mut out[first..][..len]);
    }
}

#[inline(always)]
fn scatter_band<S: WideSimd, const PAIRS: usize, const ODD: usize>(
    simd: S,
    out: &mut [Real],
    rows: &SparseRows,
    values: &[Real],
    ColumnBand { first, len, width }: ColumnBand,
    rate: Real,
) {
    let out = &mut out[first..];
    for (row, entries) in values.chunks_exact(width).zip(rows.iter()) {
        let values = VectorRow::<S, PAIRS, ODD>::load(simd, &row[first..][..len]).times(rate);
        for entry in entries {
            let out = &mut out[entry.offset as usize..][..len];
            // Everything is loaded before anything is stored, because vectors may overlap.
            let mut sum = VectorRow::<S, PAIRS, ODD>::load(simd, out);
            sum.add_times(&values, entry.value);
            sum.store(out);
        }
    }
}

#[cfg(test)]
mod tests;
