//! Reference implementations of all kernels: textbook loops in double precision, which tests
//! compare the kernels with. Arguments have the same meaning as those of the kernels.

use super::bytes::ByteRows;
use super::entry::SparseEntry;
use super::patches::Patches;
use super::pooling::Blocks;
use super::sparse::SparseRows;
use super::{Batch, BatchBuffer, InputKind, Real};
use ndarray::{Array2, ArrayView2};

#[allow(clippy::useless_conversion, reason = "Real is f64 with the feature f64")]
pub(super) fn wide(value: Real) -> f64 {
    f64::from(value)
}

pub(super) fn widened(values: &[Real]) -> Vec<f64> {
    values.iter().map(|&value| wide(value)).collect()
}

/// Asserts that all numbers agree within single precision, for sums of a few hundred products of
/// numbers below 1.
#[track_caller]
pub(super) fn close<'a>(found: impl IntoIterator<Item = &'a Real>, expected: &[f64]) {
    let found: Vec<Real> = found.into_iter().copied().collect();
    assert_eq!(found.len(), expected.len());
    for (at, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let error = (wide(found) - expected).abs() / expected.abs().max(1.0);
        assert!(error < 2e-5, "{found} for {expected} at {at}");
    }
}

/// Reproducible numbers from −1 to 1, from a linear congruential generator.
pub(super) fn numbers(count: usize, seed: u64) -> Vec<Real> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        ((state >> 40) as f64 / f64::from(1 << 23) - 1.0) as Real
    };
    (0..count).map(|_| next()).collect()
}

/// Rows of numbers, every third of which is zero.
pub(super) fn array(rows: usize, columns: usize, seed: u64) -> Array2<Real> {
    let mut values = numbers(rows * columns, seed);
    values.iter_mut().step_by(3).for_each(|value| *value = 0.0);
    Array2::from_shape_vec((rows, columns), values).unwrap()
}

/// The nonzero values of each row; the offset of column i is `stride` · i.
pub(super) fn sparse(x: ArrayView2<Real>, stride: usize) -> SparseRows {
    let mut rows = SparseRows::default();
    rows.clear(x.len());
    for x in x.rows() {
        rows.push(|entries| {
            let values = x.iter().enumerate().filter(|(_, value)| **value != 0.0);
            values.fold(0, |count, (column, &value)| {
                entries[count] = SparseEntry { offset: (column * stride) as u32, value };
                count + 1
            })
        });
    }
    rows
}

/// Bytes, two thirds of which are zero, and the values that they represent.
pub(super) fn bytes(rows: usize, columns: usize) -> (ByteRows, Array2<Real>) {
    let mut x = Array2::zeros((rows, columns));
    let mut buffer = BatchBuffer::default();
    buffer.clear(InputKind::Bytes, rows, columns);
    for (row, mut x) in x.rows_mut().into_iter().enumerate() {
        let byte = |column: usize| ((row * 31 + column * 7) % 256) as u8;
        let used = |column: usize| (row + column * column).is_multiple_of(3);
        let row: Vec<u8> = (0..columns).map(|at| if used(at) { byte(at) } else { 0 }).collect();
        buffer.push(&row);
        x.iter_mut().zip(&row).for_each(|(x, &b)| *x = Real::from(b) * Real::from(255_u8).recip());
    }
    let Batch::Bytes(found) = buffer.batch() else { unreachable!("the buffer was set to bytes") };
    (found.clone(), x)
}

pub(super) fn accumulate(out: &[Real], entries: &[SparseEntry], source: &[Real]) -> Vec<f64> {
    let mut sums = widened(out);
    for entry in entries {
        for (at, sum) in sums.iter_mut().enumerate() {
            *sum += wide(entry.value) * wide(source[entry.offset as usize + at]);
        }
    }
    sums
}

pub(super) fn sum_rows(start: &[Real], rows: &SparseRows, source: &[Real]) -> Vec<f64> {
    rows.iter().flat_map(|entries| accumulate(start, entries, source)).collect()
}

