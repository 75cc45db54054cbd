//! The reporter as the session's source of events sees it: what was asked of it and not answered.

use super::message::Answer;
use crate::protocol::{Probe, What};
use crossbeam_channel::Sender;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A probe is asked again no sooner after its answer.
const LOOK_GAP: Duration = Duration::from_millis(500);

/// What was asked of a reporter.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::session) enum Asked {
    Hold,
    Resume,
    Step(u32),
    Stop,
    /// Write a checkpoint; with `end` the script ends after it.
    Save {
        end: bool,
    },
    Set {
        name: String,
        value: f64,
    },
    Look(Probe),
}

impl Asked {
    fn message(&self, id: u64) -> Value {
        match self {
            Self::Hold => json!({"id": id, "command": "hold"}),
            Self::Resume => json!({"id": id, "command": "resume"}),
            Self::Step(steps) => json!({"id": id, "command": "step", "steps": steps}),
            Self::Stop => json!({"id": id, "command": "stop"}),
            Self::Save { end } => json!({"id": id, "command": "save", "end": end}),
            Self::Set { name, value } => {
                json!({"id": id, "command": "set", "name": name, "value": value})
            }
            Self::Look(probe) => {
                let mut message = look(&probe.what);
                message["id"] = id.into();
                message["command"] = "watch".into();
                message
            }
        }
    }
}

fn look(what: &What) -> Value {
    match what {
        What::Weights { layer, first, count } => {
            json!({"what": "weights", "layer": layer, "first": first, "count": count})
        }
        What::Biases { layer } => json!({"what": "biases", "layer": layer}),
        What::Histogram { layer, bins } => {
            json!({"what": "histogram", "layer": layer, "bins": bins})
        }
        What::Activations { index } => json!({"what": "activations", "index": index}),
        What::Gradients => json!({"what": "gradients"}),
        What::Digits(_) | What::Digit { .. } | What::Confusion | What::Snapshots => json!({}),
    }
}

/// A script that reports.
#[derive(Debug)]
pub(in crate::session) struct Reporter {
    /// The number of its connection.
    pub number: u64,
    commands: Sender<Value>,
    last_id: u64,
    waiting: BTreeMap<u64, Asked>,
    /// It has a function that writes a checkpoint.
    pub can_save: bool,
    /// It named its layers.
    pub has_layers: bool,
    /// When each probe was last answered.
    answered: BTreeMap<Probe, Instant>,
}

/// What an answer belongs to.
#[derive(Debug)]
pub(in crate::session) struct Answered {
    pub asked: Asked,
    pub answer: Answer,
}

impl Reporter {
    pub(in crate::session) fn new(number: u64, commands: Sender<Value>) -> Self {
        Self {
            number,
            commands,
            last_id: 0,
            waiting: BTreeMap::new(),
            can_save: false,
            has_layers: false,
            answered: BTreeMap::new(),
        }
    }

    /// Sends a command; false where the reporter does not read its commands.
    #[must_use]
    pub(in crate::session) fn ask(&mut self, asked: Asked) -> bool {
        self.last_id += 1;
        let sent = self.commands.try_send(asked.message(self.last_id)).is_ok();
        if sent {
            self.waiting.insert(self.last_id, asked);
        }
        sent
    }

    /// Whether something like this was asked and not answered yet.
    pub(in crate::session) fn is_waiting(&self, fits: impl Fn(&Asked) -> bool) -> bool {
        self.waiting.values().any(fits)
    }

    /// What an answer belongs to; `None` where nothing like it was asked.
    pub(in crate::session) fn take(&mut self, answer: Answer) -> Option<Answered> {
        let asked = self.waiting.remove(&answer.id)?;
        if let Asked::Look(probe) = &asked {
            self.answered.insert(probe.clone(), Instant::now());
        }
        Some(Answered { asked, answer })
    }

    /// Asks the watched probes again whose last answer is old enough; returns when the next one is
    /// due.
    pub(in crate::session) fn look(&mut self, watched: &[Probe]) -> Option<Instant> {
        self.answered.retain(|probe, _| watched.contains(probe));
        let mut next = None::<Instant>;
        for probe in watched {
            if self.is_waiting(|asked| matches!(asked, Asked::Look(known) if known == probe)) {
                continue;
            }
            let due = self.answered.get(probe).map(|at| *at + LOOK_GAP);
            match due.filter(|due| *due > Instant::now()) {
                Some(due) => next = Some(next.map_or(due, |next| next.min(due))),
                None if !self.ask(Asked::Look(probe.clone())) => return None,
                None => {}
            }
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::bounded;

    #[test]
    fn an_answer_finds_what_was_asked_and_a_full_queue_is_noticed() {
        let (commands, sent) = bounded(2);
        let mut reporter = Reporter::new(0, commands);
        assert!(reporter.ask(Asked::Step(3)));
        let probe = Probe::live(What::Gradients);
        assert!(reporter.look(std::slice::from_ref(&probe)).is_none(), "it waits for an answer");
        assert!(!reporter.ask(Asked::Hold));
        assert_eq!(sent.recv().unwrap(), json!({"id": 1, "command": "step", "steps": 3}));
        assert_eq!(sent.recv().unwrap(), json!({"id": 2, "command": "watch", "what": "gradients"}));
        assert!(reporter.take(Answer { id: 9, ..Answer::default() }).is_none());
        let answered = reporter.take(Answer { id: 2, ..Answer::default() }).unwrap();
        assert_eq!(answered.asked, Asked::Look(probe.clone()));
        assert!(reporter.look(&[probe]).is_some(), "asked again later");
        assert!(sent.is_empty());
    }
}
