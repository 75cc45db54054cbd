//! The training thread's channels: commands come in, events go out.

use super::control::{Control, NextAction, SafePoint};
use super::pace::Pacer;
use crate::protocol::{Activity, Command, Event, Level, LogLine, Status};
use crossbeam_channel::{Receiver, Sender};
use std::time::Instant;

/// Receives commands and tells what happens. Nobody listening is no error: a run goes on.
#[derive(Debug)]
pub(super) struct RunChannels {
    commands: Receiver<Command>,
    events: Sender<Event>,
    pub control: Control,
    pub pacer: Pacer,
    told: Option<Status>,
    batches: usize,
}

impl RunChannels {
    pub(super) fn new(
        commands: Receiver<Command>,
        events: Sender<Event>,
        control: Control,
        batches: usize,
    ) -> Self {
        let mut pacer = Pacer::default();
        pacer.set(control.pace(), batches);
        Self { commands, events, control, pacer, told: None, batches }
    }

    /// Sends an event.
    pub(super) fn tell(&self, event: Event) {
        // The receiver may be gone; the run goes on without an audience.
        let _ = self.events.send(event);
    }

    /// Says something in words.
    pub(super) fn log(&self, level: Level, text: impl Into<String>) {
        self.tell(Event::Log(LogLine { level, text: text.into() }));
    }

    /// Records what is being done, and tells it when it is news.
    pub(super) fn enter(&mut self, activity: Activity) {
        if self.told.is_none() || self.control.activity() != activity {
            self.control.enter(activity);
            self.tell_status();
        }
    }

    /// Tells the status when it is news.
    pub(super) fn tell_status(&mut self) {
        let status = self.control.status();
        if self.told != Some(status) {
            self.told = Some(status);
            self.tell(Event::StatusChanged(status));
        }
    }

    /// Lets a command change control and pace, and tells what was asked for.
    pub(super) fn obey(&mut self, command: &Command, epoch: u32) {
        self.control.obey(command, epoch);
        if let Command::Pace(pace) = command {
            self.pacer.set(*pace, self.batches);
        }
        self.tell_status();
    }

    /// What to do at a safe_point.
    pub(super) fn next(&mut self, safe_point: SafePoint, epoch: u32) -> NextAction {
        self.control.next(safe_point, epoch)
    }

    /// Counts a trained mini-batch.
    pub(super) fn batch_done(&mut self) {
        self.control.batch_done();
    }

    /// A command, if one has arrived.
    pub(super) fn poll(&self) -> Option<Command> {
        self.commands.try_recv().ok()
    }

    /// Blocks, using no CPU, until a command arrives; `None` when nobody is left to send one.
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
