//! Patches times weights: the forward pass of a convolution, without copying the patches out.

use super::kernel;
use super::lanes::{LANES, Lanes};
use crate::nn::Real;

/// Where the patches of an image lie. Patch (y, x) has `rows` runs of `run` numbers; its run r
/// begins at (y + r) · `pitch` + x · `step`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patches {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) rows: usize,
    pub(crate) run: usize,
    pub(crate) pitch: usize,
    pub(crate) step: usize,
}

impl Patches {
    /// The first number of a patch's run.
    #[inline(always)]
    pub(crate) fn offset(&self, y: usize, x: usize, row: usize) -> usize {
        (y + row) * self.pitch + x * self.step
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
        Self { height: 1, width: self.count(), rows: 1, run: size, pitch: 0, step: size }
    }
}

/// Numbers that rows of [`patches_times_weights`] are padded to.
pub(crate) fn padded(columns: usize) -> usize {
    columns.next_multiple_of(LANES)
}

/// Vectors of the bands that rows of `vectors` of them are worked on in.
fn bands(vectors: usize) -> impl Iterator<Item = usize> {
    let mut left = vectors;
    std::iter::from_fn(move || {
        let wide = if left == 4 { 2 } else { left.min(3) };
        left -= wide;
        (wide > 0).then_some(wide)
    })
}

/// Puts weights of shape (rows · run, columns) into `packed`, band after band, columns padded with
/// zeros to whole vectors.
pub(crate) fn pack_bands(weights: &[Real], columns: usize, packed: &mut Vec<Real>) {
    packed.clear();
    let mut first = 0;
    for wide in bands(padded(columns) / LANES) {
        let end = first + wide * LANES;
        for row in weights.chunks_exact(columns) {
            packed.extend_from_slice(&row[first..end.min(columns)]);
            packed.resize(packed.len() + end - end.min(columns), 0.0);
        }
        first = end;
    }
}

kernel! {
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
    ) = body
}

kernel! {
    /// Writes the patches of an image one after the other; for runs of less than a vector `out` goes
    /// on for a vector behind them, and so does the image.
    fn unfold(out: &mut [Real], image: &[Real], patches: Patches) = unfold_body
}

#[inline(always)]
fn unfold_body<V: Lanes>(out: &mut [Real], image: &[Real], patches: Patches) {
    let mut to = 0;
    for y in 0..patches.height {
        for x in 0..patches.width {
            for row in 0..patches.rows {
                let from = &image[patches.offset(y, x, row)..];
                if patches.run <= LANES {
                    // What is written too much is written over by the next run.
                    let values = from.first_chunk().expect("the image goes on");
                    V::load(values).store(out[to..].first_chunk_mut().expect("so does the room"));
                } else {
                    out[to..][..patches.run].copy_from_slice(&from[..patches.run]);
                }
                to += patches.run;
            }
        }
    }
}

kernel! {
    /// Rows of `columns` numbers without their padding: `out` in rows of `kept`.
    fn strip(out: &mut [Real], kept: usize, rows: &[Real], columns: usize) = strip_body
}

#[inline(always)]
fn strip_body<V: Lanes>(out: &mut [Real], kept: usize, rows: &[Real], columns: usize) {
    for (out, row) in out.chunks_exact_mut(kept).zip(rows.chunks_exact(columns)) {
        if kept < LANES {
            out.copy_from_slice(&row[..kept]);
            continue;
        }
        for at in (0..kept).step_by(LANES) {
            let at = at.min(kept - LANES);
            let values = row[at..].first_chunk().expect("rows are a vector at least");
            V::load(values).store(out[at..].first_chunk_mut().expect("rows are a vector at least"));
        }
    }
}

