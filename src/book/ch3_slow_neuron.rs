//! Section 3.1: one sigmoid neuron with input 1 and target 0. If it is badly wrong, it learns
//! slowly with the quadratic cost, and fastest with the cross-entropy.

use super::Experiment;
use crate::jobs::{ExperimentError, JobContext, Tolerance, chart};
use crate::protocol::Curve;

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "3-slow-neuron",
    chapter: 3,
    title: "A neuron that is badly wrong, with both costs",
    expected: "from (0.6, 0.9) to 0.09 and from (2, 2) to 0.20 with the quadratic cost, the latter \
               after a slow start; no slow start with the cross-entropy",
    quick_suffices: true,
    run,
};

/// The book's budget.
const EPOCHS: usize = 300;

/// A neuron a = σ(wx + b).
#[derive(Clone, Copy, Debug)]
struct SlowNeuron {
    w: f64,
    b: f64,
}

/// The cost function; x = 1, y = 0.
#[derive(Clone, Copy, Debug, PartialEq)]
enum NeuronCost {
    /// C = (y − a)²/2, ∂C/∂w = a σ′(z) (equations 54 to 56).
    Quadratic,
    /// C = −ln(1 − a), ∂C/∂w = a (equations 57 to 62).
    CrossEntropy,
}

impl SlowNeuron {
    fn output(self) -> f64 {
        1.0 / (1.0 + (-self.w - self.b).exp())
    }
}

impl NeuronCost {
    fn of(self, a: f64) -> f64 {
        match self {
            Self::Quadratic => a * a / 2.0,
            Self::CrossEntropy => -(1.0 - a).ln(),
        }
    }

    /// ∂C/∂w = ∂C/∂b, since the input is 1.
    fn gradient(self, a: f64) -> f64 {
        match self {
            Self::Quadratic => a * a * (1.0 - a),
            Self::CrossEntropy => a,
        }
    }
}

/// The neuron's output before the first and after each of `epochs` steps of gradient descent.
fn learn(mut neuron: SlowNeuron, cost: NeuronCost, eta: f64, epochs: usize) -> Vec<f64> {
    let mut outputs = vec![neuron.output()];
    for _ in 0..epochs {
        let step = eta * cost.gradient(neuron.output());
        neuron = SlowNeuron { w: neuron.w - step, b: neuron.b - step };
        outputs.push(neuron.output());
    }
    outputs
}

/// The epoch in which the cost falls fastest, counted from 1.
fn fastest_epoch(outputs: &[f64], cost: NeuronCost) -> usize {
    let falls = outputs.windows(2).map(|pair| cost.of(pair[0]) - cost.of(pair[1]));
    let fastest = falls.enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
    fastest.map_or(0, |(index, _)| index + 1)
}

fn costs(name: &str, outputs: &[f64], cost: NeuronCost) -> Curve {
    let point = |(epoch, &a): (usize, &f64)| (epoch as f64, cost.of(a));
    Curve {
        name: name.into(),
        points: outputs.iter().enumerate().map(point).collect(),
        scatter: false,
    }
}

fn run(context: &mut JobContext) -> Result<(), ExperimentError> {
    let [mild, bad] = [SlowNeuron { w: 0.6, b: 0.9 }, SlowNeuron { w: 2.0, b: 2.0 }];

    // The quadratic cost: at the same learning rate, the worse start takes far longer to improve.
    let quadratic = [mild, bad].map(|start| learn(start, NeuronCost::Quadratic, 0.15, EPOCHS));
    context.figure(
        "quadratic",
        "The quadratic cost, η 0.15",
        "From (2, 2) the curve is flat for 150 epochs: σ′(z) is small because the neuron is \
         saturated.",
        chart(
            "epoch",
            "cost",
            vec![
                costs("from w 0.6, b 0.9", &quadratic[0], NeuronCost::Quadratic),
                costs("from w 2, b 2", &quadratic[1], NeuronCost::Quadratic),
            ],
        ),
    );
    context.handle_commands()?;

    // The cross-entropy: σ′(z) cancels, so the larger the error, the faster the cost falls.
    let entropy = [mild, bad].map(|start| learn(start, NeuronCost::CrossEntropy, 0.005, EPOCHS));
    context.figure(
        "cross-entropy",
        "The cross-entropy, η 0.005",
        "The book's rate for this cost. Both curves are steepest at the start, the worse one more \
         so: ∂C/∂w = a − y.",
        chart(
            "epoch",
            "cost",
            vec![
                costs("from w 0.6, b 0.9", &entropy[0], NeuronCost::CrossEntropy),
                costs("from w 2, b 2", &entropy[1], NeuronCost::CrossEntropy),
            ],
        ),
    );
    context.handle_commands()?;

    let start = "output before training";
    context.claim_number(
        &format!("{start}, from (0.6, 0.9)"),
        0.82,
        quadratic[0][0],
        Tolerance::Within(0.005),
        "",
    );
    context.claim_number(
        &format!("{start}, from (2, 2)"),
        0.98,
        quadratic[1][0],
        Tolerance::Within(0.005),
        "",
    );
    let end = "output after 300 epochs with the quadratic cost";
    context.claim_number(
        &format!("{end}, from (0.6, 0.9)"),
        0.09,
        quadratic[0][EPOCHS],
        Tolerance::Within(0.005),
        "",
    );
    context.claim_number(
        &format!("{end}, from (2, 2)"),
        0.20,
        quadratic[1][EPOCHS],
        Tolerance::Within(0.005),
        "",
    );
    context.claim_number(
        "quadratic cost from (2, 2): epoch in which the cost falls fastest (the book: little \
         happens in the first 150)",
        150.0,
        fastest_epoch(&quadratic[1], NeuronCost::Quadratic) as f64,
        Tolerance::AtLeast,
        "epochs",
    );
    context.claim_number(
        "cross-entropy from (2, 2): epoch in which the cost falls fastest (the first)",
        1.0,
        fastest_epoch(&entropy[1], NeuronCost::CrossEntropy) as f64,
        Tolerance::AtMost,
        "epochs",
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_are_the_slopes_of_the_costs() {
        for cost in [NeuronCost::Quadratic, NeuronCost::CrossEntropy] {
            let at = |w| cost.of(SlowNeuron { w, b: 0.4 }.output());
            let slope = (at(0.3 + 1e-5) - at(0.3 - 1e-5)) / 2e-5;
            let gradient = cost.gradient(SlowNeuron { w: 0.3, b: 0.4 }.output());
            assert!((slope - gradient).abs() < 1e-8, "{cost:?}: {slope} against {gradient}");
        }
    }

    #[test]
    fn the_fastest_epoch_has_the_largest_decrease() {
        assert_eq!(fastest_epoch(&[0.9, 0.85, 0.5, 0.4], NeuronCost::Quadratic), 2);
    }
}
