//! Compares gradients with finite differences, and mini-batch steps with the book's loops over
//! samples.

use super::layer::{GradientStep, MEAN, ParameterRole, VARIANCE};
use super::*;
use crate::rng::{Purpose, stream};
use ndarray::{Array2, ArrayView2};
use rand::RngExt;

/// The allowed relative error, and the h of the difference quotients (C(w + h) − C(w − h)) / 2h.
/// Single precision does not permit tighter bounds; the feature `f64` does.
#[cfg(not(feature = "f64"))]
const EXACT: (f64, Real) = (5e-2, 2e-3);
#[cfg(feature = "f64")]
const EXACT: (f64, Real) = (1e-7, 1e-5);

const SAMPLES: usize = 3;
const TRAINING: Mode = Mode::Training { seed: 5, epoch: 1, step: 2 };

#[allow(clippy::useless_conversion, reason = "Real is f64 with the feature f64")]
fn wide(value: Real) -> f64 {
    f64::from(value)
}

/// Inputs, a third of which are zero, and one-hot targets.
fn batch(samples: usize, inputs: usize, outputs: usize) -> (Array2<Real>, Array2<Real>) {
    let mut stream = stream(3, Purpose::Experiment, 0, 0);
    let mut x = Array2::from_shape_simple_fn((samples, inputs), || stream.random_range(-1.0..1.0));
    x.iter_mut().step_by(3).for_each(|x| *x = 0.0);
    let y = |(row, column)| Real::from(u8::from(row % outputs == column));
    (x, Array2::from_shape_fn((samples, outputs), y))
}

/// The regularized cost of a batch, with dropout as in training.
fn cost(
    network: &Network,
    x: ArrayView2<Real>,
    y: ArrayView2<Real>,
    hyper: &HyperParameters,
) -> f64 {
    let mut cache = ForwardCache::new(network, SAMPLES);
    network.forward(x, &mut cache, TRAINING, &mut Executor::Serial);
    let weights = network.layers.iter().flat_map(Layer::weights);
    let weights: Vec<f64> = weights.flat_map(IntoIterator::into_iter).map(|&w| wide(w)).collect();
    let penalty: f64 = match hyper.regularizer.penalty {
        Penalty::None => 0.0,
        Penalty::L1 => weights.iter().map(|w| w.abs()).sum(),
        Penalty::L2 => weights.iter().map(|w| 0.5 * w * w).sum(),
    };
    network.cost.sum(cache.outputs(), y) / SAMPLES as f64
        + hyper.regularizer.lambda / hyper.train_size as f64 * penalty
}

/// Whether a parameter array is trained by gradient; statistics are not.
fn is_learned(name: &str) -> bool {
    ![MEAN, VARIANCE].contains(&name)
}

/// The difference quotients of the cost for every weight and bias, array by array.
fn differences(network: &Network, cost: impl Fn(&Network) -> f64) -> Vec<Vec<f64>> {
    let mut quotients = Vec::new();
    for (layer, parameters) in network.layers.iter().map(Layer::parameters).enumerate() {
        for (array, (name, values)) in parameters.into_iter().enumerate() {
            if !is_learned(name) {
                continue;
            }
            let moved = |at: usize, by: Real| {
                let mut network = network.clone();
                let (_, values) = &mut network.layers[layer].parameters_mut()[array];
                *values.iter_mut().nth(at).unwrap() += by;
                cost(&network)
            };
            let step = EXACT.1;
            let quotient = |at| (moved(at, step) - moved(at, -step)) / (2.0 * wide(step));
            quotients.push((0..values.len()).map(quotient).collect());
        }
    }
    quotients
}

fn arrays(network: &Network) -> Vec<Vec<f64>> {
    let parameters = network.layers.iter().flat_map(Layer::parameters);
    let learned = parameters.filter(|(name, _)| is_learned(name));
    learned.map(|(_, array)| array.iter().map(|&value| wide(value)).collect()).collect()
}

/// The change of every weight and bias in a step with η = 1: the gradient that was used.
fn moved(before: &Network, after: &Network) -> Vec<Vec<f64>> {
    let pairs = arrays(before).into_iter().zip(arrays(after));
    pairs.map(|(b, a)| b.iter().zip(a).map(|(b, a)| b - a).collect()).collect()
}

