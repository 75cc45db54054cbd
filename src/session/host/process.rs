//! Becoming a process that nothing but its own end can end.

use crate::files;
use crate::session::run_dir::RunDir;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;

/// What the starter handed over.
#[derive(Debug)]
pub(super) struct Inherited {
    /// The run's lock. It came as standard input, so that from the moment the starter took it
    /// there was none without an owner.
    pub lock: File,
    pub starter: Starter,
}

/// The pipe on which the starter waits to hear how it went.
#[derive(Debug)]
pub(super) struct Starter(File);

impl Starter {
    pub(super) const READY: &'static str = "ready\n";

    /// The session serves: the starter may attach.
    pub(super) fn ready(mut self) {
        // A starter that is gone leaves a session that goes on.
        let _ = self.0.write_all(Self::READY.as_bytes());
    }

    /// There will be no session, for a reason.
    pub(super) fn failed(mut self, reason: &str) {
        let _ = self.0.write_all(reason.as_bytes());
    }
}

/// Leaves the starter's terminal, process session, directory and files behind.
///
/// # Errors
/// Where the standard streams cannot be replaced.
pub(super) fn detach(run: &RunDir) -> io::Result<Inherited> {
    // A process that leads a group already, as one started by a shell does, has no starter to
    // leave.
    let _ = rustix::process::setsid();
    let lock = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let starter = Starter(File::from(rustix::stdio::stdout().try_clone_to_owned()?));
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    // What a panic says goes to the log.
    rustix::stdio::dup2_stderr(open_log(run).as_ref().unwrap_or(&null))?;
    // A file system can be unmounted though a run was started in it.
    std::env::set_current_dir("/")?;
    Ok(Inherited { lock, starter })
}

/// The run's log, for appending.
pub(super) fn open_log(run: &RunDir) -> io::Result<File> {
    files::read::open_own(OpenOptions::new().append(true).create(true).mode(0o600), &run.log())
}
