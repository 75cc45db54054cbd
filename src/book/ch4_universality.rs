//! Chapter 4: a hidden layer with hand-set weights approximates any function, and more neurons
//! approximate it better.

use super::Experiment;
use crate::jobs::{ExperimentError, JobContext, Tolerance, chart};
use crate::nn::layer::Dense;
use crate::nn::{Activation, Cost, Executor, ForwardCache, Layer, Mode, Network, Real};
use crate::protocol::{Curve, FigureBody, Scale};
use ndarray::{Array1, Array2};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "4-universality",
    chapter: 4,
    title: "A bar chart of hidden neurons approximates a function",
    expected: "arbitrarily close: the error falls at least as 1/n with n bars",
    quick_suffices: true,
    run,
};

/// Numbers of bars; each is a pair of hidden neurons.
const COUNTS: [usize; 7] = [4, 8, 16, 32, 64, 128, 256];
/// Weight w of the hidden neurons, in units of 1 / (width of a bar): the width 1/w of a step is an
/// eighth of a bar.
const STEEPNESS: f64 = 8.0;
/// Number of inputs at which the error is measured: 16 in the narrowest bar.
const POINTS: usize = 4096;

/// The book's function to approximate, on [0, 1] (section 4.1).
fn target(x: f64) -> f64 {
    0.2 + 0.4 * x * x + 0.3 * x * (15.0 * x).sin() + 0.05 * (50.0 * x).cos()
}

/// The network [1, 2n, 1] with a linear output. Each of the n bars has two hidden neurons with
/// weight w and bias −ws, where s is the bar's left or right edge; their output weights are the
/// bar's height and minus its height. The first bar starts at −1 and the last one ends at 2.
fn bars(n: usize) -> Network {
    let weight = STEEPNESS * n as f64;
    let place = |neuron: usize| match neuron {
        0 => -1.0,
        last if last == 2 * n - 1 => 2.0,
        neuron => neuron.div_ceil(2) as f64 / n as f64,
    };
    let height = |neuron: usize| target(((neuron / 2) as f64 + 0.5) / n as f64);
    let out =
        |neuron: usize| if neuron.is_multiple_of(2) { height(neuron) } else { -height(neuron) };
    let hidden = Dense {
        weights: Array2::from_elem((1, 2 * n), weight as Real).into(),
        biases: Array1::from_shape_fn(2 * n, |neuron| (-weight * place(neuron)) as Real),
        activation: Activation::Sigmoid,
    };
    let output = Dense {
        weights: Array2::from_shape_fn((2 * n, 1), |(neuron, _)| out(neuron) as Real).into(),
        biases: Array1::zeros(1),
        activation: Activation::Linear,
    };
    Network { layers: vec![Layer::Dense(hidden), Layer::Dense(output)], cost: Cost::Quadratic }
}

/// The centres of `points` equal parts of [0, 1], and the network's output there.
fn outputs(network: &Network, points: usize) -> Vec<(f64, f64)> {
    let inputs: Vec<f64> = (0..points).map(|part| (part as f64 + 0.5) / points as f64).collect();
    let x = Array2::from_shape_fn((points, 1), |(row, _)| inputs[row] as Real);
    let mut cache = ForwardCache::new(network, points);
    network.forward(x.view(), &mut cache, Mode::Inference, &mut Executor::Serial);
    #[allow(clippy::useless_conversion, reason = "Real is f64 with the feature f64")]
    let values = cache.outputs().iter().map(|&a| f64::from(a)).collect::<Vec<f64>>();
    inputs.into_iter().zip(values).collect()
}

/// The mean and the maximum distance between network and function.
fn error(network: &Network) -> [f64; 2] {
    let distances = outputs(network, POINTS).into_iter().map(|(x, y)| (y - target(x)).abs());
    let [sum, largest] =
        distances.fold([0.0, 0.0], |[sum, most], off| [sum + off, f64::max(most, off)]);
    [sum / POINTS as f64, largest]
}

/// The slope of the least-squares line through points.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let across: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    across / points.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>()
}

fn run(context: &mut JobContext) -> Result<(), ExperimentError> {
    let curve = |name: String, points: Vec<(f64, f64)>| Curve { name, points, scatter: false };
    let function = (0..=400).map(|x| f64::from(x) / 400.0).map(|x| (x, target(x))).collect();
    let by = |n: usize| curve(format!("{n} bars"), outputs(&bars(n), 400));
    context.figure(
        "bars",
        "The book's function, and networks with 8 and 64 bars",
        "Weights and biases are set by hand, without learning. Each bar is a pair of hidden \
         neurons; their output weight is its height.",
        chart("x", "f(x)", vec![curve("f".into(), function), by(8), by(64)]),
    );
    context.handle_commands()?;

    let errors = COUNTS.map(|n| error(&bars(n)));
    let over_n = |which: usize| -> Vec<(f64, f64)> {
        COUNTS.iter().zip(&errors).map(|(&n, error)| (n as f64, error[which])).collect()
    };
    let as_one_over_n = COUNTS.map(|n| (n as f64, errors[0][0] * 4.0 / n as f64));
    context.figure(
        "errors",
        "How the error falls",
        "Mean and largest distance between network and function, over the number of bars.",
        FigureBody::Chart {
            x_label: "bars n".into(),
            y_label: "error".into(),
            x_scale: Scale::Logarithmic,
            y_scale: Scale::Logarithmic,
            curves: vec![
                curve("largest".into(), over_n(1)),
                curve("mean".into(), over_n(0)),
                curve("as 1/n".into(), as_one_over_n.into()),
            ],
        },
    );
    for (which, name) in ["mean", "largest"].into_iter().enumerate() {
        let logs: Vec<_> = over_n(which).iter().map(|(n, off)| (n.ln(), off.ln())).collect();
        let claim = format!("power of n with which the {name} error of 4 to 256 bars falls");
        context.claim_number(&claim, -1.0, slope(&logs), Tolerance::AtMost, "");
    }
    let claim = "maximum error of 256 bars on [0, 1]";
    context.claim_number(claim, 0.05, errors[6][1], Tolerance::AtMost, "");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_have_the_height_of_the_function_at_their_centres() {
        for (x, y) in outputs(&bars(10), 10) {
            assert!((y - target(x)).abs() < 0.02, "{x}: {y}");
        }
    }

    #[test]
    fn the_slope_of_a_line_is_found() {
        assert!((slope(&[(0.0, 1.0), (1.0, -1.0), (2.0, -3.0)]) + 2.0).abs() < 1e-12);
    }
}
