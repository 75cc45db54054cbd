//! Runs that have ended, viewed later.

use super::*;

/// Moves through the misclassified digits of a run that has ended: `4`, `w`, `→`.
#[track_caller]
fn browse_misclassified_digits(terminal: &mut Terminal) {
    terminal.type_keys("5");
    terminal.wait_until("the confusion matrix", |screen| {
        let text = screen.contents();
        text.contains("Confusion on the test set") && text.contains("wrong of")
    });
    terminal.type_keys("4");
    terminal.wait_for("Digits ·");
    terminal.type_keys("w");
    terminal.wait_until("the first misclassified digit", |screen| {
        let text = screen.contents();
        text.contains("wrong · 1 of") && text.contains('✗')
    });
    terminal.type_keys("\x1b[C");
    terminal.wait_until("the second misclassified digit", |screen| {
        let text = screen.contents();
        text.contains("wrong · 2 of") && text.contains('✗')
    });
}

#[test]
fn misclassified_digits_can_be_browsed_after_any_outcome() {
    let place = Place::new();
    // A learning rate so small that many digits are misclassified.
    let completed = place.detach("completed", "--epochs 2 --eta 0.01");
    let diverged = place.detach("diverged", "--epochs 9 --eta 1e6 --lambda 1e6");
    for name in ["stopped", "killed"] {
        let run = place.detach(name, &format!("--epochs {ENDLESS} --eta 0.0001"));
        Watcher::attach(&run, Attachment::ReadOnly).until(|view| view.epoch() >= 1);
        if name == "stopped" {
            place.say("stop stopped");
        } else {
            until("a checkpoint", || run.checkpoints().join("last.ckpt").exists());
            signal(&run, Signal::KILL);
        }
        until_dead(&run);
    }
    until_dead(&completed);
    until_dead(&diverged);
    for (name, expected) in [
        ("completed", RunState::Completed),
        ("diverged", RunState::Diverged),
        ("stopped", RunState::Stopped),
        ("killed", RunState::Interrupted),
    ] {
        let run = place.run(name);
        assert_eq!(state(&run), expected, "{name}");
        let mut terminal = place.terminal(&format!("attach {name}"));
        terminal.wait_for("epoch");
        browse_misclassified_digits(&mut terminal);
        for (key, sign) in [("3", "Weights of layer 1"), ("6", "Gradient"), ("7", "Network")] {
            terminal.type_keys(key);
            terminal.wait_for(sign);
        }
        terminal.type_keys("q");
        assert_eq!(terminal.wait_for_exit().1, 0);
        assert!(run.checkpoints().join("test-outputs").exists(), "{name}: measured once");
    }
}

/// The epochs that the header lists as kept.
fn kept(text: &str) -> Vec<u32> {
    let list = text.split("kept: ").nth(1).unwrap_or_default().lines().next().unwrap_or_default();
    list.split_whitespace().filter_map(|epoch| epoch.parse().ok()).collect()
}

#[test]
fn earlier_epochs_of_an_ended_run_can_be_viewed() {
    let place = Place::new();
    let run = place.detach("past", "--epochs 5 --eta 0.01");
    until_dead(&run);
    let mut terminal = place.terminal("attach past");
    terminal.wait_for("finished");
    terminal.type_keys("4w");
    terminal.wait_for("wrong · 1 of");
    let mut wrong = Vec::new();
    // The fifth is the same as live.
    for epoch in (0..5).rev() {
        terminal.type_keys("[");
        let text = terminal.wait_until("an earlier epoch", |screen| {
            let text = screen.contents();
            text.contains(&format!("showing epoch {epoch} "))
                && text.contains(&format!("epoch {epoch} ─"))
                && text.contains("wrong · ")
        });
        assert_eq!(kept(&text), [0, 1, 2, 3, 4, 5]);
        let count = text.split("wrong · ").nth(1).and_then(|rest| rest.split(" of ").nth(1));
        wrong.push(count.unwrap().split_whitespace().next().unwrap().to_string());
    }
    assert!(wrong.iter().any(|count| *count != wrong[0]), "the network changed: {wrong:?}");
    terminal.type_keys("3");
    terminal.wait_until("weights of the untrained network", |screen| {
        let text = screen.contents();
        text.contains("Weights of layer 1") && text.contains("epoch 0 ─") && text.contains('▀')
    });
    terminal.type_keys("]");
    terminal.wait_for("showing epoch 1 ");
    terminal.type_keys("\x1b");
    terminal.wait_until("now again", |screen| !screen.contents().contains("showing epoch"));
}

#[test]
fn snapshots_are_limited_and_keep_first_best_and_last() {
    let place = Place::new();
    let run = place.detach("long", "--epochs 100");
    until_dead(&run);
    let names = std::fs::read_dir(run.checkpoints().join("snapshots")).unwrap();
    let mut epochs: Vec<u32> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| name["epoch-".len()..].trim_end_matches(".ckpt").parse().unwrap())
        .collect();
    epochs.sort_unstable();
    let view = session::replay(&run);
    let best = view.best.unwrap().epoch;
    assert!(epochs.len() <= 32 && epochs.len() > 8, "{epochs:?}");
    for always in [0, best, 100] {
        assert!(epochs.contains(&always), "{always} in {epochs:?}");
    }
}

