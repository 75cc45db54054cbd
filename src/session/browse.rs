//! A run whose process is gone, as a [`Link`]: its facts from the record, its answers from the
//! network of its last checkpoint, its snapshots, or the ensemble that it saved. What is measured for
//! that is kept beside the checkpoints; nothing else on the disk changes.

use super::event_file::replay;
use super::hub::{Attachment, Hub};
use super::record::{Record, Task};
use super::reporter::Predictions;
use super::run_dir::RunDir;
use crate::jobs::network_directory;
use crate::protocol::{
    Activity, Command, Content, Event, Frame, Level, Link, LogLine, Outcome, Probe, RunView, Status,
};
use crate::spec::Spec;
use crate::train::{RunHandle, open_run, open_saved};
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::io;
use std::path::Path;
use std::thread;

/// Opens a run that is not live, to look at it.
///
/// # Errors
/// Where the system gives no thread.
pub fn browse(run: &RunDir, attachment: Attachment) -> io::Result<Link> {
    let mut view = replay(run);
    // An interrupted run is at rest as well; whoever shows it says that it can be resumed.
    view.outcome.get_or_insert(Outcome::Stopped);
    view.status = Status { activity: Activity::Finished, ..Status::default() };
    let handle = match reopen(run, &view) {
        Ok(handle) => Some(handle),
        Err(line) => {
            view.log.push(line);
            None
        }
    };
    let (answers, answered) = unbounded();
    let commands = match handle {
        Some(handle) => {
            let commands = handle.commands;
            thread::Builder::new().name("nntop-browse".into()).spawn(move || {
                for event in handle.events {
                    let is_new = match &event {
                        Event::Frame(_) | Event::Classified(_) | Event::Saved(_) => true,
                        Event::Log(line) => line.level != Level::Info,
                        // The events' file has told it.
                        _ => false,
                    };
                    if is_new && answers.send(event).is_err() {
                        return;
                    }
                }
            })?;
            commands
        }
        None => unbounded().0,
    };
    let hub = Hub::start_from(view, commands, answered)?;
    Ok(hub.attach(attachment))
}

/// A run that has ended and answers questions.
struct Answering {
    commands: Sender<Command>,
    events: Receiver<Event>,
}

impl From<RunHandle> for Answering {
    fn from(handle: RunHandle) -> Self {
        Self { commands: handle.commands, events: handle.events }
    }
}

/// The network of the last checkpoint, or the ensemble, at rest; why not, in words, where there is
/// none.
fn reopen(run: &RunDir, view: &RunView) -> Result<Answering, LogLine> {
    let said = |level, text| LogLine { level, text };
    match Record::read(run).map(|record| record.task) {
        Ok(Task::Experiment { .. }) => {
            let text = "an experiment keeps its figures and claims, not its networks".into();
            Err(said(Level::Info, text))
        }
        Ok(Task::Command(_) | Task::Script(_)) => {
            predicted(run).map_err(|text| said(Level::Info, text))
        }
        // What is there under that name before the vote is another ensemble's.
        Ok(Task::Ensemble { training, .. }) if has_voted(view) => {
            let file = training.save.unwrap_or_else(|| run.model());
            open_saved(&file).map(Answering::from).map_err(|error| {
                let text = format!("its networks cannot be asked, only how they learned: {error}");
                said(Level::Warning, text)
            })
        }
        Ok(Task::Ensemble { training, .. }) => {
            let number = network_shown(&training.spec, view);
            let checkpoints = network_directory(&run.checkpoints(), number);
            at_rest(&checkpoints).map_err(|text| said(Level::Warning, text))
        }
        // Of a record that cannot be read, whatever is left is shown.
        Ok(Task::Training(_)) | Err(_) => {
            at_rest(&run.checkpoints()).map_err(|text| said(Level::Warning, text))
        }
    }
}

/// What a script's model predicted, as a run that answers questions about it.
fn predicted(run: &RunDir) -> Result<Answering, String> {
    let predictions = Predictions::of(run)
        .ok_or("the command has ended; its output is kept, and it reported no predictions")?;
    let (commands, asked) = unbounded();
    let (sent, events) = unbounded();
    let step = u32::try_from(predictions.step.max(0)).unwrap_or(u32::MAX);
    let answer = move |probe: Probe| {
        let none = || Content::Unavailable("the script has ended and answers no more".into());
        let content = predictions.answer(&probe.what).unwrap_or_else(none);
        Event::Frame(Box::new(Frame { probe, epoch: 0, batch: step, content }))
    };
    let spawned = thread::Builder::new().name("nntop-predictions".into()).spawn(move || {
        for command in asked {
            let Command::Watch(probes) = command else { continue };
            if probes.into_iter().any(|probe| sent.send(answer(probe)).is_err()) {
                return;
            }
        }
    });
    spawned.map_err(|error| format!("the predictions cannot be shown: {error}"))?;
    Ok(Answering { commands, events })
}

fn has_voted(view: &RunView) -> bool {
    matches!(view.outcome, Some(Outcome::Completed(_)))
}

/// Which network an ensemble showed last, counted from 0.
fn network_shown(spec: &Spec, view: &RunView) -> u64 {
    view.info.as_ref().map_or(0, |info| info.seed.wrapping_sub(spec.seed))
}

/// The network of the last checkpoint of a directory; why not, in words, where there is none.
fn at_rest(checkpoints: &Path) -> Result<Answering, String> {
    open_run(checkpoints)
        .map(Answering::from)
        .map_err(|error| format!("the network cannot be looked at, only its history: {error}"))
}
