//! Explorables: interactive demonstrations with sliders, as plain data. The figures are a pure
//! function of the slider values.

use super::figure::Figure;
use serde::{Deserialize, Serialize};

/// Description of an explorable: everything but its figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Explorable {
    /// Unique id, such as `sigmoid-neuron`.
    pub id: String,
    /// The book's chapter, from 1.
    pub chapter: u32,
    pub title: String,
    /// What to try, in one or two sentences.
    pub to_try: String,
    /// What to observe, in one or two sentences.
    pub to_notice: String,
    pub sliders: Vec<Slider>,
}

/// A control: a range, switch, choice or drawing. It has as many values as its default;
/// [`Command::Explore`](super::Command::Explore) carries the values of all sliders concatenated.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Slider {
    pub name: String,
    /// Empty if the value has none.
    pub unit: String,
    /// The range of each value.
    pub low: f64,
    pub high: f64,
    /// The smallest change, above 0.
    pub step: f64,
    pub default: Vec<f64>,
    pub control: SliderKind,
}

/// Kind of a slider: how it is drawn and moved.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum SliderKind {
    /// One value in a range.
    #[default]
    Range,
    /// As `Range`, for time steps: it can be played as an animation.
    Time,
    /// Off (0) or on (1).
    Toggle,
    /// One of several names, by its index.
    Choice(Vec<String>),
    /// A function drawn by hand: its values at equal distances from left to right. Each preset has
    /// a name and all values.
    Curve { presets: Vec<(String, Vec<f64>)> },
    /// Numbers in rows of `width`, such as a convolution's kernel.
    Grid { width: u32, presets: Vec<(String, Vec<f64>)> },
}

impl Explorable {
    /// The values of all sliders at their defaults.
    #[must_use]
    pub fn defaults(&self) -> Vec<f64> {
        self.sliders.iter().flat_map(|slider| slider.default.iter().copied()).collect()
    }

    /// One value per slider value, clamped to its range; values that are missing or not finite
    /// become the default.
    #[must_use]
    pub fn fitted(&self, values: &[f64]) -> Vec<f64> {
        let mut given = values.iter().copied();
        let slots = self
            .sliders
            .iter()
            .flat_map(|slider| slider.default.iter().map(move |&default| (slider, default)));
        slots
            .map(|(slider, default)| slider.fit(given.next().unwrap_or(default), default))
            .collect()
    }

    /// The range of a slider's values among the values of all sliders.
    #[must_use]
    pub fn place(&self, slider: usize) -> std::ops::Range<usize> {
        let before = self.sliders.iter().take(slider).map(|slider| slider.default.len()).sum();
        before..before + self.sliders.get(slider).map_or(0, |slider| slider.default.len())
    }
}

impl Slider {
    /// A value clamped to the range; for a toggle, choice or time step, rounded to a whole number.
    #[must_use]
    pub fn fit(&self, value: f64, default: f64) -> f64 {
        let value = if value.is_finite() { value } else { default };
        let whole =
            matches!(self.control, SliderKind::Toggle | SliderKind::Choice(_) | SliderKind::Time);
        let value = if whole { value.round() } else { value };
        value.clamp(self.low, self.high.max(self.low))
    }
}

/// The answer to [`Command::Explore`](super::Command::Explore).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Explored {
    pub id: String,
    /// The values that the figures were computed from: those requested, clamped to their ranges.
    pub values: Vec<f64>,
    pub figures: Vec<Figure>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_clamped_and_missing_ones_become_defaults() {
        let range = |default: &[f64]| Slider {
            low: -1.0,
            high: 2.0,
            step: 0.5,
            default: default.into(),
            ..Slider::default()
        };
        let choice = SliderKind::Choice(vec!["a".into(), "b".into(), "c".into()]);
        let explorable = Explorable {
            sliders: vec![
                range(&[0.5]),
                range(&[0.0, 1.0]),
                Slider { high: 2.0, default: vec![1.0], control: choice, ..range(&[]) },
            ],
            ..Explorable::default()
        };
        assert_eq!(explorable.defaults(), [0.5, 0.0, 1.0, 1.0]);
        assert_eq!(explorable.fitted(&[9.0, f64::NAN]), [2.0, 0.0, 1.0, 1.0]);
        assert_eq!(explorable.fitted(&[-9.0, 1.5, 1.7, 1.7, 8.0]), [-1.0, 1.5, 1.7, 2.0]);
        assert_eq!(explorable.place(1), 1..3);
        assert_eq!(explorable.place(9), 4..4);
    }
}
