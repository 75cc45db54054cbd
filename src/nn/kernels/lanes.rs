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
        __m256 as Raw, _mm256_add_ps as add, _mm256_fmadd_ps as fused, _mm256_loadu_ps as load,
        _mm256_set1_ps as splat, _mm256_storeu_ps as store,
    };
    #[cfg(feature = "f64")]
    use std::arch::x86_64::{
        __m256d as Raw, _mm256_add_pd as add, _mm256_fmadd_pd as fused, _mm256_loadu_pd as load,
        _mm256_set1_pd as splat, _mm256_storeu_pd as store,
    };

    /// Used by nothing but functions compiled for AVX2 and FMA, into which its methods are inlined.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx2(Raw);

    // SAFETY, of every block below: `kernel!` calls this only after finding AVX2 and FMA, and the
    // references are to LANES numbers, which the unaligned loads and stores ask for.
    #[allow(clippy::undocumented_unsafe_blocks, reason = "one comment for six one-liners")]
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
        fn scalar(factor: Real, value: Real, sum: Real) -> Real {
            factor.mul_add(value, sum)
        }
    }
}
