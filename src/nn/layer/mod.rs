//! Layers: one file each, what they all do ([`LayerOps`]), and the table of them ([`Layer`]).

mod conv2d;
mod dense;
mod dropout;
mod gradient_step;
mod norm;
mod pool2d;
mod recurrent;

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

/// What goes in or comes out of a layer: feature maps of height × width. A vector of n is (1, 1, n).
/// In the row of a batch, the maps of one pixel lie side by side: (height, width, maps).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    pub maps: usize,
    pub height: usize,
    pub width: usize,
}

impl Shape {
    /// A plain vector.
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

    /// Values of a row of a batch, (height, width, maps), put into the order of pictures:
    /// (maps, height, width).
    #[must_use]
    pub fn maps_first<T: Copy>(self, values: &[T]) -> Vec<T> {
        let map = |map: usize| values.iter().skip(map).step_by(self.maps).copied();
        (0..self.maps).flat_map(map).collect()
    }

    /// Whether there are no values at all.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// How an array of parameters is updated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Along the gradient, and by regularization.
    Weights,
    /// Along the gradient; left alone by regularization (section 3.2).
    Biases,
    /// Moving means of what is measured in mini-batches.
    Statistics,
}

/// The name of biases among the parameters of every layer.
pub(crate) const BIASES: &str = "biases";

/// The names of statistics, see [`Role::Statistics`].
pub(crate) const MEAN: &str = "mean";
pub(crate) const VARIANCE: &str = "variance";

/// Samples of a part, where work is shared out by samples.
pub(crate) const ROWS: usize = 8;

/// Which rows of which mini-batch a layer is working on.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    pub mode: Mode,
    /// The layer's index in the network.
    pub layer: usize,
    /// The first of the rows, counted in the whole mini-batch.
    pub first_row: usize,
    /// What every sum over samples is multiplied by: 1 / samples of the whole mini-batch.
    pub scale: Real,
    /// Whether ∂C/∂x will be multiplied by 0 wherever x is 0, and so need not be computed there.
    pub skip_zero_inputs: bool,
}

impl Pass {
    pub(crate) fn for_input_delta(self, skip_zero_inputs: bool) -> Self {
        Self { skip_zero_inputs, ..self }
    }
}

/// Buffers of a layer that keep their room from one mini-batch to the next; what a layer leaves here
/// in the forward pass it finds again in the backward pass.
#[derive(Debug, Default)]
pub struct Workspace {
    pub(crate) first: Vec<Real>,
    pub(crate) second: Vec<Real>,
    pub(crate) third: Vec<Real>,
    /// Places in an image.
    pub(crate) places: Vec<usize>,
    /// The layer's inputs that are not zero, row after row.
    pub(crate) inputs: SparseRows,
    /// The same for a wide dense layer: a list for some inputs at a time.
    pub(crate) chunks: Vec<SparseRows>,
    /// Deltas that are not zero.
    pub(crate) deltas: SparseRows,
    /// A copy of deltas or inputs in strips, which is read fast.
    pub(crate) strips: AlignedBuffer,
    /// Room for threads that work at the same time.
    pub(crate) rooms: Vec<Mutex<Room>>,
}

/// Room for a part of a layer's work.
#[derive(Debug, Default)]
pub(crate) struct Room {
    pub(crate) rows: SparseRows,
    pub(crate) numbers: AlignedBuffer,
}

/// What backpropagation hands a layer: its input x, its activations a, and δ = ∂C/∂z, all of one
/// row a sample.
#[derive(Clone, Copy, Debug)]
pub struct LayerValues<'a> {
    pub x: Batch<'a>,
    pub a: ArrayView2<'a, Real>,
    pub delta: ArrayView2<'a, Real>,
}

/// What every layer does. Where an [`Executor`] is passed, work may be shared among its threads; the
/// result does not depend on their number.
pub trait LayerOps {
    /// Values that go in.
    fn input(&self) -> Shape;

    /// Values that come out.
    fn output(&self) -> Shape;

    /// As the network's text writes it, such as `dense30`.
    fn name(&self) -> String;

    /// The function between weighted inputs and activations.
    fn activation(&self) -> Activation {
        Activation::Linear
    }

    /// Multiplications that one sample takes on its way forward.
    fn multiplications(&self) -> usize {
        0
    }

    /// The layer's parameters, array by array with their names; none for a layer that learns nothing.
    /// Model files keep them under these names.
    fn parameters(&self) -> Vec<(&'static str, ArrayViewD<'_, Real>)> {
        Vec::new()
    }

    /// [`LayerOps::parameters`], to be changed.
    fn parameters_mut(&mut self) -> Vec<(&'static str, ArrayViewMutD<'_, Real>)> {
        Vec::new()
    }

    /// Number of units, or of feature maps that share their weights; 0 where nothing is learned.
    fn units(&self) -> usize {
        0
    }

    /// The incoming weights of a unit below [`LayerOps::units`], maps first: (maps, height, width).
    fn unit_weights(&self, _unit: usize) -> (Shape, Vec<Real>) {
        (Shape::vector(0), Vec::new())
    }

