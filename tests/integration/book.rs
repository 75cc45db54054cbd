//! The book: every experiment at its quick budget, and the command that runs them.

use nntop::book::EXPERIMENTS;
use nntop::jobs::{Experiment, Options, Running};
use nntop::protocol::{Outcome, RunView};
use serde_json::Value;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// Timeout of a quick experiment, long enough for a busy machine.
const TIMEOUT: Duration = Duration::from_secs(600);

fn quick(experiment: &'static Experiment) -> RunView {
    let options = Options { quick: true, ..Options::default() };
    let running = Running::spawn(experiment, options).unwrap();
    let mut view = RunView::default();
    while view.outcome.is_none() {
        view.apply(&running.events.recv_timeout(TIMEOUT).unwrap());
    }
    running.join();
    view
}

/// What is wrong with the result of an experiment.
fn faults(experiment: &Experiment, view: &RunView) -> Vec<String> {
    let mut faults = Vec::new();
    if !matches!(view.outcome, Some(Outcome::Completed(_))) {
        faults.push(format!("ended as {:?}", view.outcome));
    }
    if view.figures.is_empty() {
        faults.push("shows no figure".into());
    }
    let withheld = view.log.iter().any(|line| line.text.contains("needs the full budget"));
    match (experiment.quick_suffices, view.claims.is_empty()) {
        (true, true) => faults.push("checks no claim".into()),
        (false, false) => faults.push("gives verdicts that its budget does not suffice for".into()),
        (false, true) if !withheld => faults.push("does not say that it needs more".into()),
        _ => {}
    }
    let failed = view.claims.iter().filter(|claim| !claim.holds || claim.id != experiment.id);
    faults.extend(failed.map(|claim| format!("{claim:?}")));
    faults
}

#[test]
fn every_experiment_completes_with_figures_and_claims_that_hold() {
    let mut all = Vec::new();
    for experiment in EXPERIMENTS {
        let start = std::time::Instant::now();
        let view = quick(experiment);
        eprintln!("{}: {:.1} s", experiment.id, start.elapsed().as_secs_f64());
        let faults = faults(experiment, &view);
        all.extend(faults.into_iter().map(|fault| format!("{}: {fault}", experiment.id)));
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

#[test]
fn a_claim_that_needs_the_full_budget_is_not_checked() {
    let output = nntop(&["6-conv2", "--quick"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("needs the full budget") && !text.contains("DOES NOT HOLD"), "{text}");
}

fn nntop(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nntop"));
    command.arg("book").args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn objects(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_list_names_every_experiment() {
    let text = String::from_utf8(nntop(&[]).stdout).unwrap();
    let lines = objects(&nntop(&["--json"]));
    assert_eq!(lines.len(), EXPERIMENTS.len());
    for (line, experiment) in lines.iter().zip(EXPERIMENTS) {
        assert_eq!(line["id"], experiment.id);
        assert_eq!(line["chapter"], experiment.chapter);
        assert!(!line["title"].as_str().unwrap().is_empty());
        assert!(!line["expected"].as_str().unwrap().is_empty());
        assert!(text.contains(experiment.id), "{text}");
    }
}

#[test]
fn json_ends_with_the_claims() {
    let output = nntop(&["1-nand", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let lines = objects(&output);
    let kinds: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["started", "claim", "claim", "finished"]);
    let claim = &lines[1];
    assert_eq!((&claim["id"], &claim["holds"]), (&"1-nand".into(), &true.into()));
    assert_eq!((&claim["expected"], &claim["measured"]), (&"1 1 1 0".into(), &"1 1 1 0".into()));
    assert!(claim["claim"].is_string() && claim["seed"].is_u64() && claim["seconds"].is_f64());
    assert_eq!(lines[3]["outcome"], "completed");
}

#[test]
fn without_a_terminal_claims_are_lines() {
    let output = nntop(&["1-nand"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("#   measured 1 1 1 0") && text.contains("HOLDS"), "{text}");
}

#[test]
fn an_unknown_experiment_gets_suggestions() {
    let output = nntop(&["1-nadn"]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("`1-nadn`") && text.contains("1-nand"), "{text}");
}

#[test]
fn omitted_experiments_are_listed_with_the_reason() {
    let text = String::from_utf8(nntop(&[]).stdout).unwrap();
    assert!(text.contains("Left out") && text.contains("1-svm"), "{text}");
    let output = nntop(&["1-svm"]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("left out") && text.contains("linfa-svm"), "{text}");
}

#[test]
fn results_are_printed_as_a_table() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("results.jsonl");
    std::fs::write(&file, nntop(&["1-nand", "--json"]).stdout).unwrap();
    let output = nntop(&["--table", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 4, "{text}");
    assert!(text.lines().nth(2).unwrap().ends_with("| yes |"), "{text}");
    std::fs::write(&file, "no JSON").unwrap();
    assert_eq!(nntop(&["--table", file.to_str().unwrap()]).status.code(), Some(2));
}
