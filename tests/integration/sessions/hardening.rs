//! Files that are deleted, replaced or forged under a run, hostile clients, and limits of the
//! system: a run continues, and what cannot be done is reported in a sentence.
//!
//! The faults that an attack on version 0.1.0 found, and the tests that fail there:
//!
//! | fault | test |
//! |---|---|
//! | H1 escape sequences from files | `printing::*` |
//! | H2 events lost on a full disk | `events_are_written_once_a_full_disk_has_room` |
//! | H3 small models that allocate gigabytes | `hostile_files::a_model_is_not_allocated_before_its_weights_are_checked` |
//! | M1 files deleted under a live run | `files_deleted_during_a_run_are_restored` |
//! | M2 long probe lists, unbounded questions | `floods_of_probes_and_requests_neither_stall_a_session_nor_fill_its_memory` |
//! | M3 pictures of many specks | `hostile_files::a_picture_of_many_specks_is_rejected` |
//! | M4 forged records | `forged_records_and_logs_are_not_followed` |
//! | L1 temporary files left over | `hostile_files::temporary_files_of_a_killed_save_are_removed`, `tests/bench/kills.py` |
//! | L2 killed starters | `session::home::tests::an_incomplete_run_is_not_listed`, `tests/bench/kills.py` |
//! | L3 monstrous names and layers | `records_of_any_kind_can_be_listed`, `hostile_files::a_network_of_too_many_layers_is_refused` |
//! | L4 too many and slow connections | `places_are_reserved_for_short_commands_and_slow_handshakes_are_closed` |
//! | L5 forged lines in the log | `a_client_version_cannot_forge_log_lines` |
//! | L6 a link in place of the socket | `a_socket_replaced_by_a_link_is_recreated` |
//! | L7 file size limits | `a_file_size_limit_is_treated_like_a_full_disk` |
//! | L8 refused threads | `a_failure_to_start_threads_is_reported` |
//! | L9 reads without a limit, pipes | `hostile_files::endless_files_pipes_and_sparse_files_are_rejected`, `records_of_any_kind_can_be_listed` |
//! | L10 gigantic terminals | `ui::screen::tests`, `pty` |
//! | L11 no descriptors left | `a_session_without_free_descriptors_is_unreachable` |
//! | L12 the stop question of a read-only client | `reports::a_read_only_client_gets_no_confirmation_to_stop` |
//! | L13 saving through links | `hostile_files::saving_a_model_follows_symbolic_links` |
//! | N1 low bandwidth as an average | `ui::pacer::tests::the_burst_limit_holds_for_every_second` |

use super::disk::on_a_small_disk;
use super::*;
use nntop::protocol::{Command as RunCommand, Moment, Probe, ProbeQuery, is_unprintable};
use nntop::session::wire::{
    ClientHello, MAX_COMMAND, SessionHello, encode, read_hello, write_frame, write_hello,
};
use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

fn endless(place: &Place, name: &str) -> RunDir {
    place.detach(name, &format!("--epochs {ENDLESS}"))
}

fn connect(run: &RunDir) -> UnixStream {
    let stream = UnixStream::connect(run.socket()).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream
}

/// A connection after the handshake, or the reason why it was refused.
fn attach_client(run: &RunDir, hello: &ClientHello) -> Result<UnixStream, String> {
    let stream = connect(run);
    write_hello(&mut &stream, hello).unwrap();
    match read_hello::<SessionHello>(&mut &stream).unwrap().refused {
        None => Ok(stream),
        Some(reason) => Err(reason),
    }
}

fn send_command(stream: &UnixStream, command: &RunCommand) {
    write_frame(&mut &*stream, &encode(command).unwrap(), MAX_COMMAND).unwrap();
}

