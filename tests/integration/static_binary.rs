//! The static binary in an otherwise empty root directory, as on a server without our libraries.
//! The test is skipped unless the binary was built with the command of the manual.

use crate::terminal::Start;
use portable_pty::CommandBuilder;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The binary to test; by default the one that the command of the manual builds.
const BINARY: &str = "NNTOP_STATIC";
/// How long a run may take before the test fails.
const TIMEOUT: Duration = Duration::from_secs(60);

fn binary() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(BINARY) {
        return Some(path.into());
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    let built = target.join(format!("{}-unknown-linux-gnu/release/nntop", std::env::consts::ARCH));
    built.is_file().then_some(built)
}

/// A root directory with the program, a home, and mount points for /proc and /dev.
struct Root(tempfile::TempDir);

impl Root {
    fn new(binary: &Path) -> Self {
        let root = Self(tempfile::tempdir().unwrap());
        for dir in ["proc", "dev", "home", "tmp"] {
            fs::create_dir(root.0.path().join(dir)).unwrap();
        }
        fs::copy(binary, root.0.path().join("nntop")).unwrap();
        root
    }

    /// The arguments of `unshare` that run the program inside, with its own mounts, which disappear
    /// with it.
    fn arguments(&self, arguments: &[&str]) -> Vec<String> {
        let root = self.0.path().display();
        let script = format!(
            "mount --rbind /proc '{root}/proc' && mount --rbind /dev '{root}/dev' && \
             exec chroot '{root}' /nntop \"$@\""
        );
        let fixed = ["--mount", "--", "sh", "-c", &script, "nntop"].map(String::from);
        fixed.into_iter().chain(arguments.iter().map(|argument| (*argument).to_string())).collect()
    }

    fn run(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = Command::new("unshare");
        command.args(self.arguments(arguments)).env("HOME", "/home").env_remove("XDG_STATE_HOME");
        command.env_remove("NNTOP_STATE_DIR").stdin(Stdio::null()).output().unwrap()
    }

    fn say(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {text}");
        String::from_utf8(output.stdout).unwrap()
    }
}

#[test]
fn the_static_binary_runs_in_an_empty_root() {
    let Some(binary) = binary() else {
        return eprintln!("skipped: no static binary was built; the manual has the command");
    };
    let root = Root::new(&binary);
    let first = root.run(&["--version"]);
    if !first.status.success() {
        let why = String::from_utf8_lossy(&first.stderr).into_owned();
        let may_not =
            ["unshare", "Operation not permitted", "permission denied", "Permission denied"];
        assert!(may_not.iter().any(|sign| why.contains(sign)), "{why}");
        return eprintln!("skipped: this system lets nobody change the root directory: {why}");
    }
    let found: serde_json::Value = serde_json::from_str(&root.say(&["doctor", "--json"])).unwrap();
    assert_eq!(found["static"], true, "doctor says so");
    let train = ["train", "--detach", "--name", "alone", "--epochs", "2", "--train-size", "2000"];
    assert_eq!(root.say(&train).trim(), "alone");
    let start = Instant::now();
    while !root.say(&["ls"]).contains("completed") {
        assert!(start.elapsed() < TIMEOUT, "{}", root.say(&["logs", "alone"]));
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut command = CommandBuilder::new("unshare");
    command.args(root.arguments(&["attach", "alone"]));
    command.env("HOME", "/home");
    command.env_remove("XDG_STATE_HOME");
    command.env_remove("NNTOP_STATE_DIR");
    let mut terminal = Start::command(command).spawn();
    terminal.wait_for("finished");
    terminal.type_keys("5");
    terminal.wait_for("wrong of");
    terminal.type_keys("q");
    assert_eq!(terminal.wait_for_exit().1, 0);
}
