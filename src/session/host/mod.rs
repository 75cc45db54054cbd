//! The session process: one run, its socket, its files.
//!
//! It is started by [`super::launch`], leaves its starter's terminal and process session at once,
//! and ends by itself when the run is over and no client is left.

mod clients;
mod listener;
mod log;
mod process;
mod recorder;
mod work;

pub(super) use listener::peer;

use super::event_file::EventFile;
use super::hub::Hub;
use super::place::PlaceError;
use super::record::{Record, RecordError};
use super::run_dir::RunDir;
use crate::files::atomic;
use crate::protocol::{Command, Event, Level, LogLine, Status};
use crate::train::{CheckpointError, ClaimError, SpawnError};
use clients::Clients;
use crossbeam_channel::{Receiver, unbounded};
use listener::{Listener, Wake};
use log::Log;
use process::Inherited;
use recorder::Recorder;
use rustix::fd::AsFd;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::fs::{DirBuilder, File};
use std::io::{self, IsTerminal, Read};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use work::Work;

/// How often the socket is looked after while a run is going.
const TICK: Duration = Duration::from_secs(1);
/// The same once it is over.
const LAST_TICK: Duration = Duration::from_millis(100);
/// A session stays for so long after its run and its last client: one may be on its way.
const GRACE: Duration = Duration::from_secs(1);
/// A clean end takes no longer; then the process ends as it is, and resumes from its checkpoint.
const END_PATIENCE: Duration = Duration::from_secs(30);

/// What a starter reads when all went well.
pub(super) const READY: &str = process::Starter::READY;

/// Why a session could not be started.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(transparent)]
    Claim(#[from] ClaimError),
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
    #[error(
        "there is no experiment `{0}` in nntop {version}; `nntop book` lists them",
        version = env!("CARGO_PKG_VERSION")
    )]
    NoExperiment(String),
    #[error("this command is for nntop itself: start a run by `nntop train --detach`")]
    NotStarted,
}

impl HostError {
    fn no_thread(source: io::Error) -> Self {
        Self::Io { what: "the system gives no thread".into(), source }
    }
}

fn io_at(what: &Path) -> impl FnOnce(io::Error) -> HostError + '_ {
    move |source| HostError::Io { what: what.display().to_string(), source }
}

/// Is the session process of the run in a directory; returns when that is over. Standard input must
/// be the run's lock, and standard output the pipe at which the starter waits, as
/// [`super::launch()`] arranges it.
///
/// # Errors
/// Where the session cannot be started. The starter was told.
pub fn serve(dir: &Path) -> Result<(), HostError> {
    let run = RunDir::at(dir.into());
    if io::stdin().is_terminal() {
        return Err(HostError::NotStarted);
    }
    let Inherited { lock, starter } = process::detach(&run).map_err(io_at(run.path()))?;
    match Session::start(run, lock) {
        Ok(session) => {
            starter.ready();
            session.run();
            Ok(())
        }
        Err(error) => {
            starter.failed(&error.to_string());
            Err(error)
        }
    }
}

struct Session {
    run: RunDir,
    record: Record,
    lock: File,
    listener: Listener,
    clients: Clients,
    work: Work,
    log: Arc<Log>,
    /// Readable once a signal has come.
    signals: UnixStream,
    /// Hears when the run is over.
    over: Receiver<()>,
    interrupted: Arc<AtomicBool>,
    /// Events wait for a disk to have room.
    waiting: Arc<AtomicBool>,
}

impl Session {
    fn start(run: RunDir, lock: File) -> Result<Self, HostError> {
        if !run.is_locked_by(&lock) {
            return Err(HostError::NotStarted);
        }
        let record = Record::read(&run)?;
        // The lock is held: whatever temporary file lies here is of a process that is gone.
        atomic::sweep(run.path());
        let log = Arc::new(Log::new(&run));
        let signals = listen_for_signals()
            .map_err(|source| HostError::Io { what: "cannot listen for signals".into(), source })?;
        // A command may connect as soon as it runs.
        let socket = run.place_socket(&record.id)?;
        let listener = Listener::bind(&socket).map_err(io_at(&socket))?;
        let work = Work::start(&run, &record, &socket)?;
        let (over_sender, over) = unbounded();
        let (hub_sender, hub_events) = unbounded();
        if let Some(note) = &work.note {
            log.record(note);
            // The hub, which takes it, starts below.
            let _ = hub_sender.send(Event::Log(LogLine { level: Level::Info, text: note.clone() }));
        }
        let interrupted = Arc::new(AtomicBool::new(false));
        let waiting = Arc::new(AtomicBool::new(false));
        let recorder = Recorder {
            events: work.events.clone(),
            hub: hub_sender,
            file: EventFile::open(&run.events()).map_err(io_at(&run.events()))?,
            log: Arc::clone(&log),
            over: over_sender,
            interrupted: Arc::clone(&interrupted),
            waiting: Arc::clone(&waiting),
            failing: false,
            status: Status::default(),
        };
        thread::Builder::new()
            .name("nntop-record".into())
            .spawn(move || recorder.run())
            .map_err(HostError::no_thread)?;
        let hub = Hub::start(work.commands.clone(), hub_events).map_err(HostError::no_thread)?;
        let clients = Clients::new(hub, Arc::clone(&log), work.reports.clone());
        let (pid, version) = (std::process::id(), env!("CARGO_PKG_VERSION"));
        log.record(format_args!("nntop {version} serves {} as process {pid}", run.name()));
        Ok(Self {
            run,
            record,
            lock,
            listener,
            clients,
            work,
            log,
            signals,
            over,
            interrupted,
            waiting,
        })
    }

