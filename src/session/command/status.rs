//! The state of a command, as requested and as in effect.

use crate::protocol::{Activity, PauseLevel, Status};

/// The state of a command. The fields are independent of each other.
#[allow(clippy::struct_excessive_bools)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CommandState {
    /// All processes are stopped by SIGSTOP.
    pub suspended: bool,
    /// The script waits between two steps.
    pub held: bool,
    /// A hold was requested.
    pub hold_requested: bool,
    /// Number of steps that were requested before the next hold.
    pub steps_left: Option<u32>,
    /// A script is connected.
    pub reports: bool,
    /// A stop was requested.
    pub stopping: bool,
}

impl CommandState {
    /// Converts the state for the screens.
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
    fn a_hold_is_pending_until_the_script_confirms_it() {
        let asked = CommandState { hold_requested: true, reports: true, ..CommandState::default() };
        let status = asked.status();
        assert_eq!((status.activity, status.pausing), (Activity::Training, true));
        let held = CommandState { held: true, ..asked }.status();
        assert_eq!((held.activity, held.pausing), (Activity::Paused, false));
        assert_eq!(held.pause, PauseLevel::Held);
        let both = CommandState { held: true, suspended: true, ..asked };
        assert_eq!(both.status().pause, PauseLevel::Suspended);
    }
}
