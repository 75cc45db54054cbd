//! The rules that turn gradients into updates of the weights and biases.

use super::layer::{GradientStep, ParameterRole, sign};
use super::{Gradients, LayerGradients, Network, Penalty, Real, Regularizer};
use crate::linalg::scale_and_subtract;
use serde::{Deserialize, Serialize};

/// The rule that turns gradients into updates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Optimizer {
    /// w → w − η ∇C (equation 20).
    #[default]
    Sgd,
    /// v → μv − η ∇C, w → w + v (equations 107 and 108).
    Momentum,
    /// Nesterov momentum, whose gradient is taken at w + μv. The network holds w + μv at all times,
    /// so a step is v → μv − η ∇C, w → w + μv − η ∇C: the same path after a change of variables.
    Nesterov,
    /// Adam (Kingma and Ba, 2015) with β₁ 0.9, β₂ 0.999, ε 1e-8.
    Adam,
}

/// The hyper-parameters of a step; they may change between steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HyperParameters {
    /// η, above 0.
    pub learning_rate: f64,
    pub regularizer: Regularizer,
    /// μ of momentum and Nesterov momentum, from 0 to below 1.
    pub momentum: f64,
    /// n, the size of the training set that λ is divided by.
    pub train_size: usize,
}

impl HyperParameters {
    /// A step of plain gradient descent.
    pub(crate) fn gradient_step(&self) -> GradientStep {
        let decay = |penalty| (self.learning_rate * self.decay(penalty)) as Real;
        GradientStep {
            rate: self.learning_rate as Real,
            l1: decay(Penalty::L1),
            l2: decay(Penalty::L2),
        }
    }

    /// λ/n for the penalty in use, 0 for others.
    fn decay(&self, penalty: Penalty) -> f64 {
        if self.regularizer.penalty == penalty {
            self.regularizer.lambda / self.train_size as f64
        } else {
            0.0
        }
    }
}

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// An optimizer and its state, which is part of a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OptimizerState {
    optimizer: Optimizer,
    /// Steps taken.
    steps: u64,
    /// Momentum's v, or Adam's moving mean of the gradients; one array per array of parameters.
    first: Vec<Vec<Real>>,
    /// Adam's moving mean of the squared gradients.
    second: Vec<Vec<Real>>,
}

impl OptimizerState {
    /// The initial state: velocity and means are 0.
    #[must_use]
    pub fn new(optimizer: Optimizer, network: &Network) -> Self {
        let zeros = || -> Vec<Vec<Real>> {
            let layers = network.layers.iter().map(|layer| layer.ops().zero_gradients());
            let arrays = |layer: LayerGradients| layer.arrays().map(<[Real]>::to_vec).collect();
            layers.flat_map(|layer| -> Vec<_> { arrays(layer) }).collect()
        };
        let first = if optimizer == Optimizer::Sgd { Vec::new() } else { zeros() };
        let second = if optimizer == Optimizer::Adam { zeros() } else { Vec::new() };
        Self { optimizer, steps: 0, first, second }
    }

    /// The optimizer.
    #[must_use]
    pub fn optimizer(&self) -> Optimizer {
        self.optimizer
    }

    /// Whether the state has the shapes of this network; checked before a checkpoint is used.
    #[must_use]
    pub fn fits(&self, network: &Network) -> bool {
        let fresh = Self::new(self.optimizer, network);
        let lengths = |arrays: &[Vec<Real>]| arrays.iter().map(Vec::len).collect::<Vec<_>>();
        lengths(&fresh.first) == lengths(&self.first)
            && lengths(&fresh.second) == lengths(&self.second)
    }

    /// Takes one step against the gradient of a mini-batch. Regularization adds (λ/n) w (L2,
    /// equation 88) or (λ/n) sgn(w) (L1, equation 96) to the gradient of every weight and leaves
    /// biases alone; sgn(0) is 0.
    ///
    /// # Panics
    /// If `gradients` or the optimizer's state belong to another network.
    pub fn step(&mut self, network: &mut Network, gradients: &Gradients, hyper: &HyperParameters) {
        let layers = network.layers.len();
        self.each_array(network, layers, hyper, |layer, array, update| {
            update.step(gradients.layers[layer].array(array));
        });
    }

