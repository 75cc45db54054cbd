//! Requests of a dashboard to the event loop.

/// A request to open another dashboard on top of this one, or to copy a text to the clipboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DashboardRequest {
    Runs,
    Run(String),
    Copy(String),
}
