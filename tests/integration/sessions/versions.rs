//! Clients and sessions of different versions, as after an upgrade while runs are going.

use super::*;
use nntop::protocol::{
    Activity, Bar, Claim, Classified, Command as RunCommand, Content, EpochStats, Explored, Figure,
    FigureBody, Frame, LayerInfo, LayerStats, LogLevel, LogLine, Outcome, PROTOCOL_VERSION, Pace,
    Probe, ProbeQuery, Progress, Quantity, RunInfo, SavedFile, Status, StepAmount, Tensor, Tune,
    Tuned,
};
use nntop::session::wire::{
    ClientHello, MAX_UPDATE, SessionHello, encode, read_hello, write_frame, write_hello,
};
use std::io::Write;
use std::os::unix::net::{UnixListener, UnixStream};

/// One event of every kind, as in protocol 5.
fn events() -> Vec<Event> {
    let layer = LayerInfo { name: "dense3".into(), output: [1, 1, 3], ..LayerInfo::default() };
    let info = RunInfo {
        title: "784-3".into(),
        network: "784,3".into(),
        layers: vec![layer],
        learning_rate: 3.0,
        epochs: 30,
        seed: u64::MAX,
        ..RunInfo::default()
    };
    let stats = EpochStats {
        epoch: 1,
        train_cost: Some(0.25),
        test_accuracy: Some(0.875),
        layers: vec![LayerStats { update_ratio: 0.5, ..LayerStats::default() }],
        ..EpochStats::default()
    };
    let bars = vec![Bar { name: "0".into(), value: 0.5, highlighted: true }];
    let body = FigureBody::Bars { unit: "%".into(), bars };
    let figure = Figure { id: "f".into(), title: "Figure".into(), caption: String::new(), body };
    let claim = Claim {
        id: "1-nand".into(),
        claim: "a sum".into(),
        expected: Quantity::Number(95.5),
        measured: Quantity::Text("more".into()),
        tolerance: "at least".into(),
        holds: true,
        seed: 1,
        seconds: 0.5,
    };
    let values = Tensor { shape: [1, 1, 2], values: vec![0.25, -0.5] };
    let content = Content::Activations { layers: vec![values] };
    let what = ProbeQuery::Activations { index: 7 };
    let frame = Frame { probe: Probe::live(what), epoch: 1, batch: 2, content };
    let change = Tune::LearningRate(0.5);
    vec![
        Event::Started(Box::new(info)),
        Event::EpochEnded(stats),
        Event::StatusChanged(Status {
            activity: Activity::Paused,
            pace: Pace::SecondsPerEpoch(1.0),
            pause_after_epoch: Some(2),
            ..Status::default()
        }),
        Event::Tuned(Tuned { change, previous: 3.0, epoch: 1, batch: 2 }),
        Event::Saved(SavedFile { path: "/tmp/x".into(), epoch: 1, batch: 2, bytes: 300 }),
        Event::Figure(figure.clone()),
        Event::Claim(claim),
        Event::Log(LogLine { level: LogLevel::Warning, text: "note".into() }),
        Event::Progress(Progress { epoch: 1, batch: 3, batches: 9, ..Progress::default() }),
        Event::Frame(Box::new(frame)),
        Event::Classified(Classified { id: 1, outputs: vec![0.5], ..Classified::default() }),
        Event::Explored(Box::new(Explored {
            id: "adder".into(),
            values: vec![1.0],
            figures: vec![figure],
        })),
        Event::Finished(Outcome::Completed("30 epochs".into())),
    ]
}

/// One command of every kind.
fn commands() -> Vec<RunCommand> {
    let weights = ProbeQuery::Weights { layer: 1, first: 2, count: 300 };
    vec![
        RunCommand::Pause,
        RunCommand::Resume,
        RunCommand::Step(StepAmount::Epochs(1)),
        RunCommand::Stop,
        RunCommand::Save,
        RunCommand::Set(Tune::Regularization(0.25)),
        RunCommand::Pace(Pace::BatchesPerSecond(2.0)),
        RunCommand::Watch(vec![Probe::live(weights)]),
        RunCommand::Classify { id: 9, pixels: vec![0, 255] },
        RunCommand::Explore { id: "adder".into(), values: vec![0.5] },
    ]
}