    /// Serves until the run is over and nobody looks at it, or a signal ends the process.
    fn run(mut self) {
        let mut over = false;
        let (mut alone_since, mut last_look) = (Instant::now(), Instant::now());
        loop {
            over |= self.over.try_recv().is_ok();
            let tick = if over { LAST_TICK } else { TICK };
            match self.listener.wait(self.signals.as_fd(), tick) {
                Ok(Wake::Connection(stream)) => self.clients.welcome(stream),
                Ok(Wake::Other) => return self.end_on_signal(over),
                Ok(Wake::Timeout) => {}
                Err(error) => {
                    self.log.record(format_args!("cannot wait for clients: {error}"));
                    thread::sleep(TICK);
                }
            }
            if last_look.elapsed() >= tick {
                last_look = Instant::now();
                self.look_after_files();
            }
            let waiting = self.waiting.load(Ordering::SeqCst);
            if !over || waiting || self.clients.is_anybody_attached() {
                alone_since = Instant::now();
            } else if alone_since.elapsed() >= GRACE {
                return self.log.record("the run is over and nobody looks at it: the session ends");
            }
        }
    }

    /// Keeps a checkpoint where the run is one that does, then ends; the run can be resumed.
    fn end_on_signal(&mut self, over: bool) {
        let mut signal = [0];
        let _ = self.signals.read(&mut signal);
        self.log.record("asked to end by a signal");
        if over {
            return;
        }
        self.interrupted.store(true, Ordering::SeqCst);
        // A training thread that is gone has told so, which ends the waiting too. A second time,
        // since a model that cannot be written is otherwise waited for: it is made again on resuming.
        for _ in 0..2 {
            let _ = self.work.commands.send(Command::Stop);
        }
        match self.over.recv_timeout(END_PATIENCE) {
            Ok(()) => self.log.record(format_args!(
                "interrupted: `nntop resume {}` {}",
                self.run.name(),
                self.record.task.on_resume()
            )),
            Err(_) => self.log.record("training did not stop in time; the last checkpoint stays"),
        }
    }

    /// Makes again what somebody has deleted, so that clients find the run and it can be resumed.
    /// The recorder looks after the file of events itself.
    fn look_after_files(&mut self) {
        // The directory first; what cannot be made again keeps nothing else from it.
        let all =
            [Self::keep_log, Self::keep_record, Self::keep_checkpoints, Self::keep_lock_and_socket];
        for keep in all {
            if let Err(error) = keep(self) {
                self.log.record(error);
            }
        }
    }

    /// The run's directory, and its log.
    fn keep_log(&mut self) -> Result<(), HostError> {
        let deleted = if !self.run.path().exists() {
            make_private(self.run.path())?;
            "the run's directory was deleted; it is made again"
        } else if !self.log.is_there() {
            "the log was deleted; it is begun again"
        } else {
            return Ok(());
        };
        self.log.reopen().map_err(io_at(&self.run.log()))?;
        self.log.record(deleted);
        Ok(())
    }

    fn keep_record(&mut self) -> Result<(), HostError> {
        if !self.run.spec().exists() {
            self.record.write(&self.run)?;
            self.log.record("the run's record was deleted; it is made again");
        }
        Ok(())
    }

    fn keep_checkpoints(&mut self) -> Result<(), HostError> {
        let checkpoints = self.run.checkpoints();
        if self.record.task.keeps_checkpoints() && !checkpoints.exists() {
            make_private(&checkpoints)?;
            self.log.record("the checkpoints were deleted; one is written again");
            let _ = self.work.commands.send(Command::Save);
        }
        Ok(())
    }

    fn keep_lock_and_socket(&mut self) -> Result<(), HostError> {
        if !self.run.is_locked_by(&self.lock)
            && let Some(lock) = self.run.lock()?
        {
            self.lock = lock;
        }
        if !self.listener.is_there() {
            self.run.place_socket(&self.record.id)?;
            let path = self.listener.path().to_path_buf();
            self.listener = Listener::bind(&path).map_err(io_at(&path))?;
            self.log.record("the socket was deleted; it is made again");
        }
        Ok(())
    }
}

/// Makes a directory that only this user may enter.
fn make_private(dir: &Path) -> Result<(), HostError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io_at(dir))
}

/// A socket on which a byte arrives for every signal that asks for an end. A hang-up does not: it
/// is what a session exists to outlive.
fn listen_for_signals() -> io::Result<UnixStream> {
    let (receive, send) = UnixStream::pair()?;
    receive.set_nonblocking(true)?;
    for signal in [SIGTERM, SIGINT] {
        signal_hook::low_level::pipe::register(signal, send.try_clone()?)?;
    }
    signal_hook::flag::register(SIGHUP, Arc::default())?;
    Ok(receive)
}