    /// Calls back with every array of parameters as it lies in memory, weights before biases before
    /// statistics. Rows may be padded with zeros, which the callback leaves zero. Allocates nothing.
    fn visit_mut(&mut self, _visit: &mut dyn FnMut(Role, &mut [Real])) {}

    /// Room for gradients: zeros, array by array as [`LayerOps::visit_mut`] visits them.
    fn zero_gradients(&self) -> LayerGradients {
        LayerGradients::default()
    }

    /// The form in which the layer wants so many samples of the network's input.
    fn input_kind(&self, _samples: usize, _mode: Mode) -> InputKind {
        InputKind::Dense
    }

    /// a = σ(z) of x: `x` of shape (samples, inputs), `a` of shape (samples, outputs).
    fn forward(
        &self,
        x: Batch,
        a: ArrayViewMut2<Real>,
        workspace: &mut Workspace,
        pass: Pass,
        executor: &mut Executor,
    );

    /// BP2's first factor: ∂C/∂x from δ = ∂C/∂z, shape (samples, inputs), which is overwritten.
    fn input_delta(
        &self,
        values: LayerValues,
        input_delta: ArrayViewMut2<Real>,
        workspace: &mut Workspace,
        pass: Pass,
        executor: &mut Executor,
    );

    /// BP3 and BP4: from δ = ∂C/∂z the gradients of the parameters, times `pass.scale`; `gradients`
    /// are overwritten.
    fn gradients(
        &self,
        _values: LayerValues,
        _gradients: &mut LayerGradients,
        _workspace: &mut Workspace,
        _pass: Pass,
        _executor: &mut Executor,
    ) {
    }

    /// One step of plain gradient descent without writing the gradient down; false, and nothing
    /// done, where the layer cannot do that.
    fn update(
        &mut self,
        _values: LayerValues,
        _step: GradientStep,
        _workspace: &mut Workspace,
        _pass: Pass,
        _executor: &mut Executor,
    ) -> bool {
        false
    }
}

macro_rules! layers {
    ($($(#[$doc:meta])* $layer:ident,)+) => {
        /// A layer of a network: its parameters alone, no caches.
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
    /// Every unit sees every input.
    Dense,
    /// Leaves out units at random while training.
    Dropout,
    /// Feature maps that share their weights.
    Conv2d,
    /// Gives maps mean 0 and variance 1.
    Norm,
    /// Condenses blocks of pixels.
    Pool2d,
    /// Reads an image row by row.
    Recurrent,
}

impl Layer {
    /// Values that go in.
    #[must_use]
    pub fn input(&self) -> Shape {
        self.ops().input()
    }

    /// Values that come out.
    #[must_use]
    pub fn output(&self) -> Shape {
        self.ops().output()
    }

    /// As the network's text writes it, such as `dense30`.
    #[must_use]
    pub fn name(&self) -> String {
        self.ops().name()
    }

    /// The function between weighted inputs and activations; linear where there is none.
    #[must_use]
    pub fn activation(&self) -> Activation {
        self.ops().activation()
    }

    /// Multiplications that one sample takes on its way forward.
    #[must_use]
    pub fn multiplications(&self) -> usize {
        self.ops().multiplications()
    }

    /// Number of units, or of feature maps that share their weights; 0 where nothing is learned.
    #[must_use]
    pub fn units(&self) -> usize {
        self.ops().units()
    }

    /// The incoming weights of a unit below [`Layer::units`], maps first: (maps, height, width).
    ///
    /// # Panics
    /// Where there is no such unit.
    #[must_use]
    pub fn unit_weights(&self, unit: usize) -> (Shape, Vec<Real>) {
        self.ops().unit_weights(unit)
    }

    /// The arrays of weights that the layer learns; none for a layer that learns nothing.
    pub fn weights(&self) -> impl Iterator<Item = ArrayViewD<'_, Real>> {
        let arrays = self.parameters().into_iter();
        arrays.filter(|(name, _)| ![BIASES, MEAN, VARIANCE].contains(name)).map(|(_, array)| array)
    }

    /// The biases that the layer learns; empty for a layer that learns nothing.
    #[must_use]
    pub fn biases(&self) -> Vec<Real> {
        let biases = self.parameters().into_iter().find(|(name, _)| *name == BIASES);
        biases.map_or_else(Vec::new, |(_, array)| array.iter().copied().collect())
    }

    /// The layer's parameters, array by array with their names; none for a layer that learns nothing.
    /// Model files keep them under these names.
    #[must_use]
    pub fn parameters(&self) -> Vec<(&'static str, ArrayViewD<'_, Real>)> {
        self.ops().parameters()
    }

    /// [`Layer::parameters`], to be changed.
    pub fn parameters_mut(&mut self) -> Vec<(&'static str, ArrayViewMutD<'_, Real>)> {
        self.ops_mut().parameters_mut()
    }
}