fn folded() -> RunView {
    let mut view = RunView::default();
    for event in events() {
        view.apply(&event);
    }
    view
}

/// What a session sends after its hello: a snapshot, then every event.
fn session_bytes() -> Vec<u8> {
    let snapshot = Update::Snapshot(Box::new(folded()));
    let updates = std::iter::once(snapshot).chain(events().into_iter().map(Update::Event));
    let mut bytes = Vec::new();
    for update in updates {
        write_frame(&mut bytes, &encode(&update).unwrap(), MAX_UPDATE).unwrap();
    }
    bytes
}

fn client_bytes() -> Vec<u8> {
    let mut bytes = Vec::new();
    for command in commands() {
        write_frame(&mut bytes, &encode(&command).unwrap(), MAX_UPDATE).unwrap();
    }
    bytes
}

/// The bytes of a file in `tests/golden/frames`, rewritten if `NNTOP_BLESS` is set.
fn golden(name: &str, now: &[u8]) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/frames").join(name);
    if std::env::var_os("NNTOP_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, now).unwrap();
    }
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_encoding_of_the_protocol_is_stable() {
    for (name, now) in [("session-5.bin", session_bytes()), ("client-5.bin", client_bytes())] {
        assert_eq!(PROTOCOL_VERSION, 5, "name the files after the protocol, keep the old ones");
        assert!(
            now == golden(name, &now),
            "{name}: a message has changed, so clients cannot reach running sessions. New variants \
             go to the end of their enum; any other change raises PROTOCOL_VERSION, and \
             OLDEST_PROTOCOL with it. NNTOP_BLESS=1 writes the file again"
        );
    }
}

/// Answers one client like a session, with a hello and bytes; returns the client's hello.
fn answer(
    listener: &UnixListener,
    hello: &SessionHello,
    bytes: &[u8],
) -> (ClientHello, UnixStream) {
    let (mut stream, _) = listener.accept().unwrap();
    let client = read_hello(&mut stream).unwrap();
    write_hello(&mut stream, hello).unwrap();
    // The client may have disconnected.
    let _ = stream.write_all(bytes);
    (client, stream)
}

#[test]
fn a_session_of_an_older_program_with_this_protocol_is_accepted() {
    let place = Place::new();
    let run = place.home().create(Some("old")).unwrap();
    let _lock = run.lock().unwrap().unwrap();
    let listener = UnixListener::bind(run.socket()).unwrap();
    let bytes = golden("session-5.bin", &session_bytes());
    let hello = SessionHello { nntop: "0.1.0".into(), protocol: 5, ..SessionHello::new(0, None) };
    let session = std::thread::spawn(move || answer(&listener, &hello, &bytes));
    let mut watcher = Watcher::attach(&run, Attachment::ReadOnly);
    assert_eq!(watcher.view, folded(), "the snapshot");
    for expected in events() {
        assert_eq!(watcher.next(), Some(expected));
    }
    let (client, _stream) = session.join().unwrap();
    assert_eq!((client.protocol, client.attachment), (PROTOCOL_VERSION, Attachment::ReadOnly));
}

#[test]
fn a_session_of_another_protocol_is_rejected_with_advice() {
    let place = Place::new();
    let run = place.detach("other", &format!("--epochs {ENDLESS}"));
    std::fs::remove_file(run.socket()).unwrap();
    let listener = UnixListener::bind(run.socket()).unwrap();
    for (nntop, protocol) in [("9.9.9", 99), ("0.0.1", 0)] {
        let hello = SessionHello { nntop: nntop.into(), protocol, ..SessionHello::new(0, None) };
        let (code, error) = std::thread::scope(|scope| {
            scope.spawn(|| answer(&listener, &hello, &[]));
            place.fail("pause other")
        });
        assert_eq!(code, 1);
        let way_out = ["attach with that version", "kill ", "nntop resume other", "continues"];
        for sign in way_out.into_iter().chain([nntop]) {
            assert!(error.contains(sign), "{sign}: {error}");
        }
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}
