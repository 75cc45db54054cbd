//! What a key, a click or a typed command leads to.

use super::view_id::ViewId;
use crate::picture::Drawing;
use crate::protocol::{Command, DigitFilter, Moment};

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
    /// The run was over, and is to go on.
    GoOn(GoOn),
}

/// How a run that is over goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoOn {
    /// For this many more epochs; `None` trains to the last epoch of its recipe.
    Train(Option<u32>),
    /// From its best epoch, with a third of the learning rate, as a run of its own.
    FromBest,
}

/// What has to be done after a key, a click, a typed command or an event of the run.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// The view has no use for the key: it may mean something everywhere.
    Ignored,
    /// The view changed; draw it again.
    Redraw,
    /// Select a test image in all views.
    SelectDigit(u32),
    /// Select a layer in all views.
    SelectLayer(u32),
    /// Go to the digits of a filter, such as a cell of the confusion matrix.
    OpenDigits(DigitFilter),
    /// Look at the run as it was after an epoch, or live.
    Show(Moment),
    /// Ask the run what these pixels are; the answer has this id.
    Classify { id: u64, pixels: Vec<u8> },
    /// Write a picture to a file.
    SavePicture(Drawing),
    /// Steer the run.
    Send(Command),
    /// Open a view.
    OpenView(ViewId),
    /// Open the dashboard of a run of nntop, by its name, over this one.
    OpenRun(String),
    /// Open the table of runs over this dashboard.
    OpenRuns,
    /// Put a text into the clipboard of the terminal.
    Copy(String),
    /// Say a sentence, in the reader's language, in the footer.
    Notify(String),
    /// Open an explorable, by its id or the beginning of one.
    Explore(String),
    /// Draw for a light background, or for a dark one.
    Background { light: bool },
    /// List the messages of the run.
    Messages,
    /// Leave the dashboard; asked first while a run is going.
    Quit,
    /// Leave the dashboard without a question.
    Leave(Exit),
}
