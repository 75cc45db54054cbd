//! Decides which checkpoints are written when, and writes them.

use super::{Checkpoint, CheckpointError, Position, file};
use crate::files::atomic;
use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The newest checkpoint of a directory.
pub const LAST: &str = "last.ckpt";
/// The previous one, in case the newest is damaged.
pub const PREVIOUS: &str = "previous.ckpt";
/// The one with the best validation accuracy.
pub const BEST: &str = "best.ckpt";

/// Where and when checkpoints are written. They are always written at the end of a run and on
/// request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckpointPolicy {
    /// An existing directory for [`LAST`], [`PREVIOUS`] and [`BEST`].
    pub dir: PathBuf,
    /// The interval in epochs; `None` writes only at the end.
    pub every: Option<u32>,
    /// Checkpoints that the user did not ask for: they take at most 1% of the time, and are
    /// reported only if a command requested them.
    pub background: bool,
    /// The directory belongs to the run: snapshots of the epochs and the outputs for the test
    /// images are saved beside the checkpoints.
    pub with_snapshots: bool,
}

impl CheckpointPolicy {
    /// The policy for a run's own directory, which is created if missing, and the checkpoint to
    /// resume from if the run was interrupted.
    ///
    /// # Errors
    /// If the directory cannot be created, or none of its checkpoints is valid.
    pub fn of_run(dir: PathBuf) -> Result<(Self, Option<Checkpoint>), CheckpointError> {
        let mut private = DirBuilder::new();
        let made = private.recursive(true).mode(0o700).create(&dir);
        made.map_err(|source| CheckpointError::Directory { dir: dir.clone(), source })?;
        let begun = [LAST, PREVIOUS].iter().any(|name| dir.join(name).exists());
        let resume = begun.then(|| Checkpoint::load(&dir)).transpose()?;
        Ok((Self { dir, every: Some(1), background: true, with_snapshots: true }, resume))
    }
}

/// The reason for writing checkpoints.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum CheckpointTrigger {
    /// An epoch was evaluated; with its validation (or else test) accuracy.
    EpochEnded(Option<f64>),
    /// A command requested it.
    Requested,
    /// The run was stopped or completed.
    RunEnded,
}

/// What to do with a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Write the newest checkpoint; the current newest becomes the previous one.
    Last,
    /// Write the best one.
    Best,
    /// Hold it as the best in memory, because it is too early to write another file.
    HoldBest,
    /// Write the held best one.
    HeldBest,
}

/// A checkpoint file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WrittenCheckpoint {
    pub path: PathBuf,
    pub bytes: u64,
}

/// The pause after a background checkpoint is this many times as long as writing it took.
const REST: u32 = 99;

/// Decides what is written when, and writes it.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    policy: CheckpointPolicy,
    best: Option<f64>,
    held: Option<Box<Checkpoint>>,
    /// The last write of [`LAST`], and the run's position then.
    written: Option<(Position, WrittenCheckpoint)>,
    /// The best checkpoint, open so that it can be restored if its file is deleted.
    best_file: Option<File>,
    /// Earliest time of the next background checkpoint.
    next: Option<Instant>,
    /// Whether the last attempt failed; a full disk is reported once.
    failing: bool,
}

impl Checkpointer {
    /// `best` is the best validation accuracy of a resumed run.
    pub(crate) fn new(policy: CheckpointPolicy, best: Option<f64>) -> Self {
        atomic::remove_abandoned(&policy.dir);
        Self {
            policy,
            best,
            held: None,
            written: None,
            best_file: None,
            next: None,
            failing: false,
        }
    }

    /// The directory, if it belongs to the run.
    pub(crate) fn own_directory(&self) -> Option<&Path> {
        self.policy.with_snapshots.then_some(self.policy.dir.as_path())
    }

    /// Writes what is due. Returns what to report: requested files, and each failure once.
    pub(crate) fn keep(
        &mut self,
        trigger: CheckpointTrigger,
        checkpoint: &Checkpoint,
    ) -> Vec<Result<WrittenCheckpoint, CheckpointError>> {
        let requested = trigger == CheckpointTrigger::Requested;
        let mut report = Vec::new();
        for slot in self.decide(trigger, checkpoint.position(), Instant::now()) {
            match self.carry_out(slot, checkpoint) {
                Ok(written) => {
                    self.failing = false;
                    let awaited = !self.policy.background || requested && slot == Slot::Last;
                    report.extend(written.filter(|_| awaited).map(Ok));
                }
                Err(error) => {
                    let known = std::mem::replace(&mut self.failing, true);
                    report.extend((!known || requested).then_some(Err(error)));
                }
            }
        }
        if report.is_empty() && requested {
            report.extend(self.written.clone().map(|(_, written)| Ok(written)));
        }
        report
    }

