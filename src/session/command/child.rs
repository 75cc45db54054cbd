//! A command in its own pseudo-terminal and process group.

use crate::session::command_spec::CommandSpec;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, ioctl_tiocsctty, kill_process, kill_process_group,
    pidfd_open, setsid, waitpid,
};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{self, Command, ExitStatus, Stdio};

/// The terminal size that programs see until a dashboard resizes it.
const SIZE: Winsize = Winsize { ws_row: 40, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };

/// A started command: the leader of its process group, and the master side of its pseudo-terminal.
#[derive(Debug)]
pub(super) struct Child {
    process: process::Child,
    group: ProcessGroup,
    /// The master side of the pseudo-terminal, from which the command's output is read.
    pub(super) terminal: File,
}

/// The processes of a run: the process group of a command, or a single script started elsewhere.
#[derive(Clone, Copy, Debug)]
pub(super) enum ProcessGroup {
    Command(Pid),
    Script(Pid),
}

impl Child {
    /// Starts a command with additional environment variables.
    ///
    /// # Errors
    /// If there is no pseudo-terminal, or the program cannot be executed.
    pub(super) fn spawn(spec: &CommandSpec, environment: &[(&str, OsString)]) -> io::Result<Self> {
        let Some((program, arguments)) = spec.argv.split_first() else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no command was given"));
        };
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = openpt(flags)?;
        grantpt(&ours)?;
        unlockpt(&ours)?;
        let name = ptsname(&ours, Vec::new())?;
        let theirs = open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
        tcsetwinsize(&theirs, SIZE)?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&spec.cwd)
            .envs(spec.env.iter().map(|(name, value)| (name, value)))
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::from(theirs.try_clone()?))
            .stdout(Stdio::from(theirs.try_clone()?))
            .stderr(Stdio::from(theirs));
        // SAFETY: the closure runs between fork and exec, where only async-signal-safe calls are
        // allowed: setsid and ioctl are system calls without locks or allocation.
        unsafe {
            command.pre_exec(|| {
                setsid()?;
                ioctl_tiocsctty(rustix::stdio::stdin())?;
                Ok(())
            });
        }
        let process = command.spawn()?;
        let group = Pid::from_raw(process.id().cast_signed())
            .ok_or_else(|| io::Error::other("the child has no process id"))?;
        Ok(Self { process, group: ProcessGroup::Command(group), terminal: File::from(ours) })
    }

    /// The process group.
    pub(super) fn group(&self) -> ProcessGroup {
        self.group
    }

    /// Blocks until the command ends.
    ///
    /// # Errors
    /// If the system cannot wait for it.
    pub(super) fn wait(&mut self) -> io::Result<ExitStatus> {
        self.process.wait()
    }
}

impl ProcessGroup {
    fn pid(self) -> Pid {
        match self {
            Self::Command(pid) | Self::Script(pid) => pid,
        }
    }

    /// The process id of the command (which is also its group id), or of the script.
    pub(super) fn leader(self) -> u32 {
        self.pid().as_raw_nonzero().get().cast_unsigned()
    }

    /// Sends a signal to every process of the group, or to the script alone, because the script's
    /// group belongs to the shell that started it. A process that has ended is not an error.
    ///
    /// # Errors
    /// If the system refuses, for example for processes of another user.
    pub(super) fn signal(self, signal: Signal) -> io::Result<()> {
        ignore_missing(match self {
            Self::Command(pid) => kill_process_group(pid, signal),
            Self::Script(pid) => kill_process(pid, signal),
        })
    }

    /// Sends a signal to the command only. A command that has ended is not an error.
    ///
    /// # Errors
    /// As [`ProcessGroup::signal`].
    pub(super) fn signal_leader(self, signal: Signal) -> io::Result<()> {
        ignore_missing(kill_process(self.pid(), signal))
    }
}

/// A process that continues a suspended group if the session is killed meanwhile.
///
/// The kernel alone does not do so in every case: when the master side of the pseudo-terminal is
/// closed, it sends SIGHUP and SIGCONT to the leader of the group. If the leader ignores the
/// SIGHUP, the other processes stay suspended, and so does a script that was started elsewhere.
#[derive(Debug)]
pub(super) struct ResumeGuard(process::Child);

impl ResumeGuard {
    /// Starts the process. It continues the group unless the guard is dropped first.
    ///
    /// # Errors
    /// If there is no shell, or no process can be started.
    pub(super) fn start(group: ProcessGroup) -> io::Result<Self> {
        let pid = group.leader();
        let target = match group {
            ProcessGroup::Command(_) => format!("-{pid}"),
            ProcessGroup::Script(_) => pid.to_string(),
        };
        // `read` returns when the session ends, because only the session holds the pipe open.
        let script = "read -r _; kill -s CONT -- \"$1\"";
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script, "nntop-guard", &target]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // In a process group of its own, so that a signal to the session's group does not end it.
        Ok(Self(command.process_group(0).spawn()?))
    }
}

impl Drop for ResumeGuard {
    fn drop(&mut self) {
        // Killed before its input is closed, so that it sends no SIGCONT.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for the end of a process that is not our child.
///
/// # Errors
/// If the system cannot watch it.
pub(super) fn wait_for_non_child(pid: Pid) -> io::Result<()> {
    let watched = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(watched) => watched,
        Err(rustix::io::Errno::SRCH) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    loop {
        match poll(&mut [PollFd::new(&watched, PollFlags::IN)], None) {
            Err(rustix::io::Errno::INTR) => {}
            result => return Ok(result.map(drop)?),
        }
    }
}

fn ignore_missing(result: rustix::io::Result<()>) -> io::Result<()> {
    match result {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A process that the session adopted because its parent ended: it left the command's group or was
/// started in the background.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Orphan {
    pub(super) pid: u32,
    /// Its name according to the system.
    pub(super) name: String,
}

/// Makes this process adopt orphaned descendants, so that they can be reported.
///
/// # Errors
/// If the system does not support it.
pub(super) fn adopt_orphans() -> io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?)
}

/// The adopted processes that are still running, without the command itself. Reaps those that have
/// ended.
pub(super) fn orphans(group: ProcessGroup) -> Vec<Orphan> {
    let mut children: Vec<u32> = Vec::new();
    for task in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let listed = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        children.extend(listed.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    children.retain(|&pid| pid != group.leader());
    children.retain(|&pid| {
        let Some(pid) = Pid::from_raw(pid.cast_signed()) else { return false };
        !matches!(waitpid(Some(pid), WaitOptions::NOHANG), Ok(Some(_)))
    });
    let name = |pid: u32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    children.into_iter().map(|pid| Orphan { pid, name: name(pid).trim().into() }).collect()
}
