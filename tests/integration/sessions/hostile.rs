//! Malicious clients: each loses its own connection and does no other harm.

use super::*;
use nntop::protocol::{Command as RunCommand, Pace, Probe, ProbeQuery, StepAmount, Tune};
use nntop::session::wire::{
    ClientHello, MAX_HELLO, MAX_UPDATE, SessionHello, decode, encode, read_frame, read_hello,
    write_frame, write_hello,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

/// A paused run, whose state only a command changes.
fn paused(place: &Place) -> RunDir {
    let run = place.detach("target", &format!("--epochs {ENDLESS}"));
    place.say("pause");
    run
}

/// A connection that has sent nothing yet.
fn connect_silently(run: &RunDir) -> UnixStream {
    let stream = UnixStream::connect(run.socket()).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream
}

/// A connection after the handshake.
fn attach_client(run: &RunDir, attachment: Attachment) -> UnixStream {
    let stream = connect_silently(run);
    write_hello(&mut &stream, &ClientHello::new(attachment)).unwrap();
    assert_eq!(read_hello::<SessionHello>(&mut &stream).unwrap().refused, None);
    stream
}

/// Like [`attach_client`], once there is room: closed clients may take a moment to disappear.
fn attach_client_soon(run: &RunDir) -> UnixStream {
    loop {
        let stream = connect_silently(run);
        write_hello(&mut &stream, &ClientHello::new(Attachment::ReadOnly)).unwrap();
        if read_hello::<SessionHello>(&mut &stream).unwrap().refused.is_none() {
            return stream;
        }
    }
}

/// Reads until the session closes the connection.
#[track_caller]
fn until_closed(mut stream: &UnixStream) -> Vec<u8> {
    let mut rest = Vec::new();
    // A reset is an end too: the session may not have read everything.
    match stream.read_to_end(&mut rest) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("never closed"),
        _ => rest,
    }
}

/// Waits for bytes without reading them.
fn until_something_to_read(stream: &UnixStream) {
    use rustix::net::{RecvFlags, recv};
    let mut byte = [0_u8; 1];
    let (_, found) = recv(stream, &mut byte, RecvFlags::PEEK).unwrap();
    assert_eq!(found, 1, "the session has something to say");
}

/// Waits for a line in the log.
#[track_caller]
fn until_logged(run: &RunDir, reason: &str) {
    until(reason, || std::fs::read_to_string(run.log()).unwrap().contains(reason));
}

/// Checks that the session answers and the state of its run is unchanged.
#[track_caller]
fn is_unharmed(run: &RunDir, before: &session::RunSummary) {
    let after = session::summarize(run);
    assert_eq!(
        (after.state, after.epoch, after.pid),
        (before.state, before.epoch, before.pid),
        "{}",
        std::fs::read_to_string(run.log()).unwrap()
    );
}

#[test]
fn garbage_ends_the_connection_with_a_logged_reason() {
    let place = Place::new();
    let run = paused(&place);
    let before = session::summarize(&run);
    let frame = |payload: &[u8]| {
        let mut bytes = Vec::new();
        write_frame(&mut bytes, payload, MAX_UPDATE).unwrap();
        bytes
    };
    let too_long = (MAX_HELLO + 1).to_le_bytes();
    let no_hello: [(&[u8], &str); 5] = [
        (b"GET / HTTP/1.1\r\n\r\n", "a frame of 542393671 bytes was announced"),
        (&u32::MAX.to_le_bytes(), "a frame of 4294967295 bytes was announced"),
        (&too_long, "a frame of 4097 bytes was announced, but at most 4096"),
        (&frame(b"{}"), "not a hello: missing field"),
        (&frame(&[0xff; 9]), "not a hello: expected value"),
    ];
    for (bytes, reason) in no_hello {
        let stream = connect_silently(&run);
        (&stream).write_all(bytes).unwrap();
        assert!(until_closed(&stream).is_empty(), "{reason}");
        until_logged(&run, reason);
    }
    let no_command: [(&[u8], &str); 4] = [
        (&u32::MAX.to_le_bytes(), "but at most 1048576 are taken"),
        (&frame(&[0xfe]), "not a valid message"),
        (&frame(&[0, 1, 2]), "2 bytes too many"),
        // `Watch` with 2^63 probes.
        (&frame(&[7, 255, 255, 255, 255, 255, 255, 255, 255, 127]), "not a valid message"),
    ];
    for (bytes, reason) in no_command {
        let stream = attach_client(&run, Attachment::Control);
        (&stream).write_all(bytes).unwrap();
        until_closed(&stream);
        until_logged(&run, reason);
    }
    // Half a frame, of the hello and of a command.
    let mut half = connect_silently(&run);
    half.write_all(&[9, 0]).unwrap();
    drop(half);
    until_logged(&run, "2 of 4 bytes");
    let mut half = attach_client(&run, Attachment::Control);
    half.write_all(&[9, 0, 0, 0, 1, 2, 3]).unwrap();
    until_something_to_read(&half);
    // Closed with the snapshot unread: the session sees a reset, not an end.
    drop(half);
    until_logged(&run, "3 of 9 bytes");
    is_unharmed(&run, &before);
}

#[test]
fn another_version_is_refused_with_a_reason() {
    let place = Place::new();
    let run = paused(&place);
    let before = session::summarize(&run);
    let stream = connect_silently(&run);
    let now = ClientHello::new(Attachment::Control);
    let old = ClientHello { nntop: "0.0.1".into(), protocol: 0, ..now };
    write_hello(&mut &stream, &old).unwrap();
    let answer: SessionHello = read_hello(&mut &stream).unwrap();
    assert!(answer.refused.unwrap().contains("use a newer nntop"));
    assert!(until_closed(&stream).is_empty());
    until_logged(&run, "nntop 0.0.1 speaks 0");
    is_unharmed(&run, &before);
}

