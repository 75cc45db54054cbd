//! A training script that reports to its session and obeys it between two steps.
//!
//! The script connects to the session's socket and speaks JSON lines, as
//! `assets/client/PROTOCOL.md` describes. One script reports at a time; the next one may connect
//! once the one before has gone.

mod asked;
mod client_file;
mod connection;
mod encoding;
mod frames;
mod message;
mod predictions;

pub(super) use asked::{Answered, Asked, Reporter};
pub(super) use client_file::install;
pub use client_file::{PROTOCOL_TEXT, PYTHON_CLIENT};
pub(super) use connection::{Incoming, Report, Reports, begins_reporter, refuse};
pub(super) use frames::content;
pub use message::REPORTER_PROTOCOL;
pub(super) use message::{Answer, Message};
pub(super) use predictions::Predictions;
