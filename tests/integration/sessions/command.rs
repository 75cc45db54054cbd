//! The user's commands in sessions: `nntop run`.

use super::*;
use nntop::protocol::{MetricSeries, Outcome};

impl Place {
    /// Starts a shell script in a session, detached.
    #[track_caller]
    pub(super) fn script(&self, name: &str, options: &[&str], script: &str) -> RunDir {
        let mut command = self.nntop("run --detach --name");
        let output =
            command.arg(name).args(options).args(["--", "sh", "-c", script]).output().unwrap();
        assert!(output.status.success(), "{}", err(&output));
        self.run(name)
    }
}

/// The output of a command so far.
pub(super) fn printed(run: &RunDir) -> String {
    String::from_utf8_lossy(&std::fs::read(run.output()).unwrap_or_default()).into_owned()
}

/// The process ids that a script printed in lines such as `pid 123`.
fn pids(run: &RunDir) -> Vec<u32> {
    let text = printed(run);
    text.lines().filter_map(|line| line.trim().strip_prefix("pid ")?.parse().ok()).collect()
}

/// The state letter of a process, such as `T` for a stopped one; `None` if it has ended.
pub(super) fn letter(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(") ").next()?.chars().next()
}

const TICKS: &str = "echo pid $$; while :; do echo tick; sleep 0.01; done";

#[test]
fn without_a_terminal_the_output_and_the_exit_code_are_passed_through() {
    let place = Place::new();
    let script = "echo $GREETING from $(basename $PWD); echo trouble >&2; test -t 1 && exit 7";
    let mut command = place.nntop("run --name hello --env GREETING=hi --cwd /usr -- sh -c");
    let output = command.arg(script).output().unwrap();
    assert_eq!(output.status.code(), Some(7), "a terminal, and the command's own code");
    let text = String::from_utf8(output.stdout).unwrap().replace('\r', "");
    assert_eq!(text, "hi from usr\ntrouble\n");
    let run = place.run("hello");
    assert_eq!(state(&run), RunState::Failed);
    assert!(place.say("logs hello").contains("exit code 7"));
    let (code, error) = place.fail("resume hello");
    assert!(code == 2 && error.contains("nntop run --again hello"), "{error}");
    let again = place.nntop("run --again hello").output().unwrap();
    assert_eq!((again.status.code(), place.ls().len()), (Some(7), 2));
}

#[test]
fn a_program_that_does_not_exist_is_named() {
    let place = Place::new();
    let (code, error) = place.fail("run -- no-such-program --option");
    assert!(code != 0 && error.contains("no-such-program") && place.ls().is_empty(), "{error}");
    let (code, error) = place.fail("run --cwd /no/such/directory -- true");
    assert!(code == 2 && error.contains("/no/such/directory"), "{error}");
}

#[test]
fn a_pause_suspends_every_process_of_the_command() {
    let place = Place::new();
    let script = format!("sh -c '{TICKS}' & {TICKS}");
    let run = place.script("two", &[], &script);
    until("two processes", || pids(&run).len() == 2);
    place.say("pause two");
    assert_eq!(state(&run), RunState::Paused);
    for pid in pids(&run) {
        until("a suspended process", || letter(pid) == Some('T'));
    }
    let before = printed(&run).len();
    place.say("resume two");
    until("more output", || printed(&run).len() > before);
    assert!(place.say("logs two").contains("memory (including GPU memory) stays allocated"));
    place.say("pause two");
    let ended = pids(&run);
    // A suspended command can be stopped.
    place.say("stop two");
    assert_eq!(state(&run), RunState::Stopped);
    for pid in ended {
        until("the end of a process", || letter(pid).is_none());
    }
}

#[test]
fn stopping_escalates_to_sigterm_and_sigkill() {
    let place = Place::new();
    let run = place.script("deaf", &["--grace", "0"], &format!("trap '' INT; {TICKS}"));
    until("its process", || pids(&run).len() == 1);
    place.say("stop deaf");
    assert_eq!(state(&run), RunState::Stopped);
    assert!(place.say("logs deaf").contains("SIGTERM was sent"));
    let run = place.script("stubborn", &[], &format!("trap '' INT TERM; {TICKS}"));
    until("its process", || pids(&run).len() == 1);
    let mut watcher = Watcher::attach(&run, Attachment::Control);
    for _ in 0..2 {
        watcher.link.commands.send(nntop::protocol::Command::Stop).unwrap();
    }
    while watcher.view.outcome.is_none() {
        watcher.next();
    }
    assert_eq!(watcher.view.outcome, Some(Outcome::Stopped));
    until("the end of the process", || letter(pids(&run)[0]).is_none());
}

