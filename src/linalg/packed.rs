//! Rows that begin where a line of the processor's cache does.

use super::lanes::LANES;
use crate::nn::Real;

/// Rows of any length, each padded to whole vectors. What crosses the border between two lines of
/// the cache takes twice as long to load, and longer yet to store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packed {
    lines: Vec<Line>,
    /// How far apart the rows begin that it was filled with.
    stride: usize,
}

/// A line of the cache.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
struct Line([[Real; LANES]; 2]);

impl Packed {
    /// How far apart the rows begin that it was filled with.
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// Room for so many numbers; what they are is left over from before.
    pub(crate) fn room(&mut self, numbers: usize) -> &mut [Real] {
        let count = numbers.div_ceil(2 * LANES);
        if self.lines.len() < count {
            self.lines.resize(count, Line::default());
        }
        &mut self.values_mut()[..numbers]
    }

    /// Takes the rows of `width` numbers that lie side by side in `values`: each begins with a line
    /// of the cache, or, unless `lines`, in the middle of one, which makes less of them.
    pub(crate) fn fill(&mut self, values: &[Real], width: usize, lines: bool) {
        let stride = width.next_multiple_of(if lines { 2 * LANES } else { LANES });
        self.stride = stride;
        let count = (values.len() / width * stride).div_ceil(2 * LANES);
        self.lines.clear();
        self.lines.resize(count, Line::default());
        for (to, from) in self.values_mut().chunks_mut(stride).zip(values.chunks_exact(width)) {
            to[..width].copy_from_slice(from);
        }
    }

    /// Gives the rows of `width` numbers back.
    pub(crate) fn copy_to(&self, values: &mut [Real], width: usize) {
        let rows = self.values().chunks(self.stride);
        for (to, from) in values.chunks_exact_mut(width).zip(rows) {
            to.copy_from_slice(&from[..width]);
        }
    }

    /// All numbers, padding and all.
    pub(crate) fn values(&self) -> &[Real] {
        let numbers = self.lines.len() * 2 * LANES;
        // SAFETY: a line is an array of so many numbers and nothing else, for it is `repr(C)` and
        // as large as its alignment.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), numbers) }
    }

    /// [`Packed::values`], to be changed.
    pub(crate) fn values_mut(&mut self) -> &mut [Real] {
        let numbers = self.lines.len() * 2 * LANES;
        // SAFETY: as in `values`.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), numbers) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_were() {
        for (width, lines) in [1, 7, 8, 30, 100].into_iter().zip([true, false].into_iter().cycle())
        {
            let values: Vec<Real> = (0..5 * width).map(|value| value as Real).collect();
            let mut packed = Packed::default();
            packed.fill(&values, width, lines);
            assert_eq!(packed.values().as_ptr().addr() % 64, 0);
            let third = &packed.values()[2 * packed.stride()..][..width];
            assert_eq!(third, &values[2 * width..3 * width]);
            let mut back = vec![0.0; values.len()];
            packed.copy_to(&mut back, width);
            assert_eq!(back, values);
        }
    }
}
