//! The ticks of an axis: round numbers, evenly spaced, with distinct labels.

use crate::ui::numbers::minus;

/// The unit of an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AxisUnit {
    #[default]
    Plain,
    /// Fractions, shown as percent.
    Percent,
    /// Whole numbers such as epochs, with no ticks in between.
    Whole,
    /// Seconds of a duration.
    Duration,
    /// Seconds since 1970, as the time of day in UTC.
    Clock,
}

impl AxisUnit {
    /// Whether it counts in 60 and 24.
    fn is_time(self) -> bool {
        matches!(self, Self::Duration | Self::Clock)
    }

    /// Formats a single number.
    #[must_use]
    pub fn text(self, value: f64) -> String {
        match self {
            Self::Duration | Self::Clock => label(value, 1.0, self),
            Self::Plain | Self::Percent | Self::Whole => minus(&value.to_string()),
        }
    }
}

/// Round durations in seconds.
const TIMES: [f64; 20] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0,
    10_800.0, 21_600.0, 43_200.0, 86_400.0, 172_800.0, 604_800.0,
];

/// A position on an axis and its label.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    pub at: f64,
    pub label: String,
}

/// The smallest round number that is at least `least`: 1, 2, 2.5 or 5 times a power of ten (for
/// whole numbers not 2.5 itself), or for a time one of [`TIMES`].
fn round_step(least: f64, unit: AxisUnit) -> f64 {
    if unit.is_time() && least > 0.5 {
        let time = TIMES.iter().find(|time| **time >= least * (1.0 - 1e-9));
        return time
            .copied()
            .unwrap_or_else(|| 86_400.0 * round_step(least / 86_400.0, AxisUnit::Whole));
    }
    let least = if unit == AxisUnit::Whole { least.max(1.0) } else { least };
    let decade = 10_f64.powf(least.log10().floor());
    let factors = [1.0_f64, 2.0, 2.5, 5.0, 10.0].into_iter();
    let mut factors =
        factors.filter(|f| unit != AxisUnit::Whole || f.fract() == 0.0 || decade >= 10.0);
    // With a small tolerance: 0.3 / 0.1 is not 3.
    factors.find(|factor| factor * decade >= least * (1.0 - 1e-9)).unwrap_or(10.0) * decade
}

/// At most `most` ticks at round numbers within a range.
#[must_use]
pub fn ticks([low, high]: [f64; 2], most: usize, unit: AxisUnit) -> Vec<Tick> {
    let size = high - low;
    if !(size > 0.0 && size.is_finite()) || most == 0 {
        return Vec::new();
    }
    let mut step = round_step(size / most as f64, unit);
    // Rounding may produce one too many.
    while count([low, high], step) > most {
        step = round_step(step * 1.01, unit);
    }
    let first = (low / step - 1e-9).ceil();
    (0..count([low, high], step))
        .map(|index| (first + index as f64) * step)
        .map(|at| Tick { at, label: label(at, step, unit) })
        .collect()
}

fn count([low, high]: [f64; 2], step: f64) -> usize {
    let (first, last) = ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor());
    if last < first { 0 } else { (last - first) as usize + 1 }
}

/// The range of an axis around `low` and `high`, and its ticks: at most `most`, at round numbers,
/// including both ends.
#[must_use]
pub fn axis([low, high]: [f64; 2], most: usize, unit: AxisUnit) -> ([f64; 2], Vec<Tick>) {
    let size = high - low;
    if !(size > 0.0 && size.is_finite()) {
        return ([low, high], Vec::new());
    }
    // Around zero three are needed: below zero, zero, above zero.
    let most = most.max(if low < 0.0 && high > 0.0 { 3 } else { 2 });
    let mut step = round_step(size / (most - 1) as f64, unit);
    loop {
        let (from, to) = ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil());
        if ((to - from) as usize) < most {
            let at = |index: usize| (from + index as f64) * step;
            let tick = |index| Tick { at: at(index), label: label(at(index), step, unit) };
            let ticks = (0..=(to - from) as usize).map(tick).collect();
            return ([from * step, to * step], ticks);
        }
        step = round_step(step * 1.01, unit);
    }
}

/// The margin on each side of a range that is a single value.
#[must_use]
pub fn margin_around(value: f64) -> f64 {
    if value == 0.0 { 0.005 } else { 0.05 * value.abs() }
}

