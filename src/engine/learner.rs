//! One mini-batch: forward, backward, update.

use super::checkpoint::Tuning;
use crate::nn::{Gradients, Hyper, Mode, Network, Optimizer, Real, Tape, Updater};
use ndarray::ArrayView2;

/// Buffers of a training step, made once.
#[derive(Debug)]
pub(super) struct Learner {
    tape: Tape,
    gradients: Gradients,
    updater: Updater,
}

impl Learner {
    pub(super) fn new(network: &Network, batch: usize) -> Self {
        Self {
            tape: Tape::new(network, batch),
            gradients: Gradients::zeros(network),
            updater: Updater::new(Optimizer::Sgd, network),
        }
    }

    /// Learns from a mini-batch; `x` of shape (samples, inputs), `y` of shape (samples, outputs).
    /// `train_size` is the n that λ is divided by.
    pub(super) fn step(
        &mut self,
        network: &mut Network,
        x: ArrayView2<Real>,
        y: ArrayView2<Real>,
        tuning: &Tuning,
        train_size: usize,
        mode: Mode,
    ) {
        network.forward(x, &mut self.tape, mode);
        network.backward(x, y, &mut self.tape, &mut self.gradients);
        let Tuning { learning_rate, regularizer, momentum } = *tuning;
        let hyper = Hyper { learning_rate, regularizer, momentum, train_size };
        self.updater.step(network, &self.gradients, &hyper);
    }

    /// What the last mini-batch left behind.
    pub(super) fn tape(&self) -> &Tape {
        &self.tape
    }

    /// The gradients of the last mini-batch.
    pub(super) fn gradients(&self) -> &Gradients {
        &self.gradients
    }
}
