use super::*;
use crate::nn::Penalty;
use crate::protocol::{Activity, Command, Event, Outcome, RunView, StepAmount, Tune};
use crate::spec::testing::{dataset, spec};
use crate::spec::{EarlyStopping, Expansion, Optimizer, Schedule};
use crate::train::{RunHandle, RunOptions};
use proptest::prelude::*;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

fn options(dir: Option<&Path>) -> RunOptions {
    let policy = |dir: &Path| CheckpointPolicy {
        dir: dir.into(),
        every: Some(1),
        ..CheckpointPolicy::default()
    };
    let checkpoints = dir.map(policy).into_iter().collect();
    RunOptions { dataset: Some(Arc::new(dataset())), checkpoints, ..RunOptions::default() }
}

fn fold_until(handle: &RunHandle, view: &mut RunView, mut last: impl FnMut(&RunView) -> bool) {
    while !last(view) {
        view.apply(&handle.events.recv_timeout(PATIENCE).expect("the event comes"));
    }
}

/// Epochs without the values that depend on time.
fn timeless(view: &RunView) -> Vec<EpochStats> {
    let points = view.epochs.points().iter().cloned();
    points
        .map(|stats| EpochStats { train_seconds: 0.0, samples_per_second: 0.0, ..stats })
        .collect()
}

/// Trains to the end, and halves η by a command after `tuned` mini-batches. The run is stopped
/// after each number of mini-batches in `interruptions`, and resumed from its checkpoint with a new
/// handle.
fn train(spec: &Spec, tuned: u32, interruptions: &[u32]) -> (Network, RunView) {
    let dir = tempfile::tempdir().unwrap();
    let mut at = 0;
    let mut stops: Vec<(u32, bool)> = interruptions.iter().map(|&b| (b, false)).collect();
    stops.push((tuned, true));
    stops.sort_unstable();
    let mut resume = None;
    let mut handle;
    let mut view;
    let mut stops = stops.into_iter();
    loop {
        handle = RunHandle::spawn(
            spec.clone(),
            RunOptions { resume: resume.take(), start_paused: true, ..options(Some(dir.path())) },
        )
        .unwrap();
        view = RunView::default();
        fold_until(&handle, &mut view, |view| view.status.activity == Activity::Paused);
        let mut interrupted = false;
        for (stop, tune) in stops.by_ref() {
            if stop > at {
                handle.commands.send(Command::Step(StepAmount::Batches(stop - at))).unwrap();
                fold_until(&handle, &mut view, |view| view.status.activity != Activity::Paused);
                fold_until(&handle, &mut view, |view| {
                    view.status.activity == Activity::Paused || view.outcome.is_some()
                });
            }
            at = stop;
            if tune {
                handle.commands.send(Command::Set(Tune::LearningRate(spec.eta / 2.0))).unwrap();
            } else {
                interrupted = true;
                break;
            }
        }
        if !interrupted {
            break;
        }
        handle.commands.send(Command::Stop).unwrap();
        fold_until(&handle, &mut view, |view| view.outcome.is_some());
        drop(handle.join());
        resume = Some(Box::new(Checkpoint::load(dir.path()).unwrap()));
    }
    handle.commands.send(Command::Resume).unwrap();
    fold_until(&handle, &mut view, |view| view.outcome.is_some());
    assert!(matches!(view.outcome, Some(Outcome::Completed(_))), "{:?}", view.outcome);
    (handle.join().unwrap(), view)
}

/// Every optimizer with every schedule, with and without dropout; and other stateful features.
fn recipes() -> Vec<Spec> {
    let base = Spec { epochs: 6, train_size: Some(115), ..spec() };
    let mut recipes = Vec::new();
    for (optimizer, momentum, eta) in [
        (Optimizer::Sgd, 0.0, 3.0),
        (Optimizer::Momentum, 0.6, 1.0),
        (Optimizer::Nesterov, 0.6, 1.0),
        (Optimizer::Adam, 0.0, 0.01),
    ] {
        let halve = Schedule::HalveOnPlateau { patience: 1, stop_at: 64 };
        for schedule in [Schedule::Constant, halve, Schedule::Linear] {
            for dropout in [0.0, 0.3] {
                let base = base.clone();
                recipes.push(Spec { optimizer, momentum, dropout, schedule, eta, ..base });
            }
        }
    }
    let regularizer = Regularizer { penalty: Penalty::L2, lambda: 0.5 };
    let early_stopping = EarlyStopping::NoImprovementIn(3);
    recipes.push(Spec { regularizer, early_stopping, ..base.clone() });
    let expand = vec![Expansion::Shifts, Expansion::Rotation(10.0)];
    recipes.push(Spec { expand, epochs: 2, ..base });
    recipes
}

#[test]
fn an_interrupted_run_ends_with_the_bytes_of_an_uninterrupted_one() {
    for (index, spec) in recipes().into_iter().enumerate() {
        let (whole, whole_view) = train(&spec, 20, &[]);
        // Within an epoch, at its start, at its last mini-batch, and twice at the same position.
        for interruptions in [&[7][..], &[12, 24], &[11, 11, 23, 40]] {
            let (parts, view) = train(&spec, 20, interruptions);
            let what = format!("recipe {index}, interrupted at {interruptions:?}");
            assert!(parts == whole, "{what}: other weights");
            assert_eq!(timeless(&view), timeless(&whole_view), "{what}");
            assert_eq!(view.tuned, whole_view.tuned, "{what}");
            assert_eq!(view.outcome, whole_view.outcome, "{what}");
        }
    }
}

