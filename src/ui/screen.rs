//! The terminal: taken over, drawn on frame by frame, given back whatever happens.

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

/// Clicks, drags and the wheel, in SGR coordinates; not every movement, which would flood a slow
/// line.
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1002h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1002l\x1b[?1000l";
/// Bracketed paste: what is pasted arrives as one piece of text, not as keys.
const PASTE_ON: &str = "\x1b[?2004h";
const PASTE_OFF: &str = "\x1b[?2004l";
/// Has the terminal remember the window's title, and set it as it was.
const TITLE_SAVE: &str = "\x1b[22;0t";
const TITLE_RESTORE: &str = "\x1b[23;0t";
/// The longest title or notification, in characters.
const LONGEST: usize = 120;

/// Columns and rows that are drawn on at most, whatever a terminal says of itself: a frame takes
/// memory for every cell.
const MOST_COLUMNS: u16 = 1000;
const MOST_ROWS: u16 = 500;

/// Where the backend writes: a whole frame is collected, then written at once. Its flushes in the
/// middle of a frame do nothing.
#[derive(Clone, Debug, Default)]
struct Frame(Rc<RefCell<Vec<u8>>>);

impl Write for Frame {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A terminal that frames are drawn on.
#[derive(Debug)]
pub(super) struct Screen<W: Write> {
    terminal: Terminal<CrosstermBackend<Frame>>,
    frame: Frame,
    out: W,
    /// What is on the screen now.
    shown: Buffer,
    /// The row where the last frame goes on, where only a part of it was drawn.
    unfinished: Option<u16>,
    /// The window's title as it was last set.
    title: String,
}

impl<W: Write> Screen<W> {
    /// A screen over a writer; the terminal is as it was until [`Guard::take`] changes it.
    pub(super) fn new(out: W) -> io::Result<Self> {
        let frame = Frame::default();
        let backend = CrosstermBackend::new(frame.clone());
        // Of a fixed size, that of the frames: else the terminal would decide how much memory a
        // screen takes.
        let options = TerminalOptions { viewport: Viewport::Fixed(Rect::default()) };
        let terminal = Terminal::with_options(backend, options)?;
        let (shown, title) = (Buffer::default(), String::new());
        Ok(Self { terminal, frame, out, shown, unfinished: None, title })
    }

    /// The terminal's size, or as much of it as is drawn on.
    pub(super) fn area(&self) -> io::Result<Rect> {
        Ok(drawn_on(self.terminal.size()?))
    }

    /// Puts a text into the clipboard of the terminal, where it knows OSC 52.
    pub(super) fn copy(&mut self, text: &str) -> io::Result<()> {
        let mut bytes = Vec::new();
        queue!(bytes, CopyToClipboard::to_clipboard_from(text))?;
        self.out.write_all(&bytes)?;
        self.out.flush()
    }

    /// Whether a part of the last frame is still to be drawn.
    pub(super) fn is_unfinished(&self) -> bool {
        self.unfinished.is_some()
    }

    /// Draws a frame, or as much of it as so many bytes can; returns the bytes it took: 0 where
    /// nothing changed.
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
            // Where the terminal changed its size meanwhile, the next frame fits.
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

    /// Sets the window's title; returns the bytes it took: 0 where it is the one that is set.
    pub(super) fn set_title(&mut self, title: &str) -> io::Result<usize> {
        if title == self.title {
            return Ok(0);
        }
        self.title = title.into();
        self.say(&format!("\x1b]2;{}\x1b\\", one_line(title)))
    }

    /// Rings the bell and shows a notification (OSC 9), where the terminal does such things.
    pub(super) fn notify(&mut self, text: &str) -> io::Result<()> {
        self.say(&notification(text)).map(drop)
    }

    /// Writes something that is no part of a frame; returns its bytes.
    pub(super) fn say(&mut self, sequence: &str) -> io::Result<usize> {
        self.out.write_all(sequence.as_bytes())?;
        self.out.flush()?;
        Ok(sequence.len())
    }

    /// Forgets what is shown and set, so that the next frame is drawn whole.
    pub(super) fn invalidate(&mut self) -> io::Result<()> {
        self.shown = Buffer::default();
        self.unfinished = None;
        self.title.clear();
        // Not `clear`, which asks the terminal where its cursor is: one that is busy or gone does
        // not answer.
        let area = self.area()?;
        self.terminal.resize(area)
    }
}

/// As much of a terminal as is drawn on.
fn drawn_on(Size { width, height }: Size) -> Rect {
    Rect::new(0, 0, width.min(MOST_COLUMNS), height.min(MOST_ROWS))
}

/// The bell, and a notification (OSC 9).
#[must_use]
pub fn notification(text: &str) -> String {
    format!("\x07\x1b]9;{}\x1b\\", one_line(text))
}

/// A text for the inside of an escape sequence: no control character ends or changes it.
fn one_line(text: &str) -> String {
    printable(text).chars().take(LONGEST).collect()
}

/// Whether this process has the terminal in raw mode on the alternate screen.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Holds the terminal in raw mode on the alternate screen; gives it back when dropped.
#[derive(Debug)]
pub(super) struct Guard;

impl Guard {
    /// Takes the terminal over.
    #[allow(clippy::disallowed_methods)] // Nothing but escape sequences of our own is written.
    pub(super) fn take() -> io::Result<Self> {
        restore_on_panic(thread::current().id());
        let guard = Self;
        take()?;
        Ok(guard)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        restore();
    }
}

/// Takes the terminal, also where it was taken before and somebody else has changed it meanwhile.
#[allow(clippy::disallowed_methods)] // Nothing but escape sequences of our own is written.
pub(super) fn take() -> io::Result<()> {
    // Leaving comes first: where the modes were changed behind our back, entering alone would do
    // nothing, for the library takes the terminal to be raw still.
    let _ = disable_raw_mode();
    enable_raw_mode()?;
    // A title that was remembered already must not be covered by our own.
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

/// Gives the terminal back, once. One that is gone needs nothing.
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

/// A panic's message must not land on the alternate screen. Only the thread that draws restores:
/// a panic in the training thread is caught and shown by the dashboard.
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

/// What gives the terminal back, in one write.
const GIVE_BACK: &[u8] =
    b"\x1b[?2026l\x1b[?2004l\x1b[?1006l\x1b[?1002l\x1b[?1000l\x1b[?1049l\x1b[?25h\x1b[23;0t";

/// An abort, as of memory that cannot be had, unwinds nothing. To be called while the terminal is
/// as it was.
fn restore_on_abort() {
    let Ok(usual) = tcgetattr(rustix::stdio::stdin()) else { return };
    let give_back = move || {
        // Nobody is left to be told where it fails.
        let _ = rustix::io::write(rustix::stdio::stdout(), GIVE_BACK);
        let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &usual);
        // Sent by somebody else, the signal is to end the process all the same.
        let _ = signal_hook::low_level::emulate_default_handler(SIGABRT);
    };
    // SAFETY: the handler makes system calls that may be made in one and calls a function that says
    // the same of itself; it reads a constant and what it owns, allocates nothing, takes no lock.
    let _ = unsafe { signal_hook::low_level::register(SIGABRT, give_back) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_of_any_size_is_drawn_on_as_far_as_memory_goes() {
        assert_eq!(drawn_on(Size::new(65_535, 65_535)), Rect::new(0, 0, 1000, 500));
        assert_eq!(drawn_on(Size::new(120, 40)), Rect::new(0, 0, 120, 40));
    }

    #[test]
    fn a_title_cannot_end_its_own_sequence() {
        assert_eq!(one_line("a\x1b\\\x07\u{9c}b\nc"), r"a\u{1b}\\u{7}\u{9c}b\nc");
        assert_eq!(one_line(&"x".repeat(500)).len(), LONGEST);
        assert_eq!(notification("done"), "\x07\x1b]9;done\x1b\\");
    }
}