#[test]
fn a_signal_requests_a_checkpoint() {
    let place = Place::new();
    let script = format!("trap 'echo saved' USR1; {TICKS}");
    let run = place.script("saving", &["--save-signal", "USR1"], &script);
    until("its process", || pids(&run).len() == 1);
    let watcher = Watcher::attach(&run, Attachment::Control);
    watcher.link.commands.send(nntop::protocol::Command::Save).unwrap();
    until("the answer of the script", || printed(&run).contains("saved"));
}

#[test]
fn a_command_ends_with_its_session_and_is_interrupted() {
    let place = Place::new();
    let run = place.script("cut", &[], TICKS);
    until("its process", || pids(&run).len() == 1);
    signal(&run, Signal::KILL);
    until_dead(&run);
    assert_eq!(state(&run), RunState::Interrupted);
    until("the end of the process", || letter(pids(&run)[0]).is_none());
}

#[test]
fn a_process_that_left_the_group_is_reported() {
    let place = Place::new();
    let script = "setsid sh -c 'echo pid $$; exec sleep 1000' & sleep 0.2; echo done";
    let run = place.script("leaver", &[], script);
    until("its end", || state(&run).is_over());
    let left = pids(&run)[0];
    let log = place.say("logs leaver");
    assert!(log.contains(&format!("still running: {left} (sleep)")), "{log}");
    kill_process(pid_of(left), Signal::KILL).unwrap();
}

#[test]
fn control_sequences_in_the_output_are_not_executed() {
    let place = Place::new();
    let file = place.path("script");
    let script = "printf '\\033]0;PWNED\\007\\033[2Jred \\033[31mcolour\\033[0m\\n'; sleep 1000";
    std::fs::write(&file, script).unwrap();
    let run = place.script("shown", &[], &format!("exec sh {}", file.display()));
    until("its output", || printed(&run).contains("colour"));
    let mut terminal = place.terminal("attach shown");
    terminal.wait_for("red colour");
    terminal.with_screen(|screen| {
        assert!(!screen.contents().contains("PWNED"));
    });
    terminal.type_keys("d");
    terminal.wait_for_exit();
    place.say("stop shown");
}

#[test]
fn rotated_output_is_passed_through_completely() {
    let place = Place::new();
    // It starts once there is a reader, because output that was rotated earlier is lost.
    let script = "until test -e go; do sleep 0.01; done; \
                  i=0; while [ $i -lt 40 ]; do head -c 65536 /dev/zero | tr '\\0' x; i=$((i+1)); done";
    let mut command = place.nntop("run --name much --log-limit 1 -- sh -c");
    let command = command.arg(script).current_dir(place.dir.path());
    let passing = command.stdout(Stdio::piped()).spawn().unwrap();
    until("a reader", || {
        let run = place.home().find("much");
        run.is_ok_and(|run| session::summarize(&run).clients == 1)
    });
    std::fs::write(place.path("go"), "").unwrap();
    let output = passing.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout.iter().all(|&byte| byte == b'x'));
    assert_eq!(output.stdout.len(), 40 * 65536);
    let run = place.run("much");
    let kept =
        [run.output(), run.output().with_extension("old")].map(|f| f.metadata().unwrap().len());
    assert!(kept.iter().sum::<u64>() <= 1 << 20, "{kept:?}");
}

#[test]
fn the_exit_code_of_a_stopped_command_is_passed_on() {
    let place = Place::new();
    let mut command = place.nntop("run --name halted -- sh -c");
    let mut passing =
        command.arg(TICKS).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    until("its session", || place.home().find("halted").is_ok_and(|run| !pids(&run).is_empty()));
    place.say("stop halted");
    assert_eq!(passing.wait().unwrap().code(), Some(130), "128 and SIGINT");
    assert_eq!(session::summarize(&place.run("halted")).exit_code, Some(130));
    let mut reported = String::new();
    std::io::Read::read_to_string(passing.stderr.as_mut().unwrap(), &mut reported).unwrap();
    assert!(reported.contains("SIGTERM follows in 10 s"), "{reported}");
}

