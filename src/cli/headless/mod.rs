//! Prints a run without a dashboard: one line, or one JSON object, per epoch.

mod json;
mod text;

use super::args::OutputArgs;
use super::output::{self, Output};
use super::signals;
use crate::protocol::{Command, Event, Outcome, RunView};
use crate::ui::{Environment, notification};
use anyhow::{Context, bail};
use crossbeam_channel::{Receiver, Sender};
use std::io;
use std::process::ExitCode;
use text::counted;

/// Output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OutputFormat {
    /// Aligned columns for people; comments start with `#`.
    Text,
    /// One JSON object per line for programs.
    Json,
}

/// Prints the run; a signal ends it cleanly.
pub(super) fn run(
    commands: &Sender<Command>,
    events: &Receiver<Event>,
    output: &OutputArgs,
    notify: bool,
) -> anyhow::Result<ExitCode> {
    let stop = commands.clone();
    signals::on_signal(move || {
        // A run that has ended does not need to be stopped.
        let _ = stop.send(Command::Stop);
    })
    .context("cannot listen for signals")?;
    let format = if output.json { OutputFormat::Json } else { OutputFormat::Text };
    let (mut out, mut bar) = (output::out(), has_bar().then(output::err));
    let view = follow(events, commands, format, &mut out, bar.as_mut())?;
    if notify {
        let ending = match &view.outcome {
            Some(Outcome::Completed(_)) | None => "completed",
            Some(Outcome::Stopped | Outcome::Checkpointed(_)) => "stopped",
            Some(Outcome::Diverged { .. }) => "diverged",
            Some(Outcome::Failed(_) | Outcome::Exited { .. }) => "failed",
        };
        ring(&format!("nntop: {ending} after {}", counted(view.epoch(), "epoch")));
    }
    match view.outcome {
        Some(Outcome::Diverged { epoch, hint }) => bail!("diverged in epoch {epoch}: {hint}"),
        Some(Outcome::Failed(reason)) => bail!("{reason}"),
        Some(Outcome::Exited { code, .. }) => bail!("the command ended with exit code {code}"),
        Some(Outcome::Completed(_) | Outcome::Stopped | Outcome::Checkpointed(_)) | None => {
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Whether standard error is a terminal that can redraw a progress bar in place.
pub(super) fn has_bar() -> bool {
    output::err_is_terminal() && Environment::read().can_draw()
}

/// Rings the terminal's bell, and shows a notification if the terminal supports it.
pub(super) fn ring(text: &str) {
    if !output::err_is_terminal() {
        return;
    }
    let understands_osc = Environment::read().understands_osc();
    let sequence = if understands_osc { notification(text) } else { "\x07".into() };
    // The terminal may be gone.
    let _ = output::err().own(&sequence);
}

/// Prints a run's events to `out`, and its progress to `bar` if there is one (a terminal), until
/// the run has ended; returns its final state. If the reader of `out` has gone, the run is stopped.
///
/// # Errors
/// If `out` cannot be written to, other than because its reader has gone.
pub(super) fn follow(
    events: &Receiver<Event>,
    commands: &Sender<Command>,
    format: OutputFormat,
    out: &mut Output<'_>,
    mut bar: Option<&mut Output<'_>>,
) -> io::Result<RunView> {
    let mut view = RunView::default();
    let mut listening = true;
    for event in events {
        view.apply(&event);
        if let (Some(bar), OutputFormat::Text) = (&mut bar, format) {
            // A progress bar that cannot be drawn does not end a run.
            let _ = text::bar(&event, &view, bar);
        }
        if listening {
            listening = match print(&event, &view, format, out) {
                Ok(()) => true,
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    // The run may have ended already.
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
    view.outcome = Some(Outcome::Failed("the training thread ended unexpectedly".into()));
    Ok(view)
}

/// The checked claims, one line each.
pub(super) fn print_claims(view: &RunView) -> io::Result<()> {
    let mut out = output::out();
    view.claims.iter().try_for_each(|claim| text::claim(claim, &mut out))
}

fn print(
    event: &Event,
    view: &RunView,
    format: OutputFormat,
    out: &mut Output<'_>,
) -> io::Result<()> {
    match format {
        OutputFormat::Text => text::print(event, view, out)?,
        OutputFormat::Json => json::print(event, view, out)?,
    }
    out.flush()
}

#[cfg(test)]
mod tests;
