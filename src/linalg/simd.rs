//! SIMD vectors, and the tokens required to create them.
//!
//! A token is a zero-sized value. A token for AVX2 or AVX-512 can only be obtained after the
//! instructions were detected ([`Avx2::detect`], [`Avx512::detect`]); vectors are created from
//! tokens, and every operation takes a vector or a token. Safe code can therefore not execute an
//! instruction that the processor lacks. (The idea is from the crate pulp.)
//!
//! [`Simd`] has vectors of 256 bits, [`WideSimd`] vectors of 512: those of AVX-512, or a
//! [`VectorPair`] of narrower ones.

use super::Real;
use super::entry::SparseEntry;

/// Numbers in a vector of 256 bits.
pub(super) const LANES: usize = 32 / size_of::<Real>();
/// Numbers that [`Simd::compress`] works on.
pub(super) const GROUP: usize = 8;

/// A token for operations on vectors of [`LANES`] numbers.
pub(super) trait Simd: Copy {
    type Vector: Vector;
    fn splat(self, value: Real) -> Self::Vector;
    fn load(self, values: &[Real; LANES]) -> Self::Vector;
    /// `factor` · `value` + `sum` of single numbers, rounded like [`Vector::multiply_add`].
    fn scalar(self, factor: Real, value: Real, sum: Real) -> Real;
    /// One bit per byte: 1 if the byte is not zero.
    fn nonzero_bytes(self, bytes: &[u8; 32]) -> u32;

    /// The first [`LANES`] numbers of a slice; zeros if it is shorter.
    #[inline(always)]
    fn load_part(self, values: &[Real]) -> Self::Vector {
        match values.first_chunk() {
            Some(values) => self.load(values),
            None => self.load(&std::array::from_fn(|lane| values.get(lane).map_or(0.0, |&v| v))),
        }
    }

    /// Writes an entry for every nonzero value to the front of `entries`; the offset of value i is
    /// `offset` + i · `stride`. Returns the number of entries.
    #[inline(always)]
    fn compress(
        self,
        values: &[Real; GROUP],
        offset: u32,
        stride: u32,
        entries: &mut [SparseEntry; GROUP],
    ) -> usize {
        // Every entry is written, and overwritten if its value is zero, to avoid branch
        // mispredictions.
        let mut count = 0;
        for (offset, &value) in (0..).map(|lane| offset + lane * stride).zip(values) {
            entries[count % GROUP] = SparseEntry { offset, value };
            count += usize::from(value != 0.0);
        }
        count
    }
}

/// [`LANES`] numbers.
pub(super) trait Vector: Copy {
    fn store(self, values: &mut [Real; LANES]);
    /// Stores as many of the first numbers as `values` has room for.
    #[inline(always)]
    fn store_part(self, values: &mut [Real]) {
        if let Some(values) = values.first_chunk_mut() {
            return self.store(values);
        }
        let mut all = [0.0; LANES];
        self.store(&mut all);
        store_some(values, &all);
    }

    /// `factor` · self + `sum`.
    fn multiply_add(self, factor: Self, sum: Self) -> Self;
    /// The larger of each pair; `other`'s if one of them is NaN.
    fn max(self, other: Self) -> Self;
    /// Two vectors: the numbers where `x` equals `a` and 0 elsewhere, and the reverse.
    fn split(self, x: Self, a: Self) -> (Self, Self);
}

/// Copies the first of a vector's numbers to a slice of fewer than [`LANES`]: 4, 2 and 1 at a time,
/// which avoids a call of `memcpy`.
#[inline(always)]
pub(super) fn store_some(to: &mut [Real], from: &[Real; LANES]) {
    let done = store_chunk::<4>(to, from, 0);
    let done = store_chunk::<2>(to, from, done);
    store_chunk::<1>(to, from, done);
}

/// Copies `N` numbers from index `done` on if `to` has room for them; returns the next index.
#[inline(always)]
fn store_chunk<const N: usize>(to: &mut [Real], from: &[Real], done: usize) -> usize {
    match (to[done..].first_chunk_mut::<N>(), from[done..].first_chunk()) {
        (Some(to), Some(from)) => {
            *to = *from;
            done + N
        }
        _ => done,
    }
}

/// A token for operations on vectors of 2 · [`LANES`] numbers.
pub(super) trait WideSimd: Copy {
    type Vector: WideVector<Half = Self::Half>;
    /// A vector of [`LANES`] numbers, for remainders; on some processors its operations take half
    /// the time.
    type Half: Vector;
    /// Number of vector registers.
    const REGISTERS: usize;
    fn splat(self, value: Real) -> Self::Vector;
    fn load(self, values: &[[Real; LANES]; 2]) -> Self::Vector;
    fn load_half(self, values: &[Real; LANES]) -> Self::Half;
    /// See [`Simd::load_part`].
    fn load_part(self, values: &[Real]) -> Self::Half;
    /// One bit per byte: 1 if the byte is not zero.
    fn nonzero_bytes(self, bytes: &[u8; 64]) -> u64;
}

