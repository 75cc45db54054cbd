//! Layers: one file a kind, and this table of them.

mod conv2d;
mod dense;
mod descent;
mod dropout;
mod norm;
mod pool2d;
mod recurrent;

pub use conv2d::Conv2d;
pub use dense::Dense;
pub(crate) use dense::{Chunk, Rows, are_many, cut_rows, halves};
pub use descent::Descent;
pub(crate) use descent::sign;
pub use dropout::Dropout;
pub use norm::Norm;
pub use pool2d::{Pool2d, Pooling};
pub use recurrent::Recurrent;

use super::{Activation, LayerGradients, Mode, Real};
use crate::linalg::{Bytes, List, Packed};
use ndarray::{ArrayView2, ArrayViewD, ArrayViewMut2, ArrayViewMutD};
use serde::{Deserialize, Serialize};

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

/// Whether a learned array is regularized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Weights,
    /// Left alone by regularization (section 3.2).
    Biases,
    /// Measured of mini-batches instead of learned.
    Statistics,
}

/// What every layer calls its biases among its parameters.
pub(crate) const BIASES: &str = "biases";

/// What a layer calls its statistics, see [`Role::Statistics`].
pub(crate) const MEAN: &str = "mean";
pub(crate) const VARIANCE: &str = "variance";

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
    pub told: Told,
    /// Whether the weights are in the scratch: see [`Kind::pack`].
    pub packed: bool,
}

/// How a layer is told its inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// By x.
    Numbers,
    /// By a list in its scratch; x is not to be read.
    List,
    /// By bytes in its scratch; x is not to be read.
    Bytes,
}

/// Buffers of a layer that keep their room from one mini-batch to the next.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    pub(crate) first: Vec<Real>,
    pub(crate) second: Vec<Real>,
    pub(crate) third: Vec<Real>,
    /// Places in an image.
    pub(crate) places: Vec<usize>,
    /// The layer's inputs that are not zero, row after row.
    pub(crate) inputs: List,
    /// The same of a wide dense layer, a list for some inputs at a time.
    pub(crate) chunks: Vec<List>,
    /// The layer's inputs as bytes, a row a sample; and a row an input.
    pub(crate) bytes: Bytes,
    pub(crate) turned: Bytes,
    /// Its deltas that are not zero.
    pub(crate) deltas: List,
    /// The layer's weights, while they are here instead of in the layer: see [`Kind::pack`].
    pub(crate) packed: Packed,
    /// Weights or deltas, where they can be read fast.
    pub(crate) strips: Packed,
    /// Sums that are not yet complete.
    pub(crate) sums: Packed,
}

/// What backpropagation hands a layer: its input x, its activations a, and δ = ∂C/∂z, all of one
/// row a sample.
#[derive(Clone, Copy, Debug)]
pub struct Taped<'a> {
    pub x: ArrayView2<'a, Real>,
    pub a: ArrayView2<'a, Real>,
    pub delta: ArrayView2<'a, Real>,
}

/// What every kind of layer does.
pub trait Kind {
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

    /// The arrays that the layer learns, by name; none for a layer that learns nothing. Model files
    /// keep them under these names.
    fn parameters(&self) -> Vec<(&'static str, ArrayViewD<'_, Real>)> {
        Vec::new()
    }

    /// [`Kind::parameters`], to be changed.
    fn parameters_mut(&mut self) -> Vec<(&'static str, ArrayViewMutD<'_, Real>)> {
        Vec::new()
    }

    /// Number of units, or of feature maps that share their weights; 0 where nothing is learned.
    fn units(&self) -> usize {
        0
    }

    /// The incoming weights of a unit below [`Kind::units`], maps first: (maps, height, width).
    fn unit_weights(&self, _unit: usize) -> (Shape, Vec<Real>) {
        (Shape::vector(0), Vec::new())
    }

    /// Hands out every array that the layer learns, weights before biases before statistics, without
    /// allocating.
    fn visit_mut(&mut self, _visit: &mut dyn FnMut(Role, &mut [Real])) {}

