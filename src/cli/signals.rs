//! SIGINT, SIGTERM and SIGHUP request a clean end; a second signal ends the process at once.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;
use std::sync::Arc;
use std::{io, thread};

/// Exit code of a process that SIGINT ended, by the shell's convention: 128 + 2.
const INTERRUPTED: i32 = 130;

/// Ignores SIGXFSZ, so that a write beyond the file size limit (`ulimit -f`) fails like one on a
/// full disk instead of killing the process.
pub(super) fn ignore_file_size_signal() {
    // If the handler cannot be installed, the system's default remains.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::default());
}

/// Calls `stop` at the first signal and ends the process at the second.
///
/// # Errors
/// If the system refuses a handler or a thread.
pub(super) fn on_signal(mut stop: impl FnMut() + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let name = thread::Builder::new().name("nntop-signals".into());
    name.spawn(move || {
        let mut received = signals.forever();
        if received.next().is_some() {
            stop();
        }
        if received.next().is_some() {
            std::process::exit(INTERRUPTED);
        }
    })?;
    Ok(())
}
