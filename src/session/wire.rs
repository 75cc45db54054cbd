//! The protocol between a session and its front ends.
//!
//! A frame is the length of its payload (u32, little-endian) followed by the payload. Each side
//! first sends a hello in JSON, which every version understands. Then the front end sends commands
//! and the session sends updates, encoded with postcard.

use super::Attachment;
use crate::protocol::{PROTOCOL_VERSION, Untrusted};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};

/// Maximum length of a hello in bytes.
pub const MAX_HELLO: u32 = 4 << 10;
/// Maximum length of a command in bytes; the longest holds an image to classify.
pub const MAX_COMMAND: u32 = 1 << 20;
/// Maximum length of an update in bytes; the longest is a snapshot with the weights of a wide
/// layer.
pub const MAX_UPDATE: u32 = 256 << 20;
/// The oldest version of the protocol that this program can still speak.
pub const OLDEST_PROTOCOL: u32 = 5;

/// Why a connection was closed.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    #[error("a frame of {length} bytes was announced, but at most {most} are taken")]
    TooLong { length: u64, most: u32 },
    #[error("the connection ended in the middle of a frame: {found} of {length} bytes")]
    Torn { found: u32, length: u32 },
    #[error("the frame is not a valid message: {0}")]
    Malformed(String),
}

/// The first message of a client. New fields need a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientHello {
    /// Version of the program.
    pub nntop: Untrusted,
    /// See [`PROTOCOL_VERSION`].
    pub protocol: u32,
    pub attachment: Attachment,
    /// The client only reads the state of the run; this does not keep alive a session whose run has
    /// ended.
    #[serde(default)]
    pub glance: bool,
    /// The client sends one command, waits for its effect and disconnects. Places are reserved for
    /// such clients, which are disconnected after a minute at the latest.
    #[serde(default)]
    pub brief: bool,
}

impl ClientHello {
    /// This program's hello.
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

/// The answer of a session. New fields need a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionHello {
    /// Version of the program.
    pub nntop: Untrusted,
    pub protocol: u32,
    /// Process id of the session.
    pub pid: u32,
    /// Number of clients that were attached before this one, not counting those that only read the
    /// status.
    pub clients: u32,
    /// Why this client is refused, if it is.
    #[serde(default)]
    pub refused: Option<String>,
}

impl SessionHello {
    /// This program's answer.
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

/// Writes a frame and flushes; with a buffered writer a small frame is a single write.
///
/// # Errors
/// If the payload is longer than `most` (then nothing is written), or the connection is closed.
pub fn write_frame(out: &mut impl Write, payload: &[u8], most: u32) -> Result<(), WireError> {
    let length = payload.len() as u64;
    let prefix = u32::try_from(length).ok().filter(|length| *length <= most);
    let prefix = prefix.ok_or(WireError::TooLong { length, most })?;
    out.write_all(&prefix.to_le_bytes())?;
    out.write_all(payload)?;
    Ok(out.flush()?)
}

/// Reads a frame into `payload`; false if the connection was closed before a frame. Memory is only
/// allocated once the length was compared with `most`, and as bytes arrive.
///
/// A reset counts as a normal close: a local socket is reset if it is closed with unread data, as
/// happens to a client that leaves while the session sends.
///
/// # Errors
/// If the frame is too long or torn, or the connection breaks.
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
        // Everything before it was read.
        Err(error) if is_reset(&error) => {}
        Err(error) => return Err(error.into()),
    }
    let found = payload.len() as u32;
    if found < length {
        return Err(WireError::Torn { found, length });
    }
    Ok(true)
}

/// Reads until the buffer is full or the input ends; returns the number of bytes read.
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
/// If the message cannot be encoded, which does not happen for messages of this program.
pub fn encode(message: &impl Serialize) -> Result<Vec<u8>, WireError> {
    postcard::to_stdvec(message).map_err(|error| WireError::Malformed(error.to_string()))
}

/// Decodes a command or an update, which must take up all the bytes.
///
/// # Errors
/// If the bytes are not a message.
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
/// If the connection is closed.
pub fn write_hello(out: &mut impl Write, hello: &impl Serialize) -> Result<(), WireError> {
    let json = serde_json::to_vec(hello).map_err(|e| WireError::Malformed(e.to_string()))?;
    write_frame(out, &json, MAX_HELLO)
}

/// Receives a hello.
///
/// # Errors
/// If the message is not a hello, or the connection is closed.
pub fn read_hello<T: DeserializeOwned>(input: &mut impl Read) -> Result<T, WireError> {
    let mut payload = Vec::new();
    if !read_frame(input, MAX_HELLO, &mut payload)? {
        return Err(WireError::Io(io::ErrorKind::UnexpectedEof.into()));
    }
    let wrong = |error: serde_json::Error| WireError::Malformed(format!("not a hello: {error}"));
    serde_json::from_slice(&payload).map_err(wrong)
}

#[cfg(test)]
mod tests;
