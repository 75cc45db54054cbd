//! The representation of inputs changes only rounding.

use super::super::layer::Dense;
use super::*;
use crate::linalg::BatchBuffer;
use crate::nn::{Activation, Cost, Init, Regularizer};
use crate::rng::{Purpose, stream};
use ndarray::Array2;
use rand::RngExt;

const INPUTS: usize = 75;
const TRAINING: Mode = Mode::Training { seed: 0, epoch: 0, step: 0 };

fn network() -> Network {
    let mut stream = stream(1, Purpose::Experiment, 0, 0);
    let mut dense = |inputs, units| {
        let init = Init::Scaled;
        Layer::Dense(Dense::random(inputs, units, Activation::Sigmoid, init, &mut stream))
    };
    Network {
        layers: vec![dense(INPUTS, 50), dense(50, 60), dense(60, 3)],
        cost: Cost::CrossEntropy,
    }
}

/// Pixels of samples, half of them background.
fn samples(count: usize) -> Vec<Vec<u8>> {
    let mut stream = stream(2, Purpose::Experiment, 0, 0);
    let mut pixel = || stream.random_range(0..=255_u8).saturating_mul(stream.random_range(0..2));
    (0..count).map(|_| (0..INPUTS).map(|_| pixel()).collect()).collect()
}

/// Outputs, gradients and the network after a step.
type StepResult = (Array2<Real>, Gradients, Network);

/// A step with inputs in that representation; `nonzero` adds samples by their nonzero pixels.
fn trained(pixels: &[Vec<u8>], kind: InputKind, nonzero: bool) -> StepResult {
    let mut network = network();
    let y =
        Array2::from_shape_fn((pixels.len(), 3), |(row, at)| Real::from(u8::from(row % 3 == at)));
    let mut buffer = BatchBuffer::default();
    // The previous contents of the buffer must not matter.
    buffer.clear(kind, 90, INPUTS);
    for pixels in &samples(90) {
        buffer.push(pixels);
    }
    buffer.clear(kind, pixels.len(), INPUTS);
    for pixels in pixels {
        if nonzero {
            let indices = (0..).zip(pixels).filter(|(_, pixel)| **pixel != 0);
            let (indices, pixels): (Vec<u16>, Vec<u8>) = indices.unzip();
            buffer.push_nonzero(&indices, &pixels);
        } else {
            buffer.push(pixels);
        }
    }
    let hyper = HyperParameters {
        learning_rate: 0.5,
        regularizer: Regularizer { penalty: crate::nn::Penalty::L2, lambda: 0.2 },
        momentum: 0.0,
        train_size: 10,
    };
    let mut stepper = Stepper::new(&network, 90, 1, Optimizer::Sgd);
    let (x, y) = (buffer.batch(), y.view());
    let input = StepInput { x, y, hyper: &hyper, mode: TRAINING, keep_gradients: true };
    assert_eq!(x.samples(), pixels.len());
    stepper.step(&mut network, input);
    (stepper.activations(2).to_owned(), stepper.gradients().clone(), network)
}

fn values((outputs, gradients, network): &StepResult) -> Vec<Real> {
    let gradients = gradients.layers.iter().flat_map(super::super::LayerGradients::arrays);
    let weights = network.layers.iter().flat_map(|layer| layer.weights().flatten());
    outputs.iter().chain(gradients.flatten()).chain(weights).copied().collect()
}

#[test]
fn every_input_kind_trains_the_same_network() {
    let sparse = network().layers[0].ops().input_kind(1, Mode::Inference);
    for count in [1, 10, 23, 24, 33, 64, 70] {
        let pixels = samples(count);
        let dense = trained(&pixels, InputKind::Dense, false);
        assert_eq!(trained(&pixels, InputKind::Dense, true), dense, "{count}");
        for kind in [sparse, InputKind::Bytes] {
            let found = trained(&pixels, kind, false);
            assert_eq!(trained(&pixels, kind, true), found, "{count} {kind:?}");
            let (found, dense) = (values(&found), values(&dense));
            assert_eq!(found.len(), dense.len());
            let off = found.iter().zip(&dense).map(|(a, b)| (a - b).abs()).fold(0.0, Real::max);
            assert!(off < 1e-5, "{count} {kind:?}: {off}");
        }
    }
}

#[test]
fn large_mini_batches_use_byte_inputs() {
    let network = network();
    // Rows of the aligned weights: their stride depends on the size of `Real`.
    let sparse = network.layers[0].ops().input_kind(1, Mode::Inference);
    assert!(matches!(sparse, InputKind::Sparse { .. }), "{sparse:?}");
    let stepper = Stepper::new(&network, 64, 1, Optimizer::Sgd);
    assert_eq!(stepper.input_kind(&network, 64, Mode::Inference), sparse);
    assert_eq!(stepper.input_kind(&network, 10, TRAINING), sparse);
    assert_eq!(stepper.input_kind(&network, 64, TRAINING), InputKind::Bytes);
}