/// A number with enough decimals to distinguish it from its neighbours a step away.
fn label(value: f64, step: f64, unit: AxisUnit) -> String {
    let (value, step, sign) = match unit {
        AxisUnit::Percent => (100.0 * value, 100.0 * step, "%"),
        AxisUnit::Duration | AxisUnit::Clock if step >= 1.0 => {
            return time_label(value, step, unit);
        }
        AxisUnit::Plain | AxisUnit::Whole | AxisUnit::Duration | AxisUnit::Clock => {
            (value, step, "")
        }
    };
    if value.abs() < 1e-9 * step {
        return format!("0{sign}");
    }
    let decimals = decimals(step);
    let largest = value.abs().max(step);
    let text = if (1e-3..1e5).contains(&largest) {
        format!("{value:.decimals$}")
    } else {
        let digits = (largest.log10().floor() - step.log10().floor()).max(0.0) as usize;
        let extra = usize::from(!is_whole(step / 10_f64.powf(step.log10().floor())));
        format!("{value:.*e}", digits + extra)
    };
    minus(&text) + sign
}

/// Seconds as hours, minutes and seconds, as far as the step requires; days for steps of whole
/// days.
fn time_label(value: f64, step: f64, unit: AxisUnit) -> String {
    let sign = if value < -0.5 { "−" } else { "" };
    let seconds = value.abs().round() as u64;
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (hours, minutes, seconds) = (rest / 3600, rest / 60 % 60, rest % 60);
    if unit == AxisUnit::Clock {
        let (month, day) = month_and_day(days);
        return match step {
            step if step >= 86_400.0 => format!("{month:02}-{day:02}"),
            step if step >= 60.0 => format!("{hours:02}:{minutes:02}"),
            _ => format!("{hours:02}:{minutes:02}:{seconds:02}"),
        };
    }
    let hours = 24 * days + hours;
    match step {
        _ if step >= 86_400.0 => format!("{sign}{days}d"),
        _ if step >= 3600.0 => format!("{sign}{hours}h"),
        _ if hours > 0 && step >= 60.0 => format!("{sign}{hours}:{minutes:02}h"),
        _ if hours > 0 => format!("{sign}{hours}:{minutes:02}:{seconds:02}"),
        _ if step >= 60.0 => format!("{sign}{minutes}min"),
        _ if minutes > 0 => format!("{sign}{minutes}:{seconds:02}"),
        _ => format!("{sign}{seconds}s"),
    }
}

/// The month and day that many days after 1970-01-01 (Howard Hinnant's algorithm).
fn month_and_day(days: u64) -> (u64, u64) {
    let days = (days + 719_468) % 146_097;
    let year = (days - days / 1460 + days / 36_524 - days / 146_096) / 365;
    let day_of_year = days - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    (if month < 10 { month + 3 } else { month - 9 }, day)
}

/// Number of decimals of a step, at most 12.
fn decimals(step: f64) -> usize {
    (0..12).find(|&n| is_whole(step * 10_f64.powi(n))).unwrap_or(12) as usize
}

/// Whether a positive number is whole, up to rounding.
fn is_whole(value: f64) -> bool {
    value.round() >= 1.0 && (value - value.round()).abs() <= 1e-6 * value
}

/// Ticks of a logarithmic axis, whose range is given as exponents of ten: evenly spaced decades,
/// with 2 and 5 if it spans one or two decades.
#[must_use]
pub fn log_ticks([low, high]: [f64; 2], most: usize) -> Vec<Tick> {
    let (first, last) = (low.ceil() as i32, high.floor() as i32);
    let decades = usize::try_from(last - first + 1).unwrap_or(0);
    let exponents = |every: usize| (first..=last).step_by(every.max(1));
    if decades >= 3 || decades * 3 > most.max(1) {
        let every = decades.div_ceil(most.max(1));
        return exponents(every).map(|at| power(f64::from(at), 1)).collect();
    }
    let all =
        (first - 1..=last).flat_map(|at| [1, 2, 5].map(|factor| power(f64::from(at), factor)));
    let inside = |tick: &Tick| tick.at >= low - 1e-9 && tick.at <= high + 1e-9;
    let ticks: Vec<Tick> = all.filter(inside).collect();
    if ticks.len() <= most {
        ticks
    } else {
        exponents(1).map(|at| power(f64::from(at), 1)).collect()
    }
}

