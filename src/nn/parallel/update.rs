//! The gradients of shards summed up and applied, in disjoint blocks.

use super::Stepper;
use crate::linalg::add;
use crate::nn::{Hyper, Network, ParameterUpdate, Real};

/// Numbers of a block.
const BLOCK: usize = 4096;

impl Stepper {
    /// Sums the gradients of a mini-batch's shards, the first shard's first, and takes the optimizer's
    /// step for the first `layers`. Layers that shards have no part in have their gradients already.
    pub(super) fn sum_and_update(
        &mut self,
        network: &mut Network,
        hyper: &Hyper,
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
            // A single block is done before another thread has come to help.
            if few { blocks.for_each(work) } else { pool.each_in_order(blocks, work) }
        });
    }
}

/// `total` becomes the sum of the parts, where there are any.
fn sum<'a>(total: &mut [Real], mut parts: impl Iterator<Item = &'a [Real]>) {
    if let Some(first) = parts.next() {
        total.copy_from_slice(first);
    }
    parts.for_each(|part| add(total, part));
}
