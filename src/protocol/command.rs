//! Commands that a client sends to a run.

use super::probe::Probe;
use serde::{Deserialize, Serialize};

/// A request to the training thread. It takes effect between mini-batches or between chunks of an
/// evaluation, within 100 ms for any network. New variants go to the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Block until resumed, using no CPU.
    Pause,
    /// Continue at the current pace.
    Resume,
    /// Do a given amount of work, then pause.
    Step(StepAmount),
    /// End the run; it can still be browsed.
    Stop,
    /// Write a checkpoint now.
    Save,
    /// Change a hyper-parameter from the next mini-batch on.
    Set(Tune),
    /// Set the training speed.
    Pace(Pace),
    /// Probes of the visible views; replaces the previous list.
    Watch(Vec<Probe>),
    /// Classify pixels (row-major, 0 is background, 255 is ink); answered with `Classified`.
    Classify { id: u64, pixels: Vec<u8> },
    /// Compute an explorable's figures for these slider values; answered with `Explored`, or with
    /// `Explorables` if there is no explorable of that id. Since protocol 2.
    Explore { id: String, values: Vec<f64> },
    /// Save the current model to this absolute path; answered with `Saved`, or with a `Log` that
    /// gives the reason of the failure. Since protocol 3.
    SaveAs(String),
    /// Change a value that the run offers under a name; answered with `Tunable` or `Refused`. Since
    /// protocol 5.
    SetNamed { name: String, value: f64 },
    /// Hold the script of a command between two steps; refused if no script is connected. Since
    /// protocol 5.
    Hold,
    /// Stop every process of a command by SIGSTOP, even if it could be held between two steps.
    /// Since protocol 5.
    Suspend,
    /// Have the command write a checkpoint and end, to free the machine; the run can be resumed
    /// from the checkpoint. Since protocol 5.
    EndAtCheckpoint,
}

impl Command {
    /// Whether it changes nothing, so that read-only clients may send it.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        matches!(self, Self::Watch(_) | Self::Classify { .. } | Self::Explore { .. })
    }
}

/// An amount of training after which the run pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepAmount {
    /// Mini-batches.
    Batches(u32),
    /// Epochs: 1 trains to the end of the current epoch.
    Epochs(u32),
}

/// Speed of the training thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Pace {
    /// Full speed.
    #[default]
    Full,
    /// At least this many seconds per epoch, spread evenly over its mini-batches.
    SecondsPerEpoch(f64),
    /// At most this many mini-batches per second: slow motion.
    BatchesPerSecond(f64),
}

/// A hyper-parameter that can be changed while training runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Tune {
    /// The learning rate η, above 0.
    LearningRate(f64),
    /// The regularization parameter λ, at least 0.
    Regularization(f64),
    /// The momentum coefficient μ, from 0 to under 1.
    Momentum(f64),
}

impl Tune {
    /// The change of a hyper-parameter that has this name.
    #[must_use]
    pub fn named(name: &str, value: f64) -> Option<Self> {
        Some(match name {
            "eta" | "lr" | "learning_rate" => Self::LearningRate(value),
            "lambda" | "regularization" => Self::Regularization(value),
            "mu" | "momentum" => Self::Momentum(value),
            _ => return None,
        })
    }
}
