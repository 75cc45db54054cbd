//! The values of an explorable's sliders, and the selected slider.

use crate::protocol::{Explorable, Slider, SliderKind};

/// The values of an explorable's sliders, and the cursor.
#[derive(Clone, Debug, Default)]
pub(super) struct SliderValues {
    /// The values of all sliders, concatenated.
    pub values: Vec<f64>,
    /// The selected slider.
    pub selected: usize,
    /// The selected value of a slider with several values.
    pub cursor: usize,
    /// The last slider that was moved.
    pub moved: Option<usize>,
    /// The value being typed, if any.
    pub typed: Option<String>,
}

/// Maximum number of characters of a typed value.
const MAX_TYPED: usize = 12;

impl SliderValues {
    /// Defaults, with the first slider selected.
    pub(super) fn at(explorable: &Explorable) -> Self {
        Self { values: explorable.defaults(), ..Self::default() }
    }

    /// Resets all sliders to their defaults.
    pub(super) fn reset(&mut self, explorable: &Explorable) {
        self.values = explorable.defaults();
        self.typed = None;
        self.moved = None;
    }

    pub(super) fn select(&mut self, index: usize, explorable: &Explorable) {
        let last = explorable.sliders.len().saturating_sub(1);
        if self.selected != index.min(last) {
            (self.selected, self.cursor) = (index.min(last), 0);
        }
        self.typed = None;
    }

    /// Up or down: from row to row within a grid, otherwise from slider to slider.
    pub(super) fn move_vertically(&mut self, down: bool, explorable: &Explorable) {
        let Some(slider) = explorable.sliders.get(self.selected) else { return };
        if let SliderKind::Grid { width, .. } = slider.control {
            let width = (width as usize).max(1);
            if down && self.cursor + width < slider.default.len() {
                self.cursor += width;
                return;
            }
            if !down && self.cursor >= width {
                self.cursor -= width;
                return;
            }
        }
        let next = if down { self.selected + 1 } else { self.selected.saturating_sub(1) };
        self.select(next, explorable);
    }

    /// Left or right: a step within a range, or to the next value of a curve or grid.
    pub(super) fn move_horizontally(&mut self, steps: f64, explorable: &Explorable) {
        let Some(slider) = explorable.sliders.get(self.selected) else { return };
        if is_drawn(slider) {
            let last = slider.default.len() as f64 - 1.0;
            self.cursor = (self.cursor as f64 + steps).clamp(0.0, last) as usize;
            self.typed = None;
        } else {
            self.step(steps, explorable);
        }
    }

    /// Moves the selected value by a number of steps.
    pub(super) fn step(&mut self, steps: f64, explorable: &Explorable) {
        let Some(slider) = explorable.sliders.get(self.selected) else { return };
        let now = self.value(explorable);
        // Snap to whole steps from the low end, so that 0.30000000000000004 is not shown.
        let at = ((now - slider.low) / slider.step + steps).round();
        self.set(slider.low + at * slider.step, explorable);
    }

    /// The selected value.
    pub(super) fn value(&self, explorable: &Explorable) -> f64 {
        self.values.get(explorable.place(self.selected).start + self.cursor).copied().unwrap_or(0.0)
    }

    /// Sets the selected value, clamped to its range.
    pub(super) fn set(&mut self, value: f64, explorable: &Explorable) {
        self.set_at(self.selected, self.cursor, value, explorable);
    }

    /// Sets a value of a slider, clamped to its range.
    pub(super) fn set_at(&mut self, slider: usize, at: usize, value: f64, of: &Explorable) {
        let Some(known) = of.sliders.get(slider) else { return };
        let place = of.place(slider);
        let index = place.start + at;
        if place.contains(&index) && index < self.values.len() {
            self.values[index] = clean(known.fit(value, self.values[index]), known.step);
            self.moved = Some(slider);
            self.typed = None;
        }
    }

    /// Handles Enter if nothing is being typed: toggles a switch, selects the next name or preset;
    /// returns false for a plain range.
    pub(super) fn press(&mut self, explorable: &Explorable) -> bool {
        let Some(slider) = explorable.sliders.get(self.selected) else { return false };
        let place = explorable.place(self.selected);
        match &slider.control {
            SliderKind::Toggle => self.set(1.0 - self.values[place.start], explorable),
            SliderKind::Choice(names) => {
                let next = (self.values[place.start] as usize + 1) % names.len().max(1);
                self.set(next as f64, explorable);
            }
            SliderKind::Curve { presets } | SliderKind::Grid { presets, .. } => {
                let now = &self.values[place.clone()];
                let here = presets.iter().position(|(_, values)| values == now);
                let next = here.map_or(0, |here| here + 1) % presets.len().max(1);
                let Some((_, values)) = presets.get(next) else { return false };
                for (at, value) in values.iter().enumerate() {
                    self.set_at(self.selected, at, *value, explorable);
                }
            }
            SliderKind::Range | SliderKind::Time => return false,
        }
        true
    }

