//! Commands on sessions: start, attach, control, list.

pub(super) mod attached;
mod control;
mod doctor;
mod ending;
mod list;
mod logout;
mod once;
mod save;
mod start;
mod wait;

pub(super) use start::{Start, StartResult, begin, launch};

use super::display::DisplayArgs;
use super::error::Usage;
use super::spec_args::{SpecArgs, count};
use crate::session::{self, Attachment, Home, PlaceError, RunDir, RunSummary};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

use attached::show;
use logout::warn_of_logout;

const WAIT_HELP: &str = "\
Exit codes: 0 completed or stopped, 1 failed, diverged or interrupted, 3 a claim of the book does
not hold.

Examples:
  nntop wait night && nntop eval night          # evaluate a run once it ends
  nntop wait night --notify                     # ring the bell at its end";

#[derive(Debug, clap::Subcommand)]
pub(crate) enum SessionCommand {
    /// Open the dashboard of a run; `d` detaches and leaves it running
    Attach(AttachArgs),
    /// List runs: name, state, epoch, best accuracy, age, clients
    Ls {
        /// Print one JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Pause a run; returns once it is paused
    Pause(PauseArgs),
    /// Resume a paused run, continue one that ended from exactly where it was, or start a new run
    /// from an earlier epoch or with another recipe
    Resume(Box<ResumeArgs>),
    /// Train for one or more epochs or mini-batches, then pause
    Step(StepArgs),
    /// Change a value while a run goes on: the learning rate, or what a script offers
    Set(SetArgs),
    /// Stop a run; it can still be viewed and resumed
    Stop(RunNameArgs),
    /// Wait for a run to end, and exit with its exit code
    #[command(after_help = WAIT_HELP)]
    Wait(RunNameArgs),
    /// Save a run's model to a file; without FILE, write a checkpoint now, and the model if the run
    /// was given --save
    Save(SaveArgs),
    /// Print the log of a run
    Logs(RunNameArgs),
    /// Delete runs with their logs, checkpoints and models
    Rm(RmArgs),
    /// Report what this terminal and system support, and how to fix what is missing
    Doctor {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Serve a run as its session process
    #[command(name = session::SESSION_COMMAND, hide = true)]
    Session { directory: PathBuf },
}

#[derive(Debug, Args)]
pub(crate) struct RunNameArgs {
    /// Name or id of a run, or a unique prefix of it [default: the newest live run]
    run: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    #[command(flatten)]
    run: RunNameArgs,
    /// How to pause a command [default: hold if its script reports, else suspend]
    #[arg(long, value_enum)]
    level: Option<control::PauseMethod>,
}

#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// Name or id of a run, or a unique prefix of it
    run: String,
    /// Name of the value: eta, lambda or momentum, or one that the script offers
    name: String,
    /// The new value
    #[arg(allow_negative_numbers = true)]
    value: f64,
}

#[derive(Debug, Args)]
pub(crate) struct AttachArgs {
    #[command(flatten)]
    run: RunNameArgs,
    /// View only: no key changes the run
    #[arg(long)]
    read_only: bool,
    /// Print the dashboard once as plain text, then exit
    #[arg(long)]
    once: bool,
    /// Size of --once in columns and rows
    #[arg(long, default_value = "120x40", value_name = "WxH", requires = "once")]
    size: String,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    run: RunNameArgs,
    /// Resume in the background and print the run's name
    #[arg(long)]
    detach: bool,
    /// Start a new run from the snapshot of this epoch
    #[arg(long, value_name = "E")]
    from_epoch: Option<u32>,
    /// Name of the new run [default: the old name with a number]
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    spec: SpecArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SaveArgs {
    #[command(flatten)]
    run: RunNameArgs,
    /// File to write (.safetensors, or .json in network2.py's format)
    file: Option<PathBuf>,
    /// Save the epoch with the best validation accuracy instead of the last one
    #[arg(long)]
    best: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StepArgs {
    #[command(flatten)]
    run: RunNameArgs,
    /// Number of epochs [default: 1]
    #[arg(long, value_name = "N", value_parser = count, conflicts_with = "batches")]
    epochs: Option<u32>,
    /// Number of mini-batches, or of steps of a script
    #[arg(long, visible_alias = "steps", value_name = "N", value_parser = count)]
    batches: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    /// Names or ids of runs, or unique prefixes of them
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<String>,
    /// Do not ask for confirmation
    #[arg(short, long)]
    yes: bool,
}

/// Runs a session command.
pub(super) fn run(command: SessionCommand, display: &DisplayArgs) -> anyhow::Result<ExitCode> {
    match command {
        SessionCommand::Attach(args) => attach(&args, display),
        SessionCommand::Ls { json } => list::ls(json),
        SessionCommand::Pause(args) => control::pause(&args.run.live()?, args.level),
        SessionCommand::Set(args) => {
            control::set(&find(&Home::of_user()?, &args.run)?, &args.name, args.value)
        }
        SessionCommand::Resume(args) => start::resume(&args, display),
        SessionCommand::Step(args) => control::step(&args.run.live()?, args.epochs, args.batches),
        SessionCommand::Stop(args) => control::stop(&args.live()?),
        SessionCommand::Wait(args) => wait::wait(&args.any()?, display),
        SessionCommand::Save(args) => save::run(&args),
        SessionCommand::Logs(args) => list::logs(&args.any()?),
        SessionCommand::Rm(args) => list::rm(&args.runs, args.yes),
        SessionCommand::Doctor { json } => doctor::run(json),
        SessionCommand::Session { directory } => {
            session::serve(&directory)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn attach(args: &AttachArgs, display: &DisplayArgs) -> anyhow::Result<ExitCode> {
    let run = args.run.any()?;
    if args.once {
        return once::print(&run, &args.size, display);
    }
    let attachment = if args.read_only { Attachment::ReadOnly } else { Attachment::Control };
    show(&run, attachment, display)
}

impl RunNameArgs {
    /// Whether a run is given.
    fn is_named(&self) -> bool {
        self.run.is_some()
    }

    /// The given run, or the newest live one.
    fn live(&self) -> anyhow::Result<RunDir> {
        let home = Home::of_user()?;
        let going = |summary: &RunSummary| summary.live && !summary.state.is_over();
        let newest = |mut s: Vec<RunSummary>| {
            s.retain(|summary| summary.live);
            // A run that has just ended: reporting its end is better than an error.
            let found = s.iter().position(going).unwrap_or(0);
            (!s.is_empty()).then(|| s.swap_remove(found))
        };
        self.choose(&home, newest, "no run is live; `nntop ls` lists all, `nntop` starts one")
    }

    /// The given run, or the newest live one, or the newest.
    fn any(&self) -> anyhow::Result<RunDir> {
        let home = Home::of_user()?;
        let newest = |mut s: Vec<RunSummary>| {
            let live = s.iter().position(|summary| summary.live);
            (!s.is_empty()).then(|| s.swap_remove(live.unwrap_or(0)))
        };
        self.choose(&home, newest, "there is no run; `nntop` starts one")
    }

    fn choose(
        &self,
        home: &Home,
        newest: impl FnOnce(Vec<RunSummary>) -> Option<RunSummary>,
        none: &str,
    ) -> anyhow::Result<RunDir> {
        if let Some(prefix) = &self.run {
            return find(home, prefix);
        }
        let found = newest(session::list(home)?);
        let found = found.ok_or_else(|| Usage::because(none))?;
        Ok(home.find(&found.name)?)
    }
}

/// The run with this name or prefix; an unknown one is a wrong argument.
fn find(home: &Home, prefix: &str) -> Result<RunDir, anyhow::Error> {
    home.find(prefix).map_err(|error| match error {
        PlaceError::Unknown(_) | PlaceError::Ambiguous { .. } => Usage::because(error).into(),
        error => error.into(),
    })
}
