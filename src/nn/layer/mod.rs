//! Layers: the trait [`LayerOps`], the enum [`Layer`], and one file for each kind of layer.

mod conv2d;
mod dense;
mod dropout;
mod gradient_step;
mod norm;
mod parameters;
mod pool2d;
mod recurrent;
mod transposed;
mod weight_rows;

pub use conv2d::Conv2d;
pub use dense::Dense;
pub use dropout::Dropout;
pub use gradient_step::GradientStep;
pub(crate) use gradient_step::sign;
pub use norm::Norm;
pub use pool2d::{Pool2d, Pooling};
pub use recurrent::Recurrent;

use super::{Activation, Batch, Executor, InputKind, LayerGradients, Mode, Real};
use crate::linalg::{AlignedBuffer, SparseRows};
use ndarray::{ArrayView2, ArrayViewD, ArrayViewMut2, ArrayViewMutD};
use serde::{Deserialize, Serialize};
use std::sync::Mutex;

/// The shape of a layer's input or output: feature maps of height × width. A vector of n is
/// (1, 1, n). A row of a batch has the layout (height, width, maps).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    pub maps: usize,
    pub height: usize,
    pub width: usize,
}

impl Shape {
    /// A vector.
    #[must_use]
    pub fn vector(len: usize) -> Self {
        Self { maps: 1, height: 1, width: len }
    }

    /// A grey image.
    #[must_use]
    pub fn image(height: usize, width: usize) -> Self {
        Self { maps: 1, height, width }
    }

    /// Number of values.
    #[must_use]
    pub fn len(self) -> usize {
        self.maps * self.height * self.width
    }

    /// Converts the values of a row of a batch, (height, width, maps), to the channels-first layout
    /// of pictures, (maps, height, width).
    #[must_use]
    pub fn maps_first<T: Copy>(self, values: &[T]) -> Vec<T> {
        let map = |map: usize| values.iter().skip(map).step_by(self.maps).copied();
        (0..self.maps).flat_map(map).collect()
    }

    /// Whether there are no values.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// How an array of parameters is updated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterRole {
    /// By the gradient and by regularization.
    Weights,
    /// By the gradient, without regularization (section 3.2).
    Biases,
    /// They are moving means of statistics of mini-batches.
    Statistics,
}

/// The name of biases among the parameters of every layer.
pub(crate) const BIASES: &str = "biases";

/// The names of statistics, see [`ParameterRole::Statistics`].
pub(crate) const MEAN: &str = "mean";
pub(crate) const VARIANCE: &str = "variance";

/// Samples per part when work is divided by samples.
pub(crate) const ROWS: usize = 8;

/// `expect` message: why a batch and its rows are slices.
const BATCH: &str = "batches are contiguous";
/// `expect` message: why a vector of parameters, or a gradient, is a slice.
const CONTIGUOUS: &str = "owned arrays are contiguous";

/// The rows of a batch.
fn rows(x: ArrayView2<'_, Real>) -> impl Iterator<Item = &[Real]> {
    let width = x.ncols().max(1);
    x.to_slice().expect(BATCH).chunks_exact(width)
}

/// The mutable version of [`rows`].
fn rows_mut(x: ArrayViewMut2<'_, Real>) -> impl Iterator<Item = &mut [Real]> {
    let width = x.ncols().max(1);
    x.into_slice().expect(BATCH).chunks_exact_mut(width)
}

/// The rows of a mini-batch that a layer processes.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    pub mode: Mode,
    /// The layer's index in the network.
    pub layer: usize,
    /// The first of the rows, counted in the whole mini-batch.
    pub first_row: usize,
    /// 1 / samples of the whole mini-batch: the factor of every sum over samples.
    pub scale: Real,
    /// Whether ∂C/∂x will be multiplied by 0 wherever x is 0, and need not be computed there.
    pub skip_zero_inputs: bool,
}

impl Pass {
    pub(crate) fn for_input_delta(self, skip_zero_inputs: bool) -> Self {
        Self { skip_zero_inputs, ..self }
    }
}

