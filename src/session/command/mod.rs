//! A run that is somebody's command: a child process in a pseudo-terminal, whose output is kept
//! and shown, and whose process group is suspended and stopped by signals.
//!
//! Nothing here changes what the command does: when the session is gone, so is its terminal, and
//! the command gets a SIGHUP as from any terminal.

mod child;
mod metrics;
mod output;
mod stopping;

use super::command_spec::CommandSpec;
use super::run_dir::RunDir;
use crate::protocol::{Activity, Command, Event, Level, LogLine, Outcome, OutputLines, Pace};
use crate::protocol::{RunInfo, Status};
use child::{Child, Group, adopt_orphans, orphans};
use crossbeam_channel::{Receiver, Sender, bounded, never, unbounded};
use metrics::MetricReader;
use output::{Lines, OutputFile};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::Signal;
use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::thread;
use std::time::{Duration, Instant};
use stopping::Stopping;

/// Lines are sent to the screens at most this often.
const OUTPUT_INTERVAL: Duration = Duration::from_millis(100);
/// Lines that wait to be sent; of more only the newest are shown, all are in the file.
const WAITING_LINES: usize = 1000;
/// Lines of output that are quoted when a command fails.
const LAST_LINES: usize = 10;
/// How long output is awaited after the command has ended: a background process may hold the
/// terminal open.
const LAST_OUTPUT: Duration = Duration::from_secs(1);

/// Starts the command of a run; its commands and events are those of a training.
///
/// # Errors
/// When the program cannot be executed, its output cannot be kept, or there is no thread.
pub(super) fn start(
    run: &RunDir,
    spec: &CommandSpec,
) -> io::Result<(Sender<Command>, Receiver<Event>)> {
    let file = OutputFile::open(&run.output(), run.older_output(), spec.log_limit)?;
    let adopts = adopt_orphans();
    let environment =
        [("NNTOP_RUN", run.path().as_os_str()), ("TERM", OsStr::new("xterm-256color"))];
    let mut child = Child::spawn(spec, &environment)?;
    let group = child.group();
    let terminal = child.terminal.try_clone()?;
    let (commands, received) = unbounded();
    let (sent, events) = unbounded();
    let (output_done, output_ended) = bounded(1);
    let reader = Reader::new(file, sent.clone());
    thread::Builder::new().name("nntop-output".into()).spawn(move || {
        let last = reader.run(terminal);
        // The source waits for it, or has given up.
        let _ = output_done.send(last);
    })?;
    let (exit, exited) = bounded(1);
    thread::Builder::new().name("nntop-wait".into()).spawn(move || {
        // The source waits for it as long as it lives.
        let _ = exit.send(child.wait());
    })?;
    let stop = Signal::from_named_raw(spec.stop_signal).unwrap_or(Signal::INT);
    let source = Source {
        group,
        commands: received,
        events: sent,
        exited,
        output_ended,
        stopping: Stopping::new(stop, Duration::from_secs(spec.grace_seconds)),
        save: spec.save_signal.and_then(Signal::from_named_raw),
        suspended: false,
        title: spec.title(),
    };
    if let Err(error) = adopts {
        source.log(Level::Warning, format!("background processes go unnoticed: {error}"));
    }
    thread::Builder::new().name("nntop-command".into()).spawn(move || source.run())?;
    Ok((commands, events))
}

/// Obeys commands and reports how the child process is.
struct Source {
    group: Group,
    commands: Receiver<Command>,
    events: Sender<Event>,
    exited: Receiver<io::Result<ExitStatus>>,
    output_ended: Receiver<Vec<String>>,
    stopping: Stopping,
    save: Option<Signal>,
    suspended: bool,
    title: String,
}

impl Source {
    fn run(mut self) {
        let info = RunInfo { title: self.title.clone(), ..RunInfo::default() };
        self.send(Event::Started(Box::new(info)));
        self.tell_status();
        let status = self.follow();
        let last = self.output_ended.recv_timeout(LAST_OUTPUT).unwrap_or_default();
        self.tell_orphans();
        let outcome = self.outcome(&status, &last);
        let finished = Status { activity: Activity::Finished, ..Status::default() };
        self.send(Event::StatusChanged(finished));
        self.send(Event::Finished(outcome));
        // Sending commands stays possible; a command that has ended obeys none.
        self.commands.iter().for_each(drop);
    }

