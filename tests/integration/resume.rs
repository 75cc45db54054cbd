//! Runs of the real binary that are killed and resumed.

use crate::small_data::small_data;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const EPOCHS: u32 = 60;
/// The epochs after whose report the run is killed.
const KILLED_AT: [u32; 10] = [0, 1, 2, 7, 13, 14, 26, 33, 41, 52];

/// The directory of a run, for its checkpoints and its model.
struct Place<'a> {
    data: &'a Path,
    dir: tempfile::TempDir,
}

impl<'a> Place<'a> {
    fn new(data: &'a Path) -> Self {
        Self { data, dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn nntop(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nntop"));
        command.args(["train", "--json", "--checkpoint-every", "1", "--checkpoints"]);
        command.arg(self.path("kept")).arg("--save").arg(self.path("model.safetensors"));
        command.stdin(Stdio::null());
        command
    }

    /// An epoch and its checkpoint take about the same time, so that kills hit both.
    fn train(&self) -> Command {
        let mut command = self.nntop();
        command.args(["--epochs", &EPOCHS.to_string(), "--layers", "64,100,60,3", "--batch", "3"]);
        command.args(["--eta", "0.05", "--lambda", "0.1", "--momentum", "0.5", "--dropout", "0.2"]);
        command.args(["--halve-after", "9", "--data"]).arg(self.data);
        command
    }

    fn resume(&self) -> Command {
        let mut command = self.nntop();
        command.arg("--resume").arg(self.path("kept"));
        command
    }

    /// What a user does after a kill: resume the run, or start again if there is no checkpoint.
    fn go_on(&self) -> Command {
        if self.path("kept").join("last.ckpt").exists() { self.resume() } else { self.train() }
    }

    /// Temporary files, which only a killed write leaves.
    fn leftovers(&self) -> usize {
        let names = fs::read_dir(self.path("kept")).into_iter().flatten().flatten();
        names.filter(|entry| entry.file_name().to_string_lossy().starts_with(".nntop-")).count()
    }

    fn digest(&self) -> [u8; 32] {
        Sha256::digest(fs::read(self.path("model.safetensors")).unwrap()).into()
    }
}

/// Kills a run as soon as it has reported an epoch, which is when it writes a checkpoint. Returns
/// whether it was still running.
fn kill_at_epoch(mut command: Command, epoch: u32) -> bool {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut reported = lines.filter_map(|line| {
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        (event["event"] == "epoch").then(|| event["epoch"].as_u64().unwrap())
    });
    assert!(reported.any(|reported| reported >= u64::from(epoch)), "never reached epoch {epoch}");
    let running = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    running
}

#[test]
fn a_run_killed_ten_times_ends_with_the_same_model() {
    let data = small_data();
    let whole = Place::new(data.path());
    let output = whole.train().output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let mut killed = Place::new(data.path());
    let mut kills = 0;
    for epoch in KILLED_AT {
        if kill_at_epoch(killed.go_on(), epoch) {
            kills += 1;
        } else {
            // It had completed before the signal arrived.
            assert_eq!(killed.digest(), whole.digest());
            killed = Place::new(data.path());
        }
    }
    assert!(kills > 0, "every run completed before it was killed");
    let last = killed.go_on().output().unwrap();
    assert!(last.status.success(), "{}", String::from_utf8_lossy(&last.stderr));
    let text = String::from_utf8(last.stdout).unwrap();
    let epochs = text.lines().filter(|line| line.starts_with(r#"{"event":"epoch""#)).count();
    assert_eq!(epochs, EPOCHS as usize + 1, "the curves are complete, from epoch 0");
    assert_eq!(killed.digest(), whole.digest());
    assert_eq!(killed.leftovers(), 0, "temporary files of killed writes are removed");
}

#[test]
fn a_truncated_checkpoint_is_reported_and_the_previous_one_used() {
    let data = small_data();
    let place = Place::new(data.path());
    assert!(place.train().output().unwrap().status.success());
    let digest = place.digest();
    let last = place.path("kept").join("last.ckpt");
    let bytes = fs::read(&last).unwrap();
    fs::write(&last, &bytes[..bytes.len() - 9]).unwrap();
    fs::remove_file(place.path("model.safetensors")).unwrap();
    let output = place.resume().output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("truncated") && text.contains("previous"), "{text}");
    assert_eq!(place.digest(), digest);
    for name in ["last.ckpt", "previous.ckpt"] {
        fs::write(place.path("kept").join(name), b"NNTOPCKP").unwrap();
    }
    let output = place.resume().output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("last.ckpt") && error.contains("truncated"), "{error}");
}
