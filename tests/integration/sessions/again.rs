//! Runs that are reused: as models, as recipes, as the start of others.

use super::*;
use nntop::model::Model;

/// A run that has ended.
fn done(place: &Place, name: &str, arguments: &str) -> RunDir {
    let run = place.detach(name, arguments);
    until_dead(&run);
    run
}

#[test]
fn a_run_its_directory_and_its_checkpoints_can_be_used_as_models() {
    let place = Place::new();
    let run = done(&place, "night", "--epochs 3");
    let data = place.data.path().display().to_string();
    let saved = place.path("m.safetensors").display().to_string();
    assert!(place.say(&format!("save night {saved}")).contains("epoch 3"));
    let directory = run.path().display().to_string();
    let checkpoints = run.checkpoints().display().to_string();
    let best = run.checkpoints().join("best.ckpt").display().to_string();
    let accuracy = |model: &str| {
        let line = place.say(&format!("eval {model} --data {data} --json"));
        let value: Value = serde_json::from_str(&line).unwrap();
        value["test_accuracy"].as_f64().unwrap()
    };
    let expected = accuracy(&saved);
    for model in ["night", "nig", &directory, &checkpoints] {
        assert!((accuracy(model) - expected).abs() < 1e-12, "{model}");
    }
    accuracy(&best);
    let both = place.path("two.safetensors").display().to_string();
    place.say(&format!("ensemble {both} night {saved}"));
    assert_eq!(Model::load(both.as_ref()).unwrap().networks().count(), 2);
    let (code, error) = place.fail("eval nobody");
    assert!(code == 2 && error.contains("no such file"), "{error}");
    assert!(error.contains("no run is called `nobody`"), "{error}");
    let (code, error) = place.fail(&format!("eval {data} --data {data}"));
    assert!(code == 2 && error.contains("neither a run's directory"), "{error}");
}

#[test]
fn the_best_weights_can_be_saved_during_and_after_a_run() {
    let place = Place::new();
    let run = place.detach("calm", &format!("--epochs {ENDLESS}"));
    Watcher::attach(&run, Attachment::ReadOnly).until(|view| view.epoch() >= 3);
    for (arguments, file) in [("", "last.safetensors"), ("--best", "best.safetensors")] {
        let path = place.path(file).display().to_string();
        let reply = place.say(&format!("save calm {path} {arguments}"));
        assert!(reply.contains(&path), "{reply}");
        assert!(Model::load(path.as_ref()).is_ok());
    }
    place.say("stop calm");
    until_dead(&run);
    let best = session::replay(&run).best.unwrap().epoch;
    let path = place.path("at-rest.safetensors");
    place.say(&format!("save calm {} --best", path.display()));
    assert_eq!(Model::load(&path).unwrap().epoch, best);
    let (code, error) = place.fail("save calm /no/such/directory/x.safetensors");
    assert!(code == 2 && error.contains("/no/such/directory"), "{error}");
}

#[test]
fn the_dashboard_saves_the_model_during_and_after_a_run() {
    let place = Place::new();
    let run = place.detach("deck", &format!("--epochs {ENDLESS}"));
    for (state, file) in [("training", "live.safetensors"), ("stopped", "rest.safetensors")] {
        let mut terminal = Start::nntop(&["attach", "deck"])
            .env(STATE_DIR, &place.state)
            .directory(place.dir.path())
            .spawn();
        terminal.wait_for(state);
        terminal.type_keys(&format!(":save {file}\r"));
        terminal.wait_for(&format!("saved {}", place.dir.path().display()));
        assert!(Model::load(&place.path(file)).is_ok(), "{file}");
        terminal.type_keys("q");
        if state == "training" {
            terminal.wait_for("s    stop it and quit");
            terminal.type_keys("s");
        }
        terminal.wait_for_exit();
        until_dead(&run);
    }
}

#[test]
fn a_run_starts_from_the_weights_of_another() {
    let place = Place::new();
    let data = place.data.path().display().to_string();
    let first = done(&place, "first", "--epochs 20");
    let reached = session::replay(&first).latest().unwrap().test_accuracy.unwrap();
    let json = place.say(&format!("train --from first --data {data} --epochs 1 --json"));
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let start = lines.iter().find(|line| line["event"] == "epoch").unwrap();
    assert_eq!((&start["epoch"], start["test_accuracy"].as_f64()), (&0.into(), Some(reached)));
    assert!(json.contains("starts from the weights of first"), "{json}");
    // With a session as well.
    let arguments = format!("train --from first --data {data} --epochs 2 --detach --name second");
    let second = place.run(&place.say(&arguments));
    until_dead(&second);
    let view = session::replay(&second);
    assert_eq!(view.epochs.points()[0].test_accuracy, Some(reached));
    assert!(view.log.iter().any(|line| line.text.contains("weights of first")), "{:?}", view.log);
    let (code, error) = place.fail(&format!("train --from first --data {data} --layers 64,9,3"));
    assert!(code == 2 && error.contains("64,12,3"), "{error}");
}

#[test]
fn a_new_run_starts_with_the_recipe_of_another() {
    let place = Place::new();
    done(&place, "first", "--epochs 2 --eta 0.7 --lambda 0.1 --seed 9");
    let json = place.say("train --like first --seed 10 --json");
    let started: Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!((&started["network"], &started["epochs"]), (&"64,12,3".into(), &2.into()));
    assert_eq!((&started["learning_rate"], &started["seed"]), (&0.7.into(), &10.into()));
    // Values that were chosen for the other network are chosen again; given ones are kept.
    let json = place.say("train --like first --activation relu --json");
    let started: Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(started["learning_rate"], 0.7);
    assert_eq!(started["layers"][0]["activation"], "relu");
}

