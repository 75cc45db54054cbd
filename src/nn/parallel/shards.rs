//! A mini-batch divided into shards.

use crate::linalg::{ThreadPool, lock};
use crate::nn::{BorrowedBuffers, Executor, ForwardCache, Gradients, Layer, Mode, Network, Real};
use ndarray::{ArrayView2, s};
use std::ops::Range;
use std::sync::Mutex;

/// Samples of a shard. Fixed, so that the order of sums does not depend on the number of threads.
const SHARD: usize = 8;
/// The largest number of shards, each of which has its own gradients.
const MAX_SHARDS: usize = 16;
/// Multiplications per sample from which distributing a mini-batch among threads pays off.
const WORTH_SHARING: usize = 500_000;

/// The number of samples per shard; the whole mini-batch if dividing it does not pay off.
pub(super) fn rows(network: &Network, batch: usize) -> usize {
    let work: usize = network.layers.iter().map(Layer::multiplications).sum();
    if work < WORTH_SHARING || batch <= 1 {
        return batch;
    }
    // A small mini-batch is divided into halves, for two threads.
    let least = batch.div_ceil(MAX_SHARDS);
    batch.div_ceil(2).min(SHARD).max(least)
}

/// The shards of a mini-batch; none if it is not divided.
#[derive(Debug)]
pub(super) struct Shards {
    all: Vec<Shard>,
    /// Samples per shard; the last shard may have fewer.
    pub(super) rows: usize,
    /// One set of buffers per thread, which its shards use in turn so that they stay in the
    /// thread's cache. The first shard, whose values are public, has its own.
    thread_caches: Mutex<Vec<ForwardCache>>,
    borrowed: BorrowedBuffers,
}

/// A part of a mini-batch, processed by one thread.
#[derive(Debug)]
struct Shard {
    index: usize,
    cache: ForwardCache,
    gradients: Gradients,
}