/// 1, 2 or 5 times a power of ten.
fn power(exponent: f64, factor: u8) -> Tick {
    let value = f64::from(factor) * 10_f64.powf(exponent);
    let label = match exponent {
        -4.0..0.0 => format!("{value:.decimals$}", decimals = -exponent as usize),
        0.0..5.0 => format!("{value:.0}"),
        _ => minus(&format!("{value:.0e}")),
    };
    Tick { at: value.log10(), label }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_minutes_hours_and_days() {
        let labels = |range, most, unit| -> Vec<String> {
            ticks(range, most, unit).into_iter().map(|tick| tick.label).collect()
        };
        assert_eq!(labels([0.0, 100.0], 4, AxisUnit::Duration), ["0s", "30s", "1:00", "1:30"]);
        assert_eq!(
            labels([0.0, 7000.0], 4, AxisUnit::Duration),
            ["0min", "30min", "1:00h", "1:30h"]
        );
        assert_eq!(labels([0.0, 200_000.0], 3, AxisUnit::Duration), ["0d", "1d", "2d"]);
        assert_eq!(labels([0.0, 0.4], 3, AxisUnit::Duration), ["0", "0.2", "0.4"]);
        // 2026-11-20T08:00:00Z plus 40 minutes.
        let clock = labels([1_795_161_600.0, 1_795_164_000.0], 3, AxisUnit::Clock);
        assert_eq!(clock, ["08:00", "08:15", "08:30"]);
        assert_eq!(AxisUnit::Clock.text(1_795_161_661.0), "08:01:01");
        assert_eq!([0, 58, 59, 20_777].map(month_and_day), [(1, 1), (2, 28), (3, 1), (11, 20)]);
    }
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn labels(range: [f64; 2], most: usize, unit: AxisUnit) -> Vec<String> {
        ticks(range, most, unit).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn labels_are_round_and_distinct() {
        assert_eq!(
            labels([0.0, 30.0], 8, AxisUnit::Whole),
            ["0", "5", "10", "15", "20", "25", "30"]
        );
        assert_eq!(labels([1.0, 3.0], 8, AxisUnit::Whole), ["1", "2", "3"]);
        assert_eq!(
            labels([0.9, 0.95], 6, AxisUnit::Percent),
            ["90%", "91%", "92%", "93%", "94%", "95%"]
        );
        assert_eq!(
            labels([0.9605, 0.9615], 5, AxisUnit::Percent),
            ["96.06%", "96.08%", "96.10%", "96.12%", "96.14%"]
        );
        assert_eq!(labels([-1.0, 1.0], 5, AxisUnit::Plain), ["−1.0", "−0.5", "0", "0.5", "1.0"]);
        let large = labels([1e7, 1.004e7], 5, AxisUnit::Plain);
        assert_eq!(large.iter().collect::<HashSet<_>>().len(), large.len(), "{large:?}");
    }

    #[test]
    fn an_axis_runs_between_round_numbers() {
        let near = |range, most, wanted: [f64; 2]| {
            let ends = axis(range, most, AxisUnit::Plain).0;
            assert!(ends.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-9), "{ends:?}");
        };
        near([0.821, 0.954], 5, [0.8, 1.0]);
        near([0.0153, 1.46], 5, [0.0, 1.5]);
        near([-2.7, 3.1], 5, [-4.0, 4.0]);
    }

    #[test]
    fn logarithmic_axes_have_ticks_at_powers_of_ten() {
        let labels = |range, most| -> Vec<String> {
            log_ticks(range, most).into_iter().map(|tick| tick.label).collect()
        };
        assert_eq!(labels([-3.0, 0.0], 4), ["0.001", "0.01", "0.1", "1"]);
        assert_eq!(labels([-9.0, 0.0], 5), ["1e−9", "1e−7", "1e−5", "0.001", "0.1"]);
        assert_eq!(labels([-1.0, 0.0], 6), ["0.1", "0.2", "0.5", "1"]);
    }

    proptest! {
        #[test]
        fn ticks_are_even_within_the_range_and_distinct(
            low in -1e6..1e6_f64, size in -5.0..6.0_f64, most in 2..12_usize,
        ) {
            let high = low + 10_f64.powf(size);
            let ticks = ticks([low, high], most, AxisUnit::Plain);
            prop_assert!(ticks.len() <= most);
            let slack = 1e-6 * (high - low) + 1e-9 * low.abs();
            prop_assert!(ticks.iter().all(|t| t.at >= low - slack && t.at <= high + slack));
            let labels: HashSet<&str> = ticks.iter().map(|tick| tick.label.as_str()).collect();
            prop_assert_eq!(labels.len(), ticks.len(), "{:?}", ticks);
            for three in ticks.windows(3) {
                let steps = [three[1].at - three[0].at, three[2].at - three[1].at];
                prop_assert!((steps[0] - steps[1]).abs() <= 1e-6 * steps[0].abs() + 1e-9 * low.abs());
            }
        }

        #[test]
        fn an_axis_contains_its_range(low in -1e6..1e6_f64, size in 1e-3..1e6_f64, most in 2..7_usize) {
            let ends = axis([low, low + size], most, AxisUnit::Plain).0;
            let slack = 1e-6 * (low.abs() + size);
            prop_assert!(ends[0] <= low + slack && ends[1] >= low + size - slack, "{:?}", ends);
        }
    }
}
