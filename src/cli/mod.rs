//! The command line: arguments, dispatch, headless printing. Wiring only.

mod args;
mod bench;
mod book;
mod browse;
mod client;
mod dashboard;
mod data;
mod display;
mod drawing;
mod ensemble;
mod error;
mod eval;
mod explore;
mod export;
mod headless;
mod import;
mod logs;
mod manual;
mod model_arg;
mod offscreen;
mod output;
mod picture;
mod predict;
mod read;
mod run;
mod run_source;
mod search;
mod sessions;
mod setup;
mod signals;
mod spec_args;
mod train;

use crate::linalg::cpu_path;
use args::{
    BenchArgs, BrowseArgs, EnsembleArgs, EvalArgs, ExploreArgs, PictureArgs, PredictArgs, ReadArgs,
    TrainArgs,
};
use book::BookArgs;
use clap::Parser;
use display::DisplayArgs;
use error::Usage;
use export::ExportArgs;
use manual::{CompletionsArgs, ManArgs};
use run::CommandArgs;
use search::SearchArgs;
use sessions::SessionCommand;
use std::process::ExitCode;

/// Bad arguments, or bad files named by them.
const USAGE: u8 = 2;
/// The run failed or diverged.
const FAILURE: u8 = 1;
/// A claim of the book does not hold.
const REFUTED: u8 = 3;

const AFTER_HELP: &str = "\
Without a command the default network (784,30,10) is trained on the embedded MNIST at one epoch per
second and shown live; press F for full speed, ? for all keys.

On a terminal every run has a session of its own: d detaches from it, `nntop attach` returns to it
from any terminal, and closing the terminal does not end it. `nntop ls` lists runs, `nntop resume`
continues interrupted ones.

Exit codes: 0 completed or stopped, 1 failed or diverged, 2 bad arguments, 3 a claim of the book
does not hold.";

const COMPLETIONS_HELP: &str = "\
Examples:
  nntop completions bash > ~/.local/share/bash-completion/completions/nntop
  nntop completions zsh > ~/.zfunc/_nntop       # with ~/.zfunc in $fpath
  nntop completions fish > ~/.config/fish/completions/nntop.fish";

const MAN_HELP: &str = "\
Examples:
  nntop man | man -l -                          # read it
  nntop man ~/.local/share/man/man1             # then `man nntop-train`";

/// A terminal dashboard for training neural networks: train, watch, pause and inspect the networks
/// of Michael Nielsen's "Neural Networks and Deep Learning".
#[derive(Debug, Parser)]
#[command(name = "nntop", version, about, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Option<Subcommand>,
    #[command(flatten)]
    display: DisplayArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    /// Train a network: in the dashboard on a terminal, otherwise printing one line per epoch
    Train(Box<TrainArgs>),
    /// Measure how fast this machine trains and runs networks
    Bench(BenchArgs),
    /// Run the book's experiments and check its claims
    Book(BookArgs),
    /// Open a saved model in the dashboard: its weights and its prediction for every test image
    Browse(BrowseArgs),
    /// Describe a data set: sizes, classes, counts, duplicates, a contact sheet
    Data(data::ShowArgs),
    /// Combine saved models into an ensemble, which decides by majority
    Ensemble(EnsembleArgs),
    /// Evaluate a model on the test images
    Eval(EvalArgs),
    /// Explore the book's ideas interactively, with sliders
    Explore(ExploreArgs),
    /// Print every value measured in runs as CSV or JSON lines
    Export(ExportArgs),
    /// Write a picture of a run's dashboard to a file (.png, .svg or .txt); without a run, train
    /// one first
    Picture(Box<PictureArgs>),
    /// Recognise the digit in each picture
    Predict(PredictArgs),
    /// Watch trainings of any tool through their log files, directories or printed output
    Watch(logs::WatchArgs),
    /// Show a table of runs: nntop's own, or those found in log files below the given paths
    Runs(logs::RunsArgs),
    /// Compare runs side by side: differences in configuration, and their metrics
    Compare(logs::CompareArgs),
    /// Search hyper-parameters: every combination in a spec file's [search] table, or random ones
    Search(SearchArgs),
    /// Read lines of digits in a picture
    Read(ReadArgs),
    /// Run any command in a session that survives the terminal and can be attached to
    Run(CommandArgs),
    /// What a training script needs to report to its session and to be controlled
    Client(client::ClientArgs),
    #[command(flatten)]
    Session(SessionCommand),
    /// Print a shell completion script
    #[command(after_help = COMPLETIONS_HELP)]
    Completions(CompletionsArgs),
    /// Print the manual page, or write one per command into a directory
    #[command(after_help = MAN_HELP)]
    Man(ManArgs),
}

/// Runs the program with the process's own arguments.
#[must_use]
pub fn main() -> ExitCode {
    signals::ignore_file_size_signal();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return error::of_arguments(error),
    };
    run(cli).unwrap_or_else(|error| {
        if error::is_broken_pipe(&error) {
            return ExitCode::SUCCESS;
        }
        // Standard error may be closed, too.
        let _ = writeln!(output::err(), "error: {}", error::in_words(&error));
        ExitCode::from(if error.is::<Usage>() { USAGE } else { FAILURE })
    })
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    cpu_path().map_err(Usage::because)?;
    match cli.command {
        None => train::default(&cli.display),
        Some(Subcommand::Train(args)) => train::run(&args, &cli.display),
        Some(Subcommand::Bench(args)) => bench::run(&args),
        Some(Subcommand::Book(args)) => book::run(&args, &cli.display),
        Some(Subcommand::Browse(args)) => browse::run(&args, &cli.display),
        Some(Subcommand::Data(args)) => data::run(&args, &cli.display),
        Some(Subcommand::Ensemble(args)) => ensemble::join(&args),
        Some(Subcommand::Eval(args)) => eval::run(&args),
        Some(Subcommand::Explore(args)) => explore::run(&args, &cli.display),
        Some(Subcommand::Picture(args)) => picture::run(&args, &cli.display),
        Some(Subcommand::Predict(args)) => predict::run(&args),
        Some(Subcommand::Watch(args)) => logs::watch(&args, &cli.display),
        Some(Subcommand::Runs(args)) => logs::runs(&args, &cli.display),
        Some(Subcommand::Compare(args)) => logs::compare(&args, &cli.display),
        Some(Subcommand::Search(args)) => search::run(&args),
        Some(Subcommand::Read(args)) => read::run(&args, &cli.display),
        Some(Subcommand::Export(args)) => export::run(&args),
        Some(Subcommand::Completions(args)) => manual::completions(&args),
        Some(Subcommand::Man(args)) => manual::man(&args),
        Some(Subcommand::Run(args)) => run::run(&args, &cli.display),
        Some(Subcommand::Client(args)) => client::run(&args),
        Some(Subcommand::Session(command)) => sessions::run(command, &cli.display),
    }
}
