//! Runs the real binary in a pseudo-terminal: types keys, reads the screen.

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{ErrorKind, Read, Write};
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long anything may take before a test fails; even a loaded machine is faster.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The content of the terminal, and a condition variable that signals changes.
#[derive(Default)]
struct Shared {
    parser: Mutex<Option<vt100::Parser>>,
    changed: Condvar,
    /// All output, unparsed.
    raw: Mutex<Vec<u8>>,
    bytes: AtomicUsize,
    hang_up: AtomicBool,
}

/// The binary in a pseudo-terminal. Dropping it kills the program.
pub struct Terminal {
    master: Option<Box<dyn MasterPty + Send>>,
    keys: Option<Box<dyn Write + Send>>,
    child: Box<dyn Child + Send + Sync>,
    shared: Arc<Shared>,
    reader: Option<JoinHandle<()>>,
}

/// Configures the start of the binary in a terminal.
pub struct Start {
    command: CommandBuilder,
    columns: u16,
    rows: u16,
}

impl Start {
    /// The binary under test with arguments, 120×40, in truecolor.
    pub fn nntop(arguments: &[&str]) -> Self {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_nntop"));
        command.args(arguments);
        Self::command(command)
    }

    /// Any program.
    pub fn command(mut command: CommandBuilder) -> Self {
        command.env("TERM", "xterm-256color");
        command.env("COLORTERM", "truecolor");
        command.env("LANG", "C.UTF-8");
        for name in ["NO_COLOR", "COLORFGBG", "TERM_PROGRAM", "WT_SESSION", "LC_ALL", "LC_CTYPE"] {
            command.env_remove(name);
        }
        Self { command, columns: 120, rows: 40 }
    }

    /// Sets the size of the terminal.
    pub fn size(mut self, columns: u16, rows: u16) -> Self {
        (self.columns, self.rows) = (columns, rows);
        self
    }

