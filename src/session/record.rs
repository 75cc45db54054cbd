//! What is kept of a run beside its checkpoints: what it is, and what happened in it.

use super::paths::RunDir;
use crate::engine::{CheckpointPolicy, Spec, atomic};
use crate::protocol::{EpochStats, Event, Pace, RunView, Tuned};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Raised whenever an older program would misread the record.
const FORMAT: u32 = 1;
/// Bytes of events that wait for a disk to have room again; later ones are given up.
const MOST_WAITING: usize = 16 << 20;
/// The disk is asked to keep what it has at most so often: epochs can be shorter than that takes.
const SYNC_GAP: Duration = Duration::from_millis(250);

/// Why a run's record cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: is no run's record: {problem}; remove its directory", path.display())]
    Malformed { path: PathBuf, problem: String },
    #[error("{}: was written by nntop {nntop}; use that version", path.display())]
    Newer { path: PathBuf, nntop: String },
}

/// What a run is: all that a session process needs to start or to go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    format: u32,
    /// Version of the program that wrote it.
    pub nntop: String,
    /// Tells it from another run of the same name.
    pub id: String,
    /// Seconds since 1970.
    pub created: f64,
    pub spec: Spec,
    pub pace: Pace,
    /// Where the model goes at the end, absolute.
    pub save: Option<PathBuf>,
    /// A directory for checkpoints beside the run's own (absolute), and every how many epochs.
    #[serde(default)]
    pub checkpoints: Option<(PathBuf, u32)>,
}

impl Record {
    /// The record of a run that begins now.
    #[must_use]
    pub fn new(spec: Spec, pace: Pace) -> Self {
        Self {
            format: FORMAT,
            nntop: env!("CARGO_PKG_VERSION").into(),
            id: super::names::id(),
            created: now(),
            spec,
            pace,
            save: None,
            checkpoints: None,
        }
    }

    /// The checkpoints that the user asked for beside the run's own.
    #[must_use]
    pub fn policy(&self) -> Option<CheckpointPolicy> {
        let (dir, every) = self.checkpoints.clone()?;
        Some(CheckpointPolicy { dir, every: Some(every), ..CheckpointPolicy::default() })
    }

    /// Reads a run's record.
    ///
    /// # Errors
    /// Where there is none, or none that this program understands.
    pub fn read(run: &RunDir) -> Result<Self, RecordError> {
        let path = run.spec();
        let wrap = |source| RecordError::Io { path: path.clone(), source };
        let text = std::fs::read_to_string(&path).map_err(wrap)?;
        let malformed = |error: serde_json::Error| RecordError::Malformed {
            path: path.clone(),
            problem: error.to_string(),
        };
        let value: serde_json::Value = serde_json::from_str(&text).map_err(malformed)?;
        if value["format"].as_u64().is_some_and(|format| format > FORMAT.into()) {
            let nntop = value["nntop"].as_str().unwrap_or("of a later version").into();
            return Err(RecordError::Newer { path, nntop });
        }
        serde_json::from_value(value).map_err(malformed)
    }

    /// Writes a run's record in one step.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&self, run: &RunDir) -> Result<(), RecordError> {
        let path = run.spec();
        let mut text = serde_json::to_string_pretty(self).map_err(|error| {
            RecordError::Malformed { path: path.clone(), problem: error.to_string() }
        })?;
        text.push('\n');
        atomic::write(&path, text.as_bytes()).map_err(|source| RecordError::Io { path, source })
    }
}

/// Seconds since 1970.
pub(super) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// A line of the events' file.
#[derive(Serialize, Deserialize)]
struct Line {
    /// Seconds since 1970.
    at: f64,
    event: Event,
}

/// The file of a run's facts, an object a line. Only ever appended to; what is in it survives the
/// process at once, and the machine within a moment after an epoch's end.
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    file: File,
    /// Bytes that could not be written yet: the disk is full.
    waiting: Vec<u8>,
    /// What an earlier process of this run has told: a resumed run tells it again.
    last_epoch: Option<u32>,
    tuned: Vec<Tuned>,
    synced: Option<Instant>,
}