/// Kilobytes that a process holds in memory.
fn resident_kilobytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn events_are_written_once_a_full_disk_has_room() {
    let place = Place::new();
    let training = place.training("--detach --name full --epochs 400");
    // The disk is full before the end, and has room again long after it.
    let script = format!(
        r#""$NNTOP" {training} --save "$1/m.safetensors" > /dev/null
        cat /dev/zero > "$1/ballast" 2> /dev/null
        until "$NNTOP" ls --json | grep -q '"epoch":400'; do sleep 0.1; done
        sleep 3; "$NNTOP" ls --json; "$NNTOP" ls 2>&1
        rm "$1/ballast"
        while "$NNTOP" ls --json | grep -q '"live":true'; do sleep 0.1; done
        "$NNTOP" ls --json; grep -c EpochEnded "$1/state/runs/full/events.jsonl"; ls -A "$1"
        ls -A "$1/state/runs/full" "${{TMPDIR:-/tmp}}" | grep -c rescued"#
    );
    let Some(output) = on_a_small_disk(&place, 2_000_000, &script) else { return };
    let out = String::from_utf8(output.stdout.clone()).unwrap();
    let lines: Vec<&str> = out.lines().collect();
    let at = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    assert_eq!(at(lines[0])["live"], true, "{out}\n{}", err(&output));
    let last = lines.iter().rev().find(|line| line.starts_with('{')).unwrap();
    assert_eq!(at(last)["state"], "completed", "{out}\n{}", err(&output));
    assert!(lines.contains(&"401"), "every epoch is in the events: {out}");
    assert!(lines.contains(&"m.safetensors"), "{out}");
}

#[test]
fn files_deleted_during_a_run_are_restored() {
    const EPOCHS: u32 = 800;
    let place = Place::new();
    let save = |name: &str| format!("--epochs {EPOCHS} --save {}", place.path(name).display());
    let whole = place.detach("whole", &save("whole.safetensors"));
    until_dead(&whole);
    let run = place.detach("robbed", &save("robbed.safetensors"));
    let mut watcher = Watcher::attach(&run, Attachment::ReadOnly);
    watcher.until(|view| view.epoch() >= 50);
    place.say("pause robbed");
    fs::remove_dir_all(run.checkpoints()).unwrap();
    for file in [run.spec(), run.log(), run.events()] {
        fs::remove_file(file).unwrap();
    }
    for file in [run.spec(), run.log(), run.events(), run.checkpoints().join("last.ckpt")] {
        until(&format!("{} again", file.display()), || file.exists());
    }
    let reported = session::replay(&run);
    assert!(reported.info.is_some(), "it begins with what the run is");
    let reached = session::summarize(&run).epoch;
    let epochs: Vec<u32> = reported.epochs.points().iter().map(|stats| stats.epoch).collect();
    assert_eq!(epochs, (0..=reached).collect::<Vec<_>>());
    assert!(place.say("save robbed").contains("saved"));
    signal(&run, Signal::KILL);
    until_dead(&run);
    place.say("resume robbed --detach");
    until("the log of the resumed run", || {
        place.say("logs robbed").contains("resumed after epoch")
    });
    until_dead(&run);
    assert_eq!(state(&run), RunState::Completed);
    let bytes = |name: &str| fs::read(place.path(name)).unwrap();
    assert!(bytes("robbed.safetensors") == bytes("whole.safetensors"), "the same bytes");
}

#[test]
fn floods_of_probes_and_requests_neither_stall_a_session_nor_fill_its_memory() {
    let place = Place::new();
    let run = endless(&place, "flooded");
    let reader = attach_client(&run, &ClientHello::new(Attachment::ReadOnly)).unwrap();
    let before = resident_kilobytes(pid(&run));
    let list = |offset: u32| {
        let probe = |index| Probe { what: ProbeQuery::Digit { index }, at: Moment::Epoch(offset) };
        RunCommand::Watch((0..150_000).map(probe).collect())
    };
    for offset in 0..4 {
        send_command(&reader, &list(offset));
        assert_ne!(state(&run), RunState::Unreachable, "others are answered");
    }
    let mut questions = reader.try_clone().unwrap();
    let flood = std::thread::spawn(move || {
        let image = encode(&RunCommand::Classify { id: 1, pixels: vec![7; 64] }).unwrap();
        let explore =
            RunCommand::Explore { id: "perceptron-cheese".into(), values: vec![1.0; 60_000] };
        let explore = encode(&explore).unwrap();
        // At the rate at which the session reads them this takes some seconds.
        for number in 0..1000 {
            let question = if number % 50 == 0 { &explore } else { &image };
            if write_frame(&mut questions, question, MAX_COMMAND).is_err() {
                return;
            }
        }
    });
    while !flood.is_finished() {
        assert_ne!(state(&run), RunState::Unreachable, "others are answered");
        let grown = resident_kilobytes(pid(&run)).saturating_sub(before);
        assert!(grown < 64 << 10, "{grown} KB more than before");
    }
    flood.join().unwrap();
    drop(reader);
    assert!(place.say("pause flooded").contains("paused"));
}

