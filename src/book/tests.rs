use super::*;
use crate::jobs::{
    EnsembleRecipe, ExperimentError, JobContext, Options, PlannedRun, Running, Tolerance, median,
    percent, train_ensemble,
};
use crate::model::Model;
use crate::protocol::{Activity, Command, Content, Event, Outcome, Probe, ProbeQuery, StepAmount};
use crate::spec::Spec;
use std::collections::BTreeSet;
use std::time::Duration;

/// An experiment for these tests: two parallel runs on few images.
static TWO_RUNS: Experiment = Experiment {
    id: "0-two-runs",
    chapter: 0,
    title: "two runs",
    expected: "nothing",
    quick_suffices: true,
    run: two_runs,
};
static PANICS: Experiment =
    Experiment { id: "0-panics", run: |_| panic!("on purpose"), ..TWO_RUNS };

fn two_runs(context: &mut JobContext) -> Result<(), ExperimentError> {
    let spec =
        Spec { layers: "784,5,10".into(), epochs: 3, train_size: Some(100), ..Spec::default() };
    let runs =
        [1, 2].map(|seed| PlannedRun::new(format!("seed {seed}"), Spec { seed, ..spec.clone() }));
    let trained = context.train_all(runs.into(), |_| None)?;
    let accuracy = median(trained.iter().map(|t| percent(t.record.best_test_accuracy())));
    context.claim_number("it trains", 0.0, accuracy, Tolerance::AtLeast, "%");
    Ok(())
}

fn next(running: &Running) -> Event {
    running.events.recv_timeout(Duration::from_secs(60)).unwrap()
}

fn until(running: &Running, found: impl Fn(&Event) -> bool) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        events.push(next(running));
        if found(events.last().unwrap()) {
            return events;
        }
    }
}

fn finished(event: &Event) -> bool {
    matches!(event, Event::Finished(_))
}

#[test]
fn ids_are_unique_and_name_their_chapter() {
    let ids: BTreeSet<&str> = EXPERIMENTS.iter().map(|experiment| experiment.id).collect();
    assert_eq!(ids.len(), EXPERIMENTS.len());
    assert!(EXPERIMENTS.is_sorted_by_key(|experiment| experiment.chapter), "the book's order");
    for experiment in EXPERIMENTS {
        assert!(experiment.id.starts_with(&format!("{}-", experiment.chapter)));
        assert_eq!(find(experiment.id).unwrap().title, experiment.title);
    }
}

#[test]
fn parallel_runs_are_reported_one_after_another() {
    let running = Running::spawn(&TWO_RUNS, Options::default()).unwrap();
    let events = until(&running, finished);
    let reported: Vec<String> = events
        .iter()
        .filter_map(|event| match event {
            Event::Started(info) => Some(info.title.clone()),
            Event::EpochEnded(stats) => Some(stats.epoch.to_string()),
            Event::Claim(claim) => Some(claim.claim.clone()),
            Event::Finished(Outcome::Completed(how)) => Some(how.clone()),
            _ => None,
        })
        .collect();
    let (first, second) = ("0-two-runs · seed 1", "0-two-runs · seed 2");
    let expected = [
        "0-two-runs",
        first,
        "0",
        "1",
        "2",
        "3",
        second,
        "0",
        "1",
        "2",
        "3",
        "it trains",
        "the claim holds",
    ];
    assert_eq!(reported, expected);
    running.join();
}

#[test]
fn a_stop_ends_the_job_and_a_panic_is_reported() {
    let running = Running::spawn(&TWO_RUNS, Options::default()).unwrap();
    running.commands.send(Command::Stop).unwrap();
    assert_eq!(until(&running, finished).pop(), Some(Event::Finished(Outcome::Stopped)));
    running.join();
    let running = Running::spawn(&PANICS, Options::default()).unwrap();
    let Some(Event::Finished(Outcome::Failed(why))) = until(&running, finished).pop() else {
        panic!("it failed")
    };
    assert!(why.contains("on purpose"), "{why}");
    running.join();
}

#[test]
fn a_step_pauses_and_a_resumed_job_ends() {
    let running = Running::spawn(&TWO_RUNS, Options::default()).unwrap();
    running.commands.send(Command::Pause).unwrap();
    let paused =
        |event: &Event| matches!(event, Event::StatusChanged(s) if s.activity == Activity::Paused);
    until(&running, paused);
    running.commands.send(Command::Step(StepAmount::Epochs(1))).unwrap();
    let events = until(&running, paused);
    let epochs = |events: &[Event]| {
        events.iter().filter(|event| matches!(event, Event::EpochEnded(_))).count()
    };
    assert!(epochs(&events) <= 2, "the untrained network and one epoch at most");
    running.commands.send(Command::Resume).unwrap();
    let rest = until(&running, finished);
    assert_eq!(rest.last(), Some(&Event::Finished(Outcome::Completed("the claim holds".into()))));
    running.join();
}

