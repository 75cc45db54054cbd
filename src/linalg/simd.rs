//! SIMD vectors, and the tokens through which alone they can be made.
//!
//! A token is a value of size zero. One for AVX2 or AVX-512 exists only after the processor was
//! found to have these instructions ([`Avx2::detect`], [`Avx512::detect`]), every vector is made by
//! a token, and every operation takes a vector or a token. So safe code cannot reach an instruction
//! that the processor lacks. (The idea is that of the crate pulp.)
//!
//! [`Simd`] is about vectors of 256 bits, [`WideSimd`] about twice as many numbers: a vector of
//! AVX-512, or a [`Pair`] of the others.

use super::Real;

/// Numbers in a vector of 256 bits.
pub(super) const LANES: usize = 32 / size_of::<Real>();

/// A token for operations on vectors of [`LANES`] numbers.
pub(super) trait Simd: Copy {
    type Vector: Vector;
    fn splat(self, value: Real) -> Self::Vector;
    fn load(self, values: &[Real; LANES]) -> Self::Vector;
    /// `factor` · `value` + `sum` of single numbers, rounded as [`Vector::multiply_add`] does.
    fn scalar(self, factor: Real, value: Real, sum: Real) -> Real;
    /// A bit for each byte: 1 where it is not zero.
    fn nonzero_bytes(self, bytes: &[u8; 32]) -> u32;
}

/// [`LANES`] numbers.
pub(super) trait Vector: Copy {
    fn store(self, values: &mut [Real; LANES]);
    /// `factor` · self + `sum`.
    fn multiply_add(self, factor: Self, sum: Self) -> Self;
    /// The larger of each pair; `other`'s where one is not a number.
    fn max(self, other: Self) -> Self;
    /// Its numbers where `x` equals `a`, and 0 elsewhere; and the other way round.
    fn split(self, x: Self, a: Self) -> (Self, Self);
}

/// A token for operations on vectors of 2 · [`LANES`] numbers.
pub(super) trait WideSimd: Copy {
    type Vector: WideVector<Half = Self::Half>;
    /// A vector of [`LANES`] numbers, for what is left over: on some processors an operation on it
    /// takes half the time.
    type Half: Vector;
    /// Vector registers that the processor has.
    const REGISTERS: usize;
    fn splat(self, value: Real) -> Self::Vector;
    fn load(self, values: &[[Real; LANES]; 2]) -> Self::Vector;
    fn load_half(self, values: &[Real; LANES]) -> Self::Half;
    /// `factor` · `value` + `sum` of single numbers, rounded as [`WideVector::multiply_add`] does.
    fn scalar(self, factor: Real, value: Real, sum: Real) -> Real;
    /// A bit for each byte: 1 where it is not zero.
    fn nonzero_bytes(self, bytes: &[u8; 64]) -> u64;
}

/// 2 · [`LANES`] numbers.
pub(super) trait WideVector: Copy {
    type Half: Vector;
    fn store(self, values: &mut [[Real; LANES]; 2]);
    /// The first half.
    fn half(self) -> Self::Half;
    /// The same with another first half.
    fn with_half(self, half: Self::Half) -> Self;
    /// `factor` · self + `sum`.
    fn multiply_add(self, factor: Self, sum: Self) -> Self;

    /// The sum of its numbers, added in the same order whatever the kind of vector.
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
pub(super) struct Pair<S>(pub(super) S);

impl<S: Simd> WideSimd for Pair<S> {
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
    fn scalar(self, factor: Real, value: Real, sum: Real) -> Real {
        self.0.scalar(factor, value, sum)
    }