#[test]
fn log_files_of_a_command_are_found_and_followed() {
    let place = Place::new();
    let work = place.path("work");
    std::fs::create_dir(&work).unwrap();
    let script = "echo step,loss > metrics.csv; echo 1,0.5 >> metrics.csv; \
                  while ! test -e go; do sleep 0.01; done; echo 2,0.25 >> metrics.csv";
    let options = ["--cwd", work.to_str().unwrap()];
    let run = place.script("writing", &options, script);
    let mut watcher = Watcher::attach(&run, Attachment::ReadOnly);
    let last = |view: &RunView| view.metrics.get("loss").and_then(MetricSeries::last);
    watcher.until(|view| last(view) == Some((1, 0.5)));
    std::fs::write(work.join("go"), "").unwrap();
    watcher.until(|view| view.outcome.is_some());
    assert_eq!(last(&watcher.view), Some((2, 0.25)), "also what was written last");
    assert!(place.say("logs writing").contains("following metrics.csv (table (CSV))"));
}

#[test]
fn resource_usage_is_measured() {
    let place = Place::new();
    let run = place.script("busy", &[], "sleep 1000 & exec sleep 1000");
    let mut watcher = Watcher::attach(&run, Attachment::ReadOnly);
    watcher.until(|view| view.system.as_ref().is_some_and(|system| system.processes == 2));
    let system = watcher.view.system.clone().unwrap();
    assert!(system.memory > 0 && system.threads >= 2, "{system:?}");
    place.say("stop busy");
}

#[test]
fn suspended_processes_go_on_when_their_session_is_killed() {
    let place = Place::new();
    // SIGHUP, which the terminal sends when it closes, is ignored; SIGCONT reaches only the leader.
    let script = format!("trap '' HUP; sh -c '{TICKS}' & {TICKS}");
    let run = place.script("left", &[], &script);
    until("two processes", || pids(&run).len() == 2);
    place.say("pause left");
    let processes = pids(&run);
    for &pid in &processes {
        until("a suspended process", || letter(pid) == Some('T'));
    }
    signal(&run, Signal::KILL);
    for pid in processes {
        until("a process that goes on", || letter(pid) != Some('T'));
    }
}

#[test]
fn a_resumed_command_leaves_no_guard_behind() {
    let place = Place::new();
    let run = place.script("resumed", &[], TICKS);
    until("its process", || pids(&run).len() == 1);
    let session = pid(&run);
    let children = || {
        let tasks = std::fs::read_dir(format!("/proc/{session}/task")).unwrap().flatten();
        let of = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("children"));
        tasks.map(|task| of(task).unwrap_or_default().split_whitespace().count()).sum::<usize>()
    };
    place.say("pause resumed");
    assert_eq!(children(), 2, "the command and the guard");
    place.say("resume resumed");
    until("the end of the guard", || children() == 1);
    place.say("pause resumed");
    // Killed from outside while it is suspended.
    kill_process(pid_of(pids(&run)[0]), Signal::KILL).unwrap();
    until("its end", || state(&run).is_over());
    let log = place.say("logs resumed");
    assert!(!log.contains("(sh)"), "{log}");
}

#[test]
fn a_flood_of_output_stays_within_memory_and_disk_limits() {
    let place = Place::new();
    let end = place.path("end");
    let script = format!(
        "head -c 4000000 /dev/zero | tr '\\0' x; echo; echo read; \
         until test -e {}; do sleep 0.01; done; exit 9",
        end.display()
    );
    let run = place.script("flood", &["--log-limit", "1"], &script);
    let mut watcher = Watcher::attach(&run, Attachment::ReadOnly);
    watcher.until(|view| view.output.lines.iter().any(|line| line == "read"));
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid(&run))).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kibibytes: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kibibytes < 256 << 10, "{kibibytes} KiB of memory");
    std::fs::write(&end, "").unwrap();
    watcher.until(|view| view.outcome.is_some());
    assert_eq!(watcher.view.exit_code, Some(9));
    let kept =
        [run.output(), run.output().with_extension("old")].map(|f| f.metadata().unwrap().len());
    assert!(kept.iter().sum::<u64>() <= 1 << 20, "{kept:?}");
}

