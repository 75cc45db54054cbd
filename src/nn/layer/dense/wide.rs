//! More weights than the second cache holds: in parts that threads can share.
//!
//! Some inputs at a time; what a part does depends on nothing but the part.

use super::{Dense, ROWS};
use crate::linalg::{
    Ahead, CUT, List, Matrix, Packed, Term, accumulate_rows, add_products, dot_rows, nonzero,
};
use crate::nn::layer::{Descent, Scratch, Taped};
use crate::nn::{Activation, Real};
use ndarray::{ArrayView2, ArrayViewMut2, Axis, s};
use std::ops::Range;

/// Inputs that are worked on at a time: their weights in a strip of columns stay in the nearest
/// cache, all of them in the second.
const CHUNK: usize = 64;

/// Whether so many samples make up for copying weights to where they can be read faster.
fn worth_copying(samples: usize) -> bool {
    samples >= 24
}

/// How far apart the weights of two inputs are then: the offsets of a [`Chunk`]'s list.
fn stride(samples: usize, units: usize) -> usize {
    if worth_copying(samples) { CUT } else { units }
}

/// A few inputs, and where those that are not zero are to be listed.
pub(crate) struct Chunk<'a> {
    x: ArrayView2<'a, Real>,
    list: &'a mut List,
    stride: usize,
}

impl<'a> Chunk<'a> {
    /// All inputs of a layer of so many units, and a list for each chunk of them.
    pub(crate) fn all(
        x: ArrayView2<'a, Real>,
        units: usize,
        lists: &'a mut Vec<List>,
    ) -> impl DoubleEndedIterator<Item = Self> + ExactSizeIterator + Send {
        let (stride, inputs) = (stride(x.nrows(), units), x.ncols());
        lists.resize_with(inputs.div_ceil(CHUNK), List::default);
        let firsts = (0..inputs).step_by(CHUNK);
        firsts.zip(lists).map(move |(first, list)| {
            let x = x.slice_move(s![.., first..inputs.min(first + CHUNK)]);
            Self { x, list, stride }
        })
    }

    /// Lists them, sample after sample.
    pub(crate) fn list(self) {
        self.list.clear(self.x.len());
        for x in self.x.rows() {
            self.list.push(|terms| nonzero(x.to_slice().expect(ROWS), self.stride, terms));
        }
    }
}

/// The chunks of inputs, so many, whose weights one of two threads changes and the other. Each half
/// has a sum of its own, whatever the number of threads: the result depends on it.
pub(crate) fn halves(chunks: usize) -> [Range<usize>; 2] {
    let first = chunks.div_ceil(2);
    [0..first, first..chunks]
}

/// The rows of a batch, times `factor`, where they can be read fast: in `room`.
pub(crate) fn cut_rows<'a>(
    rows: ArrayView2<Real>,
    factor: Real,
    room: &'a mut Packed,
) -> Matrix<'a> {
    let width = rows.ncols();
    Matrix::cut(rows.to_slice().expect(ROWS), width, 0..width, factor, room)
}

/// Lists all samples of each input, times `factor`.
pub(super) fn list_all(x: ArrayView2<Real>, factor: Real, list: &mut List) {
    list.clear(x.len());
    for input in x.columns() {
        list.push(|terms| {
            for ((sample, &x), term) in input.iter().enumerate().zip(terms) {
                *term = Term { offset: (sample * CUT) as u32, factor: factor * x };
            }
            input.len()
        });
    }
}

/// The weights of some inputs, and those inputs.
pub(crate) struct Rows<'a> {
    weights: &'a mut [Real],
    /// Shape (samples, inputs of these rows).
    x: ArrayView2<'a, Real>,
    /// Which inputs they are: so many chunks come before.
    chunk: usize,
}

impl Dense {
    /// Adds columns of x W from `first` on to z, of the inputs that some of all [`Chunk`]s' `lists`
    /// tell. `room` is for weights.
    pub(crate) fn add_weighted_inputs(
        &self,
        lists: &[List],
        chunks: Range<usize>,
        first: usize,
        mut z: ArrayViewMut2<Real>,
        room: &mut Packed,
    ) {
        let (samples, width, units) = (z.nrows(), z.ncols(), self.biases.len());
        let blocks = super::slice(&self.weights).chunks(CHUNK * units);
        let blocks = blocks.skip(chunks.start).take(chunks.len());
        let nexts = blocks.clone().skip(1).chain([&[][..]]);
        for ((weights, next), list) in blocks.zip(nexts).zip(&lists[chunks]) {
            let (matrix, ahead) = if worth_copying(samples) {
                let matrix = Matrix::cut(weights, units, first..first + width, 1.0, room);
                (matrix, Ahead { values: next, pitch: units, first })
            } else {
                (Matrix::of_rows(weights, first, width), Ahead::NOTHING)
            };
            accumulate_rows(z.view_mut(), list, matrix, ahead);
        }
    }

