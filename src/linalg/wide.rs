//! Products with more weights than a cache holds: strip after strip of columns, so that what is
//! read again and again stays near, and without what is zero.

use super::ahead::Ahead;
use super::lanes::{LANES, Wide};
use super::listing::List;
use super::packed::Packed;
use super::row::{Band, Row, WIDEST, bands, by_width};
use super::{scale_by, wide_kernel};
use crate::nn::Real;
use ndarray::ArrayViewMut2;
use std::ops::Range;

wide_kernel! {
    /// Every row of `out` += Σ factor · a row of `matrix` over its terms, whose offsets are places in
    /// the matrix. Meanwhile `ahead` is fetched.
    fn accumulate_rows(
        out: ArrayViewMut2<Real>,
        list: &List,
        matrix: Matrix<'_>,
        ahead: Ahead<'_>,
    ) = accumulate_body
}

wide_kernel! {
    /// Dot products of rows of `weights` and of `delta`, which is cut: those of the samples that a
    /// list names for each of the weights' rows, by their places in `delta`, into `out` of shape
    /// (samples, rows of weights), where all others become 0. `sums` is room.
    fn dot_rows(
        out: ArrayViewMut2<Real>,
        list: &List,
        weights: &[Real],
        delta: Matrix<'_>,
        sums: &mut Packed,
    ) = dot_body
}

wide_kernel! {
    /// Every row of `weights`, which begin `pitch` apart, becomes keep · row + Σ factor · row of
    /// `matrix`, over its terms, whose offsets are places in the matrix.
    fn add_products(
        weights: &mut [Real],
        pitch: usize,
        list: &List,
        matrix: Matrix<'_>,
        keep: Real,
    ) = add_products_body
}

/// Rows of `width` numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix<'a> {
    values: &'a [Real],
    width: usize,
    /// How far apart strips of columns begin.
    strip: usize,
}

impl<'a> Matrix<'a> {
    /// The columns from `first` on, `width` of them, of rows side by side. Row r begins at the place
    /// r · the length of a row.
    pub(crate) fn of_rows(values: &'a [Real], first: usize, width: usize) -> Self {
        Self { values: &values[first..], width, strip: STRIP }
    }

    /// A copy in `room`, times `factor`, of columns of rows that begin `pitch` apart: strip of columns after strip,
    /// whose rows are as near to one another as can be, each from the start of a line of the cache
    /// on. Row r begins at the place r · [`CUT`].
    #[allow(clippy::float_cmp, reason = "exactly 1 changes nothing")]
    pub(crate) fn cut(
        values: &[Real],
        pitch: usize,
        columns: Range<usize>,
        factor: Real,
        room: &'a mut Packed,
    ) -> Self {
        let width = columns.len();
        let size = values.len() / pitch * CUT;
        let to = room.room(width.div_ceil(STRIP) * size);
        // Row after row, as they lie in memory.
        for (row, from) in values.chunks_exact(pitch).enumerate() {
            let parts = from[columns.clone()].chunks(STRIP);
            for (part, strip) in parts.zip((0..).step_by(size)) {
                to[strip + row * CUT..][..part.len()].copy_from_slice(part);
            }
        }
        if factor != 1.0 {
            scale_by(to, factor);
        }
        Self { values: room.values(), width, strip: size }
    }

    /// Numbers in a row.
    pub(crate) fn width(self) -> usize {
        self.width
    }

    /// From a band's part of the first row on.
    #[inline(always)]
    pub(super) fn band(self, band: Band) -> &'a [Real] {
        &self.values[band.first / STRIP * self.strip..]
    }
}

/// How far apart the rows of a strip's copy begin: at lines of the cache.
pub(crate) const CUT: usize = STRIP.next_multiple_of(2 * LANES);

/// Columns of a strip: as many as there are registers for.
const STRIP: usize = WIDEST;

#[inline(always)]
fn accumulate_body<W: Wide>(
    mut out: ArrayViewMut2<Real>,
    list: &List,
    matrix: Matrix<'_>,
    ahead: Ahead<'_>,
) {
    for band in bands(matrix.width) {
        let job = Job { list, matrix, band };
        if band.len <= LANES {
            job.accumulate_few::<W>(&mut out);
        } else {
            by_width!(band.len, Job::accumulate::<W>(job, &mut out, ahead));
        }
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
    let sums = sums.room(2 * LANES * list.count());
    sums.fill(0.0);
    let sums = sums.as_chunks_mut().0.as_chunks_mut().0;
    for band in bands(delta.width) {
        let job = Job { list, matrix: delta, band };
        if band.len <= LANES {
            job.dot_few::<W>(weights, sums);
        } else {
            by_width!(band.len, Job::dot::<W>(job, weights, sums));
        }
    }
    out.fill(0.0);
    let mut sums = sums.iter();
    for (mut column, terms) in out.columns_mut().into_iter().zip(list.rows()) {
        for (term, sum) in terms.iter().zip(&mut sums) {
            column[term.offset as usize / CUT] = W::load(sum).sum();
        }
    }
}

#[inline(always)]
fn add_products_body<W: Wide>(
    weights: &mut [Real],
    pitch: usize,
    list: &List,
    matrix: Matrix<'_>,
    keep: Real,
) {
    for band in bands(matrix.width) {
        let job = Job { list, matrix, band };
        if band.len <= LANES {
            job.add_few_products::<W>(weights, pitch, keep);
        } else {
            by_width!(band.len, Job::add_products::<W>(job, weights, pitch, keep));
        }
    }
}

/// What a kernel does to a strip.
#[derive(Clone, Copy)]
struct Job<'a> {
    list: &'a List,
    matrix: Matrix<'a>,
    band: Band,
}

