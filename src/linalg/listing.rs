//! Lists of the numbers that are not zero.
//!
//! Four in five pixels of a digit are background, and of the deltas behind max-pooling three in four
//! are zero: what is multiplied by them need not be touched.

use super::kernel;
use crate::nn::Real;

/// A row of an array, by the place of its first number, and what it is multiplied by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
pub(crate) struct Term {
    pub(crate) offset: u32,
    pub(crate) factor: Real,
}

/// Terms row after row.
#[derive(Clone, Debug, Default)]
pub(crate) struct List {
    /// More than are used: see `ends`.
    pub(crate) terms: Vec<Term>,
    /// Where the terms of each row end and, without a `pitch`, those of the next begin.
    pub(crate) ends: Vec<usize>,
    /// How far apart rows begin, where it is always as far.
    pitch: Option<usize>,
}

impl List {
    /// Forgets all rows, and has room for `numbers` terms.
    pub(crate) fn clear(&mut self, numbers: usize) {
        self.ends.clear();
        self.pitch = None;
        if self.terms.len() < numbers {
            self.terms.resize(numbers, Term::default());
        }
    }

    /// Adds a row that `list` writes; it returns the number of its terms.
    pub(crate) fn push(&mut self, list: impl FnOnce(&mut [Term]) -> usize) {
        let start = self.ends.last().copied().unwrap_or(0);
        let count = list(&mut self.terms[start..]);
        self.ends.push(start + count);
    }

    /// Lists by columns what a list has by rows, whose offsets are `stride` · column: a row for each
    /// of so many columns, whose offsets are `apart` · row. Multiplies by `factor`.
    pub(crate) fn transpose(
        &mut self,
        list: &List,
        (stride, columns): (usize, usize),
        apart: usize,
        factor: Real,
    ) {
        // An odd number of lines of the cache, so that rows do not compete for the same places.
        let pitch = list.ends.len().next_multiple_of(16) + 8;
        self.clear(columns * pitch);
        self.pitch = Some(pitch);
        self.ends.extend((0..columns).map(|column| column * pitch));
        // offset / stride without dividing: exact, for an offset is a multiple below 2³².
        let inverse = (1_u64 << 32).div_ceil(stride as u64);
        for (row, terms) in list.rows().enumerate() {
            let offset = (row * apart) as u32;
            for term in terms {
                let column = ((u64::from(term.offset) * inverse) >> 32) as usize;
                let end = &mut self.ends[column];
                self.terms[*end] = Term { offset, factor: factor * term.factor };
                *end += 1;
            }
        }
    }

    /// How many terms there are.
    pub(super) fn count(&self) -> usize {
        match self.pitch {
            None => self.ends.last().copied().unwrap_or(0),
            Some(pitch) => (0..).zip(&self.ends).map(|(row, end)| end - row * pitch).sum(),
        }
    }

    /// The terms of each row.
    #[inline(always)]
    pub(super) fn rows(&self) -> impl Iterator<Item = &[Term]> {
        let mut before = 0;
        (0..).zip(&self.ends).map(move |(row, &end)| {
            let start = self.pitch.map_or(before, |pitch| row * pitch);
            before = end;
            &self.terms[start..end]
        })
    }
}

/// Numbers that are looked at at once.
const GROUP: usize = 8;

/// Writes a term for every value that is not zero; value i has the offset `stride` · i. Returns
/// their number; `terms` is as long as `values` at least.
pub(crate) fn nonzero(values: &[Real], stride: usize, terms: &mut [Term]) -> usize {
    let (groups, rest) = values.as_chunks::<GROUP>();
    #[cfg(all(target_arch = "x86_64", not(feature = "f64")))]
    if let Some(end) = avx2::nonzero(groups, stride, terms) {
        return finish(rest, GROUP * groups.len(), stride, terms, end);
    }
    let mut end = 0;
    for (index, group) in groups.iter().enumerate() {
        end += compress(*group, GROUP * index, stride, &mut terms[end..]);
    }
    finish(rest, GROUP * groups.len(), stride, terms, end)
}

