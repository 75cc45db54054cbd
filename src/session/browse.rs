//! A run without a session process, as a [`Link`]. Its history is read from the event file; probes
//! are answered with the network of its last checkpoint, its snapshots, or its saved ensemble.
//! Results of evaluations are cached beside the checkpoints; nothing else on disk changes.

use super::event_file::replay;
use super::hub::{Attachment, Hub};
use super::record::{RunRecord, SessionTask};
use super::reporter::ReportedPredictions;
use super::run_dir::RunDir;
use crate::jobs::network_directory;
use crate::protocol::{
    Activity, Command, Content, Event, Frame, Link, LogLevel, LogLine, Outcome, Probe, RunView,
    Status,
};
use crate::spec::Spec;
use crate::train::{RunHandle, open_run, open_saved};
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::io;
use std::path::Path;
use std::thread;

/// Opens a run that is not live, for viewing.
///
/// # Errors
/// If a thread cannot be started.
pub fn browse(run: &RunDir, attachment: Attachment) -> io::Result<Link> {
    let mut view = replay(run);
    // An interrupted run is shown like a stopped one; the caller says that it can be resumed.
    view.outcome.get_or_insert(Outcome::Stopped);
    view.status = Status { activity: Activity::Finished, ..Status::default() };
    let channels = match reopen(run, &view) {
        Ok((channels, note)) => {
            view.log.extend(note.map(|text| LogLine { level: LogLevel::Info, text }));
            channels
        }
        Err(line) => {
            view.log.push(line.clone());
            let epoch = view.epoch();
            answer_probes(move |probe| {
                let content = Content::Unavailable(line.text.clone());
                Frame { probe, epoch, batch: 0, content }
            })?
        }
    };
    let (answers, answered) = unbounded();
    let ProbeChannels { commands, events } = channels;
    thread::Builder::new().name("nntop-browse".into()).spawn(move || {
        for event in events {
            let is_new = match &event {
                Event::Frame(_) | Event::Classified(_) | Event::Saved(_) | Event::Refused(_) => {
                    true
                }
                Event::Log(line) => line.level != LogLevel::Info,
                // Already in the event file.
                _ => false,
            };
            if is_new && answers.send(event).is_err() {
                return;
            }
        }
    })?;
    let hub = Hub::start_from(view, commands, answered)?;
    Ok(hub.attach(attachment))
}

/// The command and event channels of the thread that answers probes for a run that has ended.
struct ProbeChannels {
    commands: Sender<Command>,
    events: Receiver<Event>,
}

impl From<RunHandle> for ProbeChannels {
    fn from(handle: RunHandle) -> Self {
        Self { commands: handle.commands, events: handle.events }
    }
}

/// Opens the network of the last checkpoint, or the saved ensemble. Returns a note if only one
/// network of an unfinished ensemble can be shown. The error says why nothing can be opened.
fn reopen(run: &RunDir, view: &RunView) -> Result<(ProbeChannels, Option<String>), LogLine> {
    let log_line = |level, text| LogLine { level, text };
    let channels = match RunRecord::read(run).map(|record| record.task) {
        Ok(SessionTask::Experiment { .. }) => {
            let text = "an experiment keeps its figures and claims, not its networks".into();
            Err(log_line(LogLevel::Info, text))
        }
        Ok(SessionTask::Command(_) | SessionTask::Script(_)) => {
            open_predictions(run).map_err(|text| log_line(LogLevel::Info, text))
        }
        // An ensemble is saved after its vote; until then, this file belongs to another ensemble.
        Ok(SessionTask::Ensemble { training, .. }) if has_voted(view) => {
            let file = training.save.unwrap_or_else(|| run.model());
            open_saved(&file).map(ProbeChannels::from).map_err(|error| {
                let text = format!("its networks cannot be opened, only their history: {error}");
                log_line(LogLevel::Warning, text)
            })
        }
        Ok(SessionTask::Ensemble { training, networks }) => {
            let number = network_shown(&training.spec, view);
            let checkpoints = network_directory(&run.checkpoints(), number);
            let note = format!(
                "the ensemble ended before its {networks} networks voted; this is network {}",
                number + 1
            );
            return open_checkpoint(&checkpoints)
                .map(|channels| (channels, Some(note)))
                .map_err(|text| log_line(LogLevel::Warning, text));
        }
        // If the record cannot be read, show what is left.
        Ok(SessionTask::Training(_)) | Err(_) => {
            open_checkpoint(&run.checkpoints()).map_err(|text| log_line(LogLevel::Warning, text))
        }
    };
    channels.map(|channels| (channels, None))
}

/// Serves the predictions that a script reported.
fn open_predictions(run: &RunDir) -> Result<ProbeChannels, String> {
    let predictions = ReportedPredictions::of(run)
        .ok_or("the command has ended; its output is kept, and it reported no predictions")?;
    let step = u32::try_from(predictions.step.max(0)).unwrap_or(u32::MAX);
    let answer = move |probe: Probe| {
        let none = || {
            Content::Unavailable("the script has ended; only its predictions are available".into())
        };
        let content = predictions.answer(&probe.what).unwrap_or_else(none);
        Frame { probe, epoch: 0, batch: step, content }
    };
    answer_probes(answer).map_err(|error| format!("the predictions cannot be shown: {error}"))
}

/// Answers probes on a thread.
fn answer_probes(answer: impl Fn(Probe) -> Frame + Send + 'static) -> io::Result<ProbeChannels> {
    let (commands, received) = unbounded();
    let (sent, events) = unbounded();
    let frame = move |probe| Event::Frame(Box::new(answer(probe)));
    thread::Builder::new().name("nntop-answers".into()).spawn(move || {
        for command in received {
            let answers = match command {
                Command::Watch(probes) => probes.into_iter().map(&frame).collect(),
                Command::SaveAs(_) => vec![Event::Refused("there is no network to save".into())],
                _ => Vec::new(),
            };
            if answers.into_iter().any(|answer| sent.send(answer).is_err()) {
                return;
            }
        }
    })?;
    Ok(ProbeChannels { commands, events })
}

fn has_voted(view: &RunView) -> bool {
    matches!(view.outcome, Some(Outcome::Completed(_)))
}

/// Index of the network that an ensemble showed last.
fn network_shown(spec: &Spec, view: &RunView) -> u64 {
    view.info.as_ref().map_or(0, |info| info.seed.wrapping_sub(spec.seed))
}

/// Opens the network of the last checkpoint in a directory. The error says why that failed.
fn open_checkpoint(checkpoints: &Path) -> Result<ProbeChannels, String> {
    open_run(checkpoints)
        .map(ProbeChannels::from)
        .map_err(|error| format!("the network cannot be opened, only its history: {error}"))
}
