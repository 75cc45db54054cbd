//! One mini-batch forward, backward and into the weights, on any number of threads.

mod crew;
mod learn;
mod shards;
mod tail;

use super::{Gradients, Hyper, Listing, Mode, Network, Optimizer, Order, Real, Tape, Updater};
pub(crate) use crew::Crew;
use ndarray::{ArrayView2, Axis, s};
use shards::{Shard, Shards};
use tail::Tail;

/// Samples of a mini-batch from which the next one is got ready on another thread: less is done
/// before that thread has begun.
const WORTH_A_THREAD: usize = 24;

/// Trains a network mini-batch by mini-batch, in buffers that are made once. The result never
/// depends on the number of threads.
pub struct Stepper {
    shards: Shards,
    /// Layers that are not cut up with the others.
    tail: Option<Tail>,
    gradients: Gradients,
    updater: Updater,
    crew: Crew,
}

impl std::fmt::Debug for Stepper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stepper").field("shards", &self.shards.all.len()).finish_non_exhaustive()
    }
}

impl Stepper {
    /// For mini-batches of up to `batch` samples on `threads` threads. A network that is too small
    /// for more uses one, or two where mini-batches are large: one learns, one gathers the next.
    #[must_use]
    pub fn new(network: &Network, batch: usize, threads: usize, optimizer: Optimizer) -> Self {
        let rows = shards::rows(network, batch);
        let count = batch.div_ceil(rows).max(1);
        // One that is not cut up can do with a thread that gets the next one ready meanwhile.
        let most = if count > 1 { count } else { 1 + usize::from(batch >= WORTH_A_THREAD) };
        let threads = threads.clamp(1, most);
        let tail = if count > 1 { Tail::of(network, batch, threads) } else { None };
        let front = tail.as_ref().map(|tail| tail.first);
        Self {
            shards: Shards::new(network, count, rows, threads, front),
            tail,
            gradients: Gradients::zeros(network),
            updater: Updater::new(optimizer, network),
            crew: Crew::new(threads),
        }
    }

    /// How mini-batches of so many samples are best told, where that is by a listing. Where the
    /// gradients of the next are not `asked` for, weights of the network may be moved here: see
    /// [`Stepper::settle`].
    pub(crate) fn order(
        &mut self,
        network: &Network,
        samples: usize,
        mode: Mode,
        asked: bool,
    ) -> Option<Order> {
        let [Shard { tape, .. }] = &mut self.shards.all[..] else { return None };
        if !asked && self.updater.optimizer() == Optimizer::Sgd {
            tape.pack(network);
        }
        tape.order(network, samples, mode)
    }

    /// Takes the listing of the next mini-batch, and leaves nothing of it but room.
    pub(crate) fn take_listing(&mut self, listing: &mut Listing) {
        if let [Shard { tape, .. }] = &mut self.shards.all[..] {
            tape.take_listing(listing);
        }
    }

    /// Threads that work, the calling one among them.
    pub(crate) fn threads(&self) -> usize {
        self.crew.threads()
    }

    /// Works on every item, each on whichever thread is free.
    pub(crate) fn each<T: Send>(
        &mut self,
        items: impl DoubleEndedIterator<Item = T> + Send,
        work: impl Fn(T) + Sync,
    ) {
        self.crew.each(items, work);
    }

    /// [`Stepper::step`], while another thread, or whichever has nothing to do, does something else.
    pub(crate) fn step_beside(
        &mut self,
        network: &mut Network,
        x: ArrayView2<Real>,
        y: ArrayView2<Real>,
        hyper: &Hyper,
        mode: Mode,
        other: impl FnOnce() + Send,
    ) {
        self.advance(network, Lesson { x, y, hyper, mode, asked: false }, Some(other));
    }

