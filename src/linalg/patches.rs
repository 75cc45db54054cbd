//! Patches times weights: the forward pass of a convolution, without copying the patches.

use super::matrix::Matrix;
use super::row::Vectors;
use super::simd::{LANES, WideSimd};
use super::{Real, wide_kernel};
use std::ops::Range;

/// The layout of the `height` × `width` patches of an image. Patch (y, x) has `rows` runs of `run`
/// contiguous numbers; run r starts at (y + r) · `stride` + x · `step`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patches {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) rows: usize,
    pub(crate) run: usize,
    pub(crate) stride: usize,
    pub(crate) step: usize,
}

impl Patches {
    /// The index of the first number of a run.
    #[inline(always)]
    pub(crate) fn offset(&self, y: usize, x: usize, row: usize) -> usize {
        (y + row) * self.stride + x * self.step
    }

    /// Number of patches.
    pub(crate) fn count(&self) -> usize {
        self.height * self.width
    }

    /// The index of the first number of each patch, row by row.
    pub(crate) fn starts(&self) -> impl Iterator<Item = usize> {
        let row = move |y| (0..self.width).map(move |x| self.offset(y, x, 0));
        (0..self.height).flat_map(row)
    }

    /// The numbers of a patch: their indices relative to its first, in order.
    pub(crate) fn offsets(&self) -> impl Iterator<Item = usize> {
        let row = move |row| (0..self.run).map(move |k| row * self.stride + k);
        (0..self.rows).flat_map(row)
    }
}

/// Divides columns into bands of at most `widest` vectors, as many as the registers allow; yields
/// the number of vectors of each band.
fn bands(columns: usize, widest: usize) -> impl Iterator<Item = usize> {
    let mut left = columns.div_ceil(LANES);
    std::iter::from_fn(move || {
        let band = if left == widest + 1 { left / 2 } else { left.min(widest) };
        left -= band;
        (band > 0).then_some(band)
    })
}

wide_kernel! {
    /// `out` = `biases` + patches · weights, shape (patches, columns), with one bias per column.
    /// See [`Patches::starts`] and [`Patches::offsets`].
    fn patches_times_weights = patches_times_weights_body(
        simd,
        out: &mut [Real],
        image: &[Real],
        starts: &[usize],
        offsets: &[usize],
        weights: &Matrix,
        biases: &[Real],
    ) {
        let (weights, stride) = (weights.padded(), weights.stride());
        let reach = offsets.iter().fold(0, |reach, offset| reach.max(offset + 1));
        let many_registers = S::REGISTERS >= 32;
        let mut first = 0;
        for band in bands(biases.len(), if many_registers { 6 } else { 3 }) {
            let end = biases.len().min(first + band * LANES);
            let columns = first..end;
            let job =
                PatchJob { simd, image, starts, offsets, reach, weights, stride, biases, columns };
            // The third constant is the number of patches whose sums fit into the registers, beside
            // the weights and a pixel. With 16 registers, six patches of two vectors would fit too,
            // but the compiler spills one of the sums.
            match (band, many_registers) {
                (1, _) => job.run::<0, 1, 8>(out),
                (2, true) => job.run::<1, 0, 8>(out),
                (2, false) => job.run::<1, 0, 5>(out),
                (3, true) => job.run::<1, 1, 8>(out),
                (3, false) => job.run::<1, 1, 3>(out),
                (4, _) => job.run::<2, 0, 8>(out),
                (5, _) => job.run::<2, 1, 8>(out),
                _ => job.run::<3, 0, 8>(out),
            }
            first = end;
        }
    }
}

/// Number of weights that fit into the L1 cache beside the image: 20 KiB in single precision.
const L1_WEIGHTS: usize = 5120;

/// A band of columns of all patches.
struct PatchJob<'a, S> {
    simd: S,
    image: &'a [Real],
    starts: &'a [usize],
    offsets: &'a [usize],
    /// Length of the part of the image from the first number of a patch to its last.
    reach: usize,
    weights: &'a [Real],
    stride: usize,
    biases: &'a [Real],
    columns: Range<usize>,
}

impl<S: WideSimd> PatchJob<'_, S> {
    /// Processes `TALL` patches at a time; `PAIRS` and `ODD` are the vectors of the band.
    #[inline(always)]
    fn run<const PAIRS: usize, const ODD: usize, const TALL: usize>(&self, out: &mut [Real]) {
        let biases = Vectors::load_part(self.simd, &self.biases[self.columns.clone()]);
        // Process the numbers of a patch in chunks whose weights fit into the L1 cache.
        let at_once = L1_WEIGHTS / ((2 * PAIRS + ODD) * LANES);
        for first in (0..self.offsets.len()).step_by(at_once) {
            let numbers = first..self.offsets.len().min(first + at_once);
            let count = self.starts.len();
            let mut patch = 0;
            while patch + TALL <= count {
                self.tile::<PAIRS, ODD, TALL>(out, patch, numbers.clone(), biases);
                patch += TALL;
            }
            while TALL > 4 && patch + 4 <= count {
                self.tile::<PAIRS, ODD, 4>(out, patch, numbers.clone(), biases);
                patch += 4;
            }
            for patch in patch..count {
                self.tile::<PAIRS, ODD, 1>(out, patch, numbers.clone(), biases);
            }
        }
    }

    /// Adds the products for `numbers`, a range of the offsets, of patches `patch..patch + TALL`.
    #[inline(always)]
    fn tile<const PAIRS: usize, const ODD: usize, const TALL: usize>(
        &self,
        out: &mut [Real],
        patch: usize,
        numbers: Range<usize>,
        biases: Vectors<S, PAIRS, ODD>,
    ) {
        let (simd, width, columns) = (self.simd, self.biases.len(), &self.columns);
        let starts: &[usize; TALL] =
            self.starts[patch..].first_chunk().expect("there are TALL patches");
        let mut images: [&[Real]; TALL] = [&[]; TALL];
        for (image, start) in images.iter_mut().zip(starts) {
            *image = &self.image[*start..][..self.reach];
        }
        let out = &mut out[patch * width..][..TALL * width];
        let mut sums = [biases; TALL];
        // Sums start from the biases; later numbers continue the sums in `out`.
        if numbers.start > 0 {
            for (sums, out) in sums.iter_mut().zip(out.chunks_exact(width)) {
                *sums = Vectors::load_part(simd, &out[columns.clone()]);
            }
        }
        let weights = self.weights[numbers.start * self.stride..].chunks_exact(self.stride);
        for (&offset, weights) in self.offsets[numbers].iter().zip(weights) {
            let weights = weights[columns.start..][..(2 * PAIRS + ODD) * LANES].as_chunks().0;
            let weights = Vectors::load(simd, weights);
            for (sums, image) in sums.iter_mut().zip(images) {
                // SAFETY: `reach`, the length of these slices, is above every offset.
                sums.add_times(simd.splat(unsafe { *image.get_unchecked(offset) }), &weights);
            }
        }
        for (sums, out) in sums.into_iter().zip(out.chunks_exact_mut(width)) {
            sums.store_part(&mut out[columns.clone()]);
        }
    }
}

#[cfg(test)]
mod tests;
