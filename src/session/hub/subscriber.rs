//! One front end of a run, as the hub sees it: a bounded queue, and what waits for room in it.

use super::{Attachment, QUEUE};
use crate::protocol::{Command, Event, Probe, RunView, Update};
use crossbeam_channel::{Receiver, Sender, TrySendError};
use std::collections::{BTreeMap, BTreeSet};

/// Small samples are left out while more updates than this wait; facts still get through.
const ROOM_FOR_SAMPLES: usize = QUEUE / 2;
/// Answers, which may be large, are held back while more updates than this wait.
pub(super) const ROOM_FOR_ANSWERS: usize = 4;

#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) updates: Sender<Update>,
    pub(super) commands: Receiver<Command>,
    pub(super) attachment: Attachment,
    pub(super) watched: BTreeSet<Probe>,
    /// Something was left out; a snapshot is due as soon as there is room.
    pub(super) behind: bool,
    /// Watched probes whose newest answer was not sent yet.
    pub(super) due: BTreeSet<Probe>,
    /// The newest answer for this front end alone that waits for room: no snapshot carries it.
    pub(super) answer: Option<Event>,
    /// The newest image to classify that the run was not asked about yet.
    pub(super) classify: Option<Command>,
    /// The newest explorable asked for that was not answered yet, and its sliders' values.
    pub(super) explore: Option<(String, Vec<f64>)>,
}

impl Subscriber {
    /// A front end that has seen nothing yet.
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

    pub(super) fn holds_something_back(&self) -> bool {
        self.behind || !self.due.is_empty() || self.answer.is_some() || self.classify.is_some()
    }

    pub(super) fn offer(&mut self, event: &Event) {
        if self.behind {
            return;
        }
        if event.is_sample() && self.updates.len() >= ROOM_FOR_SAMPLES {
            // The snapshot that follows carries the newest sample.
            self.behind = true;
            return;
        }
        self.behind = is_full(self.updates.try_send(Update::Event(event.clone())));
    }

    /// Sends the newest answer to a probe, where it is watched, once there is room.
    pub(super) fn offer_frame(&mut self, probe: &Probe, view: &RunView) {
        if self.watched.contains(probe) && view.frames.contains_key(probe) {
            self.due.insert(probe.clone());
            self.send_held(view);
        }
    }

    /// Sends the answers that wait, as far as there is room.
    pub(super) fn send_held(&mut self, view: &RunView) {
        while !self.behind
            && self.updates.len() < ROOM_FOR_ANSWERS
            && let Some(event) = self.next_held(view)
        {
            self.behind = is_full(self.updates.try_send(Update::Event(event)));
        }
    }

    fn next_held(&mut self, view: &RunView) -> Option<Event> {
        if let Some(answer) = self.answer.take() {
            return Some(answer);
        }
        while let Some(probe) = self.due.pop_first() {
            // One that the view has let go of comes again.
            if let Some(frame) = view.frames.get(&probe) {
                return Some(Event::Frame(Box::new(frame.clone())));
            }
        }
        None
    }

    /// Sends everything that is known of the run; of the answers to probes those that it watches.
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

/// A queue without a receiver is no longer anybody's: its link's commands end next.
fn is_full(sent: Result<(), TrySendError<Update>>) -> bool {
    matches!(sent, Err(TrySendError::Full(_)))
}
