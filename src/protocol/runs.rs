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

    /// Histograms, pictures or texts of a run by their names; none while the runs are being read.
    fn samples(&self, run: &str, kind: SampleKind) -> Option<Vec<SampleSeries>>;

    /// What was kept of one of them, at one of its places.
    fn sample(
        &self,
        run: &str,
        kind: SampleKind,
        name: &str,
        place: usize,
    ) -> Option<SampleContent>;

    /// All histograms of a name, oldest first.
    fn histograms(&self, run: &str, name: &str) -> Option<Vec<Histogram>>;

    /// The last lines that a run printed, oldest first.
    fn lines(&self, run: &str) -> Option<Vec<String>>;

    /// Changes what is kept about a run, or removes one of nntop's own.
    ///
    /// # Errors
    /// Says why it cannot be done.
    fn edit(&self, run: &str, edit: &RunEdit) -> Result<(), String>;
}

/// A change of what is kept about a run in the state directory of nntop; the files of its writer are
/// never touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunEdit {
    /// Another name for it; an empty one gives it its own name back.
    Label(String),
    Note(String),
    Tags(Vec<String>),
    /// Remove a run of nntop with its files.
    Delete,
}

/// What a log can hold beside metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleKind {
    Histogram,
    Image,
    Text,
}

/// Samples of one name: the steps of those that were kept, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SampleSeries {
    pub name: String,
    pub steps: Vec<i64>,
}

/// A sample, to be shown.
#[derive(Clone, Debug, PartialEq)]
pub enum SampleContent {
    Image(Bitmap),
    Text(String),
    /// It cannot be shown, and why.
    Broken(String),
}

/// A picture in colours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bitmap {
    pub width: usize,
    pub height: usize,
    /// Row by row: red, green and blue.
    pub pixels: Vec<[u8; 3]>,
}

/// The values of a tensor at a step, counted between edges.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
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
    /// What the user calls it, where that is something else.
    pub label: Option<String>,
    /// What the user wrote about it, and tagged it with.
    pub note: String,
    pub tags: Vec<String>,
    /// It is a run of nntop, whose name this is: it can be opened and deleted.
    pub own: Option<String>,
    /// How many names its histograms, pictures and texts have.
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
    /// What the run is called on the screen: as the user calls it, else by its path.
    #[must_use]
    pub fn called(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.name)
    }
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

/// What the band around the mean of a group shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spread {
    /// One standard deviation to either side.
    #[default]
    Deviation,
    /// The 95 % bootstrap interval of the mean.
    Bootstrap,
    /// From the least to the greatest.
    Range,
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
    pub spread: Spread,
    /// TensorBoard's smoothing, from 0 to under 1; applied before thinning.
    pub smoothing: f64,
    /// The part of the x axis that is shown; all where none is given. The points next to it are
    /// kept as well, so that lines go on to the edge.
    pub range: Option<[f64; 2]>,
    /// The x at which values are read.
    pub at: Option<f64>,
    /// Columns that the chart has: so many buckets keep their first, least, greatest and last value.
    pub columns: usize,
}

/// Curves of one metric.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CurveSet {
    pub curves: Vec<RunCurve>,
    /// The 5th and the 95th percentile of all values, smoothed where smoothing was asked for.
    pub middle: Option<[f64; 2]>,
    /// The least and the greatest x of all points, whatever part is shown.
    pub extent: Option<[f64; 2]>,
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
    /// The point nearest to where values are read, of all points: its x, its value as logged, and
    /// smoothed.
    pub near: Option<[f64; 3]>,
}
