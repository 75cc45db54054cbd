//! A client of the hub: its bounded queue, and what is waiting for room in it.

use super::{Attachment, QUEUE};
use crate::protocol::{Command, Event, Probe, RunView, Update};
use crossbeam_channel::{Receiver, Sender, TrySendError};
use std::collections::{BTreeMap, BTreeSet};

/// Queue length above which samples are skipped; facts are still sent.
const ROOM_FOR_SAMPLES: usize = QUEUE / 2;
/// Queue length above which answers, which may be large, are held back.
pub(super) const ROOM_FOR_ANSWERS: usize = 2;

#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) updates: Sender<Update>,
    pub(super) commands: Receiver<Command>,
    pub(super) attachment: Attachment,
    pub(super) watched: BTreeSet<Probe>,
    /// An update was skipped; a snapshot is sent as soon as there is room.
    pub(super) behind: bool,
    /// Watched probes whose newest answer was not sent yet.
    pub(super) due: BTreeSet<Probe>,
    /// The newest answer for this client only, which no snapshot contains.
    pub(super) answer: Option<Event>,
    /// The newest image to classify that was not sent to the run yet.
    pub(super) classify: Option<Command>,
    /// The newest unanswered request for an explorable: its id and the values of its sliders.
    pub(super) explore: Option<(String, Vec<f64>)>,
}

impl Subscriber {
    /// A client that has received nothing yet.
    pub(super) fn new(
        updates: Sender<Update>,
        commands: Receiver<Command>,
        attachment: Attachment,
    ) -> Self {
        Self {
            updates,
            commands,
            attachment,
            watched: BTreeSet::new(),
            behind: false,
            due: BTreeSet::new(),
            answer: None,
            classify: None,
            explore: None,
        }
    }

    pub(super) fn has_pending(&self) -> bool {
        self.behind || !self.due.is_empty() || self.answer.is_some() || self.classify.is_some()
    }

    pub(super) fn offer(&mut self, event: &Event) {
        if self.behind {
            return;
        }
        if event.is_sample() && self.updates.len() >= ROOM_FOR_SAMPLES {
            // The snapshot that follows contains the newest sample.
            self.behind = true;
            return;
        }
        self.behind = is_full(self.updates.try_send(Update::Event(event.clone())));
    }

    /// Sends the newest answer to a watched probe once there is room.
    pub(super) fn offer_frame(&mut self, probe: &Probe, view: &RunView) {
        if self.watched.contains(probe) && view.frames.contains_key(probe) {
            self.due.insert(probe.clone());
            self.send_pending(view);
        }
    }

    /// Sends the answers that are waiting, as far as there is room.
    pub(super) fn send_pending(&mut self, view: &RunView) {
        while !self.behind
            && self.updates.len() < ROOM_FOR_ANSWERS
            && let Some(event) = self.next_pending(view)
        {
            self.behind = is_full(self.updates.try_send(Update::Event(event)));
        }
    }

    fn next_pending(&mut self, view: &RunView) -> Option<Event> {
        if let Some(answer) = self.answer.take() {
            return Some(answer);
        }
        while let Some(probe) = self.due.pop_first() {
            // An answer that the view has dropped is computed again.
            if let Some(frame) = view.frames.get(&probe) {
                return Some(Event::Frame(Box::new(frame.clone())));
            }
        }
        None
    }

    /// Sends a snapshot of the run, with the answers to the probes that this client watches.
    pub(super) fn send_snapshot(&mut self, view: &RunView) {
        let mut snapshot = RunView { frames: BTreeMap::new(), ..view.clone() };
        for probe in &self.watched {
            if let Some(frame) = view.frames.get(probe) {
                snapshot.frames.insert(probe.clone(), frame.clone());
            }
        }
        self.due.clear();
        self.behind = is_full(self.updates.try_send(Update::Snapshot(Box::new(snapshot))));
    }
}

/// A queue without a receiver is not full: the client's command channel ends next.
fn is_full(sent: Result<(), TrySendError<Update>>) -> bool {
    matches!(sent, Err(TrySendError::Full(_)))
}
