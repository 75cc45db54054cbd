//! The training thread: its loop, mini-batches, pauses, monitors, checkpoints.

mod archive;
mod channels;
mod checkpoint;
pub(crate) mod control;
mod data_loader;
mod learning_check;
mod meter;
mod model_server;
mod monitors;
mod pace;
mod predictions_server;
mod probe_service;
mod run;
mod schedule;
mod snapshots;
mod test_outputs_file;
mod trainer;

pub use archive::open_run;
pub use checkpoint::{
    BEST, Checkpoint, CheckpointClaim, CheckpointError, CheckpointPolicy, ClaimError, LAST,
    PREVIOUS, Position, Tuning,
};
pub use model_server::{open_model, open_saved};
pub use predictions_server::open_predictions;
pub use run::{RunHandle, RunOptions, SpawnError};
pub use snapshots::{directory_beside as snapshot_directory, list as snapshots_in};