#[test]
fn binary_output_is_kept_as_it_is_and_shown_without_control_characters() {
    let place = Place::new();
    let garbage: Vec<u8> =
        (0..200_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    std::fs::write(place.path("garbage"), &garbage).unwrap();
    let mut command = place.nntop("run --name binary -- sh -c");
    let output = command.arg("cat garbage; exit 3").current_dir(place.dir.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    // As on any terminal, a carriage return comes before each line feed.
    let mut expected = Vec::new();
    for &byte in &garbage {
        expected.extend_from_slice(if byte == b'\n' {
            b"\r\n"
        } else {
            std::slice::from_ref(&byte)
        });
    }
    assert!(output.stdout == expected, "{} of {} bytes", output.stdout.len(), expected.len());
    assert_eq!(std::fs::read(place.run("binary").output()).unwrap(), expected);
    for shown in [place.say("attach binary --once"), place.say("logs binary")] {
        let bad = |c: char| c != '\n' && nntop::protocol::is_unprintable(c);
        assert!(!shown.contains(bad), "{shown:?}");
    }
}

#[test]
fn a_command_that_prints_nothing_is_shown_with_its_exit_code() {
    let place = Place::new();
    let output = place.nntop("run --name silent -- sh -c").arg("exit 3").output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0));
    let run = place.run("silent");
    assert_eq!((state(&run), run.output().metadata().unwrap().len()), (RunState::Failed, 0));
    assert!(place.say("logs silent").contains("exit code 3"));
    assert!(place.say("attach silent --once").contains("nothing was printed"));
}

#[test]
fn output_after_a_command_reopens_its_terminal_is_read() {
    let place = Place::new();
    let script = "exec 0<&- 1>&- 2>&-; until test -e go; do sleep 0.01; done; \
                  exec 1>/dev/tty; head -c 100000 /dev/zero | tr '\\0' x; echo; echo back; exit 4";
    let options = ["--cwd", place.dir.path().to_str().unwrap()];
    let run = place.script("closing", &options, script);
    place.say("pause closing");
    assert_eq!(state(&run), RunState::Paused);
    place.say("resume closing");
    std::fs::write(place.path("go"), "").unwrap();
    until("its end", || state(&run).is_over());
    assert_eq!(session::summarize(&run).exit_code, Some(4));
    assert!(printed(&run).trim_end().ends_with("back"));
}

#[test]
fn a_command_that_leaves_a_process_on_its_terminal_ends_and_the_process_is_reported() {
    let place = Place::new();
    let script = "trap '' HUP; sleep 1000 & echo pid $!; exit 6";
    let output = place.nntop("run --name daemon -- sh -c").arg(script).output().unwrap();
    assert_eq!(output.status.code(), Some(6));
    let run = place.run("daemon");
    let left = pids(&run)[0];
    let log = place.say("logs daemon");
    assert!(log.contains(&format!("still running: {left} (sleep)")), "{log}");
    kill_process(pid_of(left), Signal::KILL).unwrap();
}

#[test]
fn a_full_disk_is_reported_and_the_command_ends_with_its_own_code() {
    let place = Place::new();
    // One command fills the disk with its output, the other with a file that it removes again.
    let script = r#"cd "$1"
        "$NNTOP" run --name printing -- sh -c 'head -c 4000000 /dev/zero | tr "\0" x; exit 5' > /dev/null
        echo "code: $?"; "$NNTOP" logs printing
        "$NNTOP" rm --yes printing && echo removed
        "$NNTOP" run --name filling -- sh -c 'cat /dev/zero > big; echo full; rm big; exit 7' > /dev/null
        echo "code: $?"; "$NNTOP" logs filling; cat state/runs/filling/events.jsonl"#;
    let Some(output) = super::disk::on_a_small_disk(&place, 2_000_000, script) else { return };
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), err(&output));
    assert!(out.contains("code: 5") && out.contains("code: 7"), "{out}\n{errors}");
    assert!(errors.contains("output cannot be stored: No space left"), "{errors}");
    assert!(out.contains("removed"), "{out}\n{errors}");
    assert!(out.contains("\"ExitCode\":7"), "its events are whole: {out}");
}
