//! Reads the output of a command: stores it, splits it into lines for the screens and finds
//! metrics.

use super::metrics::{MetricReader, SearchBudget};
use super::output::{LineSplitter, OutputFile};
use crate::protocol::{Event, LogLevel, LogLine, OutputLines};
use crate::session::record::now;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Minimum interval between two updates of the screens.
const OUTPUT_INTERVAL: Duration = Duration::from_millis(100);
/// Maximum number of lines in one update; older ones are only in the file.
const WAITING_LINES: usize = 1000;
/// Number of last lines that are quoted if a command fails.
const LAST_LINES: usize = 10;
/// Maximum length of a quoted line in characters.
const QUOTED: usize = 500;
/// Interval at which reading is retried after every process has closed the terminal.
const CLOSED_INTERVAL: Duration = Duration::from_millis(100);

/// Reads the output of a command.
pub(super) struct OutputReader {
    file: OutputFile,
    events: Sender<Event>,
    lines: LineSplitter,
    metrics: MetricReader,
    /// Lines to send.
    waiting: VecDeque<String>,
    /// Number of lines that were printed.
    printed: u64,
    /// Whether the last write failed. A full disk is reported once.
    failing: bool,
    allowance: SearchBudget,
    /// Whether some output was not searched for metrics.
    skipped: bool,
    /// Set once the script reports metrics itself; those in its output are then ignored.
    reported: Arc<AtomicBool>,
    /// Disconnected once the command has ended.
    ended: Receiver<()>,
}

impl OutputReader {
    pub(super) fn new(
        file: OutputFile,
        events: Sender<Event>,
        reported: Arc<AtomicBool>,
        ended: Receiver<()>,
    ) -> Self {
        let (lines, metrics, waiting) = Default::default();
        Self {
            file,
            events,
            lines,
            metrics,
            waiting,
            printed: 0,
            failing: false,
            reported,
            ended,
            allowance: SearchBudget::new(Instant::now()),
            skipped: false,
        }
    }

    /// Reads to the end of the output; returns the last lines.
    pub(super) fn run(mut self, mut terminal: File) -> Vec<String> {
        let mut buffer = vec![0; 1 << 16];
        let mut last: VecDeque<String> = VecDeque::new();
        let mut sent = Instant::now();
        let mut unsent = false;
        loop {
            if unsent && sent.elapsed() >= OUTPUT_INTERVAL {
                self.send();
                (sent, unsent) = (Instant::now(), false);
            }
            // Show the incomplete last line when the output pauses.
            let timeout = unsent.then(|| OUTPUT_INTERVAL.saturating_sub(sent.elapsed()));
            if !is_readable(&terminal, timeout) {
                continue;
            }
            // While no process has the terminal open, reading fails with EIO. A command that is
            // still running may open it again, and would block if its output were not read.
            let Ok(length @ 1..) = terminal.read(&mut buffer) else {
                match self.ended.recv_timeout(CLOSED_INTERVAL) {
                    Err(RecvTimeoutError::Timeout) => continue,
                    _ => break,
                }
            };
            let bytes = &buffer[..length];
            self.keep(bytes);
            self.measure(bytes, false);
            let Self { lines, waiting, printed, .. } = &mut self;
            lines.push(bytes, |line| {
                *printed += 1;
                push_bounded(&mut last, line.chars().take(QUOTED).collect(), LAST_LINES);
                push_bounded(waiting, line, WAITING_LINES);
            });
            unsent = true;
        }
        self.measure(&[], true);
        if let Some(line) = self.lines.finish() {
            self.printed += 1;
            push_bounded(&mut last, line.chars().take(QUOTED).collect(), LAST_LINES);
            push_bounded(&mut self.waiting, line, WAITING_LINES);
        }
        self.send();
        last.into()
    }

    /// Reports the metrics in the output.
    fn measure(&mut self, bytes: &[u8], end: bool) {
        if self.reported.load(Ordering::Relaxed) {
            return;
        }
        if !self.allowance.take(bytes.len(), Instant::now()) {
            self.metrics.skip();
            if !std::mem::replace(&mut self.skipped, true) {
                let text = "output is printed faster than it can be searched for metrics; some \
                            are missing";
                let line = LogLine { level: LogLevel::Warning, text: text.into() };
                let _ = self.events.send(Event::Log(line));
            }
            return;
        }
        let events = &self.events;
        self.metrics.push(bytes, end, now(), |metrics| {
            // The recorder lives as long as the session.
            let _ = events.send(Event::Metrics(metrics));
        });
    }

    fn keep(&mut self, bytes: &[u8]) {
        let result = self.file.write(bytes);
        let failing = result.is_err();
        if failing != std::mem::replace(&mut self.failing, failing) {
            let (level, text) = match result {
                Ok(()) => (LogLevel::Info, "output is stored again".into()),
                Err(error) => (LogLevel::Error, format!("output cannot be stored: {error}")),
            };
            let _ = self.events.send(Event::Log(LogLine { level, text }));
        }
    }

    fn send(&mut self) {
        let first = self.printed - self.waiting.len() as u64;
        let lines: Vec<String> = self.waiting.drain(..).collect();
        let current = self.lines.current();
        if !lines.is_empty() || current.is_some() {
            let _ = self.events.send(Event::Output(OutputLines { first, lines, current }));
        }
    }
}

/// Waits until there is something to read, or for `timeout`.
fn is_readable(terminal: &File, timeout: Option<Duration>) -> bool {
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    let mut terminals = [PollFd::new(terminal, PollFlags::IN)];
    // An interrupted wait is repeated; other errors are reported by the read.
    !matches!(poll(&mut terminals, timeout.as_ref()), Ok(0) | Err(Errno::INTR))
}

fn push_bounded(list: &mut VecDeque<String>, line: String, most: usize) {
    if list.len() == most {
        list.pop_front();
    }
    list.push_back(line);
}