    /// Sets the working directory.
    pub fn directory(mut self, directory: &std::path::Path) -> Self {
        self.command.cwd(directory);
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Removes an environment variable.
    pub fn env_remove(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Starts it.
    pub fn spawn(self) -> Terminal {
        let pair = native_pty_system().openpty(size(self.columns, self.rows)).unwrap();
        let child = pair.slave.spawn_command(self.command).unwrap();
        // Only the program may hold the slave, or a hang-up would not be noticed.
        drop(pair.slave);
        let shared = Arc::new(Shared::default());
        *shared.parser.lock().unwrap() = Some(parser(self.columns, self.rows));
        let reader = std::thread::spawn({
            let stream = pair.master.try_clone_reader().unwrap();
            let fd = pair.master.as_raw_fd().unwrap();
            let shared = Arc::clone(&shared);
            move || read_screen(stream, fd, &shared)
        });
        let keys = pair.master.take_writer().unwrap();
        Terminal {
            master: Some(pair.master),
            keys: Some(keys),
            child,
            shared,
            reader: Some(reader),
        }
    }
}

impl Terminal {
    /// Types keys, as a keyboard would send them.
    pub fn type_keys(&mut self, keys: &str) {
        let writer = self.keys.as_mut().expect("the terminal is open");
        writer.write_all(keys.as_bytes()).unwrap();
        writer.flush().unwrap();
    }

    /// The screen as lines of text.
    pub fn text(&self) -> String {
        self.with_screen(vt100::Screen::contents)
    }

    /// Calls `look` with the screen, including its colours and modes.
    pub fn with_screen<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        look(self.lock().as_ref().expect("a parser from the start").screen())
    }

    /// Waits until the screen satisfies a condition; returns its text.
    ///
    /// # Panics
    /// After a minute, with the content of the screen.
    #[track_caller]
    pub fn wait_until(&self, what: &str, wanted: impl Fn(&vt100::Screen) -> bool) -> String {
        let start = Instant::now();
        let mut parser = self.lock();
        loop {
            let screen = parser.as_ref().expect("a parser from the start").screen();
            if wanted(screen) {
                return screen.contents();
            }
            assert!(
                start.elapsed() < TIMEOUT,
                "never came: {what}\n--- screen\n{}\n---",
                screen.contents()
            );
            let wait = self.shared.changed.wait_timeout(parser, Duration::from_millis(100));
            parser = wait.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until a text is on the screen.
    #[track_caller]
    pub fn wait_for(&self, text: &str) -> String {
        self.wait_until(text, |screen| screen.contents().contains(text))
    }

    /// Resizes the terminal.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        if let Some(parser) = self.lock().as_mut() {
            parser.set_size(dimension(rows), dimension(columns));
        }
        self.master.as_ref().expect("open").resize(size(columns, rows)).unwrap();
    }

    /// All output so far, including escape sequences.
    pub fn raw(&self) -> String {
        String::from_utf8_lossy(&self.shared.raw.lock().unwrap()).into_owned()
    }

    /// Waits until a text was written, including escape sequences; returns all output.
    #[track_caller]
    pub fn wait_for_raw(&self, text: &str) -> String {
        let start = Instant::now();
        loop {
            let raw = self.raw();
            if raw.contains(text) {
                return raw;
            }
            assert!(start.elapsed() < TIMEOUT, "never written: {text:?}\n{}", self.text());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Pastes text, as a terminal with bracketed paste does.
    pub fn paste(&mut self, text: &str) {
        self.type_keys(&format!("\x1b[200~{text}\x1b[201~"));
    }

    /// The number of bytes that the program has written so far.
    pub fn bytes_written(&self) -> usize {
        self.shared.bytes.load(Ordering::SeqCst)
    }

    /// The program's process id.
    pub fn pid(&self) -> u32 {
        self.child.process_id().expect("it was started")
    }

    /// Sends the program a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    /// Closes the terminal, as when a connection drops.
    pub fn hang_up(&mut self) {
        self.shared.hang_up.store(true, Ordering::SeqCst);
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.keys = None;
        self.master = None;
    }

    /// Waits for the program to end; returns how long it took, and its exit code (a signal counts
    /// as 1).
    ///
    /// # Panics
    /// After a minute.
    #[track_caller]
    pub fn wait_for_exit(&mut self) -> (Duration, u32) {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (start.elapsed(), status.exit_code());
            }
            assert!(start.elapsed() < TIMEOUT, "never ended\n{}", self.text());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<vt100::Parser>> {
        // A test that fails while it holds the lock must be able to clean up.
        self.shared.parser.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.hang_up();
    }
}

/// Feeds the program's output to the parser until the program or the test hangs up.
fn read_screen(mut stream: Box<dyn Read + Send>, fd: std::os::fd::RawFd, shared: &Shared) {
    let mut buffer = vec![0_u8; 65536];
    while !shared.hang_up.load(Ordering::SeqCst) {
        if !readable(fd) {
            continue;
        }
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                shared.bytes.fetch_add(count, Ordering::SeqCst);
                shared.raw.lock().unwrap().extend(&buffer[..count]);
                if let Some(parser) =
                    shared.parser.lock().unwrap_or_else(PoisonError::into_inner).as_mut()
                {
                    parser.process(&buffer[..count]);
                }
                shared.changed.notify_all();
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // EIO: the last slave was closed.
            Err(_) => break,
        }
    }
}

/// Waits briefly for output, so that the reader can be told to stop.
fn readable(fd: std::os::fd::RawFd) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    // SAFETY: the master outlives the reader thread: `hang_up` joins it before closing.
    let fd = unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) };
    let mut polled = [PollFd::new(&fd, PollFlags::IN)];
    let moment = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
    matches!(poll(&mut polled, Some(&moment)), Ok(count) if count > 0)
}

fn size(columns: u16, rows: u16) -> PtySize {
    PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }
}

fn parser(columns: u16, rows: u16) -> vt100::Parser {
    vt100::Parser::new(dimension(rows), dimension(columns), 0)
}

fn dimension(cells: u16) -> NonZeroU16 {
    // A terminal with an unknown size reports 0, but the parser needs a size.
    NonZeroU16::new(cells).unwrap_or(NonZeroU16::MIN)
}
