//! `nntop client`: what a script needs to report to a session.

use super::output;
use super::sessions::{self, Start};
use crate::session::{PROTOCOL_TEXT, PYTHON_CLIENT, ScriptSpec, Task};
use clap::{Args, Subcommand};
use serde_json::json;
use std::env;
use std::process::ExitCode;

const HELP: &str = "\
Under `nntop run -- python train.py` the client is found by itself; three lines make a training
controllable:

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
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print the client for Python, one file without dependencies
    Python,
    /// Print the description of the protocol
    Protocol,
    /// Start a session for a script that runs already, and print where it reports
    #[command(hide = true)]
    Session {
        /// The process of the script
        #[arg(long)]
        pid: u32,
        /// Name of the run [default: two words that are easy to tell apart]
        #[arg(long)]
        name: Option<String>,
        /// The command line of the script, for a title
        #[arg(last = true)]
        command: Vec<String>,
    },
}

/// Does what the arguments ask for.
pub(super) fn run(args: &ClientArgs) -> anyhow::Result<ExitCode> {
    match &args.what {
        What::Python => output::out().lines(PYTHON_CLIENT)?,
        What::Protocol => output::out().lines(PROTOCOL_TEXT)?,
        What::Session { pid, name, command } => session(*pid, name.as_deref(), command)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn session(pid: u32, name: Option<&str>, command: &[String]) -> anyhow::Result<()> {
    let spec = ScriptSpec { argv: command.to_vec(), cwd: env::current_dir()?, pid };
    let start = Start { name, task: Task::Script(spec), resume: None, past: None };
    let run = sessions::launch(start)?;
    Ok(output::out().json(&json!({"run": run.path(), "socket": run.socket()}))?)
}
