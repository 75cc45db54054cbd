//! A run: all data read from its logs.

use super::points::{Metric, MetricPoint};
use crate::logs::{HistogramBucket, LogRecord, LogValue, Sink, WriterState};
use std::collections::{HashMap, VecDeque};

/// Maximum number of printed lines kept per run.
const MAX_LINES: usize = 500;
/// Maximum number of warnings kept per run.
const MAX_WARNINGS: usize = 100;
/// Maximum number of texts, images and histograms kept per name; the oldest are dropped.
const MAX_SAMPLES: usize = 500;
/// Maximum size of the images kept per run, in bytes.
const MAX_IMAGE_BYTES: usize = 32 << 20;
/// Maximum number of metrics per run; more indicate an error of the writer.
const MAX_METRICS: usize = 20_000;

/// All data about a run.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// Its path relative to the root, unique in a catalog.
    pub name: String,
    /// The writer's name for it.
    pub title: Option<String>,
    pub group: Option<String>,
    /// Its state according to the writer.
    pub state: Option<WriterState>,
    /// Start time in seconds since 1970.
    pub started: Option<f64>,
    /// Completed and total units of its progress bar.
    pub progress: Option<(u64, u64)>,
    pub metrics: Vec<Metric>,
    pub texts: Vec<LoggedSample<String>>,
    pub images: Vec<LoggedSample<Vec<u8>>>,
    pub histograms: Vec<LoggedSample<Vec<HistogramBucket>>>,
    /// The last printed lines.
    pub lines: VecDeque<String>,
    pub warnings: Vec<Warning>,
    /// Its hyper-parameters, including those of directories above it, sorted by name.
    pub config: Vec<(String, LogValue)>,
    /// Its own hyper-parameters, with the file each comes from.
    own_config: Vec<(usize, String, LogValue)>,
    /// The ids of its files, sorted by name.
    pub file_order: Vec<usize>,
    by_name: HashMap<String, usize>,
    image_bytes: usize,
    /// The files that state and progress were read from.
    state_from: Option<usize>,
    /// The time of the state, if later data override it.
    state_time: Option<f64>,
    progress_from: Option<usize>,
    /// Incremented with every record.
    changes: u64,
    /// Index of the metric expected next, because writers repeat the same order.
    next: usize,
}

/// A value at a step.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedSample<T> {
    pub file: usize,
    pub name: String,
    pub step: i64,
    pub wall_time: f64,
    pub content: T,
}

/// A problem of a log.
#[derive(Clone, Debug, PartialEq)]
pub struct Warning {
    pub file: usize,
    /// Position in the file, in bytes.
    pub offset: u64,
    pub text: String,
}

impl Run {
    #[must_use]
    pub fn new(name: String) -> Self {
        Self { name, ..Self::default() }
    }

