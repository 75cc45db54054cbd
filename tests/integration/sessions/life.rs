//! The life of a session from the user's point of view.

use super::*;
use nntop::protocol::Activity;

#[test]
fn a_run_is_started_listed_controlled_and_removed() {
    let place = Place::new();
    assert_eq!(place.say("ls"), "");
    let (code, error) = place.fail("pause");
    assert!(code == 2 && error.contains("no run is live"), "{code} {error}");
    let run = place.detach("calm", &format!("--epochs {ENDLESS}"));
    assert!(place.say("pause ca").starts_with("calm: paused after epoch"));
    let listed = &place.ls()[0];
    assert_eq!([&listed["name"], &listed["state"]], ["calm", "paused"]);
    assert_eq!((&listed["live"], &listed["clients"]), (&true.into(), &0.into()));
    assert_eq!(listed["epochs"], 1_000_000);
    let id = listed["id"].as_str().unwrap();
    // A pause can fall between an epoch and its evaluation; a step of an epoch ends after it.
    place.say("step");
    let before = session::summarize(&run).epoch;
    let reply = place.say(&format!("step {}", &id[..6]));
    assert_eq!(reply, format!("calm: paused after epoch {}", before + 1));
    assert_eq!(place.say("step --epochs 3"), format!("calm: paused after epoch {}", before + 4));
    let reply = place.say("step --batches 2");
    assert!(reply.ends_with("and 2 mini-batches of the next"), "{reply}");
    for _ in 0..2 {
        let reply = place.say("save");
        assert!(reply.ends_with("last.ckpt"), "{reply}");
    }
    assert!(place.say("resume calm").starts_with("calm: training"));
    let table = place.say("ls");
    assert!(table.contains("calm") && table.contains("training"), "{table}");
    let (code, error) = place.fail("rm --yes calm");
    assert!(code == 1 && error.contains("`calm` is live"), "{error}");
    let reply = place.say("stop calm");
    assert!(reply.starts_with("calm: stopped after epoch"), "{reply}");
    // Its session still exists for a moment, which must not matter.
    assert_eq!(place.say("resume calm --detach"), "calm");
    place.say("stop calm");
    let watcher = Watcher::attach(&run, Attachment::ReadOnly);
    let (code, error) = place.fail("rm --yes calm");
    assert!(code == 1 && error.contains("a client is still attached"), "{error}");
    drop(watcher);
    assert_eq!(state(&run), RunState::Stopped);
    let log = place.say("logs calm");
    for sign in ["paused", "resumed", "saved", "stopped"] {
        assert!(log.lines().any(|line| line.contains(sign)), "{sign} in\n{log}");
    }
    let (code, error) = place.fail("rm calm");
    assert!(code == 2 && error.contains("--yes"), "{error}");
    place.say("rm --yes calm");
    assert!(!run.path().exists() && place.ls().is_empty());
}

#[test]
fn names_are_checked_and_prefixes_must_be_unique() {
    let place = Place::new();
    for name in ["oak", "oat"] {
        place.detach(name, "--epochs 1");
    }
    let (code, error) = place.fail("logs oa");
    assert!(code == 2 && error.contains("oak, oat"), "{error}");
    for (arguments, sign) in [
        ("attach nobody --once", "no run is called `nobody`"),
        ("train --detach --name a/b", "digits, `-`, `_`"),
        ("train --detach --name oak", "oak` already"),
        ("train --detach --inline", "cannot be used with"),
        ("resume oak --epochs 0", "from 1 to"),
    ] {
        let (code, error) = place.fail(arguments);
        assert!(code == 2 && error.contains(sign), "{arguments}: {code} {error}");
    }
    until_dead(&place.run("oak"));
    let (code, error) = place.fail("resume oak");
    assert!(code == 2 && error.contains("--epochs"), "{error}");
    assert_eq!(place.say("resume oak --epochs 4 --detach"), "oak");
    until_dead(&place.run("oak"));
    assert_eq!(session::summarize(&place.run("oak")).epoch, 4);
}

#[test]
fn runs_are_kept_under_the_state_directory_of_the_xdg_specification() {
    let place = Place::new();
    let mut command = place.nntop(&place.training("--detach --name home --epochs 1"));
    command.env_remove(STATE_DIR).env("XDG_STATE_HOME", &place.state);
    assert!(command.status().unwrap().success());
    let run = Home::at(&place.state.join("nntop")).find("home").unwrap();
    until_dead(&run);
    assert_eq!(state(&run), RunState::Completed);
}

#[test]
fn a_run_without_a_name_gets_one() {
    let place = Place::new();
    let name = place.say(&place.training("--detach --epochs 1"));
    assert!(name.contains('-') && !name.contains('\n'), "{name}");
    until_dead(&place.run(&name));
    assert_eq!(state(&place.run(&name)), RunState::Completed);
}

