//! The events of a run, stored on disk.

mod thinning;

use super::record::now;
use super::run_dir::RunDir;
use crate::files::{self, atomic};
use crate::protocol::{Event, Figure, Outcome, RunView, Tuned};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use thinning::{EventSurvey, ThinningResult};

/// Maximum number of bytes that are buffered while the disk is full; later events are dropped.
const MAX_WAITING: usize = 16 << 20;
/// Maximum length of a line in bytes; this program writes no longer ones.
const MAX_LINE: u64 = 16 << 20;
/// Minimum time between two calls of `fsync`: an epoch can be shorter than such a call.
const SYNC_INTERVAL: Duration = Duration::from_millis(250);
/// Minimum time between two versions of a figure in the file: every epoch redraws it completely.
const FIGURE_INTERVAL: Duration = Duration::from_secs(10);

/// A line of the event file.
#[derive(Serialize, Deserialize)]
struct TimedEvent<E> {
    /// Seconds since 1970.
    at: f64,
    event: E,
}

/// The event file of a run, one JSON object per line. It is only appended to until it reaches its
/// limit. Written events survive a crash of the process. At the end of an epoch the file is synced
/// to disk, but not more often than every 250 ms, so that they also survive a power failure.
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    file: File,
    /// Bytes in the file.
    length: u64,
    /// Maximum size of the file in bytes; `None` is unlimited.
    limit: Option<u64>,
    /// The length at which metrics are thinned.
    thin_at: u64,
    /// Events with metrics that were dropped since the last call of [`EventFile::take_dropped`].
    dropped: u64,
    /// Bytes that could not be written yet because the disk is full.
    waiting: Vec<u8>,
    reported: EarlierReports,
    synced: Option<Instant>,
    /// The newest version of every figure that is not written yet.
    figures: Vec<Figure>,
    figures_written: Option<Instant>,
}

/// What earlier processes of the run have reported, because a resumed run reports it again.
#[derive(Debug, Default)]
struct EarlierReports {
    /// Title of the network that is trained; an experiment trains several in turn.
    title: Option<String>,
    last_epoch: Option<u32>,
    tuned: Vec<Tuned>,
}

