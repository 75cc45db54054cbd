//! Runs of the real binary that are killed without warning and resumed.

use crate::small_data::small_data;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const EPOCHS: u32 = 60;
const KILLS: u32 = 10;

/// A place for a run: its checkpoints and its model.
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

    fn train(&self) -> Command {
        let mut command = self.nntop();
        command.args(["--epochs", &EPOCHS.to_string(), "--layers", "64,12,3", "--batch", "7"]);
        command.args(["--eta", "0.05", "--lambda", "0.1", "--momentum", "0.5", "--dropout", "0.2"]);
        command.args(["--halve-after", "9", "--data"]).arg(self.data);
        command
    }

    fn resume(&self) -> Command {
        let mut command = self.nntop();
        command.arg("--resume").arg(self.path("kept"));
        command
    }

    fn digest(&self) -> [u8; 32] {
        Sha256::digest(fs::read(self.path("model.safetensors")).unwrap()).into()
    }
}

/// Runs until the given epoch is told, then kills.
fn kill_after(mut command: Command, epoch: u32) {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let told = format!(r#"{{"event":"epoch","epoch":{epoch},"#);
    let seen = lines.any(|line| line.starts_with(&told));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(seen, "epoch {epoch} comes before the end");
}

#[test]
fn a_run_killed_ten_times_ends_with_the_same_model() {
    let data = small_data();
    let whole = Place::new(data.path());
    let output = whole.train().output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let killed = Place::new(data.path());
    kill_after(killed.train(), 4);
    for kill in 1..KILLS {
        // Spread over the run; the moment within the epoch is the scheduler's choice.
        kill_after(killed.resume(), 4 + kill * (EPOCHS - 10) / KILLS + kill % 3);
    }
    let last = killed.resume().output().unwrap();
    assert!(last.status.success(), "{}", String::from_utf8_lossy(&last.stderr));
    let text = String::from_utf8(last.stdout).unwrap();
    let epochs = text.lines().filter(|line| line.starts_with(r#"{"event":"epoch""#)).count();
    assert_eq!(epochs, EPOCHS as usize + 1, "the curves go on unbroken, from epoch 0");
    assert_eq!(killed.digest(), whole.digest());
}

#[test]
fn a_torn_checkpoint_is_told_and_the_previous_one_used() {
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
    assert!(text.contains("torn") && text.contains("previous"), "{text}");
    assert_eq!(place.digest(), digest);
    for name in ["last.ckpt", "previous.ckpt"] {
        fs::write(place.path("kept").join(name), b"NNTOPCKP").unwrap();
    }
    let output = place.resume().output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("last.ckpt") && error.contains("torn"), "{error}");
}