/// Buffers of a layer, reused for every mini-batch. What a layer stores here in the forward pass is
/// available in the backward pass.
#[derive(Debug, Default)]
pub struct Workspace {
    /// `first`, `second` and `third` hold different values for each kind of layer.
    pub(crate) first: Vec<Real>,
    pub(crate) second: Vec<Real>,
    pub(crate) third: Vec<Real>,
    /// Indices in an image.
    pub(crate) indices: Vec<usize>,
    /// The nonzero inputs of each sample.
    pub(crate) inputs: SparseRows,
    /// The same for a wide dense layer, one list per chunk of inputs; for a recurrent layer, one
    /// list of the nonzero hidden states.
    pub(crate) chunks: Vec<SparseRows>,
    /// Nonzero deltas.
    pub(crate) deltas: SparseRows,
    /// A copy of deltas in strips.
    pub(crate) strips: AlignedBuffer,
    /// Buffers for parts of the work that run concurrently.
    pub(crate) scratch: Vec<Mutex<Scratch>>,
}

/// Buffers for one part of a layer's work.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) rows: SparseRows,
    pub(crate) numbers: AlignedBuffer,
}

/// The values of a layer for backpropagation: its input x, its activations a, and δ = ∂C/∂z, with
/// one row per sample.
#[derive(Clone, Copy, Debug)]
pub struct LayerValues<'a> {
    pub x: Batch<'a>,
    pub a: ArrayView2<'a, Real>,
    pub delta: ArrayView2<'a, Real>,
}

/// The arguments of a layer's operation in addition to its values.
#[derive(Debug)]
pub struct LayerContext<'a, 'pool> {
    pub workspace: &'a mut Workspace,
    pub pass: Pass,
    pub executor: &'a mut Executor<'pool>,
}

/// The operations of a layer. A layer may distribute its work among the threads of the
/// [`Executor`]; the result does not depend on their number.
pub trait LayerOps {
    /// The shape of the input.
    fn input(&self) -> Shape;

    /// The shape of the output.
    fn output(&self) -> Shape;

    /// Its name in the network's text, such as `dense30`.
    fn name(&self) -> String;

    /// The activation function.
    fn activation(&self) -> Activation {
        Activation::Linear
    }

    /// Multiplications of the forward pass for one sample.
    fn multiplications(&self) -> usize {
        0
    }

    /// The parameter arrays with their names, as used in model files; empty for a layer without
    /// parameters.
    fn parameters(&self) -> Vec<(&'static str, ArrayViewD<'_, Real>)> {
        Vec::new()
    }

    /// The mutable version of [`LayerOps::parameters`].
    fn parameters_mut(&mut self) -> Vec<(&'static str, ArrayViewMutD<'_, Real>)> {
        Vec::new()
    }

    /// Number of units with weights of their own (feature maps for a convolution); 0 for a layer
    /// without parameters.
    fn units(&self) -> usize {
        0
    }

    /// The incoming weights of a unit, with their shape and in the layout (maps, height, width).
    fn unit_weights(&self, _unit: usize) -> (Shape, Vec<Real>) {
        (Shape::vector(0), Vec::new())
    }

    /// Calls `visit` with every array of parameters as stored in memory: weights, biases,
    /// statistics. Rows may be padded with zeros, which must stay zero. Allocates nothing.
    fn visit_mut(&mut self, _visit: &mut dyn FnMut(ParameterRole, &mut [Real])) {}

    /// Gradients of zeros, with the arrays that [`LayerOps::visit_mut`] visits.
    fn zero_gradients(&self) -> LayerGradients {
        LayerGradients::default()
    }

    /// The representation in which the layer, if it is the first, expects this number of samples.
    fn input_kind(&self, _samples: usize, _mode: Mode) -> InputKind {
        InputKind::Dense
    }

    /// Computes a = σ(z). `x` has the shape (samples, inputs), `a` the shape (samples, outputs).
    fn forward(&self, x: Batch, a: ArrayViewMut2<Real>, context: LayerContext);