fn compare(what: &str, found: &[Vec<f64>], expected: &[Vec<f64>]) {
    assert_eq!(found.len(), expected.len());
    for (array, (found, expected)) in found.iter().zip(expected).enumerate() {
        let norm =
            |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
        let error = norm(&mut found.iter().zip(expected).map(|(f, e)| f - e));
        let size = norm(&mut found.iter().copied()) + norm(&mut expected.iter().copied());
        assert!(error <= EXACT.0 * size.max(1e-3), "{what}, array {array}: {}", error / size);
    }
}

/// Backpropagation after a forward pass, with a step of plain gradient descent.
fn descend(
    network: &mut Network,
    x: ArrayView2<Real>,
    y: ArrayView2<Real>,
    cache: &mut ForwardCache,
    step: GradientStep,
) {
    let mut gradients = Gradients::zeros(network);
    let step = Some(step);
    let mut pass = BackwardPass { gradients: &mut gradients, keep_gradients: false, step };
    network.output_delta(y, cache);
    let layers = 0..network.layers.len();
    network.backward_layers(layers, x.into(), cache, &mut pass, &mut Executor::Serial);
}

/// Checks the gradient, and the step of [`descend`], which does not store it, with every
/// regularizer.
fn check(what: &str, network: &Network) {
    let (x, y) = batch(SAMPLES, network.inputs(), network.outputs());
    for penalty in [Penalty::None, Penalty::L1, Penalty::L2] {
        let hyper = HyperParameters {
            learning_rate: 1.0,
            regularizer: Regularizer { penalty, lambda: 0.7 },
            momentum: 0.0,
            train_size: 10,
        };
        let expected = differences(network, |network| cost(network, x.view(), y.view(), &hyper));
        let mut cache = ForwardCache::new(network, SAMPLES);
        let mut gradients = Gradients::zeros(network);
        network.forward(x.view(), &mut cache, TRAINING, &mut Executor::Serial);
        network.backward(x.view(), y.view(), &mut cache, &mut gradients, &mut Executor::Serial);
        let mut stepped = network.clone();
        OptimizerState::new(Optimizer::Sgd, network).step(&mut stepped, &gradients, &hyper);
        let what = format!("{what}, {penalty:?}");
        compare(&what, &moved(network, &stepped), &expected);
        let mut descended = network.clone();
        descend(&mut descended, x.view(), y.view(), &mut cache, hyper.gradient_step());
        compare(&format!("{what}, descent"), &moved(network, &descended), &expected);
    }
}

/// The output activations that a cost supports.
fn outputs_of(cost: Cost) -> &'static [Activation] {
    use Activation::{Linear, Sigmoid, Softmax, Tanh};
    match cost {
        Cost::Quadratic => &[Sigmoid, Tanh, Linear, Softmax],
        Cost::CrossEntropy | Cost::LogLikelihood => &[Sigmoid, Softmax],
    }
}

fn check_all(text: &str, input: Shape) {
    use Activation::{Linear, Relu, Sigmoid, Tanh};
    for activation in [Sigmoid, Tanh, Relu, Linear] {
        for cost in [Cost::Quadratic, Cost::CrossEntropy, Cost::LogLikelihood] {
            for &output in outputs_of(cost) {
                let options =
                    BuildOptions { activation, cost, init: Init::Scaled, ..Default::default() };
                let architecture: Architecture = text.parse().unwrap();
                let mut network = architecture.build(input, 3, &options, 2).unwrap();
                let Some(Layer::Dense(last)) = network.layers.last_mut() else { unreachable!() };
                last.activation = output;
                for layer in &mut network.layers {
                    if let Layer::Recurrent(layer) = layer {
                        // With bias 0, a unit without input would be at the kink of ReLU.
                        layer.biases.fill(0.5);
                    }
                }
                check(&format!("{text} {activation:?} {output:?} {cost:?}"), &network);
            }
        }
    }
}

#[test]
fn dense_gradients_match_finite_differences() {
    check_all("7,5,3", Shape::vector(7));
    check_all("7,11,9,3", Shape::vector(7));
    check_all("7,3", Shape::vector(7));
}

#[test]
fn dropout_gradients_match_finite_differences() {
    check_all("dense12-drop0.5-dense9-drop0.2-dense3", Shape::vector(7));
}

#[test]
fn convolution_and_pooling_gradients_match_finite_differences() {
    let image = Shape::image(8, 8);
    check_all("conv3x3-pool2-conv9x2-dense3", image);
    check_all("conv4x3-ltwopool3-dense5-dense3", image);
    check_all("conv2x3-drop0.3-avgpool2-conv17x3-dense3", image);
}

