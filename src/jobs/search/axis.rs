//! The values of one varied hyper-parameter.

use crate::rng::Stream;
use rand::RngExt;
use rand::seq::IndexedRandom;
use serde::Deserialize;

/// Default number of values of a range in a grid.
const STEPS: usize = 5;
const MAX_STEPS: usize = 1000;

/// A list of values or a range of numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum SearchAxis {
    /// Any values of the spec's field.
    List(Vec<toml::Value>),
    /// Numbers between two limits, both included.
    Range { from: f64, to: f64, steps: usize, logarithmic: bool, whole: bool },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RangeText {
    from: toml::Value,
    to: toml::Value,
    #[serde(default)]
    steps: Option<usize>,
    #[serde(default)]
    scale: RangeScale,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RangeScale {
    #[default]
    Linear,
    Log,
}

impl SearchAxis {
    /// Reads `[…]` or `{ from = …, to = …, steps = …, scale = "log" }`.
    pub(super) fn parse(value: toml::Value) -> Result<Self, String> {
        match value {
            toml::Value::Array(values) if !values.is_empty() => Ok(Self::List(values)),
            toml::Value::Table(table) => {
                let range = RangeText::deserialize(table).map_err(|error| error.to_string())?;
                Self::range(&range)
            }
            _ => Err("give a list such as [1, 2], or { from = 1, to = 10 }".into()),
        }
    }

    fn range(range: &RangeText) -> Result<Self, String> {
        let number = |value: &toml::Value| {
            value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64))
        };
        let (Some(from), Some(to)) = (number(&range.from), number(&range.to)) else {
            return Err("`from` and `to` must be numbers".into());
        };
        let logarithmic = range.scale == RangeScale::Log;
        let steps = range.steps.unwrap_or(STEPS);
        if !(from.is_finite() && to.is_finite() && from < to) {
            return Err("`from` must be less than `to`".into());
        }
        if logarithmic && from <= 0.0 {
            return Err("a logarithmic range must start above 0".into());
        }
        if !(2..=MAX_STEPS).contains(&steps) {
            return Err(format!("`steps` must be from 2 to {MAX_STEPS}"));
        }
        let whole = range.from.is_integer() && range.to.is_integer();
        Ok(Self::Range { from, to, steps, logarithmic, whole })
    }

    /// The values of a grid.
    pub(super) fn steps(&self) -> Vec<toml::Value> {
        match self {
            Self::List(values) => values.clone(),
            Self::Range { steps, .. } => {
                let last = (*steps - 1) as f64;
                let mut values: Vec<_> =
                    (0..*steps).map(|step| self.at(step as f64 / last)).collect();
                // The whole numbers of a small range may coincide after rounding.
                values.dedup();
                values
            }
        }
    }

    /// A random value: uniform over the list, the range, or the logarithm of the range.
    pub(super) fn draw(&self, stream: &mut Stream) -> toml::Value {
        match self {
            Self::List(values) => {
                values.choose(stream).expect("parsed lists are not empty").clone()
            }
            Self::Range { .. } => self.at(stream.random_range(0.0..=1.0)),
        }
    }

    /// The value a fraction of the way through a range.
    fn at(&self, fraction: f64) -> toml::Value {
        let Self::Range { from, to, logarithmic, whole, .. } = *self else {
            unreachable!("only ranges are divided");
        };
        let value = match fraction {
            // Exactly the limits, regardless of rounding errors.
            0.0 => from,
            1.0 => to,
            _ if logarithmic => from * (to / from).powf(fraction),
            _ => from + (to - from) * fraction,
        };
        if whole {
            return toml::Value::Integer(value.round() as i64);
        }
        // Four digits are enough for a search, and readable.
        let digits = 3 - value.abs().log10().floor().clamp(-300.0, 300.0) as i32;
        let rounded = format!("{value:.*}", digits.max(0) as usize).parse();
        toml::Value::Float(if value == 0.0 { 0.0 } else { rounded.unwrap_or(value) })
    }
}
