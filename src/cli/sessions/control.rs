//! Steering a live run from outside. Each command returns once it has taken effect.

use crate::protocol::{Activity, Command, Event, Level, Outcome, RunView, Status, Step, Update};
use crate::session::{self, Attachment, RunDir};
use anyhow::{anyhow, bail};
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// A command takes effect within 100 ms; a loaded machine is slow, never this slow.
const PATIENCE: Duration = Duration::from_secs(30);

/// Pauses a run.
pub(super) fn pause(run: &RunDir) -> anyhow::Result<ExitCode> {
    let paused =
        |view: &RunView, _: &Event| at_rest(view).then(|| format!("paused {}", place(view)));
    tell(run, Command::Pause, Some(PATIENCE), paused)
}

/// Lets a run go on.
pub(super) fn resume(run: &RunDir) -> anyhow::Result<ExitCode> {
    let goes_on = |view: &RunView, _: &Event| {
        let going = !view.status.pausing && view.status.activity != Activity::Paused;
        going.then(|| format!("training {}", place(view)))
    };
    tell(run, Command::Resume, Some(PATIENCE), goes_on)
}

/// Trains for a while, then pauses; takes as long as that takes.
pub(super) fn step(
    run: &RunDir,
    epochs: Option<u32>,
    batches: Option<u32>,
) -> anyhow::Result<ExitCode> {
    let amount = batches.map_or(Step::Epochs(epochs.unwrap_or(1)), Step::Batches);
    let mut begun = false;
    let done = move |view: &RunView, event: &Event| {
        let Event::StatusChanged(Status { batches_left, pause_after_epoch, pausing, .. }) = event
        else {
            return None;
        };
        let stepping = batches_left.is_some() || pause_after_epoch.is_some();
        begun |= stepping;
        if !begun || stepping || *pausing {
            return None;
        }
        let paused = view.status.activity == Activity::Paused;
        Some(if paused {
            format!("paused {}", place(view))
        } else {
            format!("going on {}: another client took over", place(view))
        })
    };
    tell(run, Command::Step(amount), None, done)
}

/// Ends a run.
pub(super) fn stop(run: &RunDir) -> anyhow::Result<ExitCode> {
    let over = |view: &RunView, event: &Event| {
        let over = matches!(event, Event::Finished(_));
        over.then(|| format!("{} after {} epochs", ending(view), view.epoch()))
    };
    tell(run, Command::Stop, Some(PATIENCE), over)
}

/// Has a checkpoint written.
pub(super) fn save(run: &RunDir) -> anyhow::Result<ExitCode> {
    let saved = |_: &RunView, event: &Event| match event {
        Event::Saved(saved) => Some(format!("saved {}", saved.path)),
        _ => None,
    };
    tell(run, Command::Save, Some(PATIENCE), saved)
}

/// Sends a command and waits for its effect, which `done` finds in an event, or in what is known
/// when it was sent.
fn tell(
    run: &RunDir,
    command: Command,
    patience: Option<Duration>,
    mut done: impl FnMut(&RunView, &Event) -> Option<String>,
) -> anyhow::Result<ExitCode> {
    let link = session::attach(run, Attachment::Control)?.link;
    let deadline = patience.map(|patience| Instant::now() + patience);
    let late = || anyhow!("`{}` was asked, but nothing came of it in time", run.name());
    let next = || match deadline {
        Some(deadline) => link.updates.recv_deadline(deadline).map_err(|_| late()),
        None => link.updates.recv().map_err(|_| late()),
    };
    let mut view = RunView::default();
    let mut sent = false;
    loop {
        let event = match next()? {
            Update::Snapshot(snapshot) => {
                view = *snapshot;
                Event::StatusChanged(view.status)
            }
            Update::Event(event) => {
                view.apply(&event);
                event
            }
            Update::Lost(why) => bail!("{why}"),
        };
        if !sent {
            if view.outcome.is_some() && command != Command::Save {
                bail!("`{}` is over: {}", run.name(), ending(&view));
            }
            link.commands.send(command.clone()).map_err(|_| late())?;
            sent = true;
        }
        if let Some(effect) = done(&view, &event) {
            writeln!(io::stdout(), "{}: {effect}", run.name())?;
            return Ok(ExitCode::SUCCESS);
        }
        match event {
            Event::Log(said) if command == Command::Save && said.level != Level::Info => {
                bail!("{}", said.text)
            }
            Event::Finished(_) => bail!("`{}` is over: {}", run.name(), ending(&view)),
            _ => {}
        }
    }
}

fn at_rest(view: &RunView) -> bool {
    view.status.activity == Activity::Paused
}

fn place(view: &RunView) -> String {
    let batch = view.progress.as_ref().filter(|p| p.epoch == view.epoch()).map_or(0, |p| p.batch);
    match batch {
        0 => format!("after epoch {}", view.epoch()),
        batch => format!("after epoch {} and {batch} mini-batches of the next", view.epoch()),
    }
}

fn ending(view: &RunView) -> String {
    match &view.outcome {
        Some(Outcome::Completed(how)) => format!("completed: {how}"),
        Some(Outcome::Diverged { epoch, .. }) => format!("diverged in epoch {epoch}"),
        Some(Outcome::Failed(why)) => format!("failed: {why}"),
        Some(Outcome::Stopped) | None => "stopped".into(),
    }
}
