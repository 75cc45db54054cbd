//! Products with more weights than a cache holds: strip after strip of columns, so that what is
//! read again and again stays near, and without what is zero.

use super::lanes::{LANES, Wide};
use super::listing::List;
use super::packed::Packed;
use super::wide_kernel;
use crate::nn::Real;
use ndarray::ArrayViewMut2;

wide_kernel! {
    /// Every row of `out` += Σ factor · a row of `matrix` over its terms, which are the rows of the
    /// list from `first` on; their offsets are rows of the matrix.
    fn accumulate_rows(out: ArrayViewMut2<Real>, list: &List, first: usize, matrix: Matrix<'_>) =
        accumulate_body
}

wide_kernel! {
    /// Dot products of rows of `weights` and of `delta`: those of the samples that a list names for
    /// each of the weights' rows, as offsets, into `out` of shape (samples, rows of weights), where
    /// all others become 0. `sums` is room.
    fn dot_rows(
        out: ArrayViewMut2<Real>,
        list: &List,
        weights: &[Real],
        delta: Matrix<'_>,
        sums: &mut Packed,
    ) = dot_body
}

wide_kernel! {
    /// Every row of `weights` becomes keep · row + rate · Σ factor · row of `delta`, over its terms,
    /// whose offsets are samples.
    fn add_products(weights: &mut [Real], list: &List, delta: Matrix<'_>, step: Step) =
        add_products_body
}

/// How [`add_products`] weighs what is there and what is added.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) keep: Real,
    pub(crate) rate: Real,
}

/// Rows of `width` numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix<'a> {
    values: &'a [Real],
    width: usize,
    layout: Layout,
}

#[derive(Clone, Copy, Debug)]
enum Layout {
    /// Row after row, which begin so far apart.
    Rows(usize),
    /// Strip of columns after strip, each row after row: of so many rows.
    Strips(usize),
}

impl<'a> Matrix<'a> {
    /// The columns from `first` on, `width` of them, of rows of `pitch` numbers.
    pub(crate) fn of_rows(values: &'a [Real], pitch: usize, first: usize, width: usize) -> Self {
        Self { values: &values[first..], width, layout: Layout::Rows(pitch) }
    }

    /// A copy whose strips are as near to one another as can be, each row's from the start of a line
    /// of the cache on; in `room`.
    pub(crate) fn cut<'b>(self, rows: usize, room: &'b mut Packed) -> Matrix<'b> {
        let mut to = room.room(rows * self.width);
        let mut first = 0;
        while first < self.width {
            let wide = strip(self.width - first);
            let (from, pitch) = self.strip(first, wide);
            let (here, rest) = to.split_at_mut(rows * wide);
            for (to, from) in here.chunks_exact_mut(wide).zip(from.chunks(pitch)) {
                to.copy_from_slice(&from[..wide]);
            }
            to = rest;
            first += wide;
        }
        let values = &room.values()[..rows * self.width];
        Matrix { values, width: self.width, layout: Layout::Strips(rows) }
    }

    /// The strip of so many columns from `first` on, and how far apart its rows begin.
    #[inline(always)]
    fn strip(self, first: usize, wide: usize) -> (&'a [Real], usize) {
        match self.layout {
            Layout::Rows(pitch) => (&self.values[first.min(self.values.len())..], pitch),
            Layout::Strips(rows) => (&self.values[first * rows..], wide),
        }
    }
}

/// Columns of a pair of vectors.
const PAIR: usize = 2 * LANES;

/// Columns of the next strip, of so many that are left.
#[inline(always)]
fn strip(left: usize) -> usize {
    [6, 4, 2, 1].map(|pairs| pairs * PAIR).into_iter().find(|wide| left >= *wide).unwrap_or(left)
}

