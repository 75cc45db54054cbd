//! Starts and resumes runs in session processes.

use super::super::dashboard::has_terminal;
use super::super::display::DisplayArgs;
use super::super::error::{Usage, in_words};
use super::super::spec_args::Recipe;
use super::super::{model_arg, output};
use super::list::until_free;
use super::{ResumeArgs, control, show, warn_of_logout};
use crate::protocol::Outcome;
use crate::session::{
    self, Attachment, Home, PlaceError, RunDir, RunRecord, RunState, SessionTask, Training, replay,
};
use crate::spec::{Schedule, Spec};
use crate::train::{BEST, Checkpoint, LAST, snapshot_directory, snapshots_in};
use crate::ui::Continuation;
use anyhow::{Context, bail};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::ExitCode;

/// A new run.
#[derive(Debug)]
pub(crate) struct Start<'a> {
    pub name: Option<&'a str>,
    pub task: SessionTask,
    /// The checkpoint to continue from.
    pub resume: Option<&'a Checkpoint>,
    /// The checkpoint directory of the parent run, whose earlier snapshots become its own.
    pub past: Option<&'a Path>,
}

/// Result of starting a session.
#[derive(Debug)]
pub(crate) enum StartResult {
    /// The run has a session, and was shown or its name printed.
    InSession(ExitCode),
    /// No session is possible here; the text says why, and that the run ends with its terminal.
    NotHere(String),
}

/// Starts a run in a session process, then shows it or prints its name.
///
/// # Errors
/// If it cannot be started; without a session, if it was to be detached.
pub(crate) fn begin(
    start: Start<'_>,
    detach: bool,
    display: &DisplayArgs,
) -> anyhow::Result<StartResult> {
    let run = match launch(start) {
        Ok(run) => run,
        Err(error) if detach || error.is::<Usage>() => return Err(error),
        Err(error) => {
            let why = in_words(&error);
            let theme = display.theme();
            let notice = theme.fill("no session: this run ends with its terminal: {}", &[&why]);
            // The line stays on the terminal after the dashboard.
            writeln!(output::err(), "{notice}")?;
            return Ok(StartResult::NotHere(notice));
        }
    };
    if !detach {
        return show(&run, Attachment::Control, display).map(StartResult::InSession);
    }
    writeln!(output::out(), "{}", run.name())?;
    if let Some(warning) = warn_of_logout() {
        writeln!(output::err(), "note: {warning}")?;
    }
    Ok(StartResult::InSession(ExitCode::SUCCESS))
}

/// Starts the session process of a new run. If that fails, no files are left.
///
/// # Errors
/// If the run's directory or its session cannot be created.
pub(crate) fn launch(start: Start<'_>) -> anyhow::Result<RunDir> {
    let name = start.name;
    let made = Home::of_user()?.create_with(name, |run| write(run, start));
    let run = made.map_err(|error: anyhow::Error| match error.downcast() {
        Ok(error @ (PlaceError::Name(_) | PlaceError::Taken(_))) => {
            Usage::value("--name", error).into()
        }
        Ok(error) => error.into(),
        Err(error) => error,
    })?;
    if let Err(error) = session::launch(&run) {
        // A partial run is useless.
        let _ = run.remove();
        return Err(error.into());
    }
    Ok(run)
}

fn write(run: &RunDir, start: Start<'_>) -> anyhow::Result<()> {
    let mut task = start.task;
    if let Some(training) = task.training_mut() {
        make_absolute(training)?;
    }
    RunRecord::new(task).write(run)?;
    if let Some(checkpoint) = start.resume {
        let dir = run.checkpoints();
        DirBuilder::new()
            .mode(0o700)
            .create(&dir)
            .with_context(|| format!("{}: cannot be made", dir.display()))?;
        for name in [LAST, BEST] {
            checkpoint.save(&dir.join(name))?;
        }
        if let Some(past) = start.past {
            share_snapshots(past, &dir, checkpoint.position().epoch);
        }
    }
    Ok(())
}