    #[inline(always)]
    fn nonzero_bytes(self, bytes: &[u8; 64]) -> u64 {
        let (low, high) = (bytes.first_chunk(), bytes.last_chunk());
        let (low, high) = low.zip(high).expect("64 bytes have two halves of 32");
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

/// The token of any processor: arrays, of which the compiler makes what vectors there are.
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
    #[allow(clippy::float_cmp, reason = "equality is what is asked for")]
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
pub(super) use {
    avx2::{Avx2, Ymm},
    avx512::Avx512,
};

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{LANES, Real, Simd, Vector};
    #[cfg(not(feature = "f64"))]
    use std::arch::x86_64::{
        __m256 as Raw, _CMP_EQ_OQ, _mm256_and_ps as and, _mm256_andnot_ps as andnot,
        _mm256_cmp_ps as compare, _mm256_fmadd_ps as fused, _mm256_loadu_ps as load,
        _mm256_max_ps as max, _mm256_set1_ps as splat, _mm256_storeu_ps as store,
    };
    #[cfg(feature = "f64")]
    use std::arch::x86_64::{
        __m256d as Raw, _CMP_EQ_OQ, _mm256_and_pd as and, _mm256_andnot_pd as andnot,
        _mm256_cmp_pd as compare, _mm256_fmadd_pd as fused, _mm256_loadu_pd as load,
        _mm256_max_pd as max, _mm256_set1_pd as splat, _mm256_storeu_pd as store,
    };
    use std::arch::x86_64::{
        _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_setzero_si256,
    };

    /// The proof that the processor has AVX2, FMA, BMI1 and POPCNT.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Avx2(());

    impl Avx2 {
        pub(crate) fn detect() -> Option<Self> {
            let found = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("popcnt");
            found.then_some(Self(()))
        }

        /// The token that comes with the one for AVX-512.
        pub(super) fn of(_: super::Avx512) -> Self {
            Self(())
        }
    }

    /// A register.
    #[derive(Clone, Copy)]
    pub(crate) struct Ymm(pub(super) Raw);

    // SAFETY, of every block below: whoever calls has a token or a vector that was made by one, so
    // the processor has AVX2 and FMA; and the references are to LANES numbers or 32 bytes, which is
    // what the unaligned loads and stores ask for.
    #[allow(clippy::undocumented_unsafe_blocks, reason = "one comment for all the one-liners")]
    impl Simd for Avx2 {
        type Vector = Ymm;

        #[inline(always)]
        fn splat(self, value: Real) -> Ymm {
            Ymm(unsafe { splat(value) })
        }

        #[inline(always)]
        fn load(self, values: &[Real; LANES]) -> Ymm {
            Ymm(unsafe { load(values.as_ptr()) })
        }

        #[inline(always)]
        fn scalar(self, factor: Real, value: Real, sum: Real) -> Real {
            factor.mul_add(value, sum)
        }

        #[inline(always)]
        #[allow(clippy::cast_sign_loss, reason = "the sign is a bit like the others")]
        fn nonzero_bytes(self, bytes: &[u8; 32]) -> u32 {
            let bytes = unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) };
            let zero = unsafe { _mm256_cmpeq_epi8(bytes, _mm256_setzero_si256()) };
            !unsafe { _mm256_movemask_epi8(zero) } as u32
        }
    }

    // SAFETY: as above.
    #[allow(clippy::undocumented_unsafe_blocks, reason = "one comment for all the one-liners")]
    impl Vector for Ymm {
        #[inline(always)]
        fn store(self, values: &mut [Real; LANES]) {
            unsafe { store(values.as_mut_ptr(), self.0) }
        }

        #[inline(always)]
        fn multiply_add(self, factor: Self, sum: Self) -> Self {
            Self(unsafe { fused(factor.0, self.0, sum.0) })
        }

        #[inline(always)]
        fn max(self, other: Self) -> Self {
            Self(unsafe { max(self.0, other.0) })
        }

