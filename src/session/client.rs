//! A client's connection to a session, as a [`Link`].

use super::Attachment;
use super::event_file::replay;
use super::host::peer;
use super::record::on_resume;
use super::run_dir::RunDir;
use super::wire::{
    self, ClientHello, MAX_COMMAND, MAX_UPDATE, OLDEST_PROTOCOL, SessionHello, WireError,
};
use crate::protocol::{Command, Link, PROTOCOL_VERSION, Untrusted, Update};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with};
use std::io::{self, BufReader, BufWriter};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Timeout of the handshake; generous, for machines under heavy load.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// A live session recreates a deleted socket within this time.
const SOCKET_TIMEOUT: Duration = Duration::from_secs(3);
/// Interval between attempts to connect.
const RETRY: Duration = Duration::from_millis(10);
/// Capacity of the queue of received updates. While it is full, the socket is not read, and the
/// session skips this client once its own queue is full, too.
const QUEUE: usize = 64;

/// Why a connection to a session failed.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("the run `{0}` is not live")]
    NotLive(String),
    #[error(
        "the session of `{0}` is running but does not answer; if it is suspended, `kill -CONT` continues it"
    )]
    NoAnswer(String),
    #[error("the socket of `{run}` is served by user {user}, not by you; nothing was sent")]
    Stranger { run: String, user: u32 },
    #[error("the session of `{run}` refused: {reason}")]
    Refused { run: String, reason: String },
    #[error(
        "`{run}` is served by nntop {nntop}, which speaks protocol {protocol}, and this nntop \
         {mine} speaks {PROTOCOL_VERSION}; attach with that version, or `kill {pid}` and \
         `nntop resume {run}`, which {then}",
        mine = env!("CARGO_PKG_VERSION")
    )]
    Version { run: String, nntop: Untrusted, protocol: u32, pid: u32, then: &'static str },
    #[error("the session of `{run}` cannot be reached: {source}")]
    Wire { run: String, source: WireError },
}

/// A connection to a session process.
#[derive(Debug)]
pub struct Connection {
    pub link: Link,
    pub hello: SessionHello,
}

/// Connects to a run's session. Dropping the link closes the connection and ends its threads.
///
/// # Errors
/// If the run is not live, or the connection fails.
pub fn attach(run: &RunDir, attachment: Attachment) -> Result<Connection, ConnectError> {
    connect_as(run, &ClientHello::new(attachment))
}

/// Connects to send one command and wait for its effect, for at most a minute. The session reserves
/// places for such clients.
///
/// # Errors
/// As [`attach`].
pub fn connect_briefly(run: &RunDir) -> Result<Connection, ConnectError> {
    connect_as(run, &ClientHello { brief: true, ..ClientHello::new(Attachment::Control) })
}

/// Connects to read the status of a run. This does not keep alive a session whose run has ended.
///
/// # Errors
/// As [`attach`].
pub(super) fn glance(run: &RunDir) -> Result<Connection, ConnectError> {
    connect_as(run, &ClientHello { glance: true, ..ClientHello::new(Attachment::ReadOnly) })
}

fn connect_as(run: &RunDir, hello: &ClientHello) -> Result<Connection, ConnectError> {
    let name = run.name();
    let wire = |source: WireError| ConnectError::Wire { run: name.clone(), source };
    let stream = connect(run)?;
    let user = peer(&stream).map_err(|error| wire(error.into()))?;
    if user != rustix::process::geteuid().as_raw() {
        return Err(ConnectError::Stranger { run: name, user });
    }
    let hello = match exchange_hellos(&stream, hello) {
        Err(WireError::Io(error))
            if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
        {
            return Err(ConnectError::NoAnswer(name));
        }
        // The session ended during the handshake.
        Err(WireError::Io(_) | WireError::Torn { .. }) if has_ended(run) => {
            return Err(ConnectError::NotLive(name));
        }
        hello => hello.map_err(wire)?,
    };
    if let Some(reason) = hello.refused {
        return Err(ConnectError::Refused { run: name, reason });
    }
    if !(OLDEST_PROTOCOL..=PROTOCOL_VERSION).contains(&hello.protocol) {
        let SessionHello { nntop, protocol, pid, .. } = hello;
        let then = on_resume(run);
        return Err(ConnectError::Version { run: name, nntop, protocol, pid, then });
    }
    let link = start_threads(stream, run).map_err(|error| wire(error.into()))?;
    Ok(Connection { link, hello })
}

