//! Prefetching of memory into the cache.

use super::Real;
use super::row::ColumnBand;
use super::simd::LANES;

/// Rows to prefetch, from column `first` on, while a kernel works on other rows; none if `values`
/// is empty.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowPrefetch<'a> {
    pub(crate) values: &'a [Real],
    /// The distance between the starts of consecutive rows.
    pub(crate) stride: usize,
    pub(crate) first: usize,
}

impl RowPrefetch<'_> {
    pub(crate) const NOTHING: Self = Self { values: &[], stride: 1, first: 0 };

    /// Prefetches a band of every `step`th row from `row` on; `step` calls cover all rows.
    #[inline(always)]
    pub(super) fn fetch(self, row: usize, step: usize, band: ColumnBand) {
        let begin = self.first + band.first;
        for row in self.values.chunks_exact(self.stride).skip(row).step_by(step) {
            row[begin..begin + band.len].chunks(2 * LANES).for_each(fetch);
        }
    }
}

/// Prefetches a cache line into the L2 cache.
#[inline(always)]
fn fetch(line: &[Real]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: a prefetch is a hint without side effects, and the address is valid.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}