impl EventFile {
    /// Opens a run's file, or makes it.
    ///
    /// # Errors
    /// Where it cannot be opened or read.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut opened = Self {
            path: path.into(),
            file: open_to_append(path)?,
            waiting: Vec::new(),
            last_epoch: None,
            tuned: Vec::new(),
            synced: None,
        };
        let whole = for_each(path, |event| match event {
            Event::EpochEnded(stats) => {
                opened.last_epoch = opened.last_epoch.max(Some(stats.epoch));
            }
            Event::Tuned(tuned) => opened.tuned.push(tuned),
            _ => {}
        })?;
        if !whole {
            // A crash cut the last line short: the next one begins anew.
            opened.waiting.push(b'\n');
        }
        Ok(opened)
    }

    /// Appends an event, unless it is one that is not kept: samples, changes of status (they mean
    /// nothing once the process is gone), and what was told before.
    ///
    /// # Errors
    /// Where the disk takes no more. The event waits, and is written with a later one.
    pub fn append(&mut self, event: &Event) -> io::Result<()> {
        if event.is_sample() || matches!(event, Event::StatusChanged(_)) || self.is_old(event) {
            return Ok(());
        }
        let line = Line { at: now(), event: finite(event) };
        let mut bytes = serde_json::to_vec(&line)?;
        bytes.push(b'\n');
        if self.waiting.len() + bytes.len() <= MOST_WAITING {
            self.waiting.extend(bytes);
        }
        let ends = matches!(event, Event::EpochEnded(_) | Event::Finished(_));
        if ends && !self.path.exists() {
            // Somebody removed it: what comes now is kept in a new one.
            self.file = open_to_append(&self.path)?;
        }
        self.write_out()?;
        let due = self.synced.is_none_or(|last| last.elapsed() >= SYNC_GAP);
        if matches!(event, Event::Finished(_)) || ends && due {
            self.file.sync_data().or_else(ignore_unsupported)?;
            self.synced = Some(Instant::now());
        }
        Ok(())
    }

    /// Whether something waits that the disk did not take.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
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

    fn is_old(&mut self, event: &Event) -> bool {
        match event {
            Event::EpochEnded(stats) => {
                let old = self.last_epoch.is_some_and(|last| stats.epoch <= last);
                self.last_epoch = self.last_epoch.max(Some(stats.epoch));
                old
            }
            Event::Tuned(tuned) => {
                let old = self.tuned.contains(tuned);
                if !old {
                    self.tuned.push(tuned.clone());
                }
                old
            }
            _ => false,
        }
    }
}

fn open_to_append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// A device or pipe has nothing to synchronize.
fn ignore_unsupported(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::InvalidInput { Ok(()) } else { Err(error) }
}

/// JSON has no infinity and nothing that is not a number: the norms of a diverged network are
/// written as the largest number there is.
fn finite(event: &Event) -> Event {
    let Event::EpochEnded(stats) = event else { return event.clone() };
    let bound = |x: f64| if x.is_finite() { x } else { f64::MAX };
    let mut stats: EpochStats = stats.clone();
    for cost in [&mut stats.train_cost, &mut stats.validation_cost, &mut stats.test_cost] {
        *cost = cost.filter(|cost| cost.is_finite());
    }
    for layer in &mut stats.layers {
        layer.bias_gradient_norm = bound(layer.bias_gradient_norm);
        layer.weight_gradient_norm = bound(layer.weight_gradient_norm);
        layer.update_ratio = bound(layer.update_ratio);
        layer.saturated = bound(layer.saturated);
        layer.dead = bound(layer.dead);
    }
    Event::EpochEnded(stats)
}

/// Hands out every event of a file, leaving out lines that are none; whether the last line is
/// whole.
fn for_each(path: &Path, mut take: impl FnMut(Event)) -> io::Result<bool> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        // A device may never end, and has kept nothing.
        return Ok(true);
    }
    let mut input = BufReader::new(file);
    let mut line = Vec::new();
    loop {
        let before = line.last().copied();
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(before.is_none_or(|byte| byte == b'\n'));
        }
        if let Ok(line) = serde_json::from_slice::<Line>(&line) {
            take(line.event);
        }
    }
}

