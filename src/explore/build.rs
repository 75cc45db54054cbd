//! Builds the sliders and figures of explorables.

use crate::protocol::{Cell, Curve, Figure, FigureBody, Neuron, Slider, SliderKind, Wire};

/// A slider for a number.
pub(super) fn range(name: &str, [low, high]: [f64; 2], step: f64, default: f64) -> Slider {
    Slider { name: name.into(), low, high, step, default: vec![default], ..Slider::default() }
}

/// A slider for time steps, which can be played.
pub(super) fn time(name: &str, most: u32, default: u32) -> Slider {
    let line = range(name, [0.0, f64::from(most)], 1.0, f64::from(default));
    Slider { control: SliderKind::Time, ..line }
}

/// An on/off switch.
pub(super) fn toggle(name: &str, on: bool) -> Slider {
    let line = range(name, [0.0, 1.0], 1.0, f64::from(u8::from(on)));
    Slider { control: SliderKind::Toggle, ..line }
}

/// A choice between names; the first is the default.
pub(super) fn choice(name: &str, names: &[&str]) -> Slider {
    let line = range(name, [0.0, names.len().saturating_sub(1) as f64], 1.0, 0.0);
    Slider { control: SliderKind::Choice(names.iter().map(ToString::to_string).collect()), ..line }
}

pub(super) fn is_on(value: f64) -> bool {
    value > 0.5
}

/// A figure; its id is unique in the explorable.
pub(super) fn figure(id: &str, title: &str, caption: &str, body: FigureBody) -> Figure {
    Figure { id: id.into(), title: title.into(), caption: caption.into(), body }
}

/// Curves over fixed axes, given by name and range.
pub(super) fn plot(
    (x_label, x_range): (&str, [f64; 2]),
    (y_label, y_range): (&str, [f64; 2]),
    curves: Vec<Curve>,
) -> FigureBody {
    let (x_label, y_label) = (x_label.into(), y_label.into());
    FigureBody::Plot { x_label, y_label, x_range, y_range, curves }
}

/// A joined curve.
pub(super) fn curve(name: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Curve {
    Curve { name: name.into(), points: points.into_iter().collect(), scatter: false }
}

/// Points that are not joined.
pub(super) fn dots(name: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Curve {
    Curve { scatter: true, ..curve(name, points) }
}

/// The graph of a function over a range, in `pieces` line segments.
pub(super) fn graph(
    name: &str,
    [low, high]: [f64; 2],
    pieces: u32,
    f: impl Fn(f64) -> f64,
) -> Curve {
    let x = |index| low + (high - low) * f64::from(index) / f64::from(pieces);
    curve(name, (0..=pieces).map(x).map(|x| (x, f(x))))
}

/// A table; each row has a flag for highlighting.
pub(super) fn table(
    header: &[&str],
    rows: impl IntoIterator<Item = (bool, Vec<String>)>,
) -> FigureBody {
    let cells = |(highlighted, row): (bool, Vec<String>)| {
        row.into_iter().map(|text| Cell { text, highlighted }).collect()
    };
    FigureBody::Table {
        header: header.iter().map(ToString::to_string).collect(),
        rows: rows.into_iter().map(cells).collect(),
    }
}

/// A neuron at a position given as fractions of width and height.
pub(super) fn neuron(name: &str, value: impl ToString, at: [f64; 2], lit: bool) -> Neuron {
    let (value, at) = (value.to_string(), at.map(|share| share as f32));
    Neuron { name: name.into(), value, at, lit }
}

pub(super) fn wire(from: usize, to: usize, label: impl ToString, lit: bool) -> Wire {
    Wire { from: from as u32, to: to as u32, label: label.to_string(), lit }
}

/// Formats a number without trailing zeros and with a proper minus sign.
pub(super) fn number(value: f64) -> String {
    let text = match value.abs() {
        size if size != 0.0 && !(1e-3..1e5).contains(&size) => format!("{value:.1e}"),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    };
    let trimmed = if text.contains('.') && !text.contains('e') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    let trimmed = if trimmed == "-0" { "0" } else { trimmed };
    trimmed.replace('-', "−")
}

/// σ(z) = 1 / (1 + e^−z) (equation 3).
pub(super) fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// σ′(z) = σ(z) (1 − σ(z)).
pub(super) fn sigmoid_slope(z: f64) -> f64 {
    sigmoid(z) * (1.0 - sigmoid(z))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_formatted_readably() {
        for (value, text) in [
            (0.0, "0"),
            (-2.0, "−2"),
            (0.25, "0.25"),
            (-1e-5, "−1.0e−5"),
            (12.345, "12.3"),
            (1234.0, "1234"),
            (0.0125, "0.0125"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn the_slope_of_the_sigmoid_is_its_derivative() {
        for z in [-6.0, -1.0, 0.0, 0.3, 5.0] {
            let h = 1e-5;
            let measured = (sigmoid(z + h) - sigmoid(z - h)) / (2.0 * h);
            assert!((measured - sigmoid_slope(z)).abs() < 1e-9);
        }
    }
}
