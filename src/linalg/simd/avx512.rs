//! AVX-512.

use super::{Avx2, LANES, Real, Simd, Vector, WideSimd, WideVector, Ymm};
#[cfg(not(feature = "f64"))]
use std::arch::x86_64::{
    __m512 as Raw, _mm512_castpd_ps as narrowed, _mm512_castps_pd as widened,
    _mm512_castps512_ps256 as low, _mm512_fmadd_ps as fused, _mm512_loadu_ps as load,
    _mm512_set1_ps as splat, _mm512_storeu_ps as store, _mm512_zextps256_ps512 as widen,
};
#[cfg(feature = "f64")]
use std::arch::x86_64::{
    __m512d as Raw, _mm512_castpd512_pd256 as low, _mm512_fmadd_pd as fused,
    _mm512_loadu_pd as load, _mm512_set1_pd as splat, _mm512_storeu_pd as store,
    _mm512_zextpd256_pd512 as widen,
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

/// Proof that the processor has AVX-512 (F, VL and BW) and what [`Avx2`] proves.
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

    /// The token for vectors of 256 bits.
    pub(crate) fn avx2(self) -> Avx2 {
        Avx2::of(self)
    }
}

/// A 512-bit register.
#[derive(Clone, Copy)]
pub(crate) struct Zmm(Raw);

/// A 512-bit register of which only the lower half is used. With a 256-bit register, the compiler
/// would broadcast a common factor twice, once for each width, and the second broadcast would take
/// an execution slot from the multiply-adds.
#[derive(Clone, Copy)]
pub(crate) struct LowHalf(Raw);

// SAFETY, of every block below: the caller has a token or a vector created from one, so the
// processor has AVX-512; and the references are to 2 · LANES numbers, LANES numbers or 64 bytes, as
// the unaligned loads and stores require.
#[allow(clippy::undocumented_unsafe_blocks, reason = "one comment for all the one-liners")]
impl WideSimd for Avx512 {
    type Vector = Zmm;
    type Half = LowHalf;
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
    fn load_half(self, values: &[Real; LANES]) -> LowHalf {
        LowHalf::widened(self.avx2().load(values))
    }

    #[inline(always)]
    fn load_part(self, values: &[Real]) -> LowHalf {
        LowHalf::widened(self.avx2().load_part(values))
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
    type Half = LowHalf;

    #[inline(always)]
    fn store(self, values: &mut [[Real; LANES]; 2]) {
        unsafe { store(values.as_mut_ptr().cast(), self.0) }
    }

    #[inline(always)]
    fn half(self) -> LowHalf {
        LowHalf(self.0)
    }

    #[inline(always)]
    fn with_half(self, half: LowHalf) -> Self {
        Self(unsafe { replace_low(self.0, half.ymm().0) })
    }

    #[inline(always)]
    fn multiply_add(self, factor: Self, sum: Self) -> Self {
        Self(unsafe { fused(factor.0, self.0, sum.0) })
    }
}

// SAFETY: as above.
#[allow(clippy::undocumented_unsafe_blocks, reason = "one comment for all the one-liners")]
impl LowHalf {
    #[inline(always)]
    fn ymm(self) -> Ymm {
        Ymm(unsafe { low(self.0) })
    }

    /// Private, because `half` may have been created from an AVX2 token, which does not prove
    /// AVX-512.
    #[inline(always)]
    fn widened(half: Ymm) -> Self {
        Self(unsafe { widen(half.0) })
    }
}

// SAFETY: as above.
#[allow(clippy::undocumented_unsafe_blocks, reason = "one comment for all the one-liners")]
impl Vector for LowHalf {
    #[inline(always)]
    fn store(self, values: &mut [Real; LANES]) {
        self.ymm().store(values);
    }

    #[inline(always)]
    fn multiply_add(self, factor: Self, sum: Self) -> Self {
        Self(unsafe { fused(factor.0, self.0, sum.0) })
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self::widened(self.ymm().max(other.ymm()))
    }

    #[inline(always)]
    fn split(self, x: Self, a: Self) -> (Self, Self) {
        let (equal, others) = self.ymm().split(x.ymm(), a.ymm());
        (Self::widened(equal), Self::widened(others))
    }
}
