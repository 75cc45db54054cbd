//! One mini-batch forward, backward and into the weights, on any number of threads.

mod tail;

use crate::nn::{
    Gradients, Hyper, LayerGradients, Listing, Mode, Network, Optimizer, Real, Tape, Updater,
};
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
    /// `None` where one thread does it all.
    pool: Option<rayon::ThreadPool>,
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
        let threads = threads.min(count);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("nntop-work-{index}"));
        Self {
            shards: (0..count).map(shard).collect(),
            rows,
            tail,
            gradients: Gradients::zeros(network),
            updater: Updater::new(optimizer, network),
            // Without more threads the one there is does the same work to the same bits.
            pool: if threads > 1 { pool.build().ok() } else { None },
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
            self.sum_shards(x.nrows().div_ceil(self.rows), network.layers.len());
            self.updater.step(network, &self.gradients, hyper);
            return;
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
        tail.run(network, x, y, self.pool.as_ref());
        if front > 0 {
            self.each_shard(samples, |shard, part| {
                let Some(gradients) = &mut shard.gradients else { return };
                shard.tape.take_delta(front - 1, part.first, &tail.tape);
                for index in (1..front).rev() {
                    network.input_delta(index, &mut shard.tape);
                }
                network.gradients(x.slice(part.rows()), &mut shard.tape, gradients);
            });
            self.sum_shards(samples.div_ceil(self.rows), front);
        }
        let plain = self.updater.optimizer() == Optimizer::Sgd;
        if asked || !plain {
            tail.gradients(network, x, &mut self.gradients, self.pool.as_ref());
        }
        if plain {
            self.updater.step_front(network, &self.gradients, hyper, front);
            tail.descend(network, x, hyper, &mut self.gradients, self.pool.as_ref());
        } else {
            self.updater.step(network, &self.gradients, hyper);
        }
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
        match &self.pool {
            None => shards.for_each(|(index, shard)| work(shard, part(index))),
            Some(pool) => pool.in_place_scope(|scope| {
                let work = &work;
                for (index, shard) in shards {
                    scope.spawn(move |_| work(shard, part(index)));
                }
            }),
        }
    }

    /// Adds the shards' gradients of so many layers up, the first shard's first.
    fn sum_shards(&mut self, count: usize, layers: usize) {
        let total = self.gradients.layers.iter_mut().take(layers);
        let total = total.flat_map(LayerGradients::arrays_mut);
        let mut parts: Vec<_> = self.shards[..count]
            .iter()
            .filter_map(|shard| shard.gradients.as_ref())
            .map(|gradients| gradients.layers.iter().flat_map(LayerGradients::arrays))
            .collect();
        for total in total {
            for (index, part) in parts.iter_mut().enumerate() {
                let part = part.next().expect("shards have the gradients of one network");
                if index == 0 {
                    total.copy_from_slice(part);
                } else {
                    total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
                }
            }
        }
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
mod tests {
    use super::*;
    use crate::nn::{Architecture, BuildOptions, Init, Penalty, Regularizer, Shape};
    use crate::rng::{Purpose, stream};
    use ndarray::Array2;
    use rand::RngExt;

    /// The network after a few mini-batches, the last one short.
    fn trained(text: &str, optimizer: Optimizer, threads: usize, looked_at: bool) -> Network {
        let options = BuildOptions { init: Init::Scaled, dropout: 0.2, ..Default::default() };
        let architecture: Architecture = text.parse().unwrap();
        let mut network = architecture.build(Shape::image(28, 28), 10, &options, 1).unwrap();
        let mut stepper = Stepper::new(&network, 20, threads, optimizer);
        let hyper = Hyper {
            learning_rate: 0.05,
            regularizer: Regularizer { penalty: Penalty::L2, lambda: 0.1 },
            momentum: 0.5,
            train_size: 100,
        };
        let mut stream = stream(1, Purpose::Experiment, 0, 0);
        for (step, samples) in [20, 20, 13].into_iter().enumerate() {
            let x = Array2::from_shape_simple_fn((samples, 784), || {
                stream.random_range(-1.0..1.0 as Real).max(0.0)
            });
            let y = Array2::from_shape_fn((samples, 10), |(row, column)| {
                Real::from(u8::from(row % 10 == column))
            });
            let mode = Mode::Training { seed: 1, epoch: 0, step: step as u64 };
            if looked_at {
                stepper.step_with_gradients(&mut network, x.view(), y.view(), &hyper, mode);
            } else {
                stepper.step(&mut network, x.view(), y.view(), &hyper, mode);
            }
        }
        network
    }

    #[test]
    fn threads_and_looking_change_no_bit() {
        for text in [
            "784,30,10",
            "784,150,10",
            "784,700,10",
            "conv4x5-pool2-conv8x5-pool2-dense20-dense10",
            "conv4x5-pool2-dense400-drop0.5-dense700-dense10",
        ] {
            for optimizer in [Optimizer::Sgd, Optimizer::Nesterov, Optimizer::Adam] {
                let expected = trained(text, optimizer, 1, false);
                for (threads, looked_at) in [(1, true), (2, false), (3, true)] {
                    let found = trained(text, optimizer, threads, looked_at);
                    assert!(found == expected, "{text} {optimizer:?} on {threads} threads");
                }
            }
        }
    }
}
