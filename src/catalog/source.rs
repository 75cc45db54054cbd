//! A catalog that is read in the background while a front end shows it.

use super::axis::{self, Axis, Xy};
use super::group::{self, Spread};
use super::metric::summarize;
use super::query::{self, Extra};
use super::run::Run;
use super::{Catalog, Metric, standing};
use crate::protocol::{
    CurveQuery, CurveSet, Grouping, MetricFacts, RunAxis, RunCurve, RunRow, RunSource, RunTable,
};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant, SystemTime};

/// Problems that the table tells.
const MOST_PROBLEMS: usize = 100;
/// How long reading may hold the catalog at a time.
const SLICE: Duration = Duration::from_millis(60);
/// How long a frame waits for its curves, and how long between two tries.
const PATIENCE: Duration = Duration::from_millis(100);
const PAUSE: Duration = Duration::from_millis(1);
/// How often the runs' states are told anew while nothing is written.
const STATES: Duration = Duration::from_secs(5);

/// A catalog with the table of its runs.
#[derive(Debug)]
pub struct SharedCatalog {
    catalog: Mutex<Catalog>,
    table: Mutex<Arc<RunTable>>,
    /// The last row made of each run, and how many points it had then.
    rows: Mutex<HashMap<String, (usize, RunRow)>>,
    /// When the table was made last.
    summarized: Mutex<Option<Instant>>,
}

impl SharedCatalog {
    #[must_use]
    pub fn new(catalog: Catalog) -> Self {
        Self {
            catalog: Mutex::new(catalog),
            table: Mutex::new(Arc::new(RunTable { loading: true, ..RunTable::default() })),
            rows: Mutex::default(),
            summarized: Mutex::default(),
        }
    }

    /// A catalog that was read already.
    #[must_use]
    pub fn loaded(catalog: Catalog) -> Self {
        let shared = Self::new(catalog);
        shared.summarize(&lock(&shared.catalog), false);
        shared
    }

    /// Reads what is new, a slice of it at a time; whether more waits.
    pub fn poll(&self) -> bool {
        let mut catalog = lock(&self.catalog);
        let (any, more) = catalog.poll_for(SLICE);
        let is_old = lock(&self.summarized).is_none_or(|at| at.elapsed() > STATES);
        if any || is_old || self.table().loading != more {
            self.summarize(&catalog, more);
        }
        more
    }

    fn summarize(&self, catalog: &Catalog, loading: bool) {
        *lock(&self.summarized) = Some(Instant::now());
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.map_or(0.0, |elapsed| elapsed.as_secs_f64());
        let (runs, times): (Vec<&Run>, Vec<Option<f64>>) = catalog.runs_with_times().unzip();
        let differing = group::differing_settings(&runs);
        let mut kept = lock(&self.rows);
        let rows: Vec<RunRow> = runs
            .iter()
            .zip(times)
            .map(|(run, written)| {
                let points = run.metrics.iter().map(Metric::len).sum();
                let known = kept.get(&run.name).filter(|(had, _)| *had == points);
                let mut row = known.map_or_else(|| row(run), |(_, row)| row.clone());
                row.state = standing(run, written, now).word();
                row.progress = run.progress;
                row.title.clone_from(&run.title);
                let value =
                    |name: &String| run.setting(name).map_or_else(String::new, ToString::to_string);
                row.config = differing.iter().map(|name| (name.clone(), value(name))).collect();
                kept.insert(run.name.clone(), (points, row.clone()));
                row
            })
            .collect();
        drop(kept);
        let problems = catalog.problems().take(MOST_PROBLEMS);
        let problems =
            problems.map(|(_, path, text)| format!("{}: {text}", path.display())).collect();
        let mut table = lock(&self.table);
        let files = catalog.files();
        let next = RunTable { rows, files, problems, loading, revision: table.revision };
        if next != **table {
            *table = Arc::new(RunTable { revision: table.revision + 1, ..next });
        }
    }
}

/// The lock; what a thread that panicked left behind is still readable.
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
        state: "",
        step: run.step(),
        progress: run.progress,
        metrics: run.metrics.iter().filter_map(facts).collect(),
        config: Vec::new(),
    }
}

