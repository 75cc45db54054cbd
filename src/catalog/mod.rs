//! The catalog of runs: log files found below given paths, recognised, read and followed; grouped
//! into runs, summarized, filtered and compared.

pub mod axis;
mod copies;
mod curves;
mod discover;
pub mod group;
pub mod metric;
mod notes;
mod parallel;
mod points;
pub mod query;
mod run;
mod run_files;
mod samples;
mod slice;
mod source;
mod state;

pub use discover::{ExaminedFile, FileKind, first_log};
pub(crate) use discover::{examine as recognise_file, files as files_below};
pub use notes::{Note, Notes};
pub use points::{Metric, MetricPoint, MetricStatistics};
pub use run::{LoggedSample, Run, Warning};
pub use source::{OwnRuns, SharedCatalog};
pub use state::{WatchedState, state_of};

use crate::logs::formats::{self, ReaderKind};
use crate::logs::{LogFile, LogValue};
use parallel::{in_parallel, poll_units};
use run_files::RunFiles;
use slice::TimeSlice;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

/// The interval between walks is at least this many times the duration of a walk.
const WALK_SHARE: u32 = 20;
/// Minimum interval between walks of the directories.
const WALK_EVERY: Duration = Duration::from_secs(2);
/// Number of files examined in parallel between two checks of the time limit.
const AT_ONCE: usize = 128;
/// A run is quiet after this many reads without new data; at most `MAX_QUIET` quiet runs are read
/// at a time.
const QUIET: u32 = 60;
const MAX_QUIET: usize = 1000;

/// Log files and their runs.
#[derive(Debug, Default)]
pub struct Catalog {
    roots: Vec<PathBuf>,
    pattern: Option<String>,
    units: BTreeMap<PathBuf, RunFiles>,
    /// All files that were examined.
    found: HashMap<PathBuf, ExaminedFile>,
    /// Files not yet examined, and whether the user named each.
    pending: VecDeque<(PathBuf, bool)>,
    /// Files skipped because another one has the same contents, and the reason.
    left_out: HashMap<PathBuf, String>,
    next_id: usize,
    polls: u64,
    /// When the directories were last walked, and how long that took.
    walked: Option<(Instant, Duration)>,
}

/// A run and the location of its files.
#[derive(Clone, Copy, Debug)]
pub struct PlacedRun<'a> {
    pub run: &'a Run,
    /// Its directory, or its only file.
    pub path: &'a Path,
    /// Time of the last write to any of its files, in seconds since 1970.
    pub written: Option<f64>,
}

/// What `--explain` shows for a file.
#[derive(Clone, Debug, PartialEq)]
pub struct FileExplanation {
    pub path: PathBuf,
    /// The name of the format; `None` if the file is not read.
    pub format: Option<&'static str>,
    pub why: String,
    /// The run it belongs to.
    pub run: Option<String>,
}

impl Catalog {
    /// A catalog of the files at or below some paths.
    #[must_use]
    pub fn new(roots: Vec<PathBuf>) -> Self {
        Self { roots, ..Self::default() }
    }

    /// Reads printed text, and files of unknown format, with a user-defined pattern.
    ///
    /// # Errors
    /// If the pattern is invalid.
    pub fn with_pattern(mut self, pattern: &str) -> Result<Self, String> {
        formats::with_pattern(pattern)?;
        self.pattern = Some(pattern.to_owned());
        Ok(self)
    }

    /// Finds and reads everything. With `end` set, files are considered complete, so that a last
    /// line without a newline counts too.
    pub fn load(&mut self, end: bool) {
        self.walk();
        self.recognise(TimeSlice::default());
        self.polls += 1;
        while self.read(end, true, TimeSlice::default()).1 {}
    }

    /// Reads new data; returns whether there was any. Also finds new files every few seconds.
    pub fn poll(&mut self) -> bool {
        let (mut any, mut more) = self.poll_for(Duration::MAX, None);
        while more {
            let (again, still) = self.read(false, true, TimeSlice::default());
            (any, more) = (any || again, still);
        }
        any
    }

