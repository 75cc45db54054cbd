//! The training thread: spec, trainer, control, metrics, probes, checkpoints.

pub mod atomic;
mod build;
mod checkpoint;
mod control;
mod describe;
mod desk;
mod ensemble;
mod exhibit;
mod feed;
mod history;
mod meter;
mod metrics;
mod model;
mod monitors;
mod pace;
pub mod parallel;
mod presets;
mod probes;
mod reading;
mod readout;
mod run;
mod schedule;
pub mod search;
mod spec;
mod tally;
#[cfg(test)]
mod testing;
mod trainer;
mod validate;
mod watch;

pub use build::build;
pub use checkpoint::{
    BEST, Checkpoint, CheckpointError, CheckpointPolicy, LAST, PREVIOUS, Position, Tuning,
};
pub use describe::describe;
pub use model::{Answer, Evaluation, JoinError, Member, MismatchError, Model, ModelError};
pub use presets::{PRESETS, Preset, preset};
pub use reading::{Sheet, read};
pub use run::{Engine, Options};
pub(crate) use run::{divided, load};
pub use spec::{EarlyStopping, Expansion, Optimizer, Readout, Schedule, Spec};
pub use validate::SpecError;
