//! `nntop run`: runs any command in a session.

use super::dashboard::has_terminal;
use super::display::DisplayArgs;
use super::error::Usage;
use super::sessions::{self, Start, StartResult};
use super::signals;
use crate::protocol::{Command, Event, Link, LogLevel, RunView, Update};
use crate::session::{self, Attachment, CommandSpec, Home, RunDir, RunRecord, SessionTask};
use anyhow::{Context, bail};
use clap::Args;
use crossbeam_channel::RecvTimeoutError;
use rustix::fs::{FlockOperation, flock};
use rustix::process::Signal;
use std::env;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Interval at which the output is copied when it is passed through.
const POLL: Duration = Duration::from_millis(100);

#[derive(Debug, Args)]
pub(super) struct CommandArgs {
    /// Name of the run [default: two random words]
    #[arg(long)]
    name: Option<String>,
    /// Start the command without showing it, and print the name of the run
    #[arg(long, conflicts_with = "headless")]
    detach: bool,
    /// Pass the output through instead of showing a dashboard, also on a terminal
    #[arg(long)]
    headless: bool,
    /// Working directory of the command [default: the current one]
    #[arg(long, value_name = "DIR")]
    cwd: Option<PathBuf>,
    /// Set an environment variable; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,
    /// Maximum size of the output on disk in megabytes, and of the events with their metrics
    #[arg(long, value_name = "MB", default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    log_limit: u64,
    /// Signal that asks the command to end; SIGTERM follows after --grace
    #[arg(long, value_name = "SIGNAL", default_value = "INT", value_parser = signal)]
    stop_signal: Signal,
    /// Seconds between the stop signal and SIGTERM
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    grace: u64,
    /// Signal that asks the command to write a checkpoint, such as USR1
    #[arg(long, value_name = "SIGNAL", value_parser = signal)]
    save_signal: Option<Signal>,
    /// Start the command of an earlier run again, in a new run
    #[arg(long, value_name = "RUN", conflicts_with = "command")]
    again: Option<String>,
    /// The command and its arguments, after `--`
    #[arg(last = true, value_name = "COMMAND", required_unless_present = "again")]
    command: Vec<String>,
}

/// Signals by the names that `kill -l` prints.
const SIGNALS: [(&str, Signal); 7] = [
    ("INT", Signal::INT),
    ("TERM", Signal::TERM),
    ("HUP", Signal::HUP),
    ("QUIT", Signal::QUIT),
    ("USR1", Signal::USR1),
    ("USR2", Signal::USR2),
    ("KILL", Signal::KILL),
];

fn signal(text: &str) -> Result<Signal, String> {
    let name = text.strip_prefix("SIG").unwrap_or(text);
    let found = SIGNALS.iter().find(|(known, _)| *known == name);
    found.map(|&(_, signal)| signal).ok_or_else(|| {
        let names: Vec<&str> = SIGNALS.iter().map(|&(name, _)| name).collect();
        format!("give one of {}", names.join(", "))
    })
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("give NAME=VALUE")?;
    if name.is_empty() {
        return Err("the name of the variable is missing".into());
    }
    Ok((name.into(), value.into()))
}

/// Starts the command in a session, then shows it or passes its output through.
pub(super) fn run(args: &CommandArgs, display: &DisplayArgs) -> anyhow::Result<ExitCode> {
    let spec = match &args.again {
        Some(name) => earlier(name)?,
        None => spec(args)?,
    };
    let start = Start {
        name: args.name.as_deref(),
        task: SessionTask::Command(spec.into()),
        resume: None,
        past: None,
    };
    if args.headless || !args.detach && !has_terminal() {
        return pass_through(&sessions::launch(start)?);
    }
    match sessions::begin(start, args.detach, display)? {
        StartResult::InSession(code) => Ok(code),
        StartResult::NotHere(why) => bail!("a command needs a session: {why}"),
    }
}

/// The command to run.
fn spec(args: &CommandArgs) -> anyhow::Result<CommandSpec> {
    let here = env::current_dir().context("the current directory cannot be found")?;
    let cwd = args.cwd.as_ref().map_or_else(|| here.clone(), |dir| here.join(dir));
    if !cwd.is_dir() {
        let problem = format!("{}: is not a directory", cwd.display());
        return Err(Usage::value("--cwd", problem).into());
    }
    Ok(CommandSpec {
        argv: args.command.clone(),
        cwd,
        env: args.env.clone(),
        log_limit: args.log_limit << 20,
        stop_signal: args.stop_signal.as_raw(),
        grace_seconds: args.grace,
        save_signal: args.save_signal.map(Signal::as_raw),
    })
}