    /// The gradient's room: zeros.
    fn zero_gradients(&self) -> LayerGradients {
        LayerGradients::default()
    }

    /// How far apart the weights of one input and of the next lie, where the layer is best told its
    /// inputs as a list of those that are not zero.
    fn listing_stride(&self) -> Option<usize> {
        None
    }

    /// Moves the weights into the scratch, where they lie as the processor likes it best. Until
    /// [`Kind::unpack`] those in the layer are out of date. For layers with a
    /// [`Kind::listing_stride`]. Each row begins with a line of the cache where `lines` says so.
    fn pack(&self, _scratch: &mut Scratch, _lines: bool) {}

    /// Moves the weights back.
    fn unpack(&mut self, _scratch: &Scratch) {}

    /// a = σ(z) of x; `x` of shape (samples, inputs), `a` of shape (samples, outputs).
    fn forward(
        &self,
        x: ArrayView2<Real>,
        a: ArrayViewMut2<Real>,
        scratch: &mut Scratch,
        pass: Pass,
    );

    /// BP2's first factor: from δ = ∂C/∂z the derivative ∂C/∂x, shape (samples, inputs), which is
    /// overwritten.
    fn input_delta(
        &self,
        taped: Taped,
        input_delta: ArrayViewMut2<Real>,
        scratch: &mut Scratch,
        pass: Pass,
    );

    /// BP3 and BP4: from δ = ∂C/∂z the gradient of what the layer learns, times `pass.scale`;
    /// `gradients` are overwritten.
    fn gradients(
        &self,
        _taped: Taped,
        _gradients: &mut LayerGradients,
        _scratch: &mut Scratch,
        _pass: Pass,
    ) {
    }

    /// One step of plain gradient descent without writing the gradient down; false, and nothing
    /// done, where the layer has no such way.
    fn descend(
        &mut self,
        _taped: Taped,
        _descent: Descent,
        _scratch: &mut Scratch,
        _pass: Pass,
    ) -> bool {
        false
    }
}

macro_rules! layers {
    ($($(#[$doc:meta])* $kind:ident,)+) => {
        /// A layer of a network: plain data, no hidden caches.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub enum Layer {
            $($(#[$doc])* $kind($kind),)+
        }

        impl Layer {
            pub(crate) fn kind(&self) -> &dyn Kind {
                match self {
                    $(Self::$kind(layer) => layer,)+
                }
            }

            pub(crate) fn kind_mut(&mut self) -> &mut dyn Kind {
                match self {
                    $(Self::$kind(layer) => layer,)+
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
        self.kind().input()
    }

    /// Values that come out.
    #[must_use]
    pub fn output(&self) -> Shape {
        self.kind().output()
    }

    /// As the network's text writes it, such as `dense30`.
    #[must_use]
    pub fn name(&self) -> String {
        self.kind().name()
    }

    /// The function between weighted inputs and activations; linear where there is none.
    #[must_use]
    pub fn activation(&self) -> Activation {
        self.kind().activation()
    }

    /// Multiplications that one sample takes on its way forward.
    #[must_use]
    pub fn multiplications(&self) -> usize {
        self.kind().multiplications()
    }

    /// Number of units, or of feature maps that share their weights; 0 where nothing is learned.
    #[must_use]
    pub fn units(&self) -> usize {
        self.kind().units()
    }

    /// The incoming weights of a unit below [`Layer::units`], maps first: (maps, height, width).
    ///
    /// # Panics
    /// Where there is no such unit.
    #[must_use]
    pub fn unit_weights(&self, unit: usize) -> (Shape, Vec<Real>) {
        self.kind().unit_weights(unit)
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

    /// The arrays that the layer learns, by name; none for a layer that learns nothing. Model files
    /// keep them under these names.
    #[must_use]
    pub fn parameters(&self) -> Vec<(&'static str, ArrayViewD<'_, Real>)> {
        self.kind().parameters()
    }

    /// [`Layer::parameters`], to be changed.
    pub fn parameters_mut(&mut self) -> Vec<(&'static str, ArrayViewMutD<'_, Real>)> {
        self.kind_mut().parameters_mut()
    }
}
