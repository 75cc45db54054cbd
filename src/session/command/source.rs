//! The source of a command's events: executes commands, and follows the processes to their end.

use super::child::{ProcessGroup, ResumeGuard, orphans};
use super::out::EventSender;
use super::script::{ReportedEnd, Script};
use super::stopping::{StopStep, Stopping};
use crate::protocol::{
    Activity, Command, Event, LogLevel, MarkKind, Outcome, Status, StepAmount, Tune,
};
use crate::session::command_spec::CommandSpec;
use crate::session::reporter::{ReporterEvent, ScriptRequest};
use crossbeam_channel::{Receiver, Sender, after, at, never};
use rustix::process::Signal;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long to wait for output after the command has ended: a background process may keep the
/// terminal open.
const LAST_OUTPUT: Duration = Duration::from_secs(1);
/// How long to wait for the last messages of a script after it has ended.
const LAST_REPORT: Duration = Duration::from_millis(500);

/// What the user can do if a command needs a reporting script.
const USE_THE_CLIENT: &str =
    "the script does not report: `import nntop`, see `nntop client --help`";

/// The processes of a command.
#[derive(Debug)]
pub(super) struct Processes {
    pub group: ProcessGroup,
    /// The exit status; `None` for a script that was started elsewhere.
    pub exited: Receiver<io::Result<Option<ExitStatus>>>,
    /// The last lines of output, once it has ended.
    pub output_ended: Receiver<Vec<String>>,
}

/// The thread that follows log files, and a sender that is dropped to stop it.
#[derive(Debug)]
pub(super) struct Files {
    pub going: Sender<()>,
    pub followed: JoinHandle<()>,
}

/// Executes commands and reports the state of the processes and the script.
#[derive(Debug)]
pub(super) struct CommandSource {
    processes: Processes,
    commands: Receiver<Command>,
    out: EventSender,
    reports: Receiver<ReporterEvent>,
    stopping: Stopping,
    save: Option<Signal>,
    script: Script,
    /// Lets suspended processes continue if this one is killed.
    guard: Option<ResumeGuard>,
}

impl CommandSource {
    pub(super) fn new(
        spec: &CommandSpec,
        processes: Processes,
        script: Script,
        commands: Receiver<Command>,
        reports: Receiver<ReporterEvent>,
        out: EventSender,
    ) -> Self {
        let stop = Signal::from_named_raw(spec.stop_signal).unwrap_or(Signal::INT);
        Self {
            processes,
            script,
            commands,
            out,
            reports,
            stopping: Stopping::new(stop, Duration::from_secs(spec.grace_seconds)),
            save: spec.save_signal.and_then(Signal::from_named_raw),
            guard: None,
        }
    }

    /// The process group to measure, where to send the result, and the current step.
    pub(super) fn measured(&self) -> (ProcessGroup, Sender<Event>, Arc<AtomicI64>) {
        (self.processes.group, self.out.0.clone(), Arc::clone(&self.script.shared_step))
    }

    /// Runs until the command ends, then answers probes. `going` is dropped when the command ends.
    pub(super) fn run(mut self, going: Sender<()>, files: Option<Files>) {
        self.out.send(Event::Started(Box::new(self.script.reported.info.clone())));
        self.script.send_status();
        let status = self.follow();
        // If the command was killed while suspended, its other processes must not stay suspended.
        self.wake();
        drop(going);
        if let Some(Files { going, followed }) = files {
            drop(going);
            // Waits for its last read. The log already contains any panic.
            let _ = followed.join();
        }
        self.take_last_reports();
        let last = match self.processes.group {
            ProcessGroup::Command(_) => self.processes.output_ended.recv_timeout(LAST_OUTPUT).ok(),
            ProcessGroup::Script(_) => None,
        };
        let last = last.unwrap_or_default();
        self.report_orphans();
        if let Some(code) = status.as_ref().ok().and_then(Option::as_ref).map(exit_code) {
            self.out.send(Event::ExitCode(code));
        }
        let outcome = self.outcome(&status, &last);
        let finished = Status { activity: Activity::Finished, ..Status::default() };
        self.out.send(Event::StatusChanged(finished));
        self.out.send(Event::Finished(outcome));
        // Closes the reporter's connection; requests without an answer are discarded.
        self.script.disconnect();
        self.serve_after_the_end();
    }

