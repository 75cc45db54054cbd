//! Layers with many weights: a chunk of inputs at a time, shared by the threads of an executor.
//!
//! What is computed for a chunk depends on nothing but the chunk, so the result does not depend on
//! the number of threads. Two threads work on the first and on the last chunks, forward and back: so
//! each finds the weights that it changed in the step before in its cache.

use super::{BATCH, Dense, MIN_BATCH_FOR_GEMM, Rows, copy_in_strips};
use crate::linalg::{
    AlignedBuffer, Entry, Prefetch, STRIP_PITCH, SparseRows, Strips, accumulate_rows, add_products,
    dot_rows, lock,
};
use crate::nn::layer::{LayerValues, Pass, ROWS, Room, Workspace};
use crate::nn::{Executor, Real};
use ndarray::{ArrayView2, ArrayViewMut2, Axis};
use std::ops::Range;
use std::sync::Mutex;

/// Inputs of a chunk: their weights in a strip of columns stay in the first cache, all of them in
/// the second.
const CHUNK: usize = 64;

/// Whether so many samples make up for copying weights to where they are read faster.
fn worth_copying(samples: usize) -> bool {
    samples >= MIN_BATCH_FOR_GEMM
}

/// The distance of the weights of two inputs, or of their copies.
fn weight_distance(samples: usize, stride: usize) -> usize {
    if worth_copying(samples) { STRIP_PITCH } else { stride }
}

/// Rooms for so many parts of the work at the same time.
fn rooms(rooms: &mut Vec<Mutex<Room>>, count: usize) -> &[Mutex<Room>] {
    if rooms.len() < count {
        rooms.resize_with(count, Mutex::default);
    }
    &rooms[..count]
}

/// Lists all samples of each input, zeros too, times `factor`.
pub(super) fn list_all(x: ArrayView2<Real>, factor: Real, list: &mut SparseRows) {
    list.clear(x.len());
    for input in x.columns() {
        list.push(|entries| {
            for ((sample, &x), entry) in input.iter().enumerate().zip(entries) {
                *entry = Entry { offset: (sample * STRIP_PITCH) as u32, value: factor * x };
            }
            input.len()
        });
    }
}

impl Dense {
    /// a = σ(x W + b). The sums of the first half of the chunks and of the second are taken one by
    /// one, for any number of threads.
    pub(super) fn forward_by_chunks(
        &self,
        x: ArrayView2<Real>,
        mut a: ArrayViewMut2<Real>,
        workspace: &mut Workspace,
        executor: &mut Executor,
    ) {
        let Workspace { chunks, second, rooms: kept, .. } = workspace;
        let (samples, inputs) = x.dim();
        let distance = weight_distance(samples, self.weights.stride());
        chunks.resize_with(inputs.div_ceil(CHUNK), SparseRows::default);
        executor.each(x.axis_chunks_iter(Axis(1), CHUNK).zip(&mut *chunks), |(x, list)| {
            list.clear(x.len());
            for x in x.rows() {
                list.push_values(x.to_slice().expect(BATCH), distance);
            }
        });
        second.resize(a.len(), 0.0);
        let mut second = ArrayViewMut2::from_shape(a.dim(), second).expect("it is as large");
        let half = chunks.len().div_ceil(2);
        // As wide as can be, for weights are read in runs that long; no sum depends on it.
        let count = if executor.threads() > 1 { executor.threads().next_multiple_of(2) } else { 1 };
        let width = self.biases.len().div_ceil(count.div_ceil(2)).next_multiple_of(16);
        let rooms = rooms(kept, count);
        let firsts = columns(&mut a, width).map(|part| (0..half, part));
        let seconds = columns(&mut second, width).map(|part| (half..chunks.len(), part));
        executor.each(firsts.chain(seconds), |(range, (first, mut z))| {
            let place = first / width * 2 + usize::from(range.start > 0);
            let mut room = lock(&rooms[place % count]);
            z.fill(0.0);
            self.add_weighted_inputs(&chunks[range.clone()], range, first, z, &mut room.numbers);
        });
        let rows = a.axis_chunks_iter_mut(Axis(0), ROWS);
        executor.each(rows.zip(second.axis_chunks_iter(Axis(0), ROWS)), |(mut z, second)| {
            z += &second;
            z += &self.biases;
            self.activation.apply_in_place(z);
        });
    }

