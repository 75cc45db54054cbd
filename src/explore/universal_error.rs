//! Chapter 4: the distance of the bar chart from its function, as hidden neurons are added.

use super::build::{choice, curve, dots, figure, graph, number, plot, range, table};
use super::universal::{STEEPNESS, bars, book, error, sampled};
use crate::protocol::{Explorable, Figure, FigureBody, Scale};

const INPUTS: [f64; 2] = [0.0, 1.0];
/// Number of points at which errors are measured: several in the narrowest bar.
const POINTS: usize = 2048;
/// 4 to 256 bars, by doubling.
const DOUBLINGS: [u32; 7] = [4, 8, 16, 32, 64, 128, 256];

const FUNCTIONS: [fn(f64) -> f64; 3] = [
    book,
    |x| 0.5 + 0.4 * (4.0 * std::f64::consts::PI * x).sin(),
    |x| if x < 1.0 / 3.0 { 0.2 } else { 0.8 },
];

pub(super) fn describe() -> Explorable {
    Explorable {
        id: "universal-error".into(),
        chapter: 4,
        title: "How the error falls".into(),
        to_try: "Double the bars, from 4 to 256. Then sharp steps (60) and very soft ones (3), \
                 and the function with a jump."
            .into(),
        to_notice: "With sharp steps the error halves when the bars double: it falls as 1/n. \
                    Soft steps blur the corners and fall faster on smooth functions. At a jump \
                    the largest error does not fall at all; the mean one does."
            .into(),
        sliders: vec![
            choice("f(x)", &["the book's", "sine", "a jump"]),
            choice("bars n", &["4", "8", "16", "32", "64", "128", "256"]),
            range("steepness", [3.0, 60.0], 1.0, STEEPNESS),
        ],
    }
}

pub(super) fn figures(values: &[f64]) -> Vec<Figure> {
    let f = FUNCTIONS[values[0] as usize];
    let (chosen, steepness) = (values[1] as usize, values[2]);
    let errors = DOUBLINGS.map(|n| error(f, &bars(f, n, steepness), POINTS));
    let steps = bars(f, DOUBLINGS[chosen], steepness);
    let output = sampled(&steps, 400).into_iter().enumerate();
    let curves = vec![
        graph("f(x)", INPUTS, 400, f),
        curve("network", output.map(|(at, y)| ((at as f64 + 0.5) / 400.0, y))),
    ];
    let rows = DOUBLINGS.iter().zip(errors).enumerate().map(|(index, (&n, [mean, largest]))| {
        let bars = [n.to_string(), (2 * n).to_string()];
        let measured = [mean, f64::from(n) * mean, largest].map(number);
        (index == chosen, bars.into_iter().chain(measured).collect())
    });
    let header = ["bars n", "neurons", "mean error", "n × mean", "largest"];
    vec![
        figure("errors", "Error over n", "", log_log(&errors, chosen)),
        figure("network", "This network", "", plot(("x", INPUTS), ("", INPUTS), curves)),
        figure("numbers", "Measured", "", table(&header, rows)),
    ]
}

fn log_log(errors: &[[f64; 2]; 7], chosen: usize) -> FigureBody {
    let line = |name: &str, kind: usize| {
        let points = DOUBLINGS.iter().zip(errors);
        curve(name, points.map(|(&n, e)| (f64::from(n), e[kind].max(1e-6))))
    };
    let start = errors[0][0];
    let reference = DOUBLINGS.map(|n| (f64::from(n), start * 4.0 / f64::from(n)));
    let (mean, largest) = (line("mean", 0), line("largest", 1));
    let now = dots("now", [mean.points[chosen], largest.points[chosen]]);
    FigureBody::Chart {
        x_label: "bars".into(),
        y_label: String::new(),
        x_scale: Scale::Logarithmic,
        y_scale: Scale::Logarithmic,
        curves: vec![curve("as 1/n", reference), mean, largest, now],
    }
}
