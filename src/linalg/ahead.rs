//! Asking for memory before it is needed.

use super::lanes::LANES;
use super::row::Band;
use crate::nn::Real;

/// Columns, from `first` on, of rows side by side that are wanted next; none where there are no
/// values. Their way to the cache is as long as a product with the rows before them takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ahead<'a> {
    pub(crate) values: &'a [Real],
    /// How far apart the rows begin.
    pub(crate) pitch: usize,
    pub(crate) first: usize,
}

impl Ahead<'_> {
    pub(crate) const NOTHING: Self = Self { values: &[], pitch: 1, first: 0 };

    /// Asks for a band of every `step`th row from `row` on: all are asked for when a band was gone
    /// through in that many steps.
    #[inline(always)]
    pub(super) fn fetch(self, row: usize, step: usize, band: Band) {
        let begin = self.first + band.first;
        for row in self.values.chunks_exact(self.pitch).skip(row).step_by(step) {
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
