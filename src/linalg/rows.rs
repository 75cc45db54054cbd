//! Sums of rows with factors: what dense layers, and the gradients of convolutions, are made of.

use super::lanes::{LANES, Lanes, Wide};
use super::listing::{List, Term};
use super::row::{Band, Row, bands, by_width};
use super::{kernel, wide_kernel};
use crate::nn::Real;

wide_kernel! {
    /// `out` += Σ factor · `source[offset..][..out.len()]`, term after term.
    fn accumulate(out: &mut [Real], terms: &[Term], source: &[Real]) = accumulate_body
}

kernel! {
    /// Every row of `out` becomes `start` + Σ factor · `source[offset..]` over its terms: rows of
    /// `start.len()` numbers, as many as the list has.
    fn sum_rows(out: &mut [Real], start: &[Real], list: &List, source: &[Real]) = sum_rows_narrow
}

kernel! {
    /// `out[offset..]` += `rate` · factor · row for every term of every row; rows of `width`
    /// numbers, as many as the list has.
    fn scatter_rows(out: &mut [Real], list: &List, rows: &[Real], width: usize, rate: Real) =
        scatter_rows_narrow
}

kernel! {
    /// Multiplies every value.
    fn scale_by(values: &mut [Real], factor: Real) = scale_by_body
}

#[inline(always)]
fn scale_by_body<V: Lanes>(values: &mut [Real], factor: Real) {
    let (vectors, rest) = values.as_chunks_mut::<LANES>();
    for vector in vectors {
        V::load(vector).multiply_add(V::splat(factor), V::splat(0.0)).store(vector);
    }
    for value in rest {
        *value *= factor;
    }
}

#[inline(always)]
fn accumulate_body<W: Wide>(out: &mut [Real], terms: &[Term], source: &[Real]) {
    for band in bands(out.len()) {
        let out = &mut out[band.first..][..band.len];
        let source = &source[band.first.min(source.len())..];
        if band.len <= LANES {
            accumulate_narrow::<W>(out, terms, source);
        } else {
            by_width!(band.len, accumulate_band::<W>(out, terms, source));
        }
    }
}

/// Weights come from the second cache, which is no faster into wider registers.
#[inline(always)]
fn sum_rows_narrow<V: Lanes>(out: &mut [Real], start: &[Real], list: &List, source: &[Real]) {
    sum_rows_body::<[V; 2]>(out, start, list, source);
}

#[inline(always)]
fn sum_rows_body<W: Wide>(out: &mut [Real], start: &[Real], list: &List, source: &[Real]) {
    for band in bands(start.len()) {
        if band.len <= LANES {
            sum_band_narrow::<W>(out, start, list, source, band);
        } else {
            by_width!(band.len, sum_band::<W>(out, start, list, source, band));
        }
    }
}

#[inline(always)]
fn sum_band_narrow<W: Wide>(
    out: &mut [Real],
    start: &[Real],
    list: &List,
    source: &[Real],
    band: Band,
) {
    let Band { first, len, width } = band;
    for (out, terms) in out.chunks_exact_mut(width).zip(list.rows()) {
        let out = &mut out[first..][..len];
        out.copy_from_slice(&start[first..][..len]);
        accumulate_narrow::<W>(out, terms, &source[first..]);
    }
}

#[inline(always)]
fn sum_band<W: Wide, const PAIRS: usize, const ODD: usize>(
    out: &mut [Real],
    start: &[Real],
    list: &List,
    source: &[Real],
    band: Band,
) {
    let Band { first, len, width } = band;
    let (start, source) = (&start[first..][..len], &source[first..]);
    for (out, terms) in out.chunks_exact_mut(width).zip(list.rows()) {
        let sum = Row::<W, PAIRS, ODD>::load(start).add_terms(terms, source, len);
        sum.store(&mut out[first..][..len]);
    }
}

#[inline(always)]
fn accumulate_narrow<W: Wide>(out: &mut [Real], terms: &[Term], source: &[Real]) {
    let len = out.len();
    if let Ok(out) = <&mut [Real; LANES]>::try_from(&mut *out) {
        let mut sum = W::load_half(out);
        for term in terms {
            let row = &source[term.offset as usize..][..LANES];
            let row = row.try_into().expect("a slice of so many");
            sum = W::load_half(row).multiply_add(W::splat(term.factor), sum);
        }
        return sum.store_half(out);
    }
    for term in terms {
        let row = &source[term.offset as usize..][..len];
        out.iter_mut().zip(row).for_each(|(out, &value)| {
            *out = W::scalar(term.factor, value, *out);
        });
    }
}

#[inline(always)]
fn accumulate_band<W: Wide, const PAIRS: usize, const ODD: usize>(
    out: &mut [Real],
    terms: &[Term],
    source: &[Real],
) {
    let sum = Row::<W, PAIRS, ODD>::load(out).add_terms(terms, source, out.len());
    sum.store(out);
}

/// As [`sum_rows_narrow`].
#[inline(always)]
fn scatter_rows_narrow<V: Lanes>(
    out: &mut [Real],
    list: &List,
    rows: &[Real],
    width: usize,
    rate: Real,
) {
    scatter_rows_body::<[V; 2]>(out, list, rows, width, rate);
}

#[inline(always)]
fn scatter_rows_body<W: Wide>(
    out: &mut [Real],
    list: &List,
    rows: &[Real],
    width: usize,
    rate: Real,
) {
    for band in bands(width) {
        if band.len <= LANES {
            scatter_narrow::<W>(out, list, rows, band, rate);
        } else {
            by_width!(band.len, scatter_band::<W>(out, list, rows, band, rate));
        }
    }
}

#[inline(always)]
fn scatter_narrow<W: Wide>(out: &mut [Real], list: &List, rows: &[Real], band: Band, rate: Real) {
    let Band { first, len, width } = band;
    for (row, terms) in rows.chunks_exact(width).zip(list.rows()) {
        for term in terms {
            let out = &mut out[first + term.offset as usize..][..len];
            out.iter_mut().zip(&row[first..]).for_each(|(out, &value)| {
                *out = W::scalar(term.factor, rate * value, *out);
            });
        }
    }
}

#[inline(always)]
fn scatter_band<W: Wide, const PAIRS: usize, const ODD: usize>(
    out: &mut [Real],
    list: &List,
    rows: &[Real],
    band: Band,
    rate: Real,
) {
    let Band { first, len, width } = band;
    let out = &mut out[first..];
    for (row, terms) in rows.chunks_exact(width).zip(list.rows()) {
        let values = Row::<W, PAIRS, ODD>::load(&row[first..][..len]).times(W::splat(rate));
        for term in terms {
            let out = &mut out[term.offset as usize..][..len];
            // All is loaded before anything is stored: the last vectors may overlap.
            let mut sum = Row::<W, PAIRS, ODD>::load(out);
            sum.add_times(&values, W::splat(term.factor));
            sum.store(out);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unnecessary_cast, reason = "Real is f64 with the feature f64")]
mod tests;