#[test]
fn a_run_can_be_continued_or_branched() {
    let place = Place::new();
    let run = done(&place, "trunk", "--epochs 6");
    place.say("resume trunk --epochs 8 --detach");
    until_dead(&run);
    let trunk = session::replay(&run);
    assert_eq!(trunk.epoch(), 8, "it goes further");
    let name = place.say("resume trunk --from-epoch 3 --eta 0.25 --detach");
    assert_eq!(name, "trunk-2");
    let branch = place.run(&name);
    until_dead(&branch);
    let view = session::replay(&branch);
    let reported = |view: &RunView, until: u32| {
        let points = view.epochs.points().iter().filter(|stats| stats.epoch <= until);
        points.map(|stats| (stats.epoch, stats.test_accuracy)).collect::<Vec<_>>()
    };
    assert_eq!(reported(&view, 3), reported(&trunk, 3), "the past is shared");
    let rates: Vec<f64> = view.epochs.points().iter().map(|stats| stats.learning_rate).collect();
    assert_eq!(rates.len(), 9);
    assert!((rates[3] - 3.0).abs() < 1e-9 && (rates[4] - 0.25).abs() < 1e-9, "{rates:?}");
    assert_eq!(session::replay(&run), trunk, "the trunk is untouched");
    let snapshots = branch.checkpoints().join("snapshots");
    assert!(snapshots.join("epoch-0000002.ckpt").exists(), "and its snapshots are shared");
    let named = place.say("resume trunk --batch 5 --epochs 9 --name other --detach");
    assert_eq!(named, "other");
    until_dead(&place.run("other"));
    assert_eq!(session::replay(&place.run("other")).epoch(), 9);
    for (arguments, sign) in [
        ("resume trunk --from-epoch 77 --detach", "keeps epochs 0 1 2 3"),
        ("resume trunk --layers 64,9,3 --detach", "train --like trunk"),
        ("resume trunk --name x --detach", "names a new run"),
    ] {
        let (code, error) = place.fail(arguments);
        assert!(code == 2 && error.contains(sign), "{arguments}: {code} {error}");
    }
}

#[test]
fn an_unchanged_branch_ends_with_the_same_bytes() {
    let place = Place::new();
    let run = done(&place, "trunk", "--epochs 5 --momentum 0.5 --eta 0.3");
    place.say("resume trunk --from-epoch 2 --name again --detach");
    let again = place.run("again");
    until_dead(&again);
    let weights = |run: &RunDir, file: &str| {
        let path = place.path(file);
        place.say(&format!("save {} {}", run.name(), path.display()));
        std::fs::read(path).unwrap()
    };
    assert!(weights(&run, "a.safetensors") == weights(&again, "b.safetensors"));
}

#[test]
fn the_dashboard_offers_to_continue_a_run_that_has_ended() {
    let place = Place::new();
    let run = done(&place, "short", "--epochs 3");
    let mut terminal = place.terminal("attach short");
    terminal.wait_for("finished");
    terminal.type_keys(" ");
    terminal.wait_for("train 3 more epochs");
    terminal.type_keys("\x1b");
    terminal.wait_until("no question", |screen| !screen.contents().contains("more epochs"));
    terminal.type_keys(":epochs 4\r");
    terminal.wait_for("train 4 more epochs");
    terminal.type_keys("y");
    // While the run is going, `q` asks for confirmation.
    terminal.wait_until("its end", |screen| {
        let text = screen.contents();
        text.contains("epoch 7/7") && text.contains("finished")
    });
    terminal.type_keys("q");
    assert_eq!(terminal.wait_for_exit().1, 0);
    until_dead(&run);
    assert_eq!(session::replay(&run).epoch(), 7);
    // A diverged run continues from its best epoch as a new run.
    let diverged = done(&place, "wild", "--epochs 4 --eta 1e6 --lambda 1e6");
    assert_eq!(state(&diverged), RunState::Diverged);
    let (code, error) = place.fail("resume wild --detach");
    assert!(code == 1 && error.contains("--from-epoch"), "{error}");
    let mut terminal = place.terminal("attach wild");
    terminal.wait_for("diverged");
    terminal.type_keys(" ");
    terminal.wait_for("with η / 3");
    terminal.type_keys("y");
    terminal.wait_for("wild-2");
    terminal.type_keys("q");
    let branch = place.run("wild-2");
    let record = session::RunRecord::read(&branch).unwrap();
    let session::SessionTask::Training(training) = record.task else { panic!("a training") };
    assert!((training.spec.eta - 330_000.0).abs() < 1.0, "{}", training.spec.eta);
}

#[test]
fn a_network_that_does_not_learn_is_reported_within_two_epochs() {
    let place = Place::new();
    let data = place.data.path().display().to_string();
    let arguments = format!(
        "train --layers 64,12,3 --batch 7 --data {data} --epochs 2 --activation relu --init large \
         --cost quadratic --eta 50"
    );
    let text = place.say(&format!("{arguments} --headless"));
    assert!(text.contains("not learning") && text.contains("try --"), "{text}");
    let json = place.say(&format!("{arguments} --json"));
    let warning = json.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let warning = warning.filter(|line| line["event"] == "log" && line["level"] == "Warning");
    assert!(warning.count() > 0, "{json}");
    // Long enough that the dashboard is open when the warning arrives.
    let arguments = arguments.replace("--epochs 2", "--epochs 100000");
    let terminal = place.terminal(&format!("{arguments} --inline"));
    terminal.wait_for("not learning");
    let healthy =
        place.say(&format!("train --layers 64,12,3 --batch 7 --data {data} --epochs 3 --headless"));
    assert!(!healthy.contains("not learning"), "{healthy}");
}
