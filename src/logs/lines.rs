//! The lines of a text file, as far as they are whole.

/// A line longer than this is skipped.
pub const LONGEST_LINE: usize = 8 << 20;

/// Calls `take` with the offset and the text of every whole line at the front of `bytes`, and of
/// the last one too if `end`; returns how many bytes they took. Ends of lines are `\n` or `\r\n`
/// and are left out; what is no UTF-8 is replaced. A line that grows too long is given up: `None`.
pub fn each(bytes: &[u8], end: bool, mut take: impl FnMut(usize, Option<&str>)) -> usize {
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let length = match memchr(rest) {
            Some(length) => length,
            None if end => rest.len(),
            None if rest.len() > LONGEST_LINE => {
                take(at, None);
                return bytes.len();
            }
            None => break,
        };
        let line = rest[..length].strip_suffix(b"\r").unwrap_or(&rest[..length]);
        match std::str::from_utf8(line) {
            Ok(text) => take(at, Some(text)),
            Err(_) => take(at, Some(&String::from_utf8_lossy(line))),
        }
        at = (at + length + 1).min(bytes.len());
    }
    at
}

fn memchr(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|&byte| byte == b'\n')
}

/// The byte-order mark of UTF-8.
pub const MARK: &str = "\u{feff}";
