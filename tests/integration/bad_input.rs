//! Every bad input ends with a clear error that says what is wrong, names the file or argument, and
//! says what would be valid; never with a panic.

use crate::small_data::{NAMES, small_data, write_idx};
use proptest::prelude::*;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn nntop(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nntop")).args(arguments).output().unwrap()
}

/// The error of a command that must fail with exit code 2, without a panic.
fn refused(arguments: &[&str]) -> String {
    let output = nntop(arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
    assert!(!error.contains("panicked"), "{error}");
    error
}

#[test]
fn unknown_kernels_are_rejected_at_startup() {
    for wrong in ["sse9", ""] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nntop"));
        let output = command.arg("doctor").env("NNTOP_CPU", wrong).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains("use portable, avx2 or avx512"), "{error}");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_nntop"))
        .args(["doctor", "--json"])
        .env("NNTOP_CPU", "portable")
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["cpu"]["path"], "portable");
}

fn refused_data(dir: &Path) -> String {
    refused(&["train", "--epochs", "1", "--data", dir.to_str().unwrap()])
}

#[test]
fn bad_arguments_are_named_with_valid_values() {
    for (arguments, parts) in [
        (vec!["--layers", "784"], ["784", "784,30,10"]),
        (vec!["--layers", "28,10"], ["28,10", "start with 784"]),
        (vec!["--layers", "784,30,11"], ["784,30,11", "end with 10"]),
        (vec!["--layers", "784,-30,10"], ["784,-30,10", "above 0"]),
        (vec!["--layers", "784,0,10"], ["784,0,10", "784,30,10"]),
        (vec!["--layers", "784,99999999999999999999,10"], ["layers", "784,30,10"]),
        (vec!["--layers", "784,900000000,10"], ["layers", "at most"]),
        (vec!["--layers", "large"], ["large", "784,30,10"]),
        (vec!["--layers", ""], ["layers", "784,30,10"]),
        (vec!["--epochs", "0"], ["--epochs", "from 1 to"]),
        (vec!["--epochs", "-1"], ["--epochs", "from 1 to"]),
        (vec!["--batch", "60000"], ["batch", "50000"]),
        (vec!["--batch", "1e3"], ["--batch", "from 1 to"]),
        (vec!["--train-size", "50001"], ["train-size", "50000"]),
        (vec!["--all-images", "--stop-after", "2"], ["all-images", "stop-after"]),
        (
            vec!["--ensemble", "2", "--all-images", "--stop-after", "2"],
            ["all-images", "stop-after"],
        ),
        (vec!["--all-images", "--train-size", "60001"], ["train-size", "60000"]),
        (vec!["--ensemble", "2", "--also", "28,10"], ["28,10", "start with 784"]),
        (vec!["--also", "784,20,10"], ["--also", "--ensemble"]),
        (vec!["--eta", "NaN"], ["--eta", "above 0"]),
        (vec!["--eta", "1e99"], ["--eta", "at most 1000000"]),
        (vec!["--cost", "log"], ["--cost", "log-likelihood"]),
        (vec!["--threads", "0"], ["--threads", "from 1 to 1024"]),
        (vec!["--data", "/no/such"], ["--data", "/no/such"]),
        (vec!["--spec", "/no/such.toml"], ["--spec", "/no/such.toml"]),
        (vec!["--save", "/no/such/model"], ["--save", "/no/such/model"]),
        (vec!["--save", "/"], ["--save", "a file in a directory"]),
        (vec!["--activation", "relu", "--save", "/tmp/m.json"], ["--save", ".safetensors"]),
        (vec!["--resume", "/no/such.ckpt"], ["--resume", "/no/such.ckpt"]),
        (
            vec!["--checkpoint-every", "1", "--checkpoints", "/dev/null/x"],
            ["--checkpoints", "/dev/null/x"],
        ),
        (vec!["--frobnicate"], ["--frobnicate", "--help"]),
    ] {
        let error = refused(&[vec!["train"], arguments.clone()].concat());
        for part in parts {
            assert!(error.contains(part), "{arguments:?}: {part} in {error}");
        }
    }
}

