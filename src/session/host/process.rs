//! Detaching the session process from the process that started it.

use crate::files;
use crate::session::run_dir::RunDir;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;

/// Maximum number of arenas of the allocator, which all threads of the session share.
#[cfg(target_env = "gnu")]
const MAX_ARENAS: i32 = 2;
/// Buffers of at least this many bytes are returned to the system when they are freed.
#[cfg(target_env = "gnu")]
const LARGE_BUFFER: i32 = 128 << 10;

/// What the starter passes to the session process.
#[derive(Debug)]
pub(super) struct Inherited {
    /// The run's lock, inherited as standard input, so that the lock is never without an owner.
    pub lock: File,
    pub starter: Starter,
}

/// The pipe on which the starter waits for the result.
#[derive(Debug)]
pub(super) struct Starter(File);

impl Starter {
    pub(super) const READY: &'static str = "ready\n";

    /// Tells the starter that the session is ready.
    pub(super) fn ready(mut self) {
        // The session continues even if the starter is gone.
        let _ = self.0.write_all(Self::READY.as_bytes());
    }

    /// Tells the starter why there is no session.
    pub(super) fn failed(mut self, reason: &str) {
        let _ = self.0.write_all(reason.as_bytes());
    }
}

/// Leaves the starter's terminal, process session, working directory and open files.
///
/// # Errors
/// If the standard streams cannot be replaced.
pub(super) fn detach(run: &RunDir) -> io::Result<Inherited> {
    return_freed_memory();
    // A process that already leads its group, as one started by a shell does, has no starter to
    // detach from.
    let _ = rustix::process::setsid();
    let lock = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let starter = Starter(File::from(rustix::stdio::stdout().try_clone_to_owned()?));
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    // Panic messages go to the log.
    rustix::stdio::dup2_stderr(open_log(run).as_ref().unwrap_or(&null))?;
    // Do not keep the file system of the working directory busy.
    std::env::set_current_dir("/")?;
    Ok(Inherited { lock, starter })
}

/// Makes the allocator return large buffers to the system as soon as they are freed. By default
/// glibc keeps them in up to eight arenas per core: a session with many clients would grow for
/// hours.
fn return_freed_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: `mallopt` sets parameters of the allocator; no other thread runs yet that allocates.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, MAX_ARENAS);
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BUFFER);
    }
}

/// The run's log, for appending.
pub(super) fn open_log(run: &RunDir) -> io::Result<File> {
    files::read::open_own(OpenOptions::new().append(true).create(true).mode(0o600), &run.log())
}
