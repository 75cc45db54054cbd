//! The clients of a session. Each has two threads between its socket and the hub.
//!
//! A client can at most end its own connection. One that stops reading only blocks its own writing
//! thread: the hub skips it, and sends it a snapshot once it reads again. When its process ends,
//! the system closes the socket.
//!
//! The number of threads and descriptors is limited: an unfinished handshake makes room for a new
//! connection, and some places are reserved for short connections. The rate at which commands are
//! read is limited, too, because decoding them takes time from the training and from other clients.

use super::listener::peer;
use super::log::Log;
use crate::protocol::{Command, Event, PROTOCOL_VERSION, Update};
use crate::session::hub::Hub;
use crate::session::reporter::{Incoming, Reports, is_script, refuse};
use crate::session::wire::{
    self, ClientHello, MAX_COMMAND, MAX_UPDATE, OLDEST_PROTOCOL, SessionHello, WireError,
};
use crossbeam_channel::{Receiver, Sender};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::VecDeque;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Maximum number of clients; more are refused.
const MAX_CLIENTS: usize = 64;
/// Additional places for short connections, such as those of `nntop ls` and `nntop pause`, once all
/// places for clients are taken.
const MAX_BRIEF_CONNECTIONS: usize = 8;
/// Maximum number of unfinished handshakes; one more closes another one.
const MAX_HANDSHAKES: usize = 16;
/// Pause after a connection that was closed before it was accepted.
const ABANDONED_PAUSE: Duration = Duration::from_micros(100);
/// Timeout of the handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout of a short connection.
const BRIEF_TIMEOUT: Duration = Duration::from_secs(60);
/// Minimum average time between two commands of one client.
const COMMAND_INTERVAL: Duration = Duration::from_millis(5);
/// Maximum average rate at which commands of one client are read, in bytes per second.
const COMMAND_BYTES_PER_SECOND: f64 = 2e6;
/// Burst: a client may be ahead of both limits by as much as they allow in this time.
const COMMAND_BURST: Duration = Duration::from_secs(1);

/// Accepts and serves clients.
#[derive(Clone, Debug)]
pub(super) struct Clients {
    hub: Hub,
    log: Arc<Log>,
    /// The endpoint for scripts, if the run is a command.
    reports: Option<Reports>,
    handshakes: Arc<Mutex<Handshakes>>,
    /// Number of clients that completed the handshake.
    connected: Arc<AtomicUsize>,
    /// Number of those that keep the session alive: all except the ones that only read the status.
    attached: Arc<AtomicUsize>,
}

