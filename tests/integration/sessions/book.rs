//! Experiments of the book in sessions, which take minutes to hours and must survive their
//! terminal.

use super::*;

#[test]
fn an_experiment_has_a_session_and_its_claims_are_stored() {
    let place = Place::new();
    assert_eq!(place.say("book 1-nand --quick --detach --name nand"), "nand");
    let run = place.run("nand");
    until_dead(&run);
    let listed = &place.ls()[0];
    assert_eq!([&listed["state"], &listed["experiment"]], ["completed", "1-nand"]);
    assert!(listed["claims"].as_u64().unwrap() > 0, "{listed}");
    assert_eq!(listed["claims"], listed["claims_holding"]);
    let table = place.say("ls");
    assert!(table.contains("book 1-nand: ") && table.contains("claim"), "{table}");
    let picture = place.say("attach nand --once");
    assert!(picture.contains("holds"), "its figures and claims are in front:\n{picture}");
    assert!(!picture.contains("cannot be looked at"), "{picture}");
    let (code, error) = place.fail("resume nand");
    assert!(code == 2 && error.contains("`nntop book 1-nand` runs it again"), "{error}");
    let (code, error) = place.fail("resume nand --epochs 5");
    assert!(code == 2 && error.contains("do not apply to an experiment"), "{error}");
    for (arguments, sign) in [
        ("book --detach", "give its id"),
        ("book 1-nand --detach --json", "cannot be used with"),
        ("book 1-nadn --detach", "1-nand"),
    ] {
        let (code, error) = place.fail(arguments);
        assert!(code == 2 && error.contains(sign), "{arguments}: {code} {error}");
    }
}

#[test]
fn an_interrupted_experiment_starts_again_from_the_beginning() {
    let place = Place::new();
    let mut terminal = place.terminal("book 3-overfitting --name long");
    terminal.wait_for("epoch");
    terminal.type_keys("d");
    assert_eq!(terminal.wait_for_exit().1, 0);
    terminal.wait_for("nntop attach long");
    let run = place.run("long");
    Watcher::attach(&run, Attachment::ReadOnly).until(|view| view.epoch() >= 2);
    let reply = place.say("pause");
    assert!(reply.starts_with("long: paused in 3-overfitting"), "{reply}");
    let reply = place.say("step --batches 3");
    assert!(reply.starts_with("long: paused in 3-overfitting"), "{reply}");
    let (code, error) = place.fail("save long");
    assert!(code == 1 && error.contains("keeps no checkpoints"), "{error}");
    let reported = session::summarize(&run).epoch;
    assert!(reported >= 2);
    let mut terminal = place.terminal("attach long");
    terminal.wait_for("paused");
    signal(&run, Signal::TERM);
    terminal.wait_for("`nntop resume long` starts the experiment again");
    terminal.type_keys("q");
    assert_eq!(terminal.wait_for_exit().1, 1);
    until_dead(&run);
    let summary = session::summarize(&run);
    assert_eq!((summary.state, summary.epoch), (RunState::Interrupted, reported));
    let picture = place.say("attach long --once");
    assert!(picture.contains("interrupted; `nntop resume long` starts"), "{picture}");
    assert_eq!(place.say("resume long --detach"), "long");
    let view = Watcher::attach(&run, Attachment::ReadOnly).view;
    assert!(
        view.log.iter().any(|line| line.text.contains("starts again from the beginning")),
        "{:?}",
        view.log
    );
    assert!(run.old_events().exists());
    place.say("stop long");
    until_dead(&run);
    assert_eq!(state(&run), RunState::Stopped);
}

#[test]
fn the_dashboard_of_an_experiment_ends_with_its_claims() {
    let place = Place::new();
    let mut terminal = place.terminal("book 1-nand --quick --name deck");
    terminal.wait_for("finished");
    terminal.type_keys("q");
    assert_eq!(terminal.wait_for_exit().1, 0);
    terminal.wait_for("deck: completed 1-nand, ");
    terminal.wait_for("NAND");
}
