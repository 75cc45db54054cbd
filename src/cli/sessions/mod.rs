//! Runs with a session of their own: starting, attaching, steering, listing.

mod attached;
mod control;
mod doctor;
mod ending;
mod list;
mod logout;
mod once;
mod save;
mod start;
mod wait;

pub(super) use start::{Begun, Start, begin, launch};

use super::display::DisplayArgs;
use super::error::Usage;
use super::spec_args::{SpecArgs, count};
use crate::session::{self, Attachment, Home, PlaceError, RunDir, Summary};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

use attached::show;
pub(super) use attached::{look_at, setup};
use logout::warn_of_logout;

const WAIT_HELP: &str = "\
Exit codes: 0 completed or stopped, 1 failed, diverged or interrupted, 3 a claim of the book does
not hold.

Examples:
  nntop wait night && nntop eval night          # what comes after a run
  nntop wait night --notify                     # ring the bell at its end";

#[derive(Debug, clap::Subcommand)]
pub(crate) enum SessionCommand {
    /// Show a run that goes on by itself; d leaves it again
    Attach(AttachArgs),
    /// List runs: name, state, epoch, best accuracy, age, clients
    Ls {
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Pause a run; returns once it is paused
    Pause(RunArgs),
    /// Let a paused run go on, continue one that ended exactly where it was, or branch off an
    /// earlier epoch, or by another recipe, as a run of its own
    Resume(Box<ResumeArgs>),
    /// Train for an epoch, or so many mini-batches, then pause
    Step(StepArgs),
    /// End a run; it can still be looked at, and resumed
    Stop(RunArgs),
    /// Wait until a run is over; exits with its exit code
    #[command(after_help = WAIT_HELP)]
    Wait(RunArgs),
    /// Save a run's model to a file; without one, write a checkpoint now, and the model where the
    /// run has a place for it
    Save(SaveArgs),
    /// Print what happened in a run
    Logs(RunArgs),
    /// Remove runs and all that is kept of them
    Rm(RmArgs),
    /// Say what this terminal and this system offer, and what helps
    Doctor {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Be the session process of a run
    #[command(name = session::SESSION_COMMAND, hide = true)]
    Session { directory: PathBuf },
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// A run's name or id, or how only one begins [default: the newest that is live]
    run: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct AttachArgs {
    #[command(flatten)]
    run: RunArgs,
    /// Only look: no key changes the run
    #[arg(long)]
    read_only: bool,
    /// Print one picture of the dashboard as plain text, and end
    #[arg(long)]
    once: bool,
    /// Columns and rows of that picture
    #[arg(long, default_value = "120x40", value_name = "WxH", requires = "once")]
    size: String,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    run: RunArgs,
    /// Do not show the run; print its name
    #[arg(long)]
    detach: bool,
    /// Branch off the snapshot of this epoch, as a run of its own
    #[arg(long, value_name = "E")]
    from_epoch: Option<u32>,
    /// What to call a run that branches off [default: the run's name with a number]
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    spec: SpecArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SaveArgs {
    #[command(flatten)]
    run: RunArgs,
    /// Where the model goes (.safetensors, or .json as network2.py)
    file: Option<PathBuf>,
    /// The weights of the epoch with the best accuracy on the validation images
    #[arg(long)]
    best: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StepArgs {
    #[command(flatten)]
    run: RunArgs,
    /// So many epochs [default: 1]
    #[arg(long, value_name = "N", value_parser = count, conflicts_with = "batches")]
    epochs: Option<u32>,
    /// So many mini-batches
    #[arg(long, value_name = "N", value_parser = count)]
    batches: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    /// Names or ids of runs, or how they begin
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

/// Does what a command asks for.
pub(super) fn run(command: SessionCommand, display: &DisplayArgs) -> anyhow::Result<ExitCode> {
    match command {
        SessionCommand::Attach(args) => attach(&args, display),
        SessionCommand::Ls { json } => list::ls(json),
        SessionCommand::Pause(args) => control::pause(&args.live()?),
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

impl RunArgs {
    /// Whether a run is named.
    fn is_named(&self) -> bool {
        self.run.is_some()
    }

    /// The run that is named, else the newest that is live.
    fn live(&self) -> anyhow::Result<RunDir> {
        let home = Home::of_user()?;
        let going = |summary: &Summary| summary.live && !summary.state.is_over();
        let newest = |mut s: Vec<Summary>| {
            s.retain(|summary| summary.live);
            // One that is over lives a moment longer; its own end is told better than none.
            let found = s.iter().position(going).unwrap_or(0);
            (!s.is_empty()).then(|| s.swap_remove(found))
        };
        self.choose(&home, newest, "no run is live; `nntop ls` lists all, `nntop` starts one")
    }

    /// The run that is named, else the newest that is live, else the newest.
    fn any(&self) -> anyhow::Result<RunDir> {
        let home = Home::of_user()?;
        let newest = |mut s: Vec<Summary>| {
            let live = s.iter().position(|summary| summary.live);
            (!s.is_empty()).then(|| s.swap_remove(live.unwrap_or(0)))
        };
        self.choose(&home, newest, "there is no run; `nntop` starts one")
    }

    fn choose(
        &self,
        home: &Home,
        newest: impl FnOnce(Vec<Summary>) -> Option<Summary>,
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

/// The run of a name or prefix; a wrong one is a wrong argument.
fn find(home: &Home, prefix: &str) -> Result<RunDir, anyhow::Error> {
    home.find(prefix).map_err(|error| match error {
        PlaceError::Unknown(_) | PlaceError::Ambiguous { .. } => Usage::because(error).into(),
        error => error.into(),
    })
}
