//! The MODEL argument: a model file, a checkpoint, a directory of checkpoints, a run directory, or
//! a run.

use super::error::Usage;
use crate::data::Dataset;
use crate::model::Model;
use crate::session::{Home, RunDir, RunRecord, SessionTask};
use crate::spec::dataset;
use crate::train::{BEST, Checkpoint, LAST, PREVIOUS};
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path};

/// Which weights of a run to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WeightsChoice {
    /// The final ones, or the current ones of a live run.
    Last,
    /// Those of the epoch with the best validation accuracy.
    Best,
}

/// Loads the model that an argument names.
///
/// # Errors
/// If there is no such model, or it cannot be read; the error says what is accepted.
pub(super) fn load(argument: &Path) -> Result<Model, Usage> {
    open(argument).map_err(|problem| Usage::value("<MODEL>", problem))
}

fn open(argument: &Path) -> Result<Model, String> {
    if argument.is_dir() {
        return of_directory(argument);
    }
    if argument.exists() {
        return of_file(argument);
    }
    match named_run(argument) {
        Some(run) => of_run(&run?, WeightsChoice::Last),
        None => of_file(argument),
    }
}

/// The run with this name, if the argument can be the name of a run.
pub(super) fn named_run(argument: &Path) -> Option<Result<RunDir, String>> {
    let mut parts = argument.components();
    let (Some(Component::Normal(name)), None) = (parts.next(), parts.next()) else { return None };
    let name = name.to_str()?;
    let found = Home::of_user().and_then(|home| home.find(name));
    Some(
        found
            .map_err(|error| format!("{}: there is no such file, and {error}", argument.display())),
    )
}

/// The run of a directory, if it is a run directory.
pub(super) fn run_of(directory: &Path) -> Option<RunDir> {
    let run = RunDir::at(std::path::absolute(directory).ok()?);
    run.spec().is_file().then_some(run)
}

fn of_directory(directory: &Path) -> Result<Model, String> {
    if let Some(run) = run_of(directory) {
        return of_run(&run, WeightsChoice::Last);
    }
    if [LAST, PREVIOUS, BEST].iter().any(|name| directory.join(name).exists()) {
        return of_checkpoint(last_of(directory)?);
    }
    Err(format!("{}: is neither a run's directory nor one of checkpoints", directory.display()))
}

/// Whether a file is a checkpoint.
pub(super) fn is_checkpoint(file: &Path) -> bool {
    let mut start = [0; 8];
    file.is_file()
        && File::open(file).and_then(|mut file| file.read_exact(&mut start)).is_ok()
        && &start == Checkpoint::MAGIC
}

fn of_file(file: &Path) -> Result<Model, String> {
    if is_checkpoint(file) {
        return of_checkpoint(Checkpoint::load(file).map_err(|error| error.to_string())?);
    }
    Model::load(file).map_err(|error| error.to_string())
}

/// The newest intact checkpoint of a directory, or the best one if there is no other.
pub(super) fn last_of(directory: &Path) -> Result<Checkpoint, String> {
    Checkpoint::load(directory)
        .or_else(|error| Checkpoint::load(&directory.join(BEST)).map_err(|_| error))
        .map_err(|error| error.to_string())
}

/// The network of a run, or its saved ensemble.
///
/// # Errors
/// If there is none; the error says why.
pub(super) fn of_run(run: &RunDir, weights: WeightsChoice) -> Result<Model, String> {
    let name = run.name();
    let record = RunRecord::read(run).map_err(|error| error.to_string())?;
    match record.task {
        SessionTask::Training(_) => {
            let directory = run.checkpoints();
            let checkpoint = match weights {
                WeightsChoice::Last => last_of(&directory),
                WeightsChoice::Best => {
                    Checkpoint::load(&directory.join(BEST)).map_err(|error| error.to_string())
                }
            };
            of_checkpoint(checkpoint?)
        }
        SessionTask::Ensemble { training, .. } => {
            let file = training.save.unwrap_or_else(|| run.model());
            if !file.exists() {
                return Err(format!("`{name}` is an ensemble that is not fully trained yet"));
            }
            Model::load(&file).map_err(|error| error.to_string())
        }
        SessionTask::Command(_) | SessionTask::Script(_) => {
            Err(format!("`{name}` is a command, which keeps no networks"))
        }
        SessionTask::Experiment { id, .. } => Err(format!(
            "`{name}` is the experiment {id}, which keeps its figures and claims, not its networks"
        )),
    }
}

/// The network of a checkpoint as a model, with the class names of its data set.
pub(super) fn of_checkpoint(checkpoint: Checkpoint) -> Result<Model, String> {
    let epoch = checkpoint.position().epoch;
    let loaded;
    let outline;
    let data: &Dataset = if checkpoint.spec.data.is_some() {
        loaded = dataset::open(&checkpoint.spec, None).map_err(|error| error.to_string())?;
        &loaded
    } else {
        outline = Dataset::embedded_outline();
        &outline
    };
    Ok(Model::of(checkpoint.spec.clone(), checkpoint.network().clone(), data, epoch))
}
