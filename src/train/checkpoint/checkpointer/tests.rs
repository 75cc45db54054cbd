use super::*;
use crate::spec::testing::{dataset, spec};
use crate::spec::{Spec, build};
use std::time::Duration;

fn checkpointer(every: Option<u32>) -> Checkpointer {
    Checkpointer::new(CheckpointPolicy { every, ..CheckpointPolicy::default() }, None)
}

fn at(epoch: u32, batch: u32) -> Position {
    Position { epoch, batch }
}

impl Checkpointer {
    /// Decides, and simulates a successful write.
    fn decided(&mut self, trigger: CheckpointTrigger, at: Position) -> Vec<Slot> {
        let slots = self.decide(trigger, at, Instant::now());
        if slots.contains(&Slot::Last) {
            // Any existing path.
            self.written = Some((at, WrittenCheckpoint { path: "/".into(), bytes: 0 }));
        }
        slots
    }
}

#[test]
fn checkpoints_are_written_at_the_interval_and_after_improvements() {
    let mut checkpointer = checkpointer(Some(2));
    let accuracies = [0.1, 0.9, 0.8, 0.95, 0.95];
    let slots: Vec<Vec<Slot>> = (0..)
        .zip(accuracies)
        .map(|(epoch, accuracy)| {
            checkpointer.decided(CheckpointTrigger::EpochEnded(Some(accuracy)), at(epoch, 0))
        })
        .collect();
    let (best, last) = (vec![Slot::Best], vec![Slot::Last]);
    assert_eq!(slots, [best.clone(), best.clone(), last.clone(), best, last]);
}

#[test]
fn without_an_interval_checkpoints_are_written_on_request_and_at_the_end() {
    let mut checkpointer = checkpointer(None);
    assert_eq!(checkpointer.decided(CheckpointTrigger::EpochEnded(Some(0.9)), at(1, 0)), []);
    assert_eq!(checkpointer.decided(CheckpointTrigger::Requested, at(1, 5)), [Slot::Last]);
    assert_eq!(checkpointer.decided(CheckpointTrigger::RunEnded, at(2, 0)), [Slot::Last]);
}

#[test]
fn the_same_position_is_not_written_twice() {
    let mut checkpointer = checkpointer(Some(1));
    assert_eq!(checkpointer.decided(CheckpointTrigger::EpochEnded(None), at(1, 0)), [Slot::Last]);
    assert_eq!(checkpointer.decided(CheckpointTrigger::Requested, at(1, 0)), []);
    assert_eq!(checkpointer.decided(CheckpointTrigger::RunEnded, at(1, 0)), []);
}

#[test]
fn a_resumed_run_does_not_overwrite_a_better_checkpoint() {
    let policy = CheckpointPolicy { every: Some(5), ..CheckpointPolicy::default() };
    let mut checkpointer = Checkpointer::new(policy, Some(0.97));
    assert_eq!(checkpointer.decided(CheckpointTrigger::EpochEnded(Some(0.96)), at(6, 0)), []);
    assert_eq!(
        checkpointer.decided(CheckpointTrigger::EpochEnded(Some(0.98)), at(7, 0)),
        [Slot::Best]
    );
}

/// A checkpoint after `epoch` epochs.
fn checkpoint(epoch: u32) -> Checkpoint {
    let (data, spec) = (dataset(), Spec { epochs: 9, ..spec() });
    let mut checkpoint = Checkpoint::start(spec.clone(), build(&spec, &data).unwrap(), &data);
    checkpoint.body.position = at(epoch, 0);
    checkpoint
}

