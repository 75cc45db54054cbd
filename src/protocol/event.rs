//! Events that a run reports to its clients.

use super::command::{Pace, Tune};
use super::explorable::{Explorable, Explored};
use super::figure::Figure;
use super::live::{Mark, Media, PauseLevel, SystemUse, Tunable};
use super::metric::Metrics;
use super::probe::Frame;
use super::real;
use super::stats::EpochStats;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Something that happened in a run. Facts are never dropped. Samples may be dropped in favour of
/// newer ones, and are sent at most ten times a second. New variants go to the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// Fact: the first event of a run, and the first after each resume.
    Started(Box<RunInfo>),
    /// Fact: an epoch was trained and measured; epoch 0 is the untrained network.
    EpochEnded(EpochStats),
    /// Fact: the requested or the effective state changed.
    StatusChanged(Status),
    /// Fact: a hyper-parameter was changed by hand.
    Tuned(Tuned),
    /// Fact: a model or checkpoint was written.
    Saved(SavedFile),
    /// Fact: a figure of an experiment; it replaces an earlier one with the same id.
    Figure(Figure),
    /// Fact: a claim of the book was checked.
    Claim(Claim),
    /// Fact: a log line.
    Log(LogLine),
    /// Fact: the run has ended. It can still be browsed.
    Finished(Outcome),
    /// Sample: progress within the epoch.
    Progress(Progress),
    /// Sample: the answer to a watched probe.
    Frame(Box<Frame>),
    /// Sample: the answer to `Command::Classify`.
    Classified(Classified),
    /// Sample: the answer to `Command::Explore`, sent only to the client that asked.
    Explored(Box<Explored>),
    /// Sample: the list of explorables, sent only to the client that asked.
    Explorables(Vec<Explorable>),
    /// Fact: metrics measured at a step, from any source. Epochs of nntop's own trainer arrive as
    /// [`Event::EpochEnded`]; [`EpochStats::metrics`] gives the same form.
    Metrics(Metrics),
    /// Sample: lines that a command printed.
    Output(OutputLines),
    /// Fact: a changed description of the run, for example after a script reported its layers,
    /// classes and hyper-parameters.
    Described(Box<RunInfo>),
    /// Fact: the value of a tunable parameter.
    Tunable(Tunable),
    /// Fact: an event to mark on charts, such as a pause.
    Mark(Mark),
    /// Fact: a command was refused, for this reason.
    Refused(String),
    /// Fact: the exit code of a command that has ended, or 128 plus the signal that ended it.
    ExitCode(i32),
    /// Fact: a text, an image or a distribution that was reported.
    Media(Box<Media>),
    /// Sample: the system resources that the processes of a command use.
    System(SystemUse),
}

impl Event {
    /// Whether the event may be dropped for a slow client.
    #[must_use]
    pub fn is_sample(&self) -> bool {
        matches!(
            self,
            Self::Progress(_)
                | Self::Frame(_)
                | Self::Classified(_)
                | Self::Explored(_)
                | Self::Explorables(_)
                | Self::Output(_)
                | Self::System(_)
        )
    }
}

/// The kind of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunKind {
    /// The training of one network.
    #[default]
    Training,
    /// A job of several trainings, such as an experiment of the book, before the first of them.
    Job,
    /// One of the trainings of a job, with its name in the job.
    JobTraining(String),
    /// A command, whose output and metrics are shown.
    Command,
    /// The predictions of another program's classifier, whose images and confusion matrix are shown.
    Predictions,
}

