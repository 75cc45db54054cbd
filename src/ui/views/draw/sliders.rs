//! The sliders of the draw view: distortions of the drawing, and the threshold of confidence.

use crate::picture::Distortion;
use crate::ui::theme::Theme;

/// A quantity with its range and step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct DrawSlider {
    pub name: &'static str,
    pub unit: &'static str,
    pub low: i32,
    pub high: i32,
    step: i32,
    default: i32,
    pub value: i32,
}

const fn slider(
    name: &'static str,
    unit: &'static str,
    [low, high, step, default]: [i32; 4],
) -> DrawSlider {
    DrawSlider { name, unit, low, high, step, default, value: default }
}

impl DrawSlider {
    /// The position of its value in the range, from 0 to 1.
    pub(super) fn share(&self) -> f64 {
        f64::from(self.value - self.low) / f64::from(self.high - self.low)
    }

    /// Its value and unit.
    pub(super) fn text(&self, theme: &Theme) -> String {
        format!("{}{}", self.value, theme.say(self.unit)).replace('-', "−")
    }

    fn set_share(&mut self, share: f64) {
        let steps = share.clamp(0.0, 1.0) * f64::from(self.high - self.low) / f64::from(self.step);
        self.value = self.low + steps.round() as i32 * self.step;
    }
}

/// All sliders, and the selected one.
#[derive(Clone, Debug)]
pub(super) struct Sliders {
    pub all: [DrawSlider; 6],
    pub selected: usize,
}

impl Default for Sliders {
    fn default() -> Self {
        Self {
            all: [
                slider("noise", "%", [0, 60, 2, 0]),
                slider("its seed", "", [0, 99, 1, 0]),
                slider("shift →", " px", [-10, 10, 1, 0]),
                slider("shift ↓", " px", [-10, 10, 1, 0]),
                slider("turn", " deg", [-90, 90, 5, 0]),
                slider("sure from", "%", [0, 100, 5, 50]),
            ],
            selected: 0,
        }
    }
}

impl Sliders {
    pub(super) fn select(&mut self, step: isize) {
        let last = self.all.len() - 1;
        self.selected = self.selected.saturating_add_signed(step).min(last);
    }

    /// Moves the selected slider by a number of steps.
    pub(super) fn change(&mut self, steps: i32) {
        let slider = &mut self.all[self.selected];
        slider.value = (slider.value + steps * slider.step).clamp(slider.low, slider.high);
    }

    /// Moves the selected slider to an end.
    pub(super) fn set_to_end(&mut self, high: bool) {
        let slider = &mut self.all[self.selected];
        slider.value = if high { slider.high } else { slider.low };
    }

    /// Sets a slider to the position of a click, from 0 to 1.
    pub(super) fn drag(&mut self, index: usize, share: f64) {
        self.selected = index;
        self.all[index].set_share(share);
    }

    pub(super) fn reset(&mut self) {
        self.all.iter_mut().for_each(|slider| slider.value = slider.default);
    }

    pub(super) fn distortion(&self) -> Distortion {
        let [noise, seed, right, down, degrees, _] = self.all.map(|slider| slider.value);
        Distortion {
            degrees: degrees as f32,
            right: right as f32,
            down: down as f32,
            noise: noise as f32 / 100.0,
            seed: seed as u64,
        }
    }

    /// Minimum activation, from 0 to 1, that counts as an answer.
    pub(super) fn threshold(&self) -> f32 {
        self.all[5].value as f32 / 100.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sliders_stop_at_their_ends_and_can_be_reset() {
        let mut sliders = Sliders::default();
        assert_eq!(sliders.distortion(), Distortion::default());
        sliders.select(4);
        sliders.change(-100);
        assert!((sliders.distortion().degrees + 90.0).abs() < 1e-6);
        sliders.drag(0, 0.5);
        assert!((sliders.distortion().noise - 0.3).abs() < 1e-6);
        sliders.set_to_end(true);
        assert!((sliders.distortion().noise - 0.6).abs() < 1e-6);
        sliders.select(-9);
        sliders.select(99);
        sliders.change(3);
        assert!((sliders.threshold() - 0.65).abs() < 1e-6);
        sliders.reset();
        assert_eq!(sliders.distortion(), Distortion::default());
    }
}
