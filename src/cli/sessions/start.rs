//! Runs that begin, or go on, in a session process.

use super::super::dashboard::has_terminal;
use super::super::display::DisplayArgs;
use super::super::error::{Usage, in_words};
use super::super::output;
use super::list::until_free;
use super::{ResumeArgs, control, show, warn_of_logout};
use crate::protocol::Outcome;
use crate::session::{
    self, Attachment, Home, PlaceError, Record, RunDir, State, Task, Training, replay,
};
use crate::train::{BEST, Checkpoint, LAST};
use anyhow::{Context, bail};
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::process::ExitCode;

/// A new run.
#[derive(Debug)]
pub(crate) struct Start<'a> {
    pub name: Option<&'a str>,
    pub task: Task,
    /// What a training goes on from.
    pub resume: Option<&'a Checkpoint>,
}

/// What became of the wish for a session.
#[derive(Debug)]
pub(crate) enum Begun {
    /// The run has one, and was shown or named.
    InSession(ExitCode),
    /// There can be none here; the sentence says that the run ends with its terminal, and why.
    NotHere(String),
}

/// Starts a run in a session process, then shows it, or says its name alone.
///
/// # Errors
/// Where it cannot be started as asked; without a session, where it was not to be shown.
pub(crate) fn begin(
    start: Start<'_>,
    detach: bool,
    display: &DisplayArgs,
) -> anyhow::Result<Begun> {
    let run = match make(start) {
        Ok(run) => run,
        Err(error) if detach || error.is::<Usage>() => return Err(error),
        Err(error) => {
            let why = in_words(&error);
            let notice = format!("no session: this run ends with its terminal: {why}");
            // Here it stays, also after the dashboard.
            writeln!(output::err(), "{notice}")?;
            return Ok(Begun::NotHere(notice));
        }
    };
    if !detach {
        return show(&run, Attachment::Control, display).map(Begun::InSession);
    }
    writeln!(output::out(), "{}", run.name())?;
    if let Some(warning) = warn_of_logout() {
        writeln!(output::err(), "note: {warning}")?;
    }
    Ok(Begun::InSession(ExitCode::SUCCESS))
}

/// Starts the session process of a new run. Where there can be none, nothing is left behind.
fn make(start: Start<'_>) -> anyhow::Result<RunDir> {
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
        // What there is of it is of no use to anybody.
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
    Record::new(task).write(run)?;
    if let Some(checkpoint) = start.resume {
        let dir = run.checkpoints();
        DirBuilder::new()
            .mode(0o700)
            .create(&dir)
            .with_context(|| format!("{}: cannot be made", dir.display()))?;
        for name in [LAST, BEST] {
            checkpoint.save(&dir.join(name))?;
        }
    }
    Ok(())
}

/// The session process works in another directory.
fn make_absolute(training: &mut Training) -> io::Result<()> {
    let checkpoints = training.checkpoints.as_mut().map(|(dir, _)| dir);
    let paths = [training.spec.data.as_mut(), training.save.as_mut(), checkpoints];
    for path in paths.into_iter().flatten() {
        *path = std::path::absolute(&path)?;
    }
    Ok(())
}

/// `nntop resume`: a live run goes on, any other that can in a new session process.
pub(super) fn resume(args: &ResumeArgs, display: &DisplayArgs) -> anyhow::Result<ExitCode> {
    let run = match &args.run.run {
        Some(_) => args.run.any()?,
        None => newest_to_resume()?,
    };
    if !until_free(&run)? {
        if args.epochs.is_some() {
            return Err(Usage::because("--epochs can change only while a run is not live").into());
        }
        return control::resume(&run);
    }
    let mut record = Record::read(&run)?;
    match &mut record.task {
        Task::Training(training) => {
            training.spec.epochs = args.epochs.unwrap_or(training.spec.epochs);
        }
        Task::Experiment { .. } if args.epochs.is_some() => {
            return Err(Usage::because("--epochs is for trainings, this is an experiment").into());
        }
        Task::Ensemble { .. } if args.epochs.is_some() => {
            let text = "--epochs is for trainings of one network, this is an ensemble";
            return Err(Usage::because(text).into());
        }
        Task::Experiment { .. } | Task::Ensemble { .. } => {}
    }
    check_can_go_on(&run, &record.task)?;
    if args.epochs.is_some() {
        record.write(&run)?;
    }
    session::launch(&run)?;
    if args.detach || !has_terminal() {
        writeln!(output::out(), "{}", run.name())?;
        return Ok(ExitCode::SUCCESS);
    }
    show(&run, Attachment::Control, display)
}

/// Without a name: the newest that is live, else the newest that was interrupted.
fn newest_to_resume() -> anyhow::Result<RunDir> {
    let home = Home::of_user()?;
    let runs = session::list(&home)?;
    let live = runs.iter().find(|run| run.live && !run.state.is_over());
    let interrupted = || runs.iter().find(|run| run.state == State::Interrupted);
    let found = live.or_else(interrupted).ok_or_else(|| {
        Usage::because("no run is live or interrupted; `nntop ls` lists all, `nntop` starts one")
    })?;
    Ok(home.find(&found.name)?)
}

fn check_can_go_on(run: &RunDir, task: &Task) -> anyhow::Result<()> {
    let view = replay(run);
    let (name, reached) = (run.name(), view.epoch());
    match (view.outcome, task) {
        (Some(Outcome::Completed(how)), Task::Training(training))
            if training.spec.epochs <= reached =>
        {
            let text = format!("`{name}` is complete ({how}); give more --epochs to go on");
            Err(Usage::because(text).into())
        }
        (Some(Outcome::Completed(how)), Task::Experiment { id, .. }) => {
            let text = format!("`{name}` is complete ({how}); `nntop book {id}` runs it again");
            Err(Usage::because(text).into())
        }
        (Some(Outcome::Completed(how)), Task::Ensemble { .. }) => {
            let text = format!("`{name}` is complete ({how}); its networks learn no further");
            Err(Usage::because(text).into())
        }
        (Some(Outcome::Diverged { epoch, hint }), _) => {
            bail!("`{name}` diverged in epoch {epoch} and would again: {hint}")
        }
        _ => Ok(()),
    }
}
