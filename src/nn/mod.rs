//! The networks of the book: pure mathematics on `ndarray`, without IO, threads or clock.
//!
//! A batch is an `Array2<Real>` whose rows are samples. Shapes in the docs are (rows, columns).

mod activation;
mod architecture;
#[cfg(test)]
mod checks;
mod cost;
mod gradients;
mod init;
mod kernels;
pub mod layer;
mod listing;
mod network;
mod optimizer;
pub mod perceptron;
mod regularizer;
mod tape;

pub use activation::Activation;
pub use architecture::{Architecture, ArchitectureError, BuildOptions};
pub use cost::Cost;
pub use gradients::{Gradients, LayerGradients};
pub use init::Init;
pub(crate) use kernels::{List, Packed, add};
pub use layer::{Layer, Shape};
pub(crate) use listing::{Listing, Order};
pub use network::{Mode, Network};
pub(crate) use optimizer::Learner;
pub use optimizer::{Hyper, Optimizer, Updater};
pub use regularizer::{Penalty, Regularizer};
pub use tape::Tape;
pub(crate) use tape::{LayerTape, Lent};

/// The number type of all weights and activations; the feature `f64` flips it.
#[cfg(not(feature = "f64"))]
pub type Real = f32;
/// The number type of all weights and activations; the feature `f64` flips it.
#[cfg(feature = "f64")]
pub type Real = f64;