    /// The first factor of BP2: overwrites `input_delta`, shape (samples, inputs), with ∂C/∂x.
    fn input_delta(
        &self,
        values: LayerValues,
        input_delta: ArrayViewMut2<Real>,
        context: LayerContext,
    );

    /// BP3 and BP4: overwrites `gradients` with the gradients of the parameters, summed over the
    /// samples and multiplied by `pass.scale`.
    fn gradients(
        &self,
        _values: LayerValues,
        _gradients: &mut LayerGradients,
        _context: LayerContext,
    ) {
    }

    /// Takes a step of plain gradient descent without storing the gradient. Returns false, and does
    /// nothing, if the layer does not support that.
    fn update(
        &mut self,
        _values: LayerValues,
        _step: GradientStep,
        _context: LayerContext,
    ) -> bool {
        false
    }
}

macro_rules! layers {
    ($($(#[$doc:meta])* $layer:ident,)+) => {
        /// A layer of a network: its parameters, without caches.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub enum Layer {
            $($(#[$doc])* $layer($layer),)+
        }

        impl Layer {
            pub(crate) fn ops(&self) -> &dyn LayerOps {
                match self {
                    $(Self::$layer(layer) => layer,)+
                }
            }

            pub(crate) fn ops_mut(&mut self) -> &mut dyn LayerOps {
                match self {
                    $(Self::$layer(layer) => layer,)+
                }
            }
        }
    };
}

layers! {
    /// Fully connected.
    Dense,
    /// Sets random units to zero in training.
    Dropout,
    /// Convolution.
    Conv2d,
    /// Batch normalization.
    Norm,
    /// Pooling of blocks of pixels.
    Pool2d,
    /// Recurrent: reads an image row by row.
    Recurrent,
}

impl Layer {
    /// The shape of the input.
    #[must_use]
    pub fn input(&self) -> Shape {
        self.ops().input()
    }

    /// The shape of the output.
    #[must_use]
    pub fn output(&self) -> Shape {
        self.ops().output()
    }

    /// Its name in the network's text, such as `dense30`.
    #[must_use]
    pub fn name(&self) -> String {
        self.ops().name()
    }

    /// The activation function; linear if there is none.
    #[must_use]
    pub fn activation(&self) -> Activation {
        self.ops().activation()
    }

    /// Multiplications of the forward pass for one sample.
    #[must_use]
    pub fn multiplications(&self) -> usize {
        self.ops().multiplications()
    }

    /// Number of units with weights of their own (feature maps for a convolution); 0 for a layer
    /// without parameters.
    #[must_use]
    pub fn units(&self) -> usize {
        self.ops().units()
    }

    /// The incoming weights of a unit, with their shape and in the layout (maps, height, width).
    ///
    /// # Panics
    /// If there is no such unit.
    #[must_use]
    pub fn unit_weights(&self, unit: usize) -> (Shape, Vec<Real>) {
        self.ops().unit_weights(unit)
    }

    /// The weight arrays; none for a layer without parameters.
    pub fn weights(&self) -> impl Iterator<Item = ArrayViewD<'_, Real>> {
        let arrays = self.parameters().into_iter();
        arrays.filter(|(name, _)| ![BIASES, MEAN, VARIANCE].contains(name)).map(|(_, array)| array)
    }

    /// The biases; empty for a layer without parameters.
    #[must_use]
    pub fn biases(&self) -> Vec<Real> {
        let biases = self.parameters().into_iter().find(|(name, _)| *name == BIASES);
        biases.map_or_else(Vec::new, |(_, array)| array.iter().copied().collect())
    }

    /// The parameter arrays with their names, as used in model files; empty for a layer without
    /// parameters.
    #[must_use]
    pub fn parameters(&self) -> Vec<(&'static str, ArrayViewD<'_, Real>)> {
        self.ops().parameters()
    }

    /// The mutable version of [`Layer::parameters`].
    pub fn parameters_mut(&mut self) -> Vec<(&'static str, ArrayViewMutD<'_, Real>)> {
        self.ops_mut().parameters_mut()
    }
}