/// The command of an earlier run, with its newest checkpoint in the environment.
fn earlier(name: &str) -> anyhow::Result<CommandSpec> {
    let run = Home::of_user()?.find(name).map_err(|error| Usage::value("--again", error))?;
    if let SessionTask::Command(mut spec) = RunRecord::read(&run)?.task {
        if let Some(path) = session::checkpoint_of(&run) {
            spec.env.retain(|(name, _)| name != session::RESUME_FROM);
            spec.env.push((session::RESUME_FROM.into(), path));
        }
        return Ok(*spec);
    }
    let problem = format!("{name} is not a command; `nntop resume {name}` continues it");
    Err(Usage::value("--again", problem).into())
}

/// Copies the output of a run to standard output until it ends; returns its exit code.
fn pass_through(run: &RunDir) -> anyhow::Result<ExitCode> {
    // Opened before attaching, so that no output is rotated away unread.
    let mut output = OutputFollower::new(run)?;
    let link = session::attach(run, Attachment::Control)?.link;
    let stop = link.commands.clone();
    signals::on_signal(move || {
        // A run that has ended does not need to be stopped.
        let _ = stop.send(Command::Stop);
    })
    .context("cannot listen for signals")?;
    let end = follow(&link, &mut output)?;
    output.copy()?;
    // The exit code of the command, even if it was stopped.
    Ok(match end {
        Some(RunView { exit_code: Some(code), .. }) => {
            ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
        }
        _ => ExitCode::FAILURE,
    })
}

/// Copies output until the run ends; returns its final state, or `None` if the connection is
/// closed.
fn follow(link: &Link, output: &mut OutputFollower) -> anyhow::Result<Option<RunView>> {
    let mut view = RunView::default();
    loop {
        match link.updates.recv_timeout(POLL) {
            Ok(Update::Snapshot(snapshot)) => view = *snapshot,
            // Informational messages are in the session's log.
            Ok(Update::Event(Event::Log(entry))) if entry.level == LogLevel::Info => {}
            Ok(Update::Event(Event::Log(entry))) => {
                writeln!(super::output::err(), "nntop: {}", entry.text)?;
            }
            Ok(Update::Event(event)) => view.apply(&event),
            Ok(Update::Lost(why)) => bail!("the session is lost: {why}"),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
        }
        output.copy()?;
        if view.outcome.is_some() {
            return Ok(Some(view));
        }
    }
}

/// Follows the output of a run across rotations. The half that is being read is locked, so that it
/// is not replaced meanwhile.
struct OutputFollower {
    path: PathBuf,
    file: Option<File>,
}

impl OutputFollower {
    /// Starts at the oldest output that is stored.
    fn new(run: &RunDir) -> io::Result<Self> {
        let path = run.output();
        let mut follower = Self { file: None, path };
        follower.file = match locked(&run.older_output())? {
            Some(older) => Some(older),
            None => locked(&follower.path)?,
        };
        Ok(follower)
    }

    /// Copies what was appended.
    fn copy(&mut self) -> io::Result<()> {
        loop {
            let Some(file) = &mut self.file else {
                self.file = locked(&self.path)?;
                if self.file.is_none() {
                    return Ok(());
                }
                continue;
            };
            // Get the identity of the current file before reading the rest of this one.
            let newest = std::fs::metadata(&self.path)?.ino();
            io::copy(file, &mut super::output::raw())?;
            if newest == file.metadata()?.ino() {
                return Ok(());
            }
            // The old file stays locked until the next one is.
            let next = locked(&self.path)?;
            self.file = next;
        }
    }
}

/// Opens a file with a shared lock; `None` if it does not exist.
fn locked(path: &Path) -> io::Result<Option<File>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    flock(&file, FlockOperation::LockShared)?;
    Ok(Some(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_parsed_by_name() {
        assert_eq!(signal("USR1"), Ok(Signal::USR1));
        assert_eq!(signal("SIGTERM"), Ok(Signal::TERM));
        assert!(signal("usr9").unwrap_err().contains("INT, TERM"));
    }

    #[test]
    fn variables_are_parsed_as_name_and_value() {
        assert_eq!(variable("A=b=c"), Ok(("A".into(), "b=c".into())));
        assert!(variable("A").is_err() && variable("=b").is_err());
    }
}
