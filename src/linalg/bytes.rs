//! Images as they are stored, a byte a pixel, four in five of them zero: what is multiplied by them is
//! found eight bytes at a time, or as many as a vector holds.

use super::lanes::{LANES, Wide};
use super::row::{Row, bands, by_width};
use super::wide::{CUT, Matrix};
use super::wide_kernel;
use crate::nn::Real;
use ndarray::ArrayViewMut2;

/// Bytes that stand for numbers from 0 to 1, in rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bytes {
    groups: Vec<Group>,
    /// Groups in a row; behind its last number there are zeros.
    pitch: usize,
}

/// As many bytes as a line of the cache holds, and a number bits.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Group([u8; GROUP]);

const GROUP: usize = 64;

impl Bytes {
    /// Becomes so many rows and columns of zeros.
    pub(crate) fn clear(&mut self, rows: usize, columns: usize) {
        self.pitch = columns.div_ceil(GROUP);
        self.groups.clear();
        self.groups.resize(rows * self.pitch, Group([0; GROUP]));
    }

    pub(crate) fn set(&mut self, row: usize, column: usize, value: u8) {
        self.groups[row * self.pitch + column / GROUP].0[column % GROUP] = value;
    }

    fn rows(&self) -> impl Iterator<Item = &[Group]> {
        self.groups.chunks_exact(self.pitch.max(1))
    }
}

/// What a byte stands for.
static NUMBERS: [Real; 256] = {
    let (mut numbers, mut byte) = ([0.0; 256], 0);
    while byte < 256 {
        numbers[byte] = byte as Real * (1.0 / 255.0);
        byte += 1;
    }
    numbers
};

wide_kernel! {
    /// `out` += `bytes` · the first rows of `source`, which begin `pitch` apart: as many as a row of
    /// bytes has columns.
    fn add_bytes_times_rows(
        out: ArrayViewMut2<Real>,
        bytes: &Bytes,
        source: &[Real],
        pitch: usize,
    ) = bytes_times_rows_body
}

wide_kernel! {
    /// Every row of `weights`, which begin `pitch` apart, becomes keep · row + Σ number · row of
    /// `matrix`, which is cut, over the numbers of a row of `bytes`.
    fn add_bytes_times_matrix(
        weights: &mut [Real],
        pitch: usize,
        bytes: &Bytes,
        matrix: Matrix<'_>,
        keep: Real,
    ) = bytes_times_matrix_body
}

#[inline(always)]
fn bytes_times_rows_body<W: Wide>(
    mut out: ArrayViewMut2<Real>,
    bytes: &Bytes,
    source: &[Real],
    pitch: usize,
) {
    for band in bands(out.ncols()) {
        // Rows of the source that many rows of bytes ask for stay in the nearest cache.
        for (index, source) in source.chunks(GROUP * pitch).take(bytes.pitch).enumerate() {
            let groups = bytes.rows().map(|groups| &groups[index]);
            for (mut row, group) in out.rows_mut().into_iter().zip(groups) {
                let row = row.as_slice_mut().expect("the values of a row lie side by side");
                let (row, source) = (&mut row[band.first..][..band.len], &source[band.first..]);
                if band.len <= LANES {
                    group.add_few::<W>(row, source, pitch);
                } else {
                    by_width!(band.len, Group::add_to::<W>(group, row, source, pitch));
                }
            }
        }
    }
}

#[inline(always)]
fn bytes_times_matrix_body<W: Wide>(
    weights: &mut [Real],
    pitch: usize,
    bytes: &Bytes,
    matrix: Matrix<'_>,
    keep: Real,
) {
    for band in bands(matrix.width()) {
        let source = matrix.band(band);
        for (row, groups) in weights.chunks_exact_mut(pitch).zip(bytes.rows()) {
            let row = &mut row[band.first..][..band.len];
            if band.len <= LANES {
                for weight in &mut *row {
                    *weight = if keep == 0.0 { 0.0 } else { keep * *weight };
                }
                for (group, source) in groups.iter().zip(source.chunks(GROUP * CUT)) {
                    group.add_few::<W>(row, source, CUT);
                }
            } else {
                by_width!(band.len, learn_row::<W>(row, groups, source, keep));
            }
        }
    }
}

#[allow(clippy::float_cmp, reason = "exactly 1 keeps what is there")]
#[inline(always)]
fn learn_row<W: Wide, const PAIRS: usize, const ODD: usize>(
    row: &mut [Real],
    groups: &[Group],
    source: &[Real],
    keep: Real,
) {
    if keep == 1.0 && groups.iter().all(|group| W::used(&group.0) == 0) {
        return;
    }
    // What is not kept may be anything.
    let mut sum = match keep {
        0.0 => Row::<W, PAIRS, ODD>::zero(),
        1.0 => Row::load(row),
        keep => Row::load(row).times(W::splat(keep)),
    };
    for (group, source) in groups.iter().zip(source.chunks(GROUP * CUT)) {
        sum = group.used::<W>().add(sum, source, CUT, row.len());
    }
    sum.store(row);
}

impl Group {
    /// The places and the numbers of all bytes that are not zero.
    #[inline(always)]
    fn used<W: Wide>(&self) -> Used<'_> {
        Used { bytes: &self.0, left: W::used(&self.0) }
    }

    #[inline(always)]
    fn add_to<W: Wide, const PAIRS: usize, const ODD: usize>(
        &self,
        row: &mut [Real],
        source: &[Real],
        pitch: usize,
    ) {
        let used = self.used::<W>();
        if used.left != 0 {
            let sum = Row::<W, PAIRS, ODD>::load(row);
            used.add(sum, source, pitch, row.len()).store(row);
        }
    }

    #[inline(always)]
    fn add_few<W: Wide>(&self, row: &mut [Real], source: &[Real], pitch: usize) {
        for (place, number) in self.used::<W>() {
            for (sum, &value) in row.iter_mut().zip(&source[place * pitch..]) {
                *sum = W::scalar(number, value, *sum);
            }
        }
    }
}

