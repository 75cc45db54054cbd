//! Pause, step and stop: a pure state machine over commands and progress, used by the training
//! thread and by jobs that consist of several training runs.
//!
//! The requested state and the current activity are separate, so that a front end can show
//! "pausing…" until the pause takes effect.

use crate::protocol::{Activity, Command, Pace, Status, StepAmount};

/// A point at which a pause or stop may take effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SafePoint {
    /// Before a mini-batch.
    Batch,
    /// Between two chunks of an evaluation. The pause at the end of a step does not take effect
    /// here, so that a step of an epoch includes its evaluation.
    Evaluation,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextAction {
    Work,
    /// Block until a command arrives.
    Wait,
    End,
}

/// The current requests and activity.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Control {
    pause: bool,
    stop: bool,
    pace: Pace,
    batches_left: Option<u32>,
    pause_after_epoch: Option<u32>,
    activity: Activity,
}

impl Control {
    /// A run that starts at the given pace. With `paused_at`, the number of completed epochs, it
    /// evaluates that epoch and then pauses, as at the end of a step.
    pub(crate) fn new(pace: Pace, paused_at: Option<u32>) -> Self {
        Self { pace, pause_after_epoch: paused_at, ..Self::default() }
    }

    /// Applies a command; `epoch` is the number of completed epochs. Commands that do not control
    /// the run are ignored. After the end only the pace can be changed.
    pub(crate) fn apply(&mut self, command: &Command, epoch: u32) {
        if let Command::Pace(pace) = command {
            self.pace = *pace;
        }
        if self.activity == Activity::Finished {
            return;
        }
        match command {
            Command::Pause => self.go(true, None, None),
            Command::Resume => self.go(false, None, None),
            Command::Step(StepAmount::Batches(count)) => self.go(*count == 0, Some(*count), None),
            Command::Step(StepAmount::Epochs(count)) => {
                self.go(*count == 0, None, Some(epoch.saturating_add(*count)));
            }
            Command::Stop => self.stop = true,
            _ => {}
        }
    }

    fn go(&mut self, pause: bool, batches_left: Option<u32>, pause_after_epoch: Option<u32>) {
        self.pause = pause;
        self.batches_left = batches_left.filter(|_| !pause);
        self.pause_after_epoch = pause_after_epoch.filter(|_| !pause);
    }

    /// Requests a stop because no client is left that could resume the run.
    pub(crate) fn abandon(&mut self) {
        self.stop = true;
    }

    /// Decides what to do at a safe point; `epoch` is the number of completed epochs.
    pub(crate) fn next(&mut self, safe_point: SafePoint, epoch: u32) -> NextAction {
        if safe_point == SafePoint::Batch {
            let stepped = self.batches_left == Some(0)
                || self.pause_after_epoch.is_some_and(|last| epoch >= last);
            if stepped {
                self.go(true, None, None);
            }
        }
        if self.stop {
            NextAction::End
        } else if self.pause {
            NextAction::Wait
        } else {
            NextAction::Work
        }
    }

    /// Ends a step early, because its unit of work is completed.
    pub(crate) fn finish_step(&mut self) {
        if self.batches_left.is_some() || self.pause_after_epoch.is_some() {
            self.go(true, None, None);
        }
    }

    /// Whether a pause is requested or in effect.
    pub(crate) fn is_paused(&self) -> bool {
        self.pause
    }

