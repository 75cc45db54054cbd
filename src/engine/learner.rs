//! One mini-batch: forward, backward, update.

use super::checkpoint::Tuning;
use crate::nn::{Gradients, Mode, Network, Real, Sgd, Tape};
use ndarray::ArrayView2;

/// Buffers of a training step, made once.
#[derive(Debug)]
pub(super) struct Learner {
    tape: Tape,
    gradients: Gradients,
}

impl Learner {
    pub(super) fn new(network: &Network, batch: usize) -> Self {
        Self { tape: Tape::new(network, batch), gradients: Gradients::zeros(network) }
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
        let Tuning { learning_rate, regularizer, .. } = *tuning;
        Sgd { learning_rate, regularizer, train_size }.step(network, &self.gradients);
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
