//! Sums of rows with factors: what dense layers, and the gradients of convolutions, are made of.

use super::row::{Band, Row, bands, by_width};
use super::simd::{LANES, Pair, Simd, Vector, WideSimd, WideVector};
use super::sparse::{Entry, SparseRows};
use super::{Real, kernel, wide_kernel};

wide_kernel! {
    /// `out` += Σ value · `source[offset..][..out.len()]`, entry after entry.
    fn accumulate(out: &mut [Real], entries: &[Entry], source: &[Real]) = accumulate_body
}

kernel! {
    /// Every row of `out` becomes `start` + Σ value · `source[offset..]` over the entries of a row of
    /// `rows`; rows of `start.len()` numbers.
    fn sum_rows(out: &mut [Real], start: &[Real], rows: &SparseRows, source: &[Real]) =
        sum_rows_body
}

kernel! {
    /// `out[offset..]` += `rate` · value · row for every entry of every row: `values` are rows of
    /// `width` numbers, as many as there are rows of entries.
    fn scatter_rows(
        out: &mut [Real],
        rows: &SparseRows,
        values: &[Real],
        width: usize,
        rate: Real,
    ) = scatter_rows_body
}

kernel! {
    /// Multiplies every value.
    fn scale_by(values: &mut [Real], factor: Real) = scale_by_body
}

#[inline(always)]
fn scale_by_body<S: Simd>(simd: S, values: &mut [Real], factor: Real) {
    let (vectors, rest) = values.as_chunks_mut::<LANES>();
    for vector in vectors {
        simd.load(vector).multiply_add(simd.splat(factor), simd.splat(0.0)).store(vector);
    }
    for value in rest {
        *value *= factor;
    }
}

#[inline(always)]
fn accumulate_body<S: WideSimd>(simd: S, out: &mut [Real], entries: &[Entry], source: &[Real]) {
    for band in bands(out.len()) {
        let out = &mut out[band.first..][..band.len];
        let source = &source[band.first.min(source.len())..];
        if band.len <= LANES {
            accumulate_narrow(simd, out, entries, source);
        } else {
            by_width!(band.len, accumulate_band::<S>(simd, out, entries, source));
        }
    }
}

#[inline(always)]
fn accumulate_narrow<S: WideSimd>(simd: S, out: &mut [Real], entries: &[Entry], source: &[Real]) {
    let len = out.len();
    if let Ok(out) = <&mut [Real; LANES]>::try_from(&mut *out) {
        let mut sum = simd.load_half(out);
        for entry in entries {
            let row = &source[entry.offset as usize..][..LANES];
            let row = row.try_into().expect("a slice of so many");
            sum = simd.load_half(row).multiply_add(simd.splat(entry.value).half(), sum);
        }
        return sum.store(out);
    }
    for entry in entries {
        let row = &source[entry.offset as usize..][..len];
        out.iter_mut().zip(row).for_each(|(out, &value)| {
            *out = simd.scalar(entry.value, value, *out);
        });
    }
}

#[inline(always)]
fn accumulate_band<S: WideSimd, const PAIRS: usize, const ODD: usize>(
    simd: S,
    out: &mut [Real],
    entries: &[Entry],
    source: &[Real],
) {
    let sum = Row::<S, PAIRS, ODD>::load(simd, out).add_entries(entries, source, out.len());
    sum.store(out);
}

/// In pairs of narrow vectors: weights come from the second cache, which is no faster into wider
/// registers.
#[inline(always)]
fn sum_rows_body<S: Simd>(
    simd: S,
    out: &mut [Real],
    start: &[Real],
    rows: &SparseRows,
    source: &[Real],
) {
    let simd = Pair(simd);
    for band in bands(start.len()) {
        if band.len <= LANES {
            sum_band_narrow(simd, out, start, rows, source, band);
        } else {
            by_width!(band.len, sum_band::<Pair<S>>(simd, out, start, rows, source, band));
        }
    }
}

#[inline(always)]
fn sum_band_narrow<S: WideSimd>(
    simd: S,
    out: &mut [Real],
    start: &[Real],
    rows: &SparseRows,
    source: &[Real],
    Band { first, len, width }: Band,
) {
    for (out, entries) in out.chunks_exact_mut(width).zip(rows.iter()) {
        let out = &mut out[first..][..len];
        out.copy_from_slice(&start[first..][..len]);
        accumulate_narrow(simd, out, entries, &source[first..]);
    }
}

#[inline(always)]
fn sum_band<S: WideSimd, const PAIRS: usize, const ODD: usize>(
    simd: S,
    out: &mut [Real],
    start: &[Real],
    rows: &SparseRows,
    source: &[Real],
    Band { first, len, width }: Band,
) {
    let (start, source) = (&start[first..][..len], &source[first..]);
    for (out, entries) in out.chunks_exact_mut(width).zip(rows.iter()) {
        let sum = Row::<S, PAIRS, ODD>::load(simd, start).add_entries(entries, source, len);
        sum.store(&mut out[first..][..len]);
    }
}

/// In pairs of narrow vectors, as [`sum_rows_body`].
#[inline(always)]
fn scatter_rows_body<S: Simd>(
    simd: S,
    out: &mut [Real],
    rows: &SparseRows,
    values: &[Real],
    width: usize,
    rate: Real,
) {
    let simd = Pair(simd);
    for band in bands(width) {
        if band.len <= LANES {
            scatter_narrow(simd, out, rows, values, band, rate);
        } else {
            by_width!(band.len, scatter_band::<Pair<S>>(simd, out, rows, values, band, rate));
        }
    }
}

#[inline(always)]
fn scatter_narrow<S: WideSimd>(
    simd: S,
    out: &mut [Real],
    rows: &SparseRows,
    values: &[Real],
    Band { first, len, width }: Band,
    rate: Real,
) {
    for (row, entries) in values.chunks_exact(width).zip(rows.iter()) {
        for entry in entries {
            let out = &mut out[first + entry.offset as usize..][..len];
            out.iter_mut().zip(&row[first..]).for_each(|(out, &value)| {
                *out = simd.scalar(entry.value, rate * value, *out);
            });
        }
    }
}

#[inline(always)]
fn scatter_band<S: WideSimd, const PAIRS: usize, const ODD: usize>(
    simd: S,
    out: &mut [Real],
    rows: &SparseRows,
    values: &[Real],
    Band { first, len, width }: Band,
    rate: Real,
) {
    let out = &mut out[first..];
    for (row, entries) in values.chunks_exact(width).zip(rows.iter()) {
        let values = Row::<S, PAIRS, ODD>::load(simd, &row[first..][..len]).times(rate);
        for entry in entries {
            let out = &mut out[entry.offset as usize..][..len];
            // All is loaded before anything is stored: the last vectors may overlap.
            let mut sum = Row::<S, PAIRS, ODD>::load(simd, out);
            sum.add_times(&values, entry.value);
            sum.store(out);
        }
    }
}

#[cfg(test)]
mod tests;