    /// Waits for the end of the command and executes commands meanwhile.
    fn follow(&mut self) -> io::Result<Option<ExitStatus>> {
        let mut commands = self.commands.clone();
        let reports = self.reports.clone();
        let exited = self.processes.exited.clone();
        loop {
            let timeout = self.stopping.deadline().map_or_else(never, at);
            let poll = self.script.next_poll.map_or_else(never, at);
            crossbeam_channel::select! {
                recv(exited) -> status => {
                    return status.unwrap_or_else(|_| Err(io::Error::other("the waiting thread has ended")));
                }
                recv(commands) -> command => match command {
                    Ok(command) => self.execute(&command),
                    // There is no sender left; the command keeps running.
                    Err(_) => commands = never(),
                },
                recv(reports) -> report => if let Ok(report) = report {
                    self.script.take_report(report);
                },
                recv(poll) -> _ => self.script.poll_probes(),
                recv(timeout) -> _ => self.escalate(),
            }
        }
    }

    /// Processes what the script sent before it ended.
    fn take_last_reports(&mut self) {
        let deadline = after(LAST_REPORT);
        while self.script.reports() {
            crossbeam_channel::select! {
                recv(self.reports) -> report => match report {
                    Ok(report) => self.script.take_report(report),
                    Err(_) => return,
                },
                // A process that it left behind may keep the connection open.
                recv(deadline) -> _ => return,
            }
        }
    }

    /// A command that has ended accepts no commands, but its predictions can still be viewed.
    fn serve_after_the_end(&mut self) {
        for command in self.commands.clone() {
            if let Command::Watch(probes) = command {
                self.script.watch(&probes);
            }
        }
    }

    fn execute(&mut self, command: &Command) {
        match command {
            Command::Pause => self.pause(),
            Command::Hold if !self.script.reports() => {
                self.out.refuse(&format!("cannot hold: {USE_THE_CLIENT}"));
            }
            Command::Hold => self.hold(),
            Command::Suspend => self.suspend(),
            Command::Resume => self.resume(),
            Command::Step(StepAmount::Batches(steps)) => self.step(*steps),
            Command::Step(StepAmount::Epochs(_)) => self.out.refuse(
                "cannot step by epochs: a script is stepped by its own steps, \
                 `nntop step RUN --batches N`",
            ),
            Command::Stop => self.stop(),
            Command::Save => self.save(),
            Command::SaveAs(_) => self.out.refuse(
                "cannot save to this file: the script decides where its checkpoint goes; save \
                 without a name",
            ),
            Command::EndAtCheckpoint => self.end_at_checkpoint(),
            Command::Set(tune) => {
                let (name, value) = match *tune {
                    Tune::LearningRate(value) => ("learning_rate", value),
                    Tune::Regularization(value) => ("weight_decay", value),
                    Tune::Momentum(value) => ("momentum", value),
                };
                self.set(name, value);
            }
            Command::SetNamed { name, value } => self.set(name, *value),
            Command::Watch(probes) => {
                self.script.watch(probes);
            }
            Command::Pace(_) | Command::Classify { .. } | Command::Explore { .. } => {}
        }
    }

    /// Holds a reporting script between two steps; suspends any other command.
    fn pause(&mut self) {
        if self.script.state.suspended || self.script.state.held || self.script.state.hold_requested
        {
            return;
        }
        if self.script.reports() { self.hold() } else { self.suspend() }
    }

    fn hold(&mut self) {
        self.wake();
        if !self.script.state.held && self.script.request(ScriptRequest::Hold) {
            self.script.state.hold_requested = true;
            self.script.state.steps_left = None;
            self.script.send_status();
        }
    }

    fn suspend(&mut self) {
        if std::mem::replace(&mut self.script.state.suspended, true) {
            return;
        }
        match ResumeGuard::start(self.processes.group) {
            Ok(guard) => self.guard = Some(guard),
            Err(error) => self.out.warn(format!(
                "if the session is killed, processes may stay suspended: no guard, {error}"
            )),
        }
        self.signal(Signal::STOP);
        self.script.mark(MarkKind::Suspended);
        self.out
            .log(LogLevel::Info, "suspended: memory (including GPU memory) stays allocated".into());
        self.script.send_status();
    }

    fn resume(&mut self) {
        self.wake();
        if self.script.state.held
            || self.script.state.hold_requested
            || self.script.state.steps_left.is_some()
        {
            self.script.state.hold_requested = false;
            self.script.state.steps_left = None;
            if self.script.request(ScriptRequest::Resume) {
                self.script.send_status();
            }
        }
    }

    /// Continues suspended processes.
    fn wake(&mut self) {
        if std::mem::take(&mut self.script.state.suspended) {
            self.signal(Signal::CONT);
            self.guard = None;
            self.script.mark(MarkKind::Resumed);
            self.script.send_status();
        }
    }

