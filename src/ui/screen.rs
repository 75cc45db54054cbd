//! The terminal: initialized, drawn on frame by frame, and always restored.

use super::portion::portion;
use crate::protocol::printable;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use ratatui::{Terminal, TerminalOptions, Viewport};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use signal_hook::consts::SIGABRT;
use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ThreadId};

use crossterm::clipboard::CopyToClipboard;
use crossterm::cursor::{Hide, Show};
use crossterm::style::Print;
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{execute, queue};

/// Reports clicks, drags and the wheel in SGR coordinates, but not every movement, which would
/// flood a slow connection.
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1002h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1002l\x1b[?1000l";
/// Bracketed paste: pasted text arrives as one event instead of keys.
const PASTE_ON: &str = "\x1b[?2004h";
const PASTE_OFF: &str = "\x1b[?2004l";
/// Saves and restores the window's title.
const TITLE_SAVE: &str = "\x1b[22;0t";
const TITLE_RESTORE: &str = "\x1b[23;0t";
/// Maximum length of a title or notification in characters.
const MAX_LENGTH: usize = 120;

/// Maximum size of the drawn area, whatever size the terminal reports, because a frame allocates
/// memory for every cell.
const MAX_COLUMNS: u16 = 1000;
const MAX_ROWS: u16 = 500;

/// The target of the backend: collects a whole frame, which is then written at once. Flushes in
/// between are ignored.
#[derive(Clone, Debug, Default)]
struct FrameBuffer(Rc<RefCell<Vec<u8>>>);

impl Write for FrameBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A terminal for drawing frames.
#[derive(Debug)]
pub(super) struct Screen<W: Write> {
    terminal: Terminal<CrosstermBackend<FrameBuffer>>,
    frame: FrameBuffer,
    out: W,
    /// The content of the screen.
    shown: Buffer,
    /// The row where the last frame continues, if it was drawn in part.
    unfinished: Option<u16>,
    /// The current title of the window.
    title: String,
}

impl<W: Write> Screen<W> {
    /// A screen on a writer. It does not change the mode of the terminal, which
    /// [`TerminalGuard::take`] does.
    pub(super) fn new(out: W) -> io::Result<Self> {
        let frame = FrameBuffer::default();
        let backend = CrosstermBackend::new(frame.clone());
        // With a fixed size, so that the terminal does not determine how much memory is allocated.
        let options = TerminalOptions { viewport: Viewport::Fixed(Rect::default()) };
        let terminal = Terminal::with_options(backend, options)?;
        let (shown, title) = (Buffer::default(), String::new());
        Ok(Self { terminal, frame, out, shown, unfinished: None, title })
    }

    /// The drawn area: the terminal's size up to the maximum.
    pub(super) fn area(&self) -> io::Result<Rect> {
        Ok(drawn_area(self.terminal.size()?))
    }

    /// Copies a text to the terminal's clipboard, if it supports OSC 52.
    pub(super) fn copy(&mut self, text: &str) -> io::Result<()> {
        let mut bytes = Vec::new();
        queue!(bytes, CopyToClipboard::to_clipboard_from(text))?;
        self.out.write_all(&bytes)?;
        self.out.flush()
    }

    /// Whether the last frame was only drawn in part.
    pub(super) fn is_unfinished(&self) -> bool {
        self.unfinished.is_some()
    }

    /// Draws a frame, or as much of it as fits in `bytes`; returns the bytes written, 0 if nothing
    /// changed.
    pub(super) fn draw(&mut self, next: Buffer, bytes: usize) -> io::Result<usize> {
        if next == self.shown {
            self.unfinished = None;
            return Ok(0);
        }
        let resized = next.area != self.shown.area;
        let first_row = self.unfinished.unwrap_or(0);
        let (next, unfinished) = portion(&self.shown, next, first_row, bytes)?;
        self.unfinished = unfinished;
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        if resized {
            self.terminal.resize(next.area)?;
        }
        self.terminal.draw(|frame| {
            let buffer = frame.buffer_mut();
            // If the terminal was resized in the meantime, the next frame fits.
            for position in buffer.area.intersection(next.area).positions() {
                buffer[position].clone_from(&next[position]);
            }
        })?;
        queue!(self.terminal.backend_mut(), EndSynchronizedUpdate)?;
        self.shown = next;
        let mut frame = self.frame.0.borrow_mut();
        self.out.write_all(&frame)?;
        self.out.flush()?;
        let bytes = frame.len();
        frame.clear();
        Ok(bytes)
    }

    /// Sets the window's title; returns the bytes written, 0 if it did not change.
    pub(super) fn set_title(&mut self, title: &str) -> io::Result<usize> {
        if title == self.title {
            return Ok(0);
        }
        self.title = title.into();
        self.say(&format!("\x1b]2;{}\x1b\\", one_line(title)))
    }

    /// Rings the bell and shows a notification (OSC 9), if the terminal supports it.
    pub(super) fn notify(&mut self, text: &str) -> io::Result<()> {
        self.say(&notification(text)).map(drop)
    }

    /// Writes a sequence that is not part of a frame; returns its length.
    pub(super) fn say(&mut self, sequence: &str) -> io::Result<usize> {
        self.out.write_all(sequence.as_bytes())?;
        self.out.flush()?;
        Ok(sequence.len())
    }

    /// Forces a complete redraw.
    pub(super) fn invalidate(&mut self) -> io::Result<()> {
        self.shown = Buffer::default();
        self.unfinished = None;
        self.title.clear();
        // Not `clear`, which queries the cursor position: a terminal that is busy or gone does not
        // answer.
        let area = self.area()?;
        self.terminal.resize(area)
    }
}

/// The drawn area of a terminal.
fn drawn_area(Size { width, height }: Size) -> Rect {
    Rect::new(0, 0, width.min(MAX_COLUMNS), height.min(MAX_ROWS))
}

/// The bell, and a notification (OSC 9).
#[must_use]
pub fn notification(text: &str) -> String {
    format!("\x07\x1b]9;{}\x1b\\", one_line(text))
}

/// A text that is safe inside an escape sequence: without control characters.
fn one_line(text: &str) -> String {
    printable(text).chars().take(MAX_LENGTH).collect()
}

/// Whether this process has put the terminal into raw mode on the alternate screen.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Keeps the terminal in raw mode on the alternate screen; restores it when dropped.
#[derive(Debug)]
pub(super) struct TerminalGuard;

impl TerminalGuard {
    /// Initializes the terminal.
    #[allow(clippy::disallowed_methods)] // Nothing but escape sequences of our own is written.
    pub(super) fn take() -> io::Result<Self> {
        restore_on_panic(thread::current().id());
        let guard = Self;
        take()?;
        Ok(guard)
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        restore();
    }
}

/// Initializes the terminal, even if another process has changed its modes in the meantime.
#[allow(clippy::disallowed_methods)] // Nothing but escape sequences of our own is written.
pub(super) fn take() -> io::Result<()> {
    // Leave first: if the modes were changed by others, entering alone would do nothing, because
    // the library assumes that raw mode is still on.
    let _ = disable_raw_mode();
    enable_raw_mode()?;
    // Do not overwrite a saved title with our own.
    let title = if TAKEN.swap(true, Ordering::SeqCst) { "" } else { TITLE_SAVE };
    execute!(
        io::stdout(),
        Print(title),
        EnterAlternateScreen,
        Hide,
        Print(MOUSE_ON),
        Print(PASTE_ON)
    )
}

/// Restores the terminal, once.
#[allow(clippy::disallowed_methods)] // Nothing but escape sequences of our own is written.
pub(super) fn restore() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let _ = execute!(
        io::stdout(),
        EndSynchronizedUpdate,
        Print(PASTE_OFF),
        Print(MOUSE_OFF),
        LeaveAlternateScreen,
        Show,
        Print(TITLE_RESTORE)
    );
    let _ = disable_raw_mode();
}