#[test]
fn ten_thousand_random_frames_do_no_harm() {
    let place = Place::new();
    let run = paused(&place);
    let before = session::summarize(&run);
    let mut runner = TestRunner::deterministic();
    // Frames that begin with a small number may be commands and are parsed further.
    let bytes = (0..16_u8, proptest::collection::vec(any::<u8>(), 0..64))
        .prop_map(|(first, rest)| [vec![first], rest].concat());
    // Read-only: with control, frames that happen to be commands would be executed.
    let mut stream = attach_client_soon(&run);
    for _ in 0..10_000 {
        let payload = bytes.new_tree(&mut runner).unwrap().current();
        write_frame(&mut &stream, &payload, 65).unwrap();
        if decode::<RunCommand>(&payload).is_err() {
            until_closed(&stream);
            stream = attach_client_soon(&run);
        }
    }
    is_unharmed(&run, &before);
    assert!(place.say("resume").contains("training"));
    let log = std::fs::read_to_string(run.log()).unwrap();
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn absurd_commands_do_no_harm() {
    let place = Place::new();
    let run = paused(&place);
    let extremes = [0, 1, 9, u32::MAX];
    let mut probes = vec![Probe::live(ProbeQuery::Confusion), Probe::live(ProbeQuery::Gradients)];
    for layer in extremes {
        probes.push(Probe::live(ProbeQuery::Biases { layer }));
        probes.push(Probe::live(ProbeQuery::Digit { index: layer }));
        probes.push(Probe::live(ProbeQuery::Activations { index: layer }));
        for x in extremes {
            probes.push(Probe::live(ProbeQuery::Weights { layer, first: x, count: u32::MAX }));
            probes.push(Probe::live(ProbeQuery::Histogram { layer, bins: x }));
        }
    }
    let mut commands = vec![RunCommand::Watch(probes), RunCommand::Save];
    for x in [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e-300, 1e300] {
        commands.extend([
            RunCommand::Pace(Pace::BatchesPerSecond(x)),
            RunCommand::Pace(Pace::SecondsPerEpoch(x)),
        ]);
        commands.extend(
            [Tune::LearningRate(x), Tune::Regularization(x), Tune::Momentum(x)]
                .map(RunCommand::Set),
        );
    }
    commands.extend(
        [StepAmount::Batches(u32::MAX), StepAmount::Epochs(u32::MAX)].map(RunCommand::Step),
    );
    // Only the newest of the waiting requests is answered, and the last one is valid.
    commands
        .extend([0, 1, 100_000, 64].map(|n| RunCommand::Classify { id: 1, pixels: vec![9; n] }));
    let stream = attach_client(&run, Attachment::Control);
    let reader = stream.try_clone().unwrap();
    let reading = std::thread::spawn(move || {
        let mut payload = Vec::new();
        while read_frame(&mut &reader, MAX_UPDATE, &mut payload).is_ok_and(|more| more) {}
    });
    for command in commands.into_iter().chain([RunCommand::Pace(Pace::Full), RunCommand::Pause]) {
        write_frame(&mut &stream, &encode(&command).unwrap(), u32::MAX).unwrap();
    }
    let mut watcher = Watcher::attach(&run, Attachment::Control);
    watcher.until(|view| view.classified.is_some());
    assert!(place.say("pause").contains("paused"));
    stream.shutdown(std::net::Shutdown::Both).unwrap();
    reading.join().unwrap();
    let log = std::fs::read_to_string(run.log()).unwrap();
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn a_read_only_client_changes_nothing() {
    let place = Place::new();
    let run = place.detach("target", &format!("--epochs {ENDLESS}"));
    let reader = Watcher::attach(&run, Attachment::ReadOnly);
    for command in [
        RunCommand::Pause,
        RunCommand::Stop,
        RunCommand::Step(StepAmount::Batches(1)),
        RunCommand::Save,
    ] {
        reader.link.commands.send(command).unwrap();
    }
    // Commands of one client are forwarded in order: once this one is answered, the others were
    // processed.
    let probe = Probe::live(ProbeQuery::Digit { index: 3 });
    reader.link.commands.send(RunCommand::Watch(vec![probe.clone()])).unwrap();
    let mut reader = reader;
    reader.until(|view| view.frames.contains_key(&probe));
    assert!(!reader.view.status.pausing && !reader.view.status.stopping);
    let epoch = reader.view.epoch();
    reader.until(|view| view.epoch() > epoch + 1);
    assert_eq!(reader.view.saved.len(), 0);
}

#[test]
fn other_users_are_refused_regardless_of_file_modes() {
    use rustix::fs::{Mode, chmod};
    if !rustix::process::geteuid().is_root() {
        return eprintln!("skipped: only root can be somebody else");
    }
    let place = Place::new();
    let run = paused(&place);
    let before = session::summarize(&run);
    let mut open: Vec<PathBuf> = run.path().ancestors().map(PathBuf::from).collect();
    open.retain(|dir| dir.starts_with(place.dir.path()));
    open.push(run.socket());
    for path in &open {
        chmod(path, Mode::from_raw_mode(0o777)).unwrap();
    }
    let socket = run.socket();
    // On Linux credentials are per thread if they are set without the C library.
    let refused = std::thread::spawn(move || {
        let nobody = rustix::process::Uid::from_raw(65_534);
        rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
        let stream = UnixStream::connect(socket).unwrap();
        let _ = write_hello(&mut &stream, &ClientHello::new(Attachment::Control));
        until_closed(&stream)
    });
    assert!(refused.join().unwrap().is_empty(), "not even a hello");
    until_logged(&run, "user 65534 was refused");
    is_unharmed(&run, &before);
}
