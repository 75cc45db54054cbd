//! Chapter 4: the output neuron has its own sigmoid, so the weighted sum must be σ⁻¹∘f.

use super::build::{choice, curve, figure, graph, plot, range, sigmoid};
use super::universal::{STEEPNESS, bars, drawn, sampled};
use super::universal_bars::drawing;
use crate::protocol::{Explorable, Figure};

const INPUTS: [f64; 2] = [0.0, 1.0];
const SUMS: [f64; 2] = [-4.0, 4.0];
/// Drawings are limited to this distance from 0 and 1, which σ does not reach.
const MARGIN: f64 = 0.01;
const POINTS: usize = 400;

pub(super) fn describe() -> Explorable {
    let drawing = drawing("f(x), drawn by you");
    Explorable {
        id: "universal-inverse".into(),
        chapter: 4,
        title: "The σ⁻¹ trick".into(),
        to_try: "Let the bars aim at f itself: the output misses f. Then aim them at σ⁻¹∘f. Draw \
                 functions that come near to 0 and 1."
            .into(),
        to_notice: "What the output neuron does to the weighted sum can be undone beforehand: \
                    if the sum is σ⁻¹(f(x)), the output is σ(σ⁻¹(f(x))) = f(x). It is steep near \
                    0 and 1, where σ is flat."
            .into(),
        sliders: vec![
            drawing,
            choice("bars aim at", &["σ⁻¹∘f", "f"]),
            range("bars n", [1.0, 48.0], 1.0, 20.0),
        ],
    }
}

/// The inverse of the sigmoid.
fn inverse(a: f64) -> f64 {
    let a = a.clamp(MARGIN, 1.0 - MARGIN);
    (a / (1.0 - a)).ln()
}

pub(super) fn figures(values: &[f64]) -> Vec<Figure> {
    let (heights, rest) = values.split_at(values.len() - 2);
    let f = |x: f64| drawn(heights, x);
    let aim = |x: f64| if rest[0] < 0.5 { inverse(f(x)) } else { f(x) };
    let sums = sampled(&bars(aim, rest[1].round() as u32, STEEPNESS), POINTS);
    let over = |value: fn(f64) -> f64| {
        let points = sums.iter().enumerate();
        points.map(move |(at, &sum)| ((at as f64 + 0.5) / POINTS as f64, value(sum)))
    };
    let weighted = vec![
        graph("σ⁻¹(f(x))", INPUTS, 300, |x| inverse(f(x))),
        curve("weighted sum", over(|sum| sum)),
    ];
    let output = vec![graph("f(x)", INPUTS, 300, f), curve("output σ(sum)", over(sigmoid))];
    vec![
        figure("sum", "Before the output's σ", "", plot(("x", INPUTS), ("z", SUMS), weighted)),
        figure("output", "After it", "", plot(("x", INPUTS), ("a", INPUTS), output)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inverse_undoes_the_sigmoid() {
        for a in [0.02, 0.5, 0.9] {
            assert!((sigmoid(inverse(a)) - a).abs() < 1e-12);
        }
        let target = |x: f64| 0.1 + 0.8 * x * x;
        let miss = |aim: &dyn Fn(f64) -> f64| {
            let sums = sampled(&bars(aim, 48, STEEPNESS), POINTS);
            let far = |(at, sum): (usize, f64)| {
                (sigmoid(sum) - target((at as f64 + 0.5) / POINTS as f64)).abs()
            };
            sums.into_iter().enumerate().map(far).fold(0.0, f64::max)
        };
        assert!(miss(&|x| inverse(target(x))) < 0.02);
        assert!(miss(&target) > 0.2);
    }
}
