//! What a run survives, and its result afterwards.

use super::*;
use sha2::{Digest, Sha256};

fn digest(path: &Path) -> [u8; 32] {
    Sha256::digest(std::fs::read(path).unwrap()).into()
}

/// A training that is long enough to be interrupted, whose model is saved to a file.
fn to_model(place: &Place, model: &str, epochs: u32) -> String {
    format!("--epochs {epochs} --momentum 0.5 --dropout 0.2 --save {}", place.path(model).display())
}

/// The bytes of the model of an uninterrupted run.
fn undisturbed(place: &Place, epochs: u32) -> [u8; 32] {
    let run = place.detach("whole", &to_model(place, "whole.safetensors", epochs));
    until_dead(&run);
    digest(&place.path("whole.safetensors"))
}

/// The epochs in the event file.
fn recorded(run: &RunDir) -> Vec<u32> {
    session::replay(run).epochs.points().iter().map(|stats| stats.epoch).collect()
}

#[test]
fn a_repeatedly_killed_run_ends_with_the_same_bytes() {
    const EPOCHS: u32 = 1500;
    let place = Place::new();
    let expected = undisturbed(&place, EPOCHS);
    let run = place.detach("killed", &to_model(&place, "killed.safetensors", EPOCHS));
    for kill in 1..=4 {
        // Killed only after it has got further than the last time.
        let mut watcher = Watcher::attach(&run, Attachment::ReadOnly);
        watcher.until(|view| view.epoch() >= kill * 60);
        signal(&run, Signal::KILL);
        let why = watcher.until_lost();
        assert!(why.contains("nntop resume killed"), "{why}");
        until_dead(&run);
        assert_eq!(state(&run), RunState::Interrupted);
        let reported = session::summarize(&run).epoch;
        assert!(reported >= kill * 60, "{reported} epochs are recorded, {} were seen", kill * 60);
        let picture = place.say("attach killed --once");
        assert!(picture.contains("interrupted after epoch"), "{picture}");
        assert_eq!(place.say("resume --detach"), "killed");
    }
    until_dead(&run);
    assert_eq!(state(&run), RunState::Completed);
    assert_eq!(digest(&place.path("killed.safetensors")), expected);
    assert_eq!(recorded(&run), (0..=EPOCHS).collect::<Vec<_>>(), "each epoch once, in order");
}

#[test]
fn a_terminated_session_writes_a_checkpoint() {
    const EPOCHS: u32 = 3000;
    let place = Place::new();
    let expected = undisturbed(&place, EPOCHS);
    let run = place.detach("ended", &to_model(&place, "ended.safetensors", EPOCHS));
    place.say("pause");
    place.say("step --epochs 1");
    place.say("step --batches 3");
    let mut watcher = Watcher::attach(&run, Attachment::ReadOnly);
    // A session must survive hang-ups.
    signal(&run, Signal::HUP);
    signal(&run, Signal::TERM);
    let why = watcher.until_lost();
    assert!(why.contains("nntop resume ended"), "{why}");
    until_dead(&run);
    assert_eq!(state(&run), RunState::Interrupted);
    let checkpoint = nntop::train::Checkpoint::load(&run.checkpoints()).unwrap();
    assert_eq!(checkpoint.position().batch, 3);
    place.say("resume ended --detach");
    until_dead(&run);
    assert_eq!(state(&run), RunState::Completed);
    assert_eq!(digest(&place.path("ended.safetensors")), expected);
    assert!(place.say("logs ended").contains("interrupted: `nntop resume ended` continues"));
}