/// Description of a run: everything to show about it that does not change during training.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunInfo {
    pub kind: RunKind,
    /// A short title, such as `784-30-10` or an experiment's id.
    pub title: String,
    /// The network as text, as `--layers` takes it.
    pub network: String,
    /// One entry per layer, from the input side.
    pub layers: Vec<LayerInfo>,
    /// Number of weights and biases.
    pub parameters: u64,
    pub cost: String,
    pub optimizer: String,
    pub regularizer: String,
    pub schedule: String,
    /// The learning rate η at the start.
    pub learning_rate: f64,
    /// The regularization parameter λ at the start.
    pub regularization: f64,
    /// The momentum coefficient μ at the start.
    pub momentum: f64,
    /// Images per mini-batch.
    pub batch_size: u32,
    /// Total number of epochs to train.
    pub epochs: u32,
    pub seed: u64,
    pub threads: u32,
    /// Name of the data set, such as `MNIST`.
    pub data: String,
    pub train_size: u32,
    pub validation_size: u32,
    pub test_size: u32,
    /// Size of an image in pixels.
    pub image_width: u32,
    pub image_height: u32,
    /// Class names, indexed by label.
    pub classes: Vec<String>,
    /// Activation function of the hidden layers.
    pub activation: String,
    /// Initialization of the weights.
    pub init: String,
    /// Fraction of hidden units dropped in each mini-batch.
    pub dropout: f64,
    /// Augmentation of the training images, as `--expand` takes it.
    pub expand: Vec<String>,
    /// The validation images are used for training, too.
    pub all_images: bool,
    /// Values per pixel: 3 for red, green and blue, otherwise 1.
    pub image_channels: u32,
    /// Hyper-parameters that a script reported, by name.
    pub config: Vec<(String, String)>,
}

impl RunKind {
    /// Whether networks are trained by nntop.
    #[must_use]
    pub fn is_training(&self) -> bool {
        matches!(self, Self::Training | Self::Job | Self::JobTraining(_))
    }
}

impl RunInfo {
    /// Values per pixel: 3 for colour images, otherwise 1. In runs of earlier versions it follows
    /// from the input size of the network.
    #[must_use]
    pub fn channels(&self) -> usize {
        // u128 prevents an overflow: the sizes may come from an untrusted session.
        let pixels = u128::from(self.image_width) * u128::from(self.image_height);
        let inputs = |layer: &LayerInfo| layer.input.iter().map(|side| u128::from(*side)).product();
        let inputs: u128 = self.layers.first().map_or(0, inputs);
        if self.image_channels == 3 || pixels > 0 && inputs == 3 * pixels { 3 } else { 1 }
    }

    /// The description without implausible sizes: if the product of the image's sizes or of those
    /// of any layer exceeds a `u32`, the image's size becomes 0, or all layers are removed. A
    /// session may be of another version, or not trusted.
    #[must_use]
    pub fn with_plausible_sizes(mut self) -> Self {
        let fits = |sides: [u32; 3]| sides.iter().try_fold(1_u32, |n, &side| n.checked_mul(side));
        if fits([self.image_width, self.image_height, 3]).is_none() {
            (self.image_width, self.image_height) = (0, 0);
        }
        let sound = |layer: &LayerInfo| fits(layer.input).and(fits(layer.output)).is_some();
        if !self.layers.iter().all(sound) {
            self.layers.clear();
        }
        self
    }

    /// The name of a training in its job. Event files of version 0.1.0 have it only in the title,
    /// after ` · `, which titles of single trainings do not contain.
    #[must_use]
    pub fn name_in_job(&self) -> Option<&str> {
        match &self.kind {
            RunKind::JobTraining(name) => Some(name),
            RunKind::Training => self.title.split_once(" · ").map(|(_, name)| name),
            RunKind::Job | RunKind::Command | RunKind::Predictions => None,
        }
    }
}

/// Description of a layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LayerInfo {
    /// As in `--layers`, such as `dense30` or `conv20x5`.
    pub name: String,
    /// Input shape: (maps, height, width); a vector of n values is (1, 1, n).
    pub input: [u32; 3],
    /// Output shape, likewise.
    pub output: [u32; 3],
    /// Activation function; empty if the layer has none.
    pub activation: String,
    /// Number of weights; 0 for a layer without parameters.
    pub weights: u64,
    /// Number of biases.
    pub biases: u64,
}

/// The current activity of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activity {
    /// Loading data, building the network.
    #[default]
    Starting,
    Training,
    /// Measuring costs and accuracies.
    Evaluating,
    Paused,
    /// Ended; probes are still answered.
    Finished,
}

