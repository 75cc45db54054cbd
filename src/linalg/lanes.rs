//! A vector of 256 bits: AVX2's, or an array that the compiler makes the best of. And two of them
//! side by side: AVX-512's vector, or a pair.

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
    /// The larger of each pair; `other`'s where one is not a number.
    fn max(self, other: Self) -> Self;
    /// Its numbers where `x` equals `a`, 0 elsewhere; and the other way round.
    fn split(self, x: Self, a: Self) -> (Self, Self);
    /// `factor` · `value` + `sum` of single numbers, rounded as [`Lanes::multiply_add`] does.
    fn scalar(factor: Real, value: Real, sum: Real) -> Real;
    /// A bit for each byte: 1 where it is not zero.
    fn used(bytes: &[u8; 32]) -> u32;
}

/// Twice as many numbers side by side.
pub(super) trait Wide: Copy {
    /// Whether there are 32 registers instead of 16.
    const ROOMY: bool;
    fn splat(value: Real) -> Self;
    fn load(values: &[[Real; LANES]; 2]) -> Self;
    fn store(self, values: &mut [[Real; LANES]; 2]);
    /// `factor` · self + `sum`.
    fn multiply_add(self, factor: Self, sum: Self) -> Self;
    /// `factor` · `value` + `sum` of single numbers, rounded as [`Wide::multiply_add`] does.
    fn scalar(factor: Real, value: Real, sum: Real) -> Real;
    /// The first half from `values`, the second one zero.
    fn load_half(values: &[Real; LANES]) -> Self;
    /// The first half.
    fn store_half(self, values: &mut [Real; LANES]);
    /// A bit for each byte: 1 where it is not zero.
    fn used(bytes: &[u8; 64]) -> u64;

    /// All its numbers added up, in the same order whatever the vector.
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

impl<V: Lanes> Wide for [V; 2] {
    const ROOMY: bool = false;

    #[inline(always)]
    fn splat(value: Real) -> Self {
        [V::splat(value); 2]
    }

    #[inline(always)]
    fn load(values: &[[Real; LANES]; 2]) -> Self {
        [V::load(&values[0]), V::load(&values[1])]
    }

    #[inline(always)]
    fn store(self, values: &mut [[Real; LANES]; 2]) {
        self[0].store(&mut values[0]);
        self[1].store(&mut values[1]);
    }

    #[inline(always)]
    fn multiply_add(self, factor: Self, sum: Self) -> Self {
        [self[0].multiply_add(factor[0], sum[0]), self[1].multiply_add(factor[1], sum[1])]
    }

    #[inline(always)]
    fn scalar(factor: Real, value: Real, sum: Real) -> Real {
        V::scalar(factor, value, sum)
    }

    #[inline(always)]
    fn load_half(values: &[Real; LANES]) -> Self {
        [V::load(values), V::splat(0.0)]
    }

    #[inline(always)]
    fn store_half(self, values: &mut [Real; LANES]) {
        self[0].store(values);
    }

    #[inline(always)]
    fn used(bytes: &[u8; 64]) -> u64 {
        let (low, high) = (bytes.first_chunk(), bytes.last_chunk());
        let (low, high) = low.zip(high).expect("halves of 64");
        u64::from(V::used(high)) << 32 | u64::from(V::used(low))
    }
}

/// Whether the processor has AVX-512's vectors.
pub(super) fn has_avx512() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bw")
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
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

    #[inline(always)]
    fn used(bytes: &[u8; 32]) -> u32 {
        (0..).zip(bytes).fold(0, |used, (bit, &byte)| used | u32::from(byte != 0) << bit)
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use {avx2::Avx2, avx512::Avx512};

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{LANES, Lanes};
    use crate::nn::Real;
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

    /// Used by nothing but functions compiled for AVX2 and FMA, into which its methods are inlined.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx2(Raw);

    // SAFETY, of every block below: `kernel!` calls this only after finding AVX2 and FMA, and the
    // references are to LANES numbers or 32 bytes, which the unaligned loads and stores ask for.
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

        #[inline(always)]
        #[allow(clippy::cast_sign_loss, reason = "the sign is a bit like the others")]
        fn used(bytes: &[u8; 32]) -> u32 {
            let bytes = unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) };
            let zero = unsafe { _mm256_cmpeq_epi8(bytes, _mm256_setzero_si256()) };
            !unsafe { _mm256_movemask_epi8(zero) } as u32
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use super::{LANES, Wide};
    use crate::nn::Real;
    #[cfg(not(feature = "f64"))]
    use std::arch::x86_64::{
        __m512 as Raw, _mm256_loadu_ps as load_half, _mm256_storeu_ps as store_half,
        _mm512_castps512_ps256 as low, _mm512_fmadd_ps as fused, _mm512_loadu_ps as load,
        _mm512_set1_ps as splat, _mm512_storeu_ps as store, _mm512_zextps256_ps512 as widen,
    };
    #[cfg(feature = "f64")]
    use std::arch::x86_64::{
        __m512d as Raw, _mm256_loadu_pd as load_half, _mm256_storeu_pd as store_half,
        _mm512_castpd512_pd256 as low, _mm512_fmadd_pd as fused, _mm512_loadu_pd as load,
        _mm512_set1_pd as splat, _mm512_storeu_pd as store, _mm512_zextpd256_pd512 as widen,
    };
    use std::arch::x86_64::{_mm512_loadu_si512, _mm512_test_epi8_mask};

    /// Used by nothing but functions compiled for AVX-512, into which its methods are inlined.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx512(Raw);

    // SAFETY, of every block below: `wide_kernel!` calls this only after finding AVX-512, and the
    // references are to 2 · LANES numbers or 64 bytes, which the unaligned loads and stores ask for.
    #[allow(clippy::undocumented_unsafe_blocks, reason = "one comment for all the one-liners")]
    impl Wide for Avx512 {
        const ROOMY: bool = true;

        #[inline(always)]
        fn splat(value: Real) -> Self {
            Self(unsafe { splat(value) })
        }

        #[inline(always)]
        fn load(values: &[[Real; LANES]; 2]) -> Self {
            Self(unsafe { load(values.as_ptr().cast()) })
        }

        #[inline(always)]
        fn store(self, values: &mut [[Real; LANES]; 2]) {
            unsafe { store(values.as_mut_ptr().cast(), self.0) }
        }

        #[inline(always)]
        fn multiply_add(self, factor: Self, sum: Self) -> Self {
            Self(unsafe { fused(factor.0, self.0, sum.0) })
        }

        #[inline(always)]
        fn scalar(factor: Real, value: Real, sum: Real) -> Real {
            factor.mul_add(value, sum)
        }

        #[inline(always)]
        fn load_half(values: &[Real; LANES]) -> Self {
            Self(unsafe { widen(load_half(values.as_ptr())) })
        }

        #[inline(always)]
        fn store_half(self, values: &mut [Real; LANES]) {
            unsafe { store_half(values.as_mut_ptr(), low(self.0)) }
        }

        #[inline(always)]
        fn used(bytes: &[u8; 64]) -> u64 {
            unsafe {
                let bytes = _mm512_loadu_si512(bytes.as_ptr().cast());
                _mm512_test_epi8_mask(bytes, bytes)
            }
        }
    }
}