/// How a run stood when its events were last written; empty where there are none.
#[must_use]
pub fn replay(run: &RunDir) -> RunView {
    let mut view = RunView::default();
    // Without the file nothing is known, which is what an empty view says.
    let _ = for_each(&run.events(), |event| view.apply(&event));
    view
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{LayerStats, Outcome, Progress, RunInfo, Tune};
    use crate::session::Home;

    fn epoch(epoch: u32) -> Event {
        let accuracy = Some(f64::from(epoch) / 100.0);
        Event::EpochEnded(EpochStats { epoch, test_accuracy: accuracy, ..EpochStats::default() })
    }

    fn run() -> (tempfile::TempDir, RunDir) {
        let state = tempfile::tempdir().unwrap();
        let run = Home::at(state.path()).create(None).unwrap();
        (state, run)
    }

    #[test]
    fn a_record_comes_back_and_a_newer_one_is_told() {
        let (_state, run) = run();
        let record = Record::new(Spec { epochs: 7, ..Spec::default() }, Pace::Full);
        record.write(&run).unwrap();
        assert_eq!(Record::read(&run).unwrap(), record);
        let text = std::fs::read_to_string(run.spec()).unwrap();
        let newer = text.replace(r#""format": 1"#, r#""format": 2"#);
        std::fs::write(run.spec(), newer.replace(env!("CARGO_PKG_VERSION"), "9.1.0")).unwrap();
        assert!(Record::read(&run).unwrap_err().to_string().contains("nntop 9.1.0"));
    }

    #[test]
    fn facts_come_back_and_samples_are_left_out() {
        let (_state, run) = run();
        let facts = [Event::Started(Box::default()), epoch(0), epoch(1)];
        let mut file = EventFile::open(&run.events()).unwrap();
        let mut expected = RunView::default();
        for fact in &facts {
            file.append(fact).unwrap();
            file.append(&Event::Progress(Progress::default())).unwrap();
            expected.apply(fact);
        }
        assert_eq!(replay(&run), expected);
        assert_eq!(std::fs::read_to_string(run.events()).unwrap().lines().count(), 3);
    }

    #[test]
    fn a_torn_line_is_left_out_and_what_a_resumed_run_tells_again_is_not_kept_twice() {
        let (_state, run) = run();
        let tuned = Event::Tuned(Tuned {
            change: Tune::LearningRate(0.5),
            previous: 3.0,
            epoch: 1,
            batch: 2,
        });
        let started = Event::Started(Box::new(RunInfo { epochs: 9, ..RunInfo::default() }));
        let mut file = EventFile::open(&run.events()).unwrap();
        for event in [&started, &epoch(0), &epoch(1), &tuned, &epoch(2)] {
            file.append(event).unwrap();
        }
        let whole = std::fs::read(run.events()).unwrap();
        std::fs::write(run.events(), &whole[..whole.len() - 7]).unwrap();
        let mut file = EventFile::open(&run.events()).unwrap();
        for event in [&started, &epoch(0), &epoch(1), &tuned, &epoch(2), &epoch(3)] {
            file.append(event).unwrap();
        }
        file.append(&Event::Finished(Outcome::Stopped)).unwrap();
        let view = replay(&run);
        let epochs: Vec<u32> = view.epochs.points().iter().map(|stats| stats.epoch).collect();
        assert_eq!(epochs, [0, 1, 2, 3]);
        assert_eq!((view.tuned.len(), view.outcome), (1, Some(Outcome::Stopped)));
        assert!(std::fs::read(run.events()).unwrap().starts_with(&whole[..whole.len() - 7]));
    }

    #[test]
    fn a_diverged_epoch_can_be_written_and_read() {
        let (_state, run) = run();
        let layer = LayerStats { update_ratio: f64::NAN, ..LayerStats::default() };
        let stats = EpochStats {
            epoch: 4,
            train_cost: Some(f64::INFINITY),
            layers: vec![layer],
            ..EpochStats::default()
        };
        EventFile::open(&run.events()).unwrap().append(&Event::EpochEnded(stats)).unwrap();
        let view = replay(&run);
        assert_eq!((view.epoch(), view.latest().unwrap().train_cost), (4, None));
    }

    #[test]
    fn a_full_disk_is_told_and_nothing_is_forgotten() {
        if !Path::new("/dev/full").exists() {
            return eprintln!("skipped: no /dev/full here");
        }
        let (_state, run) = run();
        let mut file = EventFile::open(Path::new("/dev/full")).unwrap();
        for number in 0..3 {
            let error = file.append(&epoch(number)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        }
        file.file = File::create(run.events()).unwrap();
        file.append(&epoch(3)).unwrap();
        assert_eq!(replay(&run).epochs.seen(), 4);
    }
}
