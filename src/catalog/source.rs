//! A catalog that is read in the background while a front end shows it.

use super::axis::{self, Xy};
use super::curves::{grouped, single};
use super::group;
use super::metric::{MetricSummary, summarize};
use super::notes::{self, Note, Notes};
use super::query::{self, QueriedRun, RunNotes};
use super::run::Run;
use super::samples;
use super::state::{WatchedState, state_of};
use super::{Catalog, Metric, PlacedRun};
use crate::logs::LogValue;
use crate::protocol::{
    CurveQuery, CurveSet, Grouping, MetricFacts, RunEdit, RunRow, RunSource, RunTable,
    SampleContent, SampleKind, SampleSeries, TensorHistogram,
};
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant, SystemTime};

/// Maximum number of problems in the table.
const MAX_PROBLEMS: usize = 100;
/// Maximum time for which reading locks the catalog; it ends earlier if a frame waits.
const SLICE: Duration = Duration::from_millis(60);
/// The same until the table has rows, so that the first frame has curves.
const FIRST_SLICE: Duration = Duration::from_millis(20);
/// Maximum time that a frame waits for the catalog.
const MAX_WAIT: Duration = Duration::from_millis(100);
/// Interval between its attempts to lock the catalog.
const RETRY: Duration = Duration::from_millis(1);
/// Interval between updates of the table while no run has new data, because states depend on time.
const STATES: Duration = Duration::from_secs(5);
/// Interval between queries of the states of nntop's own runs.
const ASK: Duration = Duration::from_secs(1);

/// Returns the state of an nntop run given its directory, if its session is reachable.
pub type QueryState = Box<dyn Fn(&Path) -> Option<WatchedState> + Send + Sync>;
/// Deletes an nntop run given its directory; the error is the reason why that failed.
pub type DeleteRun = Box<dyn Fn(&Path) -> Result<(), String> + Send + Sync>;

/// Access to nntop's own runs.
pub struct OwnRuns {
    /// The directory that contains them.
    pub directory: PathBuf,
    pub state_of: QueryState,
    pub delete: DeleteRun,
}

impl std::fmt::Debug for OwnRuns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnRuns").field("directory", &self.directory).finish_non_exhaustive()
    }
}

/// A catalog with the table of its runs.
#[derive(Debug)]
pub struct SharedCatalog {
    catalog: Mutex<Catalog>,
    table: Mutex<Arc<RunTable>>,
    /// The row of each run, as last computed.
    cache: Mutex<HashMap<String, CachedRow>>,
    notes: Mutex<Notes>,
    own: Option<OwnRuns>,
    /// When the sessions of nntop's own runs were last queried, and the results.
    standings: Mutex<(Option<Instant>, HashMap<PathBuf, WatchedState>)>,
    /// When the table was last computed.
    summarized: Mutex<Option<Instant>>,
    /// Number of frames that wait for the catalog while files are being read.
    waiting: AtomicUsize,
}

/// A computed row and what it was computed from.
#[derive(Debug)]
struct CachedRow {
    /// The value of [`Run::changes`] for which it was computed.
    changes: u64,
    row: RunRow,
    config: Vec<(String, LogValue)>,
    group: Option<String>,
    path: PathBuf,
    /// The key of its notes.
    key: String,
}

