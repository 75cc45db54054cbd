//! Rows of a batch without their zeros.
//!
//! Four in five pixels of a digit are background, and of the deltas behind max-pooling three in four
//! are zero: what is multiplied by them need not be touched.

use super::simd::Simd;
use super::{Real, kernel};

/// A value that is not zero, and where the row that it is multiplied with begins.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
pub(crate) struct Entry {
    /// The index of the value times the distance of two of those rows.
    pub(crate) offset: u32,
    pub(crate) value: Real,
}

/// Rows of entries.
#[derive(Clone, Debug, Default)]
pub struct SparseRows {
    /// More than are used: see `ends`.
    pub(crate) entries: Vec<Entry>,
    /// Where the entries of each row end and, without a `pitch`, those of the next begin.
    pub(crate) ends: Vec<usize>,
    /// How far apart rows begin, where that is always the same.
    pitch: Option<usize>,
}

impl SparseRows {
    /// Forgets all rows, and makes room for so many entries.
    pub(crate) fn clear(&mut self, entries: usize) {
        self.ends.clear();
        self.pitch = None;
        if self.entries.len() < entries {
            self.entries.resize(entries, Entry::default());
        }
    }

    /// Adds a row that `write` fills; it returns the number of its entries.
    pub(crate) fn push(&mut self, write: impl FnOnce(&mut [Entry]) -> usize) {
        let start = self.ends.last().copied().unwrap_or(0);
        let count = write(&mut self.entries[start..]);
        self.ends.push(start + count);
    }

    /// Adds a row of the values that are not zero; the rows that they are multiplied with begin
    /// `stride` apart.
    pub(crate) fn push_values(&mut self, values: &[Real], stride: usize) {
        self.push(|entries| nonzero(values, stride, entries));
    }

    /// Adds a row of bytes, which stand for numbers from 0 to 1.
    pub(crate) fn push_bytes(&mut self, bytes: &[u8], stride: usize) {
        self.push(|entries| nonzero_bytes(bytes, stride, entries));
    }

    /// Adds a row of bytes that are not zero, each with its place.
    pub(crate) fn push_nonzero(&mut self, places: &[u16], bytes: &[u8], stride: usize) {
        self.push(|entries| {
            scale_bytes(entries, places, bytes, stride as u32);
            places.len()
        });
    }

    /// The transpose, times `factor`: a row for each of so many columns of `rows`, whose offsets are
    /// `stride` · column. The new offsets are `new_stride` · row.
    pub(crate) fn transpose(
        &mut self,
        rows: &SparseRows,
        (stride, columns): (usize, usize),
        new_stride: usize,
        factor: Real,
    ) {
        // An odd number of lines of the cache, so that rows do not compete for the same places.
        let pitch = rows.ends.len().next_multiple_of(16) + 8;
        self.clear(columns * pitch);
        self.pitch = Some(pitch);
        self.ends.extend((0..columns).map(|column| column * pitch));
        // offset / stride without dividing: exact, for an offset is a multiple below 2³².
        let inverse = (1_u64 << 32).div_ceil(stride as u64);
        for (row, entries) in rows.iter().enumerate() {
            let offset = (row * new_stride) as u32;
            for entry in entries {
                let column = ((u64::from(entry.offset) * inverse) >> 32) as usize;
                let end = &mut self.ends[column];
                self.entries[*end] = Entry { offset, value: factor * entry.value };
                *end += 1;
            }
        }
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.ends.len()
    }

    /// How many entries there are in all.
    pub(super) fn count(&self) -> usize {
        self.iter().map(<[Entry]>::len).sum()
    }

    /// The entries of each row.
    #[inline(always)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &[Entry]> {
        let mut before = 0;
        (0..).zip(&self.ends).map(move |(row, &end)| {
            let start = self.pitch.map_or(before, |pitch| row * pitch);
            before = end;
            &self.entries[start..end]
        })
    }
}

/// Numbers that are looked at at once.
const GROUP: usize = 8;

