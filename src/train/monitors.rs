//! Layer statistics: gradient norms, sizes of updates, saturated and dead units.

use crate::nn::{Activation, Gradients, Layer, Network, Real};
use crate::protocol::LayerStats;
use ndarray::{ArrayView2, ArrayViewD};
use std::borrow::Cow;

/// A unit this close to a bound of its range, as a fraction of the range, is saturated.
const MARGIN: f64 = 0.01;
/// Measured mini-batches per epoch: enough for a stable mean, at negligible cost.
const MEASURED: usize = 16;
/// Minimum distance of measured mini-batches; in short epochs fewer are measured.
const CLOSEST: usize = 8;

/// Whether mini-batch number `batch`, counted from 0, is measured: evenly spaced, including the
/// last.
pub(super) fn is_measured(batch: usize, batches: usize) -> bool {
    batch + 1 == batches || (batch + 1).is_multiple_of(spacing(batches))
}

/// Distance of measured mini-batches.
fn spacing(batches: usize) -> usize {
    batches.div_ceil(MEASURED).max(CLOSEST)
}

/// Adds a mini-batch's statistics to the means over the epoch so far. The number of measurements so
/// far follows from the mini-batch's index, so that a resumed run continues with the same means.
pub(super) fn add_to_means(
    means: &mut Vec<LayerStats>,
    measured: &[LayerStats],
    batch: usize,
    batches: usize,
) {
    let earlier = batch / spacing(batches);
    if earlier == 0 || means.len() != measured.len() {
        means.clear();
        means.extend_from_slice(measured);
        return;
    }
    let share = 1.0 / (earlier + 1) as f64;
    for (mean, new) in means.iter_mut().zip(measured) {
        let parts = [
            (&mut mean.bias_gradient_norm, new.bias_gradient_norm),
            (&mut mean.weight_gradient_norm, new.weight_gradient_norm),
            (&mut mean.update_ratio, new.update_ratio),
            (&mut mean.saturated, new.saturated),
            (&mut mean.dead, new.dead),
        ];
        for (mean, new) in parts {
            *mean += share * (new - *mean);
        }
    }
}

/// Measures single mini-batches. It copies the weights before a step, so that the update can be
/// computed for every optimizer.
#[derive(Debug)]
pub(super) struct Monitor {
    before: Vec<Vec<Real>>,
}

impl Monitor {
    pub(super) fn new(network: &Network) -> Self {
        let mut monitor = Self { before: vec![Vec::new(); network.layers.len()] };
        monitor.before(network);
        monitor
    }

    /// Copies the weights before a mini-batch.
    pub(super) fn before(&mut self, network: &Network) {
        for (kept, layer) in self.before.iter_mut().zip(&network.layers) {
            kept.clear();
            for array in layer.weights() {
                rows(&array).for_each(|row| kept.extend_from_slice(&row));
            }
        }
    }

    /// The statistics of each layer for a mini-batch with these `gradients`; `activations` returns
    /// those of a layer, shape (samples, units).
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
            let update = distance(layer, before);
            let length = squares(before).sqrt();
            let by_weights = gradient.weights.iter();
            let by_weights: f64 = by_weights
                .map(|array| rows(&array.view()).map(|row| squares(&row)).sum::<f64>())
                .sum();
            let activations = activations(index);
            Some(LayerStats {
                layer: index as u32,
                bias_gradient_norm: squares(&gradient.biases.to_vec()).sqrt(),
                weight_gradient_norm: by_weights.sqrt(),
                update_ratio: if length > 0.0 { update / length } else { 0.0 },
                saturated: saturated(layer.activation(), activations),
                dead: dead(activations),
            })
        });
        stats.collect()
    }
}

/// The rows of an array along its last axis.
fn rows<'a>(array: &'a ArrayViewD<Real>) -> impl Iterator<Item = Cow<'a, [Real]>> {
    array.rows().into_iter().map(|row| match row.to_slice() {
        Some(values) => Cow::Borrowed(values),
        None => Cow::Owned(row.to_vec()),
    })
}

/// The Euclidean distance of a layer's weights from earlier ones.
fn distance(layer: &Layer, before: &[Real]) -> f64 {
    let (mut rest, mut sum, mut moved) = (before, 0.0, Vec::new());
    for array in layer.weights() {
        for row in rows(&array) {
            let (old, after) = rest.split_at(row.len());
            moved.clear();
            moved.extend(row.iter().zip(old).map(|(now, old)| now - old));
            sum += squares(&moved);
            rest = after;
        }
    }
    sum.sqrt()
}

/// The sum of squares, in several independent sums, which is eight times as fast as a single one.
#[allow(clippy::useless_conversion, reason = "Real is f64 with the feature f64")]
fn squares(values: &[Real]) -> f64 {
    let square = |value: &Real| f64::from(*value) * f64::from(*value);
    let (chunks, rest) = values.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for chunk in chunks {
        for (sum, value) in sums.iter_mut().zip(chunk) {
            *sum += square(value);
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(square).sum::<f64>()
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

/// The fraction of units (columns of `a`) that are zero for every sample.
fn dead(a: ArrayView2<Real>) -> f64 {
    let dead = a.columns().into_iter().filter(|unit| unit.iter().all(|&a| a == 0.0)).count();
    dead as f64 / a.ncols().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::layer::Dense;
    use crate::nn::{
        Cost, Executor, ForwardCache, HyperParameters, Mode, Optimizer, OptimizerState,
    };
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
    fn a_unit_is_dead_if_it_is_zero_for_all_samples() {
        assert!((dead(array![[0.0, 0.0], [0.0, 0.1]].view()) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn measured_mini_batches_are_evenly_spaced_and_include_the_last() {
        for batches in [1, 5, 16, 17, 100, 5000] {
            let measured: Vec<usize> =
                (0..batches).filter(|&at| is_measured(at, batches)).collect();
            assert!(measured.len() <= MEASURED + 1, "{batches}: {measured:?}");
            assert_eq!(measured.last(), Some(&(batches - 1)));
        }
    }

    #[test]
    fn means_are_over_the_measured_mini_batches_of_the_epoch() {
        let batches = 500;
        let of = |value: f64| vec![LayerStats { update_ratio: value, ..LayerStats::default() }];
        // Values from the previous epoch must not count.
        let mut means = of(1e9);
        let (mut sum, mut count) = (0.0, 0.0);
        for batch in (0..batches).filter(|&batch| is_measured(batch, batches)) {
            add_to_means(&mut means, &of(batch as f64), batch, batches);
            (sum, count) = (sum + batch as f64, count + 1.0);
            assert!((means[0].update_ratio - sum / count).abs() < 1e-9);
        }
        assert!(count > 10.0);
    }

    #[test]
    fn a_network_with_one_weight_matches_a_calculation_by_hand() {
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
        let hyper = HyperParameters {
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
