use super::*;
use crate::protocol::{
    Content, DigitFilter, DigitQuery, EpochStats, Frame, Moment, PredictionFilter, Probe,
    ProbeQuery, RunView, StepAmount, Tune,
};
use crate::spec::Expansion;
use crate::spec::testing::{dataset, spec};
use std::time::Duration;

/// A timeout longer than any test takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn start(spec: Spec, start_paused: bool) -> RunHandle {
    let options =
        RunOptions { dataset: Some(Arc::new(dataset())), start_paused, ..RunOptions::default() };
    RunHandle::spawn(spec, options).unwrap()
}

/// Applies events up to the first that satisfies `last`.
fn fold_until(handle: &RunHandle, view: &mut RunView, mut last: impl FnMut(&RunView) -> bool) {
    while !last(view) {
        view.apply(&handle.events.recv_timeout(PATIENCE).expect("the event comes"));
    }
}

fn paused(view: &RunView) -> bool {
    view.status.activity == Activity::Paused
}

fn finished(view: &RunView) -> bool {
    view.outcome.is_some()
}

fn frame(handle: &RunHandle, probe: &Probe) -> Frame {
    handle.commands.send(Command::Watch(vec![probe.clone()])).unwrap();
    let mut view = RunView::default();
    fold_until(handle, &mut view, |view| view.frames.contains_key(probe));
    view.frames[probe].clone()
}

/// The network at the end of a run.
fn trained(spec: Spec) -> Network {
    let handle = start(spec, false);
    fold_until(&handle, &mut RunView::default(), finished);
    handle.join().unwrap()
}

#[test]
fn with_all_images_the_validation_images_are_trained_on() {
    let handle = start(Spec { all_images: true, batch: 150, ..spec() }, false);
    let mut view = RunView::default();
    fold_until(&handle, &mut view, finished);
    let info = view.info.as_ref().unwrap();
    assert_eq!((info.train_size, info.validation_size, info.test_size), (150, 0, 60));
    let last = view.latest().unwrap();
    assert_eq!((last.validation_accuracy, last.validation_cost), (None, None));
    assert!(last.test_accuracy.is_some() && last.epoch == 5);
}

#[test]
fn a_run_evaluates_epoch_0_learns_and_completes() {
    let handle = start(spec(), false);
    let mut view = RunView::default();
    fold_until(&handle, &mut view, finished);
    assert!(matches!(view.outcome, Some(Outcome::Completed(_))), "{:?}", view.outcome);
    let epochs: Vec<u32> = view.epochs.points().iter().map(|stats| stats.epoch).collect();
    assert_eq!(epochs, [0, 1, 2, 3, 4, 5]);
    let (first, last) = (&view.epochs.points()[0], view.latest().unwrap());
    assert_eq!(first.layers, []);
    assert!(last.train_cost.unwrap() < first.train_cost.unwrap() / 2.0);
    for accuracy in [last.train_accuracy, last.validation_accuracy, last.test_accuracy] {
        assert!(accuracy.unwrap() > 0.9, "{accuracy:?}");
    }
    assert!(last.train_seconds > 0.0 && last.samples_per_second > 0.0);
    assert_eq!(last.layers.len(), 2);
    let info = view.info.unwrap();
    assert_eq!((info.parameters, info.train_size, info.test_size), (16 * 6 + 6 + 18 + 3, 120, 60));
}

#[test]
fn equal_specs_give_equal_bytes_and_other_seeds_do_not() {
    assert_eq!(trained(spec()), trained(spec()));
    assert_ne!(trained(spec()), trained(Spec { seed: 2, ..spec() }));
}

#[test]
fn prefetching_does_not_change_the_result() {
    let weights = |threads, expand: &[Expansion]| {
        // Two mini-batches of 40 and a short one.
        let (batch, train_size, expand) = (40, Some(110), expand.to_vec());
        trained(Spec { batch, train_size, expand, threads: Some(threads), ..spec() })
    };
    for expand in [&[][..], &[Expansion::Shifts], &[Expansion::Rotation(20.0)]] {
        assert!(weights(1, expand) == weights(2, expand), "{expand:?}");
    }
}

#[test]
fn steps_train_the_requested_amount_and_pause() {
    let handle = start(spec(), true);
    let mut view = RunView::default();
    fold_until(&handle, &mut view, paused);
    assert_eq!(view.epoch(), 0);
    assert_eq!(view.epochs.seen(), 1, "epoch 0 is evaluated before the first pause");
    let mut step = |step, epoch, batch| {
        handle.commands.send(Command::Step(step)).unwrap();
        fold_until(&handle, &mut view, |view| !paused(view));
        fold_until(&handle, &mut view, paused);
        let progress = view.progress.as_ref().unwrap();
        assert_eq!((view.epoch(), progress.batch), (epoch, batch));
    };
    step(StepAmount::Batches(1), 0, 1);
    step(StepAmount::Batches(3), 0, 4);
    step(StepAmount::Epochs(1), 1, 0);
    step(StepAmount::Epochs(2), 3, 0);
}

#[test]
fn a_stopped_run_still_answers_probes() {
    let handle = start(Spec { epochs: 1_000_000, ..spec() }, false);
    let mut view = RunView::default();
    fold_until(&handle, &mut view, |view| view.epoch() >= 1);
    handle.commands.send(Command::Stop).unwrap();
    fold_until(&handle, &mut view, finished);
    assert_eq!(view.outcome, Some(Outcome::Stopped));
    let Content::Confusion { classes, counts } =
        frame(&handle, &Probe::live(ProbeQuery::Confusion)).content
    else {
        panic!("expected a confusion matrix");
    };
    assert_eq!((classes, counts.iter().sum::<u32>()), (3, 60));
    assert!(handle.join().is_some());
}