/// Links the snapshots of another run up to an epoch into a run; the files are never changed.
fn share_snapshots(past: &Path, dir: &Path, until: u32) {
    let shared = snapshot_directory(dir);
    // A missing snapshot only shortens the history.
    if DirBuilder::new().mode(0o700).create(&shared).is_err() {
        return;
    }
    for (epoch, file) in snapshots_in(&snapshot_directory(past)) {
        if let Some(name) = file.file_name().filter(|_| epoch <= until) {
            let to = shared.join(name);
            let _ = fs::hard_link(&file, &to).or_else(|_| fs::copy(&file, &to).map(drop));
        }
    }
}

/// Makes paths absolute, because the session process has another working directory.
fn make_absolute(training: &mut Training) -> io::Result<()> {
    let checkpoints = training.checkpoints.as_mut().map(|(dir, _)| dir);
    let paths = [training.spec.data.as_mut(), training.save.as_mut(), checkpoints];
    for path in paths.into_iter().flatten() {
        *path = std::path::absolute(&path)?;
    }
    Ok(())
}

/// `nntop resume`: resumes a live run, or continues one that ended in a new session process. From
/// an earlier epoch or with another recipe it continues as a new run.
pub(super) fn resume(args: &ResumeArgs, display: &DisplayArgs) -> anyhow::Result<ExitCode> {
    let run = match &args.run.run {
        Some(_) => args.run.any()?,
        None => newest_to_resume()?,
    };
    let record = RunRecord::read(&run)?;
    let given = match &record.task {
        SessionTask::Training(training) => {
            let spec = args.spec.assemble_like(&Recipe::given(training.spec.clone()))?.spec;
            Some((training.clone(), spec))
        }
        SessionTask::Experiment { .. }
        | SessionTask::Ensemble { .. }
        | SessionTask::Command(_)
        | SessionTask::Script(_) => None,
    };
    if let Some((training, spec)) = &given
        && (args.from_epoch.is_some() || is_another_recipe(&training.spec, spec))
    {
        let epoch = args.from_epoch;
        let branch = Branch { epoch, spec: spec.clone(), name: args.name.as_deref() };
        let branched = branch_off(&run, training, &branch)?;
        return shown(&branched, args.detach, display);
    }
    if args.name.is_some() {
        let problem = "names a new run: also give --from-epoch or a changed argument";
        return Err(Usage::value("--name", problem).into());
    }
    let epochs = args.spec.epochs;
    if !until_free(&run)? {
        if epochs.is_some() {
            return Err(Usage::because("--epochs can change only while a run is not live").into());
        }
        return control::resume(&run);
    }
    match (&record.task, given) {
        (_, Some((training, spec))) => resume_training(&run, record, *training, spec)?,
        (SessionTask::Experiment { .. }, _) if epochs.is_some() || args.from_epoch.is_some() => {
            let text = "--epochs and --from-epoch do not apply to an experiment, which starts \
                        again unchanged";
            return Err(Usage::because(text).into());
        }
        (SessionTask::Ensemble { .. }, _) if epochs.is_some() || args.from_epoch.is_some() => {
            let text = "--epochs and --from-epoch do not apply to an ensemble";
            return Err(Usage::because(text).into());
        }
        (SessionTask::Command(_), _) => {
            let name = run.name();
            if session::checkpoint_of(&run).is_none() {
                let text = format!(
                    "`{name}` is a command that has written no checkpoint to continue from; `nntop \
                     run --again {name}` starts it again"
                );
                return Err(Usage::because(text).into());
            }
            session::launch(&run)?;
        }
        (SessionTask::Script(_), _) => {
            let text = format!("`{}` is a script that reported; start it again", run.name());
            return Err(Usage::because(text).into());
        }
        (task, None) => {
            check_can_go_on(&run, task)?;
            session::launch(&run)?;
        }
    }
    shown(&run, args.detach, display)
}

