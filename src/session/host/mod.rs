//! The session process: one run, its socket, its files.
//!
//! It is started by [`super::launch`], leaves the terminal and process session of its starter, and
//! ends once the run is over and no client is left.

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
use super::record::{RecordError, RunRecord};
use super::run_dir::RunDir;
use crate::files::atomic;
use crate::protocol::{Command, Event, LogLevel, LogLine, Status};
use crate::train::{CheckpointError, ClaimError, SpawnError};
use clients::Clients;
use crossbeam_channel::{Receiver, unbounded};
use listener::{Listener, ListenerEvent};
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
use work::SessionWork;

/// Interval at which the files are checked while a run is going.
const TICK: Duration = Duration::from_secs(1);
/// The same once the run is over.
const LAST_TICK: Duration = Duration::from_millis(100);
/// How long a session stays after its run and last client have ended: another may be connecting.
const GRACE: Duration = Duration::from_secs(1);
/// Timeout of a clean shutdown. After it the process ends anyway, and the run can be resumed from
/// its last checkpoint.
const END_TIMEOUT: Duration = Duration::from_secs(30);

/// The line that tells the starter that the session is ready.
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
        Self::Io { what: "cannot start a thread".into(), source }
    }
}

fn io_at(what: &Path) -> impl FnOnce(io::Error) -> HostError + '_ {
    move |source| HostError::Io { what: what.display().to_string(), source }
}

/// Runs the session process of the run in a directory until the run is over. Standard input must be
/// the run's lock, and standard output the pipe to the starter, as [`super::launch()`] arranges.
///
/// # Errors
/// If the session cannot be started. The starter has received the error.
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
    record: RunRecord,
    lock: File,
    listener: Listener,
    clients: Clients,
    work: SessionWork,
    log: Arc<Log>,
    /// Readable once a signal has arrived.
    signals: UnixStream,
    /// Receives a message once the run is over.
    over: Receiver<()>,
    interrupted: Arc<AtomicBool>,
    /// Events are buffered because the disk is full.
    waiting: Arc<AtomicBool>,
}

