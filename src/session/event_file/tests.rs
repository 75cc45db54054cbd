use super::*;
use crate::protocol::{
    Claim, EpochStats, LayerStats, LogLevel, LogLine, Media, MediaBody, MetricSeries, Metrics,
    Outcome, Progress, Quantity, RunInfo, Tune,
};
use crate::session::Home;

fn epoch(epoch: u32) -> Event {
    let accuracy = Some(f64::from(epoch) / 100.0);
    Event::EpochEnded(EpochStats { epoch, test_accuracy: accuracy, ..EpochStats::default() })
}

fn run() -> (tempfile::TempDir, RunDir) {
    let state = tempfile::tempdir().unwrap();
    let run = Home::at(state.path()).create(None).unwrap();
    (state, run)
}

#[test]
fn events_are_replayed_and_samples_are_not_stored() {
    let (_state, run) = run();
    let facts = [Event::Started(Box::default()), epoch(0), epoch(1)];
    let mut file = EventFile::open(&run.events()).unwrap();
    let mut expected = RunView::default();
    for fact in &facts {
        file.append(fact).unwrap();
        file.append(&Event::Progress(Progress::default())).unwrap();
        expected.apply(fact);
    }
    assert_eq!(replay(&run), expected);
    assert_eq!(std::fs::read_to_string(run.events()).unwrap().lines().count(), 3);
}

#[test]
fn a_torn_line_is_skipped_and_repeated_events_are_stored_once() {
    let (_state, run) = run();
    let tuned =
        Event::Tuned(Tuned { change: Tune::LearningRate(0.5), previous: 3.0, epoch: 1, batch: 2 });
    let started = Event::Started(Box::new(RunInfo { epochs: 9, ..RunInfo::default() }));
    let mut file = EventFile::open(&run.events()).unwrap();
    for event in [&started, &epoch(0), &epoch(1), &tuned, &epoch(2)] {
        file.append(event).unwrap();
    }
    let whole = std::fs::read(run.events()).unwrap();
    std::fs::write(run.events(), &whole[..whole.len() - 7]).unwrap();
    let mut file = EventFile::open(&run.events()).unwrap();
    for event in [&started, &epoch(0), &epoch(1), &tuned, &epoch(2), &epoch(3)] {
        file.append(event).unwrap();
    }
    file.append(&Event::Finished(Outcome::Stopped)).unwrap();
    let view = replay(&run);
    let epochs: Vec<u32> = view.epochs.points().iter().map(|stats| stats.epoch).collect();
    assert_eq!(epochs, [0, 1, 2, 3]);
    assert_eq!((view.tuned.len(), view.outcome), (1, Some(Outcome::Stopped)));
    assert!(std::fs::read(run.events()).unwrap().starts_with(&whole[..whole.len() - 7]));
}

#[test]
fn a_diverged_epoch_can_be_written_and_read() {
    let (_state, run) = run();
    let layer = LayerStats { update_ratio: f64::NAN, ..LayerStats::default() };
    let stats = EpochStats {
        epoch: 4,
        train_cost: Some(f64::INFINITY),
        layers: vec![layer],
        ..EpochStats::default()
    };
    EventFile::open(&run.events()).unwrap().append(&Event::EpochEnded(stats)).unwrap();
    let view = replay(&run);
    assert_eq!((view.epoch(), view.latest().unwrap().train_cost), (4, None));
}

