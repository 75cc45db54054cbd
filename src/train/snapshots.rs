//! Snapshots of past epochs, to inspect and to branch from: in the run's directory, or in memory if
//! it has none.

use super::checkpoint::{Checkpoint, CheckpointError};
use crate::files::atomic;
use std::collections::VecDeque;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// The name of the snapshot directory, beside a run's own checkpoints.
const DIRECTORY: &str = "snapshots";
/// The largest number of snapshots.
const MAX_SNAPSHOTS: usize = 32;
/// The largest total size of snapshots in bytes; the first, the best and the newest are always
/// kept.
const MAX_BYTES: u64 = 64 << 20;
/// Number of snapshots read from disk that stay in memory.
const CACHED: usize = 4;
/// Limits writing to 1% of the time: the pause after a write is this many times as long.
const REST: u32 = 99;

/// The snapshot directory that belongs to a checkpoint directory.
#[must_use]
pub fn directory_beside(checkpoints: &Path) -> PathBuf {
    checkpoints.join(DIRECTORY)
}

/// The file of an epoch's snapshot.
fn file_name(epoch: u32) -> String {
    format!("epoch-{epoch:07}.ckpt")
}

fn epoch_of(name: &str) -> Option<u32> {
    name.strip_prefix("epoch-")?.strip_suffix(".ckpt")?.parse().ok()
}

/// The snapshots in a directory: epoch and file, sorted by epoch.
#[must_use]
pub fn list(directory: &Path) -> Vec<(u32, PathBuf)> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let named = entries.filter_map(|entry| {
        let epoch = entry.file_name().to_str().and_then(epoch_of)?;
        Some((epoch, entry.path()))
    });
    let mut found: Vec<_> = named.collect();
    found.sort();
    found
}

/// A snapshot.
#[derive(Debug)]
struct SnapshotEntry {
    epoch: u32,
    /// Validation (or else test) accuracy, a fraction.
    accuracy: Option<f64>,
    bytes: u64,
    /// `None` if it is only on disk.
    memory: Option<Arc<Checkpoint>>,
    on_disk: bool,
}

/// Snapshots by epoch. Above the limits, every second one is dropped, except the first, the best
/// and the newest.
#[derive(Debug)]
pub(super) struct Snapshots {
    entries: Vec<SnapshotEntry>,
    /// Epochs divisible by this are kept, in addition to those that are always kept.
    stride: u32,
    most: usize,
    most_bytes: u64,
    directory: Option<PathBuf>,
    /// Earliest time of the next write.
    next_write: Option<Instant>,
    /// Recently read from disk.
    cache: VecDeque<Arc<Checkpoint>>,
    /// Changes whenever the list of epochs does.
    revision: u64,
}

impl Snapshots {
    /// Continues with the snapshots of a directory; without a directory, snapshots are only in
    /// memory. `accuracy` returns the accuracy of an epoch.
    pub(super) fn open(directory: Option<PathBuf>, accuracy: impl Fn(u32) -> Option<f64>) -> Self {
        let found = directory.as_deref().map(list).unwrap_or_default();
        let entries = found.into_iter().map(|(epoch, file)| SnapshotEntry {
            epoch,
            accuracy: accuracy(epoch),
            bytes: file.metadata().map_or(0, |file| file.len()),
            memory: None,
            on_disk: true,
        });
        Self {
            entries: entries.collect(),
            stride: 1,
            most: MAX_SNAPSHOTS,
            most_bytes: MAX_BYTES,
            directory,
            next_write: None,
            cache: VecDeque::new(),
            revision: 0,
        }
    }

    /// Adds a snapshot of the newest epoch, and writes those that are due. Snapshots that cannot be
    /// written stay in memory.
    pub(super) fn push(&mut self, snapshot: Checkpoint, accuracy: Option<f64>) {
        let epoch = snapshot.position().epoch;
        // A run resumed from an older checkpoint repeats epochs.
        self.entries.retain(|entry| entry.epoch < epoch);
        self.entries.push(SnapshotEntry {
            epoch,
            accuracy,
            bytes: snapshot.bytes(),
            memory: Some(Arc::new(snapshot)),
            on_disk: false,
        });
        self.thin();
        self.revision += 1;
        if self.next_write.is_none_or(|next| Instant::now() >= next) {
            let start = Instant::now();
            // The same error is reported for checkpoints, which are on the same disk.
            let _ = self.write();
            let now = Instant::now();
            self.next_write = Some(now + (now - start) * REST);
        }
    }