impl Shards {
    /// `count` shards of `rows` samples for the layers before `front`; none if `count` is 1.
    pub(super) fn new(
        network: &Network,
        count: usize,
        rows: usize,
        threads: usize,
        front: usize,
    ) -> Self {
        let one_pass = front == network.layers.len();
        let borrowed =
            if one_pass { BorrowedBuffers::AllButOutputs } else { BorrowedBuffers::Deltas };
        let shard = |index| Shard {
            index,
            cache: match index {
                0 => ForwardCache::new(network, rows),
                _ => ForwardCache::borrowing(network, rows, borrowed),
            },
            gradients: Gradients::zeros_of(network, front),
        };
        let (count, threads) = if count > 1 { (count, threads) } else { (0, 0) };
        let thread_caches = (0..threads).map(|_| ForwardCache::new(network, rows)).collect();
        Self {
            all: (0..count).map(shard).collect(),
            rows,
            thread_caches: Mutex::new(thread_caches),
            borrowed,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The cache of the first shard.
    pub(super) fn first(&self) -> Option<&ForwardCache> {
        self.all.first().map(|shard| &shard.cache)
    }

    pub(super) fn caches(&self) -> impl Iterator<Item = &ForwardCache> {
        self.all.iter().map(|shard| &shard.cache)
    }

    /// The gradients of a mini-batch's shards.
    pub(super) fn gradients(&self, samples: usize) -> impl Iterator<Item = &Gradients> + Clone {
        self.all.iter().take(samples.div_ceil(self.rows)).map(|shard| &shard.gradients)
    }

    /// Forward and backward pass of the whole network. The background task is run by the first
    /// thread that reaches it.
    pub(super) fn train(
        &mut self,
        network: &Network,
        x: ArrayView2<Real>,
        y: ArrayView2<Real>,
        mode: Mode,
        pool: &mut ThreadPool,
        background: Option<impl FnOnce() + Send>,
    ) {
        let samples = y.nrows();
        let (shards, cache_pool) = self.of_batch(samples);
        let [first, second] = halves(shards);
        let background = Mutex::new(background);
        let jobs = first.iter_mut().map(Some).chain([None]).chain(second.iter_mut().map(Some));
        pool.each(jobs, |job| {
            let Some(shard) = job else {
                return { lock(&background).take() }.into_iter().for_each(|task| task());
            };
            cache_pool.with_cache(shard, |Shard { cache, gradients, .. }, rows| {
                let (x, y) = (x.slice(s![rows.clone(), ..]), y.slice(s![rows.clone(), ..]));
                let one = &mut Executor::Serial;
                cache.begin(mode, rows.start, rows.len(), samples);
                network.forward_layers(0..network.layers.len(), x.into(), cache, one);
                network.backward(x, y, cache, gradients, one);
            });
        });
    }

    /// Forward pass of some layers.
    pub(super) fn forward(
        &mut self,
        network: &Network,
        layers: Range<usize>,
        x: ArrayView2<Real>,
        mode: Mode,
        pool: &mut ThreadPool,
    ) {
        let samples = x.nrows();
        let (shards, cache_pool) = self.of_batch(samples);
        pool.each(shards.iter_mut(), |shard| {
            cache_pool.with_cache(shard, |Shard { cache, .. }, rows| {
                let x = x.slice(s![rows.clone(), ..]);
                cache.begin(mode, rows.start, rows.len(), samples);
                network.forward_layers(layers.clone(), x.into(), cache, &mut Executor::Serial);
            });
        });
    }

    /// Copies a layer's activations from all shards into the cache of the mini-batch.
    pub(super) fn collect_activations(
        &self,
        layer: usize,
        whole: &mut ForwardCache,
        samples: usize,
        pool: &mut ThreadPool,
    ) {
        let shards = self.all.iter().take(samples.div_ceil(self.rows));
        pool.each(shards.zip(whole.activation_parts(layer, self.rows)), |(shard, mut part)| {
            let activations = shard.cache.activations(layer);
            part.slice_mut(s![..activations.nrows(), ..]).assign(&activations);
        });
    }

    /// Backward pass of the layers before `front`, given the δ of the last of them in the cache of
    /// the mini-batch. Shards are processed in reverse order, because the activations of the last
    /// are still in the CPU cache.
    pub(super) fn backward(
        &mut self,
        network: &Network,
        front: usize,
        x: ArrayView2<Real>,
        whole: &ForwardCache,
        pool: &mut ThreadPool,
    ) {
        let (shards, cache_pool) = self.of_batch(x.nrows());
        let [first, second] = halves(shards);
        pool.each(first.iter_mut().rev().chain(second.iter_mut().rev()), |shard| {
            cache_pool.with_cache(shard, |Shard { cache, gradients, .. }, rows| {
                let one = &mut Executor::Serial;
                let x = x.slice(s![rows.clone(), ..]).into();
                cache.copy_delta(front - 1, rows.start, whole);
                for l in (0..front).rev() {
                    network.input_delta(l, cache, one);
                    network.gradients(l, x, cache, gradients, one);
                }
            });
        });
    }

    /// The shards of a mini-batch, and the caches they use.
    fn of_batch(&mut self, samples: usize) -> (&mut [Shard], CachePool<'_>) {
        let Self { all, rows, thread_caches, borrowed } = self;
        let cache_pool =
            CachePool { rows: *rows, samples, caches: thread_caches, borrowed: *borrowed };
        (&mut all[..samples.div_ceil(*rows)], cache_pool)
    }
}

/// The two halves of the shards, at which the first and the second of two threads start.
fn halves(shards: &mut [Shard]) -> [&mut [Shard]; 2] {
    shards.split_at_mut(shards.len().div_ceil(2)).into()
}

/// Gives each shard the buffers of a thread.
struct CachePool<'a> {
    rows: usize,
    samples: usize,
    caches: &'a Mutex<Vec<ForwardCache>>,
    borrowed: BorrowedBuffers,
}

impl CachePool<'_> {
    /// Calls `work` with a shard and its rows of the mini-batch.
    fn with_cache(&self, shard: &mut Shard, work: impl Fn(&mut Shard, Range<usize>)) {
        let first = shard.index * self.rows;
        let rows = first..self.samples.min(first + self.rows);
        if first == 0 {
            return work(shard, rows);
        }
        let mut cache = lock(self.caches).pop().expect("there is a cache for every thread");
        shard.cache.swap_borrowed(&mut cache, self.borrowed);
        work(shard, rows);
        shard.cache.swap_borrowed(&mut cache, self.borrowed);
        lock(self.caches).push(cache);
    }
}
