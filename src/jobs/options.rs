//! Options of a job.

use crate::protocol::Pace;

/// Options of a job.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// A small budget: seconds instead of minutes.
    pub quick: bool,
    /// The first seed.
    pub seed: u64,
    /// The pace of training.
    pub pace: Pace,
    /// Retry every second to write a final model that cannot be written, until it succeeds or a
    /// second stop is requested; otherwise the job fails immediately.
    pub keep_trying: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { quick: false, seed: 1, pace: Pace::Full, keep_trying: false }
    }
}
