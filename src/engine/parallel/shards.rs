//! A mini-batch cut into shards.

use super::crew::{Crew, lock};
use crate::nn::{Gradients, Layer, Lent, Network, Tape};
use ndarray::s;
use std::sync::Mutex;

/// Samples of a shard. Fixed, so that sums are taken in the same order by any number of threads.
const SHARD: usize = 8;
/// Shards of a mini-batch at most: each holds a gradient of its own.
const MOST_SHARDS: usize = 16;
/// Multiplications a sample takes from which a mini-batch is worth cutting up.
const WORTH_CUTTING: usize = 500_000;

/// Samples that a shard of such a mini-batch holds; all of them where it is not worth cutting.
pub(super) fn rows(network: &Network, batch: usize) -> usize {
    let work: usize = network.layers.iter().map(Layer::multiplications).sum();
    if work < WORTH_CUTTING || batch <= 1 {
        return batch;
    }
    // Halves of a small one, so that two threads find work.
    let least = batch.div_ceil(MOST_SHARDS);
    batch.div_ceil(2).min(SHARD).max(least)
}

/// The shards of a mini-batch: one, unless it is cut.
#[derive(Debug)]
pub(super) struct Shards {
    pub(super) all: Vec<Shard>,
    /// Samples of every shard but the last.
    pub(super) rows: usize,
    /// For each thread what it lends to the shards that it works on, one after the other: so it
    /// stays in that thread's cache. The first shard is looked at and has its own.
    spare: Mutex<Vec<Tape>>,
    lent: Lent,
}

/// A fixed part of a mini-batch, worked on by one thread at a time.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) tape: Tape,
    pub(super) gradients: Option<Gradients>,
}

/// Which samples of a mini-batch a shard holds.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub(super) first: usize,
    end: usize,
    pub(super) batch: usize,
}

impl Part {
    pub(super) fn rows(
        self,
    ) -> ndarray::SliceInfo<[ndarray::SliceInfoElem; 2], ndarray::Ix2, ndarray::Ix2> {
        s![self.first..self.end, ..]
    }
}

impl Shards {
    /// `count` shards of `rows` samples; `front` are the layers in front of a tail, if there is one.
    pub(super) fn new(
        network: &Network,
        count: usize,
        rows: usize,
        threads: usize,
        front: Option<usize>,
    ) -> Self {
        let lent = if front.is_some() { Lent::Deltas } else { Lent::AllButOutputs };
        let layers = front.unwrap_or(network.layers.len());
        let shard = |index| Shard {
            tape: match index {
                0 => Tape::new(network, rows),
                _ => Tape::hollow(network, rows, lent),
            },
            gradients: (count > 1).then(|| Gradients::zeros_of(network, layers)),
        };
        let spare = if count > 1 { threads } else { 0 };
        Self {
            all: (0..count).map(shard).collect(),
            rows,
            spare: Mutex::new((0..spare).map(|_| Tape::new(network, rows)).collect()),
            lent,
        }
    }

    /// Works on every shard of a mini-batch of `batch` samples. Whoever is done first does something
    /// else, where there is something.
    pub(super) fn each(
        &mut self,
        batch: usize,
        crew: &mut Crew,
        other: Option<impl FnOnce() + Send>,
        work: impl Fn(&mut Shard, Part) + Sync,
    ) {
        let Self { all, rows, spare, lent } = self;
        let (rows, lent) = (*rows, *lent);
        let part = |index: usize| Part {
            first: index * rows,
            end: ((index + 1) * rows).min(batch),
            batch,
        };
        let shards = all.iter_mut().take(batch.div_ceil(rows)).enumerate();
        let other = Mutex::new(other);
        crew.each(shards.map(Some).chain([None]), |job| {
            let Some((index, shard)) = job else {
                let other = lock(&other).take();
                return other.into_iter().for_each(|other| other());
            };
            if index == 0 {
                return work(shard, part(index));
            }
            let mut tape = lock(spare).pop().expect("one for every thread that works");
            shard.tape.exchange(&mut tape, lent);
            work(shard, part(index));
            shard.tape.exchange(&mut tape, lent);
            lock(spare).push(tape);
        });
    }
}
