//! Sums of rows with factors: what dense layers, and the gradients of convolutions, are made of.

use super::kernel;
use super::lanes::{LANES, Lanes};
use super::listing::{List, Term};
use crate::nn::Real;

kernel! {
    /// `out` += Σ factor · `source[offset..][..out.len()]`, term after term.
    fn accumulate(out: &mut [Real], terms: &[Term], source: &[Real]) = accumulate_body
}

kernel! {
    /// Every row of `out` becomes `start` + Σ factor · `source[offset..]` over its terms: rows of
    /// `start.len()` numbers, as many as the list has.
    fn sum_rows(out: &mut [Real], start: &[Real], list: &List, source: &[Real]) = sum_rows_body
}

kernel! {
    /// `out[offset..]` += `rate` · factor · row for every term of every row; rows of `width`
    /// numbers, as many as the list has.
    fn scatter_rows(out: &mut [Real], list: &List, rows: &[Real], width: usize, rate: Real) =
        scatter_rows_body
}

kernel! {
    /// Multiplies every value.
    fn scale_by(values: &mut [Real], factor: Real) = scale_by_body
}

/// Numbers that are summed in registers at once: twelve vectors and one that may overlap.
const WIDEST: usize = 13 * LANES;

/// Calls `$function::<V, HEAD>` for rows of `$len` numbers, more than a vector and at most
/// [`WIDEST`]: so many whole vectors, then one that ends with the row and may overlap the last.
macro_rules! by_width {
    ($len:expr, $function:ident::<V>($($arg:expr),*)) => {
        match ($len - 1) / LANES {
            1 => $function::<V, 1>($($arg),*),
            2 => $function::<V, 2>($($arg),*),
            3 => $function::<V, 3>($($arg),*),
            4 => $function::<V, 4>($($arg),*),
            5 => $function::<V, 5>($($arg),*),
            6 => $function::<V, 6>($($arg),*),
            7 => $function::<V, 7>($($arg),*),
            8 => $function::<V, 8>($($arg),*),
            9 => $function::<V, 9>($($arg),*),
            10 => $function::<V, 10>($($arg),*),
            11 => $function::<V, 11>($($arg),*),
            _ => $function::<V, 12>($($arg),*),
        }
    };
}

/// Columns `first..first + len` of rows of `width` numbers.
#[derive(Clone, Copy)]
struct Band {
    first: usize,
    len: usize,
    width: usize,
}

