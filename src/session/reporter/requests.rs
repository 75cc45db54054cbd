//! The requests to a connected script, and the answers that are outstanding.

use super::message::Acknowledgement;
use crate::protocol::{Probe, ProbeQuery};
use crossbeam_channel::Sender;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Minimum time between a probe's answer and the next request for it.
const PROBE_INTERVAL: Duration = Duration::from_millis(500);

/// A request to a script.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::session) enum ScriptRequest {
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
    Probe(Probe),
}

impl ScriptRequest {
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
            Self::Probe(probe) => {
                let mut message = probe_message(&probe.what);
                message["id"] = id.into();
                message["command"] = "watch".into();
                message
            }
        }
    }
}

fn probe_message(what: &ProbeQuery) -> Value {
    match what {
        ProbeQuery::Weights { layer, first, count } => {
            json!({"what": "weights", "layer": layer, "first": first, "count": count})
        }
        ProbeQuery::Biases { layer } => json!({"what": "biases", "layer": layer}),
        ProbeQuery::Histogram { layer, bins } => {
            json!({"what": "histogram", "layer": layer, "bins": bins})
        }
        ProbeQuery::Activations { index } => json!({"what": "activations", "index": index}),
        ProbeQuery::Gradients => json!({"what": "gradients"}),
        ProbeQuery::Digits(_)
        | ProbeQuery::Digit { .. }
        | ProbeQuery::Confusion
        | ProbeQuery::Snapshots => json!({}),
    }
}

/// A connected script.
#[derive(Debug)]
pub(in crate::session) struct Reporter {
    /// The number of its connection.
    pub number: u64,
    commands: Sender<Value>,
    last_id: u64,
    waiting: BTreeMap<u64, ScriptRequest>,
    /// It has a function that writes a checkpoint.
    pub can_save: bool,
    /// It reported its layers.
    pub has_layers: bool,
    /// When each probe was last answered.
    answered: BTreeMap<Probe, Instant>,
}

/// An answer with its request.
#[derive(Debug)]
pub(in crate::session) struct AnsweredRequest {
    pub request: ScriptRequest,
    pub answer: Acknowledgement,
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

    /// Sends a request; returns false if the queue is full because the script does not read it.
    #[must_use]
    pub(in crate::session) fn request(&mut self, request: ScriptRequest) -> bool {
        self.last_id += 1;
        let sent = self.commands.try_send(request.message(self.last_id)).is_ok();
        if sent {
            self.waiting.insert(self.last_id, request);
        }
        sent
    }

    /// Whether a request that satisfies `matches` has no answer yet.
    pub(in crate::session) fn is_waiting(&self, matches: impl Fn(&ScriptRequest) -> bool) -> bool {
        self.waiting.values().any(matches)
    }

    /// Finds the request that an answer belongs to; `None` if there is none.
    pub(in crate::session) fn take(&mut self, answer: Acknowledgement) -> Option<AnsweredRequest> {
        let request = self.waiting.remove(&answer.id)?;
        if let ScriptRequest::Probe(probe) = &request {
            self.answered.insert(probe.clone(), Instant::now());
        }
        Some(AnsweredRequest { request, answer })
    }

    /// Repeats the requests for the watched probes whose last answer is old enough; returns when
    /// the next one is due.
    pub(in crate::session) fn poll_probes(&mut self, watched: &[Probe]) -> Option<Instant> {
        self.answered.retain(|probe, _| watched.contains(probe));
        let mut next = None::<Instant>;
        for probe in watched {
            if self.is_waiting(
                |request| matches!(request, ScriptRequest::Probe(known) if known == probe),
            ) {
                continue;
            }
            let due = self.answered.get(probe).map(|at| *at + PROBE_INTERVAL);
            match due.filter(|due| *due > Instant::now()) {
                Some(due) => next = Some(next.map_or(due, |next| next.min(due))),
                None if !self.request(ScriptRequest::Probe(probe.clone())) => return None,
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
    fn answers_are_matched_to_requests_and_a_full_queue_is_reported() {
        let (commands, sent) = bounded(2);
        let mut reporter = Reporter::new(0, commands);
        assert!(reporter.request(ScriptRequest::Step(3)));
        let probe = Probe::live(ProbeQuery::Gradients);
        assert!(
            reporter.poll_probes(std::slice::from_ref(&probe)).is_none(),
            "it waits for an answer"
        );
        assert!(!reporter.request(ScriptRequest::Hold));
        assert_eq!(sent.recv().unwrap(), json!({"id": 1, "command": "step", "steps": 3}));
        assert_eq!(sent.recv().unwrap(), json!({"id": 2, "command": "watch", "what": "gradients"}));
        assert!(reporter.take(Acknowledgement { id: 9, ..Acknowledgement::default() }).is_none());
        let answered =
            reporter.take(Acknowledgement { id: 2, ..Acknowledgement::default() }).unwrap();
        assert_eq!(answered.request, ScriptRequest::Probe(probe.clone()));
        assert!(reporter.poll_probes(&[probe]).is_some(), "requested again later");
        assert!(sent.is_empty());
    }
}
