//! The networks of the book: forward pass, backpropagation, layers, costs and optimizers. Does no
//! I/O and reads no clock.
//!
//! `network` has the forward pass and BP1 to BP4 on one page; each layer is a file in `layer`. Rows
//! of a batch are samples; shapes in the documentation are (rows, columns).
//!
//! Backpropagation through a network of one sigmoid layer:
//!
//! ```
//! use ndarray::array;
//! use nntop::nn::layer::Dense;
//! use nntop::nn::{
//!     Activation, Cost, Executor, ForwardCache, Gradients, Init, Layer, Mode, Network,
//! };
//! use nntop::rng::{Purpose, stream};
//!
//! let mut stream = stream(1, Purpose::Initialization, 0, 0);
//! let dense = Dense::random(2, 1, Activation::Sigmoid, Init::Scaled, &mut stream);
//! let network = Network { layers: vec![Layer::Dense(dense)], cost: Cost::CrossEntropy };
//! let (x, y) = (array![[0.0, 1.0], [1.0, 0.0]], array![[1.0], [0.0]]);
//!
//! let mut cache = ForwardCache::new(&network, 2);
//! network.forward(x.view(), &mut cache, Mode::Inference, &mut Executor::Serial);
//! let mut gradients = Gradients::zeros(&network);
//! network.backward(x.view(), y.view(), &mut cache, &mut gradients, &mut Executor::Serial);
//! // BP1 with the cross-entropy: δ = a − y.
//! let a = cache.outputs()[[0, 0]];
//! assert!((cache.delta(0)[[0, 0]] - (a - 1.0)).abs() < 1e-6);
//! ```

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
pub(crate) use forward_cache::BorrowedBuffers;
pub use forward_cache::ForwardCache;
pub use gradients::{Gradients, LayerGradients};
pub use init::Init;
pub use layer::{Layer, Shape};
pub(crate) use network::BackwardPass;
pub use network::{Mode, Network};
pub(crate) use optimizer::ParameterUpdate;
pub use optimizer::{HyperParameters, Optimizer, OptimizerState};
pub use regularizer::{Penalty, Regularizer};
