//! Files whose headers announce more than they contain, that never end, or that are not regular
//! files: each is rejected with an error, quickly and with little memory.

use crate::small_data::small_data;
use nntop::train::Checkpoint;
use rustix::fs::{CWD, FlockOperation, Mode, flock, mkfifoat};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Limit of a command's address space in KiB: far more than it needs, and far less than the files
/// announce.
const ADDRESS_SPACE_KIB: u32 = 2_000_000;

/// Runs a command within [`ADDRESS_SPACE_KIB`].
fn nntop(arguments: &[&str]) -> Output {
    let script = format!("ulimit -v {ADDRESS_SPACE_KIB}; exec \"$0\" \"$@\"");
    let mut command = Command::new("bash");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_nntop")]).args(arguments);
    command.stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
fn refused(arguments: &[&str], says: &str) {
    let output = nntop(arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
    assert!(error.contains(says) && !error.contains("panicked"), "{arguments:?}: {error}");
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A saved model with a modified header.
fn model(dir: &Path, name: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
    let data = small_data();
    let file = dir.join("sound.safetensors");
    if !file.exists() {
        let arguments =
            ["train", "--headless", "--layers", "64,3", "--epochs", "1", "--batch", "5"];
        let output = Command::new(env!("CARGO_BIN_EXE_nntop"))
            .args(arguments)
            .args(["--data", text(data.path()), "--save", text(&file)])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let bytes = fs::read(&file).unwrap();
    let (length, rest) = bytes.split_first_chunk::<8>().unwrap();
    let (header, tensors) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let mut header: Value = serde_json::from_slice(header).unwrap();
    let inner = header["__metadata__"]["nntop"].as_str().unwrap();
    let mut inner: Value = serde_json::from_str(inner).unwrap();
    change(&mut inner);
    header["__metadata__"]["nntop"] = inner.to_string().into();
    let header = header.to_string();
    let changed = dir.join(name);
    let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), tensors].concat();
    fs::write(&changed, bytes).unwrap();
    changed
}

#[test]
fn a_model_is_not_allocated_before_its_weights_are_checked() {
    let dir = tempfile::tempdir().unwrap();
    let sound = model(dir.path(), "same.safetensors", |_| {});
    let data = small_data();
    let output = nntop(&["eval", text(&sound), "--data", text(data.path())]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for (number, layers) in [(300, "64,38000,3"), (3000, "64,1000,3"), (100_000, "64,30,3")] {
        let file = model(dir.path(), "many.safetensors", |header| {
            let mut spec = header["spec"].clone();
            spec["layers"] = layers.into();
            header["others"] = vec![spec; number].into();
        });
        refused(&["eval", text(&file)], "many.safetensors: is ");
    }
    // Specs that take no space in the file, because all values are defaults.
    let file = model(dir.path(), "empty.safetensors", |header| {
        header["others"] = vec![json!({}); 1_000_000].into();
    });
    refused(&["eval", text(&file)], "at most 1000 networks");
    let file = model(dir.path(), "wide.safetensors", |header| {
        header["spec"]["layers"] = "64,7000000,3".into();
    });
    refused(&["eval", text(&file)], "requires");
    let file = model(dir.path(), "image.safetensors", |header| {
        header["image"] = json!([1_u64 << 40, 1_u64 << 40]);
    });
    refused(&["eval", text(&file)], "pixels");
}

#[test]
fn endless_files_pipes_and_sparse_files_are_rejected() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let sparse_of = |name: &str, beginning: &[u8], length: u64| {
        fs::write(at(name), beginning).unwrap();
        fs::OpenOptions::new().write(true).open(at(name)).unwrap().set_len(length).unwrap();
        at(name)
    };
    let sparse = |name: &str, beginning: &[u8]| sparse_of(name, beginning, 7 << 30);
    mkfifoat(CWD, at("pipe"), Mode::RUSR | Mode::WUSR).unwrap();
    let pipe = at("pipe");
    for file in ["/dev/zero", text(&pipe), text(&sparse("sparse", b""))] {
        for arguments in [
            vec!["train", "--spec", file],
            vec!["search", file],
            vec!["book", "--table", file],
            vec!["eval", file],
            vec!["browse", file],
            vec!["predict", file, file],
            vec!["ensemble", "out", file],
            vec!["train", "--resume", file],
            vec!["train", "--data", file],
        ] {
            refused(&arguments, file);
        }
    }
    // A header that matches the data.
    let header = 100_u64.to_le_bytes();
    refused(&["eval", text(&sparse_of("a.safetensors", &header, 1 << 30))], "not a JSON object");
    refused(&["eval", text(&sparse("a.json", b"{"))], "larger than");
    for (length, says) in [(9_u64 << 30, "are read"), (7 << 30, "changed")] {
        let version = Checkpoint::VERSION.to_le_bytes();
        let header = [&Checkpoint::MAGIC[..], &version, &(length - 52).to_le_bytes()].concat();
        refused(&["train", "--resume", text(&sparse_of("a.ckpt", &header, length))], says);
    }
    // Instead of a file of a data set.
    let data = small_data();
    let images = data.path().join("train-images-idx3-ubyte");
    fs::remove_file(&images).unwrap();
    mkfifoat(CWD, &images, Mode::RUSR | Mode::WUSR).unwrap();
    refused(&["train", "--headless", "--data", text(data.path())], "not a regular file");
}

#[test]
fn a_network_of_too_many_layers_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let layers = format!("784,{}10", "1,".repeat(33_000));
    refused(&["train", "--headless", "--layers", &layers], "at most 1000");
    let named = format!("{}softmax10", "dense1-".repeat(1000));
    refused(&["train", "--headless", "--layers", &named], "at most 1000");
    let recipe = dir.path().join("r.toml");
    fs::write(&recipe, format!("layers = \"784,{}10\"\n", "1,".repeat(100_000))).unwrap();
    refused(&["train", "--headless", "--spec", text(&recipe)], "at most 1000");
    fs::write(&recipe, "#".repeat(2 << 20)).unwrap();
    refused(&["train", "--headless", "--spec", text(&recipe)], "is longer than");
}

#[test]
fn saving_a_model_follows_symbolic_links() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let link = |target: &str, name: &str| std::os::unix::fs::symlink(target, at(name)).unwrap();
    link("new.safetensors", "dangling.safetensors");
    link("circle.safetensors", "circle.safetensors");
    let data = small_data();
    let save = |name: &str| {
        let file = at(name);
        let arguments =
            ["train", "--headless", "--layers", "64,3", "--epochs", "1", "--batch", "5"];
        nntop(&[&arguments[..], &["--data", text(data.path()), "--save", text(&file)]].concat())
    };
    assert!(save("dangling.safetensors").status.success());
    assert!(at("new.safetensors").is_file());
    assert!(fs::symlink_metadata(at("dangling.safetensors")).unwrap().is_symlink());
    assert_eq!(save("circle.safetensors").status.code(), Some(2));
    assert!(fs::symlink_metadata(at("circle.safetensors")).unwrap().is_symlink());
    mkfifoat(CWD, at("pipe"), Mode::RUSR | Mode::WUSR).unwrap();
    let piped = save("pipe");
    let error = String::from_utf8_lossy(&piped.stderr);
    assert!(!piped.status.success() && error.contains("a pipe without a reader"), "{error}");
    // The model was saved to another place.
    let (_, rescued) = error.split_once("saved in ").unwrap();
    fs::remove_file(rescued.split(" instead").next().unwrap()).unwrap();
}