/// Restores the terminal before a panic message is printed. Only for the drawing thread: a panic in
/// the training thread is caught and shown by the dashboard.
fn restore_on_panic(drawing: ThreadId) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        restore_on_abort();
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if thread::current().id() == drawing {
                restore();
                previous(info);
            }
        }));
    });
}

/// The sequence that restores the terminal, in one write.
const GIVE_BACK: &[u8] =
    b"\x1b[?2026l\x1b[?2004l\x1b[?1006l\x1b[?1002l\x1b[?1000l\x1b[?1049l\x1b[?25h\x1b[23;0t";

/// Restores the terminal on an abort, for example when memory cannot be allocated, which does not
/// unwind. Must be called before the terminal is initialized.
fn restore_on_abort() {
    let Ok(usual) = tcgetattr(rustix::stdio::stdin()) else { return };
    let give_back = move || {
        // The error cannot be reported.
        let _ = rustix::io::write(rustix::stdio::stdout(), GIVE_BACK);
        let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &usual);
        // If another process sent the signal, it must still end this one.
        let _ = signal_hook::low_level::emulate_default_handler(SIGABRT);
    };
    // SAFETY: the handler only makes async-signal-safe system calls and calls a function that is
    // async-signal-safe; it reads a constant and data that it owns, and neither allocates nor
    // locks.
    let _ = unsafe { signal_hook::low_level::register(SIGABRT, give_back) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drawn_area_is_limited() {
        assert_eq!(drawn_area(Size::new(65_535, 65_535)), Rect::new(0, 0, 1000, 500));
        assert_eq!(drawn_area(Size::new(120, 40)), Rect::new(0, 0, 120, 40));
    }

    #[test]
    fn a_title_cannot_end_its_escape_sequence() {
        assert_eq!(one_line("a\x1b\\\x07\u{9c}b\nc"), r"a\u{1b}\\u{7}\u{9c}b\nc");
        assert_eq!(one_line(&"x".repeat(500)).len(), MAX_LENGTH);
        assert_eq!(notification("done"), "\x07\x1b]9;done\x1b\\");
    }
}
