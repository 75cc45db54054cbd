//! Products with more weights than a cache holds: strip after strip of columns, so that what is
//! read again and again stays near, and without what is zero.

use super::lanes::{LANES, Wide};
use super::listing::{List, Term};
use super::rows::accumulate_narrow;
use super::wide_kernel;
use crate::nn::Real;
use ndarray::ArrayViewMut2;

wide_kernel! {
    /// Every row of `out` += Σ factor · `source[offset..]` over its terms, which are the rows of the
    /// list from `first` on.
    fn accumulate_rows(out: ArrayViewMut2<Real>, list: &List, first: usize, source: &[Real]) =
        accumulate_body
}

wide_kernel! {
    /// `out`, of shape (samples, rows of `weights`), becomes the dot products of the rows of `delta`
    /// and those of `weights`, of as many numbers each. Where a list names samples for each of the
    /// weights' rows, as offsets, those of all others become 0.
    fn dot_rows(out: ArrayViewMut2<Real>, list: Option<&List>, weights: &[Real], delta: &[Real]) =
        dot_body
}

wide_kernel! {
    /// Every row of `weights` becomes keep · row + rate · Σ factor · row of `delta`, over its terms,
    /// whose offsets are samples; rows of `units` numbers.
    fn add_products(weights: &mut [Real], list: &List, delta: &[Real], units: usize, step: Step) =
        add_products_body
}

/// How [`add_products`] weighs what is there and what is added.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) keep: Real,
    pub(crate) rate: Real,
}

/// Calls `$strip::<$wide, PAIRS>` for so many pairs of vectors from the column `$first` on, as many
/// as there are registers for, until fewer columns than a pair has are left.
macro_rules! strips {
    ($wide:ident, $width:expr, |$first:ident| $strip:ident($($arg:expr),*)) => {{
        const PAIR: usize = 2 * LANES;
        let (mut $first, width) = (0, $width);
        while $wide::ROOMY && width - $first >= 8 * PAIR {
            $strip::<$wide, 8>($($arg),*);
            $first += 8 * PAIR;
        }
        while width - $first >= 6 * PAIR {
            $strip::<$wide, 6>($($arg),*);
            $first += 6 * PAIR;
        }
        while width - $first >= 3 * PAIR {
            $strip::<$wide, 3>($($arg),*);
            $first += 3 * PAIR;
        }
        while width - $first >= PAIR {
            $strip::<$wide, 1>($($arg),*);
            $first += PAIR;
        }
        $first
    }};
}

/// Pairs of vectors of a row, from a column on.
#[inline(always)]
fn pairs<const PAIRS: usize>(row: &[Real]) -> &[[[Real; LANES]; 2]; PAIRS] {
    let pairs = row.as_chunks().0.as_chunks().0.first_chunk();
    pairs.expect("a strip is no wider than the rows are")
}

#[inline(always)]
fn pairs_mut<const PAIRS: usize>(row: &mut [Real]) -> &mut [[[Real; LANES]; 2]; PAIRS] {
    let pairs = row.as_chunks_mut().0.as_chunks_mut().0.first_chunk_mut();
    pairs.expect("a strip is no wider than the rows are")
}

#[inline(always)]
fn accumulate_body<W: Wide>(
    mut out: ArrayViewMut2<Real>,
    list: &List,
    from: usize,
    source: &[Real],
) {
    let done =
        strips!(W, out.ncols(), |first| accumulate_strip(&mut out, list, from, source, first));
    for (mut row, terms) in out.rows_mut().into_iter().zip(list.rows(from)) {
        let rest = &mut row.as_slice_mut().expect(ROWS)[done..];
        let (half, rest) = rest.split_at_mut(if rest.len() < LANES { 0 } else { LANES });
        let after = done + half.len();
        accumulate_narrow::<W>(half, terms, &source[done.min(source.len())..]);
        accumulate_narrow::<W>(rest, terms, &source[after.min(source.len())..]);
    }
}

#[inline(always)]
fn accumulate_strip<W: Wide, const PAIRS: usize>(
    out: &mut ArrayViewMut2<Real>,
    list: &List,
    from: usize,
    source: &[Real],
    first: usize,
) {
    for (mut row, terms) in out.rows_mut().into_iter().zip(list.rows(from)) {
        let row = pairs_mut::<PAIRS>(&mut row.as_slice_mut().expect(ROWS)[first..]);
        let mut sums = [W::splat(0.0); PAIRS];
        sums.iter_mut().zip(&*row).for_each(|(sum, values)| *sum = W::load(values));
        for term in terms {
            let values = pairs::<PAIRS>(&source[term.offset as usize + first..]);
            let factor = W::splat(term.factor);
            for (sum, values) in sums.iter_mut().zip(values) {
                *sum = W::load(values).multiply_add(factor, *sum);
            }
        }
        sums.into_iter().zip(row).for_each(|(sum, values)| sum.store(values));
    }
}

