//! The training thread: its loop, the mini-batches, pauses, monitors, checkpoints.

mod checkpoint;
mod control;
mod desk;
mod exhibit;
mod feed;
mod history;
mod meter;
mod monitors;
mod pace;
mod run;
mod schedule;
mod trainer;
mod watch;

pub use checkpoint::{
    BEST, Checkpoint, CheckpointError, CheckpointPolicy, LAST, PREVIOUS, Position, Tuning,
};
pub use run::{Engine, Options};
pub(crate) use run::{divided, load};