impl EventFile {
    /// Opens the file of a run, or creates it.
    ///
    /// # Errors
    /// If it cannot be opened or read.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut reported = EarlierReports::default();
        let file = open_to_append(path)?;
        let whole = for_each(path, |_, event| {
            reported.accept(&event);
        })?;
        // A crash cut off the last line: the next event starts on a line of its own.
        let waiting = if whole { Vec::new() } else { vec![b'\n'] };
        let length = file.metadata()?.len();
        Ok(Self {
            path: path.into(),
            file,
            length,
            limit: None,
            thin_at: u64::MAX,
            dropped: 0,
            waiting,
            reported,
            synced: None,
            figures: Vec::new(),
            figures_written: None,
        })
    }

    /// Limits the file, together with the copy that is written while it is thinned, to about
    /// `bytes`. When it becomes longer, older metrics are thinned; the first, smallest, largest and
    /// last value of each metric stay. Other events stay if a [`RunView`] keeps them, even if they
    /// alone exceed the limit.
    #[must_use]
    pub fn with_limit(mut self, bytes: u64) -> Self {
        self.limit = Some(bytes);
        self.thin_at = thinned_from(bytes);
        self
    }

    /// The number of events with metrics that were dropped since the last call, because the file
    /// had reached its limit.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    /// Appends an event. Samples, status changes (meaningless after the process has ended) and
    /// events that were reported before are not stored. A figure that was stored recently is
    /// delayed, at most until an event that may refer to it.
    ///
    /// # Errors
    /// If the disk is full. The event waits and is written with a later one.
    pub fn append(&mut self, event: &Event) -> io::Result<()> {
        let transient = event.is_sample() || matches!(event, Event::StatusChanged(_));
        if transient || !self.reported.accept(event) {
            return Ok(());
        }
        match event {
            Event::Figure(figure) => self.append_figure(figure)?,
            Event::Started(_) | Event::Claim(_) | Event::Finished(_) => {
                self.queue_figures()?;
                self.queue(event)?;
            }
            _ => self.queue(event)?,
        }
        let ends = matches!(event, Event::EpochEnded(_) | Event::Finished(_));
        self.write_out()?;
        let due = self.synced.is_none_or(|last| last.elapsed() >= SYNC_INTERVAL);
        if matches!(event, Event::Finished(_)) || ends && due {
            self.file.sync_data().or_else(ignore_unsupported)?;
            self.synced = Some(Instant::now());
        }
        if self.length >= self.thin_at {
            // On a full disk the file stays as it is; writing the next event returns that error.
            let _ = self.thin();
        }
        Ok(())
    }

    /// Drops older metrics, so that the file takes [`thinned_to`] bytes.
    fn thin(&mut self) -> io::Result<()> {
        let Some(limit) = self.limit else { return Ok(()) };
        // If it fails, it is tried again when the file has grown.
        self.thin_at = self.length + limit / 8;
        let mut survey = EventSurvey::default();
        let whole = ReadAt { file: &self.file, offset: 0 };
        for_each_line(whole, |line| {
            survey.push(serde_json::from_slice(line).ok(), line.len() as u64);
        })?;
        let ThinningResult { keep, dropped } = survey.choose(thinned_to(limit));
        atomic::write_with(&self.path, |copy| {
            let mut copy = BufWriter::new(copy);
            let mut keep = keep.iter();
            let mut result = Ok(());
            for_each_line(ReadAt { file: &self.file, offset: 0 }, |line| {
                if keep.next() == Some(&true) && result.is_ok() {
                    result = copy.write_all(line);
                }
            })?;
            result.and_then(|()| copy.flush())
        })?;
        self.file = open_to_append(&self.path)?;
        self.length = self.file.metadata()?.len();
        // The events that have to stay may take more than that.
        self.thin_at = thinned_from(limit).max(self.length / 2 * 3);
        self.dropped += dropped;
        Ok(())
    }

    /// Writes buffered bytes, and restores the file with its content if it was deleted; returns
    /// whether it was restored.
    ///
    /// # Errors
    /// If the disk is full; the call can be repeated.
    pub fn maintain(&mut self) -> io::Result<bool> {
        self.write_out()?;
        let restored = atomic::restore(&self.file, &self.path)?;
        if restored {
            self.file = open_to_append(&self.path)?;
            self.length = self.file.metadata()?.len();
        }
        Ok(restored)
    }

    /// Whether no earlier process of this run has reported the event: a resumed run starts by
    /// reporting its epochs again.
    #[must_use]
    pub fn is_news(&self, event: &Event) -> bool {
        self.reported.is_news(event)
    }

    /// Whether bytes are buffered.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn append_figure(&mut self, figure: &Figure) -> io::Result<()> {
        match self.figures.iter_mut().find(|older| older.id == figure.id) {
            Some(older) => older.clone_from(figure),
            None => self.figures.push(figure.clone()),
        }
        let due = self.figures_written.is_none_or(|last| last.elapsed() >= FIGURE_INTERVAL);
        if due { self.queue_figures() } else { Ok(()) }
    }

    fn queue_figures(&mut self) -> io::Result<()> {
        for figure in std::mem::take(&mut self.figures) {
            self.queue(&Event::Figure(figure))?;
            self.figures_written = Some(Instant::now());
        }
        Ok(())
    }

    fn queue(&mut self, event: &Event) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(&TimedEvent { at: now(), event })?;
        bytes.push(b'\n');
        if self.waiting.len() + bytes.len() <= MAX_WAITING {
            self.waiting.extend(bytes);
        }
        Ok(())
    }

    fn write_out(&mut self) -> io::Result<()> {
        while !self.waiting.is_empty() {
            let written = match self.file.write(&self.waiting) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.length += written as u64;
            self.waiting.drain(..written);
        }
        Ok(())
    }
}

