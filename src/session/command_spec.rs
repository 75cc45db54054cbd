//! The command of a run that is not one of nntop's own trainings.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

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
    /// Maximum size of the stored output in bytes, and also of the event file.
    pub log_limit: u64,
    /// Number of the signal that asks the command to end.
    pub stop_signal: i32,
    /// Seconds until SIGTERM follows the stop signal.
    pub grace_seconds: u64,
    /// Number of the signal that asks the command to write a checkpoint, if it supports one.
    pub save_signal: Option<i32>,
}

impl CommandSpec {
    /// Default maximum size of the output on disk in bytes.
    pub const LOG_LIMIT: u64 = 256 << 20;

    /// An empty command with the defaults of `nntop run`.
    #[must_use]
    pub fn in_directory(cwd: &Path) -> Self {
        Self {
            argv: Vec::new(),
            cwd: cwd.into(),
            env: Vec::new(),
            log_limit: Self::LOG_LIMIT,
            stop_signal: rustix::process::Signal::INT.as_raw(),
            grace_seconds: 10,
            save_signal: None,
        }
    }

    /// The command as it was typed, for a title.
    #[must_use]
    pub fn title(&self) -> String {
        self.argv.join(" ")
    }
}

/// A script that was started elsewhere and connects to a session of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ScriptSpec {
    /// Its command line, for a title.
    pub argv: Vec<String>,
    /// Its working directory.
    pub cwd: PathBuf,
    /// Its process id.
    pub pid: u32,
}

impl ScriptSpec {
    /// The script as it was started, for a title.
    #[must_use]
    pub fn title(&self) -> String {
        if self.argv.is_empty() { format!("process {}", self.pid) } else { self.argv.join(" ") }
    }
}