    /// As [`Catalog::poll`], but begins no other file after `time`, or while any frame is waiting;
    /// returns whether there was new data, and whether more is left.
    fn poll_for(&mut self, time: Duration, waiting: Option<&AtomicUsize>) -> (bool, bool) {
        let slice = TimeSlice::new(time, waiting);
        self.polls += 1;
        let due =
            |(at, took): (Instant, Duration)| at.elapsed() > WALK_EVERY.max(took * WALK_SHARE);
        if self.pending.is_empty() && self.walked.is_none_or(due) {
            self.walk();
        }
        // At most half the time is spent on recognising files, so that the first curves appear
        // soon.
        let found = self.recognise(slice.shortened_to(time / 2));
        let (any, more) = self.read(false, found, slice);
        (any || found, more || !self.pending.is_empty())
    }

    /// Searches for new files, and for short ones whose length changed.
    fn walk(&mut self) {
        let start = Instant::now();
        for root in &self.roots {
            let named = !root.is_dir();
            for path in discover::files(root) {
                let is_new = match self.found.get(&path) {
                    None => true,
                    // A file may be recognised, or recognised differently, once it has grown.
                    Some(ExaminedFile { length, .. }) => {
                        *length < formats::SAMPLE as u64
                            && std::fs::metadata(&path).is_ok_and(|data| data.len() != *length)
                    }
                };
                if is_new {
                    self.pending.push_back((path, named));
                }
            }
        }
        self.walked = Some((Instant::now(), start.elapsed()));
    }

    /// Recognises the formats of pending files during a slice; returns whether any is a log.
    fn recognise(&mut self, slice: TimeSlice<'_>) -> bool {
        let mut any = false;
        while !self.pending.is_empty() {
            let next = self.pending.drain(..self.pending.len().min(AT_ONCE)).collect();
            any |= self.examine_files(next);
            if slice.is_over() {
                break;
            }
        }
        if any {
            copies::merge_duplicates(&mut self.units, &mut self.left_out);
        }
        any
    }

    fn examine_files(&mut self, files: Vec<(PathBuf, bool)>) -> bool {
        let mut examined = in_parallel(files, |(path, named)| discover::examine(&path, named));
        examined.sort_by(|a, b| a.path.cmp(&b.path));
        let mut any = false;
        let mut new_files = Vec::new();
        for mut found in examined {
            let unknown = matches!(found.verdict, FileKind::Other(_)) && self.pattern.is_some();
            if let Some(text) = formats::FORMATS.last().filter(|_| unknown) {
                found.verdict = FileKind::Log(text, "read with --pattern".to_owned());
            }
            let before = self.found.get(&found.path).and_then(|found| found.verdict.format());
            let now = found.verdict.format();
            if before.map(|format| format.name) != now.map(|format| format.name) {
                if let (Some(before), None) = (before, now)
                    && self.has_content(&found.path, before)
                {
                    // The file is being rewritten: keep the data read from it.
                    continue;
                }
                if let Some(before) = before {
                    self.drop_file(&found.path, before);
                }
                new_files.extend(now.map(|format| (found.path.clone(), format)));
                any = true;
            } else if let Some(format) = now
                && self.left_out.remove(&found.path).is_some()
            {
                // The file has grown, and may now contain more than the one it duplicates.
                new_files.push((found.path.clone(), format));
                any = true;
            }
            self.found.insert(found.path.clone(), found);
        }
        for (path, format) in new_files {
            self.add(&path, format);
        }
        any
    }

    /// Whether the run of a file has any data.
    fn has_content(&self, path: &Path, format: &'static formats::LogFormat) -> bool {
        let unit = self.units.get(&(format.run)(path));
        unit.is_some_and(|unit| unit.runs.iter().any(|run| !run.is_empty()))
    }

    /// Removes a file whose format turned out to be different or unknown.
    fn drop_file(&mut self, path: &Path, format: &'static formats::LogFormat) {
        let run = (format.run)(path);
        self.left_out.remove(path);
        if let Some(unit) = self.units.get_mut(&run) {
            unit.remove(path);
            if unit.files.is_empty() {
                self.units.remove(&run);
            }
        }
    }