    /// Finds a metric by name.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<&Metric> {
        self.by_name.get(name).map(|&index| &self.metrics[index])
    }

    /// Finds a hyper-parameter by name.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&LogValue> {
        self.config.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The highest last step of any metric.
    #[must_use]
    pub fn step(&self) -> Option<i64> {
        self.metrics.iter().filter_map(|metric| Some(metric.last()?.step)).max()
    }

    /// Time of the newest point in seconds since 1970.
    #[must_use]
    pub fn last_time(&self) -> Option<f64> {
        let times = self.metrics.iter().filter_map(|metric| Some(metric.last()?.wall_time));
        times.filter(|time| time.is_finite()).max_by(f64::total_cmp)
    }

    /// The state according to the writer, unless data logged later show that the run continues.
    #[must_use]
    pub fn reported_state(&self) -> Option<WriterState> {
        let later = self.state_time.zip(self.last_time()).is_some_and(|(state, last)| {
            // Writers may log their last values up to a second after the end.
            last > state + 1.0
        });
        self.state.filter(|_| !later)
    }

    /// Whether it has no data that a table of runs could show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.metrics.is_empty()
            && self.texts.is_empty()
            && self.images.is_empty()
            && self.histograms.is_empty()
            && self.own_config.is_empty()
    }

    /// Its own hyper-parameters.
    pub fn own_config(&self) -> impl Iterator<Item = (&str, &LogValue)> {
        self.own_config.iter().map(|(_, name, value)| (name.as_str(), value))
    }

    /// A number that increases with every change of the run.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Sets the hyper-parameters.
    pub fn configure(&mut self, config: Vec<(String, LogValue)>) {
        if self.config != config {
            self.config = config;
            self.changes += 1;
        }
    }

    /// Applies a record of one of its files.
    pub fn apply(&mut self, file: usize, record: &LogRecord<'_>) {
        self.changes += 1;
        match *record {
            LogRecord::Scalar { name, step, wall_time, value } => {
                if let Some(metric) = self.metric_mut(name) {
                    metric.push(file, MetricPoint { step, wall_time, value });
                }
            }
            LogRecord::Config { name, ref value } => {
                let setting = (file, name.to_owned(), value.clone());
                match self.own_config.iter().position(|(_, known, _)| known == name) {
                    // If files disagree, the last in order counts, regardless of which was read first.
                    Some(at) if self.is_before(file, self.own_config[at].0) => {}
                    Some(at) => self.own_config[at] = setting,
                    None => self.own_config.push(setting),
                }
            }
            LogRecord::Text { name, step, wall_time, text } => {
                let content = text.to_owned();
                keep(
                    &mut self.texts,
                    LoggedSample { file, name: name.to_owned(), step, wall_time, content },
                );
            }
            LogRecord::Histogram { name, step, wall_time, buckets } => {
                let content = buckets.to_vec();
                let sample = LoggedSample { file, name: name.to_owned(), step, wall_time, content };
                keep(&mut self.histograms, sample);
            }
            LogRecord::Image { name, step, wall_time, encoded } => {
                self.image_bytes += encoded.len();
                let content = encoded.to_vec();
                keep(
                    &mut self.images,
                    LoggedSample { file, name: name.to_owned(), step, wall_time, content },
                );
                while self.image_bytes > MAX_IMAGE_BYTES && self.images.len() > 1 {
                    self.image_bytes -= self.images.remove(0).content.len();
                }
            }
            LogRecord::Restart { step } => {
                self.metrics.iter_mut().for_each(|metric| metric.restart(file, step));
                self.state = None;
            }
            LogRecord::Title { name } => self.title = Some(name.to_owned()),
            LogRecord::Group { name } => self.group = Some(name.to_owned()),
            LogRecord::State(state) => {
                (self.state, self.state_from, self.state_time) = (Some(state), Some(file), None);
            }
            LogRecord::StateAt { state, wall_time } => {
                (self.state, self.state_from) = (Some(state), Some(file));
                self.state_time = Some(wall_time).filter(|time| time.is_finite());
            }
            LogRecord::Started { wall_time } => self.started = Some(wall_time),
            LogRecord::Progress { done, total } => {
                (self.progress, self.progress_from) = (Some((done, total)), Some(file));
            }
            LogRecord::Line { text } => {
                if self.lines.len() == MAX_LINES {
                    self.lines.pop_front();
                }
                self.lines.push_back(text.to_owned());
            }
            LogRecord::Warning { offset, ref text } => {
                if self.warnings.len() < MAX_WARNINGS {
                    self.warnings.push(Warning { file, offset, text: text.clone() });
                }
            }
            LogRecord::Run { .. } | LogRecord::Reset => {}
        }
    }

    /// Whether a file precedes another one in order of names.
    fn is_before(&self, file: usize, other: usize) -> bool {
        let place = |file| self.file_order.iter().position(|known| *known == file);
        match (place(file), place(other)) {
            (Some(a), Some(b)) => a < b,
            _ => file < other,
        }
    }

    /// Removes everything read from a file.
    pub fn forget(&mut self, file: usize) {
        self.changes += 1;
        self.metrics.iter_mut().for_each(|metric| metric.forget(file));
        self.texts.retain(|sample| sample.file != file);
        self.histograms.retain(|sample| sample.file != file);
        self.images.retain(|sample| sample.file != file);
        self.image_bytes = self.images.iter().map(|image| image.content.len()).sum();
        self.warnings.retain(|warning| warning.file != file);
        self.own_config.retain(|(from, ..)| *from != file);
        if self.state_from == Some(file) {
            (self.state, self.state_from, self.state_time) = (None, None, None);
        }
        if self.progress_from == Some(file) {
            (self.progress, self.progress_from) = (None, None);
        }
    }

    /// The metric with a name, added if missing.
    fn metric_mut(&mut self, name: &str) -> Option<&mut Metric> {
        let guess = self.metrics.get(self.next).is_some_and(|metric| metric.name == name);
        let index = if guess {
            self.next
        } else if let Some(&index) = self.by_name.get(name) {
            index
        } else {
            if self.metrics.len() >= MAX_METRICS {
                return None;
            }
            self.metrics.push(Metric::new(name));
            self.by_name.insert(name.to_owned(), self.metrics.len() - 1);
            self.metrics.len() - 1
        };
        self.next = if index + 1 < self.metrics.len() { index + 1 } else { 0 };
        self.metrics.get_mut(index)
    }
}

/// Adds a sample; drops the oldest of its name if there are too many.
fn keep<T>(samples: &mut Vec<LoggedSample<T>>, sample: LoggedSample<T>) {
    if samples.len() >= MAX_SAMPLES {
        let same = samples.iter().filter(|known| known.name == sample.name).count();
        if same >= MAX_SAMPLES || samples.len() >= 8 * MAX_SAMPLES {
            let oldest = samples.iter().position(|known| known.name == sample.name).unwrap_or(0);
            samples.remove(oldest);
        }
    }
    samples.push(sample);
}

/// Applies the records of a file to its runs; most files have one run.
#[derive(Debug)]
pub struct RunSink<'a> {
    /// The file's own run first, then those for which it has separate sections.
    pub runs: &'a mut Vec<Run>,
    pub file: usize,
    /// Use only printed lines, because the metrics are also in another file.
    pub only_lines: bool,
    pub current: usize,
}

impl Sink for RunSink<'_> {
    fn record(&mut self, record: LogRecord<'_>) {
        match record {
            LogRecord::Run { name } => {
                let full = format!("{}/{name}", self.runs[0].name);
                let known = self.runs.iter().position(|run| run.name == full);
                self.current = known.unwrap_or_else(|| {
                    self.runs.push(Run::new(full));
                    self.runs.len() - 1
                });
            }
            LogRecord::Reset => {
                self.runs.iter_mut().for_each(|run| run.forget(self.file));
                self.current = 0;
            }
            LogRecord::Line { .. } | LogRecord::Warning { .. } => {
                self.runs[self.current].apply(self.file, &record);
            }
            _ if self.only_lines => {}
            _ => self.runs[self.current].apply(self.file, &record),
        }
    }
}
