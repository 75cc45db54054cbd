//! Learning-rate schedules and early stopping.

use crate::spec::{EarlyStopping, Schedule};
use serde::{Deserialize, Serialize};

/// The best accuracy so far, and the number of epochs since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Plateau {
    best: Option<f64>,
    epochs_without: u32,
}

impl Plateau {
    /// Records an epoch's accuracy; returns the number of epochs since the last improvement.
    fn observe(&mut self, accuracy: f64) -> u32 {
        if self.best.is_none_or(|best| accuracy > best) {
            *self = Self { best: Some(accuracy), epochs_without: 0 };
        } else {
            self.epochs_without += 1;
        }
        self.epochs_without
    }
}

/// The decision after an epoch.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ScheduleDecision {
    Continue,
    /// Continue with this learning rate.
    Learn(f64),
    /// End the run for this reason.
    End(String),
}

/// The state of schedule and early stopping; part of a checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct PlateauTracker {
    /// Since the learning rate was last halved.
    schedule: Plateau,
    /// Since the run started.
    run: Plateau,
}

impl PlateauTracker {
    /// Records the validation accuracy of an epoch (a fraction). `rate` is the current learning
    /// rate, `start` the initial one.
    pub(super) fn observe(
        &mut self,
        accuracy: f64,
        schedule: Schedule,
        stopping: EarlyStopping,
        rate: f64,
        start: f64,
    ) -> ScheduleDecision {
        let since_best = self.run.observe(accuracy);
        if let EarlyStopping::NoImprovementIn(patience) = stopping
            && since_best >= patience
        {
            return ScheduleDecision::End(format!(
                "stopped early: no improvement on the validation images in {patience} epochs"
            ));
        }
        match schedule {
            Schedule::Constant | Schedule::Linear => ScheduleDecision::Continue,
            Schedule::HalveOnPlateau { patience, stop_at } => {
                if self.schedule.observe(accuracy) < patience {
                    return ScheduleDecision::Continue;
                }
                // The smaller steps must improve on the best accuracy within the next `patience`
                // epochs.
                self.schedule.epochs_without = 0;
                let halved = rate / 2.0;
                if halved < start / f64::from(stop_at) {
                    return ScheduleDecision::End(format!(
                        "the learning rate was halved down to 1/{stop_at} of its initial value, \
                         and there was no further improvement in {patience} epochs"
                    ));
                }
                ScheduleDecision::Learn(halved)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALVE: Schedule = Schedule::HalveOnPlateau { patience: 2, stop_at: 4 };

    /// The decisions after each of the accuracies, with an initial learning rate of 1.
    fn decisions(
        schedule: Schedule,
        stopping: EarlyStopping,
        accuracies: &[f64],
    ) -> Vec<ScheduleDecision> {
        let (mut plateaus, mut rate) = (PlateauTracker::default(), 1.0);
        let decisions = accuracies.iter().map(|&accuracy| {
            let decision = plateaus.observe(accuracy, schedule, stopping, rate, 1.0);
            if let ScheduleDecision::Learn(next) = decision {
                rate = next;
            }
            decision
        });
        decisions.collect()
    }

    #[test]
    fn a_constant_rate_without_early_stopping_never_ends_the_run() {
        let decisions = decisions(Schedule::Constant, EarlyStopping::Never, &[0.5; 100]);
        assert!(decisions.iter().all(|decision| *decision == ScheduleDecision::Continue));
    }

    #[test]
    fn the_linear_schedule_decreases_to_0() {
        let factors = [0.0, 0.25, 1.0].map(|done| Schedule::Linear.factor(done));
        let expected = [1.0, 0.75, 0.0];
        assert!(factors.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{factors:?}");
        for steady in [Schedule::Constant, HALVE] {
            assert!((steady.factor(0.9) - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn early_stopping_counts_epochs_since_the_best() {
        let stopping = EarlyStopping::NoImprovementIn(2);
        let decisions = decisions(Schedule::Constant, stopping, &[0.5, 0.4, 0.6, 0.6, 0.59]);
        assert!(decisions[..4].iter().all(|decision| *decision == ScheduleDecision::Continue));
        assert!(
            matches!(&decisions[4], ScheduleDecision::End(why) if why.contains("2 epochs")),
            "{decisions:?}"
        );
    }

    #[test]
    fn the_rate_is_halved_on_a_plateau_and_the_run_ends_below_the_limit() {
        use ScheduleDecision::{Continue, Learn};
        let decisions = decisions(HALVE, EarlyStopping::Never, &[0.5; 7]);
        let halvings = [Continue, Continue, Learn(0.5), Continue, Learn(0.25), Continue];
        assert_eq!(decisions[..6], halvings);
        assert!(
            matches!(&decisions[6], ScheduleDecision::End(why) if why.contains("1/4")),
            "{decisions:?}"
        );
    }

    #[test]
    fn an_improvement_restarts_the_count() {
        let decisions = decisions(HALVE, EarlyStopping::Never, &[0.5, 0.4, 0.6, 0.5, 0.7, 0.6]);
        assert!(decisions.iter().all(|decision| *decision == ScheduleDecision::Continue));
    }
}
