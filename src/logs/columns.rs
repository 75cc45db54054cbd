//! Recognises the step and time columns (or keys) of a row by the names that frameworks use.

use super::number;
use super::value::LogValue;

/// Names of a step, in order of preference; case is ignored.
const STEPS: [&str; 20] = [
    "step",
    "_step",
    "global_step",
    "trainer/global_step",
    "iteration",
    "iter",
    "num_updates",
    "training_iteration",
    "time/total_timesteps",
    "total_timesteps",
    "timesteps_total",
    "num_env_steps_sampled_lifetime",
    "num_timesteps",
    "timesteps",
    "steps",
    "iterations",
    "n_updates",
    "epoch",
    "epochs",
    "time/episodes",
];
/// Names of a time column.
const TIMES: [&str; 6] = ["timestamp", "_timestamp", "wall_time", "time", "datetime", "date"];

/// The index of a name among those of a step; smaller is preferred.
#[must_use]
pub fn step_rank(name: &str) -> Option<usize> {
    STEPS.iter().position(|known| known.eq_ignore_ascii_case(name))
}

/// Whether a column contains a time of day, or seconds since the start.
#[must_use]
pub fn is_time(name: &str) -> bool {
    TIMES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Converts a value to seconds since 1970, if possible: a number of seconds or milliseconds since
/// 1970, or a date with a time.
#[must_use]
pub fn wall_time(value: &LogValue) -> Option<f64> {
    if let LogValue::Text(text) = value
        && let Some(seconds) = number::timestamp(text)
    {
        return Some(seconds);
    }
    let number = value.number()?;
    if (1e9..1e10).contains(&number) {
        Some(number)
    } else {
        (1e12..1e13).contains(&number).then_some(number / 1e3)
    }
}
