//! Section 3.3: the weighted input z = Σ wⱼ xⱼ + b and the activation of a hidden neuron, for
//! standard normal weights and for weights with standard deviation 1/√n_in.

use super::build::{curve, dots, figure, graph, number, plot, range, sigmoid, table};
use crate::protocol::{Curve, Explorable, Figure, FigureBody};
use crate::rng::{Purpose, stream};
use rand::RngExt;
use rand_distr::StandardNormal;

/// Number of neurons sampled for comparison.
const NEURONS: usize = 120;
/// Number of bars of the histogram.
const BINS: usize = 20;
/// A neuron this close to 0 or 1 hardly learns.
const SATURATED: f64 = 0.01;

pub(super) fn describe() -> Explorable {
    Explorable {
        id: "weight-initialisation".into(),
        chapter: 3,
        title: "Weight initialisation".into(),
        to_try: "Let n_in grow from 1 to 1000. Then switch off all inputs, and make the range of \
                 z smaller to see the narrow bell."
            .into(),
        to_notice: "With weights of deviation 1, z spreads as √n: nearly every neuron saturates \
                    at 0 or 1 before it has learned anything. With 1/√n_in the bell stays as \
                    narrow as for one input and activations stay in the middle."
            .into(),
        sliders: vec![
            range("inputs n_in", [1.0, 1000.0], 10.0, 1000.0),
            range("inputs on", [0.0, 1.0], 0.05, 0.5),
            range("z up to ±", [2.0, 60.0], 1.0, 30.0),
        ],
    }
}

/// The standard deviation of z if `on` inputs are 1, weights have standard deviation `weight` and
/// the bias 1.
fn deviation(on: f64, weight: f64) -> f64 {
    (on * weight * weight + 1.0).sqrt()
}

/// The normal density.
fn density(z: f64, deviation: f64) -> f64 {
    let t = z / deviation;
    (-0.5 * t * t).exp() / (deviation * (2.0 * std::f64::consts::PI).sqrt())
}

/// The standard normal distribution function by Simpson's rule, accurate to ten places.
fn normal_below(t: f64) -> f64 {
    let t = t.clamp(-9.0, 9.0);
    let pieces = 200;
    let h = t / f64::from(pieces);
    let term = |index: i32| {
        let weight = match index {
            0 | 200 => 1.0,
            odd if odd % 2 == 1 => 4.0,
            _ => 2.0,
        };
        weight * density(f64::from(index) * h, 1.0)
    };
    0.5 + h / 3.0 * (0..=pieces).map(term).sum::<f64>()
}

/// The probability of an activation below a.
fn activation_below(a: f64, deviation: f64) -> f64 {
    if a <= 0.0 {
        0.0
    } else if a >= 1.0 {
        1.0
    } else {
        normal_below((a / (1.0 - a)).ln() / deviation)
    }
}

/// Weighted inputs z of [`NEURONS`] sampled neurons, each with standard normal weights and with the
/// same weights divided by √`inputs`.
fn measured(inputs: usize, on: usize) -> Vec<[f64; 2]> {
    let mut random = stream(1, Purpose::Experiment, 3, inputs as u64);
    let mut neuron = |_| {
        let bias: f64 = random.sample(StandardNormal);
        let sum: f64 = (0..on).map(|_| random.sample::<f64, _>(StandardNormal)).sum();
        [sum + bias, sum / (inputs as f64).sqrt() + bias]
    };
    (0..NEURONS).map(&mut neuron).collect()
}

pub(super) fn figures(values: &[f64]) -> Vec<Figure> {
    let inputs = values[0].round().max(1.0);
    let on = (values[1] * inputs).round();
    let widest = values[2];
    let deviations = [deviation(on, 1.0), deviation(on, 1.0 / inputs.sqrt())];
    let measured = measured(inputs as usize, on as usize);
    let names = ["deviation 1", "1/√n_in"];
    let bell = |index: usize| -> Curve {
        graph(names[index], [-widest, widest], 300, |z| density(z, deviations[index]))
    };
    let rows = (0..2).map(|index| {
        let z = || measured.iter().map(|neuron| neuron[index]);
        let spread = (z().map(|z| z * z).sum::<f64>() / NEURONS as f64).sqrt();
        let extreme = |a: f64| !(SATURATED..=1.0 - SATURATED).contains(&a);
        let counted = z().filter(|&z| extreme(sigmoid(z))).count() as f64 / NEURONS as f64;
        let expected = 2.0 * activation_below(SATURATED, deviations[index]);
        let percent = |share: f64| format!("{:.0}%", 100.0 * share);
        let cells =
            [number(deviations[index]), number(spread), percent(expected), percent(counted)];
        (false, std::iter::once(names[index].to_string()).chain(cells).collect())
    });
    let header = ["weights", "σ of z", "measured", "saturated", "measured"];
    let bells =
        plot(("z", [-widest, widest]), ("density of z", [0.0, 0.4]), vec![bell(0), bell(1)]);
    vec![
        figure("z", "Weighted inputs", "", bells),
        figure(
            "activations",
            "Activations",
            "Lines: expected. Dots: measured on 120 sampled neurons.",
            activations(deviations, &measured),
        ),
        figure("numbers", "Saturated neurons", "", table(&header, rows)),
    ]
}

/// The fraction of neurons with an activation in each bin.
fn activations(deviations: [f64; 2], measured: &[[f64; 2]]) -> FigureBody {
    let edge = |bin: usize| bin as f64 / BINS as f64;
    let middle = |bin: usize| (bin as f64 + 0.5) / BINS as f64;
    let expected = |bin: usize, deviation: f64| {
        activation_below(edge(bin + 1), deviation) - activation_below(edge(bin), deviation)
    };
    let names = ["deviation 1", "1/√n_in"];
    let lines = (0..2).map(|index| {
        let steps = (0..BINS).flat_map(|bin| {
            let share = expected(bin, deviations[index]);
            [(edge(bin), share), (edge(bin + 1), share)]
        });
        curve(names[index], steps)
    });
    let counted = (0..2).map(|index| {
        let share = |bin: usize| {
            let inside = |neuron: &&[f64; 2]| {
                ((sigmoid(neuron[index]) * BINS as f64) as usize).min(BINS - 1) == bin
            };
            measured.iter().filter(inside).count() as f64 / NEURONS as f64
        };
        dots("", (0..BINS).map(|bin| (middle(bin), share(bin))))
    });
    let curves: Vec<Curve> = lines.chain(counted).collect();
    plot(("a = σ(z)", [0.0, 1.0]), ("share of neurons", [0.0, 0.5]), curves)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The book's example: 1000 inputs, half of them on.
    #[test]
    fn standard_deviations_match_the_book() {
        assert!((deviation(500.0, 1.0) - 501_f64.sqrt()).abs() < 1e-12);
        assert!((deviation(500.0, 1.0 / 1000_f64.sqrt()) - 1.5_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn the_normal_distribution_matches_the_tables() {
        for (t, below) in [(0.0, 0.5), (1.0, 0.841_344_746), (-1.96, 0.024_997_895), (9.0, 1.0)] {
            assert!((normal_below(t) - below).abs() < 1e-8, "{t}");
        }
    }

    #[test]
    fn sampled_neurons_match_the_expected_distribution() {
        for (index, weight) in [1.0, 1.0 / 1000_f64.sqrt()].into_iter().enumerate() {
            let squares = measured(1000, 500).iter().map(|z| z[index] * z[index]).sum::<f64>();
            let spread = (squares / NEURONS as f64).sqrt();
            assert!((spread / deviation(500.0, weight) - 1.0).abs() < 0.2, "{spread}");
        }
    }
}
