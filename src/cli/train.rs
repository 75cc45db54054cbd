//! `nntop train`, and `nntop` without arguments.

use super::args::TrainArgs;
use super::dashboard;
use super::data;
use super::display::DisplayArgs;
use super::ensemble;
use super::error::{Usage, of_spawn};
use super::headless;
use super::logs;
use super::model_arg;
use super::sessions::{self, StartResult};
use super::spec_args::Recipe;
use crate::data::Dataset;
use crate::files::atomic;
use crate::jobs::EnsembleRecipe;
use crate::model::Model;
use crate::protocol::Pace;
use crate::session::{RunRecord, SessionTask, Training};
use crate::spec::Spec;
use crate::spec::dataset::{self, split};
use crate::spec::defaults::describe_choices;
use crate::train::{Checkpoint, CheckpointClaim, CheckpointPolicy, RunHandle, RunOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The pace of `nntop` without arguments, slow enough to watch.
const WATCHABLE: Pace = Pace::SecondsPerEpoch(1.0);

/// Trains the default network slowly enough to watch.
pub(super) fn default(display: &DisplayArgs) -> anyhow::Result<ExitCode> {
    logs::hint_at_logs();
    train(&TrainArgs::default(), WATCHABLE, display)
}

/// Trains the requested network at full speed.
pub(super) fn run(args: &TrainArgs, display: &DisplayArgs) -> anyhow::Result<ExitCode> {
    train(args, Pace::Full, display)
}

fn train(args: &TrainArgs, pace: Pace, display: &DisplayArgs) -> anyhow::Result<ExitCode> {
    let resume = args.resume.as_deref().map(Checkpoint::load).transpose();
    let resume = resume.map_err(|error| Usage::value("--resume", error))?;
    let from = args.from.as_deref().map(model_arg::load).transpose()?;
    let like = args.like.as_deref().map(LikeRecipe::read).transpose()?;
    let Recipe { mut spec, chosen: choices } = match (&resume, &like, &from) {
        (Some(checkpoint), _, _) => Recipe::given(args.spec.assemble_resumed(&checkpoint.spec)?),
        (None, Some(pattern), _) => args.spec.assemble_like(&pattern.recipe)?,
        (None, None, Some(model)) => {
            args.spec.assemble_like(&Recipe::given(model.members.first().spec.clone()))?
        }
        (None, None, None) => args.spec.assemble()?,
    };
    spec.image_size = args.size.or(spec.image_size);
    if let Some(file) = &args.save {
        atomic::check_writable(file).map_err(|error| unwritable(file, &error))?;
        atomic::sweep_beside(file);
    }
    let whole = resume.is_some()
        || from.is_some()
        || like.is_some()
        || args.spec.spec.is_some()
        || args.spec.preset.is_some();
    let chosen = ChosenByUser {
        layers: whole || args.spec.layers.is_some(),
        batch: whole || args.spec.batch.is_some(),
    };
    let dataset = load(&mut spec, &chosen, &args.spec.hidden_layers())?;
    let headless = args.output.headless || args.output.json || !dashboard::has_terminal();
    let preset = args.spec.chosen_preset().map(|preset| preset.networks);
    let usual = like.as_ref().map(|pattern| pattern.networks).or(preset).unwrap_or(1);
    let networks = args.ensemble.unwrap_or(usual);
    let (resume, start_note) = match from {
        None => (resume, None),
        Some(model) => (Some(start_from(args, &spec, model, dataset.as_deref())?), from_note(args)),
    };
    if let Some(file) = &args.save {
        check_format(file, &spec, networks, dataset.as_deref())?;
    }
    if networks > 1 {
        check_ensemble_arguments(args)?;
        spec.validate().map_err(Usage::from)?;
    } else if !spec.also.is_empty() {
        let problem = "needs --ensemble N with more than one network";
        return Err(Usage::value("--also", problem).into());
    }
    let mut notice = None;
    if args.session.detach || !(args.session.inline || headless) {
        spec.validate().map_err(Usage::from)?;
        let training = Box::new(Training {
            spec: spec.clone(),
            chosen: choices.clone(),
            origin: start_note.clone(),
            pace,
            save: args.save.clone(),
            checkpoints: additional_checkpoints(args)?,
            checkpoint_every: args.checkpoint_every,
        });
        let task = match networks {
            0 | 1 => SessionTask::Training(training),
            networks => SessionTask::Ensemble { training, networks },
        };
        let name = args.session.name.as_deref();
        let start = sessions::Start { name, task, resume: resume.as_ref(), past: None };
        match sessions::begin(start, args.session.detach, display)? {
            StartResult::InSession(code) => return Ok(code),
            StartResult::NotHere(why) => notice = Some(why),
        }
    }
    if networks > 1 {
        let save = args.save.clone();
        let ensemble = EnsembleRecipe { spec, networks, dataset, save, checkpoints: None };
        let output = headless.then_some(&args.output);
        return ensemble::train(ensemble, pace, output, display, notice);
    }
    // Held until the run has ended.
    let claimed = local_checkpoints(args)?;
    let where_note =
        claimed.as_ref().map(|(dir, _)| format!("checkpoints go to {}", dir.display()));
    let policy = claimed.as_ref().map(|(dir, _)| CheckpointPolicy {
        dir: dir.clone(),
        every: args.checkpoint_every,
        ..CheckpointPolicy::default()
    });
    let options = RunOptions {
        pace,
        dataset,
        save: args.save.clone(),
        checkpoints: policy.into_iter().collect(),
        resume: resume.map(Box::new),
        notes: describe_choices(&choices).into_iter().chain(start_note).chain(where_note).collect(),
        ..RunOptions::default()
    };
    let handle = RunHandle::spawn(spec, options).map_err(of_spawn)?;
    if headless {
        return headless::run(&handle.commands, &handle.events, &args.output, display.notify);
    }
    dashboard::show(handle, display, notice)
}

/// The recipe of `--like`, for a new run.
struct LikeRecipe {
    recipe: Recipe,
    /// Number of networks that vote; 1 if the run is not an ensemble.
    networks: u32,
}

impl LikeRecipe {
    /// Reads the recipe of a run, given by name or directory, or of a model.
    fn read(argument: &Path) -> Result<Self, Usage> {
        let wrong = |problem: String| Usage::value("--like", problem);
        let run = match model_arg::run_of(argument) {
            Some(run) => Some(run),
            None if argument.exists() => None,
            None => model_arg::named_run(argument).transpose().map_err(wrong)?,
        };
        let Some(run) = run else {
            let model = model_arg::load(argument)?;
            let networks = model.members.count() as u32;
            let recipe = Recipe::given(model.members.first().spec.clone());
            return Ok(Self { recipe, networks });
        };
        let record = RunRecord::read(&run).map_err(|error| wrong(error.to_string()))?;
        let (training, networks) = match record.task {
            SessionTask::Training(training) => (training, 1),
            SessionTask::Ensemble { training, networks } => (training, networks),
            SessionTask::Command(_) | SessionTask::Script(_) => {
                let problem = "is a command; `nntop run --again` starts it again";
                return Err(wrong(format!("{} {problem}", run.name())));
            }
            SessionTask::Experiment { id, .. } => {
                let problem = format!("is the experiment {id}; `nntop book {id}` runs it again");
                return Err(wrong(format!("{} {problem}", run.name())));
            }
        };
        let recipe = Recipe { spec: training.spec, chosen: training.chosen };
        Ok(Self { recipe, networks })
    }
}

/// A run with this recipe that starts from the weights of a model.
fn start_from(
    args: &TrainArgs,
    spec: &Spec,
    model: Model,
    data: Option<&Dataset>,
) -> Result<Checkpoint, Usage> {
    let wrong = |problem: String| Usage::value("--from", problem);
    if model.members.count() > 1 {
        return Err(wrong("an ensemble has several networks; give one of them".into()));
    }
    let network = model.members.first().network.clone();
    let embedded;
    let data = if let Some(data) = data {
        data
    } else {
        embedded = Dataset::embedded();
        &embedded
    };
    let data = split(spec, Arc::new(data.clone()));
    Checkpoint::from_weights(spec.clone(), network, &data).map_err(|_| {
        let kept = &model.members.first().spec.layers;
        let from = args.from.as_deref().unwrap_or(Path::new("")).display();
        wrong(format!(
            "the network of {from} is `{kept}`, with the activations and cost it was trained with; \
             leave out arguments that change the network"
        ))
    })
}

fn from_note(args: &TrainArgs) -> Option<String> {
    Some(format!("starts from the weights of {}", args.from.as_deref()?.display()))
}

/// Refuses arguments that do not apply to an ensemble: it stores checkpoints only in its session.
fn check_ensemble_arguments(args: &TrainArgs) -> Result<(), Usage> {
    let given = [
        ("--checkpoint-every", args.checkpoint_every.is_some()),
        ("--resume", args.resume.is_some()),
    ];
    match given.iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((argument, _)) => {
            let problem = "is for a single network; an ensemble keeps checkpoints only in a \
                           session: leave it out, or give --ensemble 1";
            Err(Usage::value(argument, problem))
        }
    }
}