/// [`nonzero`] of bytes as numbers from 0 to 1.
pub(crate) fn ink(pixels: &[u8], stride: usize, terms: &mut [Term]) -> usize {
    let (groups, rest) = pixels.as_chunks::<GROUP>();
    let mut end = 0;
    // Background comes in long runs: a bit for every group that is not all background.
    for (part, groups) in groups.chunks(64).enumerate() {
        let bits = groups.iter().enumerate();
        let used = bits
            .fold(0, |used, (bit, group)| used | u64::from(u64::from_ne_bytes(*group) != 0) << bit);
        end = some_ink(groups, used, 64 * GROUP * part, stride, terms, end);
    }
    let rest: [Real; GROUP] = std::array::from_fn(|at| rest.get(at).map_or(0.0, |&p| real(p)));
    finish(&rest[..pixels.len() % GROUP], GROUP * groups.len(), stride, terms, end)
}

kernel! {
    /// [`ink`] of an image without its background: term i has the offset `stride` · place i.
    fn expand(terms: &mut [Term], places: &[u16], values: &[u8], stride: u32) = expand_body
}

#[inline(always)]
fn expand_body<V>(terms: &mut [Term], places: &[u16], values: &[u8], stride: u32) {
    for ((term, &place), &value) in terms.iter_mut().zip(places).zip(values) {
        *term = Term { offset: u32::from(place) * stride, factor: real(value) };
    }
}

/// Lists the groups whose bits are set in `used`; `first` is the place of the first group.
fn some_ink(
    groups: &[[u8; GROUP]],
    used: u64,
    first: usize,
    stride: usize,
    terms: &mut [Term],
    end: usize,
) -> usize {
    #[cfg(all(target_arch = "x86_64", not(feature = "f64")))]
    if let Some(end) = avx2::some_ink(groups, used, first, stride, terms, end) {
        return end;
    }
    let (mut used, mut end) = (used, end);
    while used != 0 {
        let group = used.trailing_zeros() as usize;
        used &= used - 1;
        let place = first + GROUP * group;
        end += compress(groups[group].map(real), place, stride, &mut terms[end..]);
    }
    end
}

/// From 0 (background) to 1 (ink), in the very bits of a batch that is scaled whole.
fn real(pixel: u8) -> Real {
    Real::from(pixel) * Real::from(255_u8).recip()
}

fn finish(rest: &[Real], first: usize, stride: usize, terms: &mut [Term], end: usize) -> usize {
    let mut end = end;
    for (lane, &factor) in rest.iter().enumerate() {
        terms[end] = Term { offset: ((first + lane) * stride) as u32, factor };
        end += usize::from(factor != 0.0);
    }
    end
}

/// Writes every term and steps over those that count: no branch that nobody could foresee.
fn compress(values: [Real; GROUP], first: usize, stride: usize, terms: &mut [Term]) -> usize {
    let window = terms.first_chunk_mut::<GROUP>().expect("a term a value");
    let mut count = 0;
    for (lane, factor) in values.into_iter().enumerate() {
        window[count % GROUP] = Term { offset: ((first + lane) * stride) as u32, factor };
        count += usize::from(factor != 0.0);
    }
    count
}

#[cfg(all(target_arch = "x86_64", not(feature = "f64")))]
mod avx2 {
    use super::{GROUP, Term, real};
    use std::arch::x86_64::{
        __m256, __m256i, _CMP_NEQ_UQ, _mm_cvtsi64_si128, _mm256_add_epi32, _mm256_castsi256_ps,
        _mm256_cmp_ps, _mm256_cvtepi32_ps, _mm256_cvtepu8_epi32, _mm256_loadu_ps,
        _mm256_movemask_ps, _mm256_mul_ps, _mm256_mullo_epi32, _mm256_permute2f128_ps,
        _mm256_permutevar8x32_epi32, _mm256_permutevar8x32_ps, _mm256_set1_epi32, _mm256_set1_ps,
        _mm256_setr_epi32, _mm256_setzero_ps, _mm256_storeu_ps, _mm256_unpackhi_ps,
        _mm256_unpacklo_ps,
    };

