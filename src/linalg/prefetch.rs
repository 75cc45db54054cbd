//! Asking for memory before it is needed.

use super::Real;
use super::row::Band;
use super::simd::LANES;

/// Columns, from `first` on, of rows that are wanted next, to be fetched while the rows before them
/// are worked on; nothing where there are no values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prefetch<'a> {
    pub(crate) values: &'a [Real],
    /// How far apart the rows begin.
    pub(crate) stride: usize,
    pub(crate) first: usize,
}

impl Prefetch<'_> {
    pub(crate) const NOTHING: Self = Self { values: &[], stride: 1, first: 0 };

    /// Asks for a band of every `step`th row from `row` on: in that many calls for all rows.
    #[inline(always)]
    pub(super) fn fetch(self, row: usize, step: usize, band: Band) {
        let begin = self.first + band.first;
        for row in self.values.chunks_exact(self.stride).skip(row).step_by(step) {
            row[begin..begin + band.len].chunks(2 * LANES).for_each(fetch);
        }
    }
}

/// Asks for a line of the cache to be in the second cache soon.
#[inline(always)]
fn fetch(line: &[Real]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: a hint that reads nothing, of an address that is there.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}
