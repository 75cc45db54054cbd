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
pub mod layer;
mod listing;
mod network;
mod optimizer;
pub mod parallel;
pub mod perceptron;
mod regularizer;
mod tape;

pub use crate::linalg::Real;
pub(crate) use crate::linalg::{List, Packed, add};
pub use activation::Activation;
pub use architecture::{Architecture, ArchitectureError, BuildOptions};
pub use cost::Cost;
pub use gradients::{Gradients, LayerGradients};
pub use init::Init;
pub use layer::{Layer, Shape};
pub(crate) use listing::{Listing, Order};
pub use network::{Mode, Network};
pub(crate) use optimizer::Learner;
pub use optimizer::{Hyper, Optimizer, Updater};
pub use regularizer::{Penalty, Regularizer};
pub use tape::Tape;
pub(crate) use tape::{LayerTape, Lent};