#[test]
fn events_are_buffered_while_the_disk_is_full() {
    if !Path::new("/dev/full").exists() {
        return eprintln!("skipped: there is no /dev/full");
    }
    let (_state, run) = run();
    let mut file = EventFile::open(&run.events()).unwrap();
    file.file = OpenOptions::new().append(true).open("/dev/full").unwrap();
    for number in 0..3 {
        let error = file.append(&epoch(number)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
    assert!(file.is_waiting() && file.maintain().is_err());
    file.file = open_to_append(&run.events()).unwrap();
    file.maintain().unwrap();
    assert_eq!((replay(&run).epochs.seen(), file.is_waiting()), (3, false));
    file.append(&epoch(3)).unwrap();
    assert_eq!(replay(&run).epochs.seen(), 4);
}

#[test]
fn a_deleted_file_is_restored_completely() {
    let (_state, run) = run();
    let mut file = EventFile::open(&run.events()).unwrap();
    file.append(&Event::Started(Box::default())).unwrap();
    file.append(&epoch(0)).unwrap();
    assert!(!file.maintain().unwrap());
    std::fs::remove_file(run.events()).unwrap();
    file.append(&epoch(1)).unwrap();
    assert!(file.maintain().unwrap());
    file.append(&epoch(2)).unwrap();
    let view = replay(&run);
    assert!(view.info.is_some());
    assert_eq!(view.epochs.seen(), 3);
    assert!(!file.maintain().unwrap());
}

#[test]
fn links_pipes_and_endless_lines_are_rejected() {
    use rustix::fs::{CWD, Mode, mkfifoat};
    let (_state, run) = run();
    let elsewhere = run.path().join("elsewhere");
    std::fs::write(&elsewhere, "kept").unwrap();
    std::os::unix::fs::symlink(&elsewhere, run.events()).unwrap();
    assert!(EventFile::open(&run.events()).is_err());
    assert_eq!(std::fs::read(&elsewhere).unwrap(), b"kept");
    std::fs::remove_file(run.events()).unwrap();
    mkfifoat(CWD, run.events(), Mode::RUSR | Mode::WUSR).unwrap();
    assert!(EventFile::open(&run.events()).is_err());
    assert_eq!(replay(&run), RunView::default());
    std::fs::remove_file(run.events()).unwrap();
    File::create(run.events()).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(replay(&run), RunView::default());
}

#[test]
fn epochs_of_each_network_of_an_experiment_are_stored() {
    let (_state, run) = run();
    let mut file = EventFile::open(&run.events()).unwrap();
    let started = |title: &str| {
        Event::Started(Box::new(RunInfo { title: title.into(), ..RunInfo::default() }))
    };
    for event in [started("a · 1"), epoch(0), epoch(1), started("a · 2"), epoch(0)] {
        file.append(&event).unwrap();
    }
    assert_eq!(std::fs::read_to_string(run.events()).unwrap().lines().count(), 5);
    let mut file = EventFile::open(&run.events()).unwrap();
    for event in [started("a · 2"), epoch(0), epoch(1)] {
        file.append(&event).unwrap();
    }
    assert_eq!(std::fs::read_to_string(run.events()).unwrap().lines().count(), 7);
    assert_eq!(replay(&run).epochs.seen(), 2);
}

#[test]
fn figures_are_stored_rarely_but_always_before_a_claim() {
    let (_state, run) = run();
    let mut file = EventFile::open(&run.events()).unwrap();
    let figure = |id: &str, caption: u32| {
        let (id, caption) = (id.into(), caption.to_string());
        Event::Figure(Figure { id, caption, ..Figure::default() })
    };
    let claim = Event::Claim(Claim {
        id: "x".into(),
        claim: "drawn".into(),
        expected: Quantity::Number(1.0),
        measured: Quantity::Number(1.0),
        tolerance: String::new(),
        holds: true,
        seed: 1,
        seconds: 0.0,
    });
    let mut expected = RunView::default();
    let drawn = (0..500).flat_map(|number| [figure("z", number), figure("a", number)]);
    for event in drawn.chain([claim]) {
        file.append(&event).unwrap();
        expected.apply(&event);
    }
    assert_eq!(replay(&run), expected);
    let lines = std::fs::read_to_string(run.events()).unwrap().lines().count();
    assert!(lines <= 12, "{lines} lines");
}

fn measured(name: &str, step: i64, value: f64) -> Event {
    let values = vec![(name.into(), value)];
    Event::Metrics(Metrics { step, wall_time: 1.5, values, epoch: None })
}

/// Values of a metric with their steps, as the file has them.
fn stored(run: &RunDir, wanted: &str) -> Vec<(i64, f64)> {
    let mut found = Vec::new();
    for_each_event(run, |_, event| {
        if let Event::Metrics(metrics) = event {
            let values = metrics.values.iter().filter(|(name, _)| name == wanted);
            found.extend(values.map(|(_, value)| (metrics.step, *value)));
        }
    })
    .unwrap();
    found
}

#[test]
fn a_long_run_stays_within_its_limit_and_keeps_the_ends_and_extremes_of_its_metrics() {
    const LIMIT: u64 = 3_000_000;
    let (_state, run) = run();
    let mut file = EventFile::open(&run.events()).unwrap().with_limit(LIMIT);
    let mut view = RunView::default();
    let mut dropped = 0;
    let described = |step: i64| {
        let config = vec![("step".into(), step.to_string())];
        Event::Described(Box::new(RunInfo { config, ..RunInfo::default() }))
    };
    for step in 0..60_000 {
        let loss = match step {
            777 => -5.0,
            1_234 => 9e9,
            40_321 => f64::NAN,
            _ => 1.0 / (step + 1) as f64,
        };
        let mut events = vec![measured("loss", step, loss)];
        if step % 100 == 0 {
            let text = step.to_string();
            let body = MediaBody::Text("x".repeat(1000));
            events.extend([
                measured("accuracy", step, 0.5),
                Event::Log(LogLine { level: LogLevel::Info, text: text.clone() }),
                Event::Media(Box::new(Media { tag: "sample".into(), step, body })),
                described(step),
            ]);
        }
        for event in events {
            file.append(&event).unwrap();
            view.apply(&event);
        }
        assert!(run.events().metadata().unwrap().len() <= LIMIT / 5 * 3 + 10_000);
        dropped += file.take_dropped();
    }
    let loss = stored(&run, "loss");
    assert!(loss.is_sorted_by_key(|(step, _)| *step));
    assert_eq!(loss.len() as u64 + dropped, 60_000);
    assert_eq!(stored(&run, "accuracy").len(), 600, "few values are not thinned");
    let kept = replay(&run);
    let (all, now) = (view.metrics.get("loss").unwrap(), kept.metrics.get("loss").unwrap());
    assert_eq!((all.min(), all.max(), all.last()), (now.min(), now.max(), now.last()));
    assert_eq!(all.points()[0], now.points()[0]);
    // Newer parts are kept more closely, and no part of the run is without values.
    assert!(loss.windows(2).all(|pair| pair[1].0 - pair[0].0 <= 600), "a gap");
    let within = |steps: std::ops::Range<i64>| loss.iter().filter(|p| steps.contains(&p.0)).count();
    assert!(within(45_000..60_000) > 2 * within(0..15_000));
    let other = |view: RunView| (view.log, view.media, view.info);
    assert_eq!(other(kept), other(view));
}

#[test]
fn below_its_limit_a_file_keeps_every_value() {
    let (_state, run) = run();
    let mut file = EventFile::open(&run.events()).unwrap().with_limit(3_000_000);
    for step in 0..5_000 {
        file.append(&measured("loss", step, step as f64)).unwrap();
    }
    assert_eq!((stored(&run, "loss").len(), file.take_dropped()), (5_000, 0));
    // The limit is that of the whole file, whichever process has written it.
    let mut file = EventFile::open(&run.events()).unwrap().with_limit(300_000);
    file.append(&measured("loss", 5_000, 0.0)).unwrap();
    assert!(file.take_dropped() > 0 && run.events().metadata().unwrap().len() < 200_000);
}

#[test]
fn metrics_of_many_names_are_thinned_as_well() {
    const LIMIT: u64 = 300_000;
    let (_state, run) = run();
    let mut file = EventFile::open(&run.events()).unwrap().with_limit(LIMIT);
    for step in 0..20_000 {
        file.append(&measured(&format!("m{}", step % 50), step, step as f64)).unwrap();
        assert!(run.events().metadata().unwrap().len() <= LIMIT);
    }
    let last = |view: &RunView, name: &str| view.metrics.get(name).and_then(MetricSeries::last);
    assert_eq!(last(&replay(&run), "m7"), Some((19_957, 19_957.0)));
    assert_eq!(stored(&run, "m7")[0], (7, 7.0));
}
