//! What a session process does: a training or an ensemble, which go on where they were, or an
//! experiment.

use super::{HostError, io_at};
use crate::jobs::{EnsembleRecipe, Running, train_ensemble};
use crate::protocol::{Command, Event};
use crate::session::record::{Task, Training};
use crate::session::run_dir::RunDir;
use crate::train::{CheckpointPolicy, RunHandle, RunOptions};
use crate::{book, jobs};
use crossbeam_channel::{Receiver, Sender};
use std::fs;
use std::path::PathBuf;

/// The two ends of it. Its thread ends with the process.
#[derive(Debug)]
pub(super) struct Work {
    pub commands: Sender<Command>,
    pub events: Receiver<Event>,
    /// What whoever looks should know of its start.
    pub note: Option<String>,
}

impl Work {
    /// Starts what a run's record says.
    pub(super) fn start(run: &RunDir, task: &Task) -> Result<Self, HostError> {
        match task {
            Task::Training(training) => train(run, training),
            Task::Experiment { id, quick, seed } => {
                let old = put_aside(run)?;
                let note = old.map(|old| {
                    let old = old.display();
                    format!(
                        "the experiment starts anew: its networks were not kept; what it told before is in {old}"
                    )
                });
                Ok(Self { note, ..experiment(id, *quick, *seed)? })
            }
            Task::Ensemble { training, networks } => {
                put_aside(run)?;
                ensemble(run, training, *networks)
            }
        }
    }
}

fn train(run: &RunDir, training: &Training) -> Result<Work, HostError> {
    let handle = RunHandle::spawn(training.spec.clone(), options(run, training)?)?;
    let RunHandle { commands, events, .. } = handle;
    Ok(Work { commands, events, note: None })
}

/// How the run is kept: checkpoints of its own beside those that were asked for, and from the
/// newest of its own it goes on.
fn options(run: &RunDir, training: &Training) -> Result<RunOptions, HostError> {
    let (own, resume) = CheckpointPolicy::of_run(run.checkpoints())?;
    let asked = training.policy();
    if let Some(policy) = &asked {
        fs::create_dir_all(&policy.dir).map_err(io_at(&policy.dir))?;
    }
    Ok(RunOptions {
        pace: training.pace,
        save: training.save.clone(),
        keep_trying: true,
        checkpoints: std::iter::once(own).chain(asked).collect(),
        resume: resume.map(Box::new),
        ..RunOptions::default()
    })
}

fn experiment(id: &str, quick: bool, seed: u64) -> Result<Work, HostError> {
    let experiment = book::find(id).ok_or_else(|| HostError::NoExperiment(id.into()))?;
    let options = jobs::Options { quick, seed, ..jobs::Options::default() };
    let running = Running::spawn(experiment, options).map_err(HostError::no_thread)?;
    let Running { commands, events, .. } = running;
    Ok(Work { commands, events, note: None })
}

fn ensemble(run: &RunDir, training: &Training, networks: u32) -> Result<Work, HostError> {
    let Training { spec, pace, save, .. } = training.clone();
    let options =
        jobs::Options { seed: spec.seed, pace, keep_trying: true, ..jobs::Options::default() };
    let save = Some(save.unwrap_or_else(|| run.model()));
    let checkpoints = Some(run.checkpoints());
    let ensemble = EnsembleRecipe { spec, networks, dataset: None, save, checkpoints };
    let running = train_ensemble(ensemble, options).map_err(HostError::no_thread)?;
    let Running { commands, events, .. } = running;
    Ok(Work { commands, events, note: None })
}

/// Puts aside what was told before an interruption, and says where: all of it is told again.
fn put_aside(run: &RunDir) -> Result<Option<PathBuf>, HostError> {
    let (events, old) = (run.events(), run.old_events());
    if !events.exists() {
        return Ok(None);
    }
    fs::rename(&events, &old).map_err(io_at(&events))?;
    Ok(Some(old))
}
