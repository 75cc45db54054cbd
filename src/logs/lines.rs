//! Splits text into complete lines.

/// Maximum length of a line; longer ones are skipped.
pub const LONGEST_LINE: usize = 8 << 20;

/// Calls `take` with the offset and the text of every complete line at the start of `bytes`, and of
/// the last one if `end`; returns the number of bytes consumed. Line ends (`\n` or `\r\n`) are
/// removed, invalid UTF-8 is replaced. For a line that is too long, the text is `None`.
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
