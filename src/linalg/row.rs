//! A row of numbers in registers.

use super::lanes::{LANES, Wide};
use super::listing::Term;
use crate::nn::Real;

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

/// Calls `$function::<W, PAIRS, ODD>` for rows of `$len` numbers, more than a vector and at most
/// [`WIDEST`]: so many pairs of whole vectors and an odd one, then one that ends with the row and may
/// overlap the last.
macro_rules! by_width {
    ($len:expr, $($function:ident)::+::<W>($($arg:expr),*)) => {
        match ($len - 1) / LANES {
            1 => $($function)::+::<W, 0, 1>($($arg),*),
            2 => $($function)::+::<W, 1, 0>($($arg),*),
            3 => $($function)::+::<W, 1, 1>($($arg),*),
            4 => $($function)::+::<W, 2, 0>($($arg),*),
            5 => $($function)::+::<W, 2, 1>($($arg),*),
            6 => $($function)::+::<W, 3, 0>($($arg),*),
            7 => $($function)::+::<W, 3, 1>($($arg),*),
            8 => $($function)::+::<W, 4, 0>($($arg),*),
            9 => $($function)::+::<W, 4, 1>($($arg),*),
            10 => $($function)::+::<W, 5, 0>($($arg),*),
            11 => $($function)::+::<W, 5, 1>($($arg),*),
            _ => $($function)::+::<W, 6, 0>($($arg),*),
        }
    };
}
pub(super) use by_width;

/// A row's whole vectors, an odd one as half a pair, and so the one that ends with the row.
pub(super) struct Row<W, const PAIRS: usize, const ODD: usize> {
    pairs: [W; PAIRS],
    odd: [W; ODD],
    tail: W,
}

impl<W: Wide, const PAIRS: usize, const ODD: usize> Row<W, PAIRS, ODD> {
    #[inline(always)]
    pub(super) fn zero() -> Self {
        let zero = W::splat(0.0);
        Self { pairs: [zero; PAIRS], odd: [zero; ODD], tail: zero }
    }

    #[inline(always)]
    pub(super) fn load(values: &[Real]) -> Self {
        let mut row = Self::zero();
        let (pairs, odd, tail) = parts::<PAIRS, ODD>(values);
        for (to, from) in row.pairs.iter_mut().zip(pairs) {
            *to = W::load(from);
        }
        for (to, from) in row.odd.iter_mut().zip(odd) {
            *to = W::load_half(from);
        }
        row.tail = W::load_half(tail);
        row
    }

    /// As [`Row::load`], but with zeros for those of the last vector that others hold already.
    #[inline(always)]
    pub(super) fn load_once(values: &[Real]) -> Self {
        let mut row = Self::load(values);
        let mut tail = [0.0; LANES];
        let new = values.len() - (2 * PAIRS + ODD) * LANES;
        tail[LANES - new..].copy_from_slice(&values[values.len() - new..]);
        row.tail = W::load_half(&tail);
        row
    }

    /// Adds the products with another row's numbers to `sum`, of which only the total counts.
    #[inline(always)]
    pub(super) fn add_products(&self, other: &[Real], mut sum: W) -> W {
        let other = Self::load(other);
        for (one, two) in self.pairs.into_iter().zip(other.pairs) {
            sum = one.multiply_add(two, sum);
        }
        for (one, two) in self.odd.into_iter().zip(other.odd) {
            sum = one.multiply_add(two, sum);
        }
        self.tail.multiply_add(other.tail, sum)
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
            sum.store_half(values);
        }
        self.tail.store_half(row.last_chunk_mut().expect("the row is longer than a vector"));
    }

    #[inline(always)]
    fn add_term(&mut self, term: Term, source: &[Real], len: usize) {
        let row = Self::load(&source[term.offset as usize..][..len]);
        self.add_times(&row, W::splat(term.factor));
    }

    /// Adds `factor` · `row`.
    #[inline(always)]
    pub(super) fn add_times(&mut self, row: &Self, factor: W) {
        for (sum, values) in self.pairs.iter_mut().zip(row.pairs) {
            *sum = values.multiply_add(factor, *sum);
        }
        for (sum, values) in self.odd.iter_mut().zip(row.odd) {
            *sum = values.multiply_add(factor, *sum);
        }
        self.tail = row.tail.multiply_add(factor, self.tail);
    }

    /// Narrow rows in two sums, of every other term: one alone would wait for its own last
    /// addition.
    #[inline(always)]
    pub(super) fn add_terms(mut self, terms: &[Term], source: &[Real], len: usize) -> Self {
        if 2 * PAIRS + ODD > 4 {
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
        self.add_times(&other, W::splat(1.0));
        self
    }

    #[inline(always)]
    pub(super) fn times(&self, factor: W) -> Self {
        let mut product = Self::zero();
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
