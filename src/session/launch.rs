//! Starts the session process of a run.

use super::host::READY;
use super::place::PlaceError;
use super::run_dir::RunDir;
use rustix::io::FdFlags;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The hidden command that runs this program as a session process.
pub const SESSION_COMMAND: &str = "__session";

/// Why a session process was not started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error("the run `{0}` is live already; `nntop attach {0}` shows it")]
    Live(String),
    #[error("the session process cannot be started: {0}")]
    Spawn(#[from] io::Error),
    #[error("{0}")]
    Failed(String),
}

/// Starts the session process of a run whose record is written, and waits until it accepts clients.
///
/// # Errors
/// If the run is live already, or the process cannot be started or fails.
pub fn launch(run: &RunDir) -> Result<(), LaunchError> {
    let lock = run.lock()?.ok_or_else(|| LaunchError::Live(run.name()))?;
    launch_locked(run, lock)
}

/// As [`launch`], for a caller that holds the run's lock. The process inherits the lock as its
/// standard input, so that the run is locked throughout.
fn launch_locked(run: &RunDir, lock: File) -> Result<(), LaunchError> {
    close_on_exec();
    let mut command = Command::new(program()?);
    command.arg0("nntop").arg(SESSION_COMMAND).arg(run.path());
    command.stdin(lock).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut process = command.spawn()?;
    // Closes this process's copy of the lock: otherwise the run would stay locked.
    drop(command);
    let mut reply = String::new();
    if let Some(mut pipe) = process.stdout.take() {
        pipe.read_to_string(&mut reply)?;
    }
    if reply == READY {
        return Ok(());
    }
    // The process is about to exit.
    let _ = process.wait();
    if reply.is_empty() {
        let log = run.log();
        reply = format!("the session process ended unexpectedly; see {}", log.display());
    }
    Err(LaunchError::Failed(reply))
}

/// Marks inherited files as close-on-exec: the session process would keep them open for days, while
/// another process may wait for them to be closed, as a shell does with a pipe.
fn close_on_exec() {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return };
    let names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    let numbers = names.iter().filter_map(|name| name.to_str()?.parse::<RawFd>().ok());
    for fd in numbers.filter(|fd| *fd > 2) {
        // SAFETY: the descriptor is used for one call, which neither closes nor duplicates it. If
        // it was closed in the meantime, the call fails or marks another descriptor, which is
        // harmless: no child of this program is meant to inherit any.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        let _ = rustix::io::fcntl_setfd(fd, FdFlags::CLOEXEC);
    }
}

/// The path of this program, also if its file was replaced by an upgrade.
fn program() -> io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let itself = PathBuf::from("/proc/self/exe");
    Ok(if program.exists() || !itself.exists() { program } else { itself })
}
