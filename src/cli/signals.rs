//! SIGINT, SIGTERM and SIGHUP ask for a clean end; a second one is obeyed at once.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;
use std::sync::Arc;
use std::{io, thread};

/// What the shell expects of a process ended by SIGINT: 128 + 2.
const INTERRUPTED: i32 = 130;

/// Has a write beyond the limit on the size of files (`ulimit -f`) fail as one on a full disk does,
/// instead of ending the process by SIGXFSZ.
pub(super) fn take_large_files_for_a_full_disk() {
    // Where no handler can be installed, the system's own remains.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::default());
}

/// Calls `stop` at the first signal and ends the process at the second.
///
/// # Errors
/// Where the system refuses a handler or a thread.
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
