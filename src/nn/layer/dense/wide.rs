//! More weights than the second cache holds: in parts that threads can share.
//!
//! Columns going forward, rows going back; what a part does depends on nothing but the part.

use super::{Dense, ROWS};
use crate::nn::Real;
use crate::nn::kernels::{
    List, Matrix, Packed, Step, Term, accumulate_rows, add_products, dot_rows, nonzero,
};
use crate::nn::layer::{Descent, Scratch, Taped};
use ndarray::{ArrayView2, ArrayViewMut2, Axis, s};

/// Inputs whose weights in a strip of columns stay in the nearest cache.
const CHUNK: usize = 64;
/// Samples from which weights are copied to where they can be read faster.
const WORTH_COPYING: usize = 24;
/// Inputs whose weights stay in the second cache while they are used twice.
const BLOCK: usize = 32;

/// Lists the inputs that are not zero: sample after sample of the first few inputs, then of the
/// next.
pub(crate) fn list_by_chunk(x: ArrayView2<Real>, list: &mut List) {
    list.clear(x.len());
    for chunk in x.axis_chunks_iter(Axis(1), CHUNK) {
        for x in chunk.rows() {
            list.push(|terms| nonzero(x.to_slice().expect(ROWS), 1, terms));
        }
    }
}

/// δ where it can be read fast, in `room`.
pub(crate) fn cut_delta<'a>(delta: ArrayView2<Real>, room: &'a mut Packed) -> Matrix<'a> {
    let (samples, units) = delta.dim();
    Matrix::of_rows(delta.to_slice().expect(ROWS), units, 0, units).cut(samples, room)
}

/// Lists the samples of each input, those for which it is zero only where asked.
fn list_by_input(x: ArrayView2<Real>, list: &mut List, zeros: bool) {
    list.clear(x.len());
    for input in x.columns() {
        list.push(|terms| {
            let mut count = 0;
            for (offset, &factor) in (0..).zip(input) {
                terms[count] = Term { offset, factor };
                count += usize::from(zeros || factor != 0.0);
            }
            count
        });
    }
}

/// The weights of some inputs, and those inputs.
pub(crate) struct Rows<'a> {
    weights: &'a mut [Real],
    /// Shape (samples, inputs of these rows).
    x: ArrayView2<'a, Real>,
}

impl Dense {
    /// Columns of z = x W + b from `first` on; x as [`list_by_chunk`] lists it. `room` is for
    /// weights.
    pub(crate) fn weighted_inputs(
        &self,
        list: &List,
        first: usize,
        mut z: ArrayViewMut2<Real>,
        room: &mut Packed,
    ) {
        let (samples, width, units) = (z.nrows(), z.ncols(), self.biases.len());
        z.assign(&self.biases.slice(s![first..first + width]));
        let chunks = super::slice(&self.weights).chunks(CHUNK * units).enumerate();
        for (index, weights) in chunks {
            let mut matrix = Matrix::of_rows(weights, units, first, width);
            if samples >= WORTH_COPYING {
                matrix = matrix.cut(weights.len() / units, room);
            }
            accumulate_rows(z.view_mut(), list, samples * index, matrix);
        }
    }

    /// ∂C/∂x of all inputs.
    pub(super) fn input_delta_alone(
        &self,
        Taped { x, delta, .. }: Taped,
        mut input_delta: ArrayViewMut2<Real>,
        Scratch { deltas: list, strips, sums, .. }: &mut Scratch,
    ) {
        let delta = cut_delta(delta, strips);
        let blocks = super::slice(&self.weights).chunks(BLOCK * self.biases.len());
        let columns = x.axis_chunks_iter(Axis(1), BLOCK).zip(Rows::columns(&mut input_delta));
        for (weights, (x, input_delta)) in blocks.zip(columns) {
            list_by_input(x, list, true);
            dot_rows(input_delta, list, weights, delta, sums);
        }
    }
}

impl<'a> Rows<'a> {
    /// All rows, few at a time; `weights` are a layer's, or as many.
    pub(crate) fn all(
        weights: &'a mut [Real],
        x: ArrayView2<'a, Real>,
    ) -> impl Iterator<Item = Self> + Send {
        let units = weights.len() / x.ncols();
        let blocks = weights.chunks_mut(BLOCK * units).enumerate();
        blocks.map(move |(index, weights)| {
            let first = BLOCK * index;
            let x = x.slice_move(s![.., first..first + weights.len() / units]);
            Self { weights, x }
        })
    }

    /// How many there are of so many inputs.
    pub(crate) fn count(inputs: usize) -> usize {
        inputs.div_ceil(BLOCK)
    }

    /// The matching columns of an array of shape (samples, inputs).
    pub(crate) fn columns<'b>(
        array: &'b mut ArrayViewMut2<Real>,
    ) -> impl Iterator<Item = ArrayViewMut2<'b, Real>> + Send {
        array.axis_chunks_iter_mut(Axis(1), BLOCK)
    }

    /// Lists the samples for which each input is not zero; or all, where it matters what a zero is
    /// to learn: see [`crate::nn::Network::zeros_learn`].
    pub(crate) fn list(&self, list: &mut List, zeros: bool) {
        list_by_input(self.x, list, zeros);
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

    /// The weights' gradient, times `scale`, in their place.
    pub(crate) fn gradient(self, delta: Matrix<'_>, scale: Real, list: &List) {
        add_products(self.weights, list, delta, Step { keep: 0.0, rate: scale });
    }

    /// A step of plain gradient descent; the gradient is multiplied by `scale`.
    pub(crate) fn descend(self, delta: Matrix<'_>, descent: Descent, scale: Real, list: &List) {
        // L2's part is a factor; L1's asks for the weight's sign.
        let keep = if descent.l1 == 0.0 { 1.0 - descent.l2 } else { 1.0 };
        if descent.l1 != 0.0 {
            descent.decay(self.weights);
        }
        add_products(self.weights, list, delta, Step { keep, rate: -descent.rate * scale });
    }
}
