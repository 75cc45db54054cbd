//! Stopping a command: which signal is sent when. The caller hands in the time.

use rustix::process::Signal;
use std::time::{Duration, Instant};

/// The steps of a stop that are behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Running,
    /// The stop signal was sent; SIGTERM follows at this time.
    Asked(Instant),
    Terminated,
    Killed,
}

/// Escalates from the stop signal over SIGTERM to SIGKILL.
#[derive(Debug)]
pub(super) struct Stopping {
    first: Signal,
    grace: Duration,
    stage: Stage,
}

impl Stopping {
    /// `first` is the signal of the first request, `grace` the time until SIGTERM follows.
    pub(super) fn new(first: Signal, grace: Duration) -> Self {
        Self { first, grace, stage: Stage::Running }
    }

    /// The signal for a request to stop: the second request kills.
    pub(super) fn request(&mut self, now: Instant) -> Option<Signal> {
        match self.stage {
            Stage::Running => {
                self.stage = Stage::Asked(now + self.grace);
                Some(self.first)
            }
            Stage::Asked(_) | Stage::Terminated => {
                self.stage = Stage::Killed;
                Some(Signal::KILL)
            }
            Stage::Killed => None,
        }
    }

    /// The signal that is due after the grace period.
    pub(super) fn due(&mut self, now: Instant) -> Option<Signal> {
        let Stage::Asked(deadline) = self.stage else { return None };
        (now >= deadline).then(|| {
            self.stage = Stage::Terminated;
            Signal::TERM
        })
    }

    /// When [`Stopping::due`] has something to say next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Asked(deadline) => Some(deadline),
            _ => None,
        }
    }

    /// Whether a stop was requested.
    pub(super) fn requested(&self) -> bool {
        self.stage != Stage::Running
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_ignores_the_signal_is_terminated_after_the_grace_period() {
        let start = Instant::now();
        let mut stopping = Stopping::new(Signal::INT, Duration::from_secs(10));
        assert_eq!((stopping.deadline(), stopping.due(start)), (None, None));
        assert_eq!(stopping.request(start), Some(Signal::INT));
        assert!(stopping.requested());
        let deadline = start + Duration::from_secs(10);
        assert_eq!(stopping.deadline(), Some(deadline));
        assert_eq!(stopping.due(start + Duration::from_millis(9_999)), None);
        assert_eq!(stopping.due(deadline), Some(Signal::TERM));
        assert_eq!(stopping.due(deadline), None, "it is sent once");
        assert_eq!(stopping.request(deadline), Some(Signal::KILL));
        assert_eq!(stopping.request(deadline), None);
    }

    #[test]
    fn a_second_request_kills_at_once() {
        let now = Instant::now();
        let mut stopping = Stopping::new(Signal::TERM, Duration::from_secs(10));
        assert_eq!(stopping.request(now), Some(Signal::TERM));
        assert_eq!(stopping.request(now), Some(Signal::KILL));
        assert_eq!(stopping.due(now + Duration::from_secs(11)), None);
    }
}