    /// Brings the network up to date: to be done before anything but a step looks at it.
    pub fn settle(&mut self, network: &mut Network) {
        if let [Shard { tape, .. }] = &mut self.shards.all[..] {
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
        self.advance(network, Lesson { x, y, hyper, mode, asked: false }, NOTHING);
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
        self.advance(network, Lesson { x, y, hyper, mode, asked: true }, NOTHING);
    }

    fn advance(
        &mut self,
        network: &mut Network,
        lesson: Lesson,
        other: Option<impl FnOnce() + Send>,
    ) {
        if self.tail.is_some() {
            return self.advance_in_two(network, lesson, other);
        }
        let Lesson { x, y, hyper, mode, .. } = lesson;
        if self.shards.all.len() > 1 {
            self.shards.each(x.nrows(), &mut self.crew, other, |shard, part| {
                let Some(gradients) = &mut shard.gradients else { return };
                let (x, y) = (x.slice(part.rows()), y.slice(part.rows()));
                network.forward_part(x, &mut shard.tape, mode, part.first, part.batch);
                network.deltas(y, &mut shard.tape);
                network.gradients(x, &mut shard.tape, gradients);
            });
            let (shards, layers) = (x.nrows().div_ceil(self.shards.rows), network.layers.len());
            return self.learn(network, hyper, shards, layers);
        }
        let Self { shards, gradients, updater, crew, .. } = self;
        let whole = Whole { tape: &mut shards.all[0].tape, gradients, updater };
        match other {
            Some(other) => crew.both(|| whole.advance(network, lesson), other),
            None => whole.advance(network, lesson),
        }
    }

    /// The front in shards, the tail as a whole, and the front in shards again.
    fn advance_in_two(
        &mut self,
        network: &mut Network,
        Lesson { x, y, hyper, mode, asked }: Lesson,
        other: Option<impl FnOnce() + Send>,
    ) {
        let Some(mut tail) = self.tail.take() else { return };
        let (front, samples) = (tail.first, x.nrows());
        tail.begin(mode, samples);
        if front > 0 {
            self.shards.each(samples, &mut self.crew, NOTHING, |shard, part| {
                let x = x.slice(part.rows());
                shard.tape.begin(mode, part.first, x.nrows(), part.batch);
                for index in 0..front {
                    network.forward_layer(index, x, &mut shard.tape);
                }
            });
            let Shards { all, rows, .. } = &self.shards;
            let shards = all.iter().take(samples.div_ceil(*rows));
            let parts = tail.tape.activation_parts(front - 1, *rows);
            self.crew.each(shards.zip(parts), |(shard, mut part)| {
                let activations = shard.tape.activations(front - 1);
                part.slice_mut(s![..activations.nrows(), ..]).assign(&activations);
            });
        }
        let plain = self.updater.optimizer() == Optimizer::Sgd;
        let descent = plain.then(|| hyper.descent());
        let Self { gradients, crew, .. } = self;
        tail.forward(network, x, crew);
        match other {
            Some(other) => crew.both(|| tail.turn(network, x, y, descent, gradients), other),
            None => tail.turn(network, x, y, descent, gradients),
        }
        tail.backward(network, x, descent, gradients, crew);
        if asked || !plain {
            tail.gradients(network, x, gradients, crew);
        }
        if front > 0 {
            self.shards.each_back(samples, &mut self.crew, |shard, part| {
                let Some(gradients) = &mut shard.gradients else { return };
                shard.tape.take_delta(front - 1, part.first, &tail.tape);
                for index in (1..front).rev() {
                    network.input_delta(index, &mut shard.tape);
                }
                network.gradients(x.slice(part.rows()), &mut shard.tape, gradients);
            });
        }
        let shards = samples.div_ceil(self.shards.rows);
        self.learn(network, hyper, shards, if plain { front } else { network.layers.len() });
        if asked {
            let part = &mut self.shards.all[0].tape;
            part.begin(mode, 0, self.shards.rows.min(samples), samples);
            part.take_layers(front, &tail.tape);
        }
        self.tail = Some(tail);
    }

    /// Gradients of the last mini-batch that [`Stepper::step_with_gradients`] was given.
    #[must_use]
    pub fn gradients(&self) -> &Gradients {
        &self.gradients
    }

    /// Activations and deltas of the last mini-batch, or of its first samples where it was cut up.
    #[must_use]
    pub fn tape(&self) -> &Tape {
        &self.shards.all[0].tape
    }

    /// The cost of the last mini-batch, averaged over its samples and without the regularization
    /// term; `y` are its targets.
    #[must_use]
    pub fn cost(&self, network: &Network, y: ArrayView2<Real>) -> f64 {
        if let Some(tail) = &self.tail {
            return network.cost.sum(tail.tape.outputs(), y) / y.nrows() as f64;
        }
        let parts = y.axis_chunks_iter(Axis(0), self.shards.rows).zip(&self.shards.all);
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

/// A mini-batch, and how it is learned from.
#[derive(Clone, Copy)]
struct Lesson<'a> {
    x: ArrayView2<'a, Real>,
    y: ArrayView2<'a, Real>,
    hyper: &'a Hyper,
    mode: Mode,
    /// Whether its gradients are asked for.
    asked: bool,
}

/// What is to be done meanwhile.
const NOTHING: Option<fn()> = None;

/// What a mini-batch that is not cut up is worked on with.
struct Whole<'a> {
    tape: &'a mut Tape,
    gradients: &'a mut Gradients,
    updater: &'a mut Updater,
}

impl Whole<'_> {
    fn advance(self, network: &mut Network, Lesson { x, y, hyper, mode, asked }: Lesson) {
        let Self { tape, gradients, updater } = self;
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
}

#[cfg(test)]
mod tests;
