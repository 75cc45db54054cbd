//! The training thread: spec, trainer, control, metrics, probes, checkpoints.

pub mod atomic;
mod model;
mod spec;

pub use model::{Model, ModelError};
pub use spec::{EarlyStopping, Expansion, Optimizer, Readout, Schedule, Spec};