#[test]
fn recurrent_gradients_match_finite_differences() {
    check_all("rnn5-dense3", Shape::image(4, 3));
    check_all("conv2x2-rnn4-dense3", Shape::image(4, 3));
    check_all("rnn4-dense3", Shape::vector(5));
}

#[test]
fn normalization_gradients_match_finite_differences() {
    check_all("norm-dense9-dense3", Shape::vector(7));
    // With dropout between them: otherwise the normalization cancels the biases before it.
    check_all("norm-conv3x3-drop0.4-norm-pool2-dense3", Shape::image(8, 8));
}

/// The update of a mini-batch as in the book's network.py, for a network of sigmoid neurons, sample
/// by sample and weight by weight.
fn book_step(
    network: &Network,
    x: ArrayView2<Real>,
    y: ArrayView2<Real>,
    eta: f64,
) -> Vec<Vec<f64>> {
    let dense: Vec<_> = network
        .layers
        .iter()
        .map(|layer| match layer {
            Layer::Dense(dense) => dense,
            _ => unreachable!(),
        })
        .collect();
    let (mut stepped, samples) = (arrays(network), y.nrows() as f64);
    for (x, y) in x.rows().into_iter().zip(y.rows()) {
        let mut activations = vec![x.iter().map(|&x| wide(x)).collect::<Vec<_>>()];
        for layer in &dense {
            let input = &activations[activations.len() - 1];
            let z = |unit: usize| -> f64 {
                let weights = layer.weights.view();
                let products = input.iter().zip(weights.column(unit));
                products.map(|(a, &w)| a * wide(w)).sum::<f64>() + wide(layer.biases[unit])
            };
            let a = (0..layer.biases.len()).map(|unit| 1.0 / (1.0 + (-z(unit)).exp())).collect();
            activations.push(a);
        }
        let output = &activations[dense.len()];
        let mut delta: Vec<f64> =
            output.iter().zip(y).map(|(a, &y)| (a - wide(y)) * a * (1.0 - a)).collect();
        for index in (0..dense.len()).rev() {
            let input = &activations[index];
            let rate = eta / samples;
            for (unit, delta) in delta.iter().enumerate() {
                stepped[2 * index + 1][unit] -= rate * delta;
                for (j, a) in input.iter().enumerate() {
                    stepped[2 * index][j * dense[index].biases.len() + unit] -= rate * delta * a;
                }
            }
            let back = |j: usize| -> f64 {
                let weights = dense[index].weights.view();
                weights.row(j).iter().zip(&delta).map(|(&w, d)| wide(w) * d).sum()
            };
            delta = (0..input.len()).map(|j| back(j) * input[j] * (1.0 - input[j])).collect();
        }
    }
    stepped
}

#[test]
fn a_mini_batch_step_matches_the_books_loops() {
    // Large batches and large layers have separate code paths.
    let networks = ["7,5,3", "20,30,3", "400,300,3", "30,400,300,3"];
    for (text, samples) in networks.into_iter().flat_map(|text| [(text, SAMPLES), (text, 30)]) {
        let inputs: usize = text.split(',').next().unwrap().parse().unwrap();
        let architecture: Architecture = text.parse().unwrap();
        let options = BuildOptions::default();
        let mut network = architecture.build(Shape::vector(inputs), 3, &options, 4).unwrap();
        let (x, y) = batch(samples, inputs, 3);
        let expected = book_step(&network, x.view(), y.view(), 3.0);
        let mut cache = ForwardCache::new(&network, samples);
        network.forward(x.view(), &mut cache, Mode::Inference, &mut Executor::Serial);
        let hyper = HyperParameters {
            learning_rate: 3.0,
            regularizer: Regularizer::default(),
            momentum: 0.0,
            train_size: 10,
        };
        descend(&mut network, x.view(), y.view(), &mut cache, hyper.gradient_step());
        for (found, expected) in arrays(&network).iter().flatten().zip(expected.iter().flatten()) {
            assert!((found - expected).abs() < 2e-5, "{text}: {found} for {expected}");
        }
    }
}