#[test]
fn bad_files_of_images_and_labels_are_named() {
    for (name, words, body, says) in [
        (NAMES[0], vec![0x803, 60, 8, 8], 60 * 64 - 1, "truncated"),
        (NAMES[0], vec![0x803, 60, 8, 8], 60 * 64 + 1, "more than the 3856 bytes"),
        (NAMES[0], vec![0x801, 60, 8, 8], 60 * 64, "0x00000801"),
        (NAMES[0], vec![0x803, 59, 8, 8], 59 * 64, "59 images"),
        (NAMES[0], vec![0x803, 60, 0, 8], 0, "0 rows"),
        (NAMES[0], vec![0x803, u32::MAX, 8, 8], 0, "4294967295 images"),
        (NAMES[0], vec![0x803, 9_999_999, 1024, 1024], 0, "at most"),
        (NAMES[1], vec![0x801, 61], 61, "61 labels"),
        (NAMES[2], vec![0x803, 30, 8, 9], 30 * 72, "9×8"),
        (NAMES[3], vec![0x801], 0, "truncated"),
    ] {
        let dir = small_data();
        write_idx(&dir.path().join(name), &words, &vec![0; body]);
        let error = refused_data(dir.path());
        assert!(error.contains(name) && error.contains(says), "{says} in {error}");
    }
    let dir = small_data();
    let mut labels = [0_u8, 1, 2].repeat(10);
    labels[7] = 9;
    write_idx(&dir.path().join(NAMES[3]), &[0x801, 30], &labels);
    let error = refused_data(dir.path());
    assert!(error.contains("image 7 has label 9, outside the 3 classes"), "{error}");
    fs::remove_file(dir.path().join(NAMES[2])).unwrap();
    assert!(refused_data(dir.path()).contains("holds no file t10k-images-idx3-ubyte"));
}

#[test]
fn foreign_and_truncated_models_are_named() {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in [
        ("empty.safetensors", &b""[..]),
        ("text.safetensors", b"this is not a model of any kind"),
        ("text.json", b"{\"sizes\": [1]}"),
        ("long.safetensors", b"\xff\xff\xff\xff\xff\xff\xff\x7f{}"),
    ] {
        let file = dir.path().join(name);
        fs::write(&file, bytes).unwrap();
        let error = refused(&["eval", file.to_str().unwrap()]);
        assert!(error.contains(name), "{error}");
        let error = refused(&["predict", file.to_str().unwrap(), "/no/such.png"]);
        assert!(error.contains(name), "{error}");
    }
    assert!(refused(&["eval", "/no/such.safetensors"]).contains("/no/such.safetensors"));
}

proptest! {
    // Each case starts a process.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_argument_is_rejected_or_trained_without_a_panic(
        argument in prop::sample::select(vec![
            "--layers", "--epochs", "--batch", "--eta", "--lambda", "--momentum", "--dropout",
            "--train-size", "--seed", "--cost", "--activation", "--init", "--regularizer",
            "--optimizer", "--expand", "--halve-after", "--stop-after",
        ]),
        value in prop_oneof!["[-+.,0-9a-z:]{0,12}", "64,[0-9]{1,2},3", "-?[0-9]{1,3}"],
    ) {
        let dir = small_data();
        let data = dir.path().to_str().unwrap();
        let value = format!("{argument}={value}");
        let mut arguments = vec!["train", "--json", "--data", data, &value];
        if argument != "--epochs" {
            arguments.extend(["--epochs", "1"]);
        } else if value.len() > 12 {
            return Ok(());
        }
        let output = nntop(&arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        prop_assert!(!error.contains("panicked"), "{}: {}", value, error);
        match output.status.code() {
            Some(0 | 1) => {}
            Some(2) => {
                let name = argument.trim_start_matches('-');
                prop_assert!(error.contains(name), "{}: {}", value, error);
            }
            other => prop_assert!(false, "{}: exit code {:?}: {}", value, other, error),
        }
    }

    #[test]
    fn any_bytes_in_a_data_file_are_rejected_with_its_name(
        which in 0_usize..4, bytes in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let dir = small_data();
        fs::write(dir.path().join(NAMES[which]), bytes).unwrap();
        prop_assert!(refused_data(dir.path()).contains(NAMES[which]));
    }
}
