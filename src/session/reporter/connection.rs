//! The connection of a reporter: one thread that reads its lines, one that writes commands.
//!
//! A reporter that sends faster than the session takes blocks its own sending thread; one that does
//! not read its commands misses those that no longer fit in its queue, and the session says so.

use super::message::{Hello, Message, REPORTER_PROTOCOL};
use crate::protocol::{Level, Untrusted};
use crate::session::record::now;
use crate::session::wire::MOST_HELLO;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use serde_json::{Value, json};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Longest line in bytes: the images of a validation set are the largest.
const MOST_LINE: u64 = 64 << 20;
/// Longest first line in bytes.
const MOST_FIRST_LINE: u64 = 64 << 10;
/// The first line comes within this.
const PATIENCE: Duration = Duration::from_secs(5);
/// Commands that wait for a reporter to read them.
const QUEUE: usize = 256;
/// How often the reporter hears that the session lives: one that is held goes on when it does not.
const BEAT: Duration = Duration::from_secs(5);
/// Lines that are no messages before the connection is ended.
const MOST_WRONG_LINES: usize = 1000;

/// A connection whose first bytes are those of a reporter.
#[derive(Debug)]
pub(in crate::session) struct Incoming {
    pub stream: UnixStream,
    /// Bytes that were read already.
    pub first: Vec<u8>,
}

/// News of a reporter, with the number of its connection.
#[derive(Debug)]
pub(in crate::session) enum Report {
    Connected { number: u64, commands: Sender<Value>, hello: Hello },
    Message(u64, Box<Message>),
    Gone(u64),
}

/// Where reporters connect; the session's source of events hears of them.
#[derive(Clone, Debug)]
pub(in crate::session) struct Reports {
    to: Sender<Report>,
    /// The process that reports at this moment.
    current: Arc<Mutex<Option<u32>>>,
    numbers: Arc<AtomicU64>,
    run: String,
}

/// Whether a connection that began with these bytes speaks lines: a frame of the other protocol
/// begins with its length, and a hello is never that long.
pub(in crate::session) fn begins_reporter(first: &[u8]) -> bool {
    let length = first.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    first.first() == Some(&b'{') && length.is_some_and(|length| length > MOST_HELLO)
}

/// Sends a reporter away with a reason.
pub(in crate::session) fn refuse(mut stream: &UnixStream, reason: &str) {
    let line = format!("{}\n", json!({"nntop": REPORTER_PROTOCOL, "refused": reason}));
    // One that is gone needs no reason.
    let _ = stream.write_all(line.as_bytes());
}

impl Reports {
    pub(in crate::session) fn new(run: String) -> (Self, Receiver<Report>) {
        // Bounded, so that a reporter cannot fill the memory: its socket fills instead.
        let (to, reports) = bounded(1024);
        (Self { to, current: Arc::default(), numbers: Arc::default(), run }, reports)
    }

    /// Serves a reporter until it goes; `greeted` is called once it has said its first line.
    ///
    /// # Errors
    /// When the connection breaks before that, or there is no thread.
    pub(in crate::session) fn attend(
        &self,
        incoming: Incoming,
        greeted: impl FnOnce(),
    ) -> io::Result<()> {
        let Incoming { stream, first } = incoming;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut input = BufReader::new(io::Cursor::new(first).chain(stream.try_clone()?));
        let mut line = Vec::new();
        (&mut input).take(MOST_FIRST_LINE).read_until(b'\n', &mut line)?;
        greeted();
        let hello: Hello = match serde_json::from_slice(&line) {
            Ok(hello) => hello,
            Err(error) => {
                refuse(&stream, &format!("the first line is no hello: {error}"));
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
            // However it ends, the reading thread is to notice.
            let _ = write_lines(&out, &welcome, &to_write);
            let _ = out.shutdown(Shutdown::Both);
        })?;
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        self.say(Report::Connected { number, commands, hello });
        self.read_lines(&mut input, number);
        // The source lets go of the commands' channel, and the writing thread ends.
        self.say(Report::Gone(number));
        let _ = stream.shutdown(Shutdown::Both);
        // A panic there is in the log by now.
        let _ = writer.join();
        Ok(())
    }

    fn read_lines(&self, input: &mut impl BufRead, number: u64) {
        let note = |level, text| {
            self.say(Report::Message(number, Box::new(Message::Note { level, text })));
        };
        let (mut line, mut wrong) = (Vec::new(), 0);
        loop {
            line.clear();
            match (&mut *input).take(MOST_LINE).read_until(b'\n', &mut line) {
                Ok(1..) => {}
                // A reset is the end of a process that had something left unread.
                Ok(0) | Err(_) => return,
            }
            if line.last() != Some(&b'\n') {
                if line.len() as u64 == MOST_LINE {
                    let text = format!(
                        "the script's report was ended: a line of more than {MOST_LINE} bytes"
                    );
                    note(Level::Warning, text);
                }
                return;
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            match Message::parse(&line, now()) {
                Ok(message) => self.say(Report::Message(number, Box::new(message))),
                Err(error) => {
                    wrong += 1;
                    if wrong == 1 {
                        let begin = String::from_utf8_lossy(&line[..line.len().min(60)]);
                        let begin = Untrusted::from(begin.trim_end());
                        let text =
                            format!("a line of the script's report was skipped: {error}: {begin}");
                        note(Level::Warning, text);
                    } else if wrong == MOST_WRONG_LINES {
                        let text =
                            "the script's report was ended: most of its lines are no messages";
                        note(Level::Warning, text.into());
                        return;
                    }
                }
            }
        }
    }

    fn say(&self, report: Report) {
        // The source lives as long as the session.
        let _ = self.to.send(report);
    }

    /// The place of the one reporter, free again when dropped; `None` where it is taken.
    fn take_place(&self, pid: u32) -> Option<Place> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.is_some() {
            return None;
        }
        *current = Some(pid);
        Some(Place(Arc::clone(&self.current)))
    }
}

struct Place(Arc<Mutex<Option<u32>>>);

impl Drop for Place {
    fn drop(&mut self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Writes commands, and a beat where there are none, until the channel or the connection ends.
fn write_lines(
    mut out: &UnixStream,
    welcome: &Value,
    commands: &Receiver<Value>,
) -> io::Result<()> {
    out.write_all(format!("{welcome}\n").as_bytes())?;
    loop {
        let line = match commands.recv_timeout(BEAT) {
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
    fn lines_and_frames_are_told_apart_by_their_first_bytes() {
        assert!(begins_reporter(b"{\"nn"));
        assert!(begins_reporter(b"{ \"n"));
        assert!(!begins_reporter(&123_u32.to_le_bytes()), "the length of a hello");
        assert!(!begins_reporter(b"{\"n"));
        assert!(!begins_reporter(b"GET "));
    }
}
