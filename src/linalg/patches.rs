//! Patches times weights: the forward pass of a convolution, without copying the patches out.

use super::cpu::{Cpu, selected};
use super::simd::{LANES, Simd, Vector, WideSimd, WideVector};
use super::{Real, kernel, wide_kernel};

/// Where the patches of an image lie. Patch (y, x) has `rows` runs of `run` numbers; its run r
/// begins at (y + r) · `stride` + x · `step`.
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
    /// The first number of a patch's run.
    #[inline(always)]
    pub(crate) fn offset(&self, y: usize, x: usize, row: usize) -> usize {
        (y + row) * self.stride + x * self.step
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.height * self.width
    }

    /// Where each begins, row by row.
    pub(crate) fn starts(&self) -> impl Iterator<Item = usize> {
        let row = move |y| (0..self.width).map(move |x| self.offset(y, x, 0));
        (0..self.height).flat_map(row)
    }

    /// Where they lie once [`unfold`] has written them one after the other, as one run each.
    pub(crate) fn unfolded(&self) -> Self {
        let size = self.rows * self.run;
        Self { height: 1, width: self.count(), rows: 1, run: size, stride: 0, step: size }
    }
}

/// Numbers that rows of [`patches_times_weights`] are padded to.
pub(crate) fn padded(columns: usize) -> usize {
    columns.next_multiple_of(LANES)
}

/// Columns, in vectors, of the bands that rows of `vectors` of them are worked on in; `widest` is
/// what there are registers for.
fn bands(vectors: usize, widest: usize) -> impl Iterator<Item = usize> {
    let mut left = vectors;
    std::iter::from_fn(move || {
        let band = if left == widest + 1 { left / 2 } else { left.min(widest) };
        left -= band;
        (band > 0).then_some(band)
    })
}

/// Vectors of the widest band for a processor with so many registers.
const fn widest_band(registers: usize) -> usize {
    if registers >= 32 { 6 } else { 3 }
}

/// Vectors of the widest band of the kernel that is selected.
fn selected_band() -> usize {
    match selected() {
        #[cfg(target_arch = "x86_64")]
        Cpu::Avx512(_) => widest_band(32),
        _ => widest_band(16),
    }
}

/// Puts weights of shape (rows · run, columns) into `packed`, band after band as
/// [`patches_times_weights`] reads them, columns padded with zeros to whole vectors.
pub(crate) fn pack_bands(weights: &[Real], columns: usize, packed: &mut Vec<Real>) {
    pack_bands_of(weights, columns, selected_band(), packed);
}

fn pack_bands_of(weights: &[Real], columns: usize, widest: usize, packed: &mut Vec<Real>) {
    packed.clear();
    let mut first = 0;
    for band in bands(padded(columns) / LANES, widest) {
        let end = first + band * LANES;
        for row in weights.chunks_exact(columns) {
            packed.extend_from_slice(&row[first..end.min(columns)]);
            packed.resize(packed.len() + end - end.min(columns), 0.0);
        }
        first = end;
    }
}

wide_kernel! {
    /// `out` = `biases` + patches · weights, patch after patch in rows of `biases.len()` numbers, a
    /// whole number of vectors; `packed` are the weights as [`pack_bands`] leaves them, `starts`
    /// where the patches begin.
    fn patches_times_weights(
        out: &mut [Real],
        image: &[Real],
        starts: &[usize],
        patches: Patches,
        packed: &[Real],
        biases: &[Real],
    ) = patches_times_weights_body
}

kernel! {
    /// Writes the patches of an image one after the other; for runs of less than a vector `out` goes
    /// on for a vector behind them, and so does the image.
    fn unfold(out: &mut [Real], image: &[Real], patches: Patches) = unfold_body
}