#[test]
fn temporary_files_of_a_killed_save_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let data = small_data();
    let at = |name: &str| dir.path().join(name);
    // File names as used while a model is written; the process id is that of this test, which is
    // running.
    let left = at(&format!(".nntop-{}-left", std::process::id()));
    let in_use = at(&format!(".nntop-{}-open", std::process::id()));
    let not_ours = at(".nntop-notes");
    for file in [&left, &in_use, &not_ours] {
        fs::write(file, b"part of a model").unwrap();
    }
    let open = fs::File::open(&in_use).unwrap();
    flock(&open, FlockOperation::NonBlockingLockExclusive).unwrap();
    let model = at("model.safetensors");
    let arguments = ["train", "--headless", "--layers", "64,3", "--epochs", "1", "--batch", "5"];
    let files = ["--data", text(data.path()), "--save", text(&model)];
    let output = nntop(&[&arguments[..], &files].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(model.exists() && !left.exists() && in_use.exists() && not_ours.exists());
}

#[test]
fn a_picture_of_many_specks_is_rejected() {
    let dir = tempfile::tempdir().unwrap();
    let side = 2000;
    let dots = (0..side * side).map(|at| {
        let (x, y) = (at % side, at / side);
        if x % 3 == 0 && y % 3 == 0 { 0 } else { 255 }
    });
    let picture = dir.path().join("dots.pgm");
    let header = format!("P5 {side} {side} 255\n").into_bytes();
    fs::write(&picture, header.into_iter().chain(dots).collect::<Vec<u8>>()).unwrap();
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/reader.safetensors");
    refused(&["read", model, text(&picture)], "separate pieces");
}
