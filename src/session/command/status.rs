//! How a command stands: what was asked for, and what is.

use crate::protocol::{Activity, PauseLevel, Status};

/// How a command stands. Each of these can hold without the others.
#[allow(clippy::struct_excessive_bools)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Every process is stopped by SIGSTOP.
    pub suspended: bool,
    /// The script waits between two steps.
    pub held: bool,
    /// The script was asked to wait.
    pub hold_requested: bool,
    /// Steps that the script was asked for before it waits again.
    pub steps_left: Option<u32>,
    /// A script reports.
    pub reports: bool,
    /// A stop was requested.
    pub stopping: bool,
}

impl State {
    /// The status for the screens.
    pub(super) fn status(self) -> Status {
        let paused = self.suspended || self.held;
        let pause = if self.suspended { PauseLevel::Suspended } else { PauseLevel::Held };
        Status {
            activity: if paused { Activity::Paused } else { Activity::Training },
            pausing: self.hold_requested && !paused,
            stopping: self.stopping,
            batches_left: self.steps_left.filter(|_| !paused),
            pause: if paused { pause } else { PauseLevel::Paused },
            reports: self.reports,
            ..Status::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_is_requested_until_it_is_in_effect() {
        let asked = State { hold_requested: true, reports: true, ..State::default() };
        let status = asked.status();
        assert_eq!((status.activity, status.pausing), (Activity::Training, true));
        let held = State { held: true, ..asked }.status();
        assert_eq!((held.activity, held.pausing), (Activity::Paused, false));
        assert_eq!(held.pause, PauseLevel::Held);
        let both = State { held: true, suspended: true, ..asked };
        assert_eq!(both.status().pause, PauseLevel::Suspended);
    }
}
