//! Products with inputs stored as bytes. About 80% of them are zero; SIMD instructions find the
//! others.

use super::row::{VectorRow, bands, by_width};
use super::simd::{LANES, WideSimd};
use super::strips::{STRIP_PITCH, Strips};
use super::{Real, wide_kernel};

/// A batch of inputs as bytes; byte b stands for b / 255. It is stored twice: with one row per
/// sample for the forward pass, and transposed for the gradient.
#[derive(Clone, Debug, Default)]
pub struct ByteRows {
    by_sample: ByteMatrix,
    by_input: ByteMatrix,
    samples: usize,
}

impl ByteRows {
    /// Removes all samples, and reserves memory for `samples` of `inputs` values each.
    pub(crate) fn clear(&mut self, samples: usize, inputs: usize) {
        self.by_sample.clear(samples, inputs);
        self.by_input.clear(inputs, samples);
        self.samples = 0;
    }

    /// Adds a sample given by indices and values of its inputs; the others are zero.
    pub(crate) fn push(&mut self, inputs: impl Iterator<Item = (usize, u8)>) {
        for (input, value) in inputs {
            self.by_sample.set(self.samples, input, value);
            self.by_input.set(input, self.samples, value);
        }
        self.samples += 1;
    }

    /// Number of samples.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.samples
    }
}

/// Rows of bytes, padded with zeros to whole cache lines.
#[derive(Clone, Debug, Default)]
struct ByteMatrix {
    groups: Vec<ByteGroup>,
    /// Groups per row.
    stride: usize,
}

/// A cache line of 64 bytes, one for each bit of the mask of [`WideSimd::nonzero_bytes`].
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct ByteGroup([u8; GROUP]);

const GROUP: usize = 64;

impl ByteMatrix {
    /// Resizes to `rows` × `columns` and fills with zeros.
    fn clear(&mut self, rows: usize, columns: usize) {
        self.stride = columns.div_ceil(GROUP);
        self.groups.clear();
        self.groups.resize(rows * self.stride, ByteGroup([0; GROUP]));
    }

    fn set(&mut self, row: usize, column: usize, value: u8) {
        self.groups[row * self.stride + column / GROUP].0[column % GROUP] = value;
    }

    fn rows(&self) -> impl Iterator<Item = &[ByteGroup]> {
        self.groups.chunks_exact(self.stride.max(1))
    }
}

/// The input value b / 255 of every byte b.
static NUMBERS: [Real; 256] = {
    let (mut numbers, mut byte) = ([0.0; 256], 0);
    while byte < 256 {
        numbers[byte] = byte as Real * (1.0 / 255.0);
        byte += 1;
    }
    numbers
};

wide_kernel! {
    /// `out` += x W for the inputs x in `bytes`; rows of `out` have `width` numbers, rows of W
    /// begin `stride` numbers apart.
    fn add_bytes_times_rows = bytes_times_rows_body(
        simd,
        out: &mut [Real],
        width: usize,
        bytes: &ByteRows,
        weights: &[Real],
        stride: usize,
    ) {
        let bytes = &bytes.by_sample;
        for band in bands(width) {
            // The weights of a group of inputs stay in the L1 cache for all samples.
            for (index, weights) in weights.chunks(GROUP * stride).take(bytes.stride).enumerate() {
                let groups = bytes.rows().map(|groups| &groups[index]);
                for (row, group) in out.chunks_exact_mut(width).zip(groups) {
                    let (row, source) = (&mut row[band.first..][..band.len], &weights[band.first..]);
                    by_width!(band.len, ByteGroup::add_to::<S>(group, simd, row, source, stride));
                }
            }
        }
    }
}

wide_kernel! {
    /// W ← decay · W + xᵀ δ for the inputs x in `bytes`; `delta` is a copy made by
    /// [`Strips::copy`]. Rows of W begin `stride` numbers apart.
    fn add_transposed_bytes_times_strips = transposed_bytes_times_strips_body(
        simd, weights: &mut [Real], stride: usize, bytes: &ByteRows, delta: Strips<'_>, decay: Real,
    ) {
        for band in bands(delta.width()) {
            let source = delta.band(band);
            for (row, groups) in weights.chunks_exact_mut(stride).zip(bytes.by_input.rows()) {
                let row = &mut row[band.first..][..band.len];
                by_width!(band.len, update_row::<S>(simd, row, groups, source, decay));
            }
        }
    }
}

#[allow(clippy::float_cmp, reason = "exactly 1 leaves the weights unchanged")]
#[inline(always)]
fn update_row<S: WideSimd, const PAIRS: usize, const ODD: usize>(
    simd: S,
    row: &mut [Real],
    groups: &[ByteGroup],
    source: &[Real],
    decay: Real,
) {
    if decay == 1.0 && groups.iter().all(|group| simd.nonzero_bytes(&group.0) == 0) {
        return;
    }
    let mut sum = VectorRow::<S, PAIRS, ODD>::decayed(simd, row, decay);
    for (group, source) in groups.iter().zip(source.chunks(GROUP * STRIP_PITCH)) {
        sum = group.nonzero(simd).add(simd, sum, source, STRIP_PITCH, row.len());
    }
    sum.store(row);
}

impl ByteGroup {
    /// Iterates over the indices and values of the nonzero bytes.
    #[inline(always)]
    fn nonzero<S: WideSimd>(&self, simd: S) -> Nonzero<'_> {
        Nonzero { bytes: &self.0, left: simd.nonzero_bytes(&self.0) }
    }

    #[inline(always)]
    fn add_to<S: WideSimd, const PAIRS: usize, const ODD: usize>(
        &self,
        simd: S,
        row: &mut [Real],
        source: &[Real],
        stride: usize,
    ) {
        let nonzero = self.nonzero(simd);
        if nonzero.left != 0 {
            let sum = VectorRow::<S, PAIRS, ODD>::load(simd, row);
            nonzero.add(simd, sum, source, stride, row.len()).store(row);
        }
    }
}

/// Iterates over the bytes of a group whose bits are set in `left`.
struct Nonzero<'a> {
    bytes: &'a [u8; GROUP],
    left: u64,
}

impl Nonzero<'_> {
    /// `sum` + Σ value · row of `source` over the nonzero bytes, in the first `len` columns.
    #[inline(always)]
    fn add<S: WideSimd, const PAIRS: usize, const ODD: usize>(
        self,
        simd: S,
        mut sum: VectorRow<S, PAIRS, ODD>,
        source: &[Real],
        stride: usize,
        len: usize,
    ) -> VectorRow<S, PAIRS, ODD> {
        for (place, number) in self {
            let row = VectorRow::load(simd, &source[place * stride..][..len]);
            sum.add_times(&row, number);
        }
        sum
    }
}

impl Iterator for Nonzero<'_> {
    type Item = (usize, Real);

    #[inline(always)]
    fn next(&mut self) -> Option<(usize, Real)> {
        if self.left == 0 {
            return None;
        }
        let place = self.left.trailing_zeros() as usize;
        self.left &= self.left - 1;
        Some((place, NUMBERS[usize::from(self.bytes[place])]))
    }
}

#[cfg(test)]
mod tests;