#[test]
fn in_the_background_the_best_is_held_until_it_may_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let policy = CheckpointPolicy {
        dir: dir.path().into(),
        every: Some(1),
        background: true,
        ..CheckpointPolicy::default()
    };
    let mut checkpointer = Checkpointer::new(policy, None);
    let keep = |checkpointer: &mut Checkpointer, epoch, accuracy| {
        let report =
            checkpointer.keep(CheckpointTrigger::EpochEnded(Some(accuracy)), &checkpoint(epoch));
        assert!(report.is_empty(), "not requested: {report:?}");
    };
    let epoch = |name: &str| Checkpoint::load(&dir.path().join(name)).unwrap().position().epoch;
    keep(&mut checkpointer, 1, 0.5);
    assert_eq!((epoch(BEST), epoch(LAST)), (1, 1));
    checkpointer.next = Some(Instant::now() + Duration::from_secs(3600));
    keep(&mut checkpointer, 2, 0.9);
    keep(&mut checkpointer, 3, 0.8);
    assert_eq!((epoch(BEST), epoch(LAST)), (1, 1), "too early");
    checkpointer.next = Some(Instant::now());
    keep(&mut checkpointer, 4, 0.8);
    assert_eq!((epoch(BEST), epoch(LAST), epoch(PREVIOUS)), (2, 4, 1));
    assert!(checkpointer.next.is_some_and(|next| next > Instant::now()));
    for _ in 0..2 {
        let report = checkpointer.keep(CheckpointTrigger::Requested, &checkpoint(4));
        assert!(matches!(&report[..], [Ok(written)] if written.path.ends_with(LAST)));
    }
}

#[test]
fn a_truncated_checkpoint_does_not_replace_the_previous_good_one() {
    let dir = tempfile::tempdir().unwrap();
    let [last, previous] = [LAST, PREVIOUS].map(|name| dir.path().join(name));
    checkpoint(1).save(&previous).unwrap();
    fs::write(&last, b"NNTOPCKP").unwrap();
    let policy = CheckpointPolicy {
        dir: dir.path().into(),
        every: Some(1),
        background: false,
        ..CheckpointPolicy::default()
    };
    let mut checkpointer = Checkpointer::new(policy, None);
    checkpointer.keep_previous().unwrap();
    let epoch = |path: &PathBuf| Checkpoint::load(path).unwrap().position().epoch;
    assert_eq!(epoch(&previous), 1, "a kill at this point leaves a good one");
    for (now, before) in [(2, 1), (3, 2)] {
        checkpointer.keep(CheckpointTrigger::EpochEnded(None), &checkpoint(now));
        assert_eq!((epoch(&last), epoch(&previous)), (now, before));
    }
}

#[test]
fn deleted_checkpoints_are_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().join("checkpoints");
    let policy = CheckpointPolicy {
        dir: own.clone(),
        every: Some(1),
        background: true,
        ..CheckpointPolicy::default()
    };
    let mut checkpointer = Checkpointer::new(policy, None);
    checkpointer.keep(CheckpointTrigger::EpochEnded(Some(0.9)), &checkpoint(1));
    checkpointer.next = None;
    checkpointer.keep(CheckpointTrigger::EpochEnded(Some(0.8)), &checkpoint(2));
    fs::remove_dir_all(&own).unwrap();
    // At the same position, as in a paused run.
    let report = checkpointer.keep(CheckpointTrigger::Requested, &checkpoint(2));
    assert!(matches!(&report[..], [Ok(_)]), "{report:?}");
    let epoch = |name: &str| Checkpoint::load(&own.join(name)).unwrap().position().epoch;
    assert_eq!((epoch(LAST), epoch(BEST)), (2, 1));
}

#[test]
fn a_full_disk_is_reported_once() {
    let dir = tempfile::tempdir().unwrap();
    // A directory cannot be created below a file.
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let missing = file.join("gone");
    let policy = CheckpointPolicy {
        dir: missing.clone(),
        every: Some(1),
        background: true,
        ..CheckpointPolicy::default()
    };
    let mut checkpointer = Checkpointer::new(policy, None);
    let failures = [1, 2, 3].map(|epoch| {
        checkpointer.keep(CheckpointTrigger::EpochEnded(None), &checkpoint(epoch)).len()
    });
    assert_eq!(failures, [1, 0, 0]);
    assert!(
        checkpointer.keep(CheckpointTrigger::Requested, &checkpoint(3))[0].is_err(),
        "requests are answered"
    );
    fs::remove_file(&file).unwrap();
    assert!(checkpointer.keep(CheckpointTrigger::Requested, &checkpoint(3))[0].is_ok());
}
