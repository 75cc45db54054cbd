//! `nntop client`: prints the client for scripts, or starts a session for one.

use super::output;
use super::sessions::{self, Start};
use crate::session::{PROTOCOL_TEXT, PYTHON_CLIENT, ScriptSpec, SessionTask};
use clap::{Args, Subcommand};
use serde_json::json;
use std::env;
use std::process::ExitCode;

const HELP: &str = "\
Under `nntop run -- python train.py` scripts find the client automatically. Three lines make a
training controllable:

  import nntop
  run = nntop.init()
  for batch in run.steps(loader):      # pause, step, stop between two batches
      …
      run.log({\"loss\": loss})

Examples:
  nntop client python > nntop.py         # to use it without `nntop run`
  nntop client protocol | less           # for clients in other languages";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct ClientArgs {
    #[command(subcommand)]
    what: ClientCommand,
}

#[derive(Debug, Subcommand)]
enum ClientCommand {
    /// Print the client for Python, one file without dependencies
    Python,
    /// Print the description of the protocol
    Protocol,
    /// Start a session for a running script, and print the path of its socket
    #[command(hide = true)]
    Session {
        /// Process id of the script
        #[arg(long)]
        pid: u32,
        /// Name of the run [default: two random words]
        #[arg(long)]
        name: Option<String>,
        /// The command line of the script, for a title
        #[arg(last = true)]
        command: Vec<String>,
    },
}

/// Runs the subcommand.
pub(super) fn run(args: &ClientArgs) -> anyhow::Result<ExitCode> {
    match &args.what {
        ClientCommand::Python => output::out().lines(PYTHON_CLIENT)?,
        ClientCommand::Protocol => output::out().lines(PROTOCOL_TEXT)?,
        ClientCommand::Session { pid, name, command } => session(*pid, name.as_deref(), command)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn session(pid: u32, name: Option<&str>, command: &[String]) -> anyhow::Result<()> {
    let spec = ScriptSpec { argv: command.to_vec(), cwd: env::current_dir()?, pid };
    let start = Start { name, task: SessionTask::Script(spec), resume: None, past: None };
    let run = sessions::launch(start)?;
    Ok(output::out().json(&json!({"run": run.path(), "socket": run.socket()}))?)
}
