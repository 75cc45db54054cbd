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
    index: usize,
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
            index,
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
        let (shards, desk) = self.of(batch);
        let [first, second] = halves(shards);
        let other = Mutex::new(other);
        let jobs = first.iter_mut().map(Some).chain([None]).chain(second.iter_mut().map(Some));
        crew.each(jobs, |job| match job {
            Some(shard) => desk.lend(shard, &work),
            None => { lock(&other).take() }.into_iter().for_each(|other| other()),
        });
    }

    /// Works on every shard once more, those first that were the last: they are nearest.
    pub(super) fn each_back(
        &mut self,
        batch: usize,
        crew: &mut Crew,
        work: impl Fn(&mut Shard, Part) + Sync,
    ) {
        let (shards, desk) = self.of(batch);
        let [first, second] = halves(shards);
        let shards = first.iter_mut().rev().chain(second.iter_mut().rev());
        crew.each(shards, |shard| desk.lend(shard, &work));
    }

    /// The shards of a mini-batch, and what they are worked on with.
    fn of(&mut self, batch: usize) -> (&mut [Shard], Desk<'_>) {
        let Self { all, rows, spare, lent } = self;
        let desk = Desk { rows: *rows, batch, spare, lent: *lent };
        (&mut all[..batch.div_ceil(*rows)], desk)
    }
}

/// Where one of two threads begins and where the other.
fn halves(shards: &mut [Shard]) -> [&mut [Shard]; 2] {
    shards.split_at_mut(shards.len().div_ceil(2)).into()
}

/// What shards are worked on with.
struct Desk<'a> {
    rows: usize,
    batch: usize,
    spare: &'a Mutex<Vec<Tape>>,
    lent: Lent,
}

impl Desk<'_> {
    fn lend(&self, shard: &mut Shard, work: impl Fn(&mut Shard, Part)) {
        let Self { rows, batch, spare, lent } = *self;
        let first = shard.index * rows;
        let part = Part { first, end: batch.min(first + rows), batch };
        if first == 0 {
            return work(shard, part);
        }
        let mut tape = lock(spare).pop().expect("one for every thread that works");
        shard.tape.exchange(&mut tape, lent);
        work(shard, part);
        shard.tape.exchange(&mut tape, lent);
        lock(spare).push(tape);
    }
}