    /// Starts typing a value.
    pub(super) fn begin_typing(&mut self) {
        self.typed = Some(String::new());
    }

    /// Adds a character to the typed value; returns false if it cannot be part of a number.
    pub(super) fn type_in(&mut self, character: char) -> bool {
        let Some(typed) = &mut self.typed else { return false };
        let fits = match character {
            '0'..='9' => true,
            '-' => typed.is_empty(),
            '.' => !typed.contains('.'),
            _ => false,
        };
        if fits && typed.len() < MAX_TYPED {
            typed.push(character);
        }
        fits
    }

    /// Applies the typed value if it is a number.
    pub(super) fn enter(&mut self, explorable: &Explorable) {
        let typed = self.typed.take().and_then(|typed| typed.parse::<f64>().ok());
        if let Some(value) = typed {
            self.set(value, explorable);
        }
    }
}

/// Whether a slider has several values.
pub(super) fn is_drawn(slider: &Slider) -> bool {
    matches!(slider.control, SliderKind::Curve { .. } | SliderKind::Grid { .. })
}

/// Rounds away the floating-point error of counting in steps.
fn clean(value: f64, step: f64) -> f64 {
    let grain = 10_f64.powf((1e-3 * step).log10().floor());
    (value / grain).round() * grain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explorable() -> Explorable {
        let line = Slider {
            name: "w".into(),
            low: -1.0,
            high: 1.0,
            step: 0.1,
            default: vec![0.0],
            ..Slider::default()
        };
        let toggle = Slider { low: 0.0, step: 1.0, control: SliderKind::Toggle, ..line.clone() };
        let presets = vec![("none".into(), vec![0.0; 4]), ("all".into(), vec![1.0; 4])];
        let grid = Slider {
            default: vec![0.0, 1.0, 0.0, 1.0],
            step: 0.5,
            control: SliderKind::Grid { width: 2, presets },
            ..line.clone()
        };
        Explorable { sliders: vec![line, toggle, grid], ..Explorable::default() }
    }

    #[test]
    fn steps_stay_on_the_grid_and_within_the_range() {
        let explorable = explorable();
        let mut values = SliderValues::at(&explorable);
        (0..3).for_each(|_| values.move_horizontally(1.0, &explorable));
        assert_eq!(values.values[0].to_string(), "0.3");
        values.move_horizontally(100.0, &explorable);
        assert_eq!((values.values[0], values.moved), (1.0, Some(0)));
        values.reset(&explorable);
        assert_eq!((values.values[0], values.moved), (0.0, None));
    }

    #[test]
    fn only_valid_numbers_can_be_typed() {
        let explorable = explorable();
        let mut values = SliderValues::at(&explorable);
        assert!(!values.type_in('3'), "typing must be started first");
        values.begin_typing();
        assert!("-.37".chars().all(|c| values.type_in(c)));
        assert!(!values.type_in('-') && !values.type_in('.') && !values.type_in('e'));
        values.enter(&explorable);
        assert_eq!(values.values[0].to_string(), "-0.37");
        values.begin_typing();
        assert!(values.type_in('-'));
        values.enter(&explorable);
        assert_eq!((values.values[0].to_string(), values.typed), ("-0.37".into(), None));
    }

    #[test]
    fn arrows_move_within_a_grid_and_leave_it_at_its_edges() {
        let explorable = explorable();
        let mut values = SliderValues::at(&explorable);
        (0..3).for_each(|_| values.move_vertically(true, &explorable));
        assert_eq!((values.selected, values.cursor), (2, 2));
        values.move_horizontally(1.0, &explorable);
        values.step(-1.0, &explorable);
        assert_eq!(values.values, [0.0, 0.0, 0.0, 1.0, 0.0, 0.5]);
        (0..2).for_each(|_| values.move_vertically(false, &explorable));
        assert_eq!((values.selected, values.cursor), (1, 0));
        assert!(values.press(&explorable));
        assert_eq!(values.values[1..2], [1.0]);
        values.select(2, &explorable);
        assert!(values.press(&explorable) && values.press(&explorable));
        assert_eq!(values.values[2..], [1.0; 4]);
    }
}
