//! Rows of numbers in registers.

use super::Real;
use super::entry::SparseEntry;
use super::simd::{LANES, Vector, WideSimd, WideVector, store_some};

/// Numbers of the widest row that is kept in registers: thirteen vectors.
pub(super) const WIDEST: usize = 13 * LANES;

/// Columns `first..first + len` of rows of `width` numbers.
#[derive(Clone, Copy)]
pub(super) struct ColumnBand {
    pub(super) first: usize,
    pub(super) len: usize,
    pub(super) width: usize,
}

/// Divides rows of `width` numbers into bands of at most [`WIDEST`].
pub(super) fn bands(width: usize) -> impl Iterator<Item = ColumnBand> {
    let band = move |first| ColumnBand { first, len: WIDEST.min(width - first), width };
    (0..width).step_by(WIDEST).map(band)
}

/// Calls `$function` with the constants PAIRS and ODD of a [`VectorRow`] of `$len` numbers; `$len`
/// is at most [`WIDEST`].
macro_rules! by_width {
    ($len:expr, $($function:ident)::+ $(::<$simd:ty>)? ($($arg:expr),*)) => {
        match ($len - 1) / LANES {
            0 => $($function)::+::<$($simd,)? 0, 0>($($arg),*),
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

/// The largest number of vectors for which [`Vectors::load_part`] is used.
const MAX_PARTIAL: usize = 6;

/// Adjacent vectors: pairs, and a single one if their number is odd.
#[derive(Clone, Copy)]
pub(super) struct Vectors<S: WideSimd, const PAIRS: usize, const ODD: usize> {
    pairs: [S::Vector; PAIRS],
    odd: [S::Half; ODD],
}

impl<S: WideSimd, const PAIRS: usize, const ODD: usize> Vectors<S, PAIRS, ODD> {
    #[inline(always)]
    pub(super) fn zero(simd: S) -> Self {
        let zero = simd.splat(0.0);
        Self { pairs: [zero; PAIRS], odd: [zero.half(); ODD] }
    }

    #[inline(always)]
    pub(super) fn load(simd: S, values: &[[Real; LANES]]) -> Self {
        let mut vectors = Self::zero(simd);
        for (to, from) in vectors.pairs.iter_mut().zip(values.as_chunks().0) {
            *to = simd.load(from);
        }
        for (to, from) in vectors.odd.iter_mut().zip(&values[2 * PAIRS..]) {
            *to = simd.load_half(from);
        }
        vectors
    }

    #[inline(always)]
    pub(super) fn store(&self, values: &mut [[Real; LANES]]) {
        let (pairs, odd) = values.split_at_mut(2 * PAIRS);
        for (to, from) in pairs.as_chunks_mut().0.iter_mut().zip(self.pairs) {
            from.store(to);
        }
        for (to, from) in odd.iter_mut().zip(self.odd) {
            from.store(to);
        }
    }

    /// As [`Vectors::load`]; the numbers may end within the last vector, which is filled with
    /// zeros.
    #[inline(always)]
    pub(super) fn load_part(simd: S, values: &[Real]) -> Self {
        let (whole, rest) = values.as_chunks();
        if rest.is_empty() {
            return Self::load(simd, whole);
        }
        let mut all = [[0.0; LANES]; MAX_PARTIAL];
        all.as_flattened_mut()[..values.len()].copy_from_slice(values);
        Self::load(simd, &all)
    }

    /// As [`Vectors::store`]; `values` may end within the last vector.
    #[inline(always)]
    pub(super) fn store_part(&self, values: &mut [Real]) {
        let (whole, rest) = values.as_chunks_mut();
        if rest.is_empty() {
            return self.store(whole);
        }
        let (pairs, end) = whole.as_chunks_mut();
        for (to, from) in pairs.iter_mut().zip(self.pairs) {
            from.store(to);
        }
        let mut last = [[0.0; LANES]; 2];
        if let Some(odd) = self.odd.last() {
            odd.store(&mut last[0]);
            store_some(rest, &last[0]);
        } else if let (Some(pair), Some(to)) = (self.pairs.last(), end.first_mut()) {
            pair.store(&mut last);
            *to = last[0];
            store_some(rest, &last[1]);
        }
    }

    /// Adds `factor` · `values`.
    #[inline(always)]
    pub(super) fn add_times(&mut self, factor: S::Vector, values: &Self) {
        for (sum, values) in self.pairs.iter_mut().zip(values.pairs) {
            *sum = values.multiply_add(factor, *sum);
        }
        for (sum, values) in self.odd.iter_mut().zip(values.odd) {
            *sum = values.multiply_add(factor.half(), *sum);
        }
    }
}

/// A row of numbers: whole vectors, and a last one that ends with the row and may overlap the one
/// before it. A row that fits into one vector has only the last one, filled with zeros.
pub(super) struct VectorRow<S: WideSimd, const PAIRS: usize, const ODD: usize> {
    simd: S,
    whole: Vectors<S, PAIRS, ODD>,
    tail: S::Half,
}

impl<S: WideSimd, const PAIRS: usize, const ODD: usize> VectorRow<S, PAIRS, ODD> {
    /// Numbers of the whole vectors.
    const WHOLE: usize = (2 * PAIRS + ODD) * LANES;

    #[inline(always)]
    pub(super) fn zero(simd: S) -> Self {
        Self { simd, whole: Vectors::zero(simd), tail: simd.splat(0.0).half() }
    }

    #[inline(always)]
    pub(super) fn load(simd: S, values: &[Real]) -> Self {
        let (whole, _) = values[..Self::WHOLE].as_chunks();
        let tail = if Self::WHOLE == 0 {
            simd.load_part(values)
        } else {
            simd.load_half(values.last_chunk().expect(LONGER))
        };
        Self { simd, whole: Vectors::load(simd, whole), tail }
    }

    /// As [`VectorRow::load`], with zeros in the last vector where it overlaps the one before it.
    #[inline(always)]
    pub(super) fn load_once(simd: S, values: &[Real]) -> Self {
        let mut row = Self::load(simd, values);
        if Self::WHOLE > 0 {
            let mut tail = [0.0; LANES];
            let new = values.len() - Self::WHOLE;
            tail[LANES - new..].copy_from_slice(&values[Self::WHOLE..]);
            row.tail = simd.load_half(&tail);
        }
        row
    }

    /// Adds the products with another row to the lanes of `sum`; only the sum of all lanes is
    /// meaningful.
    #[inline(always)]
    pub(super) fn add_products(&self, other: &[Real], mut sum: S::Vector) -> S::Vector {
        let other = Self::load(self.simd, other);
        for (one, two) in self.whole.pairs.into_iter().zip(other.whole.pairs) {
            sum = one.multiply_add(two, sum);
        }
        let mut half = sum.half();
        for (one, two) in self.whole.odd.into_iter().zip(other.whole.odd) {
            half = one.multiply_add(two, half);
        }
        sum.with_half(self.tail.multiply_add(other.tail, half))
    }

    /// Stores the row. Where the last two vectors overlap, both hold the same numbers.
    #[inline(always)]
    pub(super) fn store(&self, values: &mut [Real]) {
        self.whole.store(values[..Self::WHOLE].as_chunks_mut().0);
        if Self::WHOLE == 0 {
            self.tail.store_part(values);
        } else {
            self.tail.store(values.last_chunk_mut().expect(LONGER));
        }
    }

    /// Adds `factor` · `row`.
    #[inline(always)]
    pub(super) fn add_times(&mut self, row: &Self, factor: Real) {
        let factor = self.simd.splat(factor);
        self.whole.add_times(factor, &row.whole);
        self.tail = row.tail.multiply_add(factor.half(), self.tail);
    }

    #[inline(always)]
    pub(super) fn times(&self, factor: Real) -> Self {
        let mut product = Self::zero(self.simd);
        product.add_times(self, factor);
        product
    }

    /// decay · row; 0 if decay is 0, even if the row is not finite.
    #[allow(clippy::float_cmp, reason = "exactly 1 changes nothing")]
    #[inline(always)]
    pub(super) fn decayed(simd: S, row: &[Real], decay: Real) -> Self {
        match decay {
            0.0 => Self::zero(simd),
            1.0 => Self::load(simd, row),
            decay => Self::load(simd, row).times(decay),
        }
    }

    /// Adds an entry's value times the `len` numbers of `source` from its offset on.
    #[inline(always)]
    pub(super) fn add_entry(&mut self, entry: SparseEntry, source: &[Real], len: usize) {
        let row = Self::load(self.simd, &source[entry.offset as usize..][..len]);
        self.add_times(&row, entry.value);
    }

    /// [`VectorRow::add_entry`] for each entry. Narrow rows use two alternating sums, because each
    /// addition to a single one would have to wait for the previous addition.
    #[inline(always)]
    pub(super) fn add_entries(
        mut self,
        entries: &[SparseEntry],
        source: &[Real],
        len: usize,
    ) -> Self {
        if !(1..=4 * LANES).contains(&Self::WHOLE) {
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
}

/// `expect` message: why a row ends with a whole vector.
const LONGER: &str = "the row is longer than a vector";