#[test]
fn regularization_does_not_change_biases() {
    let architecture: Architecture = "4,3,2".parse().unwrap();
    let network = architecture.build(Shape::vector(4), 2, &BuildOptions::default(), 1).unwrap();
    let zero = Gradients::zeros(&network);
    for optimizer in [Optimizer::Sgd, Optimizer::Momentum, Optimizer::Nesterov, Optimizer::Adam] {
        let hyper = HyperParameters {
            learning_rate: 0.1,
            regularizer: Regularizer { penalty: Penalty::L2, lambda: 1.0 },
            momentum: 0.9,
            train_size: 10,
        };
        let (mut before, mut stepped) = (network.clone(), network.clone());
        OptimizerState::new(optimizer, &network).step(&mut stepped, &zero, &hyper);
        for (before, after) in before.layers.iter_mut().zip(&mut stepped.layers) {
            let mut olds = Vec::new();
            before.ops_mut().visit_mut(&mut |_, values| olds.push(values.to_vec()));
            let mut olds = olds.into_iter();
            after.ops_mut().visit_mut(&mut |role, values| {
                let same = olds.next().unwrap() == values;
                assert_eq!(same, role == ParameterRole::Biases, "{optimizer:?}");
            });
        }
    }
}

/// The values of a weight under the cost C = ½ w², whose gradient is w.
fn path(optimizer: Optimizer, steps: usize) -> Vec<f64> {
    let layer = super::layer::Dense {
        weights: ndarray::array![[1.0]].into(),
        biases: ndarray::array![0.0],
        activation: Activation::Linear,
    };
    let mut network = Network { layers: vec![Layer::Dense(layer)], cost: Cost::Quadratic };
    let mut optimizer_state = OptimizerState::new(optimizer, &network);
    let hyper = HyperParameters {
        learning_rate: 0.1,
        regularizer: Regularizer::default(),
        momentum: 0.5,
        train_size: 1,
    };
    let mut gradients = Gradients::zeros(&network);
    let mut path = Vec::new();
    for _ in 0..steps {
        let w = network.layers[0].unit_weights(0).1[0];
        gradients.layers[0].weights[0].fill(w);
        optimizer_state.step(&mut network, &gradients, &hyper);
        path.push(wide(network.layers[0].unit_weights(0).1[0]));
    }
    path
}

#[test]
fn optimizers_match_their_equations() {
    // By hand: v = −0.1, w = 0.9; v = −0.05 − 0.09 = −0.14, w = 0.76.
    let expected = [
        (Optimizer::Sgd, [0.9, 0.81]),
        (Optimizer::Momentum, [0.9, 0.76]),
        // v = −0.1, w + μv = 1 − 0.05 − 0.1 = 0.85; v = −0.05 − 0.085 = −0.135, then
        // 0.85 − 0.0675 − 0.085 = 0.6975.
        (Optimizer::Nesterov, [0.85, 0.6975]),
    ];
    for (optimizer, expected) in expected {
        let found = path(optimizer, 2);
        let close = found.iter().zip(expected).all(|(f, e)| (f - e).abs() < 1e-6);
        assert!(close, "{optimizer:?}: {found:?}");
    }
    // Adam's first step is η whatever the size of the gradient.
    assert!((path(Optimizer::Adam, 1)[0] - 0.9).abs() < 1e-6);
}

#[test]
fn saturated_neurons_produce_no_subnormal_deltas() {
    let architecture: Architecture = "9,20,20,3".parse().unwrap();
    for (activation, cost) in [
        (Activation::Sigmoid, Cost::Quadratic),
        (Activation::Sigmoid, Cost::CrossEntropy),
        (Activation::Tanh, Cost::Quadratic),
        (Activation::Sigmoid, Cost::LogLikelihood),
    ] {
        let options = BuildOptions { activation, cost, ..Default::default() };
        let mut network = architecture.build(Shape::vector(9), 3, &options, 4).unwrap();
        for layer in &mut network.layers {
            // So far from 0 that every exponential saturates.
            layer.ops_mut().visit_mut(&mut |_, values| values.iter_mut().for_each(|w| *w *= 1e3));
        }
        let (x, y) = batch(SAMPLES, 9, 3);
        let mut cache = ForwardCache::new(&network, SAMPLES);
        network.forward(x.view(), &mut cache, TRAINING, &mut Executor::Serial);
        let one = &mut Executor::Serial;
        network.backward(x.view(), y.view(), &mut cache, &mut Gradients::zeros(&network), one);
        for layer in 0..network.layers.len() {
            let delta = cache.delta(layer);
            assert!(!delta.iter().any(|d| d.is_subnormal()), "{activation:?} {cost:?}: {delta}");
        }
    }
}