    fn add(&mut self, path: &Path, format: &'static formats::LogFormat) {
        let run = (format.run)(path);
        let name = self.name_of(&run);
        let log = match &self.pattern {
            Some(pattern) if format.name.starts_with("printed text") => {
                let pattern = pattern.clone();
                LogFile::with_reader(path, format, move || {
                    // The pattern was validated when the catalog was created.
                    match formats::with_pattern(&pattern) {
                        Ok(reader) => ReaderKind::Stream(Box::new(reader)),
                        Err(_) => ReaderKind::Stream(Box::new(crate::logs::text::Text::default())),
                    }
                })
            }
            _ => LogFile::new(path, format, &[]),
        };
        let unit = self.units.entry(run.clone()).or_insert_with(|| RunFiles::new(&run, name));
        unit.add(log, self.next_id, false);
        self.next_id += 1;
    }

    /// Reads new data of the runs that are due, least recently read first; returns whether there
    /// was any, and whether more is left.
    fn read(&mut self, end: bool, all: bool, slice: TimeSlice<'_>) -> (bool, bool) {
        let polls = self.polls;
        let turns = (self.units.len() / MAX_QUIET + 1) as u64;
        let due = self.units.values_mut().enumerate().filter(|(index, unit)| {
            let due = unit.quiet < QUIET || (polls + *index as u64).is_multiple_of(turns);
            end || all || unit.is_behind() || due
        });
        let mut units: Vec<&mut RunFiles> = due.map(|(_, unit)| unit).collect();
        units.sort_by_key(|unit| unit.last_poll);
        let (any, more) = poll_units(units, end, polls, slice);
        if any {
            self.inherit();
        }
        (any, more)
    }

    /// Adds to each run the hyper-parameters in directories above it, or in the sub-run created by
    /// torch's `add_hparams`.
    fn inherit(&mut self) {
        let own: Vec<OwnConfig> = self
            .units
            .values()
            .flat_map(|unit| {
                unit.runs.iter().map(|run| {
                    let config =
                        run.own_config().map(|(name, value)| (name.to_owned(), value.clone()));
                    let only_hparams = run.metrics.iter().all(|m| m.name.starts_with("hparam/"));
                    OwnConfig {
                        path: unit.path.clone(),
                        run: run.name.clone(),
                        settings: config.collect(),
                        only_hparams,
                    }
                })
            })
            .filter(|own| !own.settings.is_empty())
            .collect();
        let mut by_path: HashMap<&Path, Vec<&OwnConfig>> = HashMap::new();
        let mut below: HashMap<&Path, Vec<&OwnConfig>> = HashMap::new();
        for config in &own {
            by_path.entry(&config.path).or_default().push(config);
            if let Some(parent) = config.path.parent().filter(|_| config.only_hparams) {
                below.entry(parent).or_default().push(config);
            }
        }
        for unit in self.units.values_mut() {
            // Farthest first, so that the nearest overrides.
            let mut sources: Vec<&OwnConfig> = unit
                .path
                .ancestors()
                .skip(1)
                .flat_map(|above| by_path.get(above).into_iter().flatten().copied())
                .collect();
            sources.reverse();
            sources.extend(below.get(unit.path.as_path()).into_iter().flatten().copied());
            let beside = by_path.get(unit.path.as_path());
            for run in &mut unit.runs {
                let its_own =
                    beside.into_iter().flatten().copied().filter(|own| own.run == run.name);
                let settings = sources.iter().copied().chain(its_own);
                let config: BTreeMap<String, LogValue> =
                    settings.flat_map(|own| own.settings.iter().cloned()).collect();
                run.configure(config.into_iter().collect());
            }
        }
    }

    /// Removes a deleted directory or file, and its runs.
    pub fn forget(&mut self, path: &Path) {
        self.units.retain(|known, _| !known.starts_with(path));
        self.found.retain(|known, _| !known.starts_with(path));
        self.left_out.retain(|known, _| !known.starts_with(path));
    }