impl Session {
    fn start(run: RunDir, lock: File) -> Result<Self, HostError> {
        if !run.is_locked_by(&lock) {
            return Err(HostError::NotStarted);
        }
        let record = RunRecord::read(&run)?;
        // This process holds the lock, so any temporary file here belongs to a dead process.
        atomic::remove_abandoned(run.path());
        let log = Arc::new(Log::new(&run));
        let signals = listen_for_signals()
            .map_err(|source| HostError::Io { what: "cannot listen for signals".into(), source })?;
        // The socket must exist before a command starts, which may connect at once.
        let socket = run.place_socket(&record.id)?;
        let listener = Listener::bind(&socket).map_err(io_at(&socket))?;
        let work = SessionWork::start(&run, &record, &socket)?;
        let (over_sender, over) = unbounded();
        let (hub_sender, hub_events) = unbounded();
        if let Some(note) = &work.note {
            log.record(note);
            // The hub that receives it is started below.
            let _ =
                hub_sender.send(Event::Log(LogLine { level: LogLevel::Info, text: note.clone() }));
        }
        let interrupted = Arc::new(AtomicBool::new(false));
        let waiting = Arc::new(AtomicBool::new(false));
        let file = EventFile::open(&run.events()).map_err(io_at(&run.events()))?;
        let recorder = Recorder {
            events: work.events.clone(),
            hub: hub_sender,
            file: match record.task.event_limit() {
                Some(bytes) => file.with_limit(bytes),
                None => file,
            },
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

    /// Serves clients until the run is over and none is left, or until a signal arrives.
    fn run(mut self) {
        let mut over = false;
        let (mut idle_since, mut last_check) = (Instant::now(), Instant::now());
        loop {
            over |= self.over.try_recv().is_ok();
            let tick = if over { LAST_TICK } else { TICK };
            match self.listener.wait(self.signals.as_fd(), tick) {
                Ok(ListenerEvent::Connection(stream)) => self.clients.serve(stream),
                Ok(ListenerEvent::Other) => return self.end_on_signal(over),
                Ok(ListenerEvent::Timeout) => {}
                Err(error) => {
                    self.log.record(format_args!("cannot wait for clients: {error}"));
                    thread::sleep(TICK);
                }
            }
            if last_check.elapsed() >= tick {
                last_check = Instant::now();
                self.maintain_files();
            }
            let waiting = self.waiting.load(Ordering::SeqCst);
            if !over || waiting || self.clients.is_kept_alive() {
                idle_since = Instant::now();
            } else if idle_since.elapsed() >= GRACE {
                return self.log.record("the run is over and no client is left: the session ends");
            }
        }
    }

    /// Writes a checkpoint if the run has checkpoints, then ends; the run can be resumed.
    fn end_on_signal(&mut self, over: bool) {
        let mut signal = [0];
        let _ = self.signals.read(&mut signal);
        self.log.record("ending: a termination signal was received");
        if over {
            return;
        }
        self.interrupted.store(true, Ordering::SeqCst);
        // If the training thread is gone, `over` was signalled. The second command ends the retries
        // of writing a model to a full disk; a resumed run writes the model again.
        for _ in 0..2 {
            let _ = self.work.commands.send(Command::Stop);
        }
        match self.over.recv_timeout(END_TIMEOUT) {
            Ok(()) => self.log.record(format_args!(
                "interrupted: `nntop resume {}` {}",
                self.run.name(),
                self.record.task.on_resume()
            )),
            Err(_) => self.log.record("training did not stop in time; the last checkpoint stays"),
        }
    }

    /// Recreates deleted files, so that clients find the run and it can be resumed. The recorder
    /// maintains the event file.
    fn maintain_files(&mut self) {
        // The directory comes first. An error does not prevent the other checks.
        let all = [
            Self::maintain_log,
            Self::maintain_record,
            Self::maintain_checkpoints,
            Self::maintain_lock_and_socket,
        ];
        for maintain in all {
            if let Err(error) = maintain(self) {
                self.log.record(error);
            }
        }
    }

    /// Recreates the run's directory and its log.
    fn maintain_log(&mut self) -> Result<(), HostError> {
        let deleted = if !self.run.path().exists() {
            make_private(self.run.path())?;
            "the run's directory was deleted; it is recreated"
        } else if !self.log.is_there() {
            "the log was deleted; it is recreated"
        } else {
            return Ok(());
        };
        self.log.reopen().map_err(io_at(&self.run.log()))?;
        self.log.record(deleted);
        Ok(())
    }

    fn maintain_record(&mut self) -> Result<(), HostError> {
        if !self.run.spec().exists() {
            self.record.write(&self.run)?;
            self.log.record("the run's record was deleted; it is recreated");
        }
        Ok(())
    }

    fn maintain_checkpoints(&mut self) -> Result<(), HostError> {
        let checkpoints = self.run.checkpoints();
        if self.record.task.keeps_checkpoints() && !checkpoints.exists() {
            make_private(&checkpoints)?;
            self.log.record("the checkpoints were deleted; one is written again");
            let _ = self.work.commands.send(Command::Save);
        }
        Ok(())
    }

    fn maintain_lock_and_socket(&mut self) -> Result<(), HostError> {
        if !self.run.is_locked_by(&self.lock)
            && let Some(lock) = self.run.lock()?
        {
            self.lock = lock;
        }
        if !self.listener.is_there() {
            self.run.place_socket(&self.record.id)?;
            let path = self.listener.path().to_path_buf();
            self.listener = Listener::bind(&path).map_err(io_at(&path))?;
            self.log.record("the socket was deleted; it is recreated");
        }
        Ok(())
    }
}

/// Makes a directory that only this user may enter.
fn make_private(dir: &Path) -> Result<(), HostError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io_at(dir))
}

/// A socket that receives a byte for every termination signal. SIGHUP is ignored, because a session
/// outlives its terminal.
fn listen_for_signals() -> io::Result<UnixStream> {
    let (receive, send) = UnixStream::pair()?;
    receive.set_nonblocking(true)?;
    for signal in [SIGTERM, SIGINT] {
        signal_hook::low_level::pipe::register(signal, send.try_clone()?)?;
    }
    signal_hook::flag::register(SIGHUP, Arc::default())?;
    Ok(receive)
}
