//! How each layer learns: gradient norms, size of the updates, saturated and dead units.

use crate::nn::{Activation, Gradients, Layer, Network, Real};
use crate::protocol::LayerStats;
use ndarray::ArrayView2;

/// A unit this close to a bound of its range, as a fraction of the range, is saturated.
const MARGIN: f64 = 0.01;

/// Measures single mini-batches. The weights before a step are kept, so that the update can be
/// computed for every optimizer.
#[derive(Debug)]
pub(super) struct Monitor {
    before: Vec<Vec<Real>>,
}

impl Monitor {
    pub(super) fn new(network: &Network) -> Self {
        let before = network.layers.iter().map(|layer| weights(layer).collect());
        Self { before: before.collect() }
    }

    /// Keeps the weights as they are before a mini-batch.
    pub(super) fn before(&mut self, network: &Network) {
        for (kept, layer) in self.before.iter_mut().zip(&network.layers) {
            kept.clear();
            kept.extend(weights(layer));
        }
    }

    /// The figures of each layer for a mini-batch with these `gradients`; `activations` returns those of
    /// a layer, shape (samples, units).
    pub(super) fn after<'a>(
        &self,
        network: &Network,
        gradients: &Gradients,
        activations: impl Fn(usize) -> ArrayView2<'a, Real>,
    ) -> Vec<LayerStats> {
        let layers = network.layers.iter().zip(&self.before).zip(&gradients.layers).enumerate();
        let stats = layers.filter_map(|(index, ((layer, before), gradient))| {
            if gradient.is_empty() {
                return None;
            }
            let now = weights(layer);
            let update = norm(now.zip(before).map(|(now, before)| now - before));
            let length = norm(before.iter().copied());
            let by_weights = gradient.weights.iter().flatten();
            let activations = activations(index);
            Some(LayerStats {
                layer: index as u32,
                bias_gradient_norm: norm(gradient.biases.iter().copied()),
                weight_gradient_norm: norm(by_weights.copied()),
                update_ratio: if length > 0.0 { update / length } else { 0.0 },
                saturated: saturated(layer.activation(), activations),
                dead: dead(activations),
            })
        });
        stats.collect()
    }
}

fn weights(layer: &Layer) -> impl Iterator<Item = Real> {
    layer.weights().flat_map(|array| array.into_iter().copied())
}

/// The Euclidean norm.
#[allow(clippy::useless_conversion, reason = "Real is f64 with the feature f64")]
fn norm(values: impl Iterator<Item = Real>) -> f64 {
    values.map(|value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt()
}

/// The fraction of activations near a bound of their range; 0 if the range is unbounded.
fn saturated(activation: Activation, a: ArrayView2<Real>) -> f64 {
    let (low, high) = match activation {
        Activation::Sigmoid => (0.0, 1.0),
        Activation::Tanh => (-1.0, 1.0),
        _ => return 0.0,
    };
    let margin = (MARGIN * (high - low)) as Real;
    let (low, high) = (low as Real + margin, high as Real - margin);
    let count = a.iter().filter(|&&a| a < low || a > high).count();
    count as f64 / a.len().max(1) as f64
}

/// The fraction of units, columns of `a`, that are zero for every sample.
fn dead(a: ArrayView2<Real>) -> f64 {
    let dead = a.columns().into_iter().filter(|unit| unit.iter().all(|&a| a == 0.0)).count();
    dead as f64 / a.ncols().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::layer::Dense;
    use crate::nn::{Cost, Executor, ForwardCache, Hyper, Mode, Optimizer, OptimizerState};
    use ndarray::array;

    #[test]
    fn units_near_a_bound_are_saturated() {
        let a = array![[0.005, 0.5], [0.995, 0.02]];
        assert!((saturated(Activation::Sigmoid, a.view()) - 0.5).abs() < 1e-9);
        assert!(saturated(Activation::Relu, a.view()).abs() < 1e-9);
        let a = array![[-0.99, 0.0], [0.97, 0.985]];
        assert!((saturated(Activation::Tanh, a.view()) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn a_unit_is_dead_when_it_is_zero_for_all() {
        assert!((dead(array![[0.0, 0.0], [0.0, 0.1]].view()) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn one_weight_by_hand() {
        let layer = Dense {
            weights: array![[2.0]].into(),
            biases: array![0.0],
            activation: Activation::Linear,
        };
        let mut network = Network { layers: vec![Layer::Dense(layer)], cost: Cost::Quadratic };
        let (mut cache, one) = (ForwardCache::new(&network, 1), &mut Executor::Serial);
        let mut gradients = Gradients::zeros(&network);
        let mut monitor = Monitor::new(&network);
        let (x, y) = (array![[3.0]], array![[1.0]]);
        network.forward(x.view(), &mut cache, Mode::Inference, one);
        network.backward(x.view(), y.view(), &mut cache, &mut gradients, one);
        monitor.before(&network);
        let hyper = Hyper {
            learning_rate: 0.1,
            regularizer: crate::nn::Regularizer::default(),
            momentum: 0.0,
            train_size: 1,
        };
        OptimizerState::new(Optimizer::Sgd, &network).step(&mut network, &gradients, &hyper);
        let stats = &monitor.after(&network, &gradients, |layer| cache.activations(layer))[0];
        // a = 6, ∂C/∂b = a − y = 5, ∂C/∂w = 5 · 3 = 15, the update 1.5 on a weight of 2.
        assert!((stats.bias_gradient_norm - 5.0).abs() < 1e-5);
        assert!((stats.weight_gradient_norm - 15.0).abs() < 1e-5);
        assert!((stats.update_ratio - 0.75).abs() < 1e-5);
    }
}