#[test]
fn places_are_reserved_for_short_commands_and_slow_handshakes_are_closed() {
    let place = Place::new();
    let run = endless(&place, "crowded");
    let hello = ClientHello::new(Attachment::ReadOnly);
    let clients: Vec<UnixStream> = (0..64).map(|_| attach_client(&run, &hello).unwrap()).collect();
    assert!(attach_client(&run, &hello).unwrap_err().contains("64 clients are attached"));
    until("training", || state(&run) == RunState::Training);
    assert!(place.say("pause crowded").contains("paused"));
    // Connections that never complete a hello, each of which sends one byte.
    let mut slow: Vec<UnixStream> = (0..200).map(|_| connect(&run)).collect();
    for stream in &mut slow {
        // The session has closed most of them by now.
        let _ = stream.write_all(&[9]);
    }
    assert_eq!(state(&run), RunState::Paused);
    assert!(place.say("resume crowded").contains("training"));
    // The threads of closed connections take a moment to end.
    until("no more threads than clients and handshakes need", || {
        let threads = fs::read_dir(format!("/proc/{}/task", pid(&run))).unwrap().count();
        threads < 2 * 64 + 8 + 16 + 32
    });
    drop(clients);
    // A byte now and then does not extend the deadline of the handshake.
    let mut last = connect(&run);
    let mut byte = [0];
    last.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let start = Instant::now();
    while !matches!(last.read(&mut byte), Ok(0)) {
        assert!(start.elapsed() < TIMEOUT, "never ended");
        if last.write_all(&[1]).is_err() {
            break;
        }
    }
}

#[test]
fn a_client_version_cannot_forge_log_lines() {
    let place = Place::new();
    let run = endless(&place, "quiet");
    let nntop = "\u{1b}[2J\n2026-11-28T00:00:00Z forged".into();
    let hello = ClientHello { nntop, protocol: 0, ..ClientHello::new(Attachment::Control) };
    let refused = attach_client(&run, &hello).unwrap_err();
    assert!(refused.contains("use a newer nntop"), "{refused}");
    until("the refusal in the log", || {
        fs::read_to_string(run.log()).unwrap().contains("was refused")
    });
    let log = fs::read_to_string(run.log()).unwrap();
    assert!(!log.contains(|c| is_unprintable(c) && c != '\n'), "{log:?}");
    assert!(!log.lines().any(|line| line.contains("Z forged") && !line.contains("refused")));
}

#[test]
fn a_socket_replaced_by_a_link_is_recreated() {
    let place = Place::new();
    let run = endless(&place, "linked");
    fs::remove_file(run.socket()).unwrap();
    std::os::unix::fs::symlink("/no/such/socket", run.socket()).unwrap();
    until("the socket again", || {
        fs::symlink_metadata(run.socket()).is_ok_and(|about| !about.is_symlink())
    });
    assert!(place.say("pause linked").contains("paused"));
}

#[test]
fn forged_records_and_logs_are_not_followed() {
    let mut place = Place::new();
    // The path is too long for a socket, so that the socket is elsewhere and named after the id.
    place.state = place.path(&"deep/".repeat(30));
    let run = endless(&place, "forged");
    signal(&run, Signal::KILL);
    until_dead(&run);
    let victim = place.path("victim");
    fs::write(&victim, "precious").unwrap();
    let record = fs::read_to_string(run.spec()).unwrap();
    let mut forged: Value = serde_json::from_str(&record).unwrap();
    forged["id"] = victim.to_str().unwrap().into();
    fs::write(run.spec(), forged.to_string()).unwrap();
    let (_, error) = place.fail("resume forged --detach");
    assert!(error.contains("8 hexadecimal digits"), "{error}");
    assert_eq!(state(&run), RunState::Unreadable);
    fs::write(run.spec(), record).unwrap();
    fs::remove_file(run.log()).unwrap();
    std::os::unix::fs::symlink(&victim, run.log()).unwrap();
    place.say("resume forged --detach");
    until("a log of its own", || {
        fs::symlink_metadata(run.log()).is_ok_and(|log| !log.is_symlink())
    });
    place.say("stop forged");
    until_dead(&run);
    fs::write(run.path().join("address"), victim.to_str().unwrap()).unwrap();
    place.say("rm --yes forged");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    // A symbolic link in place of the event file is not followed, either.
    let run = endless(&place, "events");
    signal(&run, Signal::KILL);
    until_dead(&run);
    fs::remove_file(run.events()).unwrap();
    std::os::unix::fs::symlink(&victim, run.events()).unwrap();
    let (_, error) = place.fail("resume events --detach");
    assert!(error.contains("symbolic link"), "{error}");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
}

