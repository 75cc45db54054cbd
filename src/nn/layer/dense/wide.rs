//! Dense layers with many weights, processed one chunk of inputs at a time; the chunks are
//! distributed among the threads of an executor.
//!
//! The work on a chunk depends only on the chunk, so the result does not depend on the number of
//! threads. With two threads, one starts with the first chunks and the other with the last ones, in
//! both passes, so that each finds the weights that it changed last in its CPU cache.

use super::{BATCH, Dense, MIN_BATCH_FOR_GEMM, WeightRows, copy_in_strips};
use crate::linalg::{
    AlignedBuffer, RowPrefetch, STRIP_PITCH, SparseEntry, SparseRows, Strips, accumulate_rows,
    add_products, dot_rows, lock,
};
use crate::nn::layer::{LayerContext, LayerValues, ROWS, Scratch, Workspace};
use crate::nn::{Matrix, Real};
use ndarray::{ArrayView2, ArrayViewMut2, Axis};
use std::ops::Range;
use std::sync::Mutex;

/// Inputs per chunk: the weights of a chunk fit into the L2 cache, those in one strip into the L1
/// cache.
const CHUNK: usize = 64;

/// Whether copying weights into strips, where they are read faster, pays off.
fn worth_copying(samples: usize) -> bool {
    samples >= MIN_BATCH_FOR_GEMM
}

/// The stride of the weights, or of their copies in strips.
fn weight_distance(samples: usize, stride: usize) -> usize {
    if worth_copying(samples) { STRIP_PITCH } else { stride }
}

/// Buffers for `count` concurrent parts of the work.
fn scratch_buffers(scratch: &mut Vec<Mutex<Scratch>>, count: usize) -> &[Mutex<Scratch>] {
    if scratch.len() < count {
        scratch.resize_with(count, Mutex::default);
    }
    &scratch[..count]
}

/// Lists the samples of each input: all of them, or those whose input is nonzero.
fn list_samples(x: ArrayView2<Real>, skip_zeros: bool, list: &mut SparseRows) {
    list.clear(x.len());
    for input in x.columns() {
        list.push(|entries| {
            let mut count = 0;
            for (&value, offset) in input.iter().zip((0..).step_by(STRIP_PITCH)) {
                entries[count] = SparseEntry { offset, value };
                count += usize::from(!skip_zeros || value != 0.0);
            }
            count
        });
    }
}

/// a = σ(x W + b). The two halves of the chunks are always summed separately, so that the result
/// does not depend on the number of threads.
pub(super) fn forward(
    dense: &Dense,
    x: ArrayView2<Real>,
    mut a: ArrayViewMut2<Real>,
    LayerContext { workspace, executor, .. }: LayerContext,
) {
    let Workspace { chunks, second, scratch: kept, .. } = workspace;
    let (samples, inputs) = x.dim();
    let distance = weight_distance(samples, dense.weights.stride());
    chunks.resize_with(inputs.div_ceil(CHUNK), SparseRows::default);
    executor.each(x.axis_chunks_iter(Axis(1), CHUNK).zip(&mut *chunks), |(x, list)| {
        list.clear(x.len());
        for x in x.rows() {
            list.push_values(x.to_slice().expect(BATCH), distance);
        }
    });
    second.resize(a.len(), 0.0);
    let mut second =
        ArrayViewMut2::from_shape(a.dim(), second).expect("both have the same number of values");
    let half = chunks.len().div_ceil(2);
    // As wide as possible, since weights are read in runs of this width; sums do not depend on it.
    let count = if executor.threads() > 1 { executor.threads().next_multiple_of(2) } else { 1 };
    let width = dense.biases.len().div_ceil(count.div_ceil(2)).next_multiple_of(16);
    let scratch = scratch_buffers(kept, count);
    let firsts = columns(&mut a, width).map(|part| (0..half, part));
    let seconds = columns(&mut second, width).map(|part| (half..chunks.len(), part));
    executor.each(firsts.chain(seconds), |(range, (first, mut z))| {
        let index = first / width * 2 + usize::from(range.start > 0);
        let mut part = lock(&scratch[index % count]);
        z.fill(0.0);
        add_weighted_inputs(
            &dense.weights,
            &chunks[range.clone()],
            range,
            first,
            z,
            &mut part.numbers,
        );
    });
    let rows = a.axis_chunks_iter_mut(Axis(0), ROWS);
    executor.each(rows.zip(second.axis_chunks_iter(Axis(0), ROWS)), |(mut z, second)| {
        z += &second;
        z += &dense.biases;
        dense.activation.apply_in_place(z);
    });
}

