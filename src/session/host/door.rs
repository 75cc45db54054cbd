//! The clients of a session: two threads each, between a socket and the hub.
//!
//! Whatever a client does ends its own connection at most. One that stops reading blocks its own
//! writing thread, which costs nothing; the hub skips it, and brings it up to date once it reads
//! again. When its process ends, however it ends, the system closes the socket.

use super::listener::peer;
use super::log::Log;
use crate::protocol::{Command, Event, PROTOCOL_VERSION, Update};
use crate::session::hub::Hub;
use crate::session::wire::{
    self, ClientHello, MOST_COMMAND, MOST_UPDATE, OLDEST_PROTOCOL, SessionHello, WireError,
};
use crossbeam_channel::{Receiver, Sender};
use std::io::{BufReader, BufWriter};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// Connections at one time; more are sent away.
const MOST_CONNECTIONS: usize = 64;
/// Who has not said hello by then is sent away.
const HELLO_PATIENCE: Duration = Duration::from_secs(5);

/// Lets clients in.
#[derive(Clone, Debug)]
pub(super) struct Door {
    hub: Hub,
    log: Arc<Log>,
    /// Connections at this moment, of clients and of those who have not said hello yet.
    connections: Arc<AtomicUsize>,
    /// Clients that came to stay.
    guests: Arc<AtomicUsize>,
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
    Io(#[from] std::io::Error),
}

impl Door {
    pub(super) fn new(hub: Hub, log: Arc<Log>) -> Self {
        Self { hub, log, connections: Arc::default(), guests: Arc::default() }
    }

    /// Whether somebody is there who came to stay, not for a glance.
    pub(super) fn has_guests(&self) -> bool {
        self.guests.load(Ordering::SeqCst) > 0
    }

    /// Serves a client in threads of its own.
    pub(super) fn welcome(&self, stream: UnixStream) {
        let place = Place::take(&self.connections);
        let door = self.clone();
        let thread = thread::Builder::new().name("nntop-client".into());
        let spawned = thread.spawn(move || {
            let crowded = place.number > MOST_CONNECTIONS;
            if let Err(refusal) = door.attend(&stream, crowded) {
                door.log.say(refusal);
            }
            // The other thread may be blocked in a write to a client that will not read it.
            let _ = stream.shutdown(Shutdown::Both);
            drop(place);
        });
        if let Err(error) = spawned {
            self.log.say(format_args!("a client was refused: no thread for it: {error}"));
        }
    }

    fn attend(&self, stream: &UnixStream, crowded: bool) -> Result<(), Refusal> {
        stream.set_nonblocking(false)?;
        let user = peer(stream)?;
        if user != rustix::process::geteuid().as_raw() {
            return Err(Refusal::Stranger(user));
        }
        let hello = self.exchange_hellos(stream, crowded)?;
        let _guest = (!hello.glance).then(|| Place::take(&self.guests));
        let link = self.hub.attach(hello.attachment);
        let writer = thread::Builder::new().name("nntop-client-out".into()).spawn({
            let (stream, log) = (stream.try_clone()?, Arc::clone(&self.log));
            move || {
                send_updates(&link.updates, &stream, &log);
                // Whatever ended it, the reading thread is to notice.
                let _ = stream.shutdown(Shutdown::Both);
            }
        })?;
        let result = receive_commands(stream, &link.commands);
        // Now the hub lets go of this client, and the writing thread ends.
        drop(link.commands);
        let _ = stream.shutdown(Shutdown::Both);
        // A panic there is in the log by now.
        let _ = writer.join();
        result
    }

    fn exchange_hellos(&self, stream: &UnixStream, crowded: bool) -> Result<ClientHello, Refusal> {
        stream.set_read_timeout(Some(HELLO_PATIENCE))?;
        stream.set_write_timeout(Some(HELLO_PATIENCE))?;
        let hello: ClientHello = wire::read_hello(&mut &*stream)?;
        let refused = refusal(&hello, crowded);
        let answer = SessionHello::new(self.guests.load(Ordering::SeqCst), refused.clone());
        wire::write_hello(&mut &*stream, &answer)?;
        if let Some(reason) = refused {
            return Err(Refusal::Told(reason));
        }
        stream.set_read_timeout(None)?;
        stream.set_write_timeout(None)?;
        Ok(hello)
    }
}

/// Why a client that said hello is sent away, where it is. A newer one decides by itself whether
/// it can speak as old as this session.
fn refusal(hello: &ClientHello, crowded: bool) -> Option<String> {
    if crowded {
        return Some(format!("{MOST_CONNECTIONS} clients are attached; detach one of them"));
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
fn receive_commands(stream: &UnixStream, commands: &Sender<Command>) -> Result<(), Refusal> {
    let mut input = BufReader::new(stream);
    let mut payload = Vec::new();
    while wire::read_frame(&mut input, MOST_COMMAND, &mut payload)? {
        // The hub lives as long as the process.
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
            Err(error) => log.say(format_args!("an update was left out: {error}")),
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

/// One of so many; it is free again when dropped.
struct Place {
    taken: Arc<AtomicUsize>,
    /// How many there are, this one included.
    number: usize,
}

impl Place {
    fn take(taken: &Arc<AtomicUsize>) -> Self {
        let number = taken.fetch_add(1, Ordering::SeqCst) + 1;
        Self { taken: Arc::clone(taken), number }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::SeqCst);
    }
}