#[inline(always)]
fn dot_body<W: Wide>(
    mut out: ArrayViewMut2<Real>,
    list: Option<&List>,
    weights: &[Real],
    delta: &[Real],
) {
    let samples = out.nrows();
    if samples == 0 {
        return;
    }
    let units = delta.len() / samples;
    let delta = |sample: usize| &delta[sample * units..][..units];
    let rows = weights.chunks_exact(units).enumerate();
    let Some(list) = list else {
        for (column, weights) in rows {
            for first in (0..samples - samples % 4).step_by(4) {
                let sums = dots::<W, 4>(weights, [0, 1, 2, 3].map(|next| delta(first + next)));
                (first..).zip(sums).for_each(|(sample, sum)| out[[sample, column]] = sum);
            }
            for sample in samples - samples % 4..samples {
                [out[[sample, column]]] = dots::<W, 1>(weights, [delta(sample)]);
            }
        }
        return;
    };
    out.fill(0.0);
    for ((column, weights), terms) in rows.zip(list.rows(0)) {
        let (fours, rest) = terms.as_chunks::<4>();
        let sample = |term: &Term| term.offset as usize;
        for four in fours {
            let samples = four.each_ref().map(sample);
            let sums = dots::<W, 4>(weights, samples.map(delta));
            samples.into_iter().zip(sums).for_each(|(sample, sum)| out[[sample, column]] = sum);
        }
        for sample in rest.iter().map(sample) {
            [out[[sample, column]]] = dots::<W, 1>(weights, [delta(sample)]);
        }
    }
}

/// The dot products of a row and some others, each in two sums.
#[inline(always)]
fn dots<W: Wide, const ROWS: usize>(row: &[Real], others: [&[Real]; ROWS]) -> [Real; ROWS] {
    let mut sums = [[W::splat(0.0); 2]; ROWS];
    let len = row.len();
    let (vectors, _) = row.as_chunks::<LANES>();
    let (fours, rest) = vectors.as_chunks::<4>();
    for (index, four) in fours.iter().enumerate() {
        let [first, second] = four.as_chunks().0 else { continue };
        let (first, second) = (W::load(first), W::load(second));
        for (sums, other) in sums.iter_mut().zip(others) {
            let [one, two] = pairs::<2>(&other[4 * LANES * index..]);
            sums[0] = W::load(one).multiply_add(first, sums[0]);
            sums[1] = W::load(two).multiply_add(second, sums[1]);
        }
    }
    for (index, half) in (4 * fours.len()..).zip(rest) {
        let half = W::load_half(half);
        for (sums, other) in sums.iter_mut().zip(others) {
            let other = other[LANES * index..].first_chunk().expect("rows are as long");
            sums[0] = W::load_half(other).multiply_add(half, sums[0]);
        }
    }
    let mut totals = [0.0; ROWS];
    for ((total, [one, two]), other) in totals.iter_mut().zip(sums).zip(others) {
        *total = one.multiply_add(W::splat(1.0), two).sum();
        for at in len - len % LANES..len {
            *total = W::scalar(row[at], other[at], *total);
        }
    }
    totals
}

#[inline(always)]
fn add_products_body<W: Wide>(
    weights: &mut [Real],
    list: &List,
    delta: &[Real],
    units: usize,
    step: Step,
) {
    let done = strips!(W, units, |first| products_strip(weights, list, delta, units, step, first));
    let Step { keep, rate } = step;
    for (row, terms) in weights.chunks_exact_mut(units).zip(list.rows(0)) {
        for (at, weight) in (done..).zip(&mut row[done..]) {
            let kept = if keep == 0.0 { 0.0 } else { keep * *weight };
            *weight = terms.iter().fold(kept, |sum, term| {
                W::scalar(rate * term.factor, delta[term.offset as usize * units + at], sum)
            });
        }
    }
}

#[inline(always)]
fn products_strip<W: Wide, const PAIRS: usize>(
    weights: &mut [Real],
    list: &List,
    delta: &[Real],
    units: usize,
    Step { keep, rate }: Step,
    first: usize,
) {
    let zero = W::splat(0.0);
    for (row, terms) in weights.chunks_exact_mut(units).zip(list.rows(0)) {
        let row = pairs_mut::<PAIRS>(&mut row[first..]);
        let mut sums = [zero; PAIRS];
        // What is overwritten may be anything.
        if keep != 0.0 {
            let keep = W::splat(keep);
            for (sum, weights) in sums.iter_mut().zip(&*row) {
                *sum = W::load(weights).multiply_add(keep, zero);
            }
        }
        for term in terms {
            let values = pairs::<PAIRS>(&delta[term.offset as usize * units + first..]);
            let factor = W::splat(rate * term.factor);
            for (sum, values) in sums.iter_mut().zip(values) {
                *sum = W::load(values).multiply_add(factor, *sum);
            }
        }
        sums.into_iter().zip(row).for_each(|(sum, values)| sum.store(values));
    }
}

/// Why rows are slices.
const ROWS: &str = "the values of a row lie side by side";

#[cfg(test)]
#[allow(clippy::unnecessary_cast, reason = "Real is f64 with the feature f64")]
mod tests;