impl SharedCatalog {
    /// The catalog, once reading leaves it free; none where that takes too long for a frame.
    fn free(&self) -> Option<MutexGuard<'_, Catalog>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.catalog.try_lock() {
                Ok(catalog) => return Some(catalog),
                Err(TryLockError::Poisoned(left)) => return Some(left.into_inner()),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::sleep(PAUSE);
                }
                Err(TryLockError::WouldBlock) => return None,
            }
        }
    }
}

impl RunSource for SharedCatalog {
    fn table(&self) -> Arc<RunTable> {
        Arc::clone(&lock(&self.table))
    }

    fn filter(&self, query: &str) -> Result<BTreeSet<String>, String> {
        let query = query::parse(query)?;
        let table = self.table();
        let states: HashMap<&str, &str> =
            table.rows.iter().map(|row| (row.name.as_str(), row.state)).collect();
        let catalog = lock(&self.catalog);
        let matching = catalog.runs().filter(|run| {
            let state = states.get(run.name.as_str()).copied().unwrap_or_default();
            query.matches(run, Extra { state, ..Extra::default() })
        });
        Ok(matching.map(|run| run.name.clone()).collect())
    }

    fn curves(&self, query: &CurveQuery) -> Option<CurveSet> {
        let catalog = self.free()?;
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
        let curves: Vec<RunCurve> = if query.grouping == Grouping::None {
            runs.iter().filter_map(|run| single(run, query)).collect()
        } else {
            groups
                .iter()
                .filter_map(|(name, members)| grouped(name, members, &runs, query))
                .collect()
        };
        let values: Vec<f64> = curves
            .iter()
            .flat_map(|curve| if query.smoothing > 0.0 { &curve.smooth } else { &curve.raw })
            .map(|point| point.1)
            .collect();
        let middle = axis::percentile(&values, 0.05)
            .and_then(|low| Some([low, axis::percentile(&values, 0.95)?]));
        Some(CurveSet { curves, middle })
    }
}

fn of_axis(axis: RunAxis) -> Axis {
    match axis {
        RunAxis::Step => Axis::Step,
        RunAxis::Epoch => Axis::Epoch,
        RunAxis::Relative => Axis::Relative,
        RunAxis::Process => Axis::Process,
        RunAxis::Wall => Axis::Wall,
    }
}

/// Points within the range asked for, thinned to the columns there are.
fn fit(points: &[Xy], query: &CurveQuery) -> Vec<Xy> {
    let inside =
        |point: &&Xy| query.range.is_none_or(|[low, high]| (low..=high).contains(&point.0));
    let points: Vec<Xy> = points.iter().filter(inside).copied().collect();
    axis::thin(&points, query.columns.max(1))
}

fn single(run: &Run, query: &CurveQuery) -> Option<RunCurve> {
    let metric = run.metric(&query.metric)?;
    let curve = axis::curve(run, metric, of_axis(query.axis));
    let smooth = axis::smooth(&curve.current, query.smoothing);
    Some(RunCurve {
        name: run.name.clone(),
        members: 1,
        raw: fit(&curve.current, query),
        smooth: fit(&smooth, query),
        superseded: curve.superseded.iter().map(|piece| fit(piece, query)).collect(),
        band: None,
    })
}

fn grouped(name: &str, members: &[usize], runs: &[&Run], query: &CurveQuery) -> Option<RunCurve> {
    if let [only] = members {
        return single(runs[*only], query);
    }
    let curves: Vec<Vec<Xy>> = members
        .iter()
        .filter_map(|&member| {
            let metric = runs[member].metric(&query.metric)?;
            let curve = axis::curve(runs[member], metric, of_axis(query.axis));
            Some(axis::smooth(&curve.current, query.smoothing))
        })
        .collect();
    let band = group::band(&curves, Spread::Range);
    let mean = fit(&band.mean, query);
    Some(RunCurve {
        name: name.to_owned(),
        members: members.len(),
        raw: mean.clone(),
        smooth: mean,
        superseded: Vec::new(),
        band: Some([fit(&band.low, query), fit(&band.high, query)]),
    })
}
