//! The connection of a script: one thread reads its lines, one writes commands.
//!
//! A script that sends faster than the session reads blocks in its own sending thread. Commands
//! that do not fit in the queue of a script that does not read them are dropped with a warning.

use super::message::{Hello, Message, REPORTER_PROTOCOL};
use crate::protocol::{LogLevel, Untrusted};
use crate::session::record::now;
use crate::session::wire::MAX_HELLO;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use serde_json::{Value, json};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Maximum length of a line in bytes; the images of a validation set are the longest.
const MAX_LINE: u64 = 64 << 20;
/// Maximum length of the first line in bytes.
const MAX_FIRST_LINE: u64 = 64 << 10;
/// Timeout of the first line.
const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
/// Capacity of the queue of commands to a script.
const QUEUE: usize = 256;
/// Interval of heartbeats: a held script continues if they stop.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(5);
/// Number of invalid lines after which the connection is closed.
const MAX_WRONG_LINES: usize = 1000;

/// A connection whose first bytes are those of a script.
#[derive(Debug)]
pub(in crate::session) struct Incoming {
    pub stream: UnixStream,
    /// Bytes that were already read.
    pub first: Vec<u8>,
}

/// A message from a script, with the number of its connection.
#[derive(Debug)]
pub(in crate::session) enum ReporterEvent {
    Connected { number: u64, commands: Sender<Value>, hello: Hello },
    Message(u64, Box<Message>),
    Gone(u64),
}

/// The endpoint for scripts, which forwards their messages to the source of events.
#[derive(Clone, Debug)]
pub(in crate::session) struct Reports {
    to: Sender<ReporterEvent>,
    /// The process id of the connected script.
    current: Arc<Mutex<Option<u32>>>,
    numbers: Arc<AtomicU64>,
    run: String,
}

/// Whether a connection that starts with these bytes belongs to a script, which sends lines. Other
/// clients start with the length of their hello, which is never that large.
pub(in crate::session) fn is_script(first: &[u8]) -> bool {
    let length = first.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    first.first() == Some(&b'{') && length.is_some_and(|length| length > MAX_HELLO)
}

/// Refuses a script with a reason.
pub(in crate::session) fn refuse(mut stream: &UnixStream, reason: &str) {
    let line = format!("{}\n", json!({"nntop": REPORTER_PROTOCOL, "refused": reason}));
    // The script may already be gone.
    let _ = stream.write_all(line.as_bytes());
}

impl Reports {
    pub(in crate::session) fn new(run: String) -> (Self, Receiver<ReporterEvent>) {
        // Bounded, so that a script cannot fill the memory: its socket buffer fills instead.
        let (to, reports) = bounded(1024);
        (Self { to, current: Arc::default(), numbers: Arc::default(), run }, reports)
    }

    /// Serves a script until it disconnects; `greeted` is called after its first line.
    ///
    /// # Errors
    /// If the connection breaks before that, or a thread cannot be started.
    pub(in crate::session) fn serve(
        &self,
        incoming: Incoming,
        greeted: impl FnOnce(),
    ) -> io::Result<()> {
        let Incoming { stream, first } = incoming;
        stream.set_read_timeout(Some(HELLO_TIMEOUT))?;
        let mut input = BufReader::new(io::Cursor::new(first).chain(stream.try_clone()?));
        let mut line = Vec::new();
        (&mut input).take(MAX_FIRST_LINE).read_until(b'\n', &mut line)?;
        greeted();
        let hello: Hello = match serde_json::from_slice(&line) {
            Ok(hello) => hello,
            Err(error) => {
                refuse(&stream, &format!("the first line is not a hello: {error}"));
                return Ok(());
            }
        };
        if hello.nntop != REPORTER_PROTOCOL {
            let reason = format!(
                "this session speaks version {REPORTER_PROTOCOL} of the reporter's protocol, not \
                 {}; `nntop client python` prints a client that fits",
                hello.nntop
            );
            refuse(&stream, &reason);
            return Ok(());
        }
        let Some(_place) = self.take_place(hello.pid) else {
            refuse(&stream, "another process reports to this run already");
            return Ok(());
        };
        stream.set_read_timeout(None)?;
        let (commands, to_write) = bounded(QUEUE);
        let welcome = json!({
            "nntop": REPORTER_PROTOCOL, "session": env!("CARGO_PKG_VERSION"), "run": self.run,
        });
        let out = stream.try_clone()?;
        let writer = thread::Builder::new().name("nntop-reporter-out".into()).spawn(move || {
            // Wakes the reading thread, however this ends.
            let _ = write_lines(&out, &welcome, &to_write);
            let _ = out.shutdown(Shutdown::Both);
        })?;
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        self.send(ReporterEvent::Connected { number, commands, hello });
        self.read_lines(&mut input, number);
        // The source drops the commands' channel, which ends the writing thread.
        self.send(ReporterEvent::Gone(number));
        let _ = stream.shutdown(Shutdown::Both);
        // The log already contains any panic.
        let _ = writer.join();
        Ok(())
    }

