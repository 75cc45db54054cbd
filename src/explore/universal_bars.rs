//! Chapter 4, many bumps: a bar chart over a function that you draw.

use super::build::{curve, dots, figure, graph, number, plot, range, table};
use super::universal::{bars, drawn, error, presets, sampled};
use crate::protocol::{Curve, Explorable, Figure, FigureBody, Scale, Slider, SliderKind};

const INPUTS: [f64; 2] = [0.0, 1.0];
/// Number of heights in a drawing.
const DRAWN: usize = 36;
/// Number of points at which errors are measured.
const POINTS: usize = 512;
/// The numbers of bars whose error is shown.
const COUNTS: [u32; 11] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48];

/// A slider for drawing a function; it starts with one of the presets.
pub(super) fn drawing(name: &str) -> Slider {
    let presets = presets(DRAWN);
    let default = presets[0].1.clone();
    let line = range(name, INPUTS, 0.05, 0.0);
    Slider { default, step: 0.01, control: SliderKind::Curve { presets }, ..line }
}

pub(super) fn describe() -> Explorable {
    Explorable {
        id: "universal-bars".into(),
        chapter: 4,
        title: "Any function, in bars".into(),
        to_try: "Draw a function with the mouse (or ←→ and + −; Enter for the next one), then \
                 raise the number of bars. Make the steepness small."
            .into(),
        to_notice: "Every bar is a pair of hidden neurons whose output weight is its height. More \
                    neurons approximate any function more closely. Soft steps round the corners \
                    off, which is often closer to the function."
            .into(),
        sliders: vec![
            drawing("f(x), drawn by you"),
            range("bars n", [1.0, 48.0], 1.0, 10.0),
            range("steepness", [1.0, 60.0], 1.0, 20.0),
        ],
    }
}

pub(super) fn figures(values: &[f64]) -> Vec<Figure> {
    let (heights, rest) = values.split_at(DRAWN);
    let target = |x: f64| drawn(heights, x);
    let (n, steepness) = (rest[0].round() as u32, rest[1]);
    let steps = bars(target, n, steepness);
    let output = sampled(&steps, POINTS);
    let output =
        output.into_iter().enumerate().map(|(at, y)| ((at as f64 + 0.5) / POINTS as f64, y));
    let curves = vec![graph("f(x)", INPUTS, 300, target), curve("network", output)];
    let [mean, largest] = error(target, &steps, POINTS);
    let cells = [steps.len() as f64, steps[0].weight, mean, largest].map(number);
    vec![
        figure("bars", "The network's bar chart", "", plot(("x", INPUTS), ("", INPUTS), curves)),
        figure("errors", "Error over n", "", errors(target, steepness, n, mean)),
        figure(
            "numbers",
            "In numbers",
            "",
            table(
                &["hidden neurons", "weight w", "mean error", "largest"],
                [(false, cells.into())],
            ),
        ),
    ]
}

fn errors(target: impl Fn(f64) -> f64, steepness: f64, n: u32, now: f64) -> FigureBody {
    // A constant function has error 0, which a logarithmic axis cannot show.
    let floor = |error: f64| error.max(1e-5);
    let measured: Vec<(f64, f64)> = COUNTS
        .iter()
        .map(|&n| (f64::from(n), floor(error(&target, &bars(&target, n, steepness), POINTS)[0])))
        .collect();
    let reference = measured[0].1.max(0.1);
    let curves: Vec<Curve> = vec![
        curve("as 1/n", COUNTS.map(f64::from).map(|n| (n, reference / n))),
        curve("mean error", measured),
        dots("now", [(f64::from(n), floor(now))]),
    ];
    FigureBody::Chart {
        x_label: "bars".into(),
        y_label: String::new(),
        x_scale: Scale::Logarithmic,
        y_scale: Scale::Logarithmic,
        curves,
    }
}