    /// Waits for the end of the command and obeys what is asked meanwhile.
    fn follow(&mut self) -> io::Result<ExitStatus> {
        let mut commands = self.commands.clone();
        loop {
            let timeout = self.stopping.deadline().map_or_else(never, crossbeam_channel::at);
            crossbeam_channel::select! {
                recv(self.exited) -> status => {
                    return status.unwrap_or_else(|_| Err(io::Error::other("nobody waited for it")));
                }
                recv(commands) -> command => match command {
                    Ok(command) => self.obey(&command),
                    // Nobody is left to send one; the command goes on.
                    Err(_) => commands = never(),
                },
                recv(timeout) -> _ => {
                    if let Some(signal) = self.stopping.due(Instant::now()) {
                        self.signal(signal);
                        self.log(Level::Warning, "it did not end: SIGTERM was sent; stop again for SIGKILL".into());
                    }
                }
            }
        }
    }

    fn obey(&mut self, command: &Command) {
        match command {
            Command::Pause if !self.suspended => {
                self.signal(Signal::STOP);
                self.suspended = true;
                self.log(Level::Info, "suspended: memory, the GPU's too, stays taken".into());
                self.tell_status();
            }
            Command::Resume if self.suspended => self.resume(),
            Command::Stop => {
                if let Some(signal) = self.stopping.request(Instant::now()) {
                    self.signal(signal);
                    let text = match self.stopping.deadline() {
                        Some(deadline) => {
                            let seconds = deadline.saturating_duration_since(Instant::now());
                            let seconds = seconds.as_secs_f64().ceil();
                            format!(
                                "asked to stop: SIGTERM follows in {seconds} s; stop again for SIGKILL"
                            )
                        }
                        None => "killed".into(),
                    };
                    self.log(Level::Info, text);
                    // A suspended process acts on a signal only once it runs.
                    self.resume();
                    self.tell_status();
                }
            }
            Command::Save | Command::SaveAs(_) => match self.save {
                Some(signal) => match self.group.signal_leader(signal) {
                    Ok(()) => self.log(Level::Info, format!("asked to save: {signal:?} was sent")),
                    Err(error) => {
                        self.log(Level::Error, format!("cannot send {signal:?}: {error}"));
                    }
                },
                None => self.log(
                    Level::Warning,
                    "cannot save: start it with `--save-signal`, or use the Python client".into(),
                ),
            },
            Command::Step(_) => {
                self.log(Level::Warning, "cannot step: the script does not use the client".into());
            }
            Command::Set(_) => self.log(
                Level::Warning,
                "cannot change hyper-parameters: the script does not use the client".into(),
            ),
            Command::Pause
            | Command::Resume
            | Command::Pace(_)
            | Command::Watch(_)
            | Command::Classify { .. }
            | Command::Explore { .. } => {}
        }
    }

    fn resume(&mut self) {
        self.signal(Signal::CONT);
        if std::mem::take(&mut self.suspended) {
            self.log(Level::Info, "resumed".into());
            self.tell_status();
        }
    }

    fn signal(&self, signal: Signal) {
        if let Err(error) = self.group.signal(signal) {
            self.log(Level::Error, format!("cannot send {signal:?}: {error}"));
        }
    }

    fn tell_orphans(&self) {
        let left = orphans(self.group);
        if !left.is_empty() {
            let list: Vec<String> =
                left.iter().map(|orphan| format!("{} ({})", orphan.pid, orphan.name)).collect();
            let list = list.join(", ");
            self.log(Level::Warning, format!("background processes are still running: {list}"));
        }
    }

    fn outcome(&self, status: &io::Result<ExitStatus>, last: &[String]) -> Outcome {
        let status = match status {
            Ok(status) => status,
            Err(error) => return Outcome::Failed(format!("cannot be waited for: {error}")),
        };
        if self.stopping.requested() {
            return Outcome::Stopped;
        }
        match (status.code(), status.signal()) {
            (Some(0), _) => Outcome::Completed(String::new()),
            // As a shell reports it: 128 and the signal.
            (code, signal) => Outcome::Exited {
                code: code.unwrap_or_else(|| 128 + signal.unwrap_or_default()),
                output: last.join("\n"),
            },
        }
    }

