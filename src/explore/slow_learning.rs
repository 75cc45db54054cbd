//! Section 3.1: a neuron that is badly wrong learns slowly with the quadratic cost, and quickly
//! with the cross-entropy.

use super::build::{curve, dots, figure, number, plot, range, sigmoid, sigmoid_slope, table, time};
use crate::protocol::{Curve, Explorable, Figure, FigureBody};

/// As in the book's animations.
const EPOCHS: u32 = 300;
/// The neuron's input and target.
const INPUT: f64 = 1.0;
const TARGET: f64 = 0.0;

pub(super) fn describe() -> Explorable {
    Explorable {
        id: "cost-slow-learning".into(),
        chapter: 3,
        title: "Badly wrong, slowly right".into(),
        to_try: "Press p from w = 2, b = 2: the neuron says 0.98 and should say 0. Then start at \
                 w = 0.6, b = 0.9 as the book does first."
            .into(),
        to_notice: "With the quadratic cost, σ′(z) slows a neuron that is saturated and wrong: \
                    the worse it is, the slower it learns. The cross-entropy cancels σ′(z); its \
                    gradient is the error itself."
            .into(),
        sliders: vec![
            range("start w", [-4.0, 6.0], 0.1, 2.0),
            range("start b", [-4.0, 6.0], 0.1, 2.0),
            range("η", [0.01, 1.0], 0.01, 0.15),
            time("epoch", EPOCHS, 120),
        ],
    }
}

#[derive(Clone, Copy)]
enum CostChoice {
    Quadratic,
    CrossEntropy,
}

impl CostChoice {
    /// ∂C/∂z, which is ∂C/∂b: equations 56 and 68.
    fn delta(self, z: f64) -> f64 {
        let error = sigmoid(z) - TARGET;
        match self {
            Self::Quadratic => error * sigmoid_slope(z),
            Self::CrossEntropy => error,
        }
    }

    /// The cost of a weighted input; for the target 0 the cross-entropy is −ln(1 − a).
    fn of(self, z: f64) -> f64 {
        match self {
            Self::Quadratic => 0.5 * (sigmoid(z) - TARGET).powi(2),
            // ln(1 + e^z) without overflow.
            Self::CrossEntropy => z.max(0.0) + (-z.abs()).exp().ln_1p(),
        }
    }

    /// Weight and bias at the start and after every epoch.
    fn learn(self, start: [f64; 2], eta: f64) -> Vec<[f64; 2]> {
        let next = |&[w, b]: &[f64; 2]| {
            let delta = self.delta(w * INPUT + b);
            Some([w - eta * delta * INPUT, b - eta * delta])
        };
        std::iter::successors(Some(start), next).take(EPOCHS as usize + 1).collect()
    }
}

const COSTS: [(&str, CostChoice); 2] =
    [("quadratic", CostChoice::Quadratic), ("cross-entropy", CostChoice::CrossEntropy)];

pub(super) fn figures(values: &[f64]) -> Vec<Figure> {
    let [w, b, eta, epoch] = [0, 1, 2, 3].map(|index| values[index]);
    let runs = COSTS.map(|(name, cost)| (name, cost, cost.learn([w, b], eta)));
    let z = |[w, b]: [f64; 2]| w * INPUT + b;
    let rows = runs.iter().map(|(name, cost, run)| {
        let place @ [w, b] = run[epoch as usize];
        let numbers = [w, b, sigmoid(z(place)), cost.of(z(place)), cost.delta(z(place))];
        (false, std::iter::once((*name).to_string()).chain(numbers.map(number)).collect())
    });
    let header = ["", "w", "b", "a", "C", "∂C/∂w"];
    let output = |_: CostChoice, place| sigmoid(z(place));
    let own_cost = |cost: CostChoice, place| cost.of(z(place));
    vec![
        figure(
            "output",
            "Output over epochs",
            "It should become 0.",
            over_epochs(&runs, epoch as usize, ("a", [0.0, 1.0]), output),
        ),
        figure(
            "cost",
            "Cost over epochs",
            "",
            over_epochs(&runs, epoch as usize, ("C", [0.0, 4.0]), own_cost),
        ),
        figure("numbers", "In this epoch", "", table(&header, rows)),
    ]
}

type NeuronRun = (&'static str, CostChoice, Vec<[f64; 2]>);

fn over_epochs(
    runs: &[NeuronRun; 2],
    now: usize,
    y: (&str, [f64; 2]),
    value: impl Fn(CostChoice, [f64; 2]) -> f64,
) -> FigureBody {
    let line = |(name, cost, run): &NeuronRun| -> Curve {
        let points = run.iter().enumerate().take(now + 1);
        curve(name, points.map(|(epoch, &place)| (epoch as f64, value(*cost, place))))
    };
    let balls = runs.iter().map(|(_, cost, run)| (now as f64, value(*cost, run[now])));
    let curves = runs.iter().map(line).chain([dots("now", balls)]);
    plot(("epoch", [0.0, f64::from(EPOCHS)]), y, curves.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deltas_are_the_derivatives_of_the_costs() {
        for ((_, cost), z) in COSTS.into_iter().flat_map(|c| [-3.0, 0.0, 4.0].map(|z| (c, z))) {
            let h = 1e-5;
            let measured = (cost.of(z + h) - cost.of(z - h)) / (2.0 * h);
            assert!((measured - cost.delta(z)).abs() < 1e-9);
        }
    }

    /// The book's second start: w = b = 2, η = 0.15, where the quadratic cost hardly learns for 150
    /// epochs.
    #[test]
    fn the_books_neuron_starts_slowly_except_with_cross_entropy() {
        let output = |cost: CostChoice, epoch: usize| {
            let [w, b] = cost.learn([2.0, 2.0], 0.15)[epoch];
            sigmoid(w + b)
        };
        assert!((output(CostChoice::Quadratic, 0) - 0.98).abs() < 0.005);
        assert!(output(CostChoice::Quadratic, 100) > 0.9);
        assert!((output(CostChoice::Quadratic, 300) - 0.20).abs() < 0.02);
        assert!(output(CostChoice::CrossEntropy, 50) < 0.12);
    }
}
