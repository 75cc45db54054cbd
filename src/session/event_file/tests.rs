use super::*;
use crate::protocol::{Claim, EpochStats, LayerStats, Outcome, Progress, Quantity, RunInfo, Tune};
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