impl SharedCatalog {
    #[must_use]
    pub fn new(catalog: Catalog) -> Self {
        Self {
            catalog: Mutex::new(catalog),
            table: Mutex::new(Arc::new(RunTable { loading: true, ..RunTable::default() })),
            cache: Mutex::default(),
            notes: Mutex::default(),
            own: None,
            standings: Mutex::default(),
            summarized: Mutex::default(),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Sets the user's notes about runs.
    #[must_use]
    pub fn with_notes(mut self, notes: Notes) -> Self {
        self.notes = Mutex::new(notes);
        self
    }

    /// Sets nntop's own runs.
    #[must_use]
    pub fn with_own(mut self, own: OwnRuns) -> Self {
        self.own = Some(own);
        self
    }

    /// The revision of the table, which increases with every change.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.table().revision
    }

    /// Computes the table of a catalog that was already read.
    pub fn make_table(&self) {
        self.query_standings();
        self.summarize(&lock(&self.catalog), false);
        // The sessions of nntop's own runs can be queried once there are rows.
        if self.own.is_some() {
            lock(&self.standings).0 = None;
            self.query_standings();
            self.summarize(&lock(&self.catalog), false);
        }
    }

    /// Reads new data for a limited time; returns whether more is left.
    pub fn poll(&self) -> bool {
        let standings_changed = self.query_standings();
        let mut catalog = lock(&self.catalog);
        let slice = if self.table().rows.is_empty() { FIRST_SLICE } else { SLICE };
        let (any, more) = catalog.poll_for(slice, Some(&self.waiting));
        let is_old = lock(&self.summarized).is_none_or(|at| at.elapsed() > STATES);
        if any || standings_changed || is_old || self.table().loading != more {
            self.summarize(&catalog, more);
        }
        more
    }

    /// Queries the sessions of nntop's own runs for their states; returns whether anything changed.
    fn query_standings(&self) -> bool {
        let Some(own) = &self.own else { return false };
        if lock(&self.standings).0.is_some_and(|at| at.elapsed() < ASK) {
            return false;
        }
        let cache = lock(&self.cache);
        let cached = cache.values().filter(|cached| cached.row.own.is_some());
        let paths: Vec<PathBuf> = cached.map(|cached| cached.path.clone()).collect();
        let standings =
            paths.into_iter().filter_map(|path| Some((path.clone(), (own.state_of)(&path)?)));
        let standings: HashMap<PathBuf, WatchedState> = standings.collect();
        let mut last = lock(&self.standings);
        last.0 = Some(Instant::now());
        let changed = last.1 != standings;
        last.1 = standings;
        changed
    }

    fn summarize(&self, catalog: &Catalog, loading: bool) {
        *lock(&self.summarized) = Some(Instant::now());
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.map_or(0.0, |elapsed| elapsed.as_secs_f64());
        let placed: Vec<PlacedRun<'_>> = catalog.placed_runs().collect();
        let runs: Vec<&Run> = placed.iter().map(|placed| placed.run).collect();
        let differing = group::differing_settings(&runs);
        let standings = lock(&self.standings).1.clone();
        let notes = lock(&self.notes);
        let mut cache = lock(&self.cache);
        let rows: Vec<RunRow> = placed
            .iter()
            .map(|placed| {
                let run = placed.run;
                let known = match cache.entry(run.name.clone()) {
                    Entry::Occupied(known) if known.get().path == placed.path => known.into_mut(),
                    Entry::Occupied(mut other) => {
                        other.insert(self.new_row(placed));
                        other.into_mut()
                    }
                    Entry::Vacant(vacant) => vacant.insert(self.new_row(placed)),
                };
                if known.changes != run.changes() {
                    known.changes = run.changes();
                    known.config.clone_from(&run.config);
                    known.group.clone_from(&run.group);
                    let own = known.row.own.take();
                    known.row = RunRow { own, ..row(run) };
                }
                let row = &mut known.row;
                let reported = standings.get(placed.path).copied();
                row.state = reported.unwrap_or_else(|| state_of(run, placed.written, now)).word();
                let nothing = Note::default();
                let note = notes.get(&known.key).unwrap_or(&nothing);
                row.label.clone_from(&note.label);
                row.note.clone_from(&note.text);
                row.tags.clone_from(&note.tags);
                let value =
                    |name: &String| run.setting(name).map_or_else(String::new, ToString::to_string);
                row.config = differing.iter().map(|name| (name.clone(), value(name))).collect();
                row.clone()
            })
            .collect();
        if cache.len() > rows.len() {
            let names: BTreeSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
            cache.retain(|name, _| names.contains(name.as_str()));
        }
        drop((cache, notes));
        let problems = catalog.problems().take(MAX_PROBLEMS);
        let problems =
            problems.map(|(_, path, text)| format!("{}: {text}", path.display())).collect();
        let mut table = lock(&self.table);
        let (files, formats) = (catalog.files(), catalog.formats());
        let next = RunTable { rows, files, formats, problems, loading, revision: table.revision };
        if next != **table {
            *table = Arc::new(RunTable { revision: table.revision + 1, ..next });
        }
    }

    /// The row of a run that is new.
    fn new_row(&self, placed: &PlacedRun<'_>) -> CachedRow {
        let own = self.own.as_ref().and_then(|own| {
            let below = placed.path.strip_prefix(&own.directory).ok()?;
            Some(below.components().next()?.as_os_str().to_string_lossy().into_owned())
        });
        let is_inside = placed.path.is_file();
        CachedRow {
            changes: u64::MAX,
            row: RunRow { own, ..RunRow::default() },
            config: Vec::new(),
            group: None,
            path: placed.path.to_path_buf(),
            key: notes::key(placed.path, &placed.run.name, is_inside),
        }
    }

    /// Locks the catalog for a frame; `None` if that takes longer than `MAX_WAIT`.
    fn try_lock_catalog(&self) -> Option<MutexGuard<'_, Catalog>> {
        let deadline = Instant::now() + MAX_WAIT;
        let _waiting = Waiting::new(&self.waiting);
        loop {
            match self.catalog.try_lock() {
                Ok(catalog) => return Some(catalog),
                Err(TryLockError::Poisoned(left)) => return Some(left.into_inner()),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::sleep(RETRY);
                }
                Err(TryLockError::WouldBlock) => return None,
            }
        }
    }

    fn delete(&self, run: &str) -> Result<(), String> {
        let path = lock(&self.cache)
            .get(run)
            .filter(|cached| cached.row.own.is_some())
            .map(|k| k.path.clone());
        let (Some(path), Some(own)) = (path, &self.own) else {
            return Err("only runs of nntop can be deleted here".to_owned());
        };
        (own.delete)(&path)?;
        let mut catalog = lock(&self.catalog);
        catalog.forget(&path);
        let loading = self.table().loading;
        self.summarize(&catalog, loading);
        Ok(())
    }
}

