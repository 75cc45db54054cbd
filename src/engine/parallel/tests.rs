//! Threads change nothing.

use super::*;
use crate::nn::{Architecture, BuildOptions, Init, Penalty, Regularizer, Shape};
use crate::rng::{Purpose, stream};
use ndarray::Array2;
use rand::RngExt;

/// The network after a few mini-batches, the last one short.
fn trained(text: &str, optimizer: Optimizer, threads: usize, looked_at: bool) -> Network {
    let options = BuildOptions { init: Init::Scaled, dropout: 0.2, ..Default::default() };
    let architecture: Architecture = text.parse().unwrap();
    let mut network = architecture.build(Shape::image(28, 28), 10, &options, 1).unwrap();
    let mut stepper = Stepper::new(&network, 20, threads, optimizer);
    let hyper = Hyper {
        learning_rate: 0.05,
        regularizer: Regularizer { penalty: Penalty::L2, lambda: 0.1 },
        momentum: 0.5,
        train_size: 100,
    };
    let mut stream = stream(1, Purpose::Experiment, 0, 0);
    for (step, samples) in [20, 20, 13].into_iter().enumerate() {
        let x = Array2::from_shape_simple_fn((samples, 784), || {
            stream.random_range(-1.0..1.0 as Real).max(0.0)
        });
        let y = Array2::from_shape_fn((samples, 10), |(row, column)| {
            Real::from(u8::from(row % 10 == column))
        });
        let mode = Mode::Training { seed: 1, epoch: 0, step: step as u64 };
        if looked_at {
            stepper.step_with_gradients(&mut network, x.view(), y.view(), &hyper, mode);
        } else {
            stepper.step(&mut network, x.view(), y.view(), &hyper, mode);
        }
    }
    network
}

#[test]
fn threads_and_looking_change_no_bit() {
    for text in [
        "784,30,10",
        "784,150,10",
        "784,700,10",
        "conv4x5-pool2-conv8x5-pool2-dense20-dense10",
        "conv4x5-pool2-dense400-drop0.5-dense700-dense10",
    ] {
        for optimizer in [Optimizer::Sgd, Optimizer::Nesterov, Optimizer::Adam] {
            let expected = trained(text, optimizer, 1, false);
            for (threads, looked_at) in [(1, true), (2, false), (3, true)] {
                let found = trained(text, optimizer, threads, looked_at);
                assert!(found == expected, "{text} {optimizer:?} on {threads} threads");
            }
        }
    }
}
