//! Ensembles in sessions.

use super::*;
use nntop::protocol::{Content, Probe, ProbeQuery};

#[test]
fn an_ensemble_has_a_session_and_its_model_is_saved() {
    let place = Place::new();
    let file = place.path("three.safetensors");
    let run = place
        .detach("three", &format!("--ensemble 3 --epochs 2 --seed 5 --save {}", file.display()));
    until_dead(&run);
    let listed = &place.ls()[0];
    assert_eq!([&listed["state"], &listed["network"]], ["completed", "64,12,3"]);
    assert_eq!(listed["networks"], 3);
    assert!(place.say("ls").contains("3 × 64,12,3"));
    let data = place.data.path().display();
    let together = place.say(&format!("eval {} --data {data} --json", file.display()));
    let together: Value = serde_json::from_str(&together).unwrap();
    assert_eq!(together["networks"], 3);
    // The same bytes as without a session.
    let here = place.path("here.safetensors");
    let more = format!("--ensemble 3 --epochs 2 --seed 5 --json --save {}", here.display());
    place.say(&place.training(&more));
    assert!(std::fs::read(&file).unwrap() == std::fs::read(&here).unwrap());
    let picture = place.say("attach three --once");
    assert!(picture.contains("Test image 0") && !picture.contains("cannot be"), "{picture}");
    // A single network must not be shown instead of the ensemble.
    std::fs::remove_file(&file).unwrap();
    let view = session::browse(&place.run("three"), Attachment::Control).unwrap();
    until_logged(&view, "its networks cannot be opened, only their history");
    let unsaved = place.detach("unsaved", "--ensemble 2 --epochs 1");
    until_dead(&unsaved);
    let kept = format!("eval {} --data {data} --json", unsaved.model().display());
    assert_eq!(serde_json::from_str::<Value>(&place.say(&kept)).unwrap()["networks"], 2);
    for (arguments, sign) in [
        ("resume three", "is complete"),
        ("resume three --epochs 5", "do not apply to an ensemble"),
    ] {
        let (code, error) = place.fail(arguments);
        assert!(code == 2 && error.contains(sign), "{arguments}: {code} {error}");
    }
}

/// Waits for a log line of a run that has ended.
fn until_logged(link: &Link, text: &str) {
    until("the log line", || match link.updates.recv_timeout(TIMEOUT).unwrap() {
        Update::Snapshot(view) => view.log.iter().any(|line| line.text.contains(text)),
        _ => false,
    });
}

#[test]
fn an_ensemble_can_be_detached_controlled_and_resumed() {
    let place = Place::new();
    let more = format!("--ensemble 2 --name votes --epochs {ENDLESS}");
    let mut terminal = place.terminal(&place.training(&more));
    terminal.wait_for("epoch");
    terminal.type_keys("d");
    assert_eq!(terminal.wait_for_exit().1, 0);
    terminal.wait_for("nntop attach votes");
    assert!(place.say("attach votes --once").contains("epoch"));
    let run = place.run("votes");
    Watcher::attach(&run, Attachment::ReadOnly).until(|view| view.epoch() >= 2);
    let reply = place.say("pause");
    assert!(reply.starts_with("votes: paused in ensemble · seed "), "{reply}");
    let reply = place.say("save votes");
    assert!(reply.starts_with("votes: saved ") && reply.contains("network-1/last.ckpt"), "{reply}");
    signal(&run, Signal::TERM);
    until_dead(&run);
    assert_eq!(state(&run), RunState::Interrupted);
    let reached = session::replay(&run).epoch();
    let picture = place.say("attach votes --once");
    assert!(picture.contains("interrupted; `nntop resume votes` continues the run"), "{picture}");
    assert!(picture.contains("Test image 0") && !picture.contains("cannot be"), "{picture}");
    let view = session::browse(&run, Attachment::Control).unwrap();
    until_logged(&view, "the ensemble ended before its 2 networks voted; this is network 1");
    // Without its checkpoints only its history is available.
    let kept = run.checkpoints().with_extension("away");
    std::fs::rename(run.checkpoints(), &kept).unwrap();
    let view = session::browse(&run, Attachment::Control).unwrap();
    until_logged(&view, "the network cannot be opened, only its history");
    // Its views say so, too, instead of waiting for the network.
    let weights = Probe::live(ProbeQuery::Weights { layer: 0, first: 0, count: 1 });
    view.commands.send(nntop::protocol::Command::Watch(vec![weights])).unwrap();
    until("the reason", || match view.updates.recv_timeout(TIMEOUT).unwrap() {
        Update::Event(Event::Frame(frame)) => {
            matches!(&frame.content, Content::Unavailable(text) if text.contains("only its history"))
        }
        _ => false,
    });
    view.commands.send(nntop::protocol::Command::SaveAs("model.safetensors".into())).unwrap();
    until("the refusal", || match view.updates.recv_timeout(TIMEOUT).unwrap() {
        Update::Event(Event::Refused(reason)) => reason.contains("no network to save"),
        _ => false,
    });
    std::fs::rename(&kept, run.checkpoints()).unwrap();
    assert_eq!(place.say("resume votes --detach"), "votes");
    let mut watcher = Watcher::attach(&run, Attachment::ReadOnly);
    watcher.until(|view| view.log.iter().any(|line| line.text.starts_with("resumed after epoch")));
    assert!(watcher.view.epoch() >= reached, "{} {reached}", watcher.view.epoch());
    drop(watcher);
    place.say("stop votes");
    until_dead(&run);
    assert_eq!(state(&run), RunState::Stopped);
}

#[test]
fn a_killed_ensemble_ends_with_the_same_bytes() {
    let place = Place::new();
    let recipe = "--ensemble 2 --seed 5 --epochs 3000";
    let [killed, alone] = ["killed", "alone"].map(|name| place.path(name));
    let run = place.detach("killed", &format!("{recipe} --save {}", killed.display()));
    Watcher::attach(&run, Attachment::ReadOnly).until(|view| view.epoch() >= 100);
    signal(&run, Signal::KILL);
    until_dead(&run);
    assert_eq!(state(&run), RunState::Interrupted);
    assert_eq!(place.say("resume killed --detach"), "killed");
    until_dead(&run);
    assert_eq!(state(&run), RunState::Completed);
    place.say(&place.training(&format!("{recipe} --json --save {}", alone.display())));
    assert!(std::fs::read(&killed).unwrap() == std::fs::read(&alone).unwrap());
}