    /// One step that the caller carries out: calls `visit` with the layer index, the array index
    /// within it and the update, for every parameter array of the first `layers`. Only plain
    /// gradient descent, which is stateless, may omit layers.
    pub(crate) fn each_array(
        &mut self,
        network: &mut Network,
        layers: usize,
        hyper: &HyperParameters,
        mut visit: impl FnMut(usize, usize, ParameterUpdate),
    ) {
        self.steps += 1;
        let rule = Rule { optimizer: self.optimizer, steps: self.steps, hyper: *hyper };
        let (mut first, mut second) = (self.first.iter_mut(), self.second.iter_mut());
        for (index, layer) in network.layers.iter_mut().take(layers).enumerate() {
            let mut array = 0;
            layer.ops_mut().visit_mut(&mut |role, values| {
                let first = first.next().map(Vec::as_mut_slice).unwrap_or_default();
                let second = second.next().map(Vec::as_mut_slice).unwrap_or_default();
                visit(index, array, ParameterUpdate { rule, role, values, first, second });
                array += 1;
            });
        }
    }
}

/// The weight of a new mini-batch in a moving mean.
const NEWEST: Real = 0.1;

/// Updates moving means of statistics with those of a mini-batch.
pub(super) fn update_moving_mean(statistics: &mut [Real], measured: &[Real]) {
    statistics.iter_mut().zip(measured).for_each(|(mean, m)| *mean += NEWEST * (m - *mean));
}

/// The rule of a step.
#[derive(Clone, Copy, Debug)]
struct Rule {
    optimizer: Optimizer,
    /// Steps taken, this one included.
    steps: u64,
    hyper: HyperParameters,
}

/// An array of parameters, or a block of it, with the optimizer's state for it.
#[derive(Debug)]
pub(crate) struct ParameterUpdate<'a> {
    rule: Rule,
    role: ParameterRole,
    values: &'a mut [Real],
    first: &'a mut [Real],
    second: &'a mut [Real],
}

impl ParameterUpdate<'_> {
    /// Splits into blocks of `size` numbers, the last one shorter, that can be updated
    /// independently.
    pub(crate) fn blocks(self, size: usize) -> impl Iterator<Item = Self> {
        let Self { rule, role, values, first, second } = self;
        let (mut first, mut second) = (first.chunks_mut(size), second.chunks_mut(size));
        values.chunks_mut(size).map(move |values| ParameterUpdate {
            rule,
            role,
            values,
            first: first.next().unwrap_or_default(),
            second: second.next().unwrap_or_default(),
        })
    }

    /// Takes a step against the gradient.
    ///
    /// # Panics
    /// If the optimizer's state has another size.
    pub(crate) fn step(self, gradient: &[Real]) {
        let Self { rule: Rule { optimizer, steps, hyper }, role, values, first, second } = self;
        let fits = |memory: &[Real]| memory.is_empty() || memory.len() == values.len();
        assert!(fits(first) && fits(second), "the optimizer's state belongs to this network");
        if role == ParameterRole::Statistics {
            return update_moving_mean(values, gradient);
        }
        let eta = hyper.learning_rate as Real;
        let mu = hyper.momentum as Real;
        let penalized =
            |penalty| if role == ParameterRole::Weights { hyper.decay(penalty) } else { 0.0 };
        let (l1, l2) = (penalized(Penalty::L1) as Real, penalized(Penalty::L2) as Real);
        let full = |w: Real, g: Real| g + l2 * w + l1 * sign(w);
        if optimizer == Optimizer::Sgd && l1 == 0.0 {
            return scale_and_subtract(values, gradient, 1.0 - eta * l2, eta);
        }
        let pairs = values.iter_mut().zip(gradient);
        match optimizer {
            Optimizer::Sgd => {
                // As in equation 93: the weight decays, then the gradient is subtracted.
                let decay = 1.0 - eta * l2;
                pairs.for_each(|(w, &g)| *w = decay * *w - eta * (g + l1 * sign(*w)));
            }
            Optimizer::Momentum => pairs.zip(first).for_each(|((w, &g), v)| {
                *v = mu * *v - eta * full(*w, g);
                *w += *v;
            }),
            Optimizer::Nesterov => pairs.zip(first).for_each(|((w, &g), v)| {
                let pull = eta * full(*w, g);
                *v = mu * *v - pull;
                *w += mu * *v - pull;
            }),
            Optimizer::Adam => {
                let power = |beta: f64| 1.0 - beta.powf(steps as f64);
                let rate = (hyper.learning_rate / power(BETA_1)) as Real;
                let correction = (1.0 / power(BETA_2)) as Real;
                let (b1, b2, epsilon) = (BETA_1 as Real, BETA_2 as Real, EPSILON as Real);
                pairs.zip(first.iter_mut().zip(second)).for_each(|((w, &g), (m, v))| {
                    let g = full(*w, g);
                    *m = b1 * *m + (1.0 - b1) * g;
                    *v = b2 * *v + (1.0 - b2) * g * g;
                    *w -= rate * *m / ((*v * correction).sqrt() + epsilon);
                });
            }
        }
    }
}