/// Adds the columns of x W from `first` on to z, for the inputs of some chunks.
fn add_weighted_inputs(
    weights: &Matrix,
    lists: &[SparseRows],
    chunks: Range<usize>,
    first: usize,
    mut z: ArrayViewMut2<Real>,
    buffer: &mut AlignedBuffer,
) {
    let (samples, width, stride) = (z.nrows(), z.ncols(), weights.stride());
    let blocks = weights.padded().chunks(CHUNK * stride);
    let blocks = blocks.skip(chunks.start).take(chunks.len());
    let nexts = blocks.clone().skip(1).chain([&[][..]]);
    for ((weights, values), list) in blocks.zip(nexts).zip(lists) {
        let (strips, next) = if worth_copying(samples) {
            let strips = Strips::copy(weights, stride, first..first + width, 1.0, buffer);
            (strips, RowPrefetch { values, stride, first })
        } else {
            (Strips::of_rows(weights, first, width), RowPrefetch::NOTHING)
        };
        accumulate_rows(z.view_mut(), list, strips, next);
    }
}

/// ∂C/∂x. If the layer is wide, [`forward`] must have used the same workspace.
pub(super) fn input_delta(
    dense: &Dense,
    LayerValues { x, delta, .. }: LayerValues,
    mut input_delta: ArrayViewMut2<Real>,
    LayerContext { workspace, pass, executor }: LayerContext,
) {
    let Workspace { chunks, strips, scratch: kept, .. } = workspace;
    let (x, stride) = (x.dense(), dense.weights.stride());
    let distance = weight_distance(x.nrows(), stride);
    let delta = copy_in_strips(delta, 1.0, strips);
    let listed = dense.is_wide();
    chunks.resize_with(x.ncols().div_ceil(CHUNK), SparseRows::default);
    let scratch = scratch_buffers(kept, if executor.threads() > 1 { chunks.len() } else { 1 });
    let parts = dense.weights.padded().chunks(CHUNK * stride).zip(&*chunks);
    let parts = parts.zip(x.axis_chunks_iter(Axis(1), CHUNK));
    let parts = parts.zip(input_delta.axis_chunks_iter_mut(Axis(1), CHUNK)).enumerate();
    executor.each(parts, |(index, (((weights, list), x), input_delta))| {
        let Scratch { rows, numbers } = &mut *lock(&scratch[index % scratch.len()]);
        if pass.skip_zero_inputs && listed {
            rows.transpose(list, (distance, x.ncols()), STRIP_PITCH, 1.0);
        } else {
            list_samples(x, pass.skip_zero_inputs, rows);
        }
        dot_rows(input_delta, rows, weights, stride, delta, numbers);
    });
}

/// [`super::add_gradient`] after [`forward`] with the same workspace.
pub(super) fn update(
    rows: WeightRows,
    LayerValues { delta, .. }: LayerValues,
    factor: Real,
    decay: impl Fn(&mut [Real]) -> Real + Sync,
    LayerContext { workspace, executor, .. }: LayerContext,
) {
    let Workspace { chunks, strips, scratch: kept, .. } = workspace;
    let WeightRows { values, stride } = rows;
    let distance = weight_distance(delta.nrows(), stride);
    let delta = copy_in_strips(delta, 1.0, strips);
    let scratch = scratch_buffers(kept, if executor.threads() > 1 { chunks.len() } else { 1 });
    let parts = values.chunks_mut(CHUNK * stride).zip(&*chunks).enumerate();
    executor.each(parts, |(index, (weights, list))| {
        let rows = &mut lock(&scratch[index % scratch.len()]).rows;
        rows.transpose(list, (distance, weights.len() / stride), STRIP_PITCH, factor);
        let decay = decay(weights);
        add_products(weights, stride, rows, delta, decay);
    });
}

/// Divides an array into parts of `width` columns; yields the index of the first column with each.
fn columns<'a>(
    array: &'a mut ArrayViewMut2<Real>,
    width: usize,
) -> impl DoubleEndedIterator<Item = (usize, ArrayViewMut2<'a, Real>)> + ExactSizeIterator + Send {
    let firsts = (0..array.ncols()).step_by(width);
    firsts.zip(array.axis_chunks_iter_mut(Axis(1), width))
}
