//! The work of a session process: a training or an ensemble, which are resumed, an experiment, or a
//! command.

use super::{HostError, io_at};
use crate::files::atomic;
use crate::jobs::{EnsembleRecipe, Running, train_ensemble};
use crate::protocol::{Command, Event};
use crate::session::command;
use crate::session::event_file::checkpoint_of;
use crate::session::record::{RunRecord, SessionTask, Training};
use crate::session::reporter::Reports;
use crate::session::run_dir::RunDir;
use crate::spec::defaults::describe_choices;
use crate::train::{CheckpointClaim, CheckpointPolicy, RunHandle, RunOptions};
use crate::{book, jobs};
use crossbeam_channel::{Receiver, Sender};
use std::fs;
use std::path::{Path, PathBuf};

/// The command and event channels of the work. Its thread ends with the process.
#[derive(Debug)]
pub(super) struct SessionWork {
    pub commands: Sender<Command>,
    pub events: Receiver<Event>,
    /// A message about its start, for the log and the clients.
    pub note: Option<String>,
    /// The endpoint for scripts, if the run is a command.
    pub reports: Option<Reports>,
    /// The claim on an additional checkpoint directory, held until the process ends.
    _claim: Option<CheckpointClaim>,
}

impl SessionWork {
    /// Starts the task of a run's record. The session already listens at `socket`.
    pub(super) fn start(
        run: &RunDir,
        record: &RunRecord,
        socket: &Path,
    ) -> Result<Self, HostError> {
        let id = &record.id;
        if let SessionTask::Training(training) | SessionTask::Ensemble { training, .. } =
            &record.task
            && let Some(file) = &training.save
        {
            // A session that was killed while saving the model left a temporary file there.
            atomic::sweep_beside(file);
        }
        match &record.task {
            SessionTask::Training(training) => train(run, id, training),
            SessionTask::Experiment { id, quick, seed } => {
                let old = move_events_aside(run)?;
                let note = old.map(|old| {
                    let old = old.display();
                    format!(
                        "the experiment starts again from the beginning, because its networks are not kept; its earlier events are in {old}"
                    )
                });
                Ok(Self { note, ..experiment(id, *quick, *seed)? })
            }
            SessionTask::Command(spec) => {
                let resume_from = checkpoint_of(run);
                let command::Started { commands, events, reports } =
                    command::start(run, spec, socket, resume_from.as_deref())
                        .map_err(|source| HostError::Io { what: spec.title(), source })?;
                let note = resume_from.map(|path| format!("the command goes on from {path}"));
                Ok(Self { commands, events, note, reports: Some(reports), _claim: None })
            }
            SessionTask::Script(spec) => {
                let command::Started { commands, events, reports } = command::follow(run, spec)
                    .map_err(|source| HostError::Io { what: spec.title(), source })?;
                Ok(Self { commands, events, note: None, reports: Some(reports), _claim: None })
            }
            SessionTask::Ensemble { training, networks } => {
                move_events_aside(run)?;
                ensemble(run, training, *networks)
            }
        }
    }
}

fn train(run: &RunDir, id: &str, training: &Training) -> Result<SessionWork, HostError> {
    let requested = training.policy();
    let owner = format!("run {id}");
    let claim = requested.as_ref().map(|policy| CheckpointClaim::take(&policy.dir, &owner, false));
    let claim = claim.transpose()?;
    let options = options(run, training, requested)?;
    let handle = RunHandle::spawn(training.spec.clone(), options)?;
    let RunHandle { commands, events, .. } = handle;
    Ok(SessionWork { commands, events, note: None, reports: None, _claim: claim })
}

/// Options of the training: its own checkpoints in addition to the requested ones. It resumes from
/// the newest of its own.
fn options(
    run: &RunDir,
    training: &Training,
    requested: Option<CheckpointPolicy>,
) -> Result<RunOptions, HostError> {
    let (own, resume) = CheckpointPolicy::of_run(run.checkpoints())?;
    let own = match (training.checkpoint_every, &requested) {
        // Requested by the user: written regardless of the time it takes, and logged.
        (Some(every), None) => CheckpointPolicy { every: Some(every), background: false, ..own },
        _ => own,
    };
    let notes = describe_choices(&training.chosen).into_iter().chain(training.origin.clone());
    Ok(RunOptions {
        pace: training.pace,
        save: training.save.clone(),
        keep_trying: true,
        checkpoints: std::iter::once(own).chain(requested).collect(),
        // A resumed run has logged them already.
        notes: notes.filter(|_| !run.events().exists()).collect(),
        resume: resume.map(Box::new),
        ..RunOptions::default()
    })
}

fn experiment(id: &str, quick: bool, seed: u64) -> Result<SessionWork, HostError> {
    let experiment = book::find(id).ok_or_else(|| HostError::NoExperiment(id.into()))?;
    let options = jobs::Options { quick, seed, ..jobs::Options::default() };
    let running = Running::spawn(experiment, options).map_err(HostError::no_thread)?;
    let Running { commands, events, .. } = running;
    Ok(SessionWork { commands, events, note: None, reports: None, _claim: None })
}

fn ensemble(run: &RunDir, training: &Training, networks: u32) -> Result<SessionWork, HostError> {
    let Training { spec, pace, save, .. } = training.clone();
    let options =
        jobs::Options { seed: spec.seed, pace, keep_trying: true, ..jobs::Options::default() };
    let save = Some(save.unwrap_or_else(|| run.model()));
    let checkpoints = Some(run.checkpoints());
    let ensemble = EnsembleRecipe { spec, networks, dataset: None, save, checkpoints };
    let running = train_ensemble(ensemble, options).map_err(HostError::no_thread)?;
    let Running { commands, events, .. } = running;
    Ok(SessionWork { commands, events, note: None, reports: None, _claim: None })
}

/// Moves the events from before an interruption aside and returns the file. The run reports them
/// again.
fn move_events_aside(run: &RunDir) -> Result<Option<PathBuf>, HostError> {
    let (events, old) = (run.events(), run.old_events());
    if !events.exists() {
        return Ok(None);
    }
    fs::rename(&events, &old).map_err(io_at(&events))?;
    Ok(Some(old))
}