#[test]
fn closing_the_terminal_ends_only_the_client() {
    let place = Place::new();
    let mut terminal = place.terminal(&place.training(&format!("--name far --epochs {ENDLESS}")));
    terminal.wait_for("images/s");
    let run = place.run("far");
    let mut watcher = Watcher::attach(&run, Attachment::ReadOnly);
    terminal.hang_up();
    terminal.wait_for_exit();
    until("the client's leave", || {
        session::attach(&run, Attachment::ReadOnly).unwrap().hello.clients == 1
    });
    let epoch = watcher.view.epoch();
    watcher.until(|view| view.epoch() > epoch);
    // It has its own process session and no terminal, and has none of its starter's files open.
    let process = PathBuf::from(format!("/proc/{}", pid(&run)));
    let stat = std::fs::read_to_string(process.join("stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    assert_eq!((fields[3], fields[4]), (pid(&run).to_string().as_str(), "0"), "sid, tty");
}

#[test]
fn a_shutdown_loses_no_progress() {
    let place = Place::new();
    let mut terminal = place.terminal(&place.training(&format!("--name here --epochs {ENDLESS}")));
    terminal.wait_for("images/s");
    place.detach("there", &format!("--epochs {ENDLESS}"));
    let runs = [place.run("here"), place.run("there")];
    let seen = runs.each_ref().map(|run| session::summarize(run).epoch);
    // As at shutdown: all processes are asked to end at the same time.
    for run in &runs {
        signal(run, Signal::TERM);
    }
    terminal.signal(Signal::TERM);
    terminal.wait_for_exit();
    terminal.wait_until("a restored terminal", |screen| !screen.alternate_screen());
    for (run, seen) in runs.iter().zip(seen) {
        until_dead(run);
        let summary = session::summarize(run);
        assert_eq!(summary.state, RunState::Interrupted);
        assert!(summary.epoch >= seen);
        assert_eq!(place.say(&format!("resume {} --detach", run.name())), run.name());
        Watcher::attach(run, Attachment::ReadOnly).until(|view| view.epoch() > summary.epoch);
    }
}

#[test]
fn a_dashboard_whose_session_is_killed_says_what_to_do() {
    let place = Place::new();
    let run = place.detach("gone", &format!("--epochs {ENDLESS}"));
    let mut terminal = place.terminal("attach gone");
    terminal.wait_for("images/s");
    signal(&run, Signal::KILL);
    terminal.wait_for("`nntop resume gone` continues the run");
    terminal.wait_for("lost");
    terminal.type_keys(" ");
    terminal.type_keys("q");
    assert_eq!(terminal.wait_for_exit().1, 1);
    terminal.wait_for("gone: interrupted after");
}

#[test]
fn no_file_of_the_starter_stays_open() {
    let place = Place::new();
    let held = place.path("held");
    let script = format!(
        "exec 9>{}; {} {}",
        held.display(),
        env!("CARGO_BIN_EXE_nntop"),
        place.training(&format!("--detach --name clean --epochs {ENDLESS}"))
    );
    let status = Command::new("sh").arg("-c").arg(script).env(STATE_DIR, &place.state).status();
    assert!(status.unwrap().success());
    let fds = std::fs::read_dir(format!("/proc/{}/fd", pid(&place.run("clean")))).unwrap();
    let open: Vec<PathBuf> = fds.flatten().filter_map(|fd| fd.path().read_link().ok()).collect();
    let strangers =
        |path: &&PathBuf| path.starts_with(place.dir.path()) && !path.starts_with(&place.state);
    assert!(open.iter().find(strangers).is_none(), "{open:?}");
    let pipes = open.iter().filter(|path| path.to_string_lossy().starts_with("pipe:"));
    assert_eq!(pipes.count(), 0, "somebody would wait for its end: {open:?}");
}

#[test]
fn a_deleted_socket_is_recreated() {
    let place = Place::new();
    let run = place.detach("door", &format!("--epochs {ENDLESS}"));
    std::fs::remove_file(run.socket()).unwrap();
    assert!(place.say("pause").contains("paused"));
    std::fs::remove_dir_all(run.path()).unwrap();
    until("the recreated directory", || run.is_live() && run.socket().exists());
    assert!(place.say("resume door").contains("training"));
    assert!(place.say("stop door").contains("stopped"));
}

#[test]
fn a_long_path_to_the_socket_works() {
    let mut place = Place::new();
    place.state = place.path(&"deep/".repeat(30));
    let run = place.detach("far", &format!("--epochs {ENDLESS}"));
    assert!(!run.socket().starts_with(place.dir.path()));
    assert!(place.say("pause").contains("paused"));
    place.say("stop");
    until_dead(&run);
    assert!(!run.socket().exists());
}