    /// The places of the bits that are set in a number, the lowest first.
    static PLACES: [[u8; GROUP]; 256] = {
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

    fn is_here() -> bool {
        is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("popcnt")
            && is_x86_feature_detected!("bmi1")
    }

    pub(super) fn nonzero(
        groups: &[[f32; GROUP]],
        stride: usize,
        terms: &mut [Term],
    ) -> Option<usize> {
        // SAFETY: the processor has the features that the function is compiled for.
        is_here().then(|| unsafe { nonzero_groups(groups, stride, terms) })
    }

    #[target_feature(enable = "avx2,popcnt,bmi1")]
    fn nonzero_groups(groups: &[[f32; GROUP]], stride: usize, terms: &mut [Term]) -> usize {
        let lanes = lanes(stride);
        let mut end = 0;
        for (index, group) in groups.iter().enumerate() {
            // SAFETY: a group is eight numbers.
            let values = unsafe { _mm256_loadu_ps(group.as_ptr()) };
            end += compress(values, lanes, GROUP * index * stride, &mut terms[end..]);
        }
        end
    }

    pub(super) fn some_ink(
        groups: &[[u8; GROUP]],
        used: u64,
        first: usize,
        stride: usize,
        terms: &mut [Term],
        end: usize,
    ) -> Option<usize> {
        // SAFETY: the processor has the features that the function is compiled for.
        is_here().then(|| unsafe { ink_groups(groups, used, first, stride, terms, end) })
    }

    #[target_feature(enable = "avx2,popcnt,bmi1")]
    fn ink_groups(
        groups: &[[u8; GROUP]],
        mut used: u64,
        first: usize,
        stride: usize,
        terms: &mut [Term],
        mut end: usize,
    ) -> usize {
        let lanes = lanes(stride);
        let unit = _mm256_set1_ps(real(1));
        while used != 0 {
            let group = used.trailing_zeros() as usize;
            used &= used - 1;
            let bytes = _mm_cvtsi64_si128(i64::from_le_bytes(groups[group]));
            let values = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)), unit);
            let offset = (first + GROUP * group) * stride;
            end += compress(values, lanes, offset, &mut terms[end..]);
        }
        end
    }

    #[target_feature(enable = "avx2")]
    #[allow(clippy::cast_possible_wrap, reason = "offsets are kept as bits")]
    fn lanes(stride: usize) -> __m256i {
        let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        _mm256_mullo_epi32(lanes, _mm256_set1_epi32(stride as i32))
    }

    /// Moves the values that are not zero to the front, each beside its offset.
    #[target_feature(enable = "avx2,popcnt")]
    #[allow(clippy::cast_possible_wrap, reason = "offsets are kept as bits")]
    fn compress(values: __m256, lanes: __m256i, offset: usize, terms: &mut [Term]) -> usize {
        let window = terms.first_chunk_mut::<GROUP>().expect("a term a value");
        let differs = _mm256_cmp_ps::<_CMP_NEQ_UQ>(values, _mm256_setzero_ps());
        let mask = _mm256_movemask_ps(differs) as usize & 0xff;
        let places = _mm_cvtsi64_si128(i64::from_le_bytes(PLACES[mask]));
        let places = _mm256_cvtepu8_epi32(places);
        let offsets = _mm256_add_epi32(lanes, _mm256_set1_epi32(offset as i32));
        let offsets = _mm256_castsi256_ps(_mm256_permutevar8x32_epi32(offsets, places));
        let factors = _mm256_permutevar8x32_ps(values, places);
        let (low, high) =
            (_mm256_unpacklo_ps(offsets, factors), _mm256_unpackhi_ps(offsets, factors));
        let to = window.as_mut_ptr().cast::<f32>();
        // SAFETY: eight terms are sixteen numbers of 32 bits side by side, offset before factor.
        unsafe {
            _mm256_storeu_ps(to, _mm256_permute2f128_ps::<0x20>(low, high));
            _mm256_storeu_ps(to.add(GROUP), _mm256_permute2f128_ps::<0x31>(low, high));
        }
        mask.count_ones() as usize
    }
}

#[cfg(test)]
mod tests;
