//! The networks of the book: forward pass, backpropagation, layers, costs and optimizers, without
//! IO or clock.
//!
//! `network` is the book's page: the forward pass and BP1 to BP4. A layer is one file of `layer`.
//! Rows of a batch are samples; shapes in the documentation are (rows, columns).

mod activation;
mod architecture;
#[cfg(test)]
mod checks;
mod cost;
mod forward_cache;
mod gradients;
mod init;
pub mod layer;
mod network;
mod optimizer;
pub mod parallel;
pub mod perceptron;
mod regularizer;

pub use crate::linalg::{Batch, ByteRows, Executor, InputKind, Matrix, Real, SparseRows};
pub use activation::Activation;
pub use architecture::{Architecture, ArchitectureError, BuildOptions};
pub use cost::Cost;
pub(crate) use forward_cache::Borrowed;
pub use forward_cache::ForwardCache;
pub use gradients::{Gradients, LayerGradients};
pub use init::Init;
pub use layer::{Layer, Shape};
pub(crate) use network::BackwardPass;
pub use network::{Mode, Network};
pub(crate) use optimizer::ParameterUpdate;
pub use optimizer::{Hyper, Optimizer, OptimizerState};
pub use regularizer::{Penalty, Regularizer};
