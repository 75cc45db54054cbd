//! What a dashboard asks of the loop around it.

/// To open another dashboard over this one, or to put a text into the clipboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Runs,
    Run(String),
    Copy(String),
}
