//! Stores the events of the run before it passes them on to the hub, so that everything a client
//! sees is on disk. Figures, which change with every epoch, are stored less often.

use super::log::Log;
use crate::protocol::{
    Activity, Event, LogLevel, LogLine, Outcome, PauseLevel, RunInfo, RunKind, Status, Tunable,
    Tune, Tuned,
};
use crate::session::event_file::EventFile;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Interval at which the file is checked, whether or not events arrive.
const TICK: Duration = Duration::from_secs(1);

/// Stores events, then passes them on.
#[derive(Debug)]
pub(super) struct Recorder {
    pub events: Receiver<Event>,
    pub hub: Sender<Event>,
    pub file: EventFile,
    pub log: Arc<Log>,
    /// Receives a message once the run has ended and all its events are stored.
    pub over: Sender<()>,
    /// The process was asked to end, so the run is interrupted and not stopped by its user.
    pub interrupted: Arc<AtomicBool>,
    /// Whether events are buffered; the process does not end before they are written.
    pub waiting: Arc<AtomicBool>,
    /// Whether the last event could not be written; a full disk is reported once.
    pub failing: bool,
    pub status: Status,
}

impl Recorder {
    pub(super) fn run(mut self) {
        let mut next_check = Instant::now() + TICK;
        loop {
            match self.events.recv_deadline(next_check) {
                Ok(event) => self.take(event),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) if !self.file.is_waiting() => return,
                Err(RecvTimeoutError::Disconnected) => thread::sleep(TICK),
            }
            if Instant::now() >= next_check {
                self.maintain_file();
                next_check = Instant::now() + TICK;
            }
        }
    }

    fn take(&mut self, event: Event) {
        let ends = matches!(event, Event::Finished(_));
        let interrupted = matches!(event, Event::Finished(Outcome::Stopped))
            && self.interrupted.load(Ordering::SeqCst);
        if !interrupted {
            let is_news = self.file.is_news(&event);
            let result = self.file.append(&event);
            self.report_disk_state(result);
            self.report_dropped();
            self.log_event(&event, is_news);
            // The hub lives as long as the process.
            let _ = self.hub.send(event);
        }
        if ends {
            let _ = self.over.send(());
        }
    }

    /// Writes buffered events, and restores the file if it was deleted.
    fn maintain_file(&mut self) {
        match self.file.maintain() {
            Ok(restored) => {
                if restored {
                    self.log.record("the event file was deleted; it is recreated");
                }
                self.report_disk_state(Ok(()));
            }
            Err(error) => self.report_disk_state(Err(error)),
        }
    }

    /// Reports once that events cannot be written, and once that they can be again.
    fn report_disk_state(&mut self, result: io::Result<()>) {
        self.waiting.store(self.file.is_waiting(), Ordering::SeqCst);
        // Appending an event that is not stored succeeds even on a full disk.
        let failing = result.is_err() || self.failing && self.file.is_waiting();
        if failing == std::mem::replace(&mut self.failing, failing) {
            return;
        }
        let (level, text) = match result {
            Ok(()) => (LogLevel::Info, "events are written again, none was lost".to_string()),
            Err(error) => {
                let text = format!(
                    "events cannot be written: {error}; the run goes on, and they are written as \
                     soon as there is room"
                );
                (LogLevel::Error, text)
            }
        };
        self.log.record(&text);
        let _ = self.hub.send(Event::Log(LogLine { level, text }));
    }

    /// Reports that older metrics were dropped, because the file of events had reached its limit.
    fn report_dropped(&mut self) {
        let dropped = self.file.take_dropped();
        if dropped > 0 {
            let text = format!(
                "the event file has reached its maximum size: {dropped} older reports of metrics \
                 were dropped; the first, smallest, largest and last value of each metric are kept"
            );
            self.log.record(&text);
            let _ = self.hub.send(Event::Log(LogLine { level: LogLevel::Info, text }));
        }
    }

    /// Writes an event to the log unless an earlier process of the run did: a resumed run repeats
    /// its events.
    fn log_event(&mut self, event: &Event, is_news: bool) {
        match event {
            Event::Started(info) if is_news => self.log.record(start_line(info)),
            Event::Started(_) => self.log.record("the run continues in a new process"),
            _ if !is_news => {}
            Event::EpochEnded(stats) => {
                let accuracy = stats.validation_accuracy.or(stats.test_accuracy);
                let accuracy =
                    accuracy.map_or_else(String::new, |a| format!(", {:.2}%", 100.0 * a));
                self.log.record(format_args!("epoch {} measured{accuracy}", stats.epoch));
            }
            Event::StatusChanged(status) => {
                let paused = |status: &Status| status.activity == Activity::Paused;
                if paused(status) != paused(&self.status) && status.activity != Activity::Finished {
                    match (paused(status), status.pause) {
                        // The source already reports that memory stays allocated.
                        (true, PauseLevel::Suspended) => {}
                        (true, level) => self.log.record(level.word()),
                        (false, _) => self.log.record("resumed"),
                    }
                }
                self.status = *status;
            }
            Event::Tuned(tuned) => self.log.record(tuning_line(tuned)),
            Event::Claim(claim) => self.log.record(format_args!(
                "{}: {}; expected {}, measured {}",
                if claim.holds { "holds" } else { "does not hold" },
                claim.claim,
                claim.expected,
                claim.measured
            )),
            Event::Saved(saved) => self.log.record(format_args!("saved {}", saved.path)),
            Event::Refused(reason) => self.log.record(reason),
            Event::Tunable(Tunable { name, value, previous: Some(previous), step, in_force }) => {
                let since = if *in_force { "in force since" } else { "set at" };
                self.log
                    .record(format_args!("{name} {value} (was {previous}); {since} step {step}"));
            }
            Event::Log(line) => self.log.record(&line.text),
            Event::Finished(outcome) => self.log.record(match outcome {
                Outcome::Completed(how) => format!("completed: {how}"),
                Outcome::Stopped => "stopped".into(),
                Outcome::Diverged { epoch, hint } => format!("diverged in epoch {epoch}: {hint}"),
                Outcome::Failed(why) => format!("failed: {why}"),
                Outcome::Exited { code, output } => format!("exit code {code}: {output}"),
                Outcome::Checkpointed(path) => format!("checkpointed and ended: {path}"),
            }),
            _ => {}
        }
    }
}

/// The log line for the start of a training, a job, or one of its trainings.
fn start_line(info: &RunInfo) -> String {
    let RunInfo { kind, title, network, data, epochs, seed, .. } = info;
    let training = format!("{network} on {data}, {epochs} epochs, seed {seed}");
    match kind {
        RunKind::Training => training,
        RunKind::JobTraining(_) => format!("{title}: {training}"),
        RunKind::Job => format!("{title}, seed {seed}"),
        RunKind::Command | RunKind::Predictions => title.clone(),
    }
}

/// The log line for a change of a hyper-parameter.
fn tuning_line(tuned: &Tuned) -> String {
    let (what, now) = match tuned.change {
        Tune::LearningRate(now) => ("learning rate", now),
        Tune::Regularization(now) => ("regularization parameter", now),
        Tune::Momentum(now) => ("momentum coefficient", now),
    };
    format!("{what} {now} (was {})", tuned.previous)
}
