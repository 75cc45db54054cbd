//! Connections of training scripts, which report to their session and execute its commands between
//! two steps.
//!
//! A script connects to the session's socket and sends JSON lines, as described in
//! `assets/client/PROTOCOL.md`. Only one script can be connected at a time.

mod client_file;
mod connection;
mod encoding;
mod frames;
mod message;
mod predictions;
mod requests;

pub(super) use client_file::install;
pub use client_file::{PROTOCOL_TEXT, PYTHON_CLIENT};
pub(super) use connection::{Incoming, ReporterEvent, Reports, is_script, refuse};
pub(super) use frames::content;
pub use message::REPORTER_PROTOCOL;
pub(super) use message::{Acknowledgement, Message};
pub(super) use predictions::ReportedPredictions;
pub(super) use requests::{AnsweredRequest, Reporter, ScriptRequest};