/// Increments the number of waiting frames until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Locks a mutex even if it is poisoned: the data is still readable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn row(run: &Run) -> RunRow {
    let facts = |metric: &Metric| {
        let summary = summarize(metric)?;
        Some(MetricFacts {
            name: metric.name.clone(),
            count: metric.len() as u64,
            last: summary.last,
            best: summary.best,
            best_step: summary.best_step,
        })
    };
    RunRow {
        name: run.name.clone(),
        title: run.title.clone(),
        step: run.step(),
        progress: run.progress,
        metrics: run.metrics.iter().filter_map(facts).collect(),
        samples: samples::counts(run),
        ..RunRow::default()
    }
}

/// The summary of a metric from a row of the table.
fn facts_of(row: &RunRow, name: &str) -> Option<MetricSummary> {
    let facts = row.metrics.iter().find(|facts| facts.name == name)?;
    Some(MetricSummary {
        count: usize::try_from(facts.count).unwrap_or(usize::MAX),
        last: facts.last,
        best: facts.best,
        best_step: facts.best_step,
        min: None,
        max: None,
    })
}

impl RunSource for SharedCatalog {
    fn table(&self) -> Arc<RunTable> {
        Arc::clone(&lock(&self.table))
    }

    fn filter(&self, query: &str) -> Result<BTreeSet<String>, String> {
        let query = query::parse(query)?;
        let cache = lock(&self.cache);
        let matching = cache.values().filter(|cached| {
            let row = &cached.row;
            query.accepts(&QueriedRun {
                name: &row.name,
                title: row.title.as_deref(),
                group: cached.group.as_deref(),
                step: row.step,
                config: &cached.config,
                metric: &|name| facts_of(row, name),
                extra: RunNotes {
                    state: row.state,
                    tags: &row.tags,
                    label: row.label.as_deref(),
                    note: &row.note,
                },
            })
        });
        Ok(matching.map(|cached| cached.row.name.clone()).collect())
    }