pub(super) fn scatter_rows(
    out: &[Real],
    rows: &SparseRows,
    values: &[Real],
    width: usize,
    rate: Real,
) -> Vec<f64> {
    let mut sums = widened(out);
    for (row, entries) in values.chunks(width).zip(rows.iter()) {
        for entry in entries {
            for (at, &value) in row.iter().enumerate() {
                sums[entry.offset as usize + at] += wide(rate) * wide(entry.value) * wide(value);
            }
        }
    }
    sums
}

/// A matrix product: the result of `accumulate_rows`, `dot_rows`, `add_products` and the byte
/// kernels for their various representations.
pub(super) fn product(a: ArrayView2<Real>, b: ArrayView2<Real>) -> Array2<f64> {
    Array2::from_shape_fn((a.nrows(), b.ncols()), |(row, column)| {
        (0..a.ncols()).map(|k| wide(a[[row, k]]) * wide(b[[k, column]])).sum()
    })
}

pub(super) fn patches_times_weights(
    image: &[Real],
    patches: &Patches,
    weights: &[Real],
    biases: &[Real],
) -> Vec<f64> {
    let columns = biases.len();
    let mut out = Vec::new();
    for y in 0..patches.height {
        for x in 0..patches.width {
            for (column, &bias) in biases.iter().enumerate() {
                let mut z = wide(bias);
                for row in 0..patches.rows {
                    for k in 0..patches.run {
                        let weight = weights[(row * patches.run + k) * columns + column];
                        z += wide(image[patches.offset(y, x, row) + k]) * wide(weight);
                    }
                }
                out.push(z);
            }
        }
    }
    out
}

/// The input indices of the pixels of block (y, x), for one map.
fn block(blocks: Blocks, y: usize, x: usize, map: usize) -> impl Iterator<Item = usize> {
    let Blocks { maps, width, size } = blocks;
    let pixel = move |at: usize| ((y * size + at / size) * width + x * size + at % size) * maps;
    (0..size * size).map(move |at| pixel(at) + map)
}

pub(super) fn max_pool(x: &[Real], blocks: Blocks) -> Vec<Real> {
    let Blocks { maps, width, size } = blocks;
    let mut out = Vec::new();
    for row in 0..x.len() / maps / width / size {
        for column in 0..width / size {
            for map in 0..maps {
                out.push(
                    block(blocks, row, column, map).map(|at| x[at]).fold(Real::MIN, Real::max),
                );
            }
        }
    }
    out
}

/// The delta goes to the first of a block's pixels with the maximum.
#[allow(clippy::float_cmp, reason = "the largest value is one of them")]
pub(super) fn max_pool_delta(x: &[Real], delta: &[Real], blocks: Blocks) -> Vec<Real> {
    let Blocks { maps, width, size } = blocks;
    let largest = max_pool(x, blocks);
    let mut dx = vec![0.0; x.len()];
    for (at, (&largest, &delta)) in largest.iter().zip(delta).enumerate() {
        let (place, map) = (at / maps, at % maps);
        let (y, column) = (place / (width / size), place % (width / size));
        let first = block(blocks, y, column, map).find(|&at| x[at] == largest).unwrap();
        dx[first] = delta;
    }
    dx
}

pub(super) fn accumulate_runs(
    out: &[Real],
    width: usize,
    entries: &[SparseEntry],
    source: &[Real],
    stride: usize,
) -> Vec<f64> {
    let runs = out.chunks(width).enumerate();
    runs.flat_map(|(run, out)| accumulate(out, entries, &source[run * stride..])).collect()
}

/// For each map, the sum over its pixels of `term(pixel index, map)`.
pub(super) fn by_map(count: usize, maps: usize, term: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    let sum = |map: usize| (map..count).step_by(maps).map(|at| term(at, map)).sum();
    (0..maps).map(sum).collect()
}

pub(super) fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// A function applied to every value.
pub(super) fn each(values: &[Real], function: impl Fn(f64) -> f64) -> Vec<f64> {
    values.iter().map(|&value| function(wide(value))).collect()
}