/// Why a connection was closed.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("a client of user {0} was refused: the run is another user's")]
    Stranger(u32),
    #[error("a client was refused: {0}")]
    Refused(String),
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

    /// Whether a client keeps the session alive.
    pub(super) fn is_kept_alive(&self) -> bool {
        self.attached.load(Ordering::SeqCst) > 0
    }

    /// Serves a client in its own threads.
    pub(super) fn serve(&self, stream: UnixStream) {
        if is_abandoned(&stream) {
            // Otherwise a process that connects in a loop would keep this thread busy.
            thread::sleep(ABANDONED_PAUSE);
            return;
        }
        let started = peer(&stream).map_err(Refusal::from).and_then(|user| {
            if user != rustix::process::geteuid().as_raw() {
                return Err(Refusal::Stranger(user));
            }
            Ok(lock(&self.handshakes).begin(&stream)?)
        });
        let handshake = match started {
            Ok(handshake) => handshake,
            Err(refusal) => return self.log.record(refusal),
        };
        let clients = self.clone();
        let thread = thread::Builder::new().name("nntop-client".into());
        let spawned = thread.spawn(move || {
            if let Err(refusal) = clients.serve_client(&stream, handshake) {
                clients.log.record(refusal);
            }
            lock(&clients.handshakes).end(handshake);
            // The writing thread may be blocked by a client that does not read.
            let _ = stream.shutdown(Shutdown::Both);
        });
        if let Err(error) = spawned {
            lock(&self.handshakes).end(handshake);
            self.log.record(format_args!("a client was refused: no thread for it: {error}"));
        }
    }

    fn serve_client(&self, stream: &UnixStream, handshake: u64) -> Result<(), Refusal> {
        stream.set_nonblocking(false)?;
        let deadline = Instant::now() + HANDSHAKE_TIMEOUT;
        let mut timed = DeadlineStream { stream, deadline };
        let first = first_bytes(&mut timed)?;
        if is_script(&first) {
            return self.serve_script(stream, first, handshake);
        }
        let (hello, place) = self.exchange_hellos(&first, &mut timed, handshake)?;
        let is_brief = hello.glance || hello.brief;
        let _attached = (!hello.glance).then(|| ClientSlot::take(&self.attached));
        let link = self.hub.attach(hello.attachment);
        let writer = thread::Builder::new().name("nntop-client-out".into()).spawn({
            let (stream, log) = (stream.try_clone()?, Arc::clone(&self.log));
            move || {
                send_updates(&link.updates, &stream, &log);
                // Wakes the reading thread.
                let _ = stream.shutdown(Shutdown::Both);
            }
        })?;
        let result = if is_brief {
            let deadline = Instant::now() + BRIEF_TIMEOUT;
            receive_commands(DeadlineStream { stream, deadline }, stream, &link.commands)
        } else {
            stream.set_read_timeout(None)?;
            receive_commands(stream, stream, &link.commands)
        };
        // The hub drops this client, which ends the writing thread.
        drop(link.commands);
        let _ = stream.shutdown(Shutdown::Both);
        // The log already contains any panic.
        let _ = writer.join();
        drop(place);
        result
    }

    /// Serves a script.
    fn serve_script(
        &self,
        stream: &UnixStream,
        first: Vec<u8>,
        handshake: u64,
    ) -> Result<(), Refusal> {
        let Some(reports) = &self.reports else {
            refuse(stream, "this run is not a command, so no script can report to it");
            return Ok(());
        };
        stream.set_write_timeout(None)?;
        let incoming = Incoming { stream: stream.try_clone()?, first };
        Ok(reports.serve(incoming, || lock(&self.handshakes).end(handshake))?)
    }

    /// Completes the handshake, whose first bytes were already read, and takes a place.
    fn exchange_hellos(
        &self,
        first: &[u8],
        stream: &mut DeadlineStream,
        handshake: u64,
    ) -> Result<(ClientHello, ClientSlot), Refusal> {
        let hello: ClientHello = wire::read_hello(&mut first.chain(&mut *stream))?;
        let place = ClientSlot::take(&self.connected);
        // From here on it counts as a client and no longer as a handshake.
        lock(&self.handshakes).end(handshake);
        let reserved = if hello.glance || hello.brief { MAX_BRIEF_CONNECTIONS } else { 0 };
        let refused = refusal(&hello, place.number > MAX_CLIENTS + reserved);
        let answer = SessionHello::new(self.attached.load(Ordering::SeqCst), refused.clone());
        wire::write_hello(stream, &answer)?;
        if let Some(reason) = refused {
            return Err(Refusal::Refused(reason));
        }
        stream.stream.set_write_timeout(None)?;
        Ok((hello, place))
    }
}

