//! All that a front end sees of a run.

use super::{Command, Event, RunView};
use crossbeam_channel::{Receiver, Sender};
use serde::{Deserialize, Serialize};

/// News for a front end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Update {
    /// The whole state: first on attaching, and again after the front end fell behind.
    Snapshot(Box<RunView>),
    Event(Event),
    /// The other end is gone for the reason given; what is shown is stale from now on.
    Lost(String),
}

/// A pair of channels to a run. In-process, over a socket and from a replayed file alike.
#[derive(Clone, Debug)]
pub struct Link {
    pub commands: Sender<Command>,
    pub updates: Receiver<Update>,
}