#[inline(always)]
fn unfold_body<S: Simd>(simd: S, out: &mut [Real], image: &[Real], patches: Patches) {
    let mut to = 0;
    for y in 0..patches.height {
        for x in 0..patches.width {
            for row in 0..patches.rows {
                let from = &image[patches.offset(y, x, row)..];
                if patches.run <= LANES {
                    // What is written too much is written over by the next run.
                    let values = from.first_chunk().expect("the image goes on for a vector");
                    let out = out[to..].first_chunk_mut().expect("so does the room");
                    simd.load(values).store(out);
                } else {
                    out[to..][..patches.run].copy_from_slice(&from[..patches.run]);
                }
                to += patches.run;
            }
        }
    }
}

kernel! {
    /// Copies rows of `columns` numbers without their padding: the first `kept` numbers of each.
    fn strip_padding(out: &mut [Real], kept: usize, rows: &[Real], columns: usize) =
        strip_padding_body
}

#[inline(always)]
fn strip_padding_body<S: Simd>(
    simd: S,
    out: &mut [Real],
    kept: usize,
    rows: &[Real],
    columns: usize,
) {
    for (out, row) in out.chunks_exact_mut(kept).zip(rows.chunks_exact(columns)) {
        if kept < LANES {
            out.copy_from_slice(&row[..kept]);
            continue;
        }
        for at in (0..kept).step_by(LANES) {
            let at = at.min(kept - LANES);
            let values = row[at..].first_chunk().expect("a row has a vector at least");
            let out = out[at..].first_chunk_mut().expect("a row has a vector at least");
            simd.load(values).store(out);
        }
    }
}

#[inline(always)]
fn patches_times_weights_body<S: WideSimd>(
    simd: S,
    out: &mut [Real],
    image: &[Real],
    starts: &[usize],
    patches: Patches,
    packed: &[Real],
    biases: &[Real],
) {
    let size = patches.rows * patches.run;
    let mut first = 0;
    for band in bands(biases.len() / LANES, widest_band(S::REGISTERS)) {
        let weights = packed[first * size..][..band * LANES * size].as_chunks().0;
        let job = Job { simd, image, starts, patches, weights, biases, first };
        // Tiles that fill the registers, beside a vector of each column's weights and a number of
        // the image.
        match (band, S::REGISTERS >= 32) {
            (1, _) => job.run::<1, 0, 1, 8>(out),
            (2, true) => job.run::<2, 1, 0, 8>(out),
            (2, false) => job.run::<2, 1, 0, 6>(out),
            (3, true) => job.run::<3, 1, 1, 8>(out),
            (3, false) => job.run::<3, 1, 1, 3>(out),
            (4, _) => job.run::<4, 2, 0, 8>(out),
            (5, _) => job.run::<5, 2, 1, 8>(out),
            _ => job.run::<6, 3, 0, 8>(out),
        }
        first += band * LANES;
    }
}

/// Weights that leave room for the image in the first cache: 20 KiB of single precision.
const FIRST_CACHE: usize = 5120;

/// One band of columns of all patches.
struct Job<'a, S> {
    simd: S,
    image: &'a [Real],
    starts: &'a [usize],
    patches: Patches,
    weights: &'a [[Real; LANES]],
    biases: &'a [Real],
    /// The band's first column.
    first: usize,
}

/// Sums of a patch: pairs of vectors, and one vector where their number is odd. One copy of a number
/// of the image is a factor for all of them.
#[derive(Clone, Copy)]
struct Sums<V: WideVector, const PAIRS: usize, const ODD: usize> {
    pairs: [V; PAIRS],
    odd: [V::Half; ODD],
}

impl<V: WideVector, const PAIRS: usize, const ODD: usize> Sums<V, PAIRS, ODD> {
    #[inline(always)]
    fn load<S: WideSimd<Vector = V, Half = V::Half>>(simd: S, vectors: &[[Real; LANES]]) -> Self {
        let zero = simd.splat(0.0);
        let mut sums = Self { pairs: [zero; PAIRS], odd: [zero.half(); ODD] };
        for (sum, values) in sums.pairs.iter_mut().zip(vectors.as_chunks().0) {
            *sum = simd.load(values);
        }
        for (sum, values) in sums.odd.iter_mut().zip(&vectors[2 * PAIRS..]) {
            *sum = simd.load_half(values);
        }
        sums
    }