/// The directory for additional checkpoints of a run with a session. Checks now, and the session
/// checks again, that no other run uses it.
fn additional_checkpoints(args: &TrainArgs) -> Result<Option<(PathBuf, u32)>, Usage> {
    let (Some(every), Some(dir)) = (args.checkpoint_every, &args.checkpoints) else {
        return Ok(None);
    };
    drop(claim(args, dir)?);
    Ok(Some((dir.clone(), every)))
}

/// The directory for checkpoints of a run without a session, and the claim on it: the requested
/// one, or an unused one beside the model or in the current directory.
fn local_checkpoints(args: &TrainArgs) -> Result<Option<(PathBuf, CheckpointClaim)>, Usage> {
    if args.checkpoint_every.is_none() {
        return Ok(None);
    }
    if let Some(dir) = &args.checkpoints {
        return Ok(Some((dir.clone(), claim(args, dir)?)));
    }
    let name = match &args.save {
        Some(file) => file.with_extension("checkpoints"),
        None => "nntop-checkpoints".into(),
    };
    if resumes_from(args, &name) {
        let claim = claim(args, &name)?;
        return Ok(Some((name, claim)));
    }
    let taken = CheckpointClaim::take_free(&name, &owner());
    Ok(Some(taken.map_err(|error| Usage::value("--checkpoint-every", error))?))
}

