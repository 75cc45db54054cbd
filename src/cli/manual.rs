//! `nntop completions` and `nntop man`: shell completions and manual pages.

use super::Cli;
use super::error::Usage;
use super::output;
use anyhow::Context;
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// Shell to print the script for
    shell: Shell,
}

#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// Directory to write one page per command into [default: print the page of nntop]
    dir: Option<PathBuf>,
}

/// Prints a shell completion script.
pub(super) fn completions(args: &CompletionsArgs) -> anyhow::Result<ExitCode> {
    // Generated into memory: the generator panics if the reader of a pipe has gone.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "nntop", &mut script);
    output::out().own(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the manual page of the program, or writes one per command into a directory.
pub(super) fn man(args: &ManArgs) -> anyhow::Result<ExitCode> {
    let Some(dir) = &args.dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page)?;
        output::out().own(&String::from_utf8_lossy(&page))?;
        return Ok(ExitCode::SUCCESS);
    };
    fs::create_dir_all(dir)
        .map_err(|error| Usage::value("[DIR]", format!("{}: {error}", dir.display())))?;
    clap_mangen::generate_to(Cli::command(), dir)
        .with_context(|| format!("{}: cannot be written", dir.display()))?;
    Ok(ExitCode::SUCCESS)
}
