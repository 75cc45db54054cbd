//! Escalates the stop of a command. The caller passes the time.

use rustix::process::Signal;
use std::time::{Duration, Instant};

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StopStep {
    /// Ask the reporting script to stop between two steps.
    Ask,
    Signal(Signal),
}

/// The stage of a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StopStage {
    Running,
    /// The script was asked; the stop signal follows at this time.
    Asked(Instant),
    /// The stop signal was sent; SIGTERM follows at this time.
    Signalled(Instant),
    Terminated,
    Killed,
}

/// Escalates from a request to the script through the stop signal and SIGTERM to SIGKILL.
#[derive(Debug)]
pub(super) struct Stopping {
    first: Signal,
    grace: Duration,
    stage: StopStage,
}

impl Stopping {
    /// `first` is the first signal, `grace` the time before each escalation.
    pub(super) fn new(first: Signal, grace: Duration) -> Self {
        Self { first, grace, stage: StopStage::Running }
    }

    /// Handles a request to stop; the second request kills. `can_ask` tells whether a script is
    /// connected, which can end between two steps.
    pub(super) fn request(&mut self, now: Instant, can_ask: bool) -> Option<StopStep> {
        match self.stage {
            StopStage::Running if can_ask => {
                self.stage = StopStage::Asked(now + self.grace);
                Some(StopStep::Ask)
            }
            StopStage::Running => {
                self.stage = StopStage::Signalled(now + self.grace);
                Some(StopStep::Signal(self.first))
            }
            StopStage::Asked(_) | StopStage::Signalled(_) | StopStage::Terminated => {
                self.stage = StopStage::Killed;
                Some(StopStep::Signal(Signal::KILL))
            }
            StopStage::Killed => None,
        }
    }

    /// The signal that is due after the grace period.
    pub(super) fn due(&mut self, now: Instant) -> Option<Signal> {
        match self.stage {
            StopStage::Asked(deadline) if now >= deadline => {
                self.stage = StopStage::Signalled(now + self.grace);
                Some(self.first)
            }
            StopStage::Signalled(deadline) if now >= deadline => {
                self.stage = StopStage::Terminated;
                Some(Signal::TERM)
            }
            _ => None,
        }
    }

    /// When [`Stopping::due`] next returns a signal.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.stage {
            StopStage::Asked(deadline) | StopStage::Signalled(deadline) => Some(deadline),
            _ => None,
        }
    }

    /// Whether a stop was requested.
    pub(super) fn requested(&self) -> bool {
        self.stage != StopStage::Running
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
        assert_eq!(stopping.request(start, false), Some(StopStep::Signal(Signal::INT)));
        assert!(stopping.requested());
        let deadline = start + Duration::from_secs(10);
        assert_eq!(stopping.deadline(), Some(deadline));
        assert_eq!(stopping.due(start + Duration::from_millis(9_999)), None);
        assert_eq!(stopping.due(deadline), Some(Signal::TERM));
        assert_eq!(stopping.due(deadline), None, "it is sent once");
        assert_eq!(stopping.request(deadline, false), Some(StopStep::Signal(Signal::KILL)));
        assert_eq!(stopping.request(deadline, false), None);
    }

    #[test]
    fn a_script_that_reports_is_asked_before_any_signal() {
        let start = Instant::now();
        let grace = Duration::from_secs(5);
        let mut stopping = Stopping::new(Signal::INT, grace);
        assert_eq!(stopping.request(start, true), Some(StopStep::Ask));
        assert_eq!(stopping.due(start + grace), Some(Signal::INT));
        assert_eq!(stopping.deadline(), Some(start + 2 * grace));
        assert_eq!(stopping.due(start + 2 * grace), Some(Signal::TERM));
    }

    #[test]
    fn a_second_request_kills_at_once() {
        let now = Instant::now();
        for can_ask in [false, true] {
            let mut stopping = Stopping::new(Signal::TERM, Duration::from_secs(10));
            assert!(stopping.request(now, can_ask).is_some());
            assert_eq!(stopping.request(now, can_ask), Some(StopStep::Signal(Signal::KILL)));
            assert_eq!(stopping.due(now + Duration::from_secs(11)), None);
        }
    }
}
