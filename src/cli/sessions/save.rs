//! `nntop save`: a checkpoint of a live run, or the model of any run.

use super::super::error::Usage;
use super::super::model_arg::{self, WeightsChoice};
use super::super::output;
use super::{SaveArgs, control};
use crate::files::atomic;
use crate::session::{RunDir, RunRecord, SessionTask};
use std::path::PathBuf;
use std::process::ExitCode;

/// Saves the model or a checkpoint.
pub(super) fn run(args: &SaveArgs) -> anyhow::Result<ExitCode> {
    let run = if args.run.is_named() { args.run.any()? } else { args.run.live()? };
    let is_live = run.is_live();
    if args.file.is_none() && !args.best && is_live {
        return control::save(&run);
    }
    let file = match &args.file {
        Some(file) => file.clone(),
        None => usual_file(&run)?,
    };
    atomic::check_writable(&file)
        .map_err(|error| Usage::value("[FILE]", format!("{}: {error}", file.display())))?;
    if is_live {
        // A live run writes its current state to its checkpoints first.
        control::write_checkpoint(&run)?;
    }
    let weights = if args.best { WeightsChoice::Best } else { WeightsChoice::Last };
    let model = model_arg::of_run(&run, weights).map_err(Usage::because)?;
    let bytes = model.save(&file)?;
    let (file, epoch) = (file.display(), model.epoch);
    writeln!(output::out(), "{}: saved {file} (epoch {epoch}, {bytes} bytes)", run.name())?;
    Ok(ExitCode::SUCCESS)
}

/// The default file of a run's model: that of its --save, otherwise its name in the current
/// directory.
fn usual_file(run: &RunDir) -> anyhow::Result<PathBuf> {
    let asked = match RunRecord::read(run)?.task {
        SessionTask::Training(training) | SessionTask::Ensemble { training, .. } => training.save,
        SessionTask::Experiment { .. } | SessionTask::Command(_) | SessionTask::Script(_) => None,
    };
    Ok(asked.unwrap_or_else(|| format!("{}.safetensors", run.name()).into()))
}
