//! Tables of runs, and the source that provides them and their curves.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// Source of runs and curves for the dashboard. Only [`RunSource::edit`] accesses the disk.
pub trait RunSource: fmt::Debug + Send + Sync {
    /// The current runs.
    fn table(&self) -> Arc<RunTable>;

    /// The names of the runs that match a query.
    ///
    /// # Errors
    /// If the text is not a query; the error says why.
    fn filter(&self, query: &str) -> Result<BTreeSet<String>, String>;

    /// The curves of a metric; `None` while the runs are being read.
    fn curves(&self, query: &CurveQuery) -> Option<CurveSet>;

    /// Histograms, images or texts of a run; `None` while the runs are being read.
    fn samples(&self, run: &str, kind: SampleKind) -> Option<Vec<SampleSeries>>;

    /// One of the kept samples of a name, by its index.
    fn sample(
        &self,
        run: &str,
        kind: SampleKind,
        name: &str,
        place: usize,
    ) -> Option<SampleContent>;

    /// All histograms of a name, oldest first.
    fn histograms(&self, run: &str, name: &str) -> Option<Vec<TensorHistogram>>;

    /// The last lines that a run printed, oldest first.
    fn lines(&self, run: &str) -> Option<Vec<String>>;

    /// Changes the user's notes about a run, or removes one of nntop's own.
    ///
    /// # Errors
    /// The reason why it is not possible.
    fn edit(&self, run: &str, edit: &RunEdit) -> Result<(), String>;
}

/// A change of the user's notes about a run, stored in nntop's state directory; the log files
/// themselves are never changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunEdit {
    /// Another name for it; an empty one restores its original name.
    Label(String),
    Note(String),
    Tags(Vec<String>),
    /// Remove a run of nntop with its files.
    Delete,
}

/// What a log can contain besides metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleKind {
    Histogram,
    Image,
    Text,
}

/// Samples of one name: the steps of the kept ones, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SampleSeries {
    pub name: String,
    pub steps: Vec<i64>,
}

/// The content of a sample.
#[derive(Clone, Debug, PartialEq)]
pub enum SampleContent {
    Image(Bitmap),
    Text(String),
    /// It cannot be shown, for this reason.
    Broken(String),
}

/// A colour image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bitmap {
    pub width: usize,
    pub height: usize,
    /// RGB, row by row.
    pub pixels: Vec<[u8; 3]>,
}

/// The histogram of a tensor at a step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TensorHistogram {
    pub step: i64,
    /// Left edge, right edge and count of each bucket, from low to high.
    pub buckets: Vec<[f64; 3]>,
}

/// The runs, ordered by name, and statistics of the files they were read from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunTable {
    pub rows: Vec<RunRow>,
    /// Number of files followed.
    pub files: usize,
    /// Formats of these files with the number of files of each, most frequent first.
    pub formats: Vec<(&'static str, usize)>,
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
    /// The name given by the user, if it differs.
    pub label: Option<String>,
    /// Note and tags of the user.
    pub note: String,
    pub tags: Vec<String>,
    /// The name of the run if it is nntop's own, which can be opened and deleted.
    pub own: Option<String>,
    /// Number of names of its histograms, images and texts.
    pub samples: [usize; 3],
    /// `running`, `held`, `stalled`, `ended`, `interrupted` or `failed`.
    pub state: &'static str,
    pub step: Option<i64>,
    /// Units done and total.
    pub progress: Option<(u64, u64)>,
    pub metrics: Vec<MetricFacts>,
    /// Hyper-parameters in which the runs of the table differ: the same names in every row.
    pub config: Vec<(String, String)>,
}

impl RunRow {
    /// The name on the screen: the user's, or else its path.
    #[must_use]
    pub fn display_name(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.name)
    }
}

/// Summary of a metric over all its values.
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
    /// The epoch given by the run's metric `epoch` for a step, or the step if there is none.
    Epoch,
    /// Seconds since the run's first point.
    Relative,
    /// The same without pauses.
    Process,
    /// Seconds since 1970.
    Wall,
}

/// What the band around the mean of a group shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spread {
    /// One standard deviation to either side.
    #[default]
    Deviation,
    /// The 95 % bootstrap interval of the mean.
    Bootstrap,
    /// From minimum to maximum.
    Range,
}

/// How runs are grouped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Grouping {
    /// Each by itself.
    #[default]
    None,
    /// Runs that differ only in their seed.
    Seed,
    /// By the value of a hyper-parameter.
    Setting(String),
}

/// A request for curves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CurveQuery {
    pub metric: String,
    /// Names of runs.
    pub runs: Vec<String>,
    pub axis: RunAxis,
    pub grouping: Grouping,
    pub spread: Spread,
    /// TensorBoard's smoothing, from 0 to under 1; applied before thinning.
    pub smoothing: f64,
    /// The visible part of the x axis; `None` for all of it. The adjacent points are kept as well,
    /// so that lines continue to the edge.
    pub range: Option<[f64; 2]>,
    /// The x at which values are read off.
    pub at: Option<f64>,
    /// Number of columns of the chart: the first, minimum, maximum and last value are kept for
    /// each.
    pub columns: usize,
}

/// Curves of one metric.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CurveSet {
    pub curves: Vec<RunCurve>,
    /// The 5th and the 95th percentile of all values, smoothed if smoothing was requested.
    pub middle: Option<[f64; 2]>,
    /// Minimum and maximum x of all points, including those outside the visible range.
    pub extent: Option<[f64; 2]>,
}

/// The curve of a run, or of a group of runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunCurve {
    /// The run's name, or what the runs of the group have in common.
    pub name: String,
    /// Number of runs in the group.
    pub members: usize,
    /// As logged; a group's mean.
    pub raw: Vec<(f64, f64)>,
    /// Smoothed.
    pub smooth: Vec<(f64, f64)>,
    /// Parts that were overwritten after a restart from an earlier step.
    pub superseded: Vec<Vec<(f64, f64)>>,
    /// The lower and upper edge of a group's band.
    pub band: Option<[Vec<(f64, f64)>; 2]>,
    /// The point nearest to `at`: its x, its logged value, and its smoothed value.
    pub near: Option<[f64; 3]>,
}