/// The bands of rows of `width` numbers.
fn bands(width: usize) -> impl Iterator<Item = Band> {
    let band = move |first| Band { first, len: WIDEST.min(width - first), width };
    (0..width).step_by(WIDEST).map(band)
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
fn accumulate_body<V: Lanes>(out: &mut [Real], terms: &[Term], source: &[Real]) {
    for band in bands(out.len()) {
        let out = &mut out[band.first..][..band.len];
        let source = &source[band.first.min(source.len())..];
        if band.len <= LANES {
            accumulate_narrow::<V>(out, terms, source);
        } else {
            by_width!(band.len, accumulate_band::<V>(out, terms, source));
        }
    }
}

#[inline(always)]
fn sum_rows_body<V: Lanes>(out: &mut [Real], start: &[Real], list: &List, source: &[Real]) {
    for band in bands(start.len()) {
        if band.len <= LANES {
            sum_band_narrow::<V>(out, start, list, source, band);
        } else {
            by_width!(band.len, sum_band::<V>(out, start, list, source, band));
        }
    }
}

/// The terms of each row.
#[inline(always)]
fn rows_of(list: &List) -> impl Iterator<Item = &[Term]> {
    let mut start = 0;
    list.ends.iter().map(move |&end| &list.terms[std::mem::replace(&mut start, end)..end])
}

#[inline(always)]
fn sum_band_narrow<V: Lanes>(
    out: &mut [Real],
    start: &[Real],
    list: &List,
    source: &[Real],
    band: Band,
) {
    let Band { first, len, width } = band;
    for (out, terms) in out.chunks_exact_mut(width).zip(rows_of(list)) {
        let out = &mut out[first..][..len];
        out.copy_from_slice(&start[first..][..len]);
        accumulate_narrow::<V>(out, terms, &source[first..]);
    }
}

#[inline(always)]
fn sum_band<V: Lanes, const HEAD: usize>(
    out: &mut [Real],
    start: &[Real],
    list: &List,
    source: &[Real],
    band: Band,
) {
    let Band { first, len, width } = band;
    let (start, source) = (&start[first..][..len], &source[first..]);
    for (out, terms) in out.chunks_exact_mut(width).zip(rows_of(list)) {
        let sum = Row::<V, HEAD>::load(start).add_terms(terms, source, len);
        sum.store(&mut out[first..][..len]);
    }
}

#[inline(always)]
fn accumulate_narrow<V: Lanes>(out: &mut [Real], terms: &[Term], source: &[Real]) {
    let len = out.len();
    if let Ok(out) = <&mut [Real; LANES]>::try_from(&mut *out) {
        let mut sum = V::load(out);
        for term in terms {
            let row = &source[term.offset as usize..][..LANES];
            let row = row.try_into().expect("a slice of so many");
            sum = V::load(row).multiply_add(V::splat(term.factor), sum);
        }
        return sum.store(out);
    }
    for term in terms {
        let row = &source[term.offset as usize..][..len];
        out.iter_mut().zip(row).for_each(|(out, &value)| {
            *out = V::scalar(term.factor, value, *out);
        });
    }
}

#[inline(always)]
fn accumulate_band<V: Lanes, const HEAD: usize>(out: &mut [Real], terms: &[Term], source: &[Real]) {
    let sum = Row::<V, HEAD>::load(out).add_terms(terms, source, out.len());
    sum.store(out);
}

/// A row's whole vectors and the one that ends with it.
struct Row<V, const HEAD: usize> {
    head: [V; HEAD],
    tail: V,
}

impl<V: Lanes, const HEAD: usize> Row<V, HEAD> {
    #[inline(always)]
    fn zero() -> Self {
        Self { head: [V::splat(0.0); HEAD], tail: V::splat(0.0) }
    }

    #[inline(always)]
    fn load(row: &[Real]) -> Self {
        let (head, tail) = Self::parts(row);
        let mut row = Self { head: [V::splat(0.0); HEAD], tail: V::load(tail) };
        for (to, from) in row.head.iter_mut().zip(head) {
            *to = V::load(from);
        }
        row
    }

    #[inline(always)]
    fn parts(row: &[Real]) -> (&[[Real; LANES]; HEAD], &[Real; LANES]) {
        let head = row.as_chunks().0.first_chunk().expect("the row is longer than its head");
        (head, row.last_chunk().expect("the row is longer than a vector"))
    }

    /// Where head and tail overlap both hold the same sums.
    #[inline(always)]
    fn store(&self, row: &mut [Real]) {
        let head = row.as_chunks_mut().0.first_chunk_mut();
        let head: &mut [[Real; LANES]; HEAD] = head.expect("the row is longer than its head");
        for (values, sum) in head.iter_mut().zip(self.head) {
            sum.store(values);
        }
        self.tail.store(row.last_chunk_mut().expect("the row is longer than a vector"));
    }

    #[inline(always)]
    fn add_term(&mut self, term: Term, source: &[Real], len: usize) {
        let (head, tail) = Self::parts(&source[term.offset as usize..][..len]);
        let factor = V::splat(term.factor);
        for (sum, values) in self.head.iter_mut().zip(head) {
            *sum = V::load(values).multiply_add(factor, *sum);
        }
        self.tail = V::load(tail).multiply_add(factor, self.tail);
    }

    #[inline(always)]
    fn add(&mut self, other: &Self) {
        for (sum, other) in self.head.iter_mut().zip(other.head) {
            *sum = sum.add(other);
        }
        self.tail = self.tail.add(other.tail);
    }

    /// Narrow rows in two sums, of every other term: one alone would wait for its own last
    /// addition.
    #[inline(always)]
    fn add_terms(mut self, terms: &[Term], source: &[Real], len: usize) -> Self {
        if HEAD > 4 {
            for &term in terms {
                self.add_term(term, source, len);
            }
            return self;
        }
        let mut other = Self::zero();
        let (pairs, rest) = terms.as_chunks::<2>();
        for &[first, second] in pairs {
            self.add_term(first, source, len);
            other.add_term(second, source, len);
        }
        for &term in rest {
            self.add_term(term, source, len);
        }
        self.add(&other);
        self
    }

    #[inline(always)]
    fn times(mut self, factor: V) -> Self {
        let zero = V::splat(0.0);
        for values in &mut self.head {
            *values = values.multiply_add(factor, zero);
        }
        self.tail = self.tail.multiply_add(factor, zero);
        self
    }
}

#[inline(always)]
fn scatter_rows_body<V: Lanes>(
    out: &mut [Real],
    list: &List,
    rows: &[Real],
    width: usize,
    rate: Real,
) {
    for band in bands(width) {
        if band.len <= LANES {
            scatter_narrow::<V>(out, list, rows, band, rate);
        } else {
            by_width!(band.len, scatter_band::<V>(out, list, rows, band, rate));
        }
    }
}

#[inline(always)]
fn scatter_narrow<V: Lanes>(out: &mut [Real], list: &List, rows: &[Real], band: Band, rate: Real) {
    let Band { first, len, width } = band;
    for (row, terms) in rows.chunks_exact(width).zip(rows_of(list)) {
        for term in terms {
            let out = &mut out[first + term.offset as usize..][..len];
            out.iter_mut().zip(&row[first..]).for_each(|(out, &value)| {
                *out = V::scalar(term.factor, rate * value, *out);
            });
        }
    }
}

#[inline(always)]
fn scatter_band<V: Lanes, const HEAD: usize>(
    out: &mut [Real],
    list: &List,
    rows: &[Real],
    band: Band,
    rate: Real,
) {
    let Band { first, len, width } = band;
    let out = &mut out[first..];
    for (row, terms) in rows.chunks_exact(width).zip(rows_of(list)) {
        let values = Row::<V, HEAD>::load(&row[first..][..len]).times(V::splat(rate));
        for term in terms {
            let out = &mut out[term.offset as usize..][..len];
            let factor = V::splat(term.factor);
            // All is loaded before anything is stored: head and tail may overlap.
            let mut sum = Row::<V, HEAD>::load(out);
            for (sum, values) in sum.head.iter_mut().zip(values.head) {
                *sum = values.multiply_add(factor, *sum);
            }
            sum.tail = values.tail.multiply_add(factor, sum.tail);
            sum.store(out);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unnecessary_cast, reason = "Real is f64 with the feature f64")]
mod tests;