    fn curves(&self, query: &CurveQuery) -> Option<CurveSet> {
        let catalog = self.try_lock_catalog()?;
        let wanted: BTreeSet<&str> = query.runs.iter().map(String::as_str).collect();
        let runs: Vec<&Run> = catalog
            .runs()
            .filter(|run| wanted.contains(run.name.as_str()) && run.metric(&query.metric).is_some())
            .collect();
        let groups = match &query.grouping {
            Grouping::None => Vec::new(),
            Grouping::Seed => group::by_seed(&runs),
            Grouping::Setting(name) => group::by_setting(&runs, name),
        };
        let mut set = CurveSet::default();
        let mut shown = Vec::new();
        if query.grouping == Grouping::None {
            for run in &runs {
                set.curves.extend(single(run, query, &mut shown));
            }
        } else {
            for (name, members) in &groups {
                set.curves.extend(grouped(name, members, &runs, query, &mut shown));
            }
        }
        let is_inside =
            |point: &&Xy| query.range.is_none_or(|[low, high]| (low..=high).contains(&point.0));
        let ys: Vec<f64> = shown.iter().filter(is_inside).map(|point| point.1).collect();
        set.middle =
            axis::percentile(&ys, 0.05).and_then(|low| Some([low, axis::percentile(&ys, 0.95)?]));
        set.extent = shown.iter().map(|point| point.0).filter(|x| x.is_finite()).fold(
            None,
            |extent: Option<[f64; 2]>, x| {
                let [low, high] = extent.unwrap_or([x, x]);
                Some([low.min(x), high.max(x)])
            },
        );
        Some(set)
    }

    fn samples(&self, run: &str, kind: SampleKind) -> Option<Vec<SampleSeries>> {
        let catalog = self.try_lock_catalog()?;
        Some(catalog.run(run).map(|run| samples::series(run, kind)).unwrap_or_default())
    }

    fn sample(
        &self,
        run: &str,
        kind: SampleKind,
        name: &str,
        place: usize,
    ) -> Option<SampleContent> {
        let raw = samples::raw(self.try_lock_catalog()?.run(run)?, kind, name, place)?;
        Some(raw.decode())
    }

    fn histograms(&self, run: &str, name: &str) -> Option<Vec<TensorHistogram>> {
        Some(samples::histograms(self.try_lock_catalog()?.run(run)?, name))
    }

    fn lines(&self, run: &str) -> Option<Vec<String>> {
        Some(self.try_lock_catalog()?.run(run)?.lines.iter().cloned().collect())
    }