        #[inline(always)]
        fn split(self, x: Self, a: Self) -> (Self, Self) {
            let equal = unsafe { compare::<_CMP_EQ_OQ>(x.0, a.0) };
            unsafe { (Self(and(equal, self.0)), Self(andnot(equal, self.0))) }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use super::{Avx2, LANES, Real, Simd, WideSimd, WideVector, Ymm};
    #[cfg(not(feature = "f64"))]
    use std::arch::x86_64::{
        __m512 as Raw, _mm512_castpd_ps as narrowed, _mm512_castps_pd as widened,
        _mm512_castps512_ps256 as low, _mm512_fmadd_ps as fused, _mm512_loadu_ps as load,
        _mm512_set1_ps as splat, _mm512_storeu_ps as store,
    };
    #[cfg(feature = "f64")]
    use std::arch::x86_64::{
        __m512d as Raw, _mm512_castpd512_pd256 as low, _mm512_fmadd_pd as fused,
        _mm512_loadu_pd as load, _mm512_set1_pd as splat, _mm512_storeu_pd as store,
    };
    use std::arch::x86_64::{_mm512_insertf64x4, _mm512_loadu_si512, _mm512_test_epi8_mask};

    #[cfg(not(feature = "f64"))]
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn replace_low(vector: Raw, low: std::arch::x86_64::__m256) -> Raw {
        use std::arch::x86_64::_mm256_castps_pd;
        narrowed(_mm512_insertf64x4::<0>(widened(vector), _mm256_castps_pd(low)))
    }

    #[cfg(feature = "f64")]
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn replace_low(vector: Raw, low: std::arch::x86_64::__m256d) -> Raw {
        _mm512_insertf64x4::<0>(vector, low)
    }

    /// The proof that the processor has AVX-512 (F, VL and BW) and all that [`Avx2`] stands for.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Avx512(());

    impl Avx512 {
        pub(crate) fn detect() -> Option<Self> {
            let found = Avx2::detect().is_some()
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512bw");
            found.then_some(Self(()))
        }

        /// The token for narrower vectors.
        pub(crate) fn avx2(self) -> Avx2 {
            Avx2::of(self)
        }
    }

    /// A register.
    #[derive(Clone, Copy)]
    pub(crate) struct Zmm(Raw);

    // SAFETY, of every block below: whoever calls has a token or a vector that was made by one, so
    // the processor has AVX-512; and the references are to 2 · LANES numbers, LANES numbers or 64
    // bytes, which is what the unaligned loads and stores ask for.
    #[allow(clippy::undocumented_unsafe_blocks, reason = "one comment for all the one-liners")]
    impl WideSimd for Avx512 {
        type Vector = Zmm;
        type Half = Ymm;
        const REGISTERS: usize = 32;

        #[inline(always)]
        fn splat(self, value: Real) -> Zmm {
            Zmm(unsafe { splat(value) })
        }

        #[inline(always)]
        fn load(self, values: &[[Real; LANES]; 2]) -> Zmm {
            Zmm(unsafe { load(values.as_ptr().cast()) })
        }

        #[inline(always)]
        fn load_half(self, values: &[Real; LANES]) -> Ymm {
            self.avx2().load(values)
        }

        #[inline(always)]
        fn scalar(self, factor: Real, value: Real, sum: Real) -> Real {
            factor.mul_add(value, sum)
        }

        #[inline(always)]
        fn nonzero_bytes(self, bytes: &[u8; 64]) -> u64 {
            unsafe {
                let bytes = _mm512_loadu_si512(bytes.as_ptr().cast());
                _mm512_test_epi8_mask(bytes, bytes)
            }
        }
    }

    // SAFETY: as above.
    #[allow(clippy::undocumented_unsafe_blocks, reason = "one comment for all the one-liners")]
    impl WideVector for Zmm {
        type Half = Ymm;

        #[inline(always)]
        fn store(self, values: &mut [[Real; LANES]; 2]) {
            unsafe { store(values.as_mut_ptr().cast(), self.0) }
        }

        #[inline(always)]
        fn half(self) -> Ymm {
            Ymm(unsafe { low(self.0) })
        }

        #[inline(always)]
        fn with_half(self, half: Ymm) -> Self {
            Self(unsafe { replace_low(self.0, half.0) })
        }

        #[inline(always)]
        fn multiply_add(self, factor: Self, sum: Self) -> Self {
            Self(unsafe { fused(factor.0, self.0, sum.0) })
        }
    }
}
