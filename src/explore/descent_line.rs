//! Section 1.5 in one variable: a ball rolls down by v → v′ = v − η ∂C/∂v (from equation 8 on).

use super::build::{choice, curve, dots, figure, graph, number, plot, range, table, time};
use crate::protocol::{Explorable, Figure, FigureBody};

const RANGE: [f64; 2] = [-2.0, 2.0];
const HEIGHTS: [f64; 2] = [0.0, 4.0];
const STEPS: u32 = 60;
/// A ball beyond this distance has diverged.
const AWAY: f64 = 1e6;

pub(super) fn describe() -> Explorable {
    Explorable {
        id: "descent-line".into(),
        chapter: 1,
        title: "A ball in a valley".into(),
        to_try: "Press p to let the ball roll. Then η = 0.9, 1 and 1.1 in the bowl, and the two \
                 valleys from both sides. On the plateau start at v = −1.9."
            .into(),
        to_notice: "A small η creeps, a large one jumps over the bottom, and beyond η = 1 the \
                    bowl throws the ball out. Where the slope is nearly 0 it stalls, at the \
                    bottom of the wrong valley too: it only feels the ground under it."
            .into(),
        sliders: vec![
            choice("C(v)", &["bowl", "two valleys", "plateau"]),
            range("start", RANGE, 0.1, -1.7),
            range("η", [0.01, 1.2], 0.01, 0.1),
            time("steps", STEPS, 12),
        ],
    }
}

/// A cost and its derivative.
struct Valley {
    cost: fn(f64) -> f64,
    slope: fn(f64) -> f64,
}

const VALLEYS: [Valley; 3] = [
    Valley { cost: |v| v * v, slope: |v| 2.0 * v },
    Valley {
        cost: |v| 0.7 * (v * v - 1.0).powi(2) + 0.35 * v + 0.4,
        slope: |v| 2.8 * v * (v * v - 1.0) + 0.35,
    },
    // The quadratic cost of a sigmoid neuron: flat where the neuron saturates.
    Valley {
        cost: |v| 3.5 / (1.0 + (-4.0 * v).exp()).powi(2),
        slope: |v| 28.0 * (-4.0 * v).exp() / (1.0 + (-4.0 * v).exp()).powi(3),
    },
];

/// The positions of the ball: at the start, and after every step.
fn roll(valley: &Valley, start: f64, eta: f64, steps: u32) -> Vec<f64> {
    let next = |v: &f64| Some((v - eta * (valley.slope)(*v)).clamp(-AWAY, AWAY));
    std::iter::successors(Some(start), next).take(steps as usize + 1).collect()
}

pub(super) fn figures(values: &[f64]) -> Vec<Figure> {
    let [which, start, eta, step] = [0, 1, 2, 3].map(|index| values[index]);
    let valley = &VALLEYS[which as usize];
    let all = roll(valley, start, eta, STEPS);
    let path = &all[..=step as usize];
    let here = path[path.len() - 1];
    let cost = |v: f64| (valley.cost)(v).min(1e9);
    let points: Vec<(f64, f64)> = path.iter().map(|&v| (v, cost(v))).collect();
    let hill = vec![
        graph("C(v)", RANGE, 240, cost),
        curve("path", points.clone()),
        dots("", points[..points.len() - 1].iter().copied()),
        dots("ball", [(here, cost(here))]),
    ];
    vec![
        figure("valley", "The valley", "", plot(("v", RANGE), ("C", HEIGHTS), hill)),
        figure("cost", "Cost over the steps", "", costs(&all, path, cost)),
        figure("numbers", "This step", "", numbers(valley, here, eta)),
    ]
}

fn costs(all: &[f64], path: &[f64], cost: impl Fn(f64) -> f64) -> FigureBody {
    let over = |places: &[f64]| -> Vec<(f64, f64)> {
        places.iter().enumerate().map(|(step, &v)| (step as f64, cost(v))).collect()
    };
    let now = over(path).split_off(path.len() - 1);
    let lines = vec![curve("to come", over(all)), curve("so far", over(path)), dots("now", now)];
    plot(("steps", [0.0, f64::from(STEPS)]), ("C", HEIGHTS), lines)
}

fn numbers(valley: &Valley, v: f64, eta: f64) -> FigureBody {
    let slope = (valley.slope)(v);
    let cells = [v, (valley.cost)(v), slope, -eta * slope, v - eta * slope].map(number);
    table(&["v", "C", "∂C/∂v", "Δv = −η ∂C/∂v", "v′"], [(false, cells.into())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_the_derivatives_of_the_costs() {
        for (valley, v) in
            VALLEYS.iter().flat_map(|valley| [-1.9, -0.4, 0.0, 1.3].map(|v| (valley, v)))
        {
            let h = 1e-5;
            let measured = ((valley.cost)(v + h) - (valley.cost)(v - h)) / (2.0 * h);
            assert!((measured - (valley.slope)(v)).abs() < 1e-7, "{v}: {measured}");
        }
    }

    #[test]
    fn the_bowl_converges_below_eta_one_and_diverges_above() {
        let end = |eta| roll(&VALLEYS[0], -1.7, eta, STEPS).last().copied().unwrap().abs();
        assert!(end(0.1) < 1e-5 && end(0.9) < 1e-5);
        assert!((end(1.0) - 1.7).abs() < 1e-9, "it oscillates forever");
        assert!(end(1.1) > 1000.0);
    }

    #[test]
    fn the_ball_stalls_on_the_plateau_and_in_the_wrong_valley() {
        let plateau = roll(&VALLEYS[2], -1.9, 0.1, STEPS);
        assert!((plateau[STEPS as usize] + 1.9).abs() < 0.01);
        let [left, right] = [-1.7, 1.7].map(|start| roll(&VALLEYS[1], start, 0.05, STEPS)[60]);
        assert!(left < -0.9 && right > 0.9);
        assert!((VALLEYS[1].cost)(right) > (VALLEYS[1].cost)(left) + 0.5);
    }
}
