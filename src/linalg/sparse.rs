//! Sparse rows of a batch.
//!
//! About 80% of the pixels of a digit are background, and three quarters of the deltas before
//! max-pooling are zero; products with them are skipped.

use super::entry::SparseEntry;
use super::simd::{GROUP, Simd};
use super::{Real, kernel};

/// Rows of nonzero values.
#[derive(Clone, Debug, Default)]
pub struct SparseRows {
    /// Entries of all rows, with unused ones between and after them: see `ends`.
    pub(crate) entries: Vec<SparseEntry>,
    /// The index after each row's last entry. Without a `pitch` the next row starts there.
    pub(crate) ends: Vec<usize>,
    /// The distance between the starts of consecutive rows, if it is constant.
    pitch: Option<usize>,
}

impl SparseRows {
    /// Removes all rows, and reserves memory for `entries`.
    pub(crate) fn clear(&mut self, entries: usize) {
        self.ends.clear();
        self.pitch = None;
        if self.entries.len() < entries {
            self.entries.resize(entries, SparseEntry::default());
        }
    }

    /// Adds a row; `write` fills it and returns the number of entries.
    pub(crate) fn push(&mut self, write: impl FnOnce(&mut [SparseEntry]) -> usize) {
        let start = self.ends.last().copied().unwrap_or(0);
        let count = write(&mut self.entries[start..]);
        self.ends.push(start + count);
    }

    /// Adds the nonzero values of a row; the offset of value i is `stride` · i.
    pub(crate) fn push_values(&mut self, values: &[Real], stride: usize) {
        self.push(|entries| nonzero(values, stride, entries));
    }

    /// As [`SparseRows::push_values`], for bytes b that stand for b / 255.
    pub(crate) fn push_bytes(&mut self, bytes: &[u8], stride: usize) {
        self.push(|entries| nonzero_bytes(bytes, stride, entries));
    }

    /// As [`SparseRows::push_bytes`] for nonzero bytes and their indices.
    pub(crate) fn push_nonzero(&mut self, indices: &[u16], bytes: &[u8], stride: usize) {
        self.push(|entries| {
            scale_bytes(entries, indices, bytes, stride as u32);
            indices.len()
        });
    }

    /// Becomes `factor` times the transpose of `rows`, whose offsets are `stride` · column. The new
    /// offsets are `new_stride` · row.
    pub(crate) fn transpose(
        &mut self,
        rows: &SparseRows,
        (stride, columns): (usize, usize),
        new_stride: usize,
        factor: Real,
    ) {
        // An odd number of cache lines in single precision, so that rows do not compete for the
        // same cache sets.
        let pitch = rows.ends.len().next_multiple_of(16) + 8;
        self.clear(columns * pitch);
        self.pitch = Some(pitch);
        self.ends.extend((0..columns).map(|column| column * pitch));
        // offset / stride without a division; exact, because offsets are multiples below 2³².
        let inverse = (1_u64 << 32).div_ceil(stride as u64);
        for (row, entries) in rows.iter().enumerate() {
            let offset = (row * new_stride) as u32;
            for entry in entries {
                let column = ((u64::from(entry.offset) * inverse) >> 32) as usize;
                let end = &mut self.ends[column];
                self.entries[*end] = SparseEntry { offset, value: factor * entry.value };
                *end += 1;
            }
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.ends.len()
    }

    /// Number of entries in all rows.
    pub(super) fn count(&self) -> usize {
        self.iter().map(<[SparseEntry]>::len).sum()
    }

    /// The entries of each row.
    #[inline(always)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[SparseEntry]> {
        let mut before = 0;
        (0..).zip(&self.ends).map(move |(row, &end)| {
            let start = self.pitch.map_or(before, |pitch| row * pitch);
            before = end;
            &self.entries[start..end]
        })
    }
}

kernel! {
    /// Writes an entry for every nonzero value; the offset of value i is `stride` · i. Returns the
    /// number of entries. `entries` must be as long as `values`.
    fn nonzero = nonzero_body(
        simd, values: &[Real], stride: usize, entries: &mut [SparseEntry],
    ) -> usize {
        let (groups, rest) = values.as_chunks::<GROUP>();
        let mut end = 0;
        for (index, group) in groups.iter().enumerate() {
            end += compress(simd, group, GROUP * index, stride, &mut entries[end..]);
        }
        finish(rest.iter().copied(), values.len(), stride, entries, end)
    }
}

kernel! {
    /// [`nonzero`] for bytes b that stand for b / 255.
    fn nonzero_bytes = nonzero_bytes_body(
        simd, bytes: &[u8], stride: usize, entries: &mut [SparseEntry],
    ) -> usize {
        let (groups, rest) = bytes.as_chunks::<GROUP>();
        let mut end = 0;
        // Background comes in long runs: one bit marks each group that is not all background.
        for (part, groups) in groups.chunks(64).enumerate() {
            let bit = |bit: u32, group: &[u8; GROUP]| u64::from(u64::from_ne_bytes(*group) != 0) << bit;
            let mut bits: u64 = (0_u32..).zip(groups).fold(0, |bits, (at, group)| bits | bit(at, group));
            while bits != 0 {
                let group = bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let (values, first) = (groups[group].map(number), GROUP * (64 * part + group));
                end += compress(simd, &values, first, stride, &mut entries[end..]);
            }
        }
        finish(rest.iter().map(|&byte| number(byte)), bytes.len(), stride, entries, end)
    }
}

kernel! {
    /// Writes the entries of bytes b that stand for b / 255; the offset of entry i is `stride` ·
    /// `indices[i]`.
    fn scale_bytes = scale_bytes_body(
        _simd, entries: &mut [SparseEntry], indices: &[u16], bytes: &[u8], stride: u32,
    ) {
        for ((entry, &index), &byte) in entries.iter_mut().zip(indices).zip(bytes) {
            *entry = SparseEntry { offset: u32::from(index) * stride, value: number(byte) };
        }
    }
}

/// The value of a byte, from 0 (background) to 1 (ink), bit for bit as in a dense batch.
#[inline(always)]
fn number(byte: u8) -> Real {
    Real::from(byte) * Real::from(255_u8).recip()
}

/// Writes the entries of a group of values; the first value has index `first`.
#[inline(always)]
fn compress<S: Simd>(
    simd: S,
    values: &[Real; GROUP],
    first: usize,
    stride: usize,
    entries: &mut [SparseEntry],
) -> usize {
    let entries = entries.first_chunk_mut().expect("there is one entry per value");
    simd.compress(values, (first * stride) as u32, stride as u32, entries)
}

/// Appends the entries of the values after the last whole group; `len` is the number of all values.
#[inline(always)]
fn finish(
    rest: impl ExactSizeIterator<Item = Real>,
    len: usize,
    stride: usize,
    entries: &mut [SparseEntry],
    mut end: usize,
) -> usize {
    for (index, value) in (len - rest.len()..).zip(rest) {
        entries[end] = SparseEntry { offset: (index * stride) as u32, value };
        end += usize::from(value != 0.0);
    }
    end
}

#[cfg(test)]
mod tests;
