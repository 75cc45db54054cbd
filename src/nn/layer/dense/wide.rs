//! More weights than the second cache holds: in parts that threads can share.
//!
//! Columns going forward, rows going back; what a part does depends on nothing but the part.

use super::{Dense, ROWS};
use crate::nn::Real;
use crate::nn::kernels::{List, Step, Term, accumulate_rows, add_products, dot_rows, nonzero};
use crate::nn::layer::Descent;
use ndarray::{ArrayView2, ArrayViewMut2, Axis, s};

/// Inputs whose weights in a strip of columns stay in the nearest cache.
const CHUNK: usize = 64;
/// Inputs whose weights stay in the second cache while they are used twice.
const BLOCK: usize = 32;

/// Lists the inputs that are not zero: sample after sample of the first few inputs, then of the
/// next.
pub(crate) fn list_by_chunk(x: ArrayView2<Real>, units: usize, list: &mut List) {
    list.clear(x.len());
    for chunk in x.axis_chunks_iter(Axis(1), CHUNK) {
        for x in chunk.rows() {
            list.push(|terms| nonzero(x.to_slice().expect(ROWS), units, terms));
        }
    }
}

/// The weights of some inputs, and those inputs.
pub(crate) struct Rows<'a> {
    weights: &'a mut [Real],
    /// Shape (samples, inputs of these rows).
    x: ArrayView2<'a, Real>,
}

impl Dense {
    /// Columns of z = x W + b from `first` on; x as [`list_by_chunk`] lists it.
    pub(crate) fn weighted_inputs(&self, list: &List, first: usize, mut z: ArrayViewMut2<Real>) {
        let (samples, width, units) = (z.nrows(), z.ncols(), self.biases.len());
        z.assign(&self.biases.slice(s![first..first + width]));
        let chunks = super::slice(&self.weights).chunks(CHUNK * units).enumerate();
        for (index, weights) in chunks {
            accumulate_rows(z.view_mut(), list, samples * index, &weights[first..]);
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

    /// Lists the samples for which each input is not zero.
    pub(crate) fn list(&self, list: &mut List) {
        list.clear(self.x.len());
        for input in self.x.columns() {
            list.push(|terms| {
                let mut count = 0;
                for (offset, &factor) in (0..).zip(input) {
                    terms[count] = Term { offset, factor };
                    count += usize::from(factor != 0.0);
                }
                count
            });
        }
    }

    /// ∂C/∂x of these inputs; 0 where the input is 0 if a list is given.
    pub(crate) fn input_delta(
        &self,
        delta: ArrayView2<Real>,
        list: Option<&List>,
        input_delta: ArrayViewMut2<Real>,
    ) {
        dot_rows(input_delta, list, self.weights, delta.to_slice().expect(ROWS));
    }

    /// The weights' gradient, times `scale`, in their place.
    pub(crate) fn gradient(self, delta: ArrayView2<Real>, scale: Real, list: &List) {
        self.add(delta, Step { keep: 0.0, rate: scale }, list);
    }

    /// A step of plain gradient descent; the gradient is multiplied by `scale`.
    pub(crate) fn descend(
        self,
        delta: ArrayView2<Real>,
        descent: Descent,
        scale: Real,
        list: &List,
    ) {
        // L2's part is a factor; L1's asks for the weight's sign.
        let keep = if descent.l1 == 0.0 { 1.0 - descent.l2 } else { 1.0 };
        if descent.l1 != 0.0 {
            descent.decay(self.weights);
        }
        self.add(delta, Step { keep, rate: -descent.rate * scale }, list);
    }

    fn add(self, delta: ArrayView2<Real>, step: Step, list: &List) {
        add_products(self.weights, list, delta.to_slice().expect(ROWS), delta.ncols(), step);
    }
}
