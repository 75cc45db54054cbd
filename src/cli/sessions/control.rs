//! Controls a live run from the command line. Each command returns once it has taken effect.

use super::super::error::Usage;
use super::super::output;
use super::ending::sentence;
use crate::protocol::{
    Activity, Command, Event, Link, LogLevel, Outcome, PauseLevel, RunKind, RunView, StepAmount,
    Tunable, Tune, Update,
};
use crate::session::{self, Attachment, ConnectError, RunDir, RunRecord, SessionTask};
use crate::ui::Language;
use anyhow::{anyhow, bail};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long to wait until a command takes effect; usually 100 ms, more on a loaded machine.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Writing a checkpoint of a large model can take long.
const SAVE_TIMEOUT: Duration = Duration::from_secs(3600);

/// How a run is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum PauseMethod {
    /// Hold the script between two steps: frees the CPU, but no memory (GPU memory included)
    Held,
    /// Stop all processes by SIGSTOP: frees the CPU, but no memory (GPU memory included)
    Suspended,
    /// Write a checkpoint and end: frees everything; `nntop resume` continues from the checkpoint
    Ended,
}

/// Pauses a run.
pub(super) fn pause(run: &RunDir, level: Option<PauseMethod>) -> anyhow::Result<ExitCode> {
    let mut paused = |view: &RunView, _: &Event| {
        at_rest(view).then(|| format!("{} {}", view.status.pause.word(), place(view)))
    };
    let mut suspended = |view: &RunView, event: &Event| {
        paused(view, event).filter(|_| view.status.pause == PauseLevel::Suspended)
    };
    match level {
        Some(_) if !is_command(run) => {
            bail!("--level applies only to commands, and `{}` is a training of nntop", run.name())
        }
        None => send_and_print(run, Command::Pause, Some(TIMEOUT), &mut paused),
        Some(PauseMethod::Suspended) => {
            send_and_print(run, Command::Suspend, Some(TIMEOUT), &mut suspended)
        }
        Some(PauseMethod::Held) => {
            let mut held = |view: &RunView, event: &Event| {
                paused(view, event).filter(|_| view.status.pause == PauseLevel::Held)
            };
            send_and_print(run, Command::Hold, Some(TIMEOUT), &mut held)
        }
        Some(PauseMethod::Ended) => {
            let mut ended = |view: &RunView, event: &Event| {
                matches!(event, Event::Finished(_)).then(|| ending(view))
            };
            send_and_print(run, Command::EndAtCheckpoint, Some(SAVE_TIMEOUT), &mut ended)
        }
    }
}

/// Changes a value that a run offers by name.
pub(super) fn set(run: &RunDir, name: &str, value: f64) -> anyhow::Result<ExitCode> {
    if is_command(run) {
        return set_named(run, name, value);
    }
    let Some(change) = Tune::named(name, value) else {
        let problem = format!("{name:?} is none of eta, lambda, momentum");
        return Err(Usage::value("<NAME>", problem).into());
    };
    let mut done = move |_: &RunView, event: &Event| match event {
        Event::Tuned(tuned) if tuned.change == change => {
            Some(format!("{name} {value} (was {})", tuned.previous))
        }
        _ => None,
    };
    send_and_print(run, Command::Set(change), Some(TIMEOUT), &mut done)
}

/// Changes a value of a script; returns once a step has used it, or at once while the script is
/// held.
fn set_named(run: &RunDir, name: &str, value: f64) -> anyhow::Result<ExitCode> {
    let mut done = |view: &RunView, event: &Event| {
        let Event::Tunable(Tunable { name, value, previous: Some(previous), step, in_force }) =
            event
        else {
            return None;
        };
        let change = format!("{name} {value} (was {previous})");
        if *in_force {
            return Some(format!("{change}; in force since step {step}"));
        }
        at_rest(view).then(|| format!("{change}; takes effect with the next step"))
    };
    let command = Command::SetNamed { name: name.into(), value };
    send_and_print(run, command, Some(TIMEOUT), &mut done)
}

fn is_command(run: &RunDir) -> bool {
    matches!(
        RunRecord::read(run).map(|record| record.task),
        Ok(SessionTask::Command(_) | SessionTask::Script(_))
    )
}

/// Resumes a run.
pub(super) fn resume(run: &RunDir) -> anyhow::Result<ExitCode> {
    let mut goes_on = |view: &RunView, _: &Event| {
        let going = !view.status.pausing && view.status.activity != Activity::Paused;
        going.then(|| format!("training {}", place(view)))
    };
    send_and_print(run, Command::Resume, Some(TIMEOUT), &mut goes_on)
}

