//! Tables of runs, and the source from which a front end gets them and their curves.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// Source of runs and curves for a front end. No method waits for a disk.
pub trait RunSource: fmt::Debug + Send + Sync {
    /// The current runs.
    fn table(&self) -> Arc<RunTable>;

    /// The names of the runs that match a query.
    ///
    /// # Errors
    /// If the text is not a query; the error says why.
    fn filter(&self, query: &str) -> Result<BTreeSet<String>, String>;

    /// The curves of a metric; empty while the runs are being read.
    fn curves(&self, query: &CurveQuery) -> Option<CurveSet>;
}

/// The runs, ordered by name, and statistics of the files they were read from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunTable {
    pub rows: Vec<RunRow>,
    /// Number of files followed.
    pub files: usize,
    /// Problems with files, in words.
    pub problems: Vec<String>,
    /// Not everything has been read yet.
    pub loading: bool,
    /// Increases whenever anything changes.
    pub revision: u64,
}

/// A run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunRow {
    pub name: String,
    /// Name given by its writer.
    pub title: Option<String>,
    /// `running`, `stalled`, `ended` or `failed`.
    pub state: &'static str,
    pub step: Option<i64>,
    /// Units done and total.
    pub progress: Option<(u64, u64)>,
    pub metrics: Vec<MetricFacts>,
    /// Hyper-parameters in which the runs differ, in the order of [`RunTable::rows`]' common list.
    pub config: Vec<(String, String)>,
}

/// Facts of a metric, folded from every value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricFacts {
    pub name: String,
    pub count: u64,
    pub last: f64,
    pub best: Option<f64>,
    pub best_step: i64,
}

/// The x axis of a curve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunAxis {
    #[default]
    Step,
    Epoch,
    /// Seconds since the start of the run.
    Relative,
    /// The same without pauses.
    Process,
    /// Seconds since 1970.
    Wall,
}

/// How runs are put together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Grouping {
    /// Each by itself.
    #[default]
    None,
    /// Those that differ in their seed alone.
    Seed,
    /// By the value of a hyper-parameter.
    Setting(String),
}

/// Which curves are wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CurveQuery {
    pub metric: String,
    /// Names of runs.
    pub runs: Vec<String>,
    pub axis: RunAxis,
    pub grouping: Grouping,
    /// TensorBoard's smoothing, from 0 to under 1; applied before thinning.
    pub smoothing: f64,
    /// The part of the x axis that is shown; all where none is given.
    pub range: Option<[f64; 2]>,
    /// Columns that the chart has: so many buckets keep their first, least, greatest and last value.
    pub columns: usize,
}

/// Curves of one metric.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CurveSet {
    pub curves: Vec<RunCurve>,
    /// The 5th and the 95th percentile of all values, smoothed where smoothing was asked for.
    pub middle: Option<[f64; 2]>,
}

/// The curve of a run, or of a group of runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunCurve {
    /// The run's name, or what the group has in common.
    pub name: String,
    /// How many runs it stands for.
    pub members: usize,
    /// As logged; a group's mean.
    pub raw: Vec<(f64, f64)>,
    /// Smoothed.
    pub smooth: Vec<(f64, f64)>,
    /// Pieces that a later start of the training overtook.
    pub superseded: Vec<Vec<(f64, f64)>>,
    /// The bottom and the top of a group's band.
    pub band: Option<[Vec<(f64, f64)>; 2]>,
}
