//! The command of a run that is not a training of this program.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What to run, and how to stop and save it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CommandSpec {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// The working directory.
    pub cwd: PathBuf,
    /// Environment variables to set.
    pub env: Vec<(String, String)>,
    /// Bytes of output that are kept on disk.
    pub log_limit: u64,
    /// Number of the signal that asks the command to end.
    pub stop_signal: i32,
    /// Seconds until SIGTERM follows the stop signal.
    pub grace_seconds: u64,
    /// Number of the signal that asks the command to write a checkpoint, if it knows one.
    pub save_signal: Option<i32>,
}

impl CommandSpec {
    /// The command as it was typed, for a title.
    #[must_use]
    pub fn title(&self) -> String {
        self.argv.join(" ")
    }
}
