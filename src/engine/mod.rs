//! The training thread: spec, trainer, control, metrics, probes, checkpoints.

mod spec;

pub use spec::{EarlyStopping, Expansion, Optimizer, Readout, Schedule, Spec};
