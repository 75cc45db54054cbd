//! What a running script reports: tunable parameters, marks for charts, texts and images, and the
//! resource usage of its processes.

use super::real;
use serde::{Deserialize, Serialize};

/// How a paused run is paused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PauseLevel {
    /// The training thread of nntop waits.
    #[default]
    Paused,
    /// The script waits between two steps: it uses no CPU but keeps its memory.
    Held,
    /// Every process of the command is stopped by SIGSTOP; they keep their memory.
    Suspended,
}

impl PauseLevel {
    /// The state in one word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::Held => "held",
            Self::Suspended => "suspended",
        }
    }
}

/// A parameter that can be changed during the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tunable {
    /// Such as `learning_rate`.
    pub name: String,
    #[serde(deserialize_with = "real::number")]
    pub value: f64,
    /// The previous value, if the value was changed by a command.
    pub previous: Option<f64>,
    /// The step at which it was read.
    pub step: i64,
    /// Whether a step has used the value. Until then a schedule may still change it.
    pub in_force: bool,
}

/// The kind of a mark on charts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MarkKind {
    Held,
    Suspended,
    Resumed,
    Saved,
    Changed,
}

/// A mark on charts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    pub kind: MarkKind,
    pub step: i64,
    /// Seconds since 1970.
    #[serde(deserialize_with = "real::number")]
    pub wall_time: f64,
}

/// A text, image or histogram that a script reported. A newer one with the same tag replaces it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Media {
    pub tag: String,
    pub step: i64,
    pub body: MediaBody,
}

/// The content of a [`Media`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MediaBody {
    Text(String),
    Image {
        width: u32,
        height: u32,
        /// 1, or 3 for red, green and blue.
        channels: u32,
        /// Row by row, the channels of a pixel together.
        pixels: Vec<u8>,
    },
    Histogram {
        #[serde(deserialize_with = "real::number")]
        low: f64,
        #[serde(deserialize_with = "real::number")]
        high: f64,
        /// Values in equal bins from `low` to `high`.
        counts: Vec<u32>,
    },
}

/// The system resources that the processes of a command use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SystemUse {
    /// Processors in use; 1 is one processor that is always busy.
    pub cpu: f64,
    /// Resident memory in bytes.
    pub memory: u64,
    pub processes: u32,
    pub threads: u32,
    pub gpus: Vec<GpuUse>,
}

/// The usage of a GPU.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GpuUse {
    pub name: String,
    /// Fraction of the time in which it was computing, from 0 to 1.
    pub load: f64,
    /// Used and total memory in bytes.
    pub memory: u64,
    pub memory_total: u64,
    /// Degrees Celsius.
    pub temperature: u32,
    /// Watts.
    pub power: f64,
}