/// Whether the client has closed the connection without sending anything. No thread is started for
/// such a connection.
fn is_abandoned(stream: &UnixStream) -> bool {
    let mut polled = [PollFd::new(stream, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut polled, Some(&now)).is_ok()
        && polled[0].revents().contains(PollFlags::HUP)
        && rustix::io::ioctl_fionread(stream).is_ok_and(|unread| unread == 0)
}

/// The first four bytes of a connection, or fewer if it is closed before. They distinguish scripts
/// from other clients.
fn first_bytes(stream: &mut DeadlineStream) -> io::Result<Vec<u8>> {
    let mut first = Vec::with_capacity(4);
    stream.take(4).read_to_end(&mut first)?;
    Ok(first)
}

/// Why a client is refused, if it is. A newer client decides itself whether it supports the older
/// protocol of this session.
fn refusal(hello: &ClientHello, crowded: bool) -> Option<String> {
    if crowded {
        return Some(format!("{MAX_CLIENTS} clients are attached; detach one of them"));
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

/// Forwards the commands read from `stream` until the client disconnects from `socket` or sends an
/// invalid one.
fn receive_commands(
    stream: impl Read,
    socket: &UnixStream,
    commands: &Sender<Command>,
) -> Result<(), Refusal> {
    let mut input = BufReader::new(stream);
    let mut payload = Vec::new();
    let mut limit = RateLimit::new(Instant::now());
    while wire::read_frame(&mut input, MAX_COMMAND, &mut payload)? {
        // Blocks while the queue of commands is full. The hub lives as long as the process.
        let _ = commands.send(wire::decode(&payload)?);
        let wait = limit.register(payload.len(), Instant::now());
        if !wait.is_zero() {
            wait_while_connected(socket, wait);
        }
    }
    Ok(())
}

/// Waits, but not longer than until the client disconnects: what it has sent before is then read at
/// once, so that its memory is freed.
fn wait_while_connected(socket: &UnixStream, wait: Duration) {
    // `poll` reports a closed connection even if no events are requested.
    let mut polled = [PollFd::new(socket, PollFlags::empty())];
    if let Ok(timeout) = Timespec::try_from(wait) {
        // An interrupted wait is over early.
        let _ = poll(&mut polled, Some(&timeout));
    }
}

/// Limits the rate of commands and bytes that are read from one client.
struct RateLimit {
    /// How far the client was ahead of the allowed rates at the time `at`.
    debt: Duration,
    at: Instant,
}

impl RateLimit {
    fn new(now: Instant) -> Self {
        Self { debt: Duration::ZERO, at: now }
    }

    /// Registers a command. Returns how long to wait before the next one is read.
    fn register(&mut self, bytes: usize, now: Instant) -> Duration {
        let transfer = Duration::from_secs_f64(bytes as f64 / COMMAND_BYTES_PER_SECOND);
        let passed = now.saturating_duration_since(self.at);
        self.debt = self.debt.saturating_sub(passed) + COMMAND_INTERVAL.max(transfer);
        self.at = now;
        self.debt.saturating_sub(COMMAND_BURST)
    }
}

/// Forwards updates until the client disconnects or the hub drops it.
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

/// Sends an update. A snapshot that is too long is sent without its probe answers; newer ones
/// follow as events.
fn send(out: &mut BufWriter<&UnixStream>, update: &Update) -> Result<(), WireError> {
    match (wire::write_frame(out, &wire::encode(update)?, MAX_UPDATE), update) {
        (Err(WireError::TooLong { .. }), Update::Snapshot(view)) => {
            let mut view = view.clone();
            view.frames.clear();
            wire::write_frame(out, &wire::encode(&Update::Snapshot(view))?, MAX_UPDATE)
        }
        // Skip a frame that is too long; the next one may be shorter.
        (Err(WireError::TooLong { .. }), Update::Event(Event::Frame(_))) => Ok(()),
        (result, _) => result,
    }
}

/// A stream with one deadline for all reads and writes.
struct DeadlineStream<'a> {
    stream: &'a UnixStream,
    deadline: Instant,
}

impl DeadlineStream<'_> {
    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for DeadlineStream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        (&*self.stream).read(buffer)
    }
}

impl Write for DeadlineStream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        (&*self.stream).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Connections with an unfinished handshake, the oldest first.
#[derive(Debug, Default)]
struct Handshakes {
    started: u64,
    pending: VecDeque<(u64, UnixStream)>,
}

impl Handshakes {
    /// Registers a connection, and closes another one if there are too many.
    fn begin(&mut self, stream: &UnixStream) -> io::Result<u64> {
        if self.pending.len() >= MAX_HANDSHAKES
            && let Some((_, superfluous)) = self.pending.remove(self.superfluous())
        {
            // This wakes its thread, which then ends.
            let _ = superfluous.shutdown(Shutdown::Both);
        }
        self.started += 1;
        self.pending.push_back((self.started, stream.try_clone()?));
        Ok(self.started)
    }

