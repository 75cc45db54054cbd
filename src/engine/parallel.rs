//! One mini-batch forward, backward and into the weights, on any number of threads.

mod crew;
mod learn;
mod tail;

use crate::nn::{Gradients, Hyper, Listing, Mode, Network, Optimizer, Real, Tape, Updater};
use crew::Crew;
use ndarray::{ArrayView2, Axis, s};
use tail::Tail;

/// Samples of a shard. Fixed, so that sums are taken in the same order by any number of threads.
const SHARD: usize = 8;
/// Shards of a mini-batch at most: each holds a gradient of its own.
const MOST_SHARDS: usize = 16;
/// Multiplications a sample takes from which a mini-batch is worth cutting up.
const WORTH_CUTTING: usize = 500_000;

/// Trains a network mini-batch by mini-batch, in buffers that are made once. The result never
/// depends on the number of threads.
pub struct Stepper {
    /// One, unless the mini-batch is cut into shards.
    shards: Vec<Shard>,
    /// Samples of every shard but the last.
    rows: usize,
    /// Layers that are not cut up with the others.
    tail: Option<Tail>,
    gradients: Gradients,
    updater: Updater,
    crew: Crew,
}

/// A fixed part of a mini-batch, worked on by one thread at a time.
#[derive(Debug)]
struct Shard {
    tape: Tape,
    gradients: Option<Gradients>,
}

/// Which samples of a mini-batch a shard holds.
#[derive(Clone, Copy)]
struct Part {
    first: usize,
    end: usize,
    batch: usize,
}

impl Part {
    fn rows(self) -> ndarray::SliceInfo<[ndarray::SliceInfoElem; 2], ndarray::Ix2, ndarray::Ix2> {
        s![self.first..self.end, ..]
    }
}

impl std::fmt::Debug for Stepper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stepper").field("shards", &self.shards.len()).finish_non_exhaustive()
    }
}

impl Stepper {
    /// For mini-batches of up to `batch` samples on `threads` threads. A network that is too small
    /// for more uses one.
    #[must_use]
    pub fn new(network: &Network, batch: usize, threads: usize, optimizer: Optimizer) -> Self {
        let work: usize = network.layers.iter().map(crate::nn::Layer::multiplications).sum();
        let cut = work >= WORTH_CUTTING && batch > 1;
        let rows = if cut { shard_rows(batch) } else { batch };
        let count = batch.div_ceil(rows).max(1);
        let tail = if count > 1 { Tail::of(network, batch) } else { None };
        let front = tail.as_ref().map_or(network.layers.len(), |tail| tail.first);
        let shard = |_| Shard {
            tape: Tape::new(network, rows),
            gradients: (count > 1).then(|| Gradients::zeros_of(network, front)),
        };
        Self {
            shards: (0..count).map(shard).collect(),
            rows,
            tail,
            gradients: Gradients::zeros(network),
            updater: Updater::new(optimizer, network),
            crew: Crew::new(threads.min(count)),
        }
    }