/// Writes an entry for every value that is not zero; the offset of value i is `stride` · i. Returns
/// their number; `entries` is as long as `values` at least.
pub(crate) fn nonzero(values: &[Real], stride: usize, entries: &mut [Entry]) -> usize {
    let (groups, rest) = values.as_chunks::<GROUP>();
    #[cfg(all(target_arch = "x86_64", not(feature = "f64")))]
    if let Some(end) = avx2::nonzero(groups, stride, entries) {
        return finish(rest, GROUP * groups.len(), stride, entries, end);
    }
    let mut end = 0;
    for (index, group) in groups.iter().enumerate() {
        end += compress(*group, GROUP * index, stride, &mut entries[end..]);
    }
    finish(rest, GROUP * groups.len(), stride, entries, end)
}

/// [`nonzero`] of bytes as numbers from 0 to 1.
fn nonzero_bytes(bytes: &[u8], stride: usize, entries: &mut [Entry]) -> usize {
    let (groups, rest) = bytes.as_chunks::<GROUP>();
    let mut end = 0;
    // Background comes in long runs: a bit for every group that is not all background.
    for (part, groups) in groups.chunks(64).enumerate() {
        let bits = groups
            .iter()
            .enumerate()
            .fold(0, |bits, (bit, group)| bits | u64::from(u64::from_ne_bytes(*group) != 0) << bit);
        end = nonzero_groups(groups, bits, 64 * GROUP * part, stride, entries, end);
    }
    let rest: [Real; GROUP] = std::array::from_fn(|at| rest.get(at).map_or(0.0, |&b| number(b)));
    finish(&rest[..bytes.len() % GROUP], GROUP * groups.len(), stride, entries, end)
}

kernel! {
    /// Entries of bytes as numbers from 0 to 1: the offset of entry i is `stride` · place i.
    fn scale_bytes(entries: &mut [Entry], places: &[u16], bytes: &[u8], stride: u32) =
        scale_bytes_body
}

#[inline(always)]
fn scale_bytes_body<S: Simd>(
    _simd: S,
    entries: &mut [Entry],
    places: &[u16],
    bytes: &[u8],
    stride: u32,
) {
    for ((entry, &place), &byte) in entries.iter_mut().zip(places).zip(bytes) {
        *entry = Entry { offset: u32::from(place) * stride, value: number(byte) };
    }
}

/// Writes the entries of the groups whose `bits` are set; `first` is the place of the first group.
fn nonzero_groups(
    groups: &[[u8; GROUP]],
    bits: u64,
    first: usize,
    stride: usize,
    entries: &mut [Entry],
    end: usize,
) -> usize {
    #[cfg(all(target_arch = "x86_64", not(feature = "f64")))]
    if let Some(end) = avx2::nonzero_groups(groups, bits, first, stride, entries, end) {
        return end;
    }
    let (mut bits, mut end) = (bits, end);
    while bits != 0 {
        let group = bits.trailing_zeros() as usize;
        bits &= bits - 1;
        let place = first + GROUP * group;
        end += compress(groups[group].map(number), place, stride, &mut entries[end..]);
    }
    end
}

/// From 0 (background) to 1 (ink), to the bit as in a batch of scaled numbers.
fn number(byte: u8) -> Real {
    Real::from(byte) * Real::from(255_u8).recip()
}

fn finish(
    rest: &[Real],
    first: usize,
    stride: usize,
    entries: &mut [Entry],
    mut end: usize,
) -> usize {
    for (lane, &value) in rest.iter().enumerate() {
        entries[end] = Entry { offset: ((first + lane) * stride) as u32, value };
        end += usize::from(value != 0.0);
    }
    end
}

/// Writes every entry and steps over those that count, without a branch that nothing could predict.
fn compress(values: [Real; GROUP], first: usize, stride: usize, entries: &mut [Entry]) -> usize {
    let window = entries.first_chunk_mut::<GROUP>().expect("there is room for an entry a value");
    let mut count = 0;
    for (lane, value) in values.into_iter().enumerate() {
        window[count % GROUP] = Entry { offset: ((first + lane) * stride) as u32, value };
        count += usize::from(value != 0.0);
    }
    count
}

