//! The attached clients of a session: two threads each, between a socket and the hub.
//!
//! Whatever a client does ends its own connection at most. One that stops reading blocks its own
//! writing thread, which costs nothing; the hub skips it, and brings it up to date once it reads
//! again. When its process ends, however it ends, the system closes the socket.
//!
//! Threads and descriptors are bounded: connections that have not said hello make room for newer
//! ones, and beside the places for clients that stay there are some for short visits.

use super::listener::peer;
use super::log::Log;
use crate::protocol::{Command, Event, PROTOCOL_VERSION, Update};
use crate::session::hub::Hub;
use crate::session::reporter::{Incoming, Reports, begins_reporter, refuse};
use crate::session::wire::{
    self, ClientHello, MOST_COMMAND, MOST_UPDATE, OLDEST_PROTOCOL, SessionHello, WireError,
};
use crossbeam_channel::{Receiver, Sender};
use std::collections::VecDeque;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Clients at one time; more are sent away.
const MOST_CLIENTS: usize = 64;
/// Short visits at one time, once all places for clients are taken: `ls`, and commands that return
/// at once.
const MOST_VISITS: usize = 8;
/// Connections that have not said hello; one more ends the oldest.
const MOST_HANDSHAKES: usize = 16;
/// The hellos are exchanged within this.
const HELLO_PATIENCE: Duration = Duration::from_secs(5);
/// A visit takes no longer.
const VISIT_PATIENCE: Duration = Duration::from_secs(60);

/// Lets clients in, and serves them.
#[derive(Clone, Debug)]
pub(super) struct Clients {
    hub: Hub,
    log: Arc<Log>,
    /// Where scripts report, where the run is a command.
    reports: Option<Reports>,
    handshakes: Arc<Mutex<Handshakes>>,
    /// Connections that have said hello.
    connected: Arc<AtomicUsize>,
    /// Those of them that are there for more than a look at how the run stands.
    attached: Arc<AtomicUsize>,
}

