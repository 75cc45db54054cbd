//! Section 1.2: the sigmoid is a smooth step, so a small change of weights and bias causes a small
//! change of the output, which is nearly linear in it (equation 5).

use super::Experiment;
use crate::jobs::{ExperimentError, JobContext, Tolerance};
use crate::nn::perceptron::{Perceptron, sigmoid};
use crate::protocol::{Curve, FigureBody, Scale};
use crate::rng::{Purpose, stream};
use rand::RngExt;

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "1-sigmoid",
    chapter: 1,
    title: "A smooth step, and Δoutput linear in Δw and Δb",
    expected: "σ is nearly the step function if |z| is large; Δoutput ≈ Σ ∂output/∂w Δw + \
               ∂output/∂b Δb, with an error that shrinks with the square of the change",
    quick_suffices: true,
    run,
};

/// The book's first neuron: three inputs.
const INPUTS: [f64; 3] = [1.0, 0.5, -0.7];

fn neuron() -> Perceptron {
    Perceptron { weights: vec![0.6, -1.1, 0.8], bias: 0.4 }
}

/// A change of three weights and the bias.
type Change = [f64; 4];

/// The neuron with its weights and bias changed by `size` times the change.
fn changed(neuron: &Perceptron, change: &Change, size: f64) -> Perceptron {
    let weights = neuron.weights.iter().zip(change).map(|(w, by)| w + size * by).collect();
    Perceptron { weights, bias: neuron.bias + size * change[3] }
}

/// Σ ∂output/∂w_j Δw_j + ∂output/∂b Δb, with ∂output/∂w_j = σ′(z) x_j and ∂output/∂b = σ′(z)
/// (equation 5).
fn linear(neuron: &Perceptron, change: &Change, size: f64) -> f64 {
    let a = neuron.sigmoid(&INPUTS);
    let weights: f64 = INPUTS.iter().zip(change).map(|(x, by)| x * by).sum();
    a * (1.0 - a) * size * (weights + change[3])
}

/// Δoutput of the sigmoid neuron itself.
fn difference(neuron: &Perceptron, change: &Change, size: f64) -> f64 {
    changed(neuron, change, size).sigmoid(&INPUTS) - neuron.sigmoid(&INPUTS)
}

/// The maximum over all changes.
fn largest(changes: &[Change], of: impl Fn(&Change) -> f64) -> f64 {
    changes.iter().map(of).fold(0.0, f64::max)
}

fn run(context: &mut JobContext) -> Result<(), ExperimentError> {
    let steps = |name: &str, height: &dyn Fn(f64) -> f64| Curve {
        name: name.into(),
        points: (-400..=400).map(|z| f64::from(z) / 50.0).map(|z| (z, height(z))).collect(),
        scatter: false,
    };
    context.figure(
        "shape",
        "The sigmoid is a smooth step",
        "σ(z) = 1/(1 + e⁻ᶻ), which gets steeper as weights and bias are multiplied by c, and the \
         perceptron's step.",
        FigureBody::Plot {
            x_label: "z".into(),
            y_label: "output".into(),
            x_range: [-8.0, 8.0],
            y_range: [0.0, 1.0],
            curves: vec![
                steps("σ(z)", &sigmoid),
                steps("σ(4z)", &|z| sigmoid(4.0 * z)),
                steps("step", &|z| f64::from(u8::from(z > 0.0))),
            ],
        },
    );
    let far = (50..=400).flat_map(|z| [-0.1, 0.1].map(|sign| sign * f64::from(z)));
    let apart = far.map(|z| (sigmoid(z) - f64::from(u8::from(z > 0.0))).abs());
    let claim = "maximum distance of σ(z) from the perceptron's 0 or 1 for |z| of 5 or more";
    context.claim_number(claim, 0.01, apart.fold(0.0, f64::max), Tolerance::AtMost, "");

    // A perceptron at its threshold: the smallest change flips it, but hardly affects the sigmoid.
    let before = Perceptron { weights: vec![1.0], bias: -1.0 };
    let after = Perceptron { weights: vec![1.0 + 1e-6], ..before.clone() };
    let flip = u8::from(after.fires(&[true])) - u8::from(before.fires(&[true]));
    let claim = "change of a perceptron's output at its threshold if a weight grows by 1e-6";
    context.claim_number(claim, 1.0, f64::from(flip), Tolerance::Within(0.0), "");
    let claim = "change of the sigmoid neuron with the same weights, at most that of the weight";
    let change = after.sigmoid(&[1.0]) - before.sigmoid(&[1.0]);
    context.claim_number(claim, 1e-6, change, Tolerance::AtMost, "");
    context.handle_commands()?;

    // Increasingly small changes of weights and bias in random directions.
    let neuron = neuron();
    let mut stream = stream(context.seed(), Purpose::Experiment, 1, 1);
    let changes: Vec<Change> =
        (0..200).map(|_| [(); 4].map(|()| stream.random_range(-1.0..1.0))).collect();
    let sizes: Vec<f64> = (0..=10).map(|halvings| 0.5_f64.powi(halvings)).collect();
    let error = |size: f64| {
        let error = |change: &Change| {
            (difference(&neuron, change, size) - linear(&neuron, change, size)).abs()
        };
        largest(&changes, error)
    };
    let curve = |name: &str, of: &dyn Fn(f64) -> f64| Curve {
        name: name.into(),
        points: sizes.iter().map(|&size| (size, of(size))).collect(),
        scatter: false,
    };
    let output = |size| largest(&changes, |change| difference(&neuron, change, size).abs());
    context.figure(
        "linear",
        "Accuracy of the linear estimate",
        "200 random changes of three weights and a bias, of sizes from 1 down to a thousandth. \
         Δoutput shrinks with the change, the error of the estimate with its square.",
        FigureBody::Chart {
            x_label: "size of Δw and Δb".into(),
            y_label: "largest".into(),
            x_scale: Scale::Logarithmic,
            y_scale: Scale::Logarithmic,
            curves: vec![curve("|Δoutput|", &output), curve("error of the estimate", &error)],
        },
    );
    let order = |of: &dyn Fn(f64) -> f64| {
        let [large, small] = [sizes[5], sizes[10]];
        (of(large) / of(small)).ln() / (large / small).ln()
    };
    let claim = "power of the change with which Δoutput shrinks";
    context.claim_number(claim, 1.0, order(&output), Tolerance::Within(0.05), "");
    let claim = "power of the change with which the linear estimate's error shrinks";
    context.claim_number(claim, 2.0, order(&error), Tolerance::Within(0.05), "");
    let claim = "error of the estimate for changes of up to 0.001, relative to Δoutput";
    let smallest = sizes[10];
    let part = error(smallest) / output(smallest);
    context.claim_number(claim, 0.001, part, Tolerance::AtMost, "");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_has_the_slopes_of_the_output() {
        for axis in 0..4 {
            let mut change = [0.0; 4];
            change[axis] = 1.0;
            let h = 1e-5;
            let output = |size| changed(&neuron(), &change, size).sigmoid(&INPUTS);
            let slope = (output(h) - output(-h)) / (2.0 * h);
            assert!((slope - linear(&neuron(), &change, 1.0)).abs() < 1e-9, "{axis}");
        }
    }
}
