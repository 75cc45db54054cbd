//! A run that outlives its terminal: the hub, sockets, the session process and its clients.

mod address;
mod browse;
mod client;
mod command;
mod command_spec;
mod event_file;
mod home;
mod host;
mod hub;
mod launch;
mod names;
mod place;
mod record;
mod reporter;
mod run_dir;
mod status;
pub mod wire;

pub use browse::browse;
pub use client::{ConnectError, Connection, attach, connect_briefly};
pub use command_spec::{CommandSpec, ScriptSpec};
pub use event_file::{EventFile, checkpoint_of, for_each_event, replay};
pub use home::Home;
pub use host::{HostError, serve};
pub use hub::{Attachment, Hub};
/// The environment variable that contains the checkpoint from which a command resumes.
pub const RESUME_FROM: &str = "NNTOP_RESUME_FROM";

pub use launch::{LaunchError, SESSION_COMMAND, launch};
pub use place::{PlaceError, STATE_DIR};
pub use record::{RecordError, RunRecord, SessionTask, Training};
pub use reporter::{PROTOCOL_TEXT, PYTHON_CLIENT, REPORTER_PROTOCOL};
pub use run_dir::RunDir;
pub use status::{RunState, RunSummary, list, summarize};
