//! Sends the events of a command.

use crate::protocol::{Event, LogLevel, LogLine};
use crossbeam_channel::Sender;

/// Sends events to the recorder.
#[derive(Clone, Debug)]
pub(super) struct EventSender(pub Sender<Event>);

impl EventSender {
    pub(super) fn send(&self, event: Event) {
        // The recorder lives as long as the session.
        let _ = self.0.send(event);
    }

    pub(super) fn log(&self, level: LogLevel, text: String) {
        self.send(Event::Log(LogLine { level, text }));
    }

    pub(super) fn warn(&self, text: String) {
        self.log(LogLevel::Warning, text);
    }

    /// Reports a command that cannot be executed.
    pub(super) fn refuse(&self, reason: &str) {
        self.send(Event::Refused(reason.into()));
    }
}
