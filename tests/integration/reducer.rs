//! The invariant of attaching: a snapshot plus the events after it gives the same state as all
//! events from the beginning.

use nntop::protocol::{
    Activity, Claim, Classified, Content, EpochStats, Event, Figure, FigureBody, Frame, LogLevel,
    LogLine, Outcome, Probe, ProbeQuery, Progress, Quantity, RunInfo, RunView, SavedFile, Status,
    Tune, Tuned,
};
use nntop::session::wire;
use proptest::prelude::*;

fn fraction() -> impl Strategy<Value = Option<f64>> {
    proptest::option::of(0.0..1.0_f64)
}

fn epoch_ended() -> impl Strategy<Value = Event> {
    (0..3000_u32, fraction(), fraction(), fraction()).prop_map(
        |(epoch, train, validation, test)| {
            Event::EpochEnded(EpochStats {
                epoch,
                train_accuracy: train,
                validation_accuracy: validation,
                test_accuracy: test,
                ..EpochStats::default()
            })
        },
    )
}

fn frame() -> impl Strategy<Value = Event> {
    let what = prop_oneof![
        Just(ProbeQuery::Confusion),
        Just(ProbeQuery::Gradients),
        (0..100_u32).prop_map(|index| ProbeQuery::Digit { index }),
    ];
    (what, 0..9_u32).prop_map(|(what, epoch)| {
        let content = Content::Unavailable(format!("as of {epoch}"));
        Event::Frame(Box::new(Frame { probe: Probe::live(what), epoch, batch: 0, content }))
    })
}

fn experiment() -> impl Strategy<Value = Event> {
    let figure = ("[a-d]", ".{0,8}").prop_map(|(id, line)| {
        let body = FigureBody::Text(vec![line]);
        Event::Figure(Figure { id, title: String::new(), caption: String::new(), body })
    });
    let claim = (any::<bool>(), 0..9_u64).prop_map(|(holds, seed)| {
        Event::Claim(Claim {
            id: "1-nand".into(),
            claim: String::new(),
            expected: Quantity::Number(1.0),
            measured: Quantity::Text("one".into()),
            tolerance: String::new(),
            holds,
            seed,
            seconds: 0.5,
        })
    });
    prop_oneof![figure, claim]
}

fn event() -> impl Strategy<Value = Event> {
    let activity = prop_oneof![
        Just(Activity::Training),
        Just(Activity::Evaluating),
        Just(Activity::Paused),
        Just(Activity::Starting),
    ];
    let status =
        (activity, any::<bool>(), any::<bool>()).prop_map(|(activity, pausing, stopping)| {
            Event::StatusChanged(Status { activity, pausing, stopping, ..Status::default() })
        });
    let started = (1..99_u32)
        .prop_map(|epochs| Event::Started(Box::new(RunInfo { epochs, ..RunInfo::default() })));
    let tuned = (0.001..9.0_f64, 0..99_u32).prop_map(|(eta, epoch)| {
        let change = Tune::LearningRate(eta);
        Event::Tuned(Tuned { change, previous: 3.0, epoch, batch: 0 })
    });
    let saved = (0..99_u32)
        .prop_map(|epoch| Event::Saved(SavedFile { path: "a".into(), epoch, batch: 0, bytes: 1 }));
    let log = ".{0,12}".prop_map(|text| Event::Log(LogLine { level: LogLevel::Info, text }));
    let finished = prop_oneof![
        Just(Outcome::Stopped),
        Just(Outcome::Completed("all epochs".into())),
        (0..9_u32).prop_map(|epoch| Outcome::Diverged { epoch, hint: String::new() }),
    ];
    let progress = (0..99_u32, 0..5000_u32).prop_map(|(epoch, batch)| {
        Event::Progress(Progress { epoch, batch, ..Progress::default() })
    });
    let classified =
        (0..9_u64).prop_map(|id| Event::Classified(Classified { id, ..Classified::default() }));
    prop_oneof![
        6 => epoch_ended(),
        2 => frame(),
        2 => experiment(),
        1 => status,
        1 => started,
        1 => tuned,
        1 => saved,
        2 => log,
        1 => finished.prop_map(Event::Finished),
        1 => progress,
        1 => classified,
    ]
}

fn fold(mut view: RunView, events: &[Event]) -> RunView {
    for event in events {
        view.apply(event);
    }
    view
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_snapshot_plus_later_events_equals_all_events(
        events in proptest::collection::vec(event(), 0..120),
    ) {
        let whole = fold(RunView::default(), &events);
        for k in 0..=events.len() {
            let snapshot = fold(RunView::default(), &events[..k]);
            // Encoded as for a client.
            let sent: RunView = wire::decode(&wire::encode(&snapshot).unwrap()).unwrap();
            prop_assert_eq!(&fold(sent, &events[k..]), &whole, "snapshot {}", k);
        }
    }
}

#[test]
fn a_snapshot_of_thinned_curves_continues_correctly() {
    let events: Vec<Event> = (0..9000_u32)
        .flat_map(|epoch| {
            let test_accuracy = Some(1.0 - 1.0 / f64::from(epoch + 2));
            let stats = EpochStats { epoch, test_accuracy, ..EpochStats::default() };
            let text = format!("epoch {epoch}");
            [Event::EpochEnded(stats), Event::Log(LogLine { level: LogLevel::Info, text })]
        })
        .collect();
    let whole = fold(RunView::default(), &events);
    assert!(whole.epochs.points().len() < 9000, "thinned");
    for k in (0..events.len()).step_by(3001) {
        let snapshot = fold(RunView::default(), &events[..k]);
        let sent: RunView = wire::decode(&wire::encode(&snapshot).unwrap()).unwrap();
        assert!(fold(sent, &events[k..]) == whole, "snapshot {k}");
    }
}

/// 9,000 epochs are more than a view keeps; the best one is an early one.
#[test]
fn the_best_test_accuracy_covers_all_epochs() {
    let mut view = RunView::default();
    for epoch in 0..9000 {
        let test_accuracy = Some(if epoch == 233 { 0.555 } else { 0.55 });
        view.apply(&Event::EpochEnded(EpochStats {
            epoch,
            test_accuracy,
            ..EpochStats::default()
        }));
    }
    assert!(view.epochs.points().iter().all(|stats| stats.test_accuracy == Some(0.55)));
    assert_eq!(view.best_test_accuracy(), Some(0.555));
    let snapshot = serde_json::to_string(&view).unwrap();
    let view: RunView = serde_json::from_str(&snapshot).unwrap();
    assert_eq!(view.best_test_accuracy(), Some(0.555));
}
