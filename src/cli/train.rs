//! `nntop train`, and `nntop` alone.

use super::args::TrainArgs;
use super::dashboard;
use super::display::DisplayArgs;
use super::ensemble;
use super::error::{Usage, of_spawn};
use super::headless;
use super::sessions::{self, Begun};
use crate::data::Dataset;
use crate::files::atomic;
use crate::jobs::EnsembleRecipe;
use crate::model::Model;
use crate::protocol::Pace;
use crate::session::{Task, Training};
use crate::spec::Spec;
use crate::train::{Checkpoint, CheckpointPolicy, RunHandle, RunOptions};
use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// The pace of `nntop` alone: an eye can follow.
const LEISURELY: Pace = Pace::SecondsPerEpoch(1.0);

/// Trains the default network at a pace that an eye can follow.
pub(super) fn default(display: &DisplayArgs) -> anyhow::Result<ExitCode> {
    train(&TrainArgs::default(), LEISURELY, display)
}

/// Trains what the arguments ask for, at full speed.
pub(super) fn run(args: &TrainArgs, display: &DisplayArgs) -> anyhow::Result<ExitCode> {
    train(args, Pace::Full, display)
}

fn train(args: &TrainArgs, pace: Pace, display: &DisplayArgs) -> anyhow::Result<ExitCode> {
    let resume = args.resume.as_deref().map(Checkpoint::load).transpose();
    let resume = resume.map_err(|error| Usage::value("--resume", error))?;
    let mut spec = match &resume {
        Some(checkpoint) => args.spec.assemble_resumed(&checkpoint.spec)?,
        None => args.spec.assemble()?,
    };
    if let Some(file) = &args.save {
        atomic::check_writable(file).map_err(|error| unwritable(file, &error))?;
    }
    let whole = resume.is_some() || args.spec.spec.is_some() || args.spec.preset.is_some();
    let chosen = Chosen {
        layers: whole || args.spec.layers.is_some(),
        batch: whole || args.spec.batch.is_some(),
    };
    let dataset = load(&mut spec, &chosen)?;
    let policy = checkpoints(args)?;
    let headless = args.output.headless || args.output.json || !dashboard::has_terminal();
    let preset = args.spec.chosen_preset();
    let networks = args.ensemble.unwrap_or_else(|| preset.map_or(1, |preset| preset.networks));
    if let Some(file) = &args.save {
        check_format(file, &spec, networks, dataset.as_deref())?;
    }
    if networks > 1 {
        alone_only(args)?;
        spec.validate().map_err(Usage::from)?;
    } else if !spec.also.is_empty() {
        let problem = "names layers of further networks, and there is one; add --ensemble N";
        return Err(Usage::value("--also", problem).into());
    }
    let mut notice = None;
    if args.session.detach || !(args.session.inline || headless) {
        spec.validate().map_err(Usage::from)?;
        let checkpoints = policy.clone().and_then(|policy| Some((policy.dir, policy.every?)));
        let save = args.save.clone();
        let training = Box::new(Training { spec: spec.clone(), pace, save, checkpoints });
        let task = match networks {
            0 | 1 => Task::Training(training),
            networks => Task::Ensemble { training, networks },
        };
        let name = args.session.name.as_deref();
        let start = sessions::Start { name, task, resume: resume.as_ref() };
        match sessions::begin(start, args.session.detach, display)? {
            Begun::InSession(code) => return Ok(code),
            Begun::NotHere(why) => notice = Some(why),
        }
    }
    if networks > 1 {
        let save = args.save.clone();
        let ensemble = EnsembleRecipe { spec, networks, dataset, save, checkpoints: None };
        let output = headless.then_some(&args.output);
        return ensemble::train(ensemble, pace, output, display, notice);
    }
    let options = RunOptions {
        pace,
        dataset,
        save: args.save.clone(),
        checkpoints: policy.into_iter().collect(),
        resume: resume.map(Box::new),
        ..RunOptions::default()
    };
    let handle = RunHandle::spawn(spec, options).map_err(of_spawn)?;
    if headless {
        return headless::run(&handle.commands, &handle.events, &args.output);
    }
    dashboard::show(handle, display, notice)
}

/// Refuses what is for one network: several keep checkpoints in their session alone.
fn alone_only(args: &TrainArgs) -> Result<(), Usage> {
    let given = [
        ("--checkpoint-every", args.checkpoint_every.is_some()),
        ("--resume", args.resume.is_some()),
    ];
    match given.iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((argument, _)) => {
            let problem = "is for one network, and these vote, which are kept where they have a \
                           session; add --ensemble 1, or leave it out";
            Err(Usage::value(argument, problem))
        }
    }
}

/// Where checkpoints go, the directory made where it is missing.
fn checkpoints(args: &TrainArgs) -> Result<Option<CheckpointPolicy>, Usage> {
    let Some(every) = args.checkpoint_every else { return Ok(None) };
    let dir = args.checkpoints.clone().unwrap_or_else(|| match &args.save {
        Some(file) => file.with_extension("checkpoints"),
        None => "nntop-checkpoints".into(),
    });
    fs::create_dir_all(&dir).map_err(|error| {
        let problem = format!("{}: cannot be made: {error}", dir.display());
        Usage::value("--checkpoints", problem)
    })?;
    Ok(Some(CheckpointPolicy { dir, every: Some(every), ..CheckpointPolicy::default() }))
}

/// What somebody asked for, and so is not made to fit the data.
struct Chosen {
    layers: bool,
    batch: bool,
}

/// The spec's own data, read now so that what is wrong with it is told at once; what nobody chose
/// is made to fit it. MNIST is left to the training thread to unpack.
fn load(spec: &mut Spec, chosen: &Chosen) -> Result<Option<Arc<Dataset>>, Usage> {
    let Some(dir) = &spec.data else {
        spec.validate_for(&Dataset::embedded_outline())?;
        return Ok(None);
    };
    let data = Dataset::from_dir(dir).map_err(|error| Usage::value("--data", error))?;
    if !chosen.layers {
        let outputs = spec.readout.outputs(data.classes.len());
        spec.layers = format!("{},30,{outputs}", data.train.pixels_per_image());
    }
    if !chosen.batch {
        // A small data set can be smaller than a mini-batch.
        spec.batch = spec.batch.min(data.train.len() as u32);
    }
    Ok(Some(Arc::new(data)))
}

/// Refuses a name whose format cannot hold what is to be trained.
fn check_format(
    file: &Path,
    spec: &Spec,
    networks: u32,
    dataset: Option<&Dataset>,
) -> Result<(), Usage> {
    let checked = match dataset {
        Some(data) => Model::check_format(file, spec, networks, data),
        None => Model::check_format(file, spec, networks, &Dataset::embedded_outline()),
    };
    checked.map_err(|error| Usage::value("--save", error))
}

fn unwritable(file: &Path, error: &io::Error) -> Usage {
    let problem =
        format!("{}: {error}; give a file in a directory that can be written", file.display());
    Usage::value("--save", problem)
}