#[cfg(all(target_arch = "x86_64", not(feature = "f64")))]
mod avx2 {
    use super::{Entry, GROUP, number};
    use crate::linalg::cpu::{Cpu, selected};
    use crate::linalg::simd::Avx2;
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

    /// The token, where the path that is selected has it.
    fn token() -> Option<Avx2> {
        match selected() {
            Cpu::Portable(_) => None,
            Cpu::Avx2(simd) => Some(simd),
            Cpu::Avx512(simd) => Some(simd.avx2()),
        }
    }

    pub(super) fn nonzero(
        groups: &[[f32; GROUP]],
        stride: usize,
        entries: &mut [Entry],
    ) -> Option<usize> {
        // SAFETY: the token proves that the processor has the instructions.
        token().map(|_| unsafe { nonzero_with_avx2(groups, stride, entries) })
    }

    #[target_feature(enable = "avx2,popcnt,bmi1")]
    fn nonzero_with_avx2(groups: &[[f32; GROUP]], stride: usize, entries: &mut [Entry]) -> usize {
        let lanes = lanes(stride);
        let mut end = 0;
        for (index, group) in groups.iter().enumerate() {
            // SAFETY: a group is eight numbers.
            let values = unsafe { _mm256_loadu_ps(group.as_ptr()) };
            end += compress(values, lanes, GROUP * index * stride, &mut entries[end..]);
        }
        end
    }

    pub(super) fn nonzero_groups(
        groups: &[[u8; GROUP]],
        bits: u64,
        first: usize,
        stride: usize,
        entries: &mut [Entry],
        end: usize,
    ) -> Option<usize> {
        // SAFETY: the token proves that the processor has the instructions.
        token().map(|_| unsafe { groups_with_avx2(groups, bits, first, stride, entries, end) })
    }

    #[target_feature(enable = "avx2,popcnt,bmi1")]
    fn groups_with_avx2(
        groups: &[[u8; GROUP]],
        mut bits: u64,
        first: usize,
        stride: usize,
        entries: &mut [Entry],
        mut end: usize,
    ) -> usize {
        let lanes = lanes(stride);
        let unit = _mm256_set1_ps(number(1));
        while bits != 0 {
            let group = bits.trailing_zeros() as usize;
            bits &= bits - 1;
            let bytes = _mm_cvtsi64_si128(i64::from_le_bytes(groups[group]));
            let values = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)), unit);
            let offset = (first + GROUP * group) * stride;
            end += compress(values, lanes, offset, &mut entries[end..]);
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
    fn compress(values: __m256, lanes: __m256i, offset: usize, entries: &mut [Entry]) -> usize {
        let window =
            entries.first_chunk_mut::<GROUP>().expect("there is room for an entry a value");
        let differs = _mm256_cmp_ps::<_CMP_NEQ_UQ>(values, _mm256_setzero_ps());
        let mask = _mm256_movemask_ps(differs) as usize & 0xff;
        let places = _mm_cvtsi64_si128(i64::from_le_bytes(PLACES[mask]));
        let places = _mm256_cvtepu8_epi32(places);
        let offsets = _mm256_add_epi32(lanes, _mm256_set1_epi32(offset as i32));
        let offsets = _mm256_castsi256_ps(_mm256_permutevar8x32_epi32(offsets, places));
        let values = _mm256_permutevar8x32_ps(values, places);
        let (low, high) =
            (_mm256_unpacklo_ps(offsets, values), _mm256_unpackhi_ps(offsets, values));
        let to = window.as_mut_ptr().cast::<f32>();
        // SAFETY: eight entries are sixteen numbers of 32 bits side by side, offset before value.
        unsafe {
            _mm256_storeu_ps(to, _mm256_permute2f128_ps::<0x20>(low, high));
            _mm256_storeu_ps(to.add(GROUP), _mm256_permute2f128_ps::<0x31>(low, high));
        }
        mask.count_ones() as usize
    }
}

#[cfg(test)]
mod tests;