impl EarlierReports {
    /// Whether an event was not reported before.
    fn is_news(&self, event: &Event) -> bool {
        match event {
            Event::Started(info) => self.title.as_ref() != Some(&info.title),
            Event::EpochEnded(stats) => self.last_epoch.is_none_or(|last| stats.epoch > last),
            Event::Tuned(tuned) => !self.tuned.contains(tuned),
            _ => true,
        }
    }

    /// Remembers an event and returns whether it is to be stored. A network that starts again means
    /// that the run was resumed, which is stored too.
    fn accept(&mut self, event: &Event) -> bool {
        let is_news = self.is_news(event);
        match event {
            Event::Started(info) if is_news => {
                *self = Self { title: Some(info.title.clone()), ..Self::default() };
            }
            Event::EpochEnded(stats) if is_news => self.last_epoch = Some(stats.epoch),
            Event::Tuned(tuned) if is_news => self.tuned.push(tuned.clone()),
            _ => {}
        }
        is_news || matches!(event, Event::Started(_))
    }
}

/// The length at which a file is thinned, for a limit in bytes. Together with the copy, whose
/// length is [`thinned_to`], this is 24/25 of the limit.
fn thinned_from(limit: u64) -> u64 {
    limit / 5 * 3
}

/// The length to which a file is thinned, for a limit in bytes.
fn thinned_to(limit: u64) -> u64 {
    limit / 25 * 9
}

fn open_to_append(path: &Path) -> io::Result<File> {
    // Readable, so that a removed file can be restored.
    files::read::open_own(OpenOptions::new().read(true).append(true).create(true).mode(0o600), path)
}

/// Some file systems do not support `fsync`.
fn ignore_unsupported(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::InvalidInput { Ok(()) } else { Err(error) }
}

/// Reads an open file from an offset, independently of its file position.
struct ReadAt<'a> {
    file: &'a File,
    offset: u64,
}

impl Read for ReadAt<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}

/// Calls `take` with every line, including its end; returns whether the last one is complete.
/// Reading stops at a line of more than [`MAX_LINE`] bytes, which this program did not write.
fn for_each_line(input: impl Read, mut take: impl FnMut(&[u8])) -> io::Result<bool> {
    let mut input = BufReader::with_capacity(1 << 16, input);
    let mut line = Vec::new();
    loop {
        let before = line.last().copied();
        line.clear();
        let length = (&mut input).take(MAX_LINE).read_until(b'\n', &mut line)?;
        if length == 0 {
            return Ok(before.is_none_or(|byte| byte == b'\n'));
        }
        if length as u64 == MAX_LINE {
            return Ok(false);
        }
        take(&line);
    }
}

/// Calls `take` with every event of a file and its time in seconds since 1970, skipping lines that
/// are not events; returns whether the last line is complete, as [`for_each_line`].
fn for_each(path: &Path, mut take: impl FnMut(f64, Event)) -> io::Result<bool> {
    let (file, _) = files::read::open(path)?;
    for_each_line(file, |line| {
        if let Ok(line) = serde_json::from_slice::<TimedEvent<Event>>(line) {
            take(line.at, line.event);
        }
    })
}

/// The state of a run as of its last stored event; empty without events.
#[must_use]
pub fn replay(run: &RunDir) -> RunView {
    let mut view = RunView::default();
    // Without the file the state is empty.
    let _ = for_each(&run.events(), |_, event| view.apply(&event));
    view
}

/// The checkpoint from which a command resumes: the one at which it ended, or else the newest that
/// its script has written.
#[must_use]
pub fn checkpoint_of(run: &RunDir) -> Option<String> {
    let view = replay(run);
    match view.outcome {
        Some(Outcome::Checkpointed(path)) => Some(path),
        _ => view.saved.last().map(|saved| saved.path.clone()),
    }
}

/// Calls `take` with every stored event of a run and its time in seconds since 1970.
///
/// # Errors
/// If the file cannot be read.
pub fn for_each_event(run: &RunDir, take: impl FnMut(f64, Event)) -> io::Result<()> {
    for_each(&run.events(), take).map(drop)
}

#[cfg(test)]
mod tests;
