//! What a run tells its front ends.

use super::command::{Pace, Tune};
use super::explorable::{Explorable, Explored};
use super::figure::Figure;
use super::metric::Metrics;
use super::probe::Frame;
use super::real;
use super::stats::EpochStats;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Something that happened in a run. Facts are never dropped; samples are (newest wins, at most
/// ten a second). New variants go to the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// Fact: the first event of a run, and of every resumption of it.
    Started(Box<RunInfo>),
    /// Fact: an epoch was trained and measured; epoch 0 is the untrained network.
    EpochEnded(EpochStats),
    /// Fact: what was asked for, or what is being done, changed.
    StatusChanged(Status),
    /// Fact: a hyper-parameter was changed by hand.
    Tuned(Tuned),
    /// Fact: a model or checkpoint was written.
    Saved(Saved),
    /// Fact: a figure of an experiment; replaces the one with the same id.
    Figure(Figure),
    /// Fact: a claim of the book was checked.
    Claim(Claim),
    /// Fact: something worth telling in words.
    Log(LogLine),
    /// Fact: the run is over. It can still be browsed.
    Finished(Outcome),
    /// Sample: where in the epoch training is.
    Progress(Progress),
    /// Sample: what a watched probe shows.
    Frame(Box<Frame>),
    /// Sample: the answer to `Command::Classify`.
    Classified(Classified),
    /// Sample: the answer to `Command::Explore`, for who asked alone.
    Explored(Box<Explored>),
    /// Sample: every explorable there is, for who asked alone.
    Explorables(Vec<Explorable>),
    /// Fact: values that were measured at a step, by whatever trains. The epochs of our own trainer
    /// are [`Event::EpochEnded`], whose [`EpochStats::metrics`] are the same.
    Metrics(Metrics),
    /// Sample: what a command printed.
    Output(OutputLines),
}

impl Event {
    /// Whether the event may be dropped when a front end is slow.
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
        )
    }
}

/// What a run is: everything a front end shows about it that does not change while it trains.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunInfo {
    /// A short title, such as `784-30-10` or an experiment's id.
    pub title: String,
    /// The network as text, as `--layers` takes it.
    pub network: String,
    /// One entry a layer, from the input side.
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
    /// Images a mini-batch.
    pub batch_size: u32,
    /// Epochs to train in all.
    pub epochs: u32,
    pub seed: u64,
    pub threads: u32,
    /// Name of the data set, such as `MNIST`.
    pub data: String,
    pub train_size: u32,
    pub validation_size: u32,
    pub test_size: u32,
    /// Pixels of an image.
    pub image_width: u32,
    pub image_height: u32,
    /// The name of every class, in order of its label.
    pub classes: Vec<String>,
    /// Activation function of the hidden layers.
    pub activation: String,
    /// How the initial weights were drawn.
    pub init: String,
    /// Fraction of hidden units left out of each mini-batch.
    pub dropout: f64,
    /// What makes more training images out of those there are, as `--expand` takes it.
    pub expand: Vec<String>,
    /// The validation images are learned from, too.
    pub all_images: bool,
}

/// A layer, described.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LayerInfo {
    /// As the network's text writes it, such as `dense30` or `conv20x5`.
    pub name: String,
    /// Values that go in: (maps, height, width); a vector is (1, 1, n).
    pub input: [u32; 3],
    /// Values that come out.
    pub output: [u32; 3],
    /// Activation function, empty when the layer has none.
    pub activation: String,
    /// Number of weights, 0 for a layer that learns nothing.
    pub weights: u64,
    /// Number of biases.
    pub biases: u64,
}

/// What is being done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activity {
    /// Loading data, making the network.
    #[default]
    Starting,
    Training,
    /// Measuring costs and accuracies.
    Evaluating,
    Paused,
    /// Over; the network still answers probes.
    Finished,
}

/// What was asked for beside what is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    pub activity: Activity,
    /// A pause was asked for and has not taken effect.
    pub pausing: bool,
    /// A stop was asked for and has not taken effect.
    pub stopping: bool,
    pub pace: Pace,
    /// Mini-batches left until the run pauses by itself, when stepping by batches.
    pub batches_left: Option<u32>,
    /// The epoch after which the run pauses by itself, when stepping by epochs.
    pub pause_after_epoch: Option<u32>,
}

/// A change of a hyper-parameter by hand, and when it took effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tuned {
    pub change: Tune,
    pub previous: f64,
    /// Completed epochs and mini-batches of the next one at that moment.
    pub epoch: u32,
    pub batch: u32,
}

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    pub path: String,
    pub epoch: u32,
    pub batch: u32,
    pub bytes: u64,
}

/// How grave a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Level {
    Info,
    Warning,
    Error,
}

/// Something told in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    pub level: Level,
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
    /// A command ended with this exit code, which is not 0; the last lines that it printed.
    Exited {
        code: i32,
        output: String,
    },
}

/// Lines that a command printed, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputLines {
    /// Number of the first line, from 0; between it and the lines before some may be left out.
    pub first: u64,
    pub lines: Vec<String>,
    /// The line that has not ended, such as a progress bar.
    pub current: Option<String>,
}

/// Where training is within an epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Completed epochs.
    pub epoch: u32,
    /// Completed mini-batches of the next one.
    pub batch: u32,
    pub batches: u32,
    /// Images a second over the last moments, mini-batches alone.
    pub samples_per_second: f64,
    /// Estimated seconds until the run ends at this pace.
    pub seconds_left: Option<f64>,
    /// Seconds since the run started, pauses left out.
    pub elapsed_seconds: f64,
    /// Mean cost of the last mini-batches, when something watches.
    pub batch_cost: Option<f64>,
}

/// The answer to a `Classify`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Classified {
    pub id: u64,
    /// The output activations, one a class.
    pub outputs: Vec<f32>,
    pub prediction: u32,
    /// Who of an ensemble said what; empty for one network.
    pub votes: Vec<u32>,
}

/// A number or a phrase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Quantity {
    Number(#[serde(deserialize_with = "real::number")] f64),
    Text(String),
}

/// A number as it reads best: at most five significant digits, no zeros at the end.
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

/// A claim of the book beside what was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// The experiment's id.
    pub id: String,
    pub claim: String,
    pub expected: Quantity,
    pub measured: Quantity,
    /// How far off still counts, in words, such as `±0.4 points`.
    pub tolerance: String,
    pub holds: bool,
    pub seed: u64,
    pub seconds: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_the_book_prints_them() {
        for (number, text) in
            [(95.42, "95.42"), (0.0, "0"), (10.0, "10"), (1e-9, "1.00e-9"), (0.25, "0.25")]
        {
            assert_eq!(Quantity::Number(number).to_string(), text);
        }
        assert_eq!(Quantity::Number(f64::NAN).to_string(), "not a number");
    }
}