/// Calls `$strip::<$wide, PAIRS>` for the columns from `$first` on that are whole pairs of vectors,
/// as many at a time as there are registers for; evaluates to the first that is left.
macro_rules! strips {
    ($wide:ident, $width:expr, |$first:ident| $strip:ident($($arg:expr),*)) => {{
        let (mut $first, width) = (0, $width);
        while width - $first >= PAIR {
            let wide = strip(width - $first);
            match wide / PAIR {
                1 => $strip::<$wide, 1>($($arg),*),
                2 => $strip::<$wide, 2>($($arg),*),
                4 => $strip::<$wide, 4>($($arg),*),
                _ => $strip::<$wide, 6>($($arg),*),
            }
            $first += wide;
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
    matrix: Matrix<'_>,
) {
    let width = matrix.width;
    let done = strips!(W, width, |first| accumulate_strip(&mut out, list, from, matrix, first));
    let (rest, pitch) = matrix.strip(done, width - done);
    for (mut row, terms) in out.rows_mut().into_iter().zip(list.rows(from)) {
        let row = &mut row.as_slice_mut().expect(ROWS)[done..];
        for (at, sum) in row.iter_mut().enumerate() {
            *sum = terms.iter().fold(*sum, |sum, term| {
                W::scalar(term.factor, rest[term.offset as usize * pitch + at], sum)
            });
        }
    }
}

#[inline(always)]
fn accumulate_strip<W: Wide, const PAIRS: usize>(
    out: &mut ArrayViewMut2<Real>,
    list: &List,
    from: usize,
    matrix: Matrix<'_>,
    first: usize,
) {
    let (source, pitch) = matrix.strip(first, PAIRS * PAIR);
    for (mut row, terms) in out.rows_mut().into_iter().zip(list.rows(from)) {
        let row = pairs_mut::<PAIRS>(&mut row.as_slice_mut().expect(ROWS)[first..]);
        let mut sums = [W::splat(0.0); PAIRS];
        sums.iter_mut().zip(&*row).for_each(|(sum, values)| *sum = W::load(values));
        for term in terms {
            let values = pairs::<PAIRS>(&source[term.offset as usize * pitch..]);
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
    list: &List,
    weights: &[Real],
    delta: Matrix<'_>,
    sums: &mut Packed,
) {
    // A vector a product: strip after strip is added to it.
    let sums = sums.room(PAIR * list.ends.last().copied().unwrap_or(0));
    sums.fill(0.0);
    let sums = sums.as_chunks_mut().0.as_chunks_mut().0;
    let units = delta.width;
    let done = strips!(W, units, |first| dot_strip(list, weights, delta, sums, first));
    let (rest, pitch) = delta.strip(done, units - done);
    out.fill(0.0);
    let mut sums = sums.iter();
    let rows = weights.chunks_exact(units).zip(list.rows(0)).enumerate();
    for (column, (weights, terms)) in rows {
        for (term, sum) in terms.iter().zip(&mut sums) {
            let sample = term.offset as usize;
            let rest = weights[done..].iter().zip(&rest[sample * pitch..]);
            out[[sample, column]] =
                rest.fold(W::load(sum).sum(), |sum, (&w, &delta)| W::scalar(w, delta, sum));
        }
    }
}

#[inline(always)]
fn dot_strip<W: Wide, const PAIRS: usize>(
    list: &List,
    weights: &[Real],
    delta: Matrix<'_>,
    sums: &mut [[[Real; LANES]; 2]],
    first: usize,
) {
    let (units, mut sums) = (delta.width, sums.iter_mut());
    let (delta, pitch) = delta.strip(first, PAIRS * PAIR);
    for (row, terms) in weights.chunks_exact(units).zip(list.rows(0)) {
        let mut weights = [W::splat(0.0); PAIRS];
        let row = pairs::<PAIRS>(&row[first..]);
        weights.iter_mut().zip(row).for_each(|(weights, row)| *weights = W::load(row));
        for (term, sum) in terms.iter().zip(&mut sums) {
            let delta = pairs::<PAIRS>(&delta[term.offset as usize * pitch..]);
            let mut total = W::load(sum);
            for (weights, delta) in weights.into_iter().zip(delta) {
                total = W::load(delta).multiply_add(weights, total);
            }
            total.store(sum);
        }
    }
}

#[inline(always)]
fn add_products_body<W: Wide>(weights: &mut [Real], list: &List, delta: Matrix<'_>, step: Step) {
    let units = delta.width;
    let done = strips!(W, units, |first| products_strip(weights, list, delta, step, first));
    let Step { keep, rate } = step;
    let (rest, pitch) = delta.strip(done, units - done);
    for (row, terms) in weights.chunks_exact_mut(units).zip(list.rows(0)) {
        for (at, weight) in row[done..].iter_mut().enumerate() {
            let kept = if keep == 0.0 { 0.0 } else { keep * *weight };
            *weight = terms.iter().fold(kept, |sum, term| {
                W::scalar(rate * term.factor, rest[term.offset as usize * pitch + at], sum)
            });
        }
    }
}

#[inline(always)]
fn products_strip<W: Wide, const PAIRS: usize>(
    weights: &mut [Real],
    list: &List,
    delta: Matrix<'_>,
    Step { keep, rate }: Step,
    first: usize,
) {
    let (units, zero) = (delta.width, W::splat(0.0));
    let (delta, pitch) = delta.strip(first, PAIRS * PAIR);
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
            let values = pairs::<PAIRS>(&delta[term.offset as usize * pitch..]);
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
