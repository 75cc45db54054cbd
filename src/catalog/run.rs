//! A run: everything read from its logs.

use super::points::{Metric, Point};
use crate::logs::{Bucket, Record, Sink, State, Value};
use std::collections::{HashMap, VecDeque};

/// Printed lines kept of a run.
const MAX_LINES: usize = 500;
/// Warnings kept of a run.
const MAX_WARNINGS: usize = 100;
/// Texts, images and histograms kept of each name: the newest.
const MAX_SAMPLES: usize = 500;
/// Bytes of images kept of a run.
const MAX_IMAGE_BYTES: usize = 32 << 20;
/// Metrics of a run; more are a mistake of the writer's.
const MAX_METRICS: usize = 20_000;

/// Everything known of a run.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// Its path below where it was found, unique in a catalog.
    pub name: String,
    /// What its writer calls it.
    pub title: Option<String>,
    pub group: Option<String>,
    /// How it stands by its writer's own account.
    pub state: Option<State>,
    /// When it began, seconds since 1970.
    pub started: Option<f64>,
    /// Units done and in all, of its progress bar.
    pub progress: Option<(u64, u64)>,
    pub metrics: Vec<Metric>,
    pub texts: Vec<Sample<String>>,
    pub images: Vec<Sample<Vec<u8>>>,
    pub histograms: Vec<Sample<Vec<Bucket>>>,
    /// The last lines that it printed.
    pub lines: VecDeque<String>,
    pub warnings: Vec<Warning>,
    /// Its hyper-parameters, those of directories above it included, in order of their names.
    pub config: Vec<(String, Value)>,
    /// Its own hyper-parameters and the file that says each.
    own_config: Vec<(usize, String, Value)>,
    /// Its files in order of their names.
    pub file_order: Vec<usize>,
    by_name: HashMap<String, usize>,
    image_bytes: usize,
    /// The files that the state and the progress were read from.
    state_from: Option<usize>,
    progress_from: Option<usize>,
    /// Increases with every record.
    changes: u64,
    /// The metric that is likely to come next: writers log in turns.
    next: usize,
}

/// Something at a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample<T> {
    pub file: usize,
    pub name: String,
    pub step: i64,
    pub wall_time: f64,
    pub content: T,
}

/// What is wrong with a log.
#[derive(Clone, Debug, PartialEq)]
pub struct Warning {
    pub file: usize,
    /// Where in the file, in bytes.
    pub offset: u64,
    pub text: String,
}

impl Run {
    #[must_use]
    pub fn new(name: String) -> Self {
        Self { name, ..Self::default() }
    }

