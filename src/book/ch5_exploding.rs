//! Section 5.2: the gradient is a product of terms wσ′(z). If each exceeds 1, the gradients of
//! early layers explode. The problem in that section bounds the range of inputs for which one does.

use super::Experiment;
use crate::jobs::{ExperimentError, JobContext, Tolerance, chart};
use crate::nn::layer::Dense;
use crate::nn::{Activation, Cost, Executor, ForwardCache, Gradients, Layer, Mode, Network, Real};
use crate::protocol::{Bar, Curve, FigureBody};
use ndarray::array;

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "5-exploding",
    chapter: 5,
    title: "Exploding gradients",
    expected: "weights of 100 with biases that keep z at 0 make every earlier gradient 25 times \
               larger; the range of inputs with |wσ′| ≥ 1 is at most 0.45 wide, at |w| 6.9",
    quick_suffices: true,
    run,
};

/// Number of neurons in the chain, one per layer.
const NEURONS: usize = 4;

/// A chain of neurons with the same weight; each bias makes z = 0 if the first input is 1.
fn chain(weight: Real) -> Network {
    let layer = |index: usize| {
        // The neuron's input: 1, or σ(0) of the previous neuron.
        let input = if index == 0 { 1.0 } else { 0.5 };
        Layer::Dense(Dense {
            weights: array![[weight]].into(),
            biases: array![-weight * input],
            activation: Activation::Sigmoid,
        })
    };
    Network { layers: (0..NEURONS).map(layer).collect(), cost: Cost::Quadratic }
}

/// |∂C/∂b| of every neuron for input 1 and target 1, by backpropagation.
fn bias_gradients(network: &Network) -> Vec<f64> {
    let (mut cache, mut gradients) = (ForwardCache::new(network, 1), Gradients::zeros(network));
    let (x, y) = (array![[1.0]], array![[1.0]]);
    network.forward(x.view(), &mut cache, Mode::Inference, &mut Executor::Serial);
    network.backward(x.view(), y.view(), &mut cache, &mut gradients, &mut Executor::Serial);
    #[allow(clippy::useless_conversion, reason = "Real is f64 with the feature f64")]
    gradients.layers.iter().map(|layer| f64::from(layer.biases[0]).abs()).collect()
}

/// |wσ′(wa)|, where a is the distance of the input from the one with z = 0.
fn term(w: f64, a: f64) -> f64 {
    let output = 1.0 / (1.0 + (-w * a).exp());
    (w * output * (1.0 - output)).abs()
}

/// The width of the range of inputs with |wσ′(wa + b)| ≥ 1, found by bisection; 0 if |w| < 4.
fn width(w: f64) -> f64 {
    if term(w, 0.0) < 1.0 {
        return 0.0;
    }
    // The term decreases on both sides of its maximum.
    let (mut inside, mut outside) = (0.0, 10.0);
    for _ in 0..100 {
        let middle = f64::midpoint(inside, outside);
        if term(w, middle) >= 1.0 { inside = middle } else { outside = middle }
    }
    2.0 * inside
}

fn run(context: &mut JobContext) -> Result<(), ExperimentError> {
    // A chain of four neurons, large weights, z = 0: every term is 100 · ¼ = 25.
    let exploding = bias_gradients(&chain(100.0));
    // The same with weights of 1: every term is ¼.
    let vanishing = bias_gradients(&chain(1.0));
    let bars = |gradients: &[f64]| FigureBody::Bars {
        unit: String::new(),
        bars: gradients
            .iter()
            .enumerate()
            .map(|(index, &value)| Bar {
                name: format!("∂C/∂b{}", index + 1),
                value,
                highlighted: index == 0,
            })
            .collect(),
    };
    context.figure(
        "vanishing",
        "Four neurons in a row, weights 1",
        "Each step back multiplies the gradient by wσ′(0) = ¼: it vanishes.",
        bars(&vanishing),
    );
    context.figure(
        "exploding",
        "Four neurons in a row, weights 100, biases that keep z at 0",
        "Each step back multiplies the gradient by wσ′(0) = 25: it explodes.",
        bars(&exploding),
    );
    let claim = "ratio of the first neuron's gradient to the last's, weights 100 (25³)";
    let ratio = exploding[0] / exploding[NEURONS - 1];
    context.claim_number(claim, 15_625.0, ratio, Tolerance::Within(1.0), "times");
    let claim = "ratio of the last neuron's gradient to the first's, weights 1 (4³)";
    let ratio = vanishing[NEURONS - 1] / vanishing[0];
    context.claim_number(claim, 64.0, ratio, Tolerance::Within(0.01), "times");
    context.handle_commands()?;

    // How likely is it? The width of the range of inputs for which a term stays above 1.
    let weights: Vec<f64> = (0..=960).map(|step| 2.0 + f64::from(step) / 40.0).collect();
    let widths: Vec<(f64, f64)> = weights.iter().map(|&w| (w, width(w))).collect();
    context.figure(
        "width",
        "Width of the range of inputs with |wσ′(wa + b)| of at least 1",
        "Empty below |w| = 4, and never wider than about 0.45: gradients usually vanish.",
        chart(
            "|w|",
            "width of the range of a",
            vec![Curve { name: "width".into(), points: widths.clone(), scatter: false }],
        ),
    );
    let widest = widths.iter().copied().fold((0.0, 0.0), |a, b| if b.1 > a.1 { b } else { a });
    let claim = "the weight with the widest range";
    context.claim_number(claim, 6.9, widest.0, Tolerance::Within(0.05), "");
    let claim = "the widest range";
    context.claim_number(claim, 0.45, widest.1, Tolerance::Within(0.005), "");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_width_matches_the_books_formula() {
        for w in [4.5_f64, 6.9, 20.0] {
            let root = (1.0 - 4.0 / w).sqrt();
            let formula = 2.0 / w * (w * (1.0 + root) / 2.0 - 1.0).ln();
            assert!((width(w) - formula).abs() < 1e-9, "{w}: {} against {formula}", width(w));
        }
        assert!(width(3.9).abs() < 1e-12);
    }
}
