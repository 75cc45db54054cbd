//! AVX2 with fused multiply-add.

#[cfg(not(feature = "f64"))]
use super::{GROUP, SparseEntry};
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
#[cfg(not(feature = "f64"))]
use std::arch::x86_64::{
    _CMP_NEQ_UQ, _mm_cvtsi64_si128, _mm256_add_epi32, _mm256_castsi256_ps, _mm256_cvtepu8_epi32,
    _mm256_movemask_ps, _mm256_mullo_epi32, _mm256_permute2f128_ps, _mm256_permutevar8x32_epi32,
    _mm256_permutevar8x32_ps, _mm256_set1_epi32, _mm256_setr_epi32, _mm256_setzero_ps,
    _mm256_unpackhi_ps, _mm256_unpacklo_ps,
};
use std::arch::x86_64::{
    _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_setzero_si256,
};

/// Proof that the processor has AVX2, FMA, BMI1 and POPCNT.
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

    /// [`super::Avx512::detect`] detects AVX2 as well.
    pub(super) fn of(_: super::Avx512) -> Self {
        Self(())
    }
}

/// A 256-bit register.
#[derive(Clone, Copy)]
pub(crate) struct Ymm(pub(super) Raw);

/// The indices of the bits that are set in a byte, lowest first.
#[cfg(not(feature = "f64"))]
static SET_BITS: [[u8; GROUP]; 256] = {
    let mut table = [[0; GROUP]; 256];
    let mut mask = 0;
    while mask < 256 {
        let (mut bit, mut count) = (0, 0);
        while bit < GROUP {
            if mask >> bit & 1 == 1 {
                table[mask][count] = bit as u8;
                count += 1;
            }
            bit += 1;
        }
        mask += 1;
    }
    table
};

/// [`Simd::compress`]: moves the nonzero values and their offsets to the front.
#[cfg(not(feature = "f64"))]
#[inline]
#[target_feature(enable = "avx2,popcnt")]
#[allow(clippy::cast_possible_wrap, reason = "offsets are kept as bits")]
fn compress(
    values: &[f32; GROUP],
    offset: u32,
    stride: u32,
    entries: &mut [SparseEntry; GROUP],
) -> usize {
    // SAFETY: there are eight numbers.
    let values = unsafe { load(values.as_ptr()) };
    let differs = compare::<_CMP_NEQ_UQ>(values, _mm256_setzero_ps());
    let mask = _mm256_movemask_ps(differs) as usize & 0xff;
    let indices = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(i64::from_le_bytes(SET_BITS[mask])));
    let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    let offsets = _mm256_mullo_epi32(lanes, _mm256_set1_epi32(stride as i32));
    let offsets = _mm256_add_epi32(offsets, _mm256_set1_epi32(offset as i32));
    let offsets = _mm256_castsi256_ps(_mm256_permutevar8x32_epi32(offsets, indices));
    let values = _mm256_permutevar8x32_ps(values, indices);
    let (low, high) = (_mm256_unpacklo_ps(offsets, values), _mm256_unpackhi_ps(offsets, values));
    let to = entries.as_mut_ptr().cast::<f32>();
    // SAFETY: eight entries are sixteen numbers of 32 bits side by side, offset before value.
    unsafe {
        store(to, _mm256_permute2f128_ps::<0x20>(low, high));
        store(to.add(GROUP), _mm256_permute2f128_ps::<0x31>(low, high));
    }
    mask.count_ones() as usize
}

// SAFETY, of every block below: the caller has a token or a vector created from one, so the
// processor has AVX2 and FMA; and the references are to LANES numbers or 32 bytes, as the unaligned
// loads and stores require.
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

    #[cfg(not(feature = "f64"))]
    #[inline(always)]
    fn compress(
        self,
        values: &[f32; GROUP],
        offset: u32,
        stride: u32,
        entries: &mut [SparseEntry; GROUP],
    ) -> usize {
        unsafe { compress(values, offset, stride, entries) }
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
