//! `nntop book`: runs the book's experiments and checks its claims.

mod list;
mod table;

use super::args::{OutputArgs, SessionArgs};
use super::dashboard::{self, DashboardOutcome};
use super::display::DisplayArgs;
use super::error::Usage;
use super::headless::{self, OutputFormat};
use super::sessions::{self, Start, StartResult};
use super::setup;
use super::{FAILURE, REFUTED, output, signals};
use crate::book::{EXPERIMENTS, Experiment};
use crate::jobs::{Options, Running};
use crate::protocol::{Command, Outcome, RunView};
use crate::session::SessionTask;
use crate::ui::{DashboardSetup, Exit, ViewId};
use anyhow::Context;
use clap::Args;
use crossbeam_channel::Sender;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Debug, Args)]
pub(super) struct BookArgs {
    /// The experiment to run, such as 1-nand [default: list them]
    id: Option<String>,
    /// Take seconds instead of the full budget; claims that need the full budget are not checked
    #[arg(long)]
    quick: bool,
    /// First seed
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Run every experiment, one after the other
    #[arg(long, conflicts_with = "id")]
    all: bool,
    /// Only experiments of this chapter
    #[arg(long, value_name = "N", conflicts_with = "id")]
    chapter: Option<u32>,
    /// Print the claims in a file written by `nntop book --all --json` as a Markdown table
    #[arg(long, value_name = "FILE", conflicts_with_all = ["id", "all", "chapter"])]
    table: Option<PathBuf>,
    #[command(flatten)]
    session: SessionArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Lists the experiments, runs one or all, or prints a table of results.
pub(super) fn run(args: &BookArgs, display: &DisplayArgs) -> anyhow::Result<ExitCode> {
    let options = Options { quick: args.quick, seed: args.seed, ..Options::default() };
    if let Some(file) = &args.table {
        table::print(file, &mut output::out())?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(id) = &args.id {
        let experiment = list::find(id)?;
        return one(experiment, options, args, display);
    }
    if args.session.detach || args.session.name.is_some() {
        return Err(Usage::because("a session runs one experiment: give its id").into());
    }
    let chosen: Vec<&'static Experiment> = EXPERIMENTS
        .iter()
        .filter(|experiment| args.chapter.is_none_or(|chapter| chapter == experiment.chapter))
        .collect();
    if chosen.is_empty() {
        let last = EXPERIMENTS.last().map_or(0, |experiment| experiment.chapter);
        let problem = format!("no experiments; give a chapter from 1 to {last}");
        return Err(Usage::value("--chapter", problem).into());
    }
    if args.all {
        return print(&chosen, options, &args.output);
    }
    list::print(&chosen, args.output.json, &mut output::out())?;
    Ok(ExitCode::SUCCESS)
}

/// Runs an experiment: in a session on a terminal, otherwise printing lines.
fn one(
    experiment: &'static Experiment,
    options: Options,
    args: &BookArgs,
    display: &DisplayArgs,
) -> anyhow::Result<ExitCode> {
    let BookArgs { session, output, .. } = args;
    let headless = output.json || output.headless || !dashboard::has_terminal();
    let mut notice = None;
    if session.detach || !(session.inline || headless) {
        let task = SessionTask::experiment(experiment.id, options);
        let start = Start { name: session.name.as_deref(), task, resume: None, past: None };
        match sessions::begin(start, session.detach, display)? {
            StartResult::InSession(code) => return Ok(code),
            StartResult::NotHere(why) => notice = Some(why),
        }
    }
    if headless {
        return print(&[experiment], options, output);
    }
    show(experiment, options, notice, display)
}

/// Shows an experiment of this process in the dashboard, which opens on its figures.
fn show(
    experiment: &'static Experiment,
    options: Options,
    notice: Option<String>,
    display: &DisplayArgs,
) -> anyhow::Result<ExitCode> {
    let running = Running::spawn(experiment, options).context("cannot start a thread")?;
    let name = experiment.id.into();
    let setup = DashboardSetup { name, view: ViewId::Book, notice, ..setup::of_process(display) };
    let DashboardOutcome { exit, view } =
        dashboard::follow(&running.commands, &running.events, setup, display)?;
    running.join();
    if exit? != Exit::Gone {
        summarize(&view)?;
    }
    Ok(ExperimentOutcome::of(&view).code())
}

/// Prints a summary after the dashboard has closed.
fn summarize(view: &RunView) -> io::Result<()> {
    headless::print_claims(view)?;
    let mut out = output::out();
    match &view.outcome {
        Some(Outcome::Failed(reason)) => writeln!(out, "failed: {reason}"),
        Some(Outcome::Exited { code, .. }) => writeln!(out, "failed: exit code {code}"),
        Some(Outcome::Diverged { hint, .. }) => writeln!(out, "diverged: {hint}"),
        Some(Outcome::Stopped) => writeln!(out, "stopped"),
        Some(Outcome::Checkpointed(path)) => writeln!(out, "checkpointed and ended: {path}"),
        Some(Outcome::Completed(how)) => writeln!(out, "{how}"),
        None => Ok(()),
    }
}

/// Results of experiments, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ExperimentOutcome {
    Fine,
    /// A claim does not hold.
    Refuted,
    Failed,
}

impl ExperimentOutcome {
    fn of(view: &RunView) -> Self {
        if dashboard::ended_badly(view) {
            Self::Failed
        } else if view.claims.iter().any(|claim| !claim.holds) {
            Self::Refuted
        } else {
            Self::Fine
        }
    }