    /// Drops snapshots above the limits.
    fn thin(&mut self) {
        loop {
            let bytes: u64 = self.entries.iter().map(|entry| entry.bytes).sum();
            let fits = self.entries.len() <= self.most && bytes <= self.most_bytes;
            let [first, best, newest] = self.always_kept();
            let stays = |epoch| [first, best, newest].contains(&Some(epoch));
            let stride = self.stride;
            self.entries.retain(|entry| entry.epoch % stride == 0 || stays(entry.epoch));
            if fits || self.entries.iter().all(|entry| stays(entry.epoch)) {
                return;
            }
            self.stride = self.stride.saturating_mul(2);
        }
    }

    /// The epochs of the first, the best and the newest snapshot.
    fn always_kept(&self) -> [Option<u32>; 3] {
        let score = |entry: &&SnapshotEntry| entry.accuracy.unwrap_or(f64::NEG_INFINITY);
        // The first of several equally good ones, because `max_by` returns the last.
        let by_accuracy = |a: &&SnapshotEntry, b: &&SnapshotEntry| score(a).total_cmp(&score(b));
        let best = self.entries.iter().rev().max_by(by_accuracy);
        let epoch = |entry: Option<&SnapshotEntry>| entry.map(|entry| entry.epoch);
        [epoch(self.entries.first()), epoch(best), epoch(self.entries.last())]
    }

    /// Moves snapshots from memory to the directory, and removes the files of dropped ones.
    ///
    /// # Errors
    /// If a file cannot be written; files already written remain.
    pub(super) fn write(&mut self) -> Result<(), CheckpointError> {
        let Some(directory) = &self.directory else { return Ok(()) };
        for (epoch, file) in list(directory) {
            if !self.entries.iter().any(|entry| entry.epoch == epoch) {
                // It may have been removed already.
                let _ = fs::remove_file(file);
            }
        }
        for entry in self.entries.iter_mut().filter(|entry| !entry.on_disk) {
            let Some(snapshot) = &entry.memory else { continue };
            let file = directory.join(file_name(entry.epoch));
            let mut private = DirBuilder::new();
            let made = private.recursive(true).mode(0o700).create(directory);
            let wrap = |source| CheckpointError::Write { file: file.clone(), source };
            // Not synced: a file truncated by a power failure is detected when it is read, and
            // costs one past epoch.
            made.and_then(|()| atomic::write_unsynced(&file, &snapshot.encode())).map_err(wrap)?;
            entry.on_disk = true;
            entry.memory = None;
        }
        Ok(())
    }

    /// The newest available epoch up to `epoch`, or the first one.
    pub(super) fn nearest(&self, epoch: u32) -> Option<u32> {
        let after = self.entries.partition_point(|entry| entry.epoch <= epoch);
        self.entries.get(after.saturating_sub(1)).map(|entry| entry.epoch)
    }

    /// The snapshot of an available epoch; `None` if its file can no longer be read, which removes
    /// it from the list.
    pub(super) fn load(&mut self, epoch: u32) -> Option<Arc<Checkpoint>> {
        let at = self.entries.iter().position(|entry| entry.epoch == epoch)?;
        if let Some(snapshot) = &self.entries[at].memory {
            return Some(Arc::clone(snapshot));
        }
        let cached = self.cache.iter().find(|snapshot| snapshot.position().epoch == epoch);
        if let Some(snapshot) = cached {
            return Some(Arc::clone(snapshot));
        }
        let file = self.directory.as_ref()?.join(file_name(epoch));
        let Ok(snapshot) = Checkpoint::load(&file) else {
            self.entries.remove(at);
            self.revision += 1;
            return None;
        };
        let snapshot = Arc::new(snapshot);
        self.cache.truncate(CACHED - 1);
        self.cache.push_front(Arc::clone(&snapshot));
        Some(snapshot)
    }

    /// The available epochs, sorted.
    pub(super) fn epochs(&self) -> Vec<u32> {
        self.entries.iter().map(|entry| entry.epoch).collect()
    }

