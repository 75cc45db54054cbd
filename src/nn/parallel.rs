//! One mini-batch forward, backward and into the weights, on any number of threads.

mod shards;
mod update;

use super::layer::Dense;
use super::{
    BackwardPass, Batch, Executor, ForwardCache, Gradients, Hyper, InputKind, Layer, Mode, Network,
    Optimizer, OptimizerState, Real,
};
use crate::linalg::ThreadPool;
use ndarray::{ArrayView2, Axis, s};
use shards::Shards;

/// Samples of a mini-batch from which the next one is gathered on another thread: with less, all is
/// done before that thread has begun.
const MIN_BATCH_FOR_PREFETCH: usize = 24;

/// Trains a network mini-batch by mini-batch, in buffers that are made once. The result never
/// depends on the number of threads.
///
/// The first layers, up to the first wide dense one, are worked on in shards: fixed parts of the
/// mini-batch, each by one thread. The layers behind them are worked on with the whole mini-batch,
/// for in shards every one of these would read all their weights and write a gradient as large; those
/// that are wide share their work among the threads. A network that is too small to share has no
/// shards and works on one thread.
pub struct Stepper {
    shards: Shards,
    /// Layers before this one are worked on in shards.
    front: usize,
    /// Layers from this one on are worked on by one thread.
    serial: usize,
    /// Of the layers that are worked on with the whole mini-batch, and of the one before them.
    cache: ForwardCache,
    gradients: Gradients,
    optimizer: OptimizerState,
    pool: ThreadPool,
}

impl std::fmt::Debug for Stepper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { front, serial, .. } = self;
        f.debug_struct("Stepper")
            .field("front", front)
            .field("serial", serial)
            .finish_non_exhaustive()
    }
}

/// A mini-batch, and how it is trained on.
#[derive(Clone, Copy, Debug)]
pub struct StepInput<'a> {
    /// The inputs, in the form of [`Stepper::input_kind`] or dense.
    pub x: Batch<'a>,
    /// The targets, shape (samples, outputs).
    pub y: ArrayView2<'a, Real>,
    pub hyper: &'a Hyper,
    pub mode: Mode,
    /// Whether [`Stepper::gradients`] are to be those of this mini-batch afterwards; the network
    /// becomes the same, to the bit, with and without.
    pub keep_gradients: bool,
}

/// No background task.
const NOTHING: Option<fn()> = None;

impl Stepper {
    /// For mini-batches of up to `batch` samples on `threads` threads. A network that is too small
    /// for more uses one, or two where mini-batches are large: one trains, one gathers the next.
    #[must_use]
    pub fn new(network: &Network, batch: usize, threads: usize, optimizer: Optimizer) -> Self {
        let rows = shards::rows(network, batch);
        let count = batch.div_ceil(rows).max(1);
        let most = if count > 1 { count } else { 1 + usize::from(batch >= MIN_BATCH_FOR_PREFETCH) };
        let threads = threads.clamp(1, most);
        let layers = network.layers.len();
        let first_wide = network.layers.iter().position(is_wide);
        let (front, serial) = match first_wide {
            _ if count == 1 => (0, 0),
            None => (layers, layers),
            Some(front) => {
                let shared = |layer: &Layer| is_wide(layer) || matches!(layer, Layer::Dropout(_));
                (front, network.layers.iter().rposition(shared).map_or(front, |last| last + 1))
            }
        };
        let whole = if front == layers { layers..layers } else { front.saturating_sub(1)..layers };
        Self {
            shards: Shards::new(network, count, rows, threads, front),
            front,
            serial,
            cache: ForwardCache::of_layers(network, batch, whole),
            gradients: Gradients::zeros(network),
            optimizer: OptimizerState::new(optimizer, network),
            pool: ThreadPool::new(threads),
        }
    }

    /// The form in which inputs of so many samples are read fastest.
    #[must_use]
    pub fn input_kind(&self, network: &Network, samples: usize, mode: Mode) -> InputKind {
        let whole = self.shards.is_empty();
        if whole { network.input_kind(samples, mode) } else { InputKind::Dense }
    }