    /// Whether a stop is requested.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop
    }

    /// Counts a trained mini-batch.
    pub(crate) fn batch_done(&mut self) {
        self.batches_left = self.batches_left.map(|left| left.saturating_sub(1));
    }

    /// Records the current activity.
    pub(crate) fn enter(&mut self, activity: Activity) {
        self.activity = activity;
    }

    pub(crate) fn activity(&self) -> Activity {
        self.activity
    }

    pub(crate) fn pace(&self) -> Pace {
        self.pace
    }

    /// The requested and the current state.
    pub(crate) fn status(&self) -> Status {
        let over = self.activity == Activity::Finished;
        Status {
            activity: self.activity,
            pausing: self.pause && self.activity != Activity::Paused && !over,
            stopping: self.stop && !over,
            pace: self.pace,
            batches_left: self.batches_left,
            pause_after_epoch: self.pause_after_epoch,
            ..Status::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn training() -> Control {
        let mut control = Control::new(Pace::Full, None);
        control.enter(Activity::Training);
        control
    }

    #[test]
    fn a_pause_is_pending_until_it_takes_effect() {
        let mut control = training();
        control.apply(&Command::Pause, 0);
        assert!(control.status().pausing);
        assert_eq!(control.status().activity, Activity::Training);
        assert_eq!(control.next(SafePoint::Evaluation, 0), NextAction::Wait);
        control.enter(Activity::Paused);
        assert!(!control.status().pausing);
        control.apply(&Command::Resume, 0);
        assert_eq!(control.next(SafePoint::Batch, 0), NextAction::Work);
    }

    #[test]
    fn a_step_counts_batches_and_then_pauses() {
        let mut control = training();
        control.apply(&Command::Pause, 0);
        control.apply(&Command::Step(StepAmount::Batches(2)), 0);
        for left in [2, 1] {
            assert_eq!(control.status().batches_left, Some(left));
            assert_eq!(control.next(SafePoint::Batch, 0), NextAction::Work);
            control.batch_done();
        }
        assert_eq!(
            control.next(SafePoint::Evaluation, 1),
            NextAction::Work,
            "the epoch is evaluated first"
        );
        assert_eq!(control.next(SafePoint::Batch, 1), NextAction::Wait);
        assert_eq!(control.status().batches_left, None);
    }

    #[test]
    fn a_step_of_epochs_pauses_after_the_evaluation_of_the_last() {
        let mut control = training();
        control.apply(&Command::Step(StepAmount::Epochs(2)), 3);
        assert_eq!(control.status().pause_after_epoch, Some(5));
        assert_eq!(control.next(SafePoint::Batch, 4), NextAction::Work);
        assert_eq!(control.next(SafePoint::Evaluation, 5), NextAction::Work);
        assert_eq!(control.next(SafePoint::Batch, 5), NextAction::Wait);
        control.apply(&Command::Resume, 5);
        assert_eq!(control.next(SafePoint::Batch, 5), NextAction::Work, "the step is over");
    }

    #[test]
    fn a_step_of_zero_is_a_pause() {
        for step in [StepAmount::Batches(0), StepAmount::Epochs(0)] {
            let mut control = training();
            control.apply(&Command::Step(step), 3);
            assert_eq!(control.next(SafePoint::Batch, 3), NextAction::Wait);
        }
    }

    #[test]
    fn a_stop_overrides_a_pause_and_is_final() {
        let mut control = training();
        control.apply(&Command::Pause, 0);
        control.apply(&Command::Stop, 0);
        control.apply(&Command::Resume, 0);
        assert!(control.status().stopping);
        assert_eq!(control.next(SafePoint::Evaluation, 0), NextAction::End);
        control.enter(Activity::Finished);
        assert!(!control.status().stopping);
    }

    #[test]
    fn a_finished_run_accepts_only_the_pace() {
        let mut control = training();
        control.enter(Activity::Finished);
        control.apply(&Command::Pause, 1);
        control.apply(&Command::Pace(Pace::SecondsPerEpoch(1.0)), 1);
        let expected = Status {
            activity: Activity::Finished,
            pace: Pace::SecondsPerEpoch(1.0),
            ..Status::default()
        };
        assert_eq!(control.status(), expected);
    }

    #[test]
    fn the_end_of_a_job_ends_a_step() {
        let mut control = training();
        control.finish_step();
        assert!(!control.is_paused(), "there was no step");
        for step in [StepAmount::Batches(5), StepAmount::Epochs(5)] {
            control.apply(&Command::Step(step), 0);
            assert!(!control.is_paused());
            control.finish_step();
            assert!(control.is_paused());
            assert_eq!(control.status().batches_left, None);
        }
    }

    #[test]
    fn a_paused_start_evaluates_first() {
        let mut control = Control::new(Pace::Full, Some(0));
        assert_eq!(control.next(SafePoint::Evaluation, 0), NextAction::Work);
        assert_eq!(control.next(SafePoint::Batch, 0), NextAction::Wait);
    }
}
