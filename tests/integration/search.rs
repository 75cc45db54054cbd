//! `nntop search` with the real binary.

use crate::small_data::small_data;
use std::fs;
use std::process::{Command, Output};

fn search(text: &str, arguments: &[&str]) -> Output {
    let data = small_data();
    let file = data.path().join("spec.toml");
    fs::write(&file, format!("data = {:?}\n{text}", data.path().to_str().unwrap())).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_nntop"));
    command.arg("search").arg(&file).args(arguments).output().unwrap()
}

const TEXT: &str = "layers = \"64,12,3\"\nepochs = 4\nbatch = 5\n[search]\neta = [0.00001, 3.0]\n";

#[test]
fn the_table_shows_every_run_the_best_first() {
    let output = search(TEXT, &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let table: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(table.len(), 3, "{text}");
    assert!(table[0].trim_start().starts_with("eta"), "{text}");
    assert!(table[1].trim_start().starts_with("3.0"), "{text}");
    assert!(table[2].trim_start().starts_with("0.00001"), "{text}");
}

#[test]
fn json_lines_are_the_runs_and_then_the_best() {
    let output = search(TEXT, &["--random", "3", "--json", "--workers", "2"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["run", "run", "run", "best"]);
    let accuracy = |line: &serde_json::Value| line["validation_accuracy"].as_f64().unwrap();
    assert!(lines.iter().all(|line| accuracy(line) <= accuracy(&lines[3])));
}

#[test]
fn a_file_without_a_search_table_is_rejected() {
    let output = search("eta = 3.0", &[]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("spec.toml") && error.contains("[search]"), "{error}");
}