fn claim(args: &TrainArgs, dir: &Path) -> Result<CheckpointClaim, Usage> {
    let taken = CheckpointClaim::take(dir, &owner(), resumes_from(args, dir));
    taken.map_err(|error| Usage::value("--checkpoints", error))
}

/// Whether the run resumes from a checkpoint in this directory.
fn resumes_from(args: &TrainArgs, dir: &Path) -> bool {
    let Some(file) = &args.resume else { return false };
    let from = if file.is_dir() { Some(file.as_path()) } else { file.parent() };
    let real = |path: &Path| {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        path.canonicalize().ok()
    };
    from.and_then(real).is_some_and(|from| real(dir) == Some(from))
}

/// A unique name for the run of this process.
fn owner() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("process {} at {}", std::process::id(), now.as_nanos())
}

/// Values that the user chose, which are not adapted to the data.
struct ChosenByUser {
    layers: bool,
    batch: bool,
}

/// Loads the spec's own data now, so that errors are reported at once, and adapts values that were
/// not given to it. MNIST is decompressed later by the training thread.
fn load(
    spec: &mut Spec,
    chosen: &ChosenByUser,
    hidden: &str,
) -> Result<Option<Arc<Dataset>>, Usage> {
    if spec.data.is_none() {
        spec.validate_for(&Dataset::embedded_outline())?;
        return Ok(None);
    }
    let data = data::with_progress(|progress| dataset::open(spec, progress));
    let data = data.map_err(|error| Usage::value("--data", error))?;
    if !chosen.layers {
        let outputs = spec.readout.outputs(data.classes.len());
        spec.layers = format!("{},{hidden},{outputs}", data.train.pixels_per_image());
    }
    if !chosen.batch {
        // A data set can be smaller than a mini-batch.
        spec.batch = spec.batch.min(data.train.len() as u32);
    }
    Ok(Some(Arc::new(data)))
}

/// Refuses a file name whose format cannot store the model.
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