#[test]
fn an_ensemble_is_trained_saved_and_answers_probes_with_votes() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("three.safetensors");
    let spec =
        Spec { layers: "784,5,10".into(), epochs: 1, train_size: Some(100), ..Spec::default() };
    let save = Some(file.clone());
    let ensemble = EnsembleRecipe { spec, networks: 3, dataset: None, save, checkpoints: None };
    let running = train_ensemble(ensemble, Options::default()).unwrap();
    let events = until(&running, finished);
    let titles: Vec<&str> = events
        .iter()
        .filter_map(|event| match event {
            Event::Started(info) => Some(info.title.as_str()),
            _ => None,
        })
        .collect();
    let each = ["seed 3", "seed 4", "seed 5"].map(|seed| format!("ensemble · {seed}"));
    assert_eq!(titles[1..4], each.each_ref().map(String::as_str));
    assert!(titles[4].starts_with("3 × ") && titles.len() == 5, "{titles:?}");
    assert!(events.iter().any(|event| matches!(event, Event::Saved(_))));
    assert_eq!(Model::load(&file).unwrap().networks().count(), 3);
    let digit = Probe::live(ProbeQuery::Digit { index: 0 });
    running.commands.send(Command::Watch(vec![digit])).unwrap();
    let answers = until(&running, |event| matches!(event, Event::Frame(_)));
    let Some(Event::Frame(frame)) = answers.last() else { panic!("a frame") };
    assert!(
        matches!(&frame.content, Content::Digit { votes, .. } if votes.len() == 3),
        "{frame:?}"
    );
    running.join();
}

/// Pauses all started networks when the first has trained for an epoch.
fn pause_after_an_epoch(running: &Running) {
    running.commands.send(Command::Pause).unwrap();
    let paused =
        |event: &Event| matches!(event, Event::StatusChanged(s) if s.activity == Activity::Paused);
    let first = |event: &Event| matches!(event, Event::EpochEnded(stats) if stats.epoch >= 1);
    while !until(running, paused).iter().any(first) {
        running.commands.send(Command::Step(StepAmount::Epochs(1))).unwrap();
    }
}

#[test]
fn an_interrupted_ensemble_resumes_to_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let spec =
        Spec { layers: "784,5,10".into(), epochs: 3, train_size: Some(100), ..Spec::default() };
    let train = |name: &str, checkpoints: Option<&str>| {
        let save = Some(dir.path().join(name));
        let checkpoints = checkpoints.map(|name| dir.path().join(name));
        let ensemble =
            EnsembleRecipe { spec: spec.clone(), networks: 3, dataset: None, save, checkpoints };
        train_ensemble(ensemble, Options::default()).unwrap()
    };
    let outcome = |running: Running| {
        let mut events = until(&running, finished);
        running.join();
        let last = events.pop();
        (matches!(last, Some(Event::Finished(Outcome::Completed(_)))), events)
    };
    let running = train("a", Some("kept"));
    pause_after_an_epoch(&running);
    running.commands.send(Command::Stop).unwrap();
    assert!(!outcome(running).0 && !dir.path().join("a").exists());
    let (completed, events) = outcome(train("a", Some("kept")));
    let resumed = |event: &&Event| matches!(event, Event::Log(line) if line.text.starts_with("resumed after epoch "));
    assert!(completed && events.iter().filter(resumed).count() > 0);
    let epochs = events.iter().filter(|event| matches!(event, Event::EpochEnded(_))).count();
    assert_eq!(epochs, 3 * 4 + 1, "earlier epochs are sent again");
    assert!(outcome(train("b", None)).0);
    let [a, b] = ["a", "b"].map(|name| std::fs::read(dir.path().join(name)).unwrap());
    assert!(a == b);
    // A completed ensemble is not trained further.
    let (completed, again) = outcome(train("c", Some("kept")));
    assert!(completed && std::fs::read(dir.path().join("c")).unwrap() == b);
    let epochs = again.iter().filter(|event| matches!(event, Event::EpochEnded(_))).count();
    assert_eq!(epochs, 3 * 4 + 1);
}

#[test]
fn saving_reaches_every_started_network() {
    let dir = tempfile::tempdir().unwrap();
    let spec =
        Spec { layers: "784,5,10".into(), epochs: 3, train_size: Some(100), ..Spec::default() };
    let checkpoints = Some(dir.path().into());
    let ensemble = EnsembleRecipe { spec, networks: 3, dataset: None, save: None, checkpoints };
    let running = train_ensemble(ensemble, Options::default()).unwrap();
    pause_after_an_epoch(&running);
    running.commands.send(Command::Save).unwrap();
    running.commands.send(Command::Resume).unwrap();
    let events = until(&running, finished);
    running.join();
    let saved =
        |event: &&Event| matches!(event, Event::Saved(saved) if saved.path.ends_with("last.ckpt"));
    let at_once = std::thread::available_parallelism().unwrap().get().min(3);
    assert_eq!(events.iter().filter(saved).count(), at_once);
}
