//! Training on one mini-batch, on any number of threads.

mod shards;

use super::layer::Dense;
use super::{
    BackwardPass, Batch, Executor, ForwardCache, Gradients, HyperParameters, InputKind, Layer,
    Mode, Network, Optimizer, OptimizerState, ParameterUpdate, Real,
};
use crate::linalg::{ThreadPool, add};
use ndarray::{ArrayView2, Axis, s};
use shards::Shards;

/// The batch size from which the next mini-batch is prefetched on another thread: with fewer
/// samples, the step ends before that thread starts.
const MIN_BATCH_FOR_PREFETCH: usize = 24;

/// Trains a network mini-batch by mini-batch, in buffers that are allocated once. The result does
/// not depend on the number of threads.
///
/// The layers before the first wide dense layer process shards: fixed parts of the mini-batch, each
/// on one thread. The layers from there on process the whole mini-batch, because each shard would
/// have to read all their weights and write a gradient as large; wide layers share their work among
/// the threads. A network that is too small to be shared has no shards and runs on one thread.
pub struct Stepper {
    shards: Shards,
    /// Layers before this one process shards.
    front: usize,
    /// Layers from this one on run on one thread.
    serial: usize,
    /// For the layers that process the whole mini-batch, and the one before them.
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

/// A mini-batch and how to train on it.
#[derive(Clone, Copy, Debug)]
pub struct StepInput<'a> {
    /// The inputs, in the representation of [`Stepper::input_kind`] or dense.
    pub x: Batch<'a>,
    /// The targets, shape (samples, outputs).
    pub y: ArrayView2<'a, Real>,
    pub hyper: &'a HyperParameters,
    pub mode: Mode,
    /// Whether to store the gradients for [`Stepper::gradients`]. The trained network is
    /// bit-identical either way.
    pub keep_gradients: bool,
}

/// Size of a block of parameters that is updated by one thread.
const BLOCK: usize = 4096;

/// No background task.
const NOTHING: Option<fn()> = None;

impl Stepper {
    /// A stepper for mini-batches of up to `batch` samples on up to `threads` threads. A small
    /// network uses one thread, or two if mini-batches are large: one trains, the other prefetches
    /// the next mini-batch.
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

    /// The representation of inputs that is fastest for this number of samples.
    #[must_use]
    pub fn input_kind(&self, network: &Network, samples: usize, mode: Mode) -> InputKind {
        let whole = self.shards.is_empty();
        if whole { network.input_kind(samples, mode) } else { InputKind::Dense }
    }

    /// Number of threads, the calling one included.
    pub(crate) fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// The thread pool, for work between two steps.
    pub(crate) fn executor(&mut self) -> Executor<'_> {
        Executor::Pool(&mut self.pool)
    }

    /// Forward, backward and update of one mini-batch.
    pub fn step(&mut self, network: &mut Network, input: StepInput) {
        self.run(network, input, NOTHING);
    }

    /// [`Stepper::step`] with a background task for another thread, or for whichever is idle.
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

    /// Sums the gradients of a mini-batch's shards in order, and takes the optimizer's step for the
    /// first `layers`. Gradients of layers without shards are complete.
    fn sum_and_update(
        &mut self,
        network: &mut Network,
        hyper: &HyperParameters,
        samples: usize,
        layers: usize,
    ) {
        let Self { shards, gradients, optimizer, pool, .. } = self;
        let shards = shards.gradients(samples);
        optimizer.each_array(network, layers, hyper, |layer, array, update| {
            let total = gradients.layers[layer].array_mut(array);
            let parts = || {
                let layers = shards.clone().filter_map(|gradients| gradients.layers.get(layer));
                layers.map(|layer| layer.array(array))
            };
            let few = total.len() <= BLOCK;
            let blocks = update.blocks(BLOCK).zip(total.chunks_mut(BLOCK));
            let work = |(first, (update, total)): (usize, (ParameterUpdate, &mut [Real]))| {
                let here = first..first + total.len();
                sum(total, parts().map(|part| &part[here.clone()]));
                update.step(total);
            };
            let blocks = (0..).step_by(BLOCK).zip(blocks);
            // A single block is finished before another thread could start.
            if few { blocks.for_each(work) } else { pool.each_in_order(blocks, work) }
        });
    }

    /// The gradients of the last mini-batch for which they were kept.
    #[must_use]
    pub fn gradients(&self) -> &Gradients {
        &self.gradients
    }

    /// A layer's activations for the last mini-batch, or for its first shard if it was divided;
    /// shape (samples, units).
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

    /// The optimizer state.
    #[must_use]
    pub fn optimizer_state(&self) -> &OptimizerState {
        &self.optimizer
    }

    /// The mutable optimizer state, to be restored from a checkpoint.
    pub fn optimizer_state_mut(&mut self) -> &mut OptimizerState {
        &mut self.optimizer
    }
}

/// Replaces `total` by the sum of the parts, if there are any.
fn sum<'a>(total: &mut [Real], mut parts: impl Iterator<Item = &'a [Real]>) {
    if let Some(first) = parts.next() {
        total.copy_from_slice(first);
    }
    parts.for_each(|part| add(total, part));
}

fn is_wide(layer: &Layer) -> bool {
    matches!(layer, Layer::Dense(dense) if Dense::is_wide(dense))
}

#[cfg(test)]
mod inputs;
#[cfg(test)]
mod tests;
