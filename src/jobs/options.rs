//! How an experiment is run.

use crate::protocol::Pace;

/// How an experiment is run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// A fraction of the book's budget: seconds instead of minutes.
    pub quick: bool,
    /// The first of the seeds that are tried.
    pub seed: u64,
    /// How fast its networks train.
    pub pace: Pace,
}

impl Default for Options {
    fn default() -> Self {
        Self { quick: false, seed: 1, pace: Pace::Full }
    }
}