/// Trains for some epochs or mini-batches, then pauses; returns after that.
pub(super) fn step(
    run: &RunDir,
    epochs: Option<u32>,
    batches: Option<u32>,
) -> anyhow::Result<ExitCode> {
    let amount = match (epochs, batches) {
        (_, Some(batches)) => StepAmount::Batches(batches),
        // The progress of a script is counted in steps.
        (None, None) if is_command(run) => StepAmount::Batches(1),
        (epochs, None) => StepAmount::Epochs(epochs.unwrap_or(1)),
    };
    let (mut begun, mut counted) = (false, false);
    let mut done = move |view: &RunView, event: &Event| {
        let Event::StatusChanged(status) = event else { return None };
        let left = status.batches_left.is_some() || status.pause_after_epoch.is_some();
        let paused = status.activity == Activity::Paused;
        counted |= left;
        begun |= left || !paused;
        if left || status.pausing {
            return None;
        }
        if paused {
            return begun.then(|| format!("{} {}", view.status.pause.word(), place(view)));
        }
        // Between two networks an experiment reports no step.
        let taken_over = counted && !is_of_a_job(view);
        taken_over.then(|| format!("going on {}: another client took over", place(view)))
    };
    send_and_print(run, Command::Step(amount), None, &mut done)
}

/// Stops a run.
pub(super) fn stop(run: &RunDir) -> anyhow::Result<ExitCode> {
    let mut over = |view: &RunView, event: &Event| {
        let over = matches!(event, Event::Finished(_));
        over.then(|| format!("{} {}", ending(view), place(view)))
    };
    send_and_print(run, Command::Stop, Some(TIMEOUT), &mut over)
}