    /// The runs, sorted by path.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.units.values().flat_map(RunFiles::shown)
    }

    /// A run by its name.
    #[must_use]
    pub fn run(&self, name: &str) -> Option<&Run> {
        self.runs().find(|run| run.name == name)
    }

    /// The last known time of a write to any file of a run, in seconds since 1970.
    #[must_use]
    pub fn written(&self, name: &str) -> Option<f64> {
        self.runs_with_times().find(|(run, _)| run.name == name)?.1
    }

    /// The runs, sorted by path, with the time of the last write to their files in seconds since
    /// 1970.
    pub fn runs_with_times(&self) -> impl Iterator<Item = (&Run, Option<f64>)> {
        self.placed_runs().map(|placed| (placed.run, placed.written))
    }

    /// The runs, sorted by path, with the location of their files.
    pub fn placed_runs(&self) -> impl Iterator<Item = PlacedRun<'_>> {
        self.units.values().flat_map(|unit| {
            let written = unit.written();
            let path = unit.path.as_path();
            unit.shown().map(move |run| PlacedRun { run, path, written })
        })
    }

    /// Number of files followed.
    #[must_use]
    pub fn files(&self) -> usize {
        self.units.values().map(|unit| unit.files.len()).sum()
    }

    /// Number of files followed per format, in descending order.
    #[must_use]
    pub fn formats(&self) -> Vec<(&'static str, usize)> {
        let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
        for member in self.units.values().flat_map(|unit| &unit.files) {
            *counts.entry(member.log.format().name).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|&(name, count)| (std::cmp::Reverse(count), name));
        counts
    }

    /// For each file, what was recognised and why.
    #[must_use]
    pub fn explain(&self) -> Vec<FileExplanation> {
        let owners: HashMap<&Path, &str> = self
            .units
            .values()
            .flat_map(|unit| unit.files.iter().map(|m| (m.log.path(), unit.runs[0].name.as_str())))
            .collect();
        let mut explained: Vec<_> = self
            .found
            .values()
            .map(|found| {
                let path = found.path.clone();
                match (&found.verdict, self.left_out.get(&found.path)) {
                    (_, Some(why)) => {
                        FileExplanation { path, format: None, why: why.clone(), run: None }
                    }
                    (FileKind::Log(format, why), None) => {
                        let run = owners.get(found.path.as_path()).map(|&run| run.to_owned());
                        FileExplanation { path, format: Some(format.name), why: why.clone(), run }
                    }
                    (FileKind::Other(why), None) => {
                        FileExplanation { path, format: None, why: why.clone(), run: None }
                    }
                }
            })
            .collect();
        explained.sort_by(|a, b| a.path.cmp(&b.path));
        explained
    }

    /// Problems of files: run, path and text.
    pub fn problems(&self) -> impl Iterator<Item = (&str, &Path, String)> {
        self.units.values().flat_map(|unit| {
            let name = unit.runs[0].name.as_str();
            let by_id: HashMap<usize, &Path> =
                unit.files.iter().map(|member| (member.id, member.log.path())).collect();
            let failed = unit
                .files
                .iter()
                .filter_map(move |member| Some((name, member.log.path(), member.problem.clone()?)));
            let warned =
                unit.runs.iter().flat_map(|run| &run.warnings).filter_map(move |warning| {
                    let path = by_id.get(&warning.file)?;
                    Some((name, *path, format!("at byte {}: {}", warning.offset, warning.text)))
                });
            failed.chain(warned)
        })
    }

    /// A run's path relative to the root it was found below; `.` for the root itself.
    fn name_of(&self, run: &Path) -> String {
        let several = self.roots.len() > 1;
        let below = self.roots.iter().find_map(|root| {
            let rest = run.strip_prefix(root).ok()?;
            let mut name = if several { root.clone() } else { PathBuf::new() };
            if root.is_file() {
                name = PathBuf::from(root.file_name()?);
            } else {
                name.push(rest);
            }
            Some(name)
        });
        match below {
            Some(name) if name.as_os_str().is_empty() => ".".to_owned(),
            Some(name) => name.to_string_lossy().into_owned(),
            // A file named by the user that belongs to the run of its directory.
            None => run
                .file_name()
                .map_or_else(|| ".".to_owned(), |name| name.to_string_lossy().into_owned()),
        }
    }

    /// The names of all metrics, sorted, without duplicates.
    #[must_use]
    pub fn metric_names(&self) -> Vec<String> {
        let names: HashSet<&str> = self
            .runs()
            .flat_map(|run| run.metrics.iter().map(|metric| metric.name.as_str()))
            .collect();
        let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        names.sort();
        names
    }
}

/// The hyper-parameters in a run's own files.
struct OwnConfig {
    /// The path of its run.
    path: PathBuf,
    run: String,
    settings: Vec<(String, LogValue)>,
    /// Whether its only metrics are those written by `add_hparams`.
    only_hparams: bool,
}