/// Connects to the socket; waits if it was deleted, because the session recreates it.
fn connect(run: &RunDir) -> Result<UnixStream, ConnectError> {
    let start = Instant::now();
    loop {
        let error = match open(&run.socket()) {
            Ok(stream) => return Ok(stream),
            Err(Errno::AGAIN) => return Err(ConnectError::NoAnswer(run.name())),
            Err(error) => error,
        };
        if !run.is_live() {
            return Err(ConnectError::NotLive(run.name()));
        }
        let may_appear = matches!(error, Errno::NOENT | Errno::CONNREFUSED);
        if !may_appear || start.elapsed() > SOCKET_TIMEOUT {
            let source = WireError::Io(error.into());
            return Err(ConnectError::Wire { run: run.name(), source });
        }
        thread::sleep(RETRY);
    }
}

/// Connects with a timeout: the backlog of a suspended session can be full.
fn open(path: &Path) -> rustix::io::Result<UnixStream> {
    let (unix, stream) = (AddressFamily::UNIX, SocketType::STREAM);
    let socket = socket_with(unix, stream, SocketFlags::CLOEXEC, None)?;
    set_socket_timeout(&socket, Timeout::Send, Some(HANDSHAKE_TIMEOUT))?;
    set_socket_timeout(&socket, Timeout::Recv, Some(HANDSHAKE_TIMEOUT))?;
    net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(UnixStream::from(socket))
}

fn exchange_hellos(stream: &UnixStream, hello: &ClientHello) -> Result<SessionHello, WireError> {
    wire::write_hello(&mut &*stream, hello)?;
    let hello = wire::read_hello(&mut &*stream)?;
    stream.set_read_timeout(None)?;
    stream.set_write_timeout(None)?;
    Ok(hello)
}

fn start_threads(stream: UnixStream, run: &RunDir) -> io::Result<Link> {
    let (commands, to_send) = unbounded();
    let (received, updates) = bounded(QUEUE);
    let out = stream.try_clone()?;
    thread::Builder::new().name("nntop-send".into()).spawn(move || {
        send_commands(&to_send, &out);
        // The link was dropped or the session is gone; wake the receiving thread.
        let _ = out.shutdown(Shutdown::Both);
    })?;
    let run = run.clone();
    thread::Builder::new().name("nntop-receive".into()).spawn(move || {
        let why = receive_updates(&stream, &received, &run);
        if let Some(why) = why {
            // The receiver may have been dropped.
            let _ = received.send(Update::Lost(why));
        }
        let _ = stream.shutdown(Shutdown::Both);
    })?;
    Ok(Link { commands, updates })
}

fn send_commands(commands: &Receiver<Command>, stream: &UnixStream) {
    let mut out = BufWriter::new(stream);
    for command in commands {
        let sent = wire::encode(&command)
            .and_then(|payload| wire::write_frame(&mut out, &payload, MAX_COMMAND));
        if matches!(sent, Err(WireError::Io(_))) {
            return;
        }
    }
}

/// Forwards updates until the connection ends; returns why, or `None` if the receiver was dropped.
fn receive_updates(stream: &UnixStream, updates: &Sender<Update>, run: &RunDir) -> Option<String> {
    let mut input = BufReader::with_capacity(64 << 10, stream);
    let mut payload = Vec::new();
    loop {
        match wire::read_frame(&mut input, MAX_UPDATE, &mut payload) {
            Ok(true) => {}
            Ok(false) | Err(WireError::Io(_) | WireError::Torn { .. }) => {
                return Some(end_reason(run));
            }
            Err(error) => return Some(error.to_string()),
        }
        match wire::decode(&payload) {
            Ok(update) => updates.send(update).ok()?,
            Err(error) => return Some(error.to_string()),
        }
    }
}

/// Why the session closed the connection, and what the user can do.
fn end_reason(run: &RunDir) -> String {
    let name = run.name();
    if !has_ended(run) {
        format!("the connection broke; `nntop attach {name}` reconnects")
    } else if replay(run).outcome.is_some() {
        format!("the run is over and its session has ended; `nntop attach {name}` shows it")
    } else {
        let then = on_resume(run);
        format!("the session was ended from outside; `nntop resume {name}` {then}")
    }
}

/// Whether the session process has ended.
fn has_ended(run: &RunDir) -> bool {
    let start = Instant::now();
    // A process that exits closes its sockets slightly before it releases its lock.
    while run.is_live() && start.elapsed() < Duration::from_millis(500) {
        thread::sleep(RETRY);
    }
    !run.is_live()
}
