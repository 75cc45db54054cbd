//! The command line: arguments, dispatch, headless printing. Wiring only.

mod args;
mod bench;
mod book;
mod browse;
mod dashboard;
mod display;
mod drawing;
mod ensemble;
mod error;
mod eval;
mod explore;
mod headless;
mod offscreen;
mod picture;
mod predict;
mod read;
mod search;
mod sessions;
mod signals;
mod spec_args;
mod train;

use args::{Cli, Subcommand};
use clap::Parser;
use error::Usage;
use std::io::Write;
use std::process::ExitCode;

/// Bad arguments, or files that they name.
const USAGE: u8 = 2;
/// The run failed or diverged.
const FAILURE: u8 = 1;
/// A claim of the book does not hold.
const REFUTED: u8 = 3;

/// Runs the program with the process's own arguments.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    run(cli).unwrap_or_else(|error| {
        if error::is_broken_pipe(&error) {
            return ExitCode::SUCCESS;
        }
        // Nobody is left to tell when standard error is gone too.
        let _ = writeln!(std::io::stderr(), "error: {}", error::in_words(&error));
        ExitCode::from(if error.is::<Usage>() { USAGE } else { FAILURE })
    })
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        None => train::default(&cli.display),
        Some(Subcommand::Train(args)) => train::run(&args, &cli.display),
        Some(Subcommand::Bench(args)) => bench::run(&args),
        Some(Subcommand::Book(args)) => book::run(&args, &cli.display),
        Some(Subcommand::Browse(args)) => browse::run(&args, &cli.display),
        Some(Subcommand::Ensemble(args)) => ensemble::join(&args),
        Some(Subcommand::Eval(args)) => eval::run(&args),
        Some(Subcommand::Explore(args)) => explore::run(&args, &cli.display),
        Some(Subcommand::Picture(args)) => picture::run(&args, &cli.display),
        Some(Subcommand::Predict(args)) => predict::run(&args),
        Some(Subcommand::Search(args)) => search::run(&args),
        Some(Subcommand::Read(args)) => read::run(&args, &cli.display),
        Some(Subcommand::Session(command)) => sessions::run(command, &cli.display),
    }
}