#[inline(always)]
fn body<V: Lanes>(
    out: &mut [Real],
    image: &[Real],
    starts: &[usize],
    patches: Patches,
    packed: &[Real],
    biases: &[Real],
) {
    let size = patches.rows * patches.run;
    let mut first = 0;
    for wide in bands(biases.len() / LANES) {
        let weights = packed[first * size..][..wide * LANES * size].as_chunks().0;
        let job = Job { image, starts, patches, weights, biases, first };
        // Tiles of twelve vectors: as many as there are registers.
        match wide {
            1 => job.run::<V, 1, 8>(out),
            2 => job.run::<V, 2, 6>(out),
            _ => job.run::<V, 3, 4>(out),
        }
        first += wide * LANES;
    }
}

/// Weights that leave room for the image in the nearest cache: 20 KiB of single precision.
const NEAR: usize = 5120;

/// One band of columns of all patches.
struct Job<'a> {
    image: &'a [Real],
    starts: &'a [usize],
    patches: Patches,
    weights: &'a [[Real; LANES]],
    biases: &'a [Real],
    /// The band's first column.
    first: usize,
}

impl Job<'_> {
    #[inline(always)]
    fn run<V: Lanes, const WIDE: usize, const TALL: usize>(&self, out: &mut [Real]) {
        // As many runs of all patches at a time as have weights that stay in the nearest cache.
        let size = self.patches.run * WIDE * LANES;
        let at_once = (NEAR / size.max(1)).clamp(1, self.patches.rows);
        for row in (0..self.patches.rows).step_by(at_once) {
            let rows = row..self.patches.rows.min(row + at_once);
            let count = self.starts.len();
            let mut patch = 0;
            while patch + TALL <= count {
                self.tile::<V, WIDE, TALL>(out, patch, rows.clone());
                patch += TALL;
            }
            while patch + 4 <= count {
                self.tile::<V, WIDE, 4>(out, patch, rows.clone());
                patch += 4;
            }
            for patch in patch..count {
                self.tile::<V, WIDE, 1>(out, patch, rows.clone());
            }
        }
    }

    /// Runs `rows` of patches `patch..patch + TALL`.
    #[inline(always)]
    fn tile<V: Lanes, const WIDE: usize, const TALL: usize>(
        &self,
        out: &mut [Real],
        patch: usize,
        rows: std::ops::Range<usize>,
    ) {
        let Patches { run, pitch, .. } = self.patches;
        let starts: &[usize; TALL] = self.starts[patch..].first_chunk().expect("so many patches");
        let mut sums = [[V::splat(0.0); WIDE]; TALL];
        for (offset, sums) in sums.iter_mut().enumerate() {
            // The first runs begin with the biases, the others go on.
            let from = if rows.start == 0 {
                &self.biases[self.first..]
            } else {
                &out[(patch + offset) * self.biases.len() + self.first..]
            };
            for (sum, values) in sums.iter_mut().zip(from.as_chunks().0) {
                *sum = V::load(values);
            }
        }
        for row in rows {
            let mut images: [&[Real]; TALL] = [&[]; TALL];
            for (image, start) in images.iter_mut().zip(starts) {
                *image = &self.image[start + row * pitch..][..run];
            }
            let weights = &self.weights[row * run * WIDE..][..run * WIDE];
            for (k, weights) in weights.as_chunks::<WIDE>().0.iter().enumerate() {
                let mut loaded = [V::splat(0.0); WIDE];
                for (loaded, weights) in loaded.iter_mut().zip(weights) {
                    *loaded = V::load(weights);
                }
                for (sums, image) in sums.iter_mut().zip(images) {
                    // SAFETY: there are weights for `run` numbers, and every image has as many.
                    let value = V::splat(unsafe { *image.get_unchecked(k) });
                    for (sum, weights) in sums.iter_mut().zip(loaded) {
                        *sum = weights.multiply_add(value, *sum);
                    }
                }
            }
        }
        for (offset, sums) in sums.iter().enumerate() {
            let out = &mut out[(patch + offset) * self.biases.len() + self.first..];
            for (values, sum) in out.as_chunks_mut().0.iter_mut().zip(sums) {
                sum.store(values);
            }
        }
    }
}