impl Job<'_> {
    /// The strip's part of a row.
    #[inline(always)]
    fn part<'b>(&self, row: &'b [Real]) -> &'b [Real] {
        &row[self.band.first..][..self.band.len]
    }

    #[inline(always)]
    fn part_mut<'b>(&self, row: &'b mut [Real]) -> &'b mut [Real] {
        &mut row[self.band.first..][..self.band.len]
    }

    #[inline(always)]
    fn accumulate<W: Wide, const PAIRS: usize, const ODD: usize>(
        self,
        out: &mut ArrayViewMut2<Real>,
        ahead: Ahead<'_>,
    ) {
        let source = self.matrix.band(self.band);
        let count = out.nrows();
        let rows = out.rows_mut().into_iter().zip(self.list.rows());
        for (at, (mut row, terms)) in rows.enumerate() {
            ahead.fetch(at, count, self.band);
            let row = self.part_mut(row.as_slice_mut().expect(ROWS));
            let mut sum = Row::<W, PAIRS, ODD>::load(row);
            for term in terms {
                let values = &source[term.offset as usize..][..self.band.len];
                sum.add_times(&Row::load(values), W::splat(term.factor));
            }
            sum.store(row);
        }
    }

    #[inline(always)]
    fn accumulate_few<W: Wide>(self, out: &mut ArrayViewMut2<Real>) {
        let source = self.matrix.band(self.band);
        for (mut row, terms) in out.rows_mut().into_iter().zip(self.list.rows()) {
            let row = self.part_mut(row.as_slice_mut().expect(ROWS));
            for term in terms {
                let values = &source[term.offset as usize..];
                row.iter_mut().zip(values).for_each(|(sum, &value)| {
                    *sum = W::scalar(term.factor, value, *sum);
                });
            }
        }
    }

    #[inline(always)]
    fn dot<W: Wide, const PAIRS: usize, const ODD: usize>(
        self,
        weights: &[Real],
        sums: &mut [[[Real; LANES]; 2]],
    ) {
        let (mut sums, delta) = (sums.iter_mut(), self.matrix.band(self.band));
        for (row, terms) in weights.chunks_exact(self.band.width).zip(self.list.rows()) {
            let row = Row::<W, PAIRS, ODD>::load_once(self.part(row));
            for (term, sum) in terms.iter().zip(&mut sums) {
                let delta = &delta[term.offset as usize..][..self.band.len];
                row.add_products(delta, W::load(sum)).store(sum);
            }
        }
    }

    #[inline(always)]
    fn dot_few<W: Wide>(self, weights: &[Real], sums: &mut [[[Real; LANES]; 2]]) {
        let (mut sums, delta) = (sums.iter_mut(), self.matrix.band(self.band));
        for (row, terms) in weights.chunks_exact(self.band.width).zip(self.list.rows()) {
            for (term, sum) in terms.iter().zip(&mut sums) {
                let delta = &delta[term.offset as usize..];
                for ((sum, &w), &delta) in sum[0].iter_mut().zip(self.part(row)).zip(delta) {
                    *sum = W::scalar(w, delta, *sum);
                }
            }
        }
    }

    #[allow(clippy::float_cmp, reason = "exactly 1 keeps what is there")]
    #[inline(always)]
    fn add_products<W: Wide, const PAIRS: usize, const ODD: usize>(
        self,
        weights: &mut [Real],
        pitch: usize,
        keep: Real,
    ) {
        let source = self.matrix.band(self.band);
        for (row, terms) in weights.chunks_exact_mut(pitch).zip(self.list.rows()) {
            if terms.is_empty() && keep == 1.0 {
                continue;
            }
            let row = self.part_mut(row);
            // What is not kept may be anything.
            let mut sum = match keep {
                0.0 => Row::<W, PAIRS, ODD>::zero(),
                1.0 => Row::load(row),
                keep => Row::load(row).times(W::splat(keep)),
            };
            for term in terms {
                let values = &source[term.offset as usize..][..self.band.len];
                sum.add_times(&Row::load(values), W::splat(term.factor));
            }
            sum.store(row);
        }
    }

    #[inline(always)]
    fn add_few_products<W: Wide>(self, weights: &mut [Real], pitch: usize, keep: Real) {
        let source = self.matrix.band(self.band);
        for (row, terms) in weights.chunks_exact_mut(pitch).zip(self.list.rows()) {
            let row = self.part_mut(row);
            match keep {
                0.0 => row.fill(0.0),
                keep => row.iter_mut().for_each(|weight| *weight *= keep),
            }
            for term in terms {
                let values = &source[term.offset as usize..];
                for (weight, &value) in row.iter_mut().zip(values) {
                    *weight = W::scalar(term.factor, value, *weight);
                }
            }
        }
    }
}

/// Why rows are slices.
const ROWS: &str = "the values of a row lie side by side";

#[cfg(test)]
#[allow(clippy::unnecessary_cast, reason = "Real is f64 with the feature f64")]
pub(super) mod tests;