#[test]
fn a_paused_run_handles_watch_classify_and_set() {
    let handle = start(spec(), true);
    let mut view = RunView::default();
    fold_until(&handle, &mut view, paused);
    let Content::Digit { card, outputs, .. } =
        frame(&handle, &Probe::live(ProbeQuery::Digit { index: 4 })).content
    else {
        panic!("expected a digit");
    };
    handle.commands.send(Command::Classify { id: 7, pixels: card.pixels }).unwrap();
    fold_until(&handle, &mut view, |view| view.classified.is_some());
    let classified = view.classified.clone().unwrap();
    assert_eq!((classified.id, classified.outputs), (7, outputs));
    handle.commands.send(Command::Set(Tune::LearningRate(0.5))).unwrap();
    handle.commands.send(Command::Set(Tune::LearningRate(f64::NAN))).unwrap();
    handle.commands.send(Command::Step(StepAmount::Epochs(1))).unwrap();
    fold_until(&handle, &mut view, |view| view.epoch() == 1);
    assert_eq!(view.tuned.len(), 1, "a value that is not a number is rejected");
    assert!(view.log.iter().any(|line| line.text.contains("NaN")), "{:?}", view.log);
    assert!((view.latest().unwrap().learning_rate - 0.5).abs() < 1e-9);
}

#[test]
fn probes_of_past_epochs_are_answered_from_snapshots() {
    let handle = start(spec(), false);
    let mut view = RunView::default();
    fold_until(&handle, &mut view, finished);
    let answered = |view: &RunView, probe: &Probe| {
        let frame = view.frames.get(probe);
        frame.filter(|frame| !matches!(frame.content, Content::Measuring { .. })).cloned()
    };
    let wrong = |frame: &Frame| match &frame.content {
        Content::Digits { total, .. } => *total,
        other => panic!("expected a list of digits, not {other:?}"),
    };
    let filter = DigitFilter { verdict: PredictionFilter::Wrong, ..DigitFilter::default() };
    let query = ProbeQuery::Digits(DigitQuery { filter, count: 5, ..DigitQuery::default() });
    let epochs = view.epochs.points().to_vec();
    // Many times: each probe arrives just as the evaluation for the one before has ended.
    for stats in epochs.iter().cycle().take(40 * epochs.len()) {
        let EpochStats { epoch, test_accuracy, .. } = stats;
        let probe = Probe { what: query.clone(), at: Moment::Epoch(*epoch) };
        view.frames.clear();
        handle.commands.send(Command::Watch(vec![probe.clone()])).unwrap();
        fold_until(&handle, &mut view, |view| answered(view, &probe).is_some());
        let frame = answered(&view, &probe).unwrap();
        assert_eq!(frame.epoch, *epoch);
        let accuracy = 1.0 - f64::from(wrong(&frame)) / 60.0;
        assert!((accuracy - test_accuracy.unwrap()).abs() < 1e-9, "epoch {epoch}");
    }
}

#[test]
fn a_learning_rate_far_too_large_diverges_with_a_hint() {
    let layers = "16,6,3".into();
    let activation = crate::nn::Activation::Relu;
    let handle = start(Spec { eta: 1e30, layers, activation, ..spec() }, false);
    let mut view = RunView::default();
    fold_until(&handle, &mut view, finished);
    let Some(Outcome::Diverged { hint, .. }) = view.outcome else {
        panic!("diverged, not {:?}", view.outcome);
    };
    assert!(hint.contains("η"), "{hint}");
}

#[test]
fn unreadable_data_fails_the_run_with_the_reason() {
    let spec = Spec { data: Some("/nonexistent/digits".into()), ..spec() };
    let handle = RunHandle::spawn(spec, RunOptions::default()).unwrap();
    let mut view = RunView::default();
    fold_until(&handle, &mut view, finished);
    let Some(Outcome::Failed(reason)) = view.outcome else { panic!("failed") };
    assert!(reason.contains("/nonexistent/digits"), "{reason}");
}

#[test]
fn a_paused_run_without_an_owner_ends() {
    let handle = start(spec(), true);
    fold_until(&handle, &mut RunView::default(), paused);
    assert!(handle.join().is_some());
}

#[test]
fn slow_motion_can_be_ended_immediately() {
    let handle = start(spec(), true);
    let mut view = RunView::default();
    fold_until(&handle, &mut view, paused);
    handle.commands.send(Command::Pace(Pace::BatchesPerSecond(0.001))).unwrap();
    handle.commands.send(Command::Resume).unwrap();
    fold_until(&handle, &mut view, |view| view.progress.as_ref().is_some_and(|p| p.batch == 1));
    handle.commands.send(Command::Pace(Pace::Full)).unwrap();
    fold_until(&handle, &mut view, finished);
    assert_eq!(view.epoch(), 5);
}

#[test]
fn dense_weights_have_the_shape_of_their_input() {
    let shapes = |layers: &str, layer| {
        let handle = start(Spec { layers: layers.into(), ..spec() }, true);
        let content =
            frame(&handle, &Probe::live(ProbeQuery::Weights { layer, first: 0, count: 2 })).content;
        let Content::Weights { rows, .. } = content else { panic!("{content:?}") };
        rows.into_iter().map(|row| row.shape).collect::<Vec<_>>()
    };
    assert_eq!(shapes("16,6,3", 0), [[1, 4, 4]; 2]);
    assert_eq!(shapes("16,6,3", 1), [[1, 1, 6]; 2]);
    assert_eq!(shapes("conv2x3-dense3", 0), [[1, 3, 3]; 2]);
    assert_eq!(shapes("conv2x3-dense3", 1), [[2, 2, 2]; 2]);
}