    fn read_lines(&self, input: &mut impl BufRead, number: u64) {
        let note = |level, text| {
            self.send(ReporterEvent::Message(number, Box::new(Message::Note { level, text })));
        };
        let (mut line, mut invalid) = (Vec::new(), 0);
        loop {
            line.clear();
            match (&mut *input).take(MAX_LINE).read_until(b'\n', &mut line) {
                Ok(1..) => {}
                // A process that ends with unread data resets the connection.
                Ok(0) | Err(_) => return,
            }
            if line.last() != Some(&b'\n') {
                if line.len() as u64 == MAX_LINE {
                    let text = format!(
                        "the script was disconnected: a line of more than {MAX_LINE} bytes"
                    );
                    note(LogLevel::Warning, text);
                }
                return;
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            match Message::parse(&line, now()) {
                Ok(message) => self.send(ReporterEvent::Message(number, Box::new(message))),
                Err(error) => {
                    invalid += 1;
                    if invalid == 1 {
                        let begin = String::from_utf8_lossy(&line[..line.len().min(60)]);
                        let begin = Untrusted::from(begin.trim_end());
                        let text =
                            format!("an invalid line of the script was skipped: {error}: {begin}");
                        note(LogLevel::Warning, text);
                    } else if invalid == MAX_WRONG_LINES {
                        let text = "the script was disconnected: most of its lines are invalid";
                        note(LogLevel::Warning, text.into());
                        return;
                    }
                }
            }
        }
    }

    fn send(&self, report: ReporterEvent) {
        // The source lives as long as the session.
        let _ = self.to.send(report);
    }

    /// Reserves the only place until it is dropped; `None` if it is taken.
    fn take_place(&self, pid: u32) -> Option<ConnectedScript> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.is_some() {
            return None;
        }
        *current = Some(pid);
        Some(ConnectedScript(Arc::clone(&self.current)))
    }
}

struct ConnectedScript(Arc<Mutex<Option<u32>>>);

impl Drop for ConnectedScript {
    fn drop(&mut self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Writes commands, and heartbeats in between, until the channel or the connection is closed.
fn write_lines(
    mut out: &UnixStream,
    welcome: &Value,
    commands: &Receiver<Value>,
) -> io::Result<()> {
    out.write_all(format!("{welcome}\n").as_bytes())?;
    loop {
        let line = match commands.recv_timeout(HEARTBEAT_INTERVAL) {
            Ok(command) => format!("{command}\n"),
            Err(RecvTimeoutError::Timeout) => format!("{}\n", json!({"beat": now()})),
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        out.write_all(line.as_bytes())?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_recognised_by_their_first_bytes() {
        assert!(is_script(b"{\"nn"));
        assert!(is_script(b"{ \"n"));
        assert!(!is_script(&123_u32.to_le_bytes()), "the length of a hello");
        assert!(!is_script(b"{\"n"));
        assert!(!is_script(b"GET "));
    }
}
