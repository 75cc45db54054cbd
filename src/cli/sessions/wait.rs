//! `nntop wait`: returns when a run has ended, with its exit code.

use super::ending::{exit_code, sentence};
use crate::cli::display::DisplayArgs;
use crate::cli::headless::ring;
use crate::cli::output;
use crate::protocol::{Event, Link, Update};
use crate::session::{self, Attachment, ConnectError, RunDir};
use crate::ui::Language;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

/// Interval between attempts to reach a session that does not answer, or whose process is about to
/// end.
const RETRY: Duration = Duration::from_millis(200);

/// Waits for the end of a run, then prints its outcome.
pub(super) fn wait(run: &RunDir, display: &DisplayArgs) -> anyhow::Result<ExitCode> {
    loop {
        match session::attach(run, Attachment::ReadOnly) {
            Ok(connection) => follow(&connection.link),
            Err(ConnectError::NotLive(_)) => break,
            // It is live, so it may answer later.
            Err(ConnectError::NoAnswer(_) | ConnectError::Wire { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let summary = session::summarize(run);
        if summary.state.is_over() || !summary.live {
            break;
        }
        thread::sleep(RETRY);
    }
    let summary = session::summarize(run);
    let text = sentence(&summary, Language::English);
    writeln!(output::out(), "{text}")?;
    if display.notify {
        ring(&text);
    }
    Ok(exit_code(&summary))
}

/// Applies updates until the run has ended or the connection is lost.
fn follow(link: &Link) {
    for update in &link.updates {
        let ends = match &update {
            Update::Snapshot(view) => view.outcome.is_some(),
            Update::Event(event) => matches!(event, Event::Finished(_)),
            Update::Lost(_) => true,
        };
        if ends {
            return;
        }
    }
}
