//! What a script reports and allows while it runs: values that can be changed, moments that charts
//! mark, texts and images, and what its processes use of the machine.

use super::real;
use serde::{Deserialize, Serialize};

/// How a paused run is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PauseLevel {
    /// The training thread of this program waits.
    #[default]
    Paused,
    /// The script waits between two steps: no CPU, memory stays taken.
    Held,
    /// Every process of the command is stopped by SIGSTOP: memory stays taken.
    Suspended,
}

impl PauseLevel {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::Held => "held",
            Self::Suspended => "suspended",
        }
    }
}

/// A value that can be changed while the run goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tunable {
    /// Such as `learning_rate`.
    pub name: String,
    #[serde(deserialize_with = "real::number")]
    pub value: f64,
    /// The value before, where this is a change that was asked for.
    pub previous: Option<f64>,
    /// The step at which it was read.
    pub step: i64,
    /// The next step was done with it. Until then a schedule may still change it.
    pub in_force: bool,
}

/// What happened at a moment that charts mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MarkKind {
    Held,
    Suspended,
    Resumed,
    Saved,
    Changed,
}

/// A moment that charts mark.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    pub kind: MarkKind,
    pub step: i64,
    /// Seconds since 1970.
    #[serde(deserialize_with = "real::number")]
    pub wall_time: f64,
}

/// Something to look at that a script reported; the newest of a tag replaces the one before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Media {
    pub tag: String,
    pub step: i64,
    pub body: MediaBody,
}

/// What a [`Media`] shows.
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

/// What the processes of a command use of the machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SystemUse {
    /// Processors in use, 1 for one that is busy all the time.
    pub cpu: f64,
    /// Resident memory in bytes.
    pub memory: u64,
    pub processes: u32,
    pub threads: u32,
    pub gpus: Vec<GpuUse>,
}

/// How a GPU stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GpuUse {
    pub name: String,
    /// Share of the time in which it computed, from 0 to 1.
    pub load: f64,
    /// Bytes in use, and of how many.
    pub memory: u64,
    pub memory_total: u64,
    /// Degrees Celsius.
    pub temperature: u32,
    /// Watts.
    pub power: f64,
}
