//! A row of numbers in registers.

use super::Real;
use super::simd::{LANES, Vector, WideSimd, WideVector};
use super::sparse::Entry;

/// Numbers that are summed in registers at once: twelve vectors and one that may overlap.
pub(super) const WIDEST: usize = 13 * LANES;

/// Columns `first..first + len` of rows of `width` numbers.
#[derive(Clone, Copy)]
pub(super) struct Band {
    pub(super) first: usize,
    pub(super) len: usize,
    pub(super) width: usize,
}

/// The bands of rows of `width` numbers.
pub(super) fn bands(width: usize) -> impl Iterator<Item = Band> {
    let band = move |first| Band { first, len: WIDEST.min(width - first), width };
    (0..width).step_by(WIDEST).map(band)
}

/// Calls `$function` with the constants PAIRS and ODD for rows of `$len` numbers, more than a vector and at most
/// [`WIDEST`]: that many pairs of whole vectors and an odd one, then a vector that ends with the row
/// and may overlap the one before.
macro_rules! by_width {
    ($len:expr, $($function:ident)::+ $(::<$simd:ty>)? ($($arg:expr),*)) => {
        match ($len - 1) / LANES {
            1 => $($function)::+::<$($simd,)? 0, 1>($($arg),*),
            2 => $($function)::+::<$($simd,)? 1, 0>($($arg),*),
            3 => $($function)::+::<$($simd,)? 1, 1>($($arg),*),
            4 => $($function)::+::<$($simd,)? 2, 0>($($arg),*),
            5 => $($function)::+::<$($simd,)? 2, 1>($($arg),*),
            6 => $($function)::+::<$($simd,)? 3, 0>($($arg),*),
            7 => $($function)::+::<$($simd,)? 3, 1>($($arg),*),
            8 => $($function)::+::<$($simd,)? 4, 0>($($arg),*),
            9 => $($function)::+::<$($simd,)? 4, 1>($($arg),*),
            10 => $($function)::+::<$($simd,)? 5, 0>($($arg),*),
            11 => $($function)::+::<$($simd,)? 5, 1>($($arg),*),
            _ => $($function)::+::<$($simd,)? 6, 0>($($arg),*),
        }
    };
}
pub(super) use by_width;

/// A row's pairs of vectors, an odd vector, and the one that ends with the row.
pub(super) struct Row<S: WideSimd, const PAIRS: usize, const ODD: usize> {
    simd: S,
    pairs: [S::Vector; PAIRS],
    odd: [S::Half; ODD],
    tail: S::Half,
}

impl<S: WideSimd, const PAIRS: usize, const ODD: usize> Row<S, PAIRS, ODD> {
    #[inline(always)]
    pub(super) fn zero(simd: S) -> Self {
        let zero = simd.splat(0.0);
        Self { simd, pairs: [zero; PAIRS], odd: [zero.half(); ODD], tail: zero.half() }
    }

    #[inline(always)]
    pub(super) fn load(simd: S, values: &[Real]) -> Self {
        let mut row = Self::zero(simd);
        let (pairs, odd, tail) = parts::<PAIRS, ODD>(values);
        for (to, from) in row.pairs.iter_mut().zip(pairs) {
            *to = simd.load(from);
        }
        for (to, from) in row.odd.iter_mut().zip(odd) {
            *to = simd.load_half(from);
        }
        row.tail = simd.load_half(tail);
        row
    }

    /// As [`Row::load`], but with zeros in the last vector for what others hold already.
    #[inline(always)]
    pub(super) fn load_once(simd: S, values: &[Real]) -> Self {
        let mut row = Self::load(simd, values);
        let mut tail = [0.0; LANES];
        let new = values.len() - (2 * PAIRS + ODD) * LANES;
        tail[LANES - new..].copy_from_slice(&values[values.len() - new..]);
        row.tail = simd.load_half(&tail);
        row
    }

    /// Adds the products with another row's numbers to `sum`, of which only the total counts.
    #[inline(always)]
    pub(super) fn add_products(&self, other: &[Real], mut sum: S::Vector) -> S::Vector {
        let other = Self::load(self.simd, other);
        for (one, two) in self.pairs.into_iter().zip(other.pairs) {
            sum = one.multiply_add(two, sum);
        }
        let mut half = sum.half();
        for (one, two) in self.odd.into_iter().zip(other.odd) {
            half = one.multiply_add(two, half);
        }
        sum.with_half(self.tail.multiply_add(other.tail, half))
    }

    /// Where vectors overlap both hold the same sums.
    #[inline(always)]
    pub(super) fn store(&self, row: &mut [Real]) {
        let (vectors, _) = row.as_chunks_mut().0.split_at_mut(2 * PAIRS + ODD);
        let (pairs, odd) = vectors.split_at_mut(2 * PAIRS);
        for (values, sum) in pairs.as_chunks_mut().0.iter_mut().zip(self.pairs) {
            sum.store(values);
        }
        for (values, sum) in odd.iter_mut().zip(self.odd) {
            sum.store(values);
        }
        self.tail.store(row.last_chunk_mut().expect("the row is longer than a vector"));
    }

    #[inline(always)]
    fn add_entry(&mut self, entry: Entry, source: &[Real], len: usize) {
        let row = Self::load(self.simd, &source[entry.offset as usize..][..len]);
        self.add_times(&row, entry.value);
    }

    /// Adds `factor` · `row`.
    #[inline(always)]
    pub(super) fn add_times(&mut self, row: &Self, factor: Real) {
        let factor = self.simd.splat(factor);
        for (sum, values) in self.pairs.iter_mut().zip(row.pairs) {
            *sum = values.multiply_add(factor, *sum);
        }
        for (sum, values) in self.odd.iter_mut().zip(row.odd) {
            *sum = values.multiply_add(factor.half(), *sum);
        }
        self.tail = row.tail.multiply_add(factor.half(), self.tail);
    }

    /// Adds the value of each entry times `len` numbers of `source` at its offset. Narrow rows in
    /// two sums, of every other entry: one alone would wait for its own last addition.
    #[inline(always)]
    pub(super) fn add_entries(mut self, entries: &[Entry], source: &[Real], len: usize) -> Self {
        if 2 * PAIRS + ODD > 4 {
            for &entry in entries {
                self.add_entry(entry, source, len);
            }
            return self;
        }
        let mut other = Self::zero(self.simd);
        let (pairs, rest) = entries.as_chunks::<2>();
        for &[first, second] in pairs {
            self.add_entry(first, source, len);
            other.add_entry(second, source, len);
        }
        for &entry in rest {
            self.add_entry(entry, source, len);
        }
        self.add_times(&other, 1.0);
        self
    }

    #[inline(always)]
    pub(super) fn times(&self, factor: Real) -> Self {
        let mut product = Self::zero(self.simd);
        product.add_times(self, factor);
        product
    }
}

/// A row's pairs of vectors, an odd one, and the one that ends with it.
#[inline(always)]
#[allow(clippy::type_complexity, reason = "three parts of a row, named where they are used")]
fn parts<const PAIRS: usize, const ODD: usize>(
    row: &[Real],
) -> (&[[[Real; LANES]; 2]; PAIRS], &[[Real; LANES]; ODD], &[Real; LANES]) {
    let (pairs, rest) = row.split_at(2 * LANES * PAIRS);
    let pairs = pairs.as_chunks().0.as_chunks().0.first_chunk();
    let odd = rest.as_chunks().0.first_chunk();
    let (pairs, odd) = pairs.zip(odd).expect("the row is longer than its vectors");
    (pairs, odd, row.last_chunk().expect("the row is longer than a vector"))
}