    /// z = x W + b, summed in the order of two threads.
    pub(super) fn weighted_inputs_alone(
        &self,
        x: ArrayView2<Real>,
        mut z: ArrayViewMut2<Real>,
        Scratch { chunks, second, strips, .. }: &mut Scratch,
    ) {
        Chunk::all(x, self.biases.len(), chunks).for_each(Chunk::list);
        second.resize(z.len(), 0.0);
        let mut second = ArrayViewMut2::from_shape(z.dim(), second).expect("it is as large");
        for (half, mut sum) in
            halves(chunks.len()).into_iter().zip([z.view_mut(), second.view_mut()])
        {
            sum.fill(0.0);
            self.add_weighted_inputs(chunks, half, 0, sum, strips);
        }
        z += &second;
        z += &self.biases;
    }

    /// ∂C/∂x of all inputs.
    pub(super) fn input_delta_alone(
        &self,
        Taped { x, delta, .. }: Taped,
        mut input_delta: ArrayViewMut2<Real>,
        Scratch { deltas: list, strips, sums, .. }: &mut Scratch,
    ) {
        let delta = cut_rows(delta, 1.0, strips);
        let blocks = super::slice(&self.weights).chunks(CHUNK * self.biases.len());
        let columns = x.axis_chunks_iter(Axis(1), CHUNK).zip(Rows::columns(&mut input_delta));
        for (weights, (x, input_delta)) in blocks.zip(columns) {
            list_all(x, 1.0, list);
            dot_rows(input_delta, list, weights, delta, sums);
        }
    }
}

impl<'a> Rows<'a> {
    /// All rows, few at a time; `weights` are a layer's, or as many.
    pub(crate) fn all(
        weights: &'a mut [Real],
        x: ArrayView2<'a, Real>,
    ) -> impl DoubleEndedIterator<Item = Self> + ExactSizeIterator + Send {
        let units = weights.len() / x.ncols();
        let chunks = weights.chunks_mut(CHUNK * units).enumerate();
        chunks.map(move |(chunk, weights)| {
            let first = CHUNK * chunk;
            let x = x.slice_move(s![.., first..first + weights.len() / units]);
            Self { weights, x, chunk }
        })
    }

    /// How many there are of so many inputs.
    pub(crate) fn count(inputs: usize) -> usize {
        inputs.div_ceil(CHUNK)
    }

    /// The matching columns of an array of shape (samples, inputs).
    pub(crate) fn columns<'b>(
        array: &'b mut ArrayViewMut2<Real>,
    ) -> impl DoubleEndedIterator<Item = ArrayViewMut2<'b, Real>> + ExactSizeIterator + Send {
        array.axis_chunks_iter_mut(Axis(1), CHUNK)
    }

    /// Lists the samples for which each input is not zero, times `factor`, by what each [`Chunk`]
    /// listed.
    pub(crate) fn list(&self, chunks: &[List], factor: Real, list: &mut List) {
        let (samples, inputs) = self.x.dim();
        let stride = stride(samples, self.weights.len() / inputs);
        list.transpose(&chunks[self.chunk], (stride, inputs), CUT, factor);
    }

    /// Lists all samples, where it matters what a zero is to learn: see
    /// [`crate::nn::Network::zeros_learn`].
    pub(crate) fn list_all(&self, factor: Real, list: &mut List) {
        list_all(self.x, factor, list);
    }

    /// ∂C/∂x of these inputs where they are listed, 0 elsewhere; `sums` is room.
    pub(crate) fn input_delta(
        &self,
        delta: Matrix<'_>,
        list: &List,
        input_delta: ArrayViewMut2<Real>,
        sums: &mut Packed,
    ) {
        dot_rows(input_delta, list, self.weights, delta, sums);
    }

    /// BP2's second factor for these inputs, which are another layer's activations.
    pub(crate) fn through(&self, activation: Activation, delta: ArrayViewMut2<Real>) {
        activation.multiply_by_derivative(self.x, delta);
    }

    /// The weights' gradient in their place, times the list's factor.
    pub(crate) fn gradient(self, delta: Matrix<'_>, list: &List) {
        add_products(self.weights, delta.width(), list, delta, 0.0);
    }

    /// A step of plain gradient descent; the list's factor is [`Descent::factor`].
    pub(crate) fn descend(self, delta: Matrix<'_>, descent: Descent, list: &List) {
        let keep = descent.keep(self.weights);
        add_products(self.weights, delta.width(), list, delta, keep);
    }
}