    /// [`Tape::listing`] for the next mini-batch, unless it is cut up. Where its gradients are not
    /// `asked` for, weights of the network may be moved here: see [`Stepper::settle`].
    pub fn listing(&mut self, network: &Network, asked: bool) -> Option<Listing<'_>> {
        let [Shard { tape, .. }] = &mut self.shards[..] else { return None };
        if !asked && self.updater.optimizer() == Optimizer::Sgd {
            tape.pack(network);
        }
        tape.listing(network)
    }

    /// Brings the network up to date: to be done before anything but a step looks at it.
    pub fn settle(&mut self, network: &mut Network) {
        if let [Shard { tape, .. }] = &mut self.shards[..] {
            tape.unpack(network);
        }
    }

    /// Forward, backward and update of one mini-batch; `x` of shape (samples, inputs), `y` of shape
    /// (samples, outputs). [`Stepper::gradients`] need not be those of this mini-batch afterwards.
    pub fn step(
        &mut self,
        network: &mut Network,
        x: ArrayView2<Real>,
        y: ArrayView2<Real>,
        hyper: &Hyper,
        mode: Mode,
    ) {
        self.advance(network, x, y, hyper, mode, false);
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
        self.advance(network, x, y, hyper, mode, true);
    }

    fn advance(
        &mut self,
        network: &mut Network,
        x: ArrayView2<Real>,
        y: ArrayView2<Real>,
        hyper: &Hyper,
        mode: Mode,
        asked: bool,
    ) {
        if self.tail.is_some() {
            return self.advance_in_two(network, x, y, hyper, mode, asked);
        }
        if self.shards.len() > 1 {
            self.each_shard(x.nrows(), |shard, part| {
                let Some(gradients) = &mut shard.gradients else { return };
                let (x, y) = (x.slice(part.rows()), y.slice(part.rows()));
                network.forward_part(x, &mut shard.tape, mode, part.first, part.batch);
                network.deltas(y, &mut shard.tape);
                network.gradients(x, &mut shard.tape, gradients);
            });
            let (shards, layers) = (x.nrows().div_ceil(self.rows), network.layers.len());
            return self.learn(network, hyper, shards, layers);
        }
        let Self { shards, gradients, updater, .. } = self;
        let tape = &mut shards[0].tape;
        network.forward(x, tape, mode);
        network.deltas(y, tape);
        let plain = updater.optimizer() == Optimizer::Sgd;
        if asked || !plain {
            network.gradients(x, tape, gradients);
        }
        // Plain descent adds to the weights directly, whether the gradient was asked for or not:
        // looking must not change a bit.
        if plain {
            network.descend(x, tape, hyper.descent(), gradients);
        } else {
            updater.step(network, gradients, hyper);
        }
    }

    /// The front in shards, the tail as a whole, and the front in shards again.
    fn advance_in_two(
        &mut self,
        network: &mut Network,
        x: ArrayView2<Real>,
        y: ArrayView2<Real>,
        hyper: &Hyper,
        mode: Mode,
        asked: bool,
    ) {
        let Some(mut tail) = self.tail.take() else { return };
        let (front, samples) = (tail.first, x.nrows());
        tail.begin(mode, samples);
        if front > 0 {
            self.each_shard(samples, |shard, part| {
                let x = x.slice(part.rows());
                shard.tape.begin(mode, part.first, x.nrows(), part.batch);
                for index in 0..front {
                    network.forward_layer(index, x, &mut shard.tape);
                }
            });
            for (shard, first) in self.shards.iter().zip((0..samples).step_by(self.rows)) {
                tail.tape.take_activations(front - 1, first, &shard.tape);
            }
        }
        let plain = self.updater.optimizer() == Optimizer::Sgd;
        let Self { gradients, crew, .. } = self;
        tail.forward(network, x, y, crew);
        tail.backward(network, x, plain.then(|| hyper.descent()), gradients, crew);
        if asked || !plain {
            tail.gradients(network, x, gradients, crew);
        }
        if front > 0 {
            self.each_shard(samples, |shard, part| {
                let Some(gradients) = &mut shard.gradients else { return };
                shard.tape.take_delta(front - 1, part.first, &tail.tape);
                for index in (1..front).rev() {
                    network.input_delta(index, &mut shard.tape);
                }
                network.gradients(x.slice(part.rows()), &mut shard.tape, gradients);
            });
        }
        let shards = samples.div_ceil(self.rows);
        self.learn(network, hyper, shards, if plain { front } else { network.layers.len() });
        if asked {
            let part = &mut self.shards[0].tape;
            part.begin(mode, 0, self.rows.min(samples), samples);
            part.take_layers(front, &tail.tape);
        }
        self.tail = Some(tail);
    }

    /// Works on every shard of a mini-batch of `batch` samples.
    fn each_shard(&mut self, batch: usize, work: impl Fn(&mut Shard, Part) + Sync) {
        let rows = self.rows;
        let part = |index: usize| Part {
            first: index * rows,
            end: ((index + 1) * rows).min(batch),
            batch,
        };
        let shards = self.shards.iter_mut().take(batch.div_ceil(rows)).enumerate();
        self.crew.each(shards, |(index, shard)| work(shard, part(index)));
    }

    /// Gradients of the last mini-batch that [`Stepper::step_with_gradients`] was given.
    #[must_use]
    pub fn gradients(&self) -> &Gradients {
        &self.gradients
    }

    /// Activations and deltas of the last mini-batch, or of its first samples where it was cut up.
    #[must_use]
    pub fn tape(&self) -> &Tape {
        &self.shards[0].tape
    }

    /// The cost of the last mini-batch, averaged over its samples and without the regularization
    /// term; `y` are its targets.
    #[must_use]
    pub fn cost(&self, network: &Network, y: ArrayView2<Real>) -> f64 {
        if let Some(tail) = &self.tail {
            return network.cost.sum(tail.tape.outputs(), y) / y.nrows() as f64;
        }
        let parts = y.axis_chunks_iter(Axis(0), self.rows).zip(&self.shards);
        let sum: f64 = parts.map(|(y, shard)| network.cost.sum(shard.tape.outputs(), y)).sum();
        sum / y.nrows() as f64
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

/// Samples a shard of such a mini-batch holds: halves of a small one, so that two threads find work.
fn shard_rows(batch: usize) -> usize {
    let least = batch.div_ceil(MOST_SHARDS);
    batch.div_ceil(2).min(SHARD).max(least)
}

#[cfg(test)]
mod tests;
