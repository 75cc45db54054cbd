//! The connection between a run and a client.

use super::{Command, Event, RunView};
use crossbeam_channel::{Receiver, Sender};
use serde::{Deserialize, Serialize};

/// A message to a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Update {
    /// The whole state: the first message after attaching, and again if the client fell behind.
    Snapshot(Box<RunView>),
    Event(Event),
    /// The connection was lost, for this reason. The displayed state is stale from now on.
    Lost(String),
}

/// A pair of channels to a run: in this process, over a socket, or replayed from a file.
#[derive(Clone, Debug)]
pub struct Link {
    pub commands: Sender<Command>,
    pub updates: Receiver<Update>,
}