#[test]
fn records_of_any_kind_can_be_listed() {
    use rustix::fs::{CWD, Mode, mkfifoat};
    let place = Place::new();
    let run = place.detach("good", "--epochs 1");
    until_dead(&run);
    let record = fs::read_to_string(run.spec()).unwrap();
    let made = |name: &str| {
        let dir = place.home().path().join(name);
        fs::create_dir(&dir).unwrap();
        RunDir::at(dir)
    };
    let long = made("long");
    let mut monstrous: Value = serde_json::from_str(&record).unwrap();
    let layers = format!("64,{}3", "1,".repeat(70_000));
    monstrous["training"]["spec"]["layers"] = layers.into();
    fs::write(long.spec(), monstrous.to_string()).unwrap();
    let pipe = |path: &Path| mkfifoat(CWD, path, Mode::RUSR | Mode::WUSR).unwrap();
    let piped = made("piped");
    pipe(&piped.spec());
    let locked = made("locked");
    fs::write(locked.spec(), &record).unwrap();
    pipe(&locked.path().join("lock"));
    pipe(&locked.events());
    let zero = made("zero");
    std::os::unix::fs::symlink("/dev/zero", zero.spec()).unwrap();
    let sparse = made("sparse");
    fs::File::create(sparse.spec()).unwrap().set_len(1 << 40).unwrap();
    let table = place.say("ls");
    for name in ["good", "long", "piped", "locked", "zero", "sparse"] {
        assert!(table.lines().any(|line| line.starts_with(name)), "{name}\n{table}");
    }
    assert!(table.lines().all(|line| line.chars().count() < 250), "{table}");
    for (run, expected) in [(&piped, RunState::Unreadable), (&locked, RunState::Interrupted)] {
        assert_eq!(state(run), expected);
    }
}

#[test]
fn a_file_size_limit_is_treated_like_a_full_disk() {
    let place = Place::new();
    // 16 blocks of 1 KiB, which the event file exceeds after some epochs.
    let script = format!(
        "ulimit -f 16; {} {}",
        env!("CARGO_BIN_EXE_nntop"),
        place.training(&format!("--detach --name small --epochs {ENDLESS}"))
    );
    // Its output goes to a pipe: a file could already exceed the limit.
    let output = Command::new("bash").arg("-c").arg(script).env(STATE_DIR, &place.state).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", err(&output));
    let run = place.run("small");
    let mut watcher = Watcher::attach(&run, Attachment::ReadOnly);
    watcher.until(|view| view.log.iter().any(|line| line.text.contains("cannot be written")));
    let epoch = watcher.view.epoch();
    watcher.until(|view| view.epoch() > epoch + 3);
}

#[test]
fn a_session_without_free_descriptors_is_unreachable() {
    let place = Place::new();
    let run = endless(&place, "poor");
    let process = pid(&run);
    let used = fs::read_dir(format!("/proc/{process}/fd")).unwrap().count() as u64;
    let usual = getrlimit(Resource::Nofile);
    for spare in 0..4 {
        let limit = Rlimit { current: Some(used + spare), ..usual };
        prlimit(Some(pid_of(process)), Resource::Nofile, limit).unwrap();
        let state = state(&run);
        assert!(
            matches!(state, RunState::Unreachable | RunState::Training),
            "{spare} descriptors left: {state:?}"
        );
    }
    prlimit(Some(pid_of(process)), Resource::Nofile, usual).unwrap();
    assert!(place.say("pause poor").contains("paused"));
}

#[test]
fn a_failure_to_start_threads_is_reported() {
    if !has("setpriv") {
        return;
    }
    // As another user, with a copy of the program in a directory that everybody may read.
    let dir = tempfile::Builder::new().prefix("nntop-threads").tempdir_in("/tmp").unwrap();
    let program = dir.path().join("nntop");
    fs::copy(env!("CARGO_BIN_EXE_nntop"), &program).unwrap();
    fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let script =
        format!("ulimit -u 1; {} train --headless --epochs 1 --train-size 100", program.display());
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--clear-groups", "bash", "-c", &script]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let error = err(&output);
    if error.contains("setpriv:") || output.status.success() {
        return eprintln!("skipped: threads cannot be refused here: {error}");
    }
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(!error.contains("panicked") && error.starts_with("error: "), "{error}");
}
