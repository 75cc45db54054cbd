//! Runs that begin, or go on, in a session process.

use super::super::dashboard::has_terminal;
use super::super::display::DisplayArgs;
use super::super::error::Usage;
use super::{ResumeArgs, control, show};
use crate::engine::{BEST, Checkpoint, CheckpointPolicy, LAST, Spec};
use crate::protocol::{Outcome, Pace};
use crate::session::{self, Attachment, Home, PlaceError, Record, RunDir, State, replay};
use anyhow::{Context, bail};
use std::fs::DirBuilder;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What a new run starts from.
#[derive(Debug)]
pub(crate) struct Start<'a> {
    pub name: Option<&'a str>,
    pub spec: &'a Spec,
    pub pace: Pace,
    pub save: Option<&'a Path>,
    pub checkpoints: Option<&'a CheckpointPolicy>,
    pub resume: Option<&'a Checkpoint>,
}

/// Starts a session process for a new run.
///
/// # Errors
/// [`Usage`] where the name is bad or taken; else there can be no session here, and nothing is
/// left behind.
pub(crate) fn begin(start: &Start<'_>) -> anyhow::Result<RunDir> {
    let run = Home::of_user()?.create(start.name).map_err(|error| match error {
        PlaceError::Name(_) | PlaceError::Taken(_) => Usage::value("--name", error).into(),
        error => anyhow::Error::from(error),
    })?;
    let launched = write(&run, start).and_then(|()| Ok(session::launch(&run)?));
    if let Err(error) = launched {
        // What there is of it is of no use to anybody.
        let _ = run.remove();
        return Err(error);
    }
    Ok(run)
}

fn write(run: &RunDir, start: &Start<'_>) -> anyhow::Result<()> {
    let mut record = Record::new(start.spec.clone(), start.pace);
    // The session process works elsewhere.
    let absolute = |path: &Path| std::path::absolute(path);
    record.spec.data = record.spec.data.as_deref().map(absolute).transpose()?;
    record.save = start.save.map(absolute).transpose()?;
    let beside = start.checkpoints.and_then(|policy| Some((&policy.dir, policy.every?)));
    record.checkpoints = beside
        .map(|(dir, every)| Ok::<(PathBuf, u32), io::Error>((absolute(dir)?, every)))
        .transpose()?;
    record.write(run)?;
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

/// `nntop resume`: a live run goes on, any other that can in a new session process.
pub(super) fn resume(args: &ResumeArgs, display: &DisplayArgs) -> anyhow::Result<ExitCode> {
    let run = match &args.run.run {
        Some(_) => args.run.any()?,
        None => newest_to_resume()?,
    };
    if run.is_live() {
        if args.epochs.is_some() {
            return Err(Usage::because("--epochs can change only while a run is not live").into());
        }
        return control::resume(&run);
    }
    let mut record = Record::read(&run)?;
    if let Some(epochs) = args.epochs {
        record.spec.epochs = epochs;
    }
    check_can_go_on(&run, &record)?;
    if args.epochs.is_some() {
        record.write(&run)?;
    }
    session::launch(&run)?;
    if args.detach || !has_terminal() {
        writeln!(io::stdout(), "{}", run.name())?;
        return Ok(ExitCode::SUCCESS);
    }
    show(&run, Attachment::Control, display)
}

/// Without a name: the newest that is live, else the newest that was interrupted.
fn newest_to_resume() -> anyhow::Result<RunDir> {
    let home = Home::of_user()?;
    let runs = session::list(&home)?;
    let live = runs.iter().find(|run| run.live);
    let interrupted = || runs.iter().find(|run| run.state == State::Interrupted);
    let found = live.or_else(interrupted).ok_or_else(|| {
        Usage::because("no run is live or interrupted; `nntop ls` lists all, `nntop` starts one")
    })?;
    Ok(home.find(&found.name)?)
}

fn check_can_go_on(run: &RunDir, record: &Record) -> anyhow::Result<()> {
    let view = replay(run);
    let name = run.name();
    match view.outcome {
        Some(Outcome::Completed(how)) if record.spec.epochs <= view.epoch() => {
            let text = format!("`{name}` is complete ({how}); give more --epochs to go on");
            Err(Usage::because(text).into())
        }
        Some(Outcome::Diverged { epoch, hint }) => {
            bail!("`{name}` diverged in epoch {epoch} and would again: {hint}")
        }
        _ => Ok(()),
    }
}
