//! The training thread's channels: incoming commands and outgoing events.

use super::control::{Control, NextAction, SafePoint};
use super::pace::MiniBatchPacer;
use crate::protocol::{Activity, Command, Event, LogLevel, LogLine, Status};
use crossbeam_channel::{Receiver, Sender};
use std::time::Instant;

/// Receives commands and sends events. The run continues even if nobody receives them.
#[derive(Debug)]
pub(super) struct RunChannels {
    commands: Receiver<Command>,
    events: Sender<Event>,
    pub control: Control,
    pub pacer: MiniBatchPacer,
    sent_status: Option<Status>,
    batches: usize,
}

impl RunChannels {
    pub(super) fn new(
        commands: Receiver<Command>,
        events: Sender<Event>,
        control: Control,
        batches: usize,
    ) -> Self {
        let mut pacer = MiniBatchPacer::default();
        pacer.set(control.pace(), batches);
        Self { commands, events, control, pacer, sent_status: None, batches }
    }

    /// Sends an event.
    pub(super) fn send(&self, event: Event) {
        // The receiver may be gone; the run continues.
        let _ = self.events.send(event);
    }

    /// Sends a log line.
    pub(super) fn log(&self, level: LogLevel, text: impl Into<String>) {
        self.send(Event::Log(LogLine { level, text: text.into() }));
    }

    /// Records the current activity, and sends the status if it changed.
    pub(super) fn enter(&mut self, activity: Activity) {
        if self.sent_status.is_none() || self.control.activity() != activity {
            self.control.enter(activity);
            self.send_status();
        }
    }

    /// Sends the status if it changed.
    pub(super) fn send_status(&mut self) {
        let status = self.control.status();
        if self.sent_status != Some(status) {
            self.sent_status = Some(status);
            self.send(Event::StatusChanged(status));
        }
    }

    /// Applies a command to control and pace, and sends the status.
    pub(super) fn apply(&mut self, command: &Command, epoch: u32) {
        self.control.apply(command, epoch);
        if let Command::Pace(pace) = command {
            self.pacer.set(*pace, self.batches);
        }
        self.send_status();
    }

    /// Decides what to do at a safe point.
    pub(super) fn next(&mut self, safe_point: SafePoint, epoch: u32) -> NextAction {
        self.control.next(safe_point, epoch)
    }

    /// Counts a trained mini-batch.
    pub(super) fn batch_done(&mut self) {
        self.control.batch_done();
    }

    /// Returns a pending command, if any.
    pub(super) fn poll(&self) -> Option<Command> {
        self.commands.try_recv().ok()
    }

    /// Blocks until a command arrives; `None` if all senders are dropped.
    pub(super) fn wait(&self) -> Option<Command> {
        self.commands.recv().ok()
    }

    /// Blocks until `deadline` or until a command arrives.
    pub(super) fn wait_until(&self, deadline: Instant) -> Option<Command> {
        match self.commands.recv_deadline(deadline) {
            Ok(command) => Some(command),
            Err(crossbeam_channel::RecvTimeoutError::Timeout) => None,
            Err(crossbeam_channel::RecvTimeoutError::Disconnected) => {
                std::thread::sleep(deadline.saturating_duration_since(Instant::now()));
                None
            }
        }
    }
}