    fn tell_status(&self) {
        let activity = if self.suspended { Activity::Paused } else { Activity::Training };
        let status = Status {
            activity,
            stopping: self.stopping.requested(),
            pace: Pace::Full,
            ..Status::default()
        };
        self.send(Event::StatusChanged(status));
    }

    fn log(&self, level: Level, text: String) {
        self.send(Event::Log(LogLine { level, text }));
    }

    fn send(&self, event: Event) {
        // The recorder lives as long as the session.
        let _ = self.events.send(event);
    }
}

/// Reads what the command prints.
struct Reader {
    file: OutputFile,
    events: Sender<Event>,
    lines: Lines,
    metrics: MetricReader,
    /// Lines that are not yet sent.
    waiting: VecDeque<String>,
    /// Lines that were printed.
    printed: u64,
    /// Whether the last write failed: a full disk is reported once.
    failing: bool,
}

impl Reader {
    fn new(file: OutputFile, events: Sender<Event>) -> Self {
        let (lines, metrics, waiting) = Default::default();
        Self { file, events, lines, metrics, waiting, printed: 0, failing: false }
    }

    /// Reads to the end; returns the last lines.
    fn run(mut self, mut terminal: File) -> Vec<String> {
        let mut buffer = vec![0; 1 << 16];
        let mut last: VecDeque<String> = VecDeque::new();
        let mut sent = Instant::now();
        let mut unsent = false;
        loop {
            if unsent && sent.elapsed() >= OUTPUT_INTERVAL {
                self.send();
                (sent, unsent) = (Instant::now(), false);
            }
            // What was printed last is shown although nothing follows it.
            let timeout = unsent.then(|| OUTPUT_INTERVAL.saturating_sub(sent.elapsed()));
            if !is_readable(&terminal, timeout) {
                continue;
            }
            // A terminal without processes reports an error (EIO) instead of an end.
            let Ok(length @ 1..) = terminal.read(&mut buffer) else { break };
            let bytes = &buffer[..length];
            self.keep(bytes);
            self.measure(bytes, false);
            let Self { lines, waiting, printed, .. } = &mut self;
            lines.push(bytes, |line| {
                *printed += 1;
                push_bounded(&mut last, line.clone(), LAST_LINES);
                push_bounded(waiting, line, WAITING_LINES);
            });
            unsent = true;
        }
        self.measure(&[], true);
        if let Some(line) = self.lines.finish() {
            self.printed += 1;
            push_bounded(&mut last, line.clone(), LAST_LINES);
            push_bounded(&mut self.waiting, line, WAITING_LINES);
        }
        self.send();
        last.into()
    }

    /// Reports the metrics in what was printed.
    fn measure(&mut self, bytes: &[u8], end: bool) {
        let events = &self.events;
        self.metrics.push(bytes, end, super::record::now(), |metrics| {
            // The recorder lives as long as the session.
            let _ = events.send(Event::Metrics(metrics));
        });
    }

    fn keep(&mut self, bytes: &[u8]) {
        let result = self.file.write(bytes);
        let failing = result.is_err();
        if failing != std::mem::replace(&mut self.failing, failing) {
            let (level, text) = match result {
                Ok(()) => (Level::Info, "output is kept again".into()),
                Err(error) => (Level::Error, format!("output cannot be kept: {error}")),
            };
            let _ = self.events.send(Event::Log(LogLine { level, text }));
        }
    }

    fn send(&mut self) {
        let first = self.printed - self.waiting.len() as u64;
        let lines: Vec<String> = self.waiting.drain(..).collect();
        let current = self.lines.current();
        if !lines.is_empty() || current.is_some() {
            let _ = self.events.send(Event::Output(OutputLines { first, lines, current }));
        }
    }
}

/// Waits until there is something to read, or for `timeout`.
fn is_readable(terminal: &File, timeout: Option<Duration>) -> bool {
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    let mut terminals = [PollFd::new(terminal, PollFlags::IN)];
    // An interrupted wait is repeated; after an error the read reports it.
    !matches!(poll(&mut terminals, timeout.as_ref()), Ok(0) | Err(Errno::INTR))
}

fn push_bounded(list: &mut VecDeque<String>, line: String, most: usize) {
    if list.len() == most {
        list.pop_front();
    }
    list.push_back(line);
}
