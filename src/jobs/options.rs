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
}

impl Default for Options {
    fn default() -> Self {
        Self { quick: false, seed: 1, pace: Pace::Full }
    }
}
