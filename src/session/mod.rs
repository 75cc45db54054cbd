//! A run that outlives its terminal: the hub, sockets, the session process and its clients.

mod hub;
mod names;
mod paths;
mod record;
pub mod wire;

pub use hub::{Attachment, Hub};
pub use paths::{Home, PlaceError, RunDir, STATE_DIR};
pub use record::{EventFile, Record, RecordError, replay};
