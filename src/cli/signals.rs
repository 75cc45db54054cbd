//! SIGINT, SIGTERM and SIGHUP ask for a clean end; a second one is obeyed at once.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::{io, thread};

/// What the shell expects of a process ended by SIGINT: 128 + 2.
const INTERRUPTED: i32 = 130;

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
