//! A vector of 256 bits: AVX2's, or an array that the compiler makes the best of.

use crate::nn::Real;

/// Numbers a vector holds.
pub(super) const LANES: usize = 32 / size_of::<Real>();

/// So many numbers side by side.
pub(super) trait Lanes: Copy {
    fn splat(value: Real) -> Self;
    fn load(values: &[Real; LANES]) -> Self;
    fn store(self, values: &mut [Real; LANES]);
    /// `factor` · self + `sum`.
    fn multiply_add(self, factor: Self, sum: Self) -> Self;
    fn add(self, other: Self) -> Self;
    /// The larger of each pair; `other`'s where one is not a number.
    fn max(self, other: Self) -> Self;
    /// Its numbers where `x` equals `a`, 0 elsewhere; and the other way round.
    fn split(self, x: Self, a: Self) -> (Self, Self);
    /// `factor` · `value` + `sum` of single numbers, rounded as [`Lanes::multiply_add`] does.
    fn scalar(factor: Real, value: Real, sum: Real) -> Real;
}

#[derive(Clone, Copy)]
pub(super) struct Portable([Real; LANES]);

impl Lanes for Portable {
    #[inline(always)]
    fn splat(value: Real) -> Self {
        Self([value; LANES])
    }

    #[inline(always)]
    fn load(values: &[Real; LANES]) -> Self {
        Self(*values)
    }

    #[inline(always)]
    fn store(self, values: &mut [Real; LANES]) {
        *values = self.0;
    }

    #[inline(always)]
    fn multiply_add(self, factor: Self, sum: Self) -> Self {
        Self(std::array::from_fn(|lane| factor.0[lane] * self.0[lane] + sum.0[lane]))
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] + other.0[lane]))
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        let larger = |(x, other)| if x > other { x } else { other };
        Self(std::array::from_fn(|lane| larger((self.0[lane], other.0[lane]))))
    }

    #[inline(always)]
    #[allow(clippy::float_cmp, reason = "equality is what is asked for")]
    fn split(self, x: Self, a: Self) -> (Self, Self) {
        let part =
            |lane: usize, equal| if (x.0[lane] == a.0[lane]) == equal { self.0[lane] } else { 0.0 };
        (
            Self(std::array::from_fn(|lane| part(lane, true))),
            Self(std::array::from_fn(|lane| part(lane, false))),
        )
    }

    #[inline(always)]
    fn scalar(factor: Real, value: Real, sum: Real) -> Real {
        factor * value + sum
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use avx2::Avx2;

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{LANES, Lanes};
    use crate::nn::Real;
    #[cfg(not(feature = "f64"))]
    use std::arch::x86_64::{
        __m256 as Raw, _CMP_EQ_OQ, _mm256_add_ps as add, _mm256_and_ps as and,
        _mm256_andnot_ps as andnot, _mm256_cmp_ps as compare, _mm256_fmadd_ps as fused,
        _mm256_loadu_ps as load, _mm256_max_ps as max, _mm256_set1_ps as splat,
        _mm256_storeu_ps as store,
    };
    #[cfg(feature = "f64")]
    use std::arch::x86_64::{
        __m256d as Raw, _CMP_EQ_OQ, _mm256_add_pd as add, _mm256_and_pd as and,
        _mm256_andnot_pd as andnot, _mm256_cmp_pd as compare, _mm256_fmadd_pd as fused,
        _mm256_loadu_pd as load, _mm256_max_pd as max, _mm256_set1_pd as splat,
        _mm256_storeu_pd as store,
    };

    /// Used by nothing but functions compiled for AVX2 and FMA, into which its methods are inlined.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx2(Raw);

    // SAFETY, of every block below: `kernel!` calls this only after finding AVX2 and FMA, and the
    // references are to LANES numbers, which the unaligned loads and stores ask for.
    #[allow(clippy::undocumented_unsafe_blocks, reason = "one comment for all the one-liners")]
    impl Lanes for Avx2 {
        #[inline(always)]
        fn splat(value: Real) -> Self {
            Self(unsafe { splat(value) })
        }

        #[inline(always)]
        fn load(values: &[Real; LANES]) -> Self {
            Self(unsafe { load(values.as_ptr()) })
        }

        #[inline(always)]
        fn store(self, values: &mut [Real; LANES]) {
            unsafe { store(values.as_mut_ptr(), self.0) }
        }

        #[inline(always)]
        fn multiply_add(self, factor: Self, sum: Self) -> Self {
            Self(unsafe { fused(factor.0, self.0, sum.0) })
        }

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            Self(unsafe { add(self.0, other.0) })
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

        #[inline(always)]
        fn scalar(factor: Real, value: Real, sum: Real) -> Real {
            factor.mul_add(value, sum)
        }
    }
}
