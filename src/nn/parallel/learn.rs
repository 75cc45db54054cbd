//! What the shards found, added up and learned from, in disjoint blocks.

use super::Stepper;
use crate::nn::{Hyper, Learner, Network, Real, add};

/// Numbers of a block.
const BLOCK: usize = 4096;

impl Stepper {
    /// Adds the gradients of the first `shards` up, the first shard's first, and takes a step with
    /// those of the first `layers`. The layers that shards do not have were added up before.
    pub(super) fn learn(
        &mut self,
        network: &mut Network,
        hyper: &Hyper,
        shards: usize,
        layers: usize,
    ) {
        let Self { shards: cut, gradients, updater, crew, .. } = self;
        let shards = &cut.all[..shards];
        updater.each_array(network, layers, hyper, |layer, array, learner| {
            let total = gradients.layers[layer].array_mut(array);
            let parts = || {
                let parts = shards.iter().filter_map(|shard| shard.gradients.as_ref());
                parts.filter_map(|part| Some(part.layers.get(layer)?.array(array)))
            };
            let few = total.len() <= BLOCK;
            let blocks = learner.blocks(BLOCK).zip(total.chunks_mut(BLOCK));
            let work = |(first, (learner, total)): (usize, (Learner, &mut [Real]))| {
                let here = first..first + total.len();
                add_up(total, parts().map(|part| &part[here.clone()]));
                learner.step(total);
            };
            let blocks = (0..).step_by(BLOCK).zip(blocks);
            // One block is done before anybody else has come to help.
            if few { blocks.for_each(work) } else { crew.each_in_order(blocks, work) }
        });
    }
}

/// `total` becomes the sum of the parts, where there are any.
fn add_up<'a>(total: &mut [Real], mut parts: impl Iterator<Item = &'a [Real]>) {
    if let Some(first) = parts.next() {
        total.copy_from_slice(first);
    }
    parts.for_each(|part| add(total, part));
}
