//! Reports about runs outside the dashboard: lists, logs, exports, pictures, exit codes.

use super::*;
use std::fs;

#[test]
fn ls_shows_the_differences_between_runs() {
    let place = Place::new();
    place.detach("plain", "--epochs 1 --seed 3");
    let alone = place.say("ls");
    assert!(!alone.contains("RECIPE"), "nothing differs from itself:\n{alone}");
    place.detach("other", "--epochs 2 --seed 4 --eta 0.5 --init scaled --lambda 2 --dropout 0.25");
    let list = place.say("ls");
    let row = |name: &str| list.lines().find(|line| line.starts_with(name)).unwrap().to_string();
    assert!(list.lines().next().unwrap().contains("RECIPE"), "{list}");
    for part in ["eta 0.5", "init scaled", "penalty l2", "lambda 2", "dropout 0.25", "seed 4"] {
        assert!(row("other").contains(part), "{part} in {list}");
    }
    for part in ["eta 3", "init large", "penalty none", "seed 3"] {
        assert!(row("plain").contains(part), "{part} in {list}");
    }
    for part in ["batch", "activation", "cost"] {
        assert!(!row("other").contains(part), "{part} is the same in both: {list}");
    }
    let of = |name: &str| place.ls().into_iter().find(|run| run["name"] == name).unwrap();
    assert_eq!(of("other")["recipe"]["eta"], 0.5);
    assert_eq!(of("plain")["recipe"]["activation"], "sigmoid");
}

#[test]
fn wait_ends_with_the_run_and_with_its_exit_code() {
    let place = Place::new();
    // The run has already ended.
    let run = place.detach("short", "--epochs 2");
    until_dead(&run);
    assert!(place.say("wait short").starts_with("short: completed after 2 of 2 epochs"));
    // A run that is stopped during the wait.
    let run = place.detach("long", &format!("--epochs {ENDLESS}"));
    let mut waiting = place.nntop("wait long").stdout(Stdio::piped()).spawn().unwrap();
    Watcher::attach(&run, Attachment::ReadOnly).until(|view| view.epoch() > 1);
    until("a waiting client", || place.ls().iter().any(|run| run["clients"] == 1));
    assert!(waiting.try_wait().unwrap().is_none(), "it ended before the run");
    place.say("stop long");
    let output = waiting.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("long: stopped after "));
    // A run that is killed, and one that diverges.
    let run = place.detach("killed", &format!("--epochs {ENDLESS}"));
    let mut waiting = place.nntop("wait killed").stdout(Stdio::null()).spawn().unwrap();
    until("a waiting client", || place.ls().iter().any(|run| run["clients"] == 1));
    signal(&run, Signal::KILL);
    assert_eq!(waiting.wait().unwrap().code(), Some(1));
    let run = place.detach("diverges", "--epochs 50 --eta 100 --lambda 1000000");
    let output = place.nntop("wait diverges").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert_eq!(state(&run), RunState::Diverged);
    assert!(String::from_utf8_lossy(&output.stdout).contains("diverged"));
    assert_eq!(place.fail("wait nobody").0, 2);
}

#[test]
fn one_epoch_is_singular() {
    let place = Place::new();
    until_dead(&place.detach("one", "--epochs 1"));
    let reply = place.say("wait one");
    assert!(reply.contains("after 1 of 1 epoch,") && !reply.contains("1 epochs"), "{reply}");
}

#[test]
fn a_resumed_run_logs_each_epoch_once() {
    let place = Place::new();
    let run = place.detach("twice", &format!("--epochs {ENDLESS}"));
    Watcher::attach(&run, Attachment::ReadOnly).until(|view| view.epoch() > 3);
    signal(&run, Signal::KILL);
    until_dead(&run);
    let reached = nntop::session::replay(&run).epoch();
    place.say("resume twice --detach");
    Watcher::attach(&run, Attachment::ReadOnly).until(|view| view.epoch() > reached + 2);
    place.say("stop twice");
    let log = place.say("logs twice");
    let epochs: Vec<&str> = log
        .lines()
        .filter_map(|line| line.split("epoch ").nth(1)?.split(" measured").next())
        .collect();
    let mut once = epochs.clone();
    once.dedup();
    assert!(epochs.len() as u32 > reached + 2, "{log}");
    assert_eq!(epochs, once);
    let numbers: Vec<u32> = epochs.iter().filter_map(|epoch| epoch.parse().ok()).collect();
    // SIGKILL may arrive between an epoch's event and its line in the log.
    let killed = [reached.saturating_sub(1), reached + 1];
    let follow = |pair: &[u32]| pair[1] == pair[0] + 1 || pair == killed;
    assert!(numbers.windows(2).all(follow), "{numbers:?}");
    assert!(log.contains("continues in a new process"), "{log}");
}

