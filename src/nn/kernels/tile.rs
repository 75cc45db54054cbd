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
}

kernel! {
    /// `out` = `biases` + patches · `weights`, patch after patch in rows of `columns` numbers, a
    /// whole number of vectors; `weights` of shape (rows · run, columns).
    fn patches_times_weights(
        out: &mut [Real],
        image: &[Real],
        patches: Patches,
        weights: &[Real],
        biases: &[Real],
    ) = body
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

/// Numbers that rows of [`patches_times_weights`] are padded to.
pub(crate) fn padded(columns: usize) -> usize {
    columns.next_multiple_of(LANES)
}

#[inline(always)]
fn body<V: Lanes>(
    out: &mut [Real],
    image: &[Real],
    patches: Patches,
    weights: &[Real],
    biases: &[Real],
) {
    let columns = biases.len();
    let vectors = columns / LANES;
    let size = patches.run * columns;
    // As many runs of all patches at a time as have weights that stay in the nearest cache.
    let at_once = (NEAR / size.max(1)).clamp(1, patches.rows);
    for row in (0..patches.rows).step_by(at_once) {
        let rows = at_once.min(patches.rows - row);
        let weights = &weights[row * size..][..rows * size];
        let mut first = 0;
        while first < vectors {
            let job = Job { image, patches, row, weights, biases, columns, first };
            // Tiles of about twelve vectors: as many as there are registers.
            match vectors - first {
                1 => job.run::<V, 1, 8>(out),
                2 => job.run::<V, 2, 6>(out),
                3 => job.run::<V, 3, 4>(out),
                4 => job.run::<V, 4, 3>(out),
                5 => job.run::<V, 5, 2>(out),
                _ => job.run::<V, 6, 2>(out),
            }
            first += (vectors - first).min(6);
        }
    }
}

/// Weights that leave room for the image in the nearest cache: 16 KiB of single precision.
const NEAR: usize = 4096;

/// A few runs of all patches, one band of columns.
struct Job<'a> {
    image: &'a [Real],
    patches: Patches,
    row: usize,
    weights: &'a [Real],
    biases: &'a [Real],
    columns: usize,
    /// The band's first vector.
    first: usize,
}

impl Job<'_> {
    #[inline(always)]
    fn run<V: Lanes, const WIDE: usize, const TALL: usize>(&self, out: &mut [Real]) {
        let count = self.patches.height * self.patches.width;
        let mut patch = 0;
        while patch + TALL <= count {
            self.tile::<V, WIDE, TALL>(out, patch);
            patch += TALL;
        }
        for patch in patch..count {
            self.tile::<V, WIDE, 1>(out, patch);
        }
    }

    #[inline(always)]
    fn tile<V: Lanes, const WIDE: usize, const TALL: usize>(&self, out: &mut [Real], patch: usize) {
        let at = self.first * LANES;
        let run = self.patches.run;
        let width = self.patches.width;
        let starts: [usize; TALL] = std::array::from_fn(|offset| {
            let (y, x) = ((patch + offset) / width, (patch + offset) % width);
            self.patches.offset(y, x, self.row)
        });
        let biases = vectors::<WIDE>(&self.biases[at..]);
        let biases: [V; WIDE] = std::array::from_fn(|column| V::load(&biases[column]));
        let mut sums = [biases; TALL];
        for (offset, sums) in sums.iter_mut().enumerate() {
            // The first runs begin with the biases, the others go on.
            if self.row == 0 {
                break;
            }
            let out = vectors::<WIDE>(&out[(patch + offset) * self.columns + at..]);
            *sums = std::array::from_fn(|column| V::load(&out[column]));
        }
        for (row, weights) in self.weights.chunks_exact(run * self.columns).enumerate() {
            let images: [&[Real]; TALL] = std::array::from_fn(|offset| {
                &self.image[starts[offset] + row * self.patches.pitch..][..run]
            });
            for (k, weights) in weights.chunks_exact(self.columns).enumerate() {
                let weights: &[[Real; LANES]; WIDE] = vectors(&weights[at..]);
                let weights: [V; WIDE] = std::array::from_fn(|column| V::load(&weights[column]));
                for (sums, image) in sums.iter_mut().zip(images) {
                    let value = V::splat(image[k]);
                    for (sum, weights) in sums.iter_mut().zip(weights) {
                        *sum = weights.multiply_add(value, *sum);
                    }
                }
            }
        }
        for (offset, sums) in sums.iter().enumerate() {
            let out = out[(patch + offset) * self.columns + at..].as_chunks_mut().0;
            for (values, sum) in out.iter_mut().zip(sums) {
                sum.store(values);
            }
        }
    }
}

#[inline(always)]
fn vectors<const WIDE: usize>(values: &[Real]) -> &[[Real; LANES]; WIDE] {
    values.as_chunks().0.first_chunk().expect("rows are padded to whole vectors")
}
