//! What a dashboard asks of the world outside.

use crate::protocol::{Command, Moment};

/// How the dashboard was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The run may go on, where it can.
    Detach,
    /// The run is to end.
    Stop,
    /// The run was over.
    Done,
    /// A signal asked the program to end.
    Terminated,
    /// The terminal is gone.
    Gone,
}

/// What the world outside has to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    Send(Command),
    Show(Moment),
    SelectDigit(u32),
    /// Opens the view whose name begins so, in small letters.
    OpenView(String),
    /// Open an explorable, by its id or how one begins.
    Explore(String),
    /// Show what the run has said.
    Messages,
    /// The user wants out; asked first while a run is going.
    Quit,
    Leave(Exit),
}
