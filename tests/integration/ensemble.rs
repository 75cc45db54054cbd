//! Ensembles with the real binary.

use crate::small_data::small_data;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn nntop(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nntop"));
    command.args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn objects(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn train(data: &Path, file: &Path, more: &[&str]) -> Output {
    let (data, file) = (data.to_str().unwrap(), file.to_str().unwrap());
    let fixed = ["train", "--data", data, "--epochs", "2", "--json", "--save", file];
    nntop(&[&fixed[..], more].concat())
}

fn evaluation(data: &Path, file: &Path) -> Value {
    let output =
        nntop(&["eval", file.to_str().unwrap(), "--data", data.to_str().unwrap(), "--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    objects(&output).remove(0)
}

#[test]
fn an_ensemble_is_trained_and_saved_as_one_model() {
    let (data, dir) = (small_data(), tempfile::tempdir().unwrap());
    let file = dir.path().join("three.safetensors");
    let output = train(data.path(), &file, &["--ensemble", "3", "--seed", "5"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let lines = objects(&output);
    let reported = |event: &str| lines.iter().filter(|line| line["event"] == event).count();
    assert_eq!([reported("saved"), reported("finished")], [1, 1]);
    assert_eq!(reported("epoch"), 3 * 3 + 1, "every epoch of every network, and their vote");
    let together = evaluation(data.path(), &file);
    assert_eq!(together["networks"], 3);
    let last = lines.iter().rfind(|line| line["event"] == "epoch").unwrap();
    assert_eq!(together["test_accuracy"], last["test_accuracy"]);
    // The second network uses the next seed; it can be trained alone.
    let alone = dir.path().join("alone.safetensors");
    train(data.path(), &alone, &["--seed", "6"]);
    let accuracy = evaluation(data.path(), &alone)["test_accuracy"].clone();
    assert_eq!(together["networks_test_accuracy"][1], accuracy);
    // The votes are reported for every digit that is read.
    let line = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/line.png");
    let output = nntop(&["read", file.to_str().unwrap(), line.to_str().unwrap(), "--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let reading = objects(&output).remove(0);
    let digits = reading["digits"].as_array().unwrap();
    let votes = |digit: &Value| digit["votes"].as_array().map(Vec::len);
    assert!(!digits.is_empty() && digits.iter().all(|digit| votes(digit) == Some(3)), "{reading}");
}

#[test]
fn saved_networks_are_combined() {
    let (data, dir) = (small_data(), tempfile::tempdir().unwrap());
    let files = ["one", "two"].map(|name| dir.path().join(name).with_extension("safetensors"));
    train(data.path(), &files[0], &["--seed", "1"]);
    train(data.path(), &files[1], &["--seed", "2", "--layers", "64,12,3"]);
    let whole = dir.path().join("whole.safetensors");
    let [one, two] = files.each_ref().map(|file| file.to_str().unwrap());
    let output = nntop(&["ensemble", whole.to_str().unwrap(), one, two]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let together = evaluation(data.path(), &whole);
    for (index, file) in files.iter().enumerate() {
        let alone = evaluation(data.path(), file)["test_accuracy"].clone();
        assert_eq!(together["networks_test_accuracy"][index], alone);
    }
}

#[test]
fn different_networks_are_trained_on_all_images_with_test_time_shifts() {
    let (data, dir) = (small_data(), tempfile::tempdir().unwrap());
    let file = dir.path().join("kinds.safetensors");
    let kinds = ["--ensemble", "3", "--layers", "64,12,3", "--also", "64,8,3"];
    let output = train(data.path(), &file, &[&kinds[..], &["--all-images"]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let lines = objects(&output);
    let started = |line: &&Value| line["event"] == "started" && line["train_size"] != 0;
    let started: Vec<&Value> = lines.iter().filter(started).collect();
    let layers: Vec<_> = started.iter().map(|line| line["network"].as_str().unwrap()).collect();
    assert_eq!(layers, ["64,12,3", "64,8,3", "64,12,3", "64,12,3 + 64,8,3"]);
    assert!(started.iter().all(|line| line["validation_size"] == 0), "{started:?}");
    let evaluate = |file: &Path| evaluation(data.path(), file);
    let plain = evaluate(&file);
    assert_eq!((&plain["validation_images"], &plain["networks"]), (&0.into(), &3.into()));
    let shifted = dir.path().join("shifted.safetensors");
    train(data.path(), &shifted, &[&kinds[..], &["--all-images", "--test-time-shifts"]].concat());
    assert_ne!(evaluate(&shifted)["test_cost"], plain["test_cost"], "the networks are the same");
}

#[test]
fn options_for_a_single_network_are_refused() {
    let output = nntop(&["train", "--ensemble", "2", "--checkpoint-every", "1"]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("--checkpoint-every") && text.contains("a single network"), "{text}");
    let output = nntop(&["train", "--preset", "bets"]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("fast99") && text.contains("best"), "{text}");
}
