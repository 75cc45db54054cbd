//! Results do not depend on the number of threads.

use super::*;
use crate::nn::{Activation, Architecture, BuildOptions, Init, Layer, Penalty, Regularizer, Shape};
use crate::rng::{Purpose, stream};
use ndarray::{Array2, ArrayViewD, s};
use rand::RngExt;

/// The network after a few mini-batches, the last one short.
fn trained(text: &str, optimizer: Optimizer, threads: usize, keep_gradients: bool) -> Network {
    let options = BuildOptions { init: Init::Scaled, dropout: 0.2, ..Default::default() };
    let architecture: Architecture = text.parse().unwrap();
    let mut network = architecture.build(Shape::image(28, 28), 10, &options, 1).unwrap();
    let mut stepper = Stepper::new(&network, 40, threads, optimizer);
    let hyper = HyperParameters {
        learning_rate: 0.05,
        regularizer: Regularizer { penalty: Penalty::L2, lambda: 0.1 },
        momentum: 0.5,
        train_size: 100,
    };
    let mut stream = stream(1, Purpose::Experiment, 0, 0);
    for (step, samples) in [40, 20, 13].into_iter().enumerate() {
        let x = Array2::from_shape_simple_fn((samples, 784), || {
            stream.random_range(-1.0..1.0 as Real).max(0.0)
        });
        let y = Array2::from_shape_fn((samples, 10), |(row, column)| {
            Real::from(u8::from(row % 10 == column))
        });
        let mode = Mode::Training { seed: 1, epoch: 0, step: step as u64 };
        let (x, y) = (Batch::Dense(x.view()), y.view());
        let input = StepInput { x, y, hyper: &hyper, mode, keep_gradients };
        if threads > 1 {
            let mut done = 0;
            stepper.step_beside(&mut network, input, || done += 1);
            assert_eq!(done, 1, "{text}: the background task runs once");
        } else {
            stepper.step(&mut network, input);
        }
    }
    network
}

#[test]
fn threads_and_kept_gradients_do_not_change_the_result() {
    for text in [
        "784,30,10",
        "784,150,10",
        "784,700,10",
        "conv4x5-pool2-conv8x5-pool2-dense20-dense10",
        "conv4x5-pool2-dense400-drop0.5-dense700-dense10",
        "conv4x5-pool2-dense100-dense10",
        "conv4x5-norm-pool2-conv8x5-norm-dense20-norm-dense10",
        "conv4x5-norm-pool2-norm-dense400-norm-drop0.5-dense10",
    ] {
        for optimizer in [Optimizer::Sgd, Optimizer::Nesterov, Optimizer::Adam] {
            let expected = trained(text, optimizer, 1, false);
            for (threads, keep_gradients) in [(1, true), (2, false), (3, true)] {
                let found = trained(text, optimizer, threads, keep_gradients);
                assert!(found == expected, "{text} {optimizer:?} on {threads} threads");
            }
        }
    }
}

/// One step of gradient descent by the network's own methods, without shards, and the gradient.
fn alone(
    network: &Network,
    x: &Array2<Real>,
    y: &Array2<Real>,
    hyper: &HyperParameters,
) -> (Network, Gradients) {
    let mut network = network.clone();
    let (mut cache, one) = (ForwardCache::new(&network, x.nrows()), &mut Executor::Serial);
    let mut gradients = Gradients::zeros(&network);
    network.forward(x.view(), &mut cache, Mode::Training { seed: 1, epoch: 0, step: 0 }, one);
    network.output_delta(y.view(), &mut cache);
    let step = Some(hyper.gradient_step());
    let mut pass = BackwardPass { gradients: &mut gradients, keep_gradients: true, step };
    let layers = 0..network.layers.len();
    network.backward_layers(layers, x.view().into(), &mut cache, &mut pass, one);
    (network, gradients)
}

fn largest_difference(found: ArrayViewD<Real>, expected: ArrayViewD<Real>) -> Real {
    found
        .iter()
        .zip(expected)
        .map(|(found, expected)| (found - expected).abs())
        .fold(0.0, Real::max)
}

#[test]
fn shards_match_the_whole_mini_batch() {
    for samples in [20, 40] {
        check_whole(samples);
    }
}

fn check_whole(samples: usize) {
    for text in [
        "784,400,700,10",
        "conv4x5-pool2-dense400-drop0.5-dense700-dense10",
        "conv4x5-pool2-dense100-dense10",
        "dense400-norm-dense700-norm-dense10",
    ] {
        for activation in [Activation::Sigmoid, Activation::Tanh, Activation::Relu] {
            for penalty in [Penalty::None, Penalty::L1, Penalty::L2] {
                let options = BuildOptions { init: Init::Scaled, activation, ..Default::default() };
                let architecture: Architecture = text.parse().unwrap();
                let image = Shape::image(28, 28);
                let mut network = architecture.build(image, 10, &options, 1).unwrap();
                // Units whose activation is exactly 0 although they are trained.
                if let Some(Layer::Dense(first)) = network.layers.first_mut() {
                    first.weights.view_mut().slice_mut(s![.., ..5]).fill(0.0);
                    first.biases.slice_mut(s![..5]).fill(0.0);
                }
                let hyper = HyperParameters {
                    learning_rate: 0.5,
                    regularizer: Regularizer { penalty, lambda: 0.5 },
                    momentum: 0.0,
                    train_size: 100,
                };
                let mut stream = stream(2, Purpose::Experiment, 0, 0);
                let x = Array2::from_shape_simple_fn((samples, 784), || {
                    stream.random_range(-1.0..1.0 as Real).max(0.0)
                });
                let y = Array2::from_shape_fn((samples, 10), |(row, column)| {
                    Real::from(u8::from(row % 10 == column))
                });
                let (expected, gradients) = alone(&network, &x, &y, &hyper);
                let mut stepper = Stepper::new(&network, samples, 2, Optimizer::Sgd);
                let mode = Mode::Training { seed: 1, epoch: 0, step: 0 };
                let x = Batch::Dense(x.view());
                let y = y.view();
                let input = StepInput { x, y, hyper: &hyper, mode, keep_gradients: false };
                let mut adam = Stepper::new(&network, samples, 2, Optimizer::Adam);
                adam.step(&mut network.clone(), input);
                for (found, expected) in adam.gradients().layers.iter().zip(&gradients.layers) {
                    for (found, expected) in found.weights.iter().zip(&expected.weights) {
                        let off = largest_difference(found.view(), expected.view());
                        assert!(off < 1e-5, "{text} {activation:?} {penalty:?}: {off}");
                    }
                }
                stepper.step(&mut network, input);
                for (found, expected) in network.layers.iter().zip(&expected.layers) {
                    let pairs = found.parameters().into_iter().zip(expected.parameters());
                    for ((name, found), (_, expected)) in pairs {
                        let off = largest_difference(found, expected);
                        assert!(off < 1e-5, "{text} {activation:?} {penalty:?} {name}: {off}");
                    }
                }
            }
        }
    }
}