#[test]
fn an_extended_run_equals_the_longer_run() {
    let short = Spec { epochs: 2, ..spec() };
    let dir = tempfile::tempdir().unwrap();
    let handle = RunHandle::spawn(short, options(Some(dir.path()))).unwrap();
    fold_until(&handle, &mut RunView::default(), |view| view.outcome.is_some());
    let resume = Some(Box::new(Checkpoint::load(dir.path()).unwrap()));
    let handle = RunHandle::spawn(spec(), RunOptions { resume, ..options(None) }).unwrap();
    fold_until(&handle, &mut RunView::default(), |view| view.outcome.is_some());
    let whole = RunHandle::spawn(spec(), options(None)).unwrap();
    fold_until(&whole, &mut RunView::default(), |view| view.outcome.is_some());
    assert_eq!(handle.join(), whole.join());
}

#[test]
fn other_recipes_and_other_data_are_errors() {
    let checkpoint = sample();
    let resume = Some(Box::new(checkpoint.clone()));
    let other = Spec { eta: 1.5, ..spec() };
    let error = RunHandle::spawn(other, RunOptions { resume, ..options(None) }).unwrap_err();
    assert!(error.to_string().contains("eta"), "{error}");
    let mut data = dataset();
    data.train.labels.swap(0, 1);
    let resume = Some(Box::new(checkpoint));
    let options = RunOptions { resume, dataset: Some(Arc::new(data)), ..RunOptions::default() };
    let handle = RunHandle::spawn(spec(), options).unwrap();
    let mut view = RunView::default();
    fold_until(&handle, &mut view, |view| view.outcome.is_some());
    let Some(Outcome::Failed(reason)) = view.outcome else { panic!("{:?}", view.outcome) };
    assert!(reason.contains("same data"), "{reason}");
}

/// A checkpoint of an untrained run.
fn sample() -> Checkpoint {
    let data = dataset();
    let network = crate::spec::build(&spec(), &data).unwrap();
    Checkpoint::start(spec(), network, &data)
}

#[test]
fn a_written_file_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(LAST);
    let checkpoint = sample();
    let bytes = checkpoint.save(&path).unwrap();
    assert_eq!(bytes, fs::metadata(&path).unwrap().len());
    assert_eq!(Checkpoint::load(&path).unwrap(), checkpoint);
    assert_eq!(Checkpoint::load(dir.path()).unwrap(), checkpoint);
}

#[test]
fn foreign_and_truncated_files_are_distinguished() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.ckpt");
    let error = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        Checkpoint::load(&path).unwrap_err()
    };
    assert!(matches!(error(b"PNG and so on"), CheckpointError::Foreign { .. }));
    assert!(matches!(error(b""), CheckpointError::Truncated { .. }));
    let whole = file::encode(&sample());
    assert!(matches!(error(&whole[..whole.len() - 1]), CheckpointError::Truncated { .. }));
    assert!(matches!(error(&[&whole[..], b"x"].concat()), CheckpointError::Truncated { .. }));
    let mut newer = whole.clone();
    newer[8] = 99;
    assert!(matches!(error(&newer), CheckpointError::Version { found: 99, .. }));
    let mut huge = whole;
    huge[12..20].fill(0xff);
    assert!(matches!(error(&huge), CheckpointError::Malformed { .. }));
}

#[test]
fn the_previous_checkpoint_replaces_a_truncated_one() {
    let dir = tempfile::tempdir().unwrap();
    let handle = RunHandle::spawn(spec(), options(Some(dir.path()))).unwrap();
    let mut view = RunView::default();
    fold_until(&handle, &mut view, |view| view.outcome.is_some());
    let last = dir.path().join(LAST);
    let whole = fs::read(&last).unwrap();
    fs::write(&last, &whole[..whole.len() / 2]).unwrap();
    let checkpoint = Checkpoint::load(dir.path()).unwrap();
    assert_eq!(checkpoint.position(), Position { epoch: 4, batch: 0 });
    let resume = Some(Box::new(checkpoint));
    let resumed = RunHandle::spawn(spec(), RunOptions { resume, ..options(None) }).unwrap();
    let mut view = RunView::default();
    fold_until(&resumed, &mut view, |view| view.outcome.is_some());
    assert!(view.log.iter().any(|line| line.text.contains("truncated")), "{:?}", view.log);
    assert_eq!(resumed.join(), handle.join());
}

#[test]
fn a_deleted_directory_does_not_end_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let handle = RunHandle::spawn(spec(), options(Some(&dir.path().join("none")))).unwrap();
    let mut errors = 0;
    loop {
        match handle.events.recv_timeout(PATIENCE).unwrap() {
            Event::Log(line) if line.text.contains("cannot be written") => errors += 1,
            Event::Finished(outcome) => break assert!(matches!(outcome, Outcome::Completed(_))),
            _ => {}
        }
    }
    assert!(errors > 0);
}

proptest! {
    #[test]
    fn all_damage_is_detected(at in 0.0..1.0_f64, change in 1_u8.., cut in any::<bool>()) {
        let mut bytes = file::encode(&sample());
        let at = (at * bytes.len() as f64) as usize;
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] ^= change;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("damaged.ckpt");
        fs::write(&path, bytes).unwrap();
        prop_assert!(Checkpoint::load(&path).is_err());
    }
}
