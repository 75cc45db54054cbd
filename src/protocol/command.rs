//! What a front end asks of a run.

use super::probe::Probe;
use serde::{Deserialize, Serialize};

/// A request to the training thread. Obeyed between mini-batches and between chunks of an
/// evaluation, so within 100 ms whatever the network. New variants go to the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Block until told otherwise, using no CPU.
    Pause,
    /// Go on, at the current pace.
    Resume,
    /// Do a given amount of work, then pause.
    Step(Step),
    /// End the run; its state stays for browsing.
    Stop,
    /// Write a checkpoint now.
    Save,
    /// Change a hyper-parameter from the next mini-batch on.
    Set(Tune),
    /// How fast to go.
    Pace(Pace),
    /// What the visible views want to see; replaces the previous list.
    Watch(Vec<Probe>),
    /// Classify pixels (row by row, 0 is background, 255 is ink) and answer with `Classified`.
    Classify { id: u64, pixels: Vec<u8> },
    /// Make an explorable's figures from its sliders' values and answer with `Explored`; where
    /// there is none of that id, answer with `Explorables`. Since protocol 2.
    Explore { id: String, values: Vec<f64> },
    /// Write the model as it is now to this file, given by its whole path; answered with `Saved` or
    /// with a `Log` that says why not. Since protocol 3.
    SaveAs(String),
}

impl Command {
    /// Whether it only asks, so that who may only look may send it too.
    #[must_use]
    pub fn is_question(&self) -> bool {
        matches!(self, Self::Watch(_) | Self::Classify { .. } | Self::Explore { .. })
    }
}

/// An amount of training after which the run pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Mini-batches.
    Batches(u32),
    /// Whole epochs, counted from now: 1 trains to the end of the current epoch.
    Epochs(u32),
}

/// How fast the training thread goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Pace {
    /// As fast as the machine can.
    #[default]
    Full,
    /// At most one epoch in this many seconds, spread evenly over its mini-batches.
    SecondsPerEpoch(f64),
    /// At most this many mini-batches a second: slow motion.
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