    /// A number that changes with the list of epochs.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::build;
    use crate::spec::testing::{dataset, spec};
    use proptest::prelude::*;

    /// The run of [`spec`] as it would be after an epoch.
    fn snapshot(epoch: u32) -> Checkpoint {
        let (data, spec) = (dataset(), spec());
        let mut state = Checkpoint::start(spec.clone(), build(&spec, &data).unwrap(), &data);
        state.body.position.epoch = epoch;
        state
    }

    fn limited(most: usize, most_bytes: u64) -> Snapshots {
        Snapshots { most, most_bytes, ..Snapshots::open(None, |_| None) }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn the_limits_hold_and_the_first_best_and_newest_are_kept(
            first in 0_u32..20,
            accuracies in proptest::collection::vec(0_u32..50, 1..120),
            by_bytes in any::<bool>(),
        ) {
            let size = snapshot(0).bytes();
            let mut kept = if by_bytes { limited(1000, 16 * size) } else { limited(16, u64::MAX) };
            let template = snapshot(0);
            for (epoch, &accuracy) in (first..).zip(&accuracies) {
                let mut snapshot = template.clone();
                snapshot.body.position.epoch = epoch;
                kept.push(snapshot, Some(f64::from(accuracy)));
            }
            let epochs = kept.epochs();
            prop_assert!(epochs.len() <= 16, "{epochs:?}");
            prop_assert_eq!(epochs[0], first);
            prop_assert_eq!(*epochs.last().unwrap(), first + accuracies.len() as u32 - 1);
            prop_assert!(epochs.windows(2).all(|pair| pair[0] < pair[1]));
            // The best is never dropped, so an epoch with the highest accuracy must be available.
            let highest = accuracies.iter().max().unwrap();
            let best = first + accuracies.iter().position(|a| a == highest).unwrap() as u32;
            prop_assert!(epochs.contains(&best), "{best} in {epochs:?}");
            prop_assert!(epochs.windows(2).all(|pair| pair[1] - pair[0] <= 2 * kept.stride));
        }
    }

    #[test]
    fn a_network_larger_than_the_limit_keeps_three_snapshots() {
        let mut kept = limited(32, 1);
        for epoch in 0..10 {
            kept.push(snapshot(epoch), Some(if epoch == 4 { 0.9 } else { 0.5 }));
        }
        assert_eq!(kept.epochs(), [0, 4, 9]);
    }

    #[test]
    fn the_nearest_earlier_epoch_is_used() {
        let mut kept = limited(32, u64::MAX);
        assert_eq!(kept.nearest(0), None);
        for epoch in [2, 4, 6] {
            kept.push(snapshot(epoch), None);
        }
        let found = [0, 2, 5, 6, 99].map(|epoch| kept.nearest(epoch).unwrap());
        assert_eq!(found, [2, 2, 4, 6, 6]);
    }

    #[test]
    fn written_snapshots_are_found_and_dropped_ones_removed() {
        let dir = tempfile::tempdir().unwrap();
        let place = directory_beside(dir.path());
        let mut kept = Snapshots { most: 4, ..Snapshots::open(Some(place.clone()), |_| None) };
        for epoch in 0..9 {
            kept.push(snapshot(epoch), Some(f64::from(epoch)));
        }
        kept.write().unwrap();
        assert!(kept.entries.iter().all(|entry| entry.memory.is_none()), "none stays in memory");
        let epochs = kept.epochs();
        assert!(epochs.len() <= 4);
        assert_eq!(*kept.load(0).unwrap(), snapshot(0));
        let files: Vec<u32> = list(&place).into_iter().map(|(epoch, _)| epoch).collect();
        assert_eq!(files, epochs);
        let mut again = Snapshots::open(Some(place.clone()), |epoch| Some(f64::from(epoch)));
        assert_eq!(again.epochs(), epochs);
        assert_eq!(*again.load(0).unwrap(), snapshot(0));
        // A truncated file is not a snapshot.
        fs::write(place.join(file_name(8)), b"NNTOPCKP").unwrap();
        assert!(again.load(8).is_none());
        assert!(!again.epochs().contains(&8));
    }
}