/// Why a client is sent away.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("a client of user {0} was refused: the run is another user's")]
    Stranger(u32),
    #[error("a client was refused: {0}")]
    Told(String),
    #[error("a connection was ended: {0}")]
    Wire(#[from] WireError),
    #[error("a connection was ended: {0}")]
    Io(#[from] io::Error),
}

impl Clients {
    pub(super) fn new(hub: Hub, log: Arc<Log>, reports: Option<Reports>) -> Self {
        Self {
            hub,
            log,
            reports,
            handshakes: Arc::default(),
            connected: Arc::default(),
            attached: Arc::default(),
        }
    }

    /// Whether somebody is there for more than a look at how the run stands.
    pub(super) fn is_anybody_attached(&self) -> bool {
        self.attached.load(Ordering::SeqCst) > 0
    }

    /// Serves a client in threads of its own.
    pub(super) fn welcome(&self, stream: UnixStream) {
        let begun = peer(&stream).map_err(Refusal::from).and_then(|user| {
            if user != rustix::process::geteuid().as_raw() {
                return Err(Refusal::Stranger(user));
            }
            Ok(lock(&self.handshakes).begin(&stream)?)
        });
        let handshake = match begun {
            Ok(handshake) => handshake,
            Err(refusal) => return self.log.record(refusal),
        };
        let clients = self.clone();
        let thread = thread::Builder::new().name("nntop-client".into());
        let spawned = thread.spawn(move || {
            if let Err(refusal) = clients.attend(&stream, handshake) {
                clients.log.record(refusal);
            }
            lock(&clients.handshakes).end(handshake);
            // The other thread may be blocked in a write to a client that will not read it.
            let _ = stream.shutdown(Shutdown::Both);
        });
        if let Err(error) = spawned {
            lock(&self.handshakes).end(handshake);
            self.log.record(format_args!("a client was refused: no thread for it: {error}"));
        }
    }

    fn attend(&self, stream: &UnixStream, handshake: u64) -> Result<(), Refusal> {
        stream.set_nonblocking(false)?;
        let deadline = Instant::now() + HELLO_PATIENCE;
        let mut timed = Timed { stream, deadline };
        let first = first_bytes(&mut timed)?;
        if begins_reporter(&first) {
            return self.attend_reporter(stream, first, handshake);
        }
        let (hello, place) = self.exchange_hellos(&first, &mut timed)?;
        lock(&self.handshakes).end(handshake);
        let is_visit = hello.glance || hello.brief;
        let _attached = (!hello.glance).then(|| Counted::take(&self.attached));
        let link = self.hub.attach(hello.attachment);
        let writer = thread::Builder::new().name("nntop-client-out".into()).spawn({
            let (stream, log) = (stream.try_clone()?, Arc::clone(&self.log));
            move || {
                send_updates(&link.updates, &stream, &log);
                // Whatever ended it, the reading thread is to notice.
                let _ = stream.shutdown(Shutdown::Both);
            }
        })?;
        let result = if is_visit {
            let deadline = Instant::now() + VISIT_PATIENCE;
            receive_commands(Timed { stream, deadline }, &link.commands)
        } else {
            stream.set_read_timeout(None)?;
            receive_commands(stream, &link.commands)
        };
        // Now the hub lets go of this client, and the writing thread ends.
        drop(link.commands);
        let _ = stream.shutdown(Shutdown::Both);
        // A panic there is in the log by now.
        let _ = writer.join();
        drop(place);
        result
    }

    /// Serves a script that reports.
    fn attend_reporter(
        &self,
        stream: &UnixStream,
        first: Vec<u8>,
        handshake: u64,
    ) -> Result<(), Refusal> {
        let Some(reports) = &self.reports else {
            refuse(stream, "this run is no command: nothing can report to it");
            return Ok(());
        };
        stream.set_write_timeout(None)?;
        let incoming = Incoming { stream: stream.try_clone()?, first };
        Ok(reports.attend(incoming, || lock(&self.handshakes).end(handshake))?)
    }

    /// The client's hello, of which `first` was read already, and its place among the others.
    fn exchange_hellos(
        &self,
        first: &[u8],
        stream: &mut Timed,
    ) -> Result<(ClientHello, Counted), Refusal> {
        let hello: ClientHello = wire::read_hello(&mut first.chain(&mut *stream))?;
        let place = Counted::take(&self.connected);
        let kept = if hello.glance || hello.brief { MOST_VISITS } else { 0 };
        let refused = refusal(&hello, place.number > MOST_CLIENTS + kept);
        let answer = SessionHello::new(self.attached.load(Ordering::SeqCst), refused.clone());
        wire::write_hello(stream, &answer)?;
        if let Some(reason) = refused {
            return Err(Refusal::Told(reason));
        }
        stream.stream.set_write_timeout(None)?;
        Ok((hello, place))
    }
}

/// The first four bytes of a connection, or fewer where it ends before: they tell a script that
/// reports from a client.
fn first_bytes(stream: &mut Timed) -> io::Result<Vec<u8>> {
    let mut first = Vec::with_capacity(4);
    stream.take(4).read_to_end(&mut first)?;
    Ok(first)
}

/// Why a client that said hello is sent away, where it is. A newer one decides by itself whether
/// it can speak as old as this session.
fn refusal(hello: &ClientHello, crowded: bool) -> Option<String> {
    if crowded {
        return Some(format!("{MOST_CLIENTS} clients are attached; detach one of them"));
    }
    (hello.protocol < OLDEST_PROTOCOL).then(|| {
        format!(
            "this session speaks protocol {PROTOCOL_VERSION} (nntop {}), your nntop {} speaks {}; \
             use a newer nntop",
            env!("CARGO_PKG_VERSION"),
            hello.nntop,
            hello.protocol
        )
    })
}

/// Passes a client's commands on until it goes, or says what is none.
fn receive_commands(stream: impl Read, commands: &Sender<Command>) -> Result<(), Refusal> {
    let mut input = BufReader::new(stream);
    let mut payload = Vec::new();
    while wire::read_frame(&mut input, MOST_COMMAND, &mut payload)? {
        // The hub lives as long as the process. Where it has enough to do, this thread waits.
        let _ = commands.send(wire::decode(&payload)?);
    }
    Ok(())
}

/// Passes updates on until the client goes or the hub lets go of it.
fn send_updates(updates: &Receiver<Update>, stream: &UnixStream, log: &Log) {
    let mut out = BufWriter::new(stream);
    for update in updates {
        match send(&mut out, &update) {
            Ok(()) => {}
            Err(WireError::Io(_)) => return,
            Err(error) => log.record(format_args!("an update was left out: {error}")),
        }
    }
}

/// Sends an update; a snapshot that is too long goes without its pictures, which come again.
fn send(out: &mut BufWriter<&UnixStream>, update: &Update) -> Result<(), WireError> {
    match (wire::write_frame(out, &wire::encode(update)?, MOST_UPDATE), update) {
        (Err(WireError::TooLong { .. }), Update::Snapshot(view)) => {
            let mut view = view.clone();
            view.frames.clear();
            wire::write_frame(out, &wire::encode(&Update::Snapshot(view))?, MOST_UPDATE)
        }
        // A sample that is too long is left out: the next one may be shorter.
        (Err(WireError::TooLong { .. }), Update::Event(Event::Frame(_))) => Ok(()),
        (result, _) => result,
    }
}

/// A stream that is read and written until a moment, however little comes at a time.
struct Timed<'a> {
    stream: &'a UnixStream,
    deadline: Instant,
}

impl Timed<'_> {
    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        (&*self.stream).read(buffer)
    }
}

impl Write for Timed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        (&*self.stream).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Connections that have not said hello yet, the oldest first.
#[derive(Debug, Default)]
struct Handshakes {
    begun: u64,
    going: VecDeque<(u64, UnixStream)>,
}

impl Handshakes {
    /// Counts one more, and ends the oldest where there are too many.
    fn begin(&mut self, stream: &UnixStream) -> io::Result<u64> {
        if self.going.len() >= MOST_HANDSHAKES
            && let Some((_, oldest)) = self.going.pop_front()
        {
            // Its thread notices.
            let _ = oldest.shutdown(Shutdown::Both);
        }
        self.begun += 1;
        self.going.push_back((self.begun, stream.try_clone()?));
        Ok(self.begun)
    }

    fn end(&mut self, number: u64) {
        self.going.retain(|(of, _)| *of != number);
    }
}

fn lock(handshakes: &Mutex<Handshakes>) -> MutexGuard<'_, Handshakes> {
    handshakes.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One of so many; it is free again when dropped.
struct Counted {
    taken: Arc<AtomicUsize>,
    /// How many there are, this one included.
    number: usize,
}

impl Counted {
    fn take(taken: &Arc<AtomicUsize>) -> Self {
        let number = taken.fetch_add(1, Ordering::SeqCst) + 1;
        Self { taken: Arc::clone(taken), number }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::SeqCst);
    }
}