/// The effective state of a run, and the requests that have not taken effect yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    pub activity: Activity,
    /// A pause was requested and has not taken effect.
    pub pausing: bool,
    /// A stop was requested and has not taken effect.
    pub stopping: bool,
    pub pace: Pace,
    /// When stepping by mini-batches: how many are left until the run pauses.
    pub batches_left: Option<u32>,
    /// When stepping by epochs: the epoch after which the run pauses.
    pub pause_after_epoch: Option<u32>,
    /// How a paused run is paused.
    pub pause: PauseLevel,
    /// A script is connected, which executes commands between two steps.
    pub reports: bool,
}

/// A manual change of a hyper-parameter, and when it took effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tuned {
    pub change: Tune,
    pub previous: f64,
    /// Completed epochs at that moment, and mini-batches of the next one.
    pub epoch: u32,
    pub batch: u32,
}

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedFile {
    pub path: String,
    pub epoch: u32,
    pub batch: u32,
    pub bytes: u64,
}

/// Severity of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogLevel {
    Info,
    Warning,
    Error,
}

/// A line of the run's log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    pub level: LogLevel,
    pub text: String,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// Every epoch was trained, or early stopping ended it; the text says which.
    Completed(String),
    Stopped,
    /// A cost or weight became infinite or not a number.
    Diverged {
        epoch: u32,
        hint: String,
    },
    Failed(String),
    /// A command ended with this non-zero exit code; `output` holds its last lines.
    Exited {
        code: i32,
        output: String,
    },
    /// The command wrote a checkpoint at this path and ended; it can be resumed from there.
    Checkpointed(String),
}

/// Consecutive lines of a command's output.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputLines {
    /// Number of the first line, from 0; lines before it may be missing.
    pub first: u64,
    pub lines: Vec<String>,
    /// The incomplete last line, such as a progress bar.
    pub current: Option<String>,
}

/// Progress of training within an epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Completed epochs.
    pub epoch: u32,
    /// Completed mini-batches of the next one.
    pub batch: u32,
    pub batches: u32,
    /// Recent training speed in images per second, without evaluation.
    pub samples_per_second: f64,
    /// Estimated seconds until the end of the run.
    pub seconds_left: Option<f64>,
    /// Seconds since the run started, without pauses.
    pub elapsed_seconds: f64,
    /// Mean cost of the last mini-batches; only computed while a client watches.
    pub batch_cost: Option<f64>,
}

/// The answer to [`Command::Classify`](super::Command::Classify).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Classified {
    pub id: u64,
    /// The output activations, one per class.
    pub outputs: Vec<f32>,
    pub prediction: u32,
    /// The prediction of each network of an ensemble; empty for a single network.
    pub votes: Vec<u32>,
}

/// A number or a phrase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Quantity {
    Number(#[serde(deserialize_with = "real::number")] f64),
    Text(String),
}

/// A number without trailing zeros: five significant digits (but the whole integer part) from 1,
/// five decimals below 1, and three digits with an exponent below 0.001 and from 10⁷.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = match self {
            Self::Text(text) => return f.write_str(text),
            Self::Number(number) => *number,
        };
        let size = number.abs();
        if !number.is_finite() {
            return f.write_str("not a number");
        }
        if size != 0.0 && !(1e-3..1e7).contains(&size) {
            return write!(f, "{number:.2e}");
        }
        let decimals = if size >= 1.0 { (4.0 - size.log10().floor()).max(0.0) as usize } else { 5 };
        let text = format!("{number:.decimals$}");
        let whole = !text.contains('.');
        let short = text.trim_end_matches('0').trim_end_matches('.');
        f.write_str(if whole { &text } else { short })
    }
}

/// A claim of the book and the measured value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// The experiment's id.
    pub id: String,
    pub claim: String,
    pub expected: Quantity,
    pub measured: Quantity,
    /// Tolerance in words, such as `±0.4 points`.
    pub tolerance: String,
    pub holds: bool,
    pub seed: u64,
    pub seconds: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_formatted_as_in_the_book() {
        for (number, text) in
            [(95.42, "95.42"), (0.0, "0"), (10.0, "10"), (1e-9, "1.00e-9"), (0.25, "0.25")]
        {
            assert_eq!(Quantity::Number(number).to_string(), text);
        }
        assert_eq!(Quantity::Number(f64::NAN).to_string(), "not a number");
    }
}