    fn code(self) -> ExitCode {
        match self {
            Self::Fine => ExitCode::SUCCESS,
            Self::Refuted => ExitCode::from(REFUTED),
            Self::Failed => ExitCode::from(FAILURE),
        }
    }
}

/// Runs and prints experiments one after the other; a signal ends the current one and skips the
/// rest.
fn print(
    experiments: &[&'static Experiment],
    options: Options,
    output: &OutputArgs,
) -> anyhow::Result<ExitCode> {
    let format = if output.json { OutputFormat::Json } else { OutputFormat::Text };
    let signal = Arc::new(Mutex::new(RunningExperiment::default()));
    let stopped = Arc::clone(&signal);
    signals::on_signal(move || lock(&stopped).stop()).context("cannot listen for signals")?;
    let mut verdict = ExperimentOutcome::Fine;
    for experiment in experiments {
        let running = Running::spawn(experiment, options).context("cannot start a thread")?;
        lock(&signal).watch(&running.commands);
        let (mut out, mut bar) = (output::out(), headless::has_bar().then(output::err));
        let bar = bar.as_mut();
        let view = headless::follow(&running.events, &running.commands, format, &mut out, bar)?;
        lock(&signal).current = None;
        running.join();
        if let Some(Outcome::Failed(reason) | Outcome::Diverged { hint: reason, .. }) =
            &view.outcome
        {
            writeln!(output::err(), "error: {}: {reason}", experiment.id)?;
        }
        verdict = verdict.max(ExperimentOutcome::of(&view));
        if view.outcome == Some(Outcome::Stopped) {
            break;
        }
    }
    Ok(verdict.code())
}

/// The experiment that a signal stops.
#[derive(Debug, Default)]
struct RunningExperiment {
    current: Option<Sender<Command>>,
    stopped: bool,
}

impl RunningExperiment {
    fn watch(&mut self, commands: &Sender<Command>) {
        self.current = Some(commands.clone());
        if self.stopped {
            self.stop();
        }
    }

    fn stop(&mut self) {
        self.stopped = true;
        if let Some(commands) = &self.current {
            // An experiment that has ended needs no stop.
            let _ = commands.send(Command::Stop);
        }
    }
}

fn lock(signal: &Mutex<RunningExperiment>) -> std::sync::MutexGuard<'_, RunningExperiment> {
    signal.lock().unwrap_or_else(PoisonError::into_inner)
}
