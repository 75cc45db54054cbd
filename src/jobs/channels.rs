//! The channels of a job: receives commands, sends events, pauses and stops.

use crate::protocol::{
    Activity, Command, EpochStats, Event, LogLevel, LogLine, Pace, Probe, Status,
};
use crate::train::RunHandle;
use crate::train::control::Control;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, select};
use std::time::{Duration, Instant};

const NO_NETWORK: &str = "there is no network to save: none has been trained yet";

/// Receives commands, sends events, and stores the requested state.
#[derive(Debug)]
pub(super) struct JobChannels {
    pub commands: Receiver<Command>,
    events: Sender<Event>,
    pub control: Control,
    /// The probes of all views on screen.
    pub watched: Vec<Probe>,
    /// The status sent last.
    status: Status,
    clock: Stopwatch,
    /// The network trained last, which still answers probes.
    pub last_network: Option<RunHandle>,
}

impl JobChannels {
    pub(super) fn new(commands: Receiver<Command>, events: Sender<Event>, pace: Pace) -> Self {
        Self {
            commands,
            events,
            control: Control::new(pace, None),
            watched: Vec::new(),
            status: Status { pace, ..Status::default() },
            clock: Stopwatch::start(),
            last_network: None,
        }
    }

    /// Sends an event. The job's clock is stopped while the job is paused.
    pub(super) fn send(&mut self, event: Event) {
        if let Event::StatusChanged(status) = event {
            self.clock.run(status.activity != Activity::Paused);
            self.status = status;
        }
        // The receiver may be gone; the job continues without it.
        let _ = self.events.send(event);
    }

    pub(super) fn log(&mut self, level: LogLevel, text: String) {
        self.send(Event::Log(LogLine { level, text }));
    }

    /// Reports the current activity while no training run reports its own.
    pub(super) fn enter(&mut self, activity: Activity) {
        self.control.enter(activity);
        let status = self.control.status();
        if self.status != status {
            self.send(Event::StatusChanged(status));
        }
    }

    /// Seconds since the start without pauses.
    pub(super) fn seconds(&self) -> f64 {
        self.clock.elapsed().as_secs_f64()
    }

    /// Applies a command to the requested state.
    pub(super) fn apply(&mut self, command: &Command) {
        self.control.apply(command, 0);
        if let Command::Watch(probes) = command {
            self.watched.clone_from(probes);
        }
    }

    /// Handles pending commands and blocks while paused; returns false if a stop was requested.
    pub(super) fn handle_commands(&mut self) -> bool {
        while let Ok(command) = self.commands.try_recv() {
            self.take(command);
        }
        while self.control.is_paused() && !self.control.is_stopped() {
            self.enter(Activity::Paused);
            if !self.wait() {
                self.control.abandon();
            }
        }
        // A step lasts at most until the next call.
        self.control.finish_step();
        !self.control.is_stopped()
    }

    /// Blocks until a command or an event of the last network arrives; returns false when all
    /// clients are gone.
    pub(super) fn wait(&mut self) -> bool {
        let never = crossbeam_channel::never();
        let events = self.last_network.as_ref().map_or(&never, |handle| &handle.events).clone();
        select! {
            recv(self.commands) -> command => match command {
                Ok(command) => self.take(command),
                Err(_) => return false,
            },
            recv(events) -> event => match event {
                Ok(event) => self.pass_on(event),
                // The thread of the last network has ended.
                Err(_) => self.last_network = None,
            },
        }
        true
    }

    /// Handles commands for a while; returns false if a stop was requested or all clients are gone.
    pub(super) fn wait_for(&mut self, time: Duration) -> bool {
        let until = Instant::now() + time;
        loop {
            match self.commands.recv_deadline(until) {
                Ok(command) => self.take(command),
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
            if self.control.is_stopped() {
                return false;
            }
        }
    }

    /// Waits until a model that was just opened is evaluated, then keeps it as
    /// [`JobChannels::last_network`]; `None` if a stop was requested or all clients are gone.
    pub(super) fn evaluate(&mut self, handle: RunHandle) -> Option<EpochStats> {
        self.last_network = None;
        let mut measured = None;
        loop {
            select! {
                recv(self.commands) -> command => match command {
                    Ok(command) => self.apply(&command),
                    Err(_) => return None,
                },
                recv(handle.events) -> event => match event {
                    // The end of the evaluation is not the end of the job.
                    Ok(Event::Finished(_)) | Err(_) => break,
                    Ok(Event::StatusChanged(_)) => {}
                    Ok(event) => {
                        if let Event::EpochEnded(stats) = &event {
                            measured = Some(stats.clone());
                        }
                        self.send(event);
                    }
                },
            }
            if self.control.is_stopped() {
                return None;
            }
        }
        // Fails if the thread has ended.
        let _ = handle.commands.send(Command::Watch(self.watched.clone()));
        self.last_network = Some(handle);
        measured
    }

    fn take(&mut self, command: Command) {
        self.apply(&command);
        match (&self.last_network, &command) {
            (Some(handle), Command::Watch(_) | Command::Classify { .. } | Command::SaveAs(_)) => {
                // Fails if the thread has ended.
                let _ = handle.commands.send(command);
            }
            (None, Command::SaveAs(_)) => self.send(Event::Refused(NO_NETWORK.into())),
            _ => {}
        }
    }

    /// Forwards samples, log lines and saved files of the last network, and drops other events.
    fn pass_on(&mut self, event: Event) {
        if event.is_sample() || matches!(event, Event::Log(_) | Event::Saved(_)) {
            self.send(event);
        }
    }
}

/// Measures time without pauses.
#[derive(Debug)]
struct Stopwatch {
    counted: Duration,
    since: Option<Instant>,
}

impl Stopwatch {
    fn start() -> Self {
        Self { counted: Duration::ZERO, since: Some(Instant::now()) }
    }

    fn run(&mut self, run: bool) {
        if !run {
            self.counted = self.elapsed();
            self.since = None;
        } else if self.since.is_none() {
            self.since = Some(Instant::now());
        }
    }

    fn elapsed(&self) -> Duration {
        self.counted + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::unbounded;

    #[test]
    fn a_model_cannot_be_saved_before_a_network_was_trained() {
        let ((sender, commands), (events, received)) = (unbounded(), unbounded());
        let mut channels = JobChannels::new(commands, events, Pace::Full);
        sender.send(Command::SaveAs("model.safetensors".into())).unwrap();
        assert!(channels.handle_commands());
        let refused = received.try_iter().any(|event| event == Event::Refused(NO_NETWORK.into()));
        assert!(refused);
    }
}
