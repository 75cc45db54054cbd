//! How an experiment is run.

use crate::protocol::Pace;

/// How an experiment is run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// A small budget: seconds instead of minutes.
    pub quick: bool,
    /// The first seed.
    pub seed: u64,
    /// The pace of training.
    pub pace: Pace,
    /// A model that cannot be written at the end is tried again every second until it can, or
    /// until a second stop is asked for; otherwise the work has failed at once.
    pub keep_trying: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { quick: false, seed: 1, pace: Pace::Full, keep_trying: false }
    }
}
