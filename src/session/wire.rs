//! What goes over a session's socket.
//!
//! A frame is its payload's length (u32, little-endian), then the payload. First each side sends
//! a hello: JSON, so that any two versions understand at least that. Then commands go one way and
//! updates the other, in postcard.

use super::Attachment;
use crate::protocol::{PROTOCOL_VERSION, Untrusted};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};

/// Longest hello in bytes.
pub const MOST_HELLO: u32 = 4 << 10;
/// Longest command in bytes: an image to classify is the largest.
pub const MOST_COMMAND: u32 = 1 << 20;
/// Longest update in bytes: a snapshot with the weights of a wide layer.
pub const MOST_UPDATE: u32 = 256 << 20;
/// The oldest protocol that this program speaks beside its own.
pub const OLDEST_PROTOCOL: u32 = 5;

/// Why a connection is ended.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    #[error("a frame of {length} bytes was announced, but at most {most} are taken")]
    TooLong { length: u64, most: u32 },
    #[error("the connection ended in the middle of a frame: {found} of {length} bytes")]
    Torn { found: u32, length: u32 },
    #[error("a frame that is no message: {0}")]
    Malformed(String),
}

/// What a client says first. New fields must have a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientHello {
    /// Version of the program.
    pub nntop: Untrusted,
    /// See [`PROTOCOL_VERSION`].
    pub protocol: u32,
    pub attachment: Attachment,
    /// Only asks how the run stands: no reason for a session that is over to stay.
    #[serde(default)]
    pub glance: bool,
    /// Gives a command, waits for its effect and leaves: places are kept for such visits, which
    /// are ended after a minute.
    #[serde(default)]
    pub brief: bool,
}

impl ClientHello {
    /// This program's.
    #[must_use]
    pub fn new(attachment: Attachment) -> Self {
        Self {
            nntop: env!("CARGO_PKG_VERSION").into(),
            protocol: PROTOCOL_VERSION,
            attachment,
            glance: false,
            brief: false,
        }
    }
}

/// What a session answers. New fields must have a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionHello {
    /// Version of the program.
    pub nntop: Untrusted,
    pub protocol: u32,
    /// The session's process.
    pub pid: u32,
    /// Clients that were attached before this one and came to stay.
    pub clients: u32,
    /// Why this client is sent away, where it is.
    #[serde(default)]
    pub refused: Option<String>,
}

impl SessionHello {
    /// This program's.
    #[must_use]
    pub fn new(clients: usize, refused: Option<String>) -> Self {
        Self {
            nntop: env!("CARGO_PKG_VERSION").into(),
            protocol: PROTOCOL_VERSION,
            pid: std::process::id(),
            clients: clients as u32,
            refused,
        }
    }
}

/// Writes a frame and flushes; a buffered writer makes one write of a small one.
///
/// # Errors
/// Where the payload is longer than `most` (nothing is written then), or the other end is gone.
pub fn write_frame(out: &mut impl Write, payload: &[u8], most: u32) -> Result<(), WireError> {
    let length = payload.len() as u64;
    let prefix = u32::try_from(length).ok().filter(|length| *length <= most);
    let prefix = prefix.ok_or(WireError::TooLong { length, most })?;
    out.write_all(&prefix.to_le_bytes())?;
    out.write_all(payload)?;
    Ok(out.flush()?)
}

/// Reads a frame into `payload`; false where the connection ended before one. Nothing is
/// allocated before the length was compared with `most`, and then only as bytes arrive.
///
/// A reset is an end like any other: a local socket is reset when it is closed with something
/// unread, as that of a client is which leaves while the session talks.
///
/// # Errors
/// Where the frame is too long or torn, or the connection breaks.
pub fn read_frame(
    input: &mut impl Read,
    most: u32,
    payload: &mut Vec<u8>,
) -> Result<bool, WireError> {
    payload.clear();
    let mut prefix = [0; 4];
    let found = fill(input, &mut prefix)?;
    if found == 0 {
        return Ok(false);
    }
    if found < prefix.len() {
        return Err(WireError::Torn { found: found as u32, length: prefix.len() as u32 });
    }
    let length = u32::from_le_bytes(prefix);
    if length > most {
        return Err(WireError::TooLong { length: length.into(), most });
    }
    match input.take(length.into()).read_to_end(payload) {
        Ok(_) => {}
        // What came before it was read.
        Err(error) if is_reset(&error) => {}
        Err(error) => return Err(error.into()),
    }
    let found = payload.len() as u32;
    if found < length {
        return Err(WireError::Torn { found, length });
    }
    Ok(true)
}

/// Reads until the buffer is full or the input ends; how much was read.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut found = 0;
    while found < buffer.len() {
        match input.read(&mut buffer[found..]) {
            Ok(0) => break,
            Ok(count) => found += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if is_reset(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn is_reset(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ConnectionReset
}

/// A command or an update as bytes.
///
/// # Errors
/// Where it cannot be encoded: never for messages of this program.
pub fn encode(message: &impl Serialize) -> Result<Vec<u8>, WireError> {
    postcard::to_stdvec(message).map_err(|error| WireError::Malformed(error.to_string()))
}

/// A command or an update from bytes, all of which must belong to it.
///
/// # Errors
/// Where the bytes are no message.
pub fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, WireError> {
    match postcard::take_from_bytes(payload) {
        Ok((message, [])) => Ok(message),
        Ok((_, rest)) => Err(WireError::Malformed(format!("{} bytes too many", rest.len()))),
        Err(error) => Err(WireError::Malformed(error.to_string())),
    }
}

/// Sends a hello.
///
/// # Errors
/// Where the other end is gone.
pub fn write_hello(out: &mut impl Write, hello: &impl Serialize) -> Result<(), WireError> {
    let json = serde_json::to_vec(hello).map_err(|e| WireError::Malformed(e.to_string()))?;
    write_frame(out, &json, MOST_HELLO)
}

/// Receives a hello.
///
/// # Errors
/// Where it is none, or the other end is gone.
pub fn read_hello<T: DeserializeOwned>(input: &mut impl Read) -> Result<T, WireError> {
    let mut payload = Vec::new();
    if !read_frame(input, MOST_HELLO, &mut payload)? {
        return Err(WireError::Io(io::ErrorKind::UnexpectedEof.into()));
    }
    let wrong = |error: serde_json::Error| WireError::Malformed(format!("no hello: {error}"));
    serde_json::from_slice(&payload).map_err(wrong)
}

#[cfg(test)]
mod tests;
