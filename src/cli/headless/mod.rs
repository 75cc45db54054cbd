//! A run without a dashboard: a line an epoch, or a JSON object a line.

mod json;
mod text;

use crate::protocol::{Command, Event, Outcome, RunView};
use crossbeam_channel::{Receiver, Sender};
use std::io::{self, Write};

pub(super) use text::claim as print_claim;

/// How a run is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// For people: aligned columns, comments start with `#`.
    Text,
    /// For programs: one object a line.
    Json,
}

/// Prints a run's events to `out`, and its progress to `bar` where there is one (a terminal),
/// until it is over; returns how it stood then. Where the reader of `out` has gone, the run is asked to stop: nobody follows.
///
/// # Errors
/// Where `out` cannot be written to for another reason than that its reader has gone.
pub(super) fn follow(
    events: &Receiver<Event>,
    commands: &Sender<Command>,
    format: Format,
    out: &mut dyn Write,
    mut bar: Option<&mut dyn Write>,
) -> io::Result<RunView> {
    let mut view = RunView::default();
    let mut listening = true;
    for event in events {
        view.apply(&event);
        if let (Some(bar), Format::Text) = (&mut bar, format) {
            // A bar that cannot be drawn is no reason to end a run.
            let _ = text::bar(&event, &view, *bar);
        }
        if listening {
            listening = match print(&event, &view, format, out) {
                Ok(()) => true,
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    // The run may be over already; then there is nothing to stop.
                    let _ = commands.send(Command::Stop);
                    false
                }
                Err(error) => return Err(error),
            };
        }
        if view.outcome.is_some() {
            return Ok(view);
        }
    }
    view.outcome = Some(Outcome::Failed("the training thread ended without a word".into()));
    Ok(view)
}

fn print(event: &Event, view: &RunView, format: Format, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Text => text::print(event, view, out)?,
        Format::Json => json::print(event, view, out)?,
    }
    out.flush()
}

#[cfg(test)]
mod tests;
