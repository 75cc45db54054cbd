//! Full disks, and directories that are not writable.

use super::*;
use nntop::protocol::LogLevel;
use rustix::process::{Resource, Rlimit, getrlimit, prlimit};

#[test]
fn without_a_state_directory_a_run_has_no_session() {
    let mut place = Place::new();
    let file = place.path("file");
    std::fs::write(&file, "").unwrap();
    // No directory can be created below a file, not even by root.
    place.state = file.join("state");
    let (code, error) = place.fail(&place.training("--detach --epochs 2"));
    assert!(code == 1 && error.contains("state"), "{code} {error}");
    let mut terminal = place.terminal(&place.training(&format!("--epochs {ENDLESS}")));
    terminal.wait_for("no session: this run ends with its terminal");
    terminal.type_keys("d");
    terminal.wait_for("cannot be detached");
    terminal.type_keys("\x03");
    terminal.wait_for_exit();
    let headless = place.say(&place.training("--epochs 2 --json"));
    assert!(headless.contains(r#""outcome":"completed""#));
}

/// Runs a script in which `$1` is an empty disk of `bytes` bytes.
pub(super) fn on_a_small_disk(place: &Place, bytes: u32, script: &str) -> Option<Output> {
    if !has("unshare") {
        return None;
    }
    let disk = place.path("disk");
    std::fs::create_dir_all(&disk).unwrap();
    let whole =
        format!(r#"mount -t tmpfs -o size={bytes} tmpfs "$1" && touch "$1/mounted" && {script}"#);
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", &whole, "sh"]).arg(&disk);
    command.env("NNTOP", env!("CARGO_BIN_EXE_nntop")).env(STATE_DIR, disk.join("state"));
    let output = command.stdin(Stdio::null()).output().unwrap();
    if err(&output).contains("unshare failed") || err(&output).contains("mount:") {
        eprintln!("skipped: no disk can be mounted here: {}", err(&output));
        return None;
    }
    Some(output)
}

#[test]
fn on_a_full_disk_a_run_continues_with_a_warning() {
    let place = Place::new();
    let training = place.training(&format!("--detach --name tight --epochs {ENDLESS}"));
    // Checkpoints and events fill the disk until a request fails; then space is freed.
    let script = format!(
        r#"head -c 1600000 /dev/zero > "$1/ballast" && "$NNTOP" {training} > /dev/null
        while "$NNTOP" save tight > /dev/null; do :; done
        "$NNTOP" pause tight && rm "$1/ballast" && "$NNTOP" step tight && "$NNTOP" save tight
        "$NNTOP" stop tight > /dev/null
        "$NNTOP" ls --json; grep -c EpochEnded "$1/state/runs/tight/events.jsonl""#
    );
    let Some(output) = on_a_small_disk(&place, 2_000_000, &script) else { return };
    let (out, errors) = (String::from_utf8(output.stdout.clone()).unwrap(), err(&output));
    let lines: Vec<&str> = out.lines().collect();
    assert!(errors.contains("cannot be written"), "{errors}");
    assert!(lines[0].starts_with("tight: paused after"), "{out}\n{errors}");
    assert!(lines[2].starts_with("tight: saved"), "{out}\n{errors}");
    let run: Value = serde_json::from_str(lines[3]).unwrap();
    assert_eq!(run["state"], "stopped");
    let recorded: u64 = lines[4].parse().unwrap();
    assert_eq!(recorded, run["epoch"].as_u64().unwrap() + 1, "every epoch is in the events");
}

#[test]
fn a_read_only_state_directory_can_be_viewed() {
    let place = Place::new();
    let training = place.training("--detach --name kept --epochs 3");
    let another = place.training("--detach --epochs 3");
    let script = format!(
        r#""$NNTOP" {training} > /dev/null
        while "$NNTOP" ls --json | grep -q '"live":true'; do sleep 0.1; done
        mount -o remount,ro "$1" || exit 9
        "$NNTOP" ls && "$NNTOP" logs kept && "$NNTOP" attach kept --once
        for refused in "resume kept --epochs 9" "rm --yes kept" "{another}" doctor; do
            "$NNTOP" $refused; echo "$refused: $?"
        done"#
    );
    let Some(output) = on_a_small_disk(&place, 4_000_000, &script) else { return };
    let (out, errors) = (String::from_utf8(output.stdout.clone()).unwrap(), err(&output));
    assert_ne!(output.status.code(), Some(9), "{errors}");
    for sign in [
        "completed",
        "epoch 3 measured",
        "64,12,3",
        "resume kept --epochs 9: 1",
        "rm --yes kept: 1",
        "runs end with their terminal",
    ] {
        assert!(out.contains(sign), "{sign}\n{out}\n{errors}");
    }
    assert!(errors.matches("Read-only file system").count() >= 3, "{errors}");
}

#[test]
fn a_full_disk_leaves_no_incomplete_run() {
    let place = Place::new();
    let training = place.training("--detach --name none --epochs 2");
    let script = format!(
        r#"head -c 10000000 /dev/zero > "$1/ballast"; "$NNTOP" {training}; echo "code: $?"; "$NNTOP" ls"#
    );
    let Some(output) = on_a_small_disk(&place, 100_000, &script) else { return };
    assert_eq!(
        String::from_utf8(output.stdout.clone()).unwrap(),
        "none\ncode: 1\n".replace("none\n", "")
    );
    assert!(err(&output).contains("No space left"), "{}", err(&output));
}

#[test]
fn training_continues_if_events_cannot_be_written() {
    let place = Place::new();
    let run = place.detach("full", &format!("--epochs {ENDLESS}"));
    let mut watcher = Watcher::attach(&run, Attachment::ReadOnly);
    watcher.until(|view| view.epoch() >= 200);
    // From now on the events, by far the longest file, cannot grow, but the log can.
    let length = std::fs::metadata(run.events()).unwrap().len();
    let usual = getrlimit(Resource::Fsize);
    let limit = Rlimit { current: Some(length), ..usual };
    prlimit(Some(pid_of(pid(&run))), Resource::Fsize, limit).unwrap();
    watcher
        .until(|view| view.log.iter().any(|line| line.text.contains("events cannot be written")));
    assert!(watcher.view.log.iter().any(|line| line.level == LogLevel::Error));
    let epoch = watcher.view.epoch();
    watcher.until(|view| view.epoch() > epoch + 3);
    let reported = place.say("logs full").matches("events cannot be written").count();
    assert_eq!(reported, 1, "once, not every epoch");
    prlimit(Some(pid_of(pid(&run))), Resource::Fsize, usual).unwrap();
    watcher.until(|view| view.log.iter().any(|line| line.text.contains("none was lost")));
}
