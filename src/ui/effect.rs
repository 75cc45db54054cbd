//! The effects of keys, clicks and typed commands.

use super::view_id::ViewId;
use crate::picture::Drawing;
use crate::protocol::{Command, DigitFilter, Moment};

/// How the dashboard was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Leave the run going, if it can go on without the dashboard.
    Detach,
    /// Stop the run.
    Stop,
    /// The run had ended.
    Done,
    /// A signal asked the program to end.
    Terminated,
    /// The terminal is gone.
    Gone,
    /// The run had ended and is to be continued.
    Continue(Continuation),
}

/// How to continue a run that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuation {
    /// For this many more epochs; `None` trains to the last epoch of its recipe.
    Train(Option<u32>),
    /// From its best epoch, with a third of the learning rate, as a new run.
    FromBest,
}

/// The effect of a key, a click, a typed command or an event of the run.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// The view does not use the key; it may be a global key.
    Ignored,
    /// Redraw the view.
    Redraw,
    /// Select a test image in all views.
    SelectDigit(u32),
    /// Select a layer in all views.
    SelectLayer(u32),
    /// Show the digits of a filter, such as those of a cell of the confusion matrix.
    OpenDigits(DigitFilter),
    /// Show the run as of an epoch, or live.
    Show(Moment),
    /// Classify these pixels; the answer has this id.
    Classify { id: u64, pixels: Vec<u8> },
    /// Write a picture to a file.
    SavePicture(Drawing),
    /// Send a command to the run.
    Send(Command),
    /// Open a view.
    OpenView(ViewId),
    /// Open the dashboard of a run of nntop, by its name, over this one.
    OpenRun(String),
    /// Open the table of runs over this dashboard.
    OpenRuns,
    /// Copy a text to the terminal's clipboard.
    Copy(String),
    /// Show a translated sentence in the footer.
    Notify(String),
    /// Open an explorable, by its id or a prefix of it.
    Explore(String),
    /// Use colours for a light or a dark background.
    Background { light: bool },
    /// List the messages of the run.
    Messages,
    /// Leave the dashboard, with a confirmation while the run is going.
    Quit,
    /// Leave the dashboard without a confirmation.
    Leave(Exit),
}
