//! The events of a run, stored on disk.

use super::record::now;
use super::run_dir::RunDir;
use crate::files::{self, atomic};
use crate::protocol::{Event, Figure, Outcome, RunView, Tuned};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

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
struct Line<E> {
    /// Seconds since 1970.
    at: f64,
    event: E,
}

/// The event file of a run, one JSON object per line. It is only appended to. What was written
/// survives the end of the process, and after the end of an epoch also a power failure.
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    file: File,
    /// Bytes that could not be written yet because the disk is full.
    waiting: Vec<u8>,
    reported: Reported,
    synced: Option<Instant>,
    /// The newest version of every figure that is not written yet.
    figures: Vec<Figure>,
    figures_written: Option<Instant>,
}

/// What earlier processes of the run have reported, because a resumed run reports it again.
#[derive(Debug, Default)]
struct Reported {
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
        let mut reported = Reported::default();
        let file = open_to_append(path)?;
        let whole = for_each(path, |_, event| {
            reported.accept(&event);
        })?;
        // A crash cut off the last line: the next event starts on a line of its own.
        let waiting = if whole { Vec::new() } else { vec![b'\n'] };
        Ok(Self {
            path: path.into(),
            file,
            waiting,
            reported,
            synced: None,
            figures: Vec::new(),
            figures_written: None,
        })
    }

    /// Appends an event. Samples, status changes (meaningless after the process has ended) and
    /// events that were reported before are not stored. A figure that was stored recently is
    /// delayed, at most until an event that may refer to it.
    ///
    /// # Errors
    /// If the disk is full. The event waits and is written with a later one.
    pub fn append(&mut self, event: &Event) -> io::Result<()> {
        let passing = event.is_sample() || matches!(event, Event::StatusChanged(_));
        if passing || !self.reported.accept(event) {
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
        let mut bytes = serde_json::to_vec(&Line { at: now(), event })?;
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
            self.waiting.drain(..written);
        }
        Ok(())
    }
}

impl Reported {
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

fn open_to_append(path: &Path) -> io::Result<File> {
    // Readable, so that a removed file can be restored.
    files::read::open_own(OpenOptions::new().read(true).append(true).create(true).mode(0o600), path)
}

/// Some file systems do not support `fsync`.
fn ignore_unsupported(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::InvalidInput { Ok(()) } else { Err(error) }
}

/// Calls `take` with every event of a file and its time in seconds since 1970, skipping lines that
/// are not events; returns whether the last line is complete. Reading stops at a line of more than
/// [`MAX_LINE`] bytes, which this program did not write.
fn for_each(path: &Path, mut take: impl FnMut(f64, Event)) -> io::Result<bool> {
    let (file, _) = files::read::open(path)?;
    let mut input = BufReader::new(file);
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
        if let Ok(line) = serde_json::from_slice::<Line<Event>>(&line) {
            take(line.at, line.event);
        }
    }
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