/// 2 · [`LANES`] numbers.
pub(super) trait WideVector: Copy {
    type Half: Vector;
    fn store(self, values: &mut [[Real; LANES]; 2]);
    /// The first half.
    fn half(self) -> Self::Half;
    /// The same vector with another first half.
    fn with_half(self, half: Self::Half) -> Self;
    /// `factor` · self + `sum`.
    fn multiply_add(self, factor: Self, sum: Self) -> Self;

    /// The sum of its numbers, added in the same order for every instruction set.
    #[inline(always)]
    fn sum(self) -> Real {
        let mut values = [[0.0; LANES]; 2];
        self.store(&mut values);
        let mut values = values.as_flattened_mut();
        while values.len() > 1 {
            let (sums, others) = values.split_at_mut(values.len() / 2);
            sums.iter_mut().zip(others).for_each(|(sum, other)| *sum += *other);
            values = sums;
        }
        values[0]
    }
}

/// Two vectors of a narrower token as one wide vector.
#[derive(Clone, Copy)]
pub(super) struct VectorPair<S>(pub(super) S);

impl<S: Simd> WideSimd for VectorPair<S> {
    type Vector = [S::Vector; 2];
    type Half = S::Vector;
    const REGISTERS: usize = 16;

    #[inline(always)]
    fn splat(self, value: Real) -> Self::Vector {
        [self.0.splat(value); 2]
    }

    #[inline(always)]
    fn load(self, values: &[[Real; LANES]; 2]) -> Self::Vector {
        [self.0.load(&values[0]), self.0.load(&values[1])]
    }

    #[inline(always)]
    fn load_half(self, values: &[Real; LANES]) -> Self::Half {
        self.0.load(values)
    }

    #[inline(always)]
    fn load_part(self, values: &[Real]) -> Self::Half {
        self.0.load_part(values)
    }

    #[inline(always)]
    fn nonzero_bytes(self, bytes: &[u8; 64]) -> u64 {
        let (low, high) = (bytes.first_chunk(), bytes.last_chunk());
        let (low, high) = low.zip(high).expect("64 bytes are two halves of 32");
        u64::from(self.0.nonzero_bytes(high)) << 32 | u64::from(self.0.nonzero_bytes(low))
    }
}

impl<V: Vector> WideVector for [V; 2] {
    type Half = V;

    #[inline(always)]
    fn store(self, values: &mut [[Real; LANES]; 2]) {
        self[0].store(&mut values[0]);
        self[1].store(&mut values[1]);
    }

    #[inline(always)]
    fn half(self) -> V {
        self[0]
    }

    #[inline(always)]
    fn with_half(self, half: V) -> Self {
        [half, self[1]]
    }

    #[inline(always)]
    fn multiply_add(self, factor: Self, sum: Self) -> Self {
        [self[0].multiply_add(factor[0], sum[0]), self[1].multiply_add(factor[1], sum[1])]
    }
}

/// The token for any processor. Vectors are arrays, and the compiler vectorizes their operations.
#[derive(Clone, Copy, Debug)]
pub(super) struct Portable;

impl Simd for Portable {
    type Vector = [Real; LANES];

    #[inline(always)]
    fn splat(self, value: Real) -> Self::Vector {
        [value; LANES]
    }

    #[inline(always)]
    fn load(self, values: &[Real; LANES]) -> Self::Vector {
        *values
    }

    #[inline(always)]
    fn scalar(self, factor: Real, value: Real, sum: Real) -> Real {
        factor * value + sum
    }

    #[inline(always)]
    fn nonzero_bytes(self, bytes: &[u8; 32]) -> u32 {
        (0..).zip(bytes).fold(0, |bits, (bit, &byte)| bits | u32::from(byte != 0) << bit)
    }
}

impl Vector for [Real; LANES] {
    #[inline(always)]
    fn store(self, values: &mut [Real; LANES]) {
        *values = self;
    }

    #[inline(always)]
    fn multiply_add(self, factor: Self, sum: Self) -> Self {
        std::array::from_fn(|lane| factor[lane] * self[lane] + sum[lane])
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        std::array::from_fn(|lane| if self[lane] > other[lane] { self[lane] } else { other[lane] })
    }

    #[inline(always)]
    #[allow(clippy::float_cmp, reason = "exact equality is intended")]
    fn split(self, x: Self, a: Self) -> (Self, Self) {
        let part =
            |lane: usize, equal| if (x[lane] == a[lane]) == equal { self[lane] } else { 0.0 };
        (
            std::array::from_fn(|lane| part(lane, true)),
            std::array::from_fn(|lane| part(lane, false)),
        )
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
pub(super) use {
    avx2::{Avx2, Ymm},
    avx512::Avx512,
};
