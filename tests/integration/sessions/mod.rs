//! Runs in session processes, with the real binary.

mod again;
mod book;
mod client;
mod clients;
mod command;
mod disk;
mod ensemble;
mod finished;
mod hardening;
mod hostile;
mod life;
mod measures;
mod reports;
mod ssh;
mod survival;
mod versions;

use crate::small_data::small_data;
use crate::terminal::{Start, Terminal};
use nntop::protocol::{Event, Link, RunView, Update};
use nntop::session::{self, Attachment, Home, RunDir, RunState, STATE_DIR};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take before a test fails; even a loaded machine is faster.
const TIMEOUT: Duration = Duration::from_secs(60);
/// More epochs than any test waits for.
const ENDLESS: &str = "1000000";

/// A state directory. Dropping it kills its sessions, and every process whose environment contains
/// a path in it, even if that process is suspended.
struct Place {
    dir: tempfile::TempDir,
    /// The state directory.
    state: PathBuf,
    data: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        Self { dir, state, data: small_data() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn home(&self) -> Home {
        Home::at(&self.state)
    }

    fn run(&self, name: &str) -> RunDir {
        self.home().find(name).unwrap()
    }

    fn nntop(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nntop"));
        command.args(arguments.split_whitespace()).env(STATE_DIR, &self.state).stdin(Stdio::null());
        command
    }

    /// The output of a command that must succeed.
    #[track_caller]
    fn say(&self, arguments: &str) -> String {
        let output = self.nntop(arguments).output().unwrap();
        assert!(output.status.success(), "nntop {arguments}\n{}", err(&output));
        String::from_utf8(output.stdout).unwrap().trim_end().to_string()
    }

    /// The exit code and the error of a command that must fail.
    #[track_caller]
    fn fail(&self, arguments: &str) -> (i32, String) {
        let output = self.nntop(arguments).output().unwrap();
        assert!(!output.status.success(), "nntop {arguments}");
        (output.status.code().unwrap(), err(&output))
    }

    /// Arguments of a training on the small data set.
    fn training(&self, arguments: &str) -> String {
        format!(
            "train --layers 64,12,3 --batch 7 --data {} {arguments}",
            self.data.path().display()
        )
    }

    /// Starts a run, detached.
    #[track_caller]
    fn detach(&self, name: &str, arguments: &str) -> RunDir {
        let reply = self.say(&self.training(&format!("--detach --name {name} {arguments}")));
        assert_eq!(reply, name, "the name alone");
        self.run(name)
    }

    /// Starts a command in a terminal.
    fn terminal(&self, arguments: &str) -> Terminal {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        Start::nntop(&arguments).env(STATE_DIR, &self.state).spawn()
    }

    fn ls(&self) -> Vec<Value> {
        self.say("ls --json").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let path = self.dir.path().as_os_str().as_encoded_bytes();
        // A process may be about to start another one, so the search is repeated.
        for _ in 0..10 {
            let started = processes_with(path);
            if started.is_empty() {
                return;
            }
            for pid in started {
                // One that has ended meanwhile is no error.
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}

/// Processes, apart from this one and its threads, whose environment contains `text`.
fn processes_with(text: &[u8]) -> Vec<Pid> {
    let pids = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|&pid| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        pid != std::process::id() && environment.windows(text.len()).any(|part| part == text)
    })
    .map(pid_of)
    .collect()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn pid_of(pid: u32) -> Pid {
    Pid::from_raw(pid.cast_signed()).unwrap()
}

/// The process id of a live run.
#[track_caller]
fn pid(run: &RunDir) -> u32 {
    session::summarize(run).pid.expect("a live run")
}

fn signal(run: &RunDir, signal: Signal) {
    kill_process(pid_of(pid(run)), signal).unwrap();
}

fn state(run: &RunDir) -> RunState {
    session::summarize(run).state
}

/// Waits until a condition holds that another process brings about.
#[track_caller]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < TIMEOUT, "never came: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until the session process is gone.
#[track_caller]
fn until_dead(run: &RunDir) {
    until("the end of the session process", || !run.is_live());
}

/// A link to a live run, and the state of the run.
struct Watcher {
    link: Link,
    view: RunView,
}

impl Watcher {
    #[track_caller]
    fn attach(run: &RunDir, attachment: Attachment) -> Self {
        let link = session::attach(run, attachment).unwrap().link;
        let mut watcher = Self { link, view: RunView::default() };
        watcher.next();
        watcher
    }

    /// Applies the next update; returns the event, if it is one.
    #[track_caller]
    fn next(&mut self) -> Option<Event> {
        match self.link.updates.recv_timeout(TIMEOUT).expect("an update") {
            Update::Snapshot(view) => {
                self.view = *view;
                None
            }
            Update::Event(event) => {
                self.view.apply(&event);
                Some(event)
            }
            Update::Lost(why) => panic!("lost: {why}"),
        }
    }

    #[track_caller]
    fn until(&mut self, mut holds: impl FnMut(&RunView) -> bool) {
        while !holds(&self.view) {
            self.next();
        }
    }

    /// The reason that is given when the session ends.
    #[track_caller]
    fn until_lost(&mut self) -> String {
        loop {
            match self.link.updates.recv_timeout(TIMEOUT).expect("an update") {
                Update::Lost(why) => return why,
                Update::Snapshot(_) | Update::Event(_) => {}
            }
        }
    }
}

/// Whether a program is installed; prints a note if not.
fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    let there = std::env::split_paths(&path).chain(system).any(|dir| dir.join(program).is_file());
    if !there {
        eprintln!("skipped: {program} is not installed");
    }
    there
}