    /// Index of the connection to close: the oldest that its client has closed; without one, the
    /// oldest without unread data; without one, the oldest. A client that sends its hello at once
    /// is therefore served, no matter how many others connect and send none.
    fn superfluous(&self) -> usize {
        let streams = self.pending.iter().map(|(_, stream)| stream);
        let mut polled: Vec<PollFd> =
            streams.map(|stream| PollFd::new(stream, PollFlags::IN)).collect();
        if poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_err() {
            return 0;
        }
        let closed = polled.iter().position(|fd| fd.revents().contains(PollFlags::HUP));
        closed.or_else(|| polled.iter().position(|fd| fd.revents().is_empty())).unwrap_or(0)
    }

    fn end(&mut self, number: u64) {
        self.pending.retain(|(of, _)| *of != number);
    }
}

fn lock(handshakes: &Mutex<Handshakes>) -> MutexGuard<'_, Handshakes> {
    handshakes.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A place that is released when dropped.
struct ClientSlot {
    taken: Arc<AtomicUsize>,
    /// The number of taken places including this one.
    number: usize,
}

impl ClientSlot {
    fn take(taken: &Arc<AtomicUsize>) -> Self {
        let number = taken.fetch_add(1, Ordering::SeqCst) + 1;
        Self { taken: Arc::clone(taken), number }
    }
}

impl Drop for ClientSlot {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_limited_in_number_and_size() {
        let start = Instant::now();
        // At the rate of a dashboard nothing waits, nor in a burst.
        let mut limit = RateLimit::new(start);
        for frame in 0..1000 {
            assert_eq!(
                limit.register(300, start + frame * Duration::from_millis(16)),
                Duration::ZERO
            );
        }
        let mut limit = RateLimit::new(start);
        for _ in 0..200 {
            assert_eq!(limit.register(784, start), Duration::ZERO);
        }
        // With these waits, the rates of a minute are the allowed ones plus the burst.
        for (bytes, most) in [(1, 61 * 200), (1_000_000, 61 * 2)] {
            let (mut limit, mut now, mut commands) = (RateLimit::new(start), start, 0);
            while now < start + Duration::from_secs(60) {
                now += limit.register(bytes, now);
                commands += 1;
            }
            assert!((most * 99 / 100..=most).contains(&commands), "{commands} of {bytes} bytes");
        }
    }

    #[test]
    fn the_wait_for_a_client_ends_when_it_disconnects() {
        let (client, session) = UnixStream::pair().unwrap();
        let (done, ended) = crossbeam_channel::bounded(1);
        thread::spawn(move || {
            wait_while_connected(&session, Duration::from_secs(3600));
            done.send(()).unwrap();
        });
        drop(client);
        ended.recv_timeout(Duration::from_secs(60)).expect("the wait ends with the connection");
    }

    #[test]
    fn a_connection_is_abandoned_only_if_closed_without_a_message() {
        let connect = |message: &[u8]| {
            let (mut client, session) = UnixStream::pair().unwrap();
            client.write_all(message).unwrap();
            (client, session)
        };
        let (silent, session) = connect(b"");
        assert!(!is_abandoned(&session));
        drop(silent);
        assert!(is_abandoned(&session));
        // A script may send its messages and close the connection before it is accepted.
        let (script, session) = connect(b"{}");
        drop(script);
        assert!(!is_abandoned(&session));
    }

    #[test]
    fn connections_without_a_hello_make_room_before_one_with_a_hello() {
        let mut handshakes = Handshakes::default();
        let mut clients = Vec::new();
        let mut connect = |handshakes: &mut Handshakes, hello: &[u8]| {
            let (mut client, session) = UnixStream::pair().unwrap();
            client.write_all(hello).unwrap();
            let number = handshakes.begin(&session).unwrap();
            clients.push((client, session));
            number
        };
        let kept = |handshakes: &Handshakes, number: u64| {
            handshakes.pending.iter().any(|(of, _)| *of == number)
        };
        let honest = connect(&mut handshakes, b"hello");
        for _ in 0..3 * MAX_HANDSHAKES {
            connect(&mut handshakes, b"");
            assert!(kept(&handshakes, honest) && handshakes.pending.len() <= MAX_HANDSHAKES);
        }
        // If every client has sent a hello, the oldest connection is closed.
        for _ in 0..MAX_HANDSHAKES {
            connect(&mut handshakes, b"hello");
        }
        assert!(!kept(&handshakes, honest));
    }
}
