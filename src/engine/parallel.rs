//! One mini-batch forward, backward and into the weights.

use crate::nn::{Gradients, Hyper, Mode, Network, Optimizer, Real, Tape, Updater};
use ndarray::ArrayView2;

/// Trains a network mini-batch by mini-batch, in buffers that are made once. The result never
/// depends on the number of threads.
#[derive(Debug)]
pub struct Stepper {
    tape: Tape,
    gradients: Gradients,
    updater: Updater,
}

impl Stepper {
    /// For mini-batches of up to `batch` samples.
    #[must_use]
    pub fn new(network: &Network, batch: usize, _threads: usize, optimizer: Optimizer) -> Self {
        Self {
            tape: Tape::new(network, batch),
            gradients: Gradients::zeros(network),
            updater: Updater::new(optimizer, network),
        }
    }

    /// Forward, backward and update of one mini-batch; `x` of shape (samples, inputs), `y` of shape
    /// (samples, outputs). Allocates nothing. [`Stepper::gradients`] need not be those of this
    /// mini-batch afterwards.
    pub fn step(
        &mut self,
        network: &mut Network,
        x: ArrayView2<Real>,
        y: ArrayView2<Real>,
        hyper: &Hyper,
        mode: Mode,
    ) {
        self.step_with_gradients(network, x, y, hyper, mode);
    }

    /// [`Stepper::step`] to the same bytes, and [`Stepper::gradients`] are this mini-batch's
    /// afterwards.
    pub fn step_with_gradients(
        &mut self,
        network: &mut Network,
        x: ArrayView2<Real>,
        y: ArrayView2<Real>,
        hyper: &Hyper,
        mode: Mode,
    ) {
        network.forward(x, &mut self.tape, mode);
        network.backward(x, y, &mut self.tape, &mut self.gradients);
        self.updater.step(network, &self.gradients, hyper);
    }

    /// Gradients of the last mini-batch that [`Stepper::step_with_gradients`] was given.
    #[must_use]
    pub fn gradients(&self) -> &Gradients {
        &self.gradients
    }

    /// Activations and deltas of the last mini-batch.
    #[must_use]
    pub fn tape(&self) -> &Tape {
        &self.tape
    }

    /// The optimizer's memory.
    #[must_use]
    pub fn updater(&self) -> &Updater {
        &self.updater
    }

    /// The optimizer's memory, to be restored from a checkpoint.
    pub fn updater_mut(&mut self) -> &mut Updater {
        &mut self.updater
    }
}
