//! Everything that the program prints, except the dashboard, which draws cells.
//!
//! [`Output`] is the only way to standard output and standard error (clippy forbids the others). It
//! escapes control characters: nothing in a name, path or error acts on the terminal, and a line
//! stays one line.

use crate::protocol::{printable, printable_json};
use serde::Serialize;
use std::fmt;
use std::io::{self, BufWriter, IsTerminal, Write};

/// Returns to the start of the terminal's line and clears it.
const CLEAR_LINE: &[u8] = b"\r\x1b[K";

/// A stream of printable lines, for `write!` and `writeln!`.
pub(crate) struct Output<'a>(Box<dyn Write + 'a>);

/// Standard output, locked.
#[allow(clippy::disallowed_methods)] // The one place that may.
pub(crate) fn out() -> Output<'static> {
    Output::to(io::stdout().lock())
}

/// Standard output for a long table, buffered in blocks instead of lines.
#[allow(clippy::disallowed_methods)] // As above.
pub(crate) fn in_blocks() -> Output<'static> {
    Output::to(BufWriter::with_capacity(1 << 16, io::stdout().lock()))
}

/// Standard output for bytes that are not text.
///
/// # Errors
/// If standard output is closed.
#[cfg(feature = "parquet")]
#[allow(clippy::disallowed_methods)] // Not text.
pub(crate) fn bytes() -> io::Result<std::fs::File> {
    Ok(rustix::io::dup(io::stdout())?.into())
}

/// Standard error.
#[allow(clippy::disallowed_methods)] // The one place that may.
pub(crate) fn err() -> Output<'static> {
    Output::to(io::stderr())
}

/// Standard output for the output of a command, which is passed through unchanged.
#[allow(clippy::disallowed_methods)] // Not text of this program.
pub(crate) fn raw() -> impl Write {
    io::stdout().lock()
}

/// Whether standard output is a terminal.
#[allow(clippy::disallowed_methods)] // Nothing is printed.
pub(crate) fn out_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether standard error is a terminal.
#[allow(clippy::disallowed_methods)] // Nothing is printed.
pub(crate) fn err_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// The size in columns and rows that the terminal at standard output reports.
#[allow(clippy::disallowed_methods)] // Nothing is printed.
pub(crate) fn terminal_size() -> Option<(u16, u16)> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some((size.ws_col, size.ws_row))
}

impl<'a> Output<'a> {
    /// Prints to any writer.
    pub(crate) fn to(writer: impl Write + 'a) -> Self {
        Self(Box::new(writer))
    }

    /// Prints a line, or with `write!` a part of it: a line break is only kept at the end.
    ///
    /// # Errors
    /// If the stream cannot be written to; a reader that has gone is a broken pipe.
    pub(crate) fn write_fmt(&mut self, line: fmt::Arguments<'_>) -> io::Result<()> {
        let text = line.to_string();
        let (line, end) = match text.strip_suffix('\n') {
            Some(line) => (line, "\n"),
            None => (text.as_str(), ""),
        };
        self.0.write_all(printable(line).as_bytes())?;
        self.0.write_all(end.as_bytes())
    }

    /// Prints a text of several lines, such as a drawing of the dashboard.
    ///
    /// # Errors
    /// As [`Output::write_fmt`].
    pub(crate) fn lines(&mut self, text: &str) -> io::Result<()> {
        text.lines().try_for_each(|line| writeln!(self, "{line}"))
    }

    /// Prints a value as JSON in a line; NaN and infinity become null.
    ///
    /// # Errors
    /// As [`Output::write_fmt`].
    pub(crate) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        let json = serde_json::to_string(value)?;
        self.0.write_all(printable_json(&json).as_bytes())?;
        self.0.write_all(b"\n")
    }

    /// Replaces the terminal's current line.
    ///
    /// # Errors
    /// As [`Output::write_fmt`].
    pub(crate) fn replace_line(&mut self, text: &str) -> io::Result<()> {
        self.0.write_all(CLEAR_LINE)?;
        self.0.write_all(printable(text).as_bytes())?;
        self.0.flush()
    }

    /// Prints the program's own text unescaped: a script, or an escape sequence in which all
    /// foreign text is escaped.
    ///
    /// # Errors
    /// As [`Output::write_fmt`].
    pub(crate) fn own(&mut self, text: &str) -> io::Result<()> {
        self.0.write_all(text.as_bytes())?;
        self.0.flush()
    }

    /// Prints a text with SGR attributes, such as `[0]` for the terminal's default.
    ///
    /// # Errors
    /// As [`Output::write_fmt`].
    pub(crate) fn paint(&mut self, colours: &[u8], text: &str) -> io::Result<()> {
        let codes: Vec<String> = colours.iter().map(u8::to_string).collect();
        self.0.write_all(format!("\x1b[{}m", codes.join(";")).as_bytes())?;
        self.0.write_all(printable(text).as_bytes())
    }

    /// Flushes the buffer.
    ///
    /// # Errors
    /// As [`Output::write_fmt`].
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(print: impl FnOnce(&mut Output<'_>) -> io::Result<()>) -> String {
        let mut bytes = Vec::new();
        print(&mut Output::to(&mut bytes)).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_stays_one_line_without_control_characters() {
        let name = "x\x1b]0;title\x07\nforged: line\r";
        let line = printed(|out| writeln!(out, "saved {name} ({} bytes)", 7));
        assert_eq!(line, "saved x\\u{1b}]0;title\\u{7}\\nforged: line\\r (7 bytes)\n");
        assert_eq!(printed(|out| out.lines("a\n\u{9b}b\n")), "a\n\\u{9b}b\n");
        assert_eq!(printed(|out| out.replace_line("50%\x1b[2J")), "\r\x1b[K50%\\u{1b}[2J");
        assert_eq!(printed(|out| out.paint(&[38, 5, 9], "a\x1b")), "\x1b[38;5;9ma\\u{1b}");
        assert_eq!(printed(|out| out.json(&["\u{9b}\n\u{202e}"])), "[\"\\u009b\\n\\u202e\"]\n");
    }
}