#[test]
fn weights_of_an_ended_convolutional_run_are_shown_at_once() {
    let place = Place::new();
    let data = place.data.path().display().to_string();
    let run = place.say(&format!(
        "train --layers conv4x3-pool2-dense8-softmax3 --cost log-likelihood --batch 7 --data {data} \
         --epochs 1 --detach --name maps"
    ));
    until_dead(&place.run(&run));
    // The key arrives before the network is loaded: the first probes must already ask for weights.
    let mut terminal = place.terminal("attach maps");
    terminal.type_keys("3");
    terminal.wait_until("maps of weights", |screen| {
        let text = screen.contents();
        let rows_of_maps = text.lines().filter(|line| line.contains("│▀▀▀▀▀")).count();
        text.contains("Weights of layer 1") && rows_of_maps >= 6
    });
}

#[test]
fn checkpoints_of_a_session_are_in_its_own_directory() {
    let place = Place::new();
    let cwd = place.path("work");
    std::fs::create_dir(&cwd).unwrap();
    for name in ["one", "two"] {
        let arguments = format!("--detach --name {name} --epochs 2 --checkpoint-every 1");
        let mut command = place.nntop(&place.training(&arguments));
        assert!(command.current_dir(&cwd).output().unwrap().status.success());
    }
    for name in ["one", "two"] {
        let run = place.run(name);
        until_dead(&run);
        assert!(run.checkpoints().join("last.ckpt").exists());
    }
    assert_eq!(std::fs::read_dir(&cwd).unwrap().count(), 0, "nothing in the current directory");
}

#[test]
fn two_runs_never_share_a_checkpoint_directory() {
    let place = Place::new();
    let shared = place.path("shared");
    let elsewhere = format!("--checkpoint-every 1 --checkpoints {}", shared.display());
    let first = place.detach("first", &format!("--epochs {ENDLESS} {elsewhere}"));
    Watcher::attach(&first, Attachment::ReadOnly).until(|view| view.epoch() >= 1);
    let (code, error) =
        place.fail(&place.training(&format!("--detach --name second --epochs 2 {elsewhere}")));
    assert!(code == 2 && error.contains("another run"), "{code} {error}");
    place.say("stop first");
    until_dead(&first);
    let (code, error) = place.fail(&place.training(&format!("--headless --epochs 2 {elsewhere}")));
    assert!(code == 2 && error.contains("of another run"), "{code} {error}");
    // Its own run continues to write there.
    place.say("resume first --detach");
    place.say("stop first");
    // By default, each run without a session gets an unused directory.
    let cwd = place.path("work");
    std::fs::create_dir(&cwd).unwrap();
    for _ in 0..2 {
        let mut command =
            place.nntop(&place.training("--headless --epochs 1 --checkpoint-every 1"));
        assert!(command.current_dir(&cwd).output().unwrap().status.success());
    }
    for name in ["nntop-checkpoints", "nntop-checkpoints-2"] {
        assert!(cwd.join(name).join("last.ckpt").exists(), "{name}");
    }
}

#[test]
fn values_not_given_are_chosen_and_reported() {
    let place = Place::new();
    let data = place.data.path().display().to_string();
    let headless = |arguments: &str| {
        place.say(&format!("train --data {data} --batch 7 --epochs 1 --headless {arguments}"))
    };
    let text = headless("--layers 64,12,3");
    assert!(!text.contains("chosen for this network"), "chapter 1's: {text}");
    assert!(text.contains("quadratic cost") && text.contains("eta 3 "), "{text}");
    let text = headless("--layers 64,12,3 --activation relu");
    let chosen = "chosen for this network: --cost log-likelihood --init scaled --eta 0.1";
    assert!(text.contains(chosen), "{text}");
    assert!(text.contains("log-likelihood cost") && text.contains("eta 0.1 "), "{text}");
    // Given values are used.
    let text =
        headless("--layers 64,12,3 --activation relu --cost quadratic --eta 0.7 --init large");
    assert!(!text.contains("chosen for this network"), "{text}");
    assert!(text.contains("quadratic cost") && text.contains("eta 0.7 "), "{text}");
    let json = place.say(&format!(
        "train --data {data} --batch 7 --epochs 1 --json --layers 64,12,3 --activation relu \
         --cost quadratic"
    ));
    let started: Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(started["layers"][0]["activation"], "relu");
    assert_eq!(started["layers"][1]["activation"], "sigmoid", "the output layer's own");
    // In a session it is among the messages.
    let run = place.run(&place.say(&format!(
        "train --data {data} --batch 7 --epochs 1 --layers 64,12,12,3 --detach --name wide"
    )));
    until_dead(&run);
    let log = session::replay(&run).log;
    assert!(log.iter().any(|line| line.text.contains("--init scaled")), "{log:?}");
}
