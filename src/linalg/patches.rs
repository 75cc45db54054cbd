//! Patches times weights: the forward pass of a convolution, without copying the patches.

use super::matrix::Matrix;
use super::row::Vectors;
use super::simd::{LANES, Vector, WideSimd};
use super::{Real, kernel, wide_kernel};
use std::ops::Range;

/// The layout of the patches of an image. Patch (y, x) has `rows` runs of `run` contiguous numbers;
/// run r starts at (y + r) · `stride` + x · `step`.
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

    /// The layout of the patches after [`unfold`]: contiguous, each a single run.
    pub(crate) fn unfolded(&self) -> Self {
        let size = self.rows * self.run;
        Self { height: 1, width: self.count(), rows: 1, run: size, stride: 0, step: size }
    }
}

/// Divides columns into bands of at most `widest` vectors, limited by the registers; yields the
/// number of vectors of each.
fn bands(columns: usize, widest: usize) -> impl Iterator<Item = usize> {
    let mut left = columns.div_ceil(LANES);
    std::iter::from_fn(move || {
        let band = if left == widest + 1 { left / 2 } else { left.min(widest) };
        left -= band;
        (band > 0).then_some(band)
    })
}

wide_kernel! {
    /// `out` = `biases` + patches · weights, shape (patches, biases). `starts` are the start
    /// indices of the patches.
    fn patches_times_weights = patches_times_weights_body(
        simd,
        out: &mut [Real],
        image: &[Real],
        starts: &[usize],
        patches: Patches,
        weights: &Matrix,
        biases: &[Real],
    ) {
        let (weights, stride) = (weights.padded(), weights.stride());
        let many_registers = S::REGISTERS >= 32;
        let mut first = 0;
        for band in bands(biases.len(), if many_registers { 6 } else { 3 }) {
            let end = biases.len().min(first + band * LANES);
            let job =
                Job { simd, image, starts, patches, weights, stride, biases, columns: first..end };
            // As many patches as have room for their sums in the registers, beside the weights and a
            // pixel. Six patches of two vectors would fit too, but the compiler keeps a sum in memory.
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

kernel! {
    /// Copies the patches of an image one after another. If runs are shorter than a vector, `out`
    /// and `image` must be one vector longer than their contents.
    fn unfold = unfold_body(simd, out: &mut [Real], image: &[Real], patches: Patches) {
        let mut to = 0;
        for y in 0..patches.height {
            for x in 0..patches.width {
                for row in 0..patches.rows {
                    let from = &image[patches.offset(y, x, row)..];
                    if patches.run <= LANES {
                        // Values copied beyond the run are overwritten by the next one.
                        let values = from.first_chunk().expect("the image is padded by one vector");
                        let out = out[to..].first_chunk_mut().expect("the output is padded, too");
                        simd.load(values).store(out);
                    } else {
                        out[to..][..patches.run].copy_from_slice(&from[..patches.run]);
                    }
                    to += patches.run;
                }
            }
        }
    }
}

/// Number of weights that fit into the L1 cache beside the image: 20 KiB in single precision.
const FIRST_CACHE: usize = 5120;

/// A band of columns of all patches.
struct Job<'a, S> {
    simd: S,
    image: &'a [Real],
    starts: &'a [usize],
    patches: Patches,
    weights: &'a [Real],
    stride: usize,
    biases: &'a [Real],
    columns: Range<usize>,
}

impl<S: WideSimd> Job<'_, S> {
    /// Processes `TALL` patches at a time; `PAIRS` and `ODD` are the vectors of the band.
    #[inline(always)]
    fn run<const PAIRS: usize, const ODD: usize, const TALL: usize>(&self, out: &mut [Real]) {
        let biases = Vectors::load_part(self.simd, &self.biases[self.columns.clone()]);
        // Process as many runs at a time as have weights that fit into the L1 cache.
        let size = self.patches.run * (2 * PAIRS + ODD) * LANES;
        let at_once = (FIRST_CACHE / size.max(1)).clamp(1, self.patches.rows);
        for row in (0..self.patches.rows).step_by(at_once) {
            let rows = row..self.patches.rows.min(row + at_once);
            let count = self.starts.len();
            let mut patch = 0;
            while patch + TALL <= count {
                self.tile::<PAIRS, ODD, TALL>(out, patch, rows.clone(), biases);
                patch += TALL;
            }
            while TALL > 4 && patch + 4 <= count {
                self.tile::<PAIRS, ODD, 4>(out, patch, rows.clone(), biases);
                patch += 4;
            }
            for patch in patch..count {
                self.tile::<PAIRS, ODD, 1>(out, patch, rows.clone(), biases);
            }
        }
    }

    /// Adds the runs `rows` of patches `patch..patch + TALL`.
    #[inline(always)]
    fn tile<const PAIRS: usize, const ODD: usize, const TALL: usize>(
        &self,
        out: &mut [Real],
        patch: usize,
        rows: Range<usize>,
        biases: Vectors<S, PAIRS, ODD>,
    ) {
        let Patches { run, stride, .. } = self.patches;
        let (simd, width, columns) = (self.simd, self.biases.len(), &self.columns);
        let starts: &[usize; TALL] =
            self.starts[patch..].first_chunk().expect("there are TALL patches");
        let out = &mut out[patch * width..][..TALL * width];
        let mut sums = [biases; TALL];
        // Sums start from the biases; later runs continue the sums in `out`.
        if rows.start > 0 {
            for (sums, out) in sums.iter_mut().zip(out.chunks_exact(width)) {
                *sums = Vectors::load_part(simd, &out[columns.clone()]);
            }
        }
        for row in rows {
            let mut images: [&[Real]; TALL] = [&[]; TALL];
            for (image, start) in images.iter_mut().zip(starts) {
                *image = &self.image[start + row * stride..][..run];
            }
            let weights = self.weights[row * run * self.stride..].chunks_exact(self.stride);
            for (k, weights) in weights.take(run).enumerate() {
                let weights = weights[columns.start..][..(2 * PAIRS + ODD) * LANES].as_chunks().0;
                let weights = Vectors::load(simd, weights);
                for (sums, image) in sums.iter_mut().zip(images) {
                    // SAFETY: k < `run`, and every slice of the image has `run` numbers.
                    sums.add_times(simd.splat(unsafe { *image.get_unchecked(k) }), &weights);
                }
            }
        }
        for (sums, out) in sums.into_iter().zip(out.chunks_exact_mut(width)) {
            sums.store_part(&mut out[columns.clone()]);
        }
    }
}

#[cfg(test)]
mod tests;