#[test]
fn attach_once_works_during_and_after_a_run() {
    let place = Place::new();
    let run = place.detach("seen", &format!("--epochs {ENDLESS}"));
    Watcher::attach(&run, Attachment::ReadOnly).until(|view| view.epoch() >= 1);
    place.say("pause");
    let live = place.say("attach seen --once --size 100x30");
    assert!(live.contains("paused") && live.contains("seen"), "{live}");
    assert!(live.lines().count() <= 30 && live.lines().all(|line| line.chars().count() <= 100));
    place.say("stop");
    until_dead(&run);
    let files = fingerprint(run.path());
    let kept = place.say("attach seen --once");
    assert!(kept.contains("64,12,3") && kept.contains("Test image"), "{kept}");
    let accuracy = |picture: &str| picture.split("best ").nth(1).unwrap()[..6].to_string();
    assert_eq!(accuracy(&kept), accuracy(&live));
    assert_eq!(fingerprint(run.path()), files, "viewing only saves the evaluation");
}

/// Names and contents of a run's files, without the outputs for the test images, which are saved
/// when they are first viewed.
fn fingerprint(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = [dir.to_path_buf(), dir.join("checkpoints")].into_iter().flat_map(|dir| {
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    });
    let mut files: Vec<_> = files
        .filter(|path| path.is_file() && !path.ends_with("test-outputs"))
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn a_dashboard_detaches_reattaches_and_stops_the_run() {
    let place = Place::new();
    let mut terminal = place.terminal(&place.training(&format!("--name deck --epochs {ENDLESS}")));
    terminal.wait_for("images/s");
    terminal.wait_for("deck");
    terminal.type_keys("d");
    assert_eq!(terminal.wait_for_exit().1, 0);
    terminal.wait_for("nntop attach deck");
    let run = place.run("deck");
    assert!(run.is_live());
    let mut terminal = place.terminal("attach");
    terminal.wait_for("images/s");
    terminal.type_keys(" ");
    terminal.wait_for("paused");
    assert_eq!(state(&run), RunState::Paused);
    // A read-only terminal cannot change anything.
    let mut reader = place.terminal("attach deck --read-only");
    reader.wait_for("paused");
    reader.type_keys(" ");
    reader.wait_for("read-only");
    assert_eq!(state(&run), RunState::Paused);
    assert_eq!(session::summarize(&run).clients, 2);
    reader.type_keys("q");
    assert_eq!(reader.wait_for_exit().1, 0);
    terminal.type_keys("q");
    terminal.wait_for("s    stop it and quit");
    terminal.type_keys("s");
    assert_eq!(terminal.wait_for_exit().1, 0);
    terminal.wait_for("deck: stopped after");
    until_dead(&run);
    let mut terminal = place.terminal("attach deck");
    terminal.wait_for("stopped");
    terminal.type_keys("4");
    terminal.wait_for("Digits ·");
    terminal.type_keys("q");
    assert_eq!(terminal.wait_for_exit().1, 0);
}

#[test]
fn nntop_without_arguments_starts_a_session() {
    let place = Place::new();
    let mut terminal = place.terminal("");
    terminal.wait_for("images/s");
    let run = place.home().runs().unwrap().remove(0);
    let mut watcher = Watcher::attach(&run, Attachment::ReadOnly);
    watcher.until(|view| view.status.activity == Activity::Training);
    assert_eq!(watcher.view.status.pace, nntop::protocol::Pace::SecondsPerEpoch(1.0));
    terminal.type_keys("\x03");
    terminal.wait_for_exit();
    let epoch = watcher.view.epoch();
    watcher.until(|view| view.epoch() > epoch);
    place.say("stop");
}

#[test]
fn a_session_ends_once_no_client_is_left() {
    let place = Place::new();
    let run = place.detach("short", "--epochs 2");
    let watcher = session::attach(&run, Attachment::ReadOnly);
    if let Ok(watcher) = watcher {
        let mut watcher = Watcher { link: watcher.link, view: RunView::default() };
        watcher.until(|view| view.outcome.is_some());
        assert!(run.is_live(), "a client is attached");
    }
    until_dead(&run);
    assert_eq!(state(&run), RunState::Completed);
    let leftovers = run.path().join("socket");
    assert!(!leftovers.exists());
}

#[test]
fn doctor_reports_the_system() {
    let place = Place::new();
    place.detach("patient", &format!("--epochs {ENDLESS}"));
    let found: Value = serde_json::from_str(&place.say("doctor --json")).unwrap();
    assert_eq!(found["sessions"], serde_json::json!(["patient"]));
    assert_eq!(found["version"]["nntop"], env!("CARGO_PKG_VERSION"));
    assert_eq!(found["terminal"], false);
    assert_eq!(found["state_directory"]["problem"], Value::Null);
    for key in ["colours", "size", "utf8", "mouse", "logout", "cpu"] {
        assert!(found.get(key).is_some(), "{key}");
    }
    let mut terminal = place.terminal("doctor");
    terminal.wait_for("120×40");
    terminal.wait_for("truecolor");
    terminal.wait_for("live: patient");
    terminal.wait_for_exit();
}