    /// Decides what to write; `at` is the run's position.
    fn decide(&mut self, trigger: CheckpointTrigger, at: Position, now: Instant) -> Vec<Slot> {
        let CheckpointTrigger::EpochEnded(accuracy) = trigger else {
            let held = self.held.is_some().then_some(Slot::HeldBest);
            return held.into_iter().chain(self.last_unless_written(at)).collect();
        };
        let improved = accuracy.is_some_and(|a| self.best.is_none_or(|best| a > best));
        if improved {
            self.best = accuracy;
        }
        let Some(every) = self.policy.every else { return Vec::new() };
        let early = self.policy.background && self.next.is_some_and(|next| now < next);
        let due = !early && at.epoch > 0 && at.epoch.is_multiple_of(every);
        let best = match (improved, early, self.held.is_some()) {
            (true, true, _) => Some(Slot::HoldBest),
            (true, false, _) => Some(Slot::Best),
            // The best is written first, because a run resumed from a newer checkpoint would not
            // find it again.
            (false, false, true) if due => Some(Slot::HeldBest),
            _ => None,
        };
        best.into_iter().chain(self.last_unless_written(at).filter(|_| due)).collect()
    }

    /// `None` if this position was already written: that would replace a useful previous
    /// checkpoint.
    fn last_unless_written(&self, at: Position) -> Option<Slot> {
        let is_there = |(position, written): &(Position, WrittenCheckpoint)| {
            *position == at && written.path.exists()
        };
        let written = self.written.as_ref().is_some_and(is_there);
        (!written).then_some(Slot::Last)
    }

    fn carry_out(
        &mut self,
        slot: Slot,
        checkpoint: &Checkpoint,
    ) -> Result<Option<WrittenCheckpoint>, CheckpointError> {
        let start = Instant::now();
        let written = match slot {
            Slot::HoldBest => {
                self.held = Some(Box::new(checkpoint.clone()));
                return Ok(None);
            }
            Slot::Best => {
                self.held = None;
                self.write_best(checkpoint)?
            }
            Slot::HeldBest => {
                let Some(held) = self.held.take() else { return Ok(None) };
                self.write_best(&held)?
            }
            Slot::Last => {
                self.restore_best()?;
                self.keep_previous()?;
                let written = self.write(LAST, checkpoint)?;
                self.written = Some((checkpoint.position(), written.clone()));
                written
            }
        };
        let now = Instant::now();
        self.next = Some(now + (now - start) * REST);
        Ok(Some(written))
    }

    /// Makes the last checkpoint the previous one, by a hard link so that there is always a last
    /// one. A damaged last checkpoint of an earlier process does not replace a valid previous one.
    fn keep_previous(&self) -> Result<(), CheckpointError> {
        let (last, previous) = (self.policy.dir.join(LAST), self.policy.dir.join(PREVIOUS));
        if !last.exists() || (self.written.is_none() && file::read(&last).is_err()) {
            return Ok(());
        }
        let _ = fs::remove_file(&previous);
        let linked = fs::hard_link(&last, &previous).or_else(|_| fs::rename(&last, &previous));
        linked.map_err(|source| CheckpointError::Write { file: previous, source })
    }

    fn write_best(
        &mut self,
        checkpoint: &Checkpoint,
    ) -> Result<WrittenCheckpoint, CheckpointError> {
        let written = self.write(BEST, checkpoint)?;
        // Without a descriptor it cannot be restored.
        self.best_file = File::open(&written.path).ok();
        Ok(written)
    }

    /// Restores the best checkpoint if its file was deleted.
    fn restore_best(&self) -> Result<(), CheckpointError> {
        let (Some(file), path) = (&self.best_file, self.policy.dir.join(BEST)) else {
            return Ok(());
        };
        if path.exists() {
            return Ok(());
        }
        self.make_directory()?;
        let restored = atomic::restore(file, &path);
        restored.map(drop).map_err(|source| CheckpointError::Write { file: path, source })
    }

    /// Recreates the run's own directory if it was deleted.
    fn make_directory(&self) -> Result<(), CheckpointError> {
        let dir = &self.policy.dir;
        if !self.policy.background || dir.exists() {
            return Ok(());
        }
        let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(|source| CheckpointError::Directory { dir: dir.clone(), source })
    }

    fn write(
        &self,
        name: &str,
        checkpoint: &Checkpoint,
    ) -> Result<WrittenCheckpoint, CheckpointError> {
        self.make_directory()?;
        let path = self.policy.dir.join(name);
        let bytes = checkpoint.save(&path)?;
        Ok(WrittenCheckpoint { path, bytes })
    }
}

#[cfg(test)]
mod tests;