/// Starts the session of a training again; epochs, threads and the path of the data may differ.
fn resume_training(
    run: &RunDir,
    mut record: RunRecord,
    training: Training,
    spec: Spec,
) -> anyhow::Result<()> {
    let changed = spec != training.spec;
    record.task = SessionTask::Training(Box::new(Training { spec, ..training }));
    check_can_go_on(run, &record.task)?;
    if changed {
        if let Some(training) = record.task.training_mut() {
            make_absolute(training)?;
        }
        record.write(run)?;
    }
    Ok(session::launch(run)?)
}

/// Whether two recipes differ in more than a run may change when it continues.
fn is_another_recipe(kept: &Spec, spec: &Spec) -> bool {
    let Spec { epochs, threads, data, .. } = spec.clone();
    // With linear decay, the last epoch determines the learning rate of every step.
    let epochs = if kept.schedule == Schedule::Linear { kept.epochs } else { epochs };
    Spec { epochs, threads, data, ..kept.clone() } != *spec
}

/// Shows a run, or prints its name.
fn shown(run: &RunDir, detach: bool, display: &DisplayArgs) -> anyhow::Result<ExitCode> {
    if detach || !has_terminal() {
        writeln!(output::out(), "{}", run.name())?;
        return Ok(ExitCode::SUCCESS);
    }
    show(run, Attachment::Control, display)
}

/// Continues a run that has ended, as requested in its dashboard, and shows it.
pub(super) fn go_on(
    run: &RunDir,
    how: Continuation,
    display: &DisplayArgs,
) -> anyhow::Result<ExitCode> {
    let record = RunRecord::read(run)?;
    let SessionTask::Training(training) = &record.task else {
        bail!("`{}` is not a training of a single network", run.name())
    };
    let training = (**training).clone();
    let reached = replay(run).epoch();
    let mut spec = training.spec.clone();
    let epoch = match how {
        Continuation::Train(more) => {
            spec.epochs = more.map_or(spec.epochs, |more| reached.saturating_add(more));
            None
        }
        Continuation::FromBest => {
            let best = best_of(run)?;
            spec.eta = two_digits(best.tuning().learning_rate / 3.0);
            Some(best.position().epoch)
        }
    };
    if !until_free(run)? {
        bail!("`{}` is live", run.name());
    }
    if epoch.is_none() && !is_another_recipe(&training.spec, &spec) {
        resume_training(run, record, training, spec)?;
        return show(run, Attachment::Control, display);
    }
    let branched = branch_off(run, &training, &Branch { epoch, spec, name: None })?;
    show(&branched, Attachment::Control, display)
}

/// The checkpoint of a run with the best validation accuracy.
fn best_of(run: &RunDir) -> anyhow::Result<Checkpoint> {
    Ok(Checkpoint::load(&run.checkpoints().join(BEST))?)
}

/// Rounds a number to two significant digits.
fn two_digits(number: f64) -> f64 {
    format!("{number:.1e}").parse().unwrap_or(number)
}

/// How a run branches off another one.
struct Branch<'a> {
    /// The epoch at which it branches off; `None` is the end of the other run.
    epoch: Option<u32>,
    spec: Spec,
    name: Option<&'a str>,
}

