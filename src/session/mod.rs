//! A run that outlives its terminal: the hub, sockets, the session process and its clients.

mod browse;
mod client;
mod host;
mod hub;
mod launch;
mod names;
mod paths;
mod record;
mod status;
pub mod wire;

pub use browse::browse;
pub use client::{ConnectError, Connection, attach};
pub use host::{HostError, serve};
pub use hub::{Attachment, Hub};
pub use launch::{LaunchError, SESSION_COMMAND, launch};
pub use paths::{Home, PlaceError, RunDir, STATE_DIR};
pub use record::{EventFile, Record, RecordError, replay};
pub use status::{State, Summary, list, summarize};