    /// Threads that work, the calling one among them.
    pub(crate) fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// The threads, for other work between two steps.
    pub(crate) fn executor(&mut self) -> Executor<'_> {
        Executor::Pool(&mut self.pool)
    }

    /// Forward, backward and update of one mini-batch.
    pub fn step(&mut self, network: &mut Network, input: StepInput) {
        self.run(network, input, NOTHING);
    }

    /// [`Stepper::step`], with a background task for another thread, or for whichever has nothing to
    /// do.
    pub(crate) fn step_beside(
        &mut self,
        network: &mut Network,
        input: StepInput,
        background: impl FnOnce() + Send,
    ) {
        self.run(network, input, Some(background));
    }

    fn run(
        &mut self,
        network: &mut Network,
        input: StepInput,
        background: Option<impl FnOnce() + Send>,
    ) {
        let StepInput { x, y, hyper, mode, keep_gradients } = input;
        let (samples, layers) = (y.nrows(), network.layers.len());
        let Self { shards, front, serial, cache, gradients, optimizer, pool } = self;
        let (front, serial) = (*front, *serial);
        if front == layers && !shards.is_empty() {
            shards.train(network, x.dense(), y, mode, pool, background);
            return self.sum_and_update(network, hyper, samples, layers);
        }
        if front > 0 {
            shards.forward(network, 0..front, x.dense(), mode, pool);
            shards.collect_activations(front - 1, cache, samples, pool);
        }
        cache.begin(mode, 0, samples, samples);
        let plain = optimizer.optimizer() == Optimizer::Sgd;
        let step = plain.then(|| hyper.gradient_step());
        let keep_gradients = keep_gradients || !plain;
        let mut pass = BackwardPass { gradients, keep_gradients, step };
        let mut executor = Executor::Pool(pool);
        network.forward_layers(front..serial, x, cache, &mut executor);
        let mut last_layers = || {
            let one = &mut Executor::Serial;
            network.forward_layers(serial..layers, x, cache, one);
            network.output_delta(y, cache);
            network.backward_layers(serial..layers, x, cache, &mut pass, one);
        };
        match background {
            Some(background) => executor.both(last_layers, background),
            None => last_layers(),
        }
        network.backward_layers(front..serial, x, cache, &mut pass, &mut executor);
        if front > 0 {
            shards.backward(network, front, x.dense(), cache, pool);
        }
        let updated = if plain { front } else { layers };
        self.sum_and_update(network, hyper, samples, updated);
    }

    /// Gradients of the last mini-batch for which they were kept.
    #[must_use]
    pub fn gradients(&self) -> &Gradients {
        &self.gradients
    }

    /// A layer's activations in the last mini-batch, or in its first samples where it was divided
    /// into shards; shape (samples, units).
    #[must_use]
    pub fn activations(&self, layer: usize) -> ArrayView2<'_, Real> {
        match self.shards.first() {
            Some(shard) if layer < self.front => shard.activations(layer),
            Some(shard) => self.cache.activations(layer).slice_move(s![..shard.samples, ..]),
            None => self.cache.activations(layer),
        }
    }

    /// The cost of the last mini-batch, averaged over its samples and without the regularization
    /// term; `y` are its targets.
    #[must_use]
    pub fn cost(&self, network: &Network, y: ArrayView2<Real>) -> f64 {
        let sum: f64 = if self.front == network.layers.len() && !self.shards.is_empty() {
            let parts = y.axis_chunks_iter(Axis(0), self.shards.rows).zip(self.shards.caches());
            parts.map(|(y, cache)| network.cost.sum(cache.outputs(), y)).sum()
        } else {
            network.cost.sum(self.cache.outputs(), y)
        };
        sum / y.nrows() as f64
    }

    /// The optimizer's memory.
    #[must_use]
    pub fn optimizer_state(&self) -> &OptimizerState {
        &self.optimizer
    }

    /// The optimizer's memory, to be restored from a checkpoint.
    pub fn optimizer_state_mut(&mut self) -> &mut OptimizerState {
        &mut self.optimizer
    }
}

fn is_wide(layer: &Layer) -> bool {
    matches!(layer, Layer::Dense(dense) if Dense::is_wide(dense))
}

#[cfg(test)]
mod inputs;
#[cfg(test)]
mod tests;
