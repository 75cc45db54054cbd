//! The training thread: its loop, the mini-batches, pauses, monitors, checkpoints.

mod channels;
mod checkpoint;
pub(crate) mod control;
mod data_loader;
mod history;
mod meter;
mod model_server;
mod monitors;
mod pace;
mod probe_service;
mod run;
mod schedule;
mod trainer;

pub use checkpoint::{
    BEST, Checkpoint, CheckpointError, CheckpointPolicy, LAST, PREVIOUS, Position, Tuning,
};
pub use run::{RunHandle, RunOptions, SpawnError};