    #[inline(always)]
    fn store(self, vectors: &mut [[Real; LANES]]) {
        let (pairs, odd) = vectors.split_at_mut(2 * PAIRS);
        for (values, sum) in pairs.as_chunks_mut().0.iter_mut().zip(self.pairs) {
            sum.store(values);
        }
        for (values, sum) in odd.iter_mut().zip(self.odd) {
            sum.store(values);
        }
    }

    /// Adds `factor` · `weights`.
    #[inline(always)]
    fn add(&mut self, factor: V, weights: &Self) {
        for (sum, weights) in self.pairs.iter_mut().zip(weights.pairs) {
            *sum = weights.multiply_add(factor, *sum);
        }
        for (sum, weights) in self.odd.iter_mut().zip(weights.odd) {
            *sum = weights.multiply_add(factor.half(), *sum);
        }
    }
}

impl<S: WideSimd> Job<'_, S> {
    /// A band of `WIDE` vectors, so many `PAIRS` and an `ODD` one, `TALL` patches at a time.
    #[inline(always)]
    fn run<const WIDE: usize, const PAIRS: usize, const ODD: usize, const TALL: usize>(
        &self,
        out: &mut [Real],
    ) {
        // As many runs of all patches at a time as have weights that stay in the first cache.
        let size = self.patches.run * WIDE * LANES;
        let at_once = (FIRST_CACHE / size.max(1)).clamp(1, self.patches.rows);
        for row in (0..self.patches.rows).step_by(at_once) {
            let rows = row..self.patches.rows.min(row + at_once);
            let count = self.starts.len();
            let mut patch = 0;
            while patch + TALL <= count {
                self.tile::<WIDE, PAIRS, ODD, TALL>(out, patch, rows.clone());
                patch += TALL;
            }
            while TALL > 4 && patch + 4 <= count {
                self.tile::<WIDE, PAIRS, ODD, 4>(out, patch, rows.clone());
                patch += 4;
            }
            for patch in patch..count {
                self.tile::<WIDE, PAIRS, ODD, 1>(out, patch, rows.clone());
            }
        }
    }

    /// Runs `rows` of patches `patch..patch + TALL`.
    #[inline(always)]
    fn tile<const WIDE: usize, const PAIRS: usize, const ODD: usize, const TALL: usize>(
        &self,
        out: &mut [Real],
        patch: usize,
        rows: std::ops::Range<usize>,
    ) {
        let Patches { run, stride, .. } = self.patches;
        let simd = self.simd;
        let starts: &[usize; TALL] = self.starts[patch..].first_chunk().expect("so many patches");
        let band = |offset: usize| {
            let first = (patch + offset) * self.biases.len() + self.first;
            first..first + WIDE * LANES
        };
        let biases = &self.biases[self.first..][..WIDE * LANES];
        let mut sums = [Sums::<S::Vector, PAIRS, ODD>::load(simd, biases.as_chunks().0); TALL];
        // The first runs begin with the biases, the others go on.
        if rows.start > 0 {
            for (offset, sums) in sums.iter_mut().enumerate() {
                *sums = Sums::load(simd, out[band(offset)].as_chunks().0);
            }
        }
        for row in rows {
            let mut images: [&[Real]; TALL] = [&[]; TALL];
            for (image, start) in images.iter_mut().zip(starts) {
                *image = &self.image[start + row * stride..][..run];
            }
            let weights = &self.weights[row * run * WIDE..][..run * WIDE];
            for (k, weights) in weights.as_chunks::<WIDE>().0.iter().enumerate() {
                let weights = Sums::load(simd, weights);
                for (sums, image) in sums.iter_mut().zip(images) {
                    // SAFETY: there are weights for `run` numbers, and every image has as many.
                    sums.add(simd.splat(unsafe { *image.get_unchecked(k) }), &weights);
                }
            }
        }
        for (offset, sums) in sums.into_iter().enumerate() {
            sums.store(out[band(offset)].as_chunks_mut().0);
        }
    }
}

#[cfg(test)]
mod tests;