/// Goes through the bytes of a group whose bits are set.
struct Used<'a> {
    bytes: &'a [u8; GROUP],
    left: u64,
}

impl Used<'_> {
    /// `sum` + Σ number · row of `source`, `len` numbers each.
    #[inline(always)]
    fn add<W: Wide, const PAIRS: usize, const ODD: usize>(
        self,
        mut sum: Row<W, PAIRS, ODD>,
        source: &[Real],
        pitch: usize,
        len: usize,
    ) -> Row<W, PAIRS, ODD> {
        for (place, number) in self {
            let row = Row::load(&source[place * pitch..][..len]);
            sum.add_times(&row, W::splat(number));
        }
        sum
    }
}

impl Iterator for Used<'_> {
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
#[allow(clippy::unnecessary_cast, reason = "Real is f64 with the feature f64")]
mod tests {
    use super::*;
    use crate::linalg::Packed;
    use crate::linalg::lanes::Portable;
    use crate::linalg::wide::tests::{UNITS, close, numbers, product};
    use crate::rng::{Purpose, stream};
    use ndarray::{Array2, s};
    use rand::RngExt;

    /// Bytes of which two in three are zero, and the numbers that they stand for.
    fn bytes(rows: usize, columns: usize) -> (Bytes, Array2<Real>) {
        let mut stream = stream(3, Purpose::Experiment, 0, 0);
        let (mut bytes, mut numbers) = (Bytes::default(), Array2::zeros((rows, columns)));
        bytes.clear(rows, columns);
        for ((row, column), number) in numbers.indexed_iter_mut() {
            let byte = stream.random_range(0..=255_u8);
            if stream.random_range(0..3) == 0 {
                bytes.set(row, column, byte);
                *number = Real::from(byte) * Real::from(255_u8).recip();
            }
        }
        (bytes, numbers)
    }

    #[test]
    fn bytes_stand_for_the_numbers_of_a_scaled_batch() {
        for byte in 0..=255_u8 {
            let scaled = Real::from(byte) * Real::from(255_u8).recip();
            assert_eq!(NUMBERS[usize::from(byte)].to_bits(), scaled.to_bits());
        }
    }

    #[test]
    fn every_vector_finds_the_bytes_that_are_not_zero() {
        let mut group = [0; GROUP];
        for place in [0, 7, 31, 32, 63] {
            group[place] = 1 << (place % 8);
        }
        let expected = 1 | 1 << 7 | 1 << 31 | 1 << 32 | 1 << 63;
        assert_eq!(<[Portable; 2]>::used(&group), expected);
        #[cfg(target_arch = "x86_64")]
        {
            use crate::linalg::lanes::{Avx2, Avx512, has_avx512};
            #[target_feature(enable = "avx512f,avx512vl,avx512bw")]
            fn roomy(group: &[u8; GROUP]) -> u64 {
                Avx512::used(group)
            }
            #[target_feature(enable = "avx2,fma")]
            fn narrow(group: &[u8; GROUP]) -> u64 {
                <[Avx2; 2]>::used(group)
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                // SAFETY: the processor has the features that the function is compiled for.
                assert_eq!(unsafe { narrow(&group) }, expected);
            }
            if has_avx512() {
                // SAFETY: as above.
                assert_eq!(unsafe { roomy(&group) }, expected);
            }
        }
    }

    #[test]
    fn bytes_times_rows_are_added() {
        for units in UNITS {
            let (bytes, x) = bytes(5, 150);
            // Rows that are a little longer than they count.
            let (weights, start) = (numbers(150, units + 3, 1), numbers(5, units, 2));
            let counted = weights.slice(s![.., ..units]);
            let expected = product(x.view(), counted) + start.mapv(f64::from);
            for body in [add_bytes_times_rows, bytes_times_rows_body::<[Portable; 2]>] {
                let mut out = start.clone();
                body(out.view_mut(), &bytes, weights.as_slice().unwrap(), units + 3);
                close(out.view(), &expected);
            }
        }
    }

    #[test]
    fn bytes_times_a_matrix_are_added_to_what_is_kept() {
        for (units, samples) in UNITS.into_iter().zip([3, 64, 70].into_iter().cycle()) {
            let ((bytes, x), delta) = (bytes(20, samples), numbers(samples, units, 3));
            let mut room = Packed::default();
            let cut = Matrix::cut(delta.as_slice().unwrap(), units, 0..units, 2.0, &mut room);
            let (start, pitch) = (numbers(20, units + 3, 4), units + 3);
            for keep in [1.0, 0.5, 0.0] {
                let counted = start.slice(s![.., ..units]);
                let expected = 2.0 * product(x.view(), delta.view())
                    + counted.mapv(|kept| f64::from(keep) * f64::from(kept));
                for body in [add_bytes_times_matrix, bytes_times_matrix_body::<[Portable; 2]>] {
                    let mut found = start.clone();
                    if keep == 0.0 {
                        found.slice_mut(s![.., ..units]).fill(Real::NAN);
                    }
                    body(found.as_slice_mut().unwrap(), pitch, &bytes, cut, keep);
                    close(found.slice(s![.., ..units]), &expected);
                    assert!(found.slice(s![.., units..]) == start.slice(s![.., units..]));
                }
            }
        }
    }
}