    fn step(&mut self, steps: u32) {
        if !self.script.reports() {
            return self.out.refuse(&format!("cannot step: {USE_THE_CLIENT}"));
        }
        self.wake();
        if self.script.request(ScriptRequest::Step(steps)) {
            self.script.state.hold_requested = false;
            self.script.state.steps_left = Some(steps);
            self.script.send_status();
        }
    }

    fn save(&mut self) {
        if self.script.can_save() {
            self.script.request(ScriptRequest::Save { end: false });
            return;
        }
        let Some(signal) = self.save else {
            let reason = if self.script.reports() {
                "cannot save: the script has no `run.on_checkpoint(save)`".into()
            } else {
                format!("cannot save: start it with `--save-signal`; or {USE_THE_CLIENT}")
            };
            return self.out.refuse(&reason);
        };
        match self.processes.group.signal_leader(signal) {
            Ok(()) => self.out.log(LogLevel::Info, format!("asked to save: {signal:?} was sent")),
            Err(error) => self.out.refuse(&format!("cannot send {signal:?}: {error}")),
        }
    }

    fn end_at_checkpoint(&mut self) {
        if !self.script.can_save() {
            let reason = "cannot checkpoint and end: the script has no `run.on_checkpoint(save)`";
            return self.out.refuse(reason);
        }
        self.wake();
        self.script.request(ScriptRequest::Save { end: true });
    }

    fn set(&mut self, name: &str, value: f64) {
        if !self.script.reports() {
            return self.out.refuse(&format!("cannot change {name}: {USE_THE_CLIENT}"));
        }
        self.script.request(ScriptRequest::Set { name: name.into(), value });
    }

    fn stop(&mut self) {
        let can_ask = self.script.reports() && !self.script.state.suspended;
        let Some(step) = self.stopping.request(Instant::now(), can_ask) else { return };
        self.script.state.stopping = true;
        let text = match step {
            StopStep::Ask if self.script.request(ScriptRequest::Stop) => {
                let signal = "the stop signal follows";
                format!("asked to stop after the step: {signal} in {} s", self.grace_left())
            }
            StopStep::Ask => "the script does not read its commands".into(),
            StopStep::Signal(signal) => {
                self.signal(signal);
                if signal == Signal::KILL {
                    "killed".into()
                } else {
                    format!("asked to stop: SIGTERM follows in {} s", self.grace_left())
                }
            }
        };
        let hint = if text == "killed" { "" } else { "; stop again for SIGKILL" };
        self.out.warn(format!("{text}{hint}"));
        // A suspended process acts on a signal only once it runs.
        self.wake();
        self.script.send_status();
    }

    /// Seconds until a stop escalates.
    fn grace_left(&self) -> f64 {
        let left = self.stopping.deadline().map(|deadline| deadline - Instant::now());
        left.unwrap_or_default().as_secs_f64().ceil()
    }

    /// Escalates a stop after its grace period.
    fn escalate(&mut self) {
        let Some(signal) = self.stopping.due(Instant::now()) else { return };
        self.signal(signal);
        let name = if signal == Signal::TERM { "SIGTERM" } else { "the stop signal" };
        self.out.warn(format!("it did not end: {name} was sent; stop again for SIGKILL"));
    }

    fn signal(&self, signal: Signal) {
        if let Err(error) = self.processes.group.signal(signal) {
            self.out.log(LogLevel::Error, format!("cannot send {signal:?}: {error}"));
        }
    }

    fn report_orphans(&self) {
        let left = orphans(self.processes.group);
        if !left.is_empty() {
            let list: Vec<String> =
                left.iter().map(|orphan| format!("{} ({})", orphan.pid, orphan.name)).collect();
            let list = list.join(", ");
            self.out.warn(format!("background processes are still running: {list}"));
        }
    }

    fn outcome(&self, status: &io::Result<Option<ExitStatus>>, last: &[String]) -> Outcome {
        let status = match status {
            Ok(status) => status,
            Err(error) => return Outcome::Failed(format!("cannot wait for the process: {error}")),
        };
        if let Some(path) = &self.script.reported.ended_at {
            return Outcome::Checkpointed(path.clone());
        }
        if self.stopping.requested() {
            return Outcome::Stopped;
        }
        match (status.as_ref().map(exit_code), &self.script.reported.ended) {
            (Some(0), _) | (None, Some(ReportedEnd::Completed)) => {
                Outcome::Completed(String::new())
            }
            (Some(code), _) => Outcome::Exited { code, output: last.join("\n") },
            (None, Some(ReportedEnd::Failed(reason))) => Outcome::Failed(reason.clone()),
            (None, None) => Outcome::Failed("the script ended without reporting its end".into()),
        }
    }
}

/// The exit code as a shell reports it: 128 plus the signal that ended the process.
fn exit_code(status: &ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}