    fn edit(&self, run: &str, edit: &RunEdit) -> Result<(), String> {
        if *edit == RunEdit::Delete {
            return self.delete(run);
        }
        let key = lock(&self.cache).get(run).map(|cached| cached.key.clone());
        let key = key.ok_or("this run no longer exists")?;
        let edited = lock(&self.notes).edit(&key, edit);
        edited.map_err(|error| format!("notes about runs cannot be saved: {error}"))?;
        // The change is shown immediately, or after the next poll if files are being read.
        *lock(&self.summarized) = None;
        if let Some(catalog) = self.try_lock_catalog() {
            let loading = self.table().loading;
            self.summarize(&catalog, loading);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A directory with two runs, the first of which is nntop's own.
    fn shared(dir: &Path) -> SharedCatalog {
        for (name, loss) in [("own/a", 0.5), ("other/b", 0.25)] {
            let run = dir.join(name);
            fs::create_dir_all(&run).unwrap();
            let lines = format!("{{\"step\": 1, \"loss\": {loss}}}\n");
            fs::write(run.join("metrics.jsonl"), lines).unwrap();
        }
        let own = OwnRuns {
            directory: dir.join("own"),
            state_of: Box::new(|path| path.ends_with("a").then_some(WatchedState::Held)),
            delete: Box::new(|path| fs::remove_dir_all(path).map_err(|error| error.to_string())),
        };
        let notes = Notes::open(&dir.join("state/notes.json")).unwrap();
        SharedCatalog::new(Catalog::new(vec![dir.to_path_buf()])).with_notes(notes).with_own(own)
    }

    fn names(names: Result<BTreeSet<String>, String>) -> Vec<String> {
        names.unwrap().into_iter().collect()
    }

    #[test]
    fn runs_are_renamed_tagged_filtered_and_own_ones_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let shared = shared(dir.path());
        while shared.poll() {}
        lock(&shared.standings).0 = None;
        shared.poll();
        let row = |name: &str| shared.table().rows.iter().find(|row| row.name == name).cloned();
        let own = row("own/a").unwrap();
        assert_eq!((own.own.as_deref(), own.state), (Some("a"), "held"));
        assert_eq!(row("other/b").unwrap().own, None);
        shared.edit("other/b", &RunEdit::Label("base".to_owned())).unwrap();
        shared.edit("other/b", &RunEdit::Tags(vec!["good".to_owned()])).unwrap();
        assert_eq!(row("other/b").unwrap().display_name(), "base");
        assert_eq!(names(shared.filter("tag ~ good and loss < 0.3")), ["other/b"]);
        assert_eq!(names(shared.filter("state = held")), ["own/a"]);
        assert_eq!(names(shared.filter("~^(own|base)")), ["other/b", "own/a"]);
        assert!(shared.filter("~(").is_err());
        // The notes are visible to other processes.
        let notes = Notes::open(&dir.path().join("state/notes.json")).unwrap();
        let key = notes::key(&dir.path().join("other/b"), "other/b", false);
        assert_eq!(notes.get(&key).unwrap().label.as_deref(), Some("base"));
        assert!(shared.edit("other/b", &RunEdit::Delete).is_err(), "not an nntop run");
        shared.edit("own/a", &RunEdit::Delete).unwrap();
        assert!(row("own/a").is_none() && !dir.path().join("own/a").exists());
        assert!(dir.path().join("other/b").exists());
    }

    #[test]
    fn curves_are_read_at_the_nearest_point_and_cropped_to_the_range() {
        let dir = tempfile::tempdir().unwrap();
        let lines: Vec<String> =
            (0..100).map(|step| format!("{{\"step\": {step}, \"x\": {}}}\n", step * 2)).collect();
        let lines = lines.concat();
        fs::write(dir.path().join("metrics.jsonl"), lines).unwrap();
        let shared = SharedCatalog::new(Catalog::new(vec![dir.path().to_path_buf()]));
        while shared.poll() {}
        let query = CurveQuery {
            metric: "x".to_owned(),
            runs: vec![".".to_owned()],
            columns: 200,
            range: Some([10.4, 12.6]),
            at: Some(41.7),
            ..CurveQuery::default()
        };
        let set = shared.curves(&query).unwrap();
        let curve = &set.curves[0];
        assert_eq!(curve.near, Some([42.0, 84.0, 84.0]));
        // One point beyond each end, so that the line reaches the edge.
        assert_eq!(curve.raw, [(10.0, 20.0), (11.0, 22.0), (12.0, 24.0), (13.0, 26.0)]);
        assert_eq!(set.extent, Some([0.0, 99.0]));
        let between = CurveQuery { range: Some([10.2, 10.8]), ..query };
        let set = shared.curves(&between).unwrap();
        assert_eq!(set.curves[0].raw, [(10.0, 20.0), (11.0, 22.0)]);
    }
}
