//! A run that executes a user's command: a child process in a pseudo-terminal whose output is
//! stored and shown. Its process group is suspended and stopped by signals; a script that reports
//! to the session is held and stopped between two steps.
//!
//! When the session ends, the pseudo-terminal closes and the command receives SIGHUP, as from any
//! terminal.

mod child;
mod files;
mod gpu;
mod metrics;
mod out;
mod output;
mod reader;
mod script;
mod source;
mod status;
mod stopping;
mod system;

use super::RESUME_FROM;
use super::command_spec::{CommandSpec, ScriptSpec};
use super::reporter::{self, Reports};
use super::run_dir::RunDir;
use crate::protocol::{Command, Event};
use child::{Child, ProcessGroup, adopt_orphans};
use crossbeam_channel::{Receiver, Sender, bounded, never, unbounded};
use out::EventSender;
use output::OutputFile;
use reader::OutputReader;
use rustix::process::Pid;
use script::Script;
use source::{CommandSource, Files, Processes};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

/// Capacity of the queue of events; senders block while it is full.
const MAX_EVENTS: usize = 4096;

/// A started command.
#[derive(Debug)]
pub(super) struct Started {
    pub commands: Sender<Command>,
    pub events: Receiver<Event>,
    /// The endpoint for scripts of the command.
    pub reports: Reports,
}

/// Starts a command. Its commands and events have the same types as those of a training. `socket`
/// is passed to its scripts; `resume_from` is the checkpoint to resume from.
///
/// # Errors
/// If the program cannot be executed, its output cannot be stored, or a thread cannot be started.
pub(super) fn start(
    run: &RunDir,
    spec: &CommandSpec,
    socket: &Path,
    resume_from: Option<&str>,
) -> io::Result<Started> {
    let file = OutputFile::open(&run.output(), run.older_output(), spec.log_limit)?;
    let adopts = adopt_orphans();
    let environment = environment(run, spec, socket, resume_from)?;
    let mut child = Child::spawn(spec, &environment)?;
    let group = child.group();
    let terminal = child.terminal.try_clone()?;
    let (commands, received) = unbounded();
    let (sent, events) = bounded(MAX_EVENTS);
    let (output_done, output_ended) = bounded(1);
    let reported: Arc<AtomicBool> = Arc::default();
    let files_reported = Arc::clone(&reported);
    let (running, ended) = bounded::<()>(0);
    let reader = OutputReader::new(file, sent.clone(), Arc::clone(&reported), ended);
    thread::Builder::new().name("nntop-output".into()).spawn(move || {
        let last = reader.run(terminal);
        // The source waits for this, or has timed out.
        let _ = output_done.send(last);
    })?;
    let (exit, exited) = bounded(1);
    thread::Builder::new().name("nntop-wait".into()).spawn(move || {
        let status = child.wait();
        drop(running);
        // The source waits for this as long as it lives.
        let _ = exit.send(status.map(Some));
    })?;
    let (reports, reported_by) = Reports::new(run.name());
    let processes = Processes { group, exited, output_ended };
    let out = EventSender(sent);
    let script = Script::new(run, spec.title(), out.clone(), reported);
    let source = CommandSource::new(spec, processes, script, received, reported_by, out.clone());
    if let Err(error) = adopts {
        out.warn(format!("background processes cannot be detected: {error}"));
    }
    let (root, own) = (spec.cwd.clone(), run.path().to_path_buf());
    let (files_going, stop) = bounded::<()>(0);
    let followed = thread::Builder::new().name("nntop-files".into()).spawn(move || {
        files::follow(&root, &own, &out, &files_reported, &stop);
    })?;
    run_source(source, Some(Files { going: files_going, followed }))?;
    Ok(Started { commands, events, reports })
}

/// Starts the thread of a source, and the thread that measures its processes until it ends.
fn run_source(source: CommandSource, files: Option<Files>) -> io::Result<()> {
    let (group, events, step) = source.measured();
    let (going, ended) = bounded::<()>(0);
    thread::Builder::new().name("nntop-system".into()).spawn(move || {
        system::measure(group, &events, &step, &ended);
    })?;
    let source = move || source.run(going, files);
    thread::Builder::new().name("nntop-command".into()).spawn(source)?;
    Ok(())
}

/// Follows a script that was started elsewhere and reports to this session.
///
/// # Errors
/// If its process cannot be watched, or a thread cannot be started.
pub(super) fn follow(run: &RunDir, spec: &ScriptSpec) -> io::Result<Started> {
    let none = || io::Error::new(io::ErrorKind::InvalidInput, "there is no process with this id");
    let pid = i32::try_from(spec.pid).ok().and_then(Pid::from_raw).ok_or_else(none)?;
    let (commands, received) = unbounded();
    let (sent, events) = bounded(MAX_EVENTS);
    let (exit, exited) = bounded(1);
    thread::Builder::new().name("nntop-wait".into()).spawn(move || {
        // The source waits for this as long as it lives.
        let _ = exit.send(child::wait_for_non_child(pid).map(|()| None));
    })?;
    let (reports, reported_by) = Reports::new(run.name());
    let processes = Processes { group: ProcessGroup::Script(pid), exited, output_ended: never() };
    let spec = CommandSpec { argv: vec![spec.title()], ..CommandSpec::in_directory(&spec.cwd) };
    let out = EventSender(sent);
    let script = Script::new(run, spec.title(), out.clone(), Arc::default());
    let source = CommandSource::new(&spec, processes, script, received, reported_by, out);
    run_source(source, None)?;
    Ok(Started { commands, events, reports })
}

/// Environment variables that the session adds to the user's.
fn environment(
    run: &RunDir,
    spec: &CommandSpec,
    socket: &Path,
    resume_from: Option<&str>,
) -> io::Result<Vec<(&'static str, OsString)>> {
    let given = spec.env.iter().rfind(|(name, _)| name == "PYTHONPATH");
    let inherited = std::env::var_os("PYTHONPATH");
    let before = given.map(|(_, path)| OsStr::new(path)).or(inherited.as_deref());
    let mut environment = vec![
        ("NNTOP_RUN", run.path().as_os_str().to_owned()),
        ("NNTOP_SOCKET", socket.as_os_str().to_owned()),
        ("PYTHONPATH", reporter::install(run, before)?),
        ("TERM", OsString::from("xterm-256color")),
    ];
    environment.extend(resume_from.map(|path| (RESUME_FROM, OsString::from(path))));
    Ok(environment)
}