    /// Adds columns of x W from `first` on to z, for the inputs of some chunks.
    fn add_weighted_inputs(
        &self,
        lists: &[SparseRows],
        chunks: Range<usize>,
        first: usize,
        mut z: ArrayViewMut2<Real>,
        room: &mut AlignedBuffer,
    ) {
        let (samples, width, stride) = (z.nrows(), z.ncols(), self.weights.stride());
        let blocks = self.weights.padded().chunks(CHUNK * stride);
        let blocks = blocks.skip(chunks.start).take(chunks.len());
        let nexts = blocks.clone().skip(1).chain([&[][..]]);
        for ((weights, values), list) in blocks.zip(nexts).zip(lists) {
            let (strips, next) = if worth_copying(samples) {
                let strips = Strips::copy(weights, stride, first..first + width, 1.0, room);
                (strips, Prefetch { values, stride, first })
            } else {
                (Strips::of_rows(weights, first, width), Prefetch::NOTHING)
            };
            accumulate_rows(z.view_mut(), list, strips, next);
        }
    }

    /// ∂C/∂x.
    pub(super) fn input_delta_by_chunks(
        &self,
        LayerValues { x, delta, .. }: LayerValues,
        mut input_delta: ArrayViewMut2<Real>,
        Workspace { chunks, strips, rooms: kept, .. }: &mut Workspace,
        pass: Pass,
        executor: &mut Executor,
    ) {
        let (x, stride) = (x.dense(), self.weights.stride());
        let distance = weight_distance(x.nrows(), stride);
        let delta = copy_in_strips(delta, 1.0, strips);
        let rooms = rooms(kept, if executor.threads() > 1 { chunks.len() } else { 1 });
        let parts = self.weights.padded().chunks(CHUNK * stride).zip(&*chunks);
        let parts = parts.zip(x.axis_chunks_iter(Axis(1), CHUNK));
        let parts = parts.zip(input_delta.axis_chunks_iter_mut(Axis(1), CHUNK)).enumerate();
        executor.each(parts, |(index, (((weights, list), x), input_delta))| {
            let Room { rows, numbers } = &mut *lock(&rooms[index % rooms.len()]);
            if pass.skip_zero_inputs {
                rows.transpose(list, (distance, x.ncols()), STRIP_PITCH, 1.0);
            } else {
                list_all(x, 1.0, rows);
            }
            dot_rows(input_delta, rows, weights, stride, delta, numbers);
        });
    }
}

impl Rows<'_> {
    /// [`Rows::update`] after [`Dense::forward_by_chunks`] with the same workspace.
    pub(super) fn update_by_chunks(
        self,
        LayerValues { delta, .. }: LayerValues,
        factor: Real,
        decay: impl Fn(&mut [Real]) -> Real + Sync,
        Workspace { chunks, strips, rooms: kept, .. }: &mut Workspace,
        executor: &mut Executor,
    ) {
        let stride = self.stride;
        let distance = weight_distance(delta.nrows(), stride);
        let delta = copy_in_strips(delta, 1.0, strips);
        let rooms = rooms(kept, if executor.threads() > 1 { chunks.len() } else { 1 });
        let parts = self.values.chunks_mut(CHUNK * stride).zip(&*chunks).enumerate();
        executor.each(parts, |(index, (weights, list))| {
            let rows = &mut lock(&rooms[index % rooms.len()]).rows;
            rows.transpose(list, (distance, weights.len() / stride), STRIP_PITCH, factor);
            let decay = decay(weights);
            add_products(weights, stride, rows, delta, decay);
        });
    }
}

/// Columns of an array, so many at a time, and the first of each.
fn columns<'a>(
    array: &'a mut ArrayViewMut2<Real>,
    width: usize,
) -> impl DoubleEndedIterator<Item = (usize, ArrayViewMut2<'a, Real>)> + ExactSizeIterator + Send {
    let firsts = (0..array.ncols()).step_by(width);
    firsts.zip(array.axis_chunks_iter_mut(Axis(1), width))
}