    /// A metric by its name.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<&Metric> {
        self.by_name.get(name).map(|&index| &self.metrics[index])
    }

    /// A hyper-parameter by its name.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&Value> {
        self.config.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The highest step of any metric.
    #[must_use]
    pub fn step(&self) -> Option<i64> {
        self.metrics.iter().filter_map(|metric| Some(metric.last()?.step)).max()
    }

    /// The time of the newest point, seconds since 1970.
    #[must_use]
    pub fn last_time(&self) -> Option<f64> {
        let times = self.metrics.iter().filter_map(|metric| Some(metric.last()?.wall_time));
        times.filter(|time| time.is_finite()).max_by(f64::total_cmp)
    }

    /// Whether it says nothing that a table of runs could show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.metrics.is_empty()
            && self.texts.is_empty()
            && self.images.is_empty()
            && self.histograms.is_empty()
            && self.own_config.is_empty()
    }

    /// Its own hyper-parameters.
    pub fn own_config(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.own_config.iter().map(|(_, name, value)| (name.as_str(), value))
    }

    /// A number that increases with every change of the run.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Sets the hyper-parameters.
    pub fn configure(&mut self, config: Vec<(String, Value)>) {
        if self.config != config {
            self.config = config;
            self.changes += 1;
        }
    }

    /// Applies a record of one of its files.
    pub fn apply(&mut self, file: usize, record: &Record<'_>) {
        self.changes += 1;
        match *record {
            Record::Scalar { name, step, wall_time, value } => {
                if let Some(metric) = self.metric_mut(name) {
                    metric.push(file, Point { step, wall_time, value });
                }
            }
            Record::Config { name, ref value } => {
                let setting = (file, name.to_owned(), value.clone());
                match self.own_config.iter().position(|(_, known, _)| known == name) {
                    // If files disagree, the last one in order counts, whichever was read first.
                    Some(at) if self.is_before(file, self.own_config[at].0) => {}
                    Some(at) => self.own_config[at] = setting,
                    None => self.own_config.push(setting),
                }
            }
            Record::Text { name, step, wall_time, text } => {
                let content = text.to_owned();
                keep(
                    &mut self.texts,
                    Sample { file, name: name.to_owned(), step, wall_time, content },
                );
            }
            Record::Histogram { name, step, wall_time, buckets } => {
                let content = buckets.to_vec();
                let sample = Sample { file, name: name.to_owned(), step, wall_time, content };
                keep(&mut self.histograms, sample);
            }
            Record::Image { name, step, wall_time, encoded } => {
                self.image_bytes += encoded.len();
                let content = encoded.to_vec();
                keep(
                    &mut self.images,
                    Sample { file, name: name.to_owned(), step, wall_time, content },
                );
                while self.image_bytes > MAX_IMAGE_BYTES && self.images.len() > 1 {
                    self.image_bytes -= self.images.remove(0).content.len();
                }
            }
            Record::Restart { step } => {
                self.metrics.iter_mut().for_each(|metric| metric.restart(file, step));
                self.state = None;
            }
            Record::Title { name } => self.title = Some(name.to_owned()),
            Record::Group { name } => self.group = Some(name.to_owned()),
            Record::State(state) => (self.state, self.state_from) = (Some(state), Some(file)),
            Record::Started { wall_time } => self.started = Some(wall_time),
            Record::Progress { done, total } => {
                (self.progress, self.progress_from) = (Some((done, total)), Some(file));
            }
            Record::Line { text } => {
                if self.lines.len() == MAX_LINES {
                    self.lines.pop_front();
                }
                self.lines.push_back(text.to_owned());
            }
            Record::Warning { offset, ref text } => {
                if self.warnings.len() < MAX_WARNINGS {
                    self.warnings.push(Warning { file, offset, text: text.clone() });
                }
            }
            Record::Run { .. } | Record::Reset => {}
        }
    }

    /// Whether a file precedes another one in the order of names.
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
            (self.state, self.state_from) = (None, None);
        }
        if self.progress_from == Some(file) {
            (self.progress, self.progress_from) = (None, None);
        }
    }

    /// The metric of a name, made if there is none yet.
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

/// Adds a sample; of a name with too many of them the oldest goes.
fn keep<T>(samples: &mut Vec<Sample<T>>, sample: Sample<T>) {
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
    /// The file's own run first, then those that it says hold their own.
    pub runs: &'a mut Vec<Run>,
    pub file: usize,
    /// Only printed lines are used: the metrics are also in another file.
    pub only_lines: bool,
    pub current: usize,
}

impl Sink for RunSink<'_> {
    fn record(&mut self, record: Record<'_>) {
        match record {
            Record::Run { name } => {
                let full = format!("{}/{name}", self.runs[0].name);
                let known = self.runs.iter().position(|run| run.name == full);
                self.current = known.unwrap_or_else(|| {
                    self.runs.push(Run::new(full));
                    self.runs.len() - 1
                });
            }
            Record::Reset => {
                self.runs.iter_mut().for_each(|run| run.forget(self.file));
                self.current = 0;
            }
            Record::Line { .. } | Record::Warning { .. } => {
                self.runs[self.current].apply(self.file, &record);
            }
            _ if self.only_lines => {}
            _ => self.runs[self.current].apply(self.file, &record),
        }
    }
}