#[test]
fn an_export_has_every_value_of_every_epoch() {
    let place = Place::new();
    until_dead(&place.detach("whole", "--epochs 200"));
    let csv = place.say("export whole");
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("run,metric,step,wall_time,value"));
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    assert!(rows.iter().all(|row| row.len() == 5 && row[0] == "whole"));
    let of = |metric: &'static str| rows.iter().filter(move |row| row[1] == metric);
    let steps: Vec<u32> = of("accuracy/validation").map(|row| row[2].parse().unwrap()).collect();
    assert_eq!(steps, (0..=200).collect::<Vec<_>>(), "every epoch once");
    let times: Vec<f64> = of("cost/train").map(|row| row[3].parse().unwrap()).collect();
    assert!(times.windows(2).all(|pair| pair[0] <= pair[1]) && times[0] > 1.5e9);
    let best = of("accuracy/validation").map(|row| row[4].parse::<f64>().unwrap());
    let best = best.max_by(f64::total_cmp).unwrap();
    let listed = place.ls()[0]["best_accuracy"].as_f64().unwrap();
    assert!((best - listed).abs() < 1e-12, "{best} is not {listed}");

    let wide = place.say("export whole --wide");
    let mut lines = wide.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert_eq!(header[..3], ["run", "step", "wall_time"]);
    assert!(
        header.contains(&"cost/train") && header.contains(&"layer1/update_ratio"),
        "{header:?}"
    );
    assert_eq!(lines.clone().count(), 201);
    assert!(lines.all(|line| line.split(',').count() == header.len()));

    let long = place.say("export whole --format jsonl");
    let first: Value = serde_json::from_str(long.lines().next().unwrap()).unwrap();
    for field in ["run", "metric", "step", "wall_time", "value"] {
        assert!(first.get(field).is_some(), "{field} in {first}");
    }
    assert_eq!(long.lines().count(), rows.len());
    assert_eq!(place.fail("export nobody").0, 2);
    assert_eq!(place.fail("export whole --format xml").0, 2);
}

#[test]
fn pictures_of_a_run_are_written_to_files_and_as_text() {
    let place = Place::new();
    until_dead(&place.detach("drawn", "--epochs 2"));
    let png = place.path("overview.png");
    place.say(&format!("picture drawn {}", png.display()));
    assert!(fs::read(&png).unwrap().starts_with(b"\x89PNG"));
    let text = place.path("weights.txt");
    let output = place
        .nntop(&format!("picture drawn {} --keys 3 --size 80x24", text.display()))
        .env("LANG", "C.UTF-8")
        .env("TERM", "xterm-256color")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", err(&output));
    let text = fs::read_to_string(&text).unwrap();
    assert!(text.contains("drawn") && text.contains("Biases"), "{text}");
    assert!(!text.contains('▀'), "{text}");
    let output = place
        .nntop("attach drawn --once --size 80x24")
        .env("LANG", "C.UTF-8")
        .env("TERM", "xterm-256color")
        .env("COLORTERM", "truecolor")
        .output()
        .unwrap();
    let once = String::from_utf8(output.stdout).unwrap();
    assert!(once.contains("drawn") && !once.contains('▀'), "{once}");
    let (code, error) = place.fail(&format!("picture drawn --eta 1 {}", png.display()));
    assert_eq!(code, 2, "a run has its recipe: {error}");
    assert_eq!(place.fail(&format!("picture nobody {}", png.display())).0, 2);
}

#[test]
fn a_read_only_client_gets_no_confirmation_to_stop() {
    let place = Place::new();
    place.detach("looked-at", &format!("--epochs {ENDLESS}"));
    let mut terminal = place.terminal("attach looked-at --read-only");
    terminal.wait_for("images/s");
    terminal.type_keys("s");
    let text = terminal.wait_for("read-only");
    assert!(!text.contains("Stop the run?"), "{text}");
    // The terminal's title contains the name of the run.
    terminal.wait_for_raw("\x1b]2;nntop looked-at: ");
    terminal.type_keys("q");
    assert_eq!(terminal.wait_for_exit().1, 0);
}

#[test]
fn the_message_after_detaching_is_translated() {
    let place = Place::new();
    place.detach("away", &format!("--epochs {ENDLESS}"));
    let mut terminal = place.terminal("attach away --lang zh");
    terminal.wait_for_raw("\x1b]2;nntop away: ");
    terminal.type_keys("d");
    assert_eq!(terminal.wait_for_exit().1, 0);
    terminal.wait_for("已离开 away");
}