/// Starts a new run from a snapshot of another one.
fn branch_off(run: &RunDir, training: &Training, branch: &Branch) -> anyhow::Result<RunDir> {
    let (directory, name) = (run.checkpoints(), run.name());
    let last = model_arg::last_of(&directory).map_err(Usage::because)?;
    let from = match branch.epoch {
        None => last.clone(),
        Some(epoch) => snapshot_of(run, &last, epoch)?,
    };
    let spec = branch.spec.clone();
    if !from.fits(&spec) {
        return Err(Usage::because(format!(
            "these arguments change the network of `{name}`; `nntop train --like {name}` starts a \
             new run with its recipe and your changes"
        ))
        .into());
    }
    let at = from.position().epoch;
    if spec.epochs <= at {
        let problem = format!(
            "is {}, but must be more than {at}, the epoch at which the new run starts",
            spec.epochs
        );
        return Err(Usage::value("--epochs", problem).into());
    }
    let checkpoint = from.branch(&last, spec.clone());
    let task = SessionTask::Training(Box::new(Training {
        spec,
        chosen: Vec::new(),
        origin: Some(format!("branched off {name} after epoch {at}")),
        save: None,
        checkpoints: None,
        ..training.clone()
    }));
    let home = Home::of_user()?;
    let free = free_name(&home, &name);
    let past = Some(directory.as_path());
    let name = branch.name.map(str::to_owned).or(free);
    launch(Start { name: name.as_deref(), task, resume: Some(&checkpoint), past })
}

/// The snapshot of a run after an epoch.
fn snapshot_of(run: &RunDir, last: &Checkpoint, epoch: u32) -> anyhow::Result<Checkpoint> {
    let at = last.position();
    if (at.epoch, at.batch) == (epoch, 0) {
        return Ok(last.clone());
    }
    let kept = snapshots_in(&snapshot_directory(&run.checkpoints()));
    if let Some((_, file)) = kept.iter().find(|(of, _)| *of == epoch) {
        return Ok(Checkpoint::load(file)?);
    }
    let best = best_of(run).ok().filter(|best| best.position().epoch == epoch);
    if let Some(best) = best {
        return Ok(best);
    }
    let epochs: Vec<String> = kept.iter().map(|(epoch, _)| epoch.to_string()).collect();
    let problem = format!("`{}` keeps epochs {}", run.name(), epochs.join(" "));
    Err(Usage::value("--from-epoch", problem).into())
}

/// The run's name with the first free number appended.
fn free_name(home: &Home, name: &str) -> Option<String> {
    let numbered = (2..1000).map(|number| format!("{name}-{number}"));
    numbered.take_while(|name| name.len() <= 40).find(|name| !home.path().join(name).exists())
}

/// Without a name: the newest live run, otherwise the newest interrupted one.
fn newest_to_resume() -> anyhow::Result<RunDir> {
    let home = Home::of_user()?;
    let runs = session::list(&home)?;
    let live = runs.iter().find(|run| run.live && !run.state.is_over());
    let interrupted = || runs.iter().find(|run| run.state == RunState::Interrupted);
    let found = live.or_else(interrupted).ok_or_else(|| {
        Usage::because("no run is live or interrupted; `nntop ls` lists all, `nntop` starts one")
    })?;
    Ok(home.find(&found.name)?)
}

fn check_can_go_on(run: &RunDir, task: &SessionTask) -> anyhow::Result<()> {
    let view = replay(run);
    let (name, reached) = (run.name(), view.epoch());
    match (view.outcome, task) {
        (Some(Outcome::Completed(how)), SessionTask::Training(training))
            if training.spec.epochs <= reached =>
        {
            let text = format!("`{name}` is complete ({how}); give more --epochs to continue");
            Err(Usage::because(text).into())
        }
        (Some(Outcome::Completed(how)), SessionTask::Experiment { id, .. }) => {
            let text = format!("`{name}` is complete ({how}); `nntop book {id}` runs it again");
            Err(Usage::because(text).into())
        }
        (Some(Outcome::Completed(how)), SessionTask::Ensemble { .. }) => {
            let text = format!("`{name}` is complete ({how}); it cannot be trained further");
            Err(Usage::because(text).into())
        }
        (Some(Outcome::Diverged { epoch, hint }), _) => {
            let best = best_of(run).map_or(0, |best| best.position().epoch);
            bail!(
                "`{name}` diverged in epoch {epoch} and would again: {hint}; `nntop resume {name} \
                 --from-epoch {best} --eta X` goes back to its best epoch, as a run of its own"
            )
        }
        _ => Ok(()),
    }
}
