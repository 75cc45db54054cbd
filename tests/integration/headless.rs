//! The real binary without a terminal: lines, objects, exit codes, models.

use crate::small_data::{NAMES, gzip, small_data};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn nntop() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nntop"));
    command.stdin(Stdio::null());
    command
}

/// Trains on the small data set.
fn train(dir: &Path, arguments: &str) -> Output {
    let mut command = nntop();
    command.arg("train").arg("--data").arg(dir).args(arguments.split_whitespace());
    command.output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn objects(output: &Output) -> Vec<Value> {
    out(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn json_reports_start_epochs_and_end() {
    let dir = small_data();
    let output = train(dir.path(), "--layers 64,8,3 --epochs 3 --json");
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let lines = objects(&output);
    let kinds: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["started", "epoch", "epoch", "epoch", "epoch", "finished"]);
    let (started, last) = (&lines[0], &lines[5]);
    assert_eq!(started["network"], "64,8,3");
    assert_eq!(
        [&started["train_size"], &started["validation_size"], &started["test_size"]],
        [50, 10, 30]
    );
    for (epoch, line) in lines[1..5].iter().enumerate() {
        assert_eq!(line["epoch"], epoch);
        for field in ["train_cost", "train_seconds", "samples_per_second"] {
            assert!(line[field].as_f64().unwrap() >= 0.0, "{field} of {line}");
        }
        for field in ["train_accuracy", "validation_accuracy", "test_accuracy"] {
            assert!((0.0..=1.0).contains(&line[field].as_f64().unwrap()), "{field} of {line}");
        }
    }
    assert_eq!((&last["outcome"], &last["epochs"]), (&"completed".into(), &3.into()));
    assert!(lines[4]["train_cost"].as_f64().unwrap() < lines[1]["train_cost"].as_f64().unwrap());
}

#[test]
fn text_has_a_row_per_epoch_and_depends_only_on_the_seed() {
    let dir = small_data();
    // All columns except the last ones, which contain times and speeds.
    let figures = |seed: u32| {
        let output = train(dir.path(), &format!("--epochs 2 --seed {seed}"));
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        let text = out(&output);
        let rows = text.lines().filter(|line| !line.starts_with('#'));
        rows.map(|row| row.split_whitespace().take(8).map(String::from).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    let first = figures(1);
    assert_eq!(first.len(), 3);
    assert_eq!(first, figures(1));
    assert_ne!(first, figures(2));
}

#[test]
fn a_saved_model_has_the_reported_accuracy() {
    let dir = small_data();
    let model = dir.path().join("model.safetensors");
    let output = train(dir.path(), &format!("--epochs 2 --json --save {}", model.display()));
    let epochs = objects(&output);
    let trained = epochs.iter().rfind(|line| line["event"] == "epoch").unwrap();
    let eval = |model: &Path| {
        let mut command = nntop();
        command.arg("eval").arg(model).arg("--data").arg(dir.path()).arg("--json");
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        objects(&output).remove(0)
    };
    let measured = eval(&model);
    assert_eq!(measured["test_accuracy"], trained["test_accuracy"]);
    assert_eq!(measured["validation_accuracy"], trained["validation_accuracy"]);
    let counted = measured["confusion"].as_array().unwrap().iter();
    let counted = counted.flat_map(|row| row.as_array().unwrap()).map(|n| n.as_u64().unwrap());
    assert_eq!(counted.sum::<u64>(), 30);

    let json = dir.path().join("model.json");
    let output = train(dir.path(), &format!("--epochs 2 --save {}", json.display()));
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(eval(&json)["test_accuracy"], measured["test_accuracy"]);
}

#[test]
fn gzipped_files_give_the_same_result() {
    let dir = small_data();
    let plain = train(dir.path(), "--epochs 1 --json");
    for name in NAMES {
        gzip(&dir.path().join(name));
    }
    let zipped = train(dir.path(), "--epochs 1 --json");
    let accuracy = |output: &Output| objects(output)[2]["test_accuracy"].clone();
    assert!(accuracy(&plain).is_number());
    assert_eq!(accuracy(&plain), accuracy(&zipped));
}

#[test]
fn a_resumed_run_ends_with_the_same_model() {
    let dir = small_data();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let arguments = "--momentum 0.5 --eta 0.5";
    let whole =
        train(dir.path(), &format!("{arguments} --epochs 4 --save {}", at("whole.safetensors")));
    assert_eq!(whole.status.code(), Some(0), "{}", err(&whole));
    let started =
        format!("{arguments} --epochs 2 --checkpoint-every 1 --checkpoints {}", at("kept"));
    assert_eq!(train(dir.path(), &started).status.code(), Some(0));
    let resumed =
        format!("--resume {} --epochs 4 --save {}", at("kept"), at("resumed.safetensors"));
    let resumed = train(dir.path(), &resumed);
    assert_eq!(resumed.status.code(), Some(0), "{}", err(&resumed));
    let bytes = |name: &str| fs::read(at(name)).unwrap();
    assert!(bytes("whole.safetensors") == bytes("resumed.safetensors"));

    let other = train(dir.path(), &format!("--resume {} --eta 9", at("kept")));
    assert_eq!(other.status.code(), Some(2));
    assert!(err(&other).contains("--resume"), "{}", err(&other));
}

#[test]
fn nan_costs_end_the_run_as_diverged() {
    let dir = small_data();
    // Weight decay that overshoots: w is multiplied by 1 - eta lambda / n, far below -1.
    let output = train(dir.path(), "--epochs 30 --eta 100 --lambda 1000000 --json");
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    let last = objects(&output).pop().unwrap();
    assert_eq!((&last["event"], &last["outcome"]), (&"finished".into(), &"diverged".into()));
    assert!(!last["reason"].as_str().unwrap().is_empty());
    assert!(err(&output).contains("diverged in epoch"), "{}", err(&output));
}

#[test]
fn a_closed_pipe_ends_the_run_without_a_panic() {
    let dir = small_data();
    let mut command = nntop();
    command.arg("train").arg("--data").arg(dir.path()).args(["--epochs", "100000"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(!err(&output).contains("panicked"), "{}", err(&output));
}

#[test]
fn a_signal_stops_the_run_and_the_model_is_saved() {
    use std::io::{BufRead, BufReader};
    let dir = small_data();
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::INT] {
        let model = dir.path().join("stopped.safetensors");
        let mut command = nntop();
        command.arg("train").arg("--data").arg(dir.path());
        command.args(["--epochs", "1000000", "--json", "--save"]).arg(&model);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.next().unwrap().unwrap().contains("started"));
        let process = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(process, signal).unwrap();
        let last = lines.map(Result::unwrap).last().unwrap();
        let last: Value = serde_json::from_str(&last).unwrap();
        assert_eq!(last["outcome"], "stopped");
        assert_eq!(child.wait().unwrap().code(), Some(0));
        assert!(fs::remove_file(&model).is_ok(), "the model was saved");
    }
}

#[test]
fn on_a_full_disk_the_model_is_saved_elsewhere() {
    if !Path::new("/dev/full").exists() {
        return eprintln!("skipped: there is no /dev/full");
    }
    let dir = small_data();
    let output = train(dir.path(), "--epochs 1 --save /dev/full");
    assert_eq!(output.status.code(), Some(1));
    let error = err(&output);
    let kept = error.split_whitespace().find(|word| word.contains("nntop-rescued-")).unwrap();
    assert!(error.contains("/dev/full") && error.contains("No space left"), "{error}");
    let eval = nntop().arg("eval").arg(kept).arg("--data").arg(dir.path()).output().unwrap();
    assert_eq!(eval.status.code(), Some(0), "{}", err(&eval));
    fs::remove_file(kept).unwrap();
}

#[test]
fn pictures_are_predicted_and_bad_ones_are_named() {
    let dir = small_data();
    let model = dir.path().join("model.safetensors");
    let save = format!("--epochs 20 --save {}", model.display());
    assert_eq!(train(dir.path(), &save).status.code(), Some(0));
    // Class 1 in the small data set: the second band of rows is bright.
    let band = |at: usize| if (3..6).contains(&(at / 8)) { 255_u8 } else { 0 };
    let pixels: Vec<u8> = (0..64).map(band).collect();
    let picture = dir.path().join("one.pgm");
    fs::write(&picture, [b"P5 8 8 255 ".as_slice(), &pixels].concat()).unwrap();
    let broken = dir.path().join("bad.png");
    fs::write(&broken, b"no picture").unwrap();
    let mut command = nntop();
    let output =
        command.arg("predict").arg(&model).args([&broken, &picture]).arg("--json").output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("bad.png"), "{}", err(&output));
    let answer = objects(&output).remove(0);
    assert_eq!((&answer["event"], &answer["prediction"]), (&"prediction".into(), &1.into()));
    assert_eq!(answer["outputs"].as_array().unwrap().len(), 3);
}

#[test]
fn several_digits_in_one_picture_are_read_line_by_line() {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("model.safetensors");
    let mut command = nntop();
    command.args(["train", "--cost", "cross-entropy", "--init", "scaled", "--eta", "0.5"]);
    command.args(["--train-size", "10000", "--epochs", "3", "--headless", "--save"]);
    assert_eq!(command.arg(&model).output().unwrap().status.code(), Some(0));
    // The first ten test images in two lines, each in a frame of 40 pixels.
    let mnist = nntop::data::Dataset::embedded().test;
    let mut pixels = vec![255_u8; 200 * 80];
    for index in 0..10 {
        for (at, ink) in mnist.image(index).iter().enumerate() {
            let (x, y) = (index % 5 * 40 + 6 + at % 28, index / 5 * 40 + 6 + at / 28);
            pixels[y * 200 + x] = 255 - ink;
        }
    }
    let picture = dir.path().join("digits.pgm");
    fs::write(&picture, [b"P5 200 80 255 ".as_slice(), &pixels].concat()).unwrap();
    let output = nntop().arg("read").arg(&model).arg(&picture).arg("--json").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let reading = objects(&output).remove(0);
    let lines = reading["lines"].as_array().unwrap();
    let read: String = lines.iter().map(|line| line.as_str().unwrap()).collect();
    assert_eq!((lines.len(), read.len()), (2, 10), "{reading}");
    let right = read.bytes().zip(&mnist.labels).filter(|(name, label)| name - b'0' == **label);
    assert!(right.count() >= 8, "{read}");
}

#[test]
fn pictures_use_all_colours_on_any_terminal() {
    let dir = small_data();
    let draw = |file: &str, color: &[&str]| {
        let mut command = nntop();
        command.env("TERM", "dumb").env_remove("COLORTERM").env("LC_ALL", "C").arg("picture");
        command.args(["--epochs", "1", "--data"]).arg(dir.path()).args(color);
        let output = command.arg(dir.path().join(file)).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        fs::read_to_string(dir.path().join(file)).unwrap()
    };
    let colours = |svg: &str| {
        let fills = svg.split("fill=\"#").skip(1).map(|rest| rest[..6].to_string());
        fills.collect::<std::collections::BTreeSet<_>>().len()
    };
    let (whole, grey) = (draw("a.svg", &[]), draw("b.svg", &["--color", "none"]));
    assert!(colours(&whole) >= 5, "{}", colours(&whole));
    assert!(colours(&grey) <= 2, "--color is respected: {}", colours(&grey));
    assert!(draw("c.txt", &[]).contains("nntop"), "text follows the terminal");
}
