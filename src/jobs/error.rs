//! Why a job ends early.

use crate::train::SpawnError;

/// Why a job did not complete.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    /// A stop was requested; not a failure.
    #[error("stopped")]
    Stopped,
    #[error("the run {run} cannot be started: {source}")]
    Spec { run: String, source: SpawnError },
    #[error("the run {run} diverged in epoch {epoch}: {hint}")]
    Diverged { run: String, epoch: u32, hint: String },
    #[error("the run {run} failed: {reason}")]
    Run { run: String, reason: String },
    #[error("{0}")]
    Other(String),
}