/// Requests a checkpoint without printing anything.
pub(super) fn write_checkpoint(run: &RunDir) -> anyhow::Result<()> {
    let link = match session::attach(run, Attachment::Control) {
        Ok(connection) => connection.link,
        // It has ended in the meantime, with a checkpoint.
        Err(ConnectError::NotLive(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let mut saved = |_: &RunView, event: &Event| matches!(event, Event::Saved(_)).then(String::new);
    effect(&link, &run.name(), Command::Save, Some(TIMEOUT), &mut saved).map(drop)
}

/// Requests a checkpoint and prints its path.
pub(super) fn save(run: &RunDir) -> anyhow::Result<ExitCode> {
    let name = run.name();
    if let SessionTask::Experiment { id, .. } = RunRecord::read(run)?.task {
        bail!("`{name}` is the experiment {id}, which keeps no checkpoints")
    }
    let is_command = is_command(run);
    let mut saved = |_: &RunView, event: &Event| match event {
        Event::Saved(saved) if is_command => {
            Some(format!("saved {} ({} bytes)", saved.path, saved.bytes))
        }
        Event::Saved(saved) => Some(format!("saved {}", saved.path)),
        _ => None,
    };
    let patience = if is_command { SAVE_TIMEOUT } else { TIMEOUT };
    send_and_print(run, Command::Save, Some(patience), &mut saved)
}

/// Sends a command and prints its effect.
fn send_and_print(
    run: &RunDir,
    command: Command,
    patience: Option<Duration>,
    done: &mut dyn FnMut(&RunView, &Event) -> Option<String>,
) -> anyhow::Result<ExitCode> {
    // The session reserves places for short commands.
    let connected = match patience {
        Some(patience) if patience <= TIMEOUT => session::connect_briefly(run),
        _ => session::attach(run, Attachment::Control),
    };
    let connection = connected.map_err(|error| match error {
        ConnectError::NotLive(_) => {
            anyhow!("{error}; {}", sentence(&session::summarize(run), Language::English))
        }
        error => error.into(),
    })?;
    let effect = effect(&connection.link, &run.name(), command, patience, done)?;
    writeln!(output::out(), "{}: {effect}", run.name())?;
    Ok(ExitCode::SUCCESS)
}

/// Sends a command and waits until `done` recognises its effect in an event. A snapshot counts as
/// the events that it adds, followed by its status.
fn effect(
    link: &Link,
    name: &str,
    command: Command,
    patience: Option<Duration>,
    done: &mut dyn FnMut(&RunView, &Event) -> Option<String>,
) -> anyhow::Result<String> {
    let deadline = patience.map(|patience| Instant::now() + patience);
    let late = || anyhow!("`{name}` did not answer in time");
    let next = || match deadline {
        Some(deadline) => link.updates.recv_deadline(deadline).map_err(|_| late()),
        None => link.updates.recv().map_err(|_| late()),
    };
    let mut view = RunView::default();
    let mut sent = false;
    loop {
        let events = match next()? {
            Update::Snapshot(now) => {
                let events = if sent { now.missed_events(&view) } else { Vec::new() };
                view = *now;
                [events, vec![Event::StatusChanged(view.status)]].concat()
            }
            Update::Event(event) => {
                view.apply(&event);
                vec![event]
            }
            Update::Lost(why) => bail!("{why}"),
        };
        if !sent {
            if view.outcome.is_some() && command != Command::Save {
                bail!("`{name}` has ended: {}", ending(&view));
            }
            link.commands.send(command.clone()).map_err(|_| late())?;
            sent = true;
        }
        for event in events {
            if let Some(effect) = done(&view, &event) {
                return Ok(effect);
            }
            match event {
                Event::Refused(reason) => bail!("{reason}"),
                Event::Log(log) if command == Command::Save && log.level != LogLevel::Info => {
                    bail!("{}", log.text)
                }
                Event::Finished(_) => bail!("`{name}` has ended: {}", ending(&view)),
                _ => {}
            }
        }
    }
}

fn at_rest(view: &RunView) -> bool {
    view.status.activity == Activity::Paused
}

/// The position of a run; of a job, within its current training.
fn place(view: &RunView) -> String {
    let title = view.info.as_ref().map_or("", |info| info.title.as_str());
    match (&view.progress, view.exit_code) {
        // The progress of a script is counted in steps, not in epochs.
        (Some(progress), _) if progress.batches == 0 => {
            return format!("at step {}", progress.batch);
        }
        (None, Some(code)) => return format!("with exit code {code}"),
        _ => {}
    }
    let alone = !is_of_a_job(view);
    if !alone && view.epochs.seen() == 0 {
        return format!("in {title}");
    }
    let batch = view.progress.as_ref().filter(|p| p.epoch == view.epoch()).map_or(0, |p| p.batch);
    let place = match batch {
        0 => format!("after epoch {}", view.epoch()),
        batch => format!("after epoch {} and {batch} mini-batches of the next", view.epoch()),
    };
    if alone { place } else { format!("in {title} {place}") }
}

/// Whether a run is not a single training, so that its position includes a title.
fn is_of_a_job(view: &RunView) -> bool {
    view.info.as_ref().is_some_and(|info| info.kind != RunKind::Training)
}

fn ending(view: &RunView) -> String {
    match &view.outcome {
        Some(Outcome::Completed(how)) => format!("completed: {how}"),
        Some(Outcome::Diverged { epoch, .. }) => format!("diverged in epoch {epoch}"),
        Some(Outcome::Failed(why)) => format!("failed: {why}"),
        Some(Outcome::Exited { code, .. }) => format!("ended with exit code {code}"),
        Some(Outcome::Checkpointed(path)) => format!("checkpointed and ended: {path}"),
        Some(Outcome::Stopped) | None => "stopped".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{LogLevel, LogLine, SavedFile};
    use crossbeam_channel::unbounded;

    fn saved(epoch: u32) -> Event {
        Event::Saved(SavedFile { path: format!("{epoch}.ckpt"), epoch, batch: 0, bytes: 1 })
    }

    fn log(level: LogLevel, text: &str) -> Event {
        Event::Log(LogLine { level, text: text.into() })
    }

    /// Saves while the session sends two snapshots: before and after the command.
    fn save(before: &[Event], after: &[Event]) -> anyhow::Result<String> {
        let (commands, _asked) = unbounded();
        let (updates, received) = unbounded();
        let mut view = RunView::default();
        for events in [before, after] {
            for event in events {
                view.apply(event);
            }
            updates.send(Update::Snapshot(Box::new(view.clone()))).unwrap();
        }
        drop(updates);
        let link = Link { commands, updates: received };
        effect(&link, "run", Command::Save, Some(TIMEOUT), &mut |_, event| match event {
            Event::Saved(saved) => Some(format!("saved {}", saved.path)),
            _ => None,
        })
    }

    #[test]
    fn an_effect_is_found_in_the_next_snapshot_if_its_event_was_skipped() {
        assert_eq!(save(&[saved(1)], &[saved(1)]).unwrap(), "saved 1.ckpt");
        let full = [log(LogLevel::Error, "the disk is full")];
        let error = save(&full, &full).unwrap_err();
        assert_eq!(error.to_string(), "the disk is full");
        let error = save(&[], &[Event::Finished(Outcome::Stopped)]).unwrap_err();
        assert_eq!(error.to_string(), "`run` has ended: stopped");
    }

    #[test]
    fn earlier_events_are_not_mistaken_for_the_effect() {
        let old = [log(LogLevel::Error, "an old error"), saved(1)];
        let error = save(&old, &[log(LogLevel::Info, "hello")]).unwrap_err();
        assert!(error.to_string().contains("did not answer in time"), "{error}");
    }
}
