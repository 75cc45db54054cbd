//! Which checkpoints are kept: pure decisions, and their carrying out.

use super::{Checkpoint, CheckpointError, Position};
use std::fs;
use std::path::PathBuf;

/// The newest checkpoint of a directory.
pub const LAST: &str = "last.ckpt";
/// The one before it, for when the newest is torn.
pub const PREVIOUS: &str = "previous.ckpt";
/// The one with the best accuracy on the validation images.
pub const BEST: &str = "best.ckpt";

/// Where and when checkpoints are written. At the end of a run and on request they always are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckpointPolicy {
    /// An existing directory for [`LAST`], [`PREVIOUS`] and [`BEST`].
    pub dir: PathBuf,
    /// Every so many epochs; never in between when absent.
    pub every: Option<u32>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::engine) enum Moment {
    /// An epoch was measured; its accuracy on the validation images (test where there are none).
    EpochEnded(Option<f64>),
    /// Somebody asked.
    Asked,
    /// The run was stopped or completed.
    RunEnded,
}

/// A file to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Slot {
    /// The newest checkpoint; the one before becomes the previous.
    Last,
    Best,
}

/// Decides what is written when.
#[derive(Debug)]
pub(in crate::engine) struct Keeper {
    policy: CheckpointPolicy,
    best: Option<f64>,
    /// Where the run was when [`LAST`] was written.
    written: Option<Position>,
}

impl Keeper {
    /// `best` is the best accuracy on the validation images of a run that is resumed.
    pub(in crate::engine) fn new(policy: CheckpointPolicy, best: Option<f64>) -> Self {
        Self { policy, best, written: None }
    }

    /// What to write at a moment; `at` is where the run is.
    pub(in crate::engine) fn decide(&mut self, moment: Moment, at: Position) -> Vec<Slot> {
        let mut slots = Vec::new();
        let due = match moment {
            Moment::EpochEnded(accuracy) => {
                let improved = accuracy.is_some_and(|a| self.best.is_none_or(|best| a > best));
                if improved {
                    self.best = accuracy;
                }
                if improved && self.policy.every.is_some() {
                    slots.push(Slot::Best);
                }
                at.epoch > 0 && self.policy.every.is_some_and(|n| at.epoch.is_multiple_of(n))
            }
            Moment::Asked | Moment::RunEnded => true,
        };
        // The same state twice would push a useful previous checkpoint out.
        if due && self.written != Some(at) {
            self.written = Some(at);
            slots.push(Slot::Last);
        }
        slots
    }

    /// Writes a file and returns its path and size.
    pub(in crate::engine) fn write(
        &mut self,
        slot: Slot,
        checkpoint: &Checkpoint,
    ) -> Result<(PathBuf, u64), CheckpointError> {
        let name = match slot {
            Slot::Last => LAST,
            Slot::Best => BEST,
        };
        let path = self.policy.dir.join(name);
        if slot == Slot::Last {
            // A hard link, so that there is no moment without a last checkpoint.
            let previous = self.policy.dir.join(PREVIOUS);
            if path.exists() {
                let _ = fs::remove_file(&previous);
                let linked =
                    fs::hard_link(&path, &previous).or_else(|_| fs::rename(&path, &previous));
                linked.map_err(|source| CheckpointError::Write { file: previous, source })?;
            }
        }
        match checkpoint.save(&path) {
            Ok(bytes) => Ok((path, bytes)),
            Err(error) => {
                self.written = None;
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keeper(every: Option<u32>) -> Keeper {
        Keeper::new(CheckpointPolicy { dir: PathBuf::new(), every }, None)
    }

    fn at(epoch: u32, batch: u32) -> Position {
        Position { epoch, batch }
    }

    #[test]
    fn every_second_epoch_and_whenever_validation_improves() {
        let mut keeper = keeper(Some(2));
        let accuracies = [0.1, 0.9, 0.8, 0.95, 0.95];
        let slots: Vec<Vec<Slot>> = (0..)
            .zip(accuracies)
            .map(|(epoch, accuracy)| {
                keeper.decide(Moment::EpochEnded(Some(accuracy)), at(epoch, 0))
            })
            .collect();
        let (best, last) = (vec![Slot::Best], vec![Slot::Last]);
        assert_eq!(slots, [best.clone(), best.clone(), last.clone(), best, last]);
    }

    #[test]
    fn without_an_interval_only_requests_and_the_end_write() {
        let mut keeper = keeper(None);
        assert_eq!(keeper.decide(Moment::EpochEnded(Some(0.9)), at(1, 0)), []);
        assert_eq!(keeper.decide(Moment::Asked, at(1, 5)), [Slot::Last]);
        assert_eq!(keeper.decide(Moment::RunEnded, at(2, 0)), [Slot::Last]);
    }

    #[test]
    fn the_same_moment_is_not_written_twice() {
        let mut keeper = keeper(Some(1));
        assert_eq!(keeper.decide(Moment::EpochEnded(None), at(1, 0)), [Slot::Last]);
        assert_eq!(keeper.decide(Moment::Asked, at(1, 0)), []);
        assert_eq!(keeper.decide(Moment::RunEnded, at(1, 0)), []);
    }

    #[test]
    fn a_resumed_run_does_not_overwrite_a_better_one() {
        let policy = CheckpointPolicy { dir: PathBuf::new(), every: Some(5) };
        let mut keeper = Keeper::new(policy, Some(0.97));
        assert_eq!(keeper.decide(Moment::EpochEnded(Some(0.96)), at(6, 0)), []);
        assert_eq!(keeper.decide(Moment::EpochEnded(Some(0.98)), at(7, 0)), [Slot::Best]);
    }
}
