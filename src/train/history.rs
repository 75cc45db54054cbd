//! The networks of earlier epochs, for stepping back through a run. Memory is bounded.

use crate::nn::{Layer, Network, Real};
use crate::protocol::LayerStats;

/// Bytes of networks that are kept at most (but always the first and the last).
const BUDGET: usize = 64 << 20;

/// A network as it was after an epoch.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub epoch: u32,
    pub network: Network,
    pub layers: Vec<LayerStats>,
}

/// Networks by epoch: all while there is room, then thinned by halves; the first and the newest
/// always stay.
#[derive(Debug)]
pub(super) struct History {
    kept: Vec<Snapshot>,
    /// Only epochs divisible by this are kept, apart from the first and the newest.
    stride: u32,
    budget: usize,
}

impl Default for History {
    fn default() -> Self {
        Self { kept: Vec::new(), stride: 1, budget: BUDGET }
    }
}

impl History {
    /// Keeps the newest epoch; epochs must come in order.
    pub(super) fn push(&mut self, kept: Snapshot) {
        if self.kept.len() > 1 && self.kept.last().is_some_and(|k| k.epoch % self.stride != 0) {
            self.kept.pop();
        }
        let bytes = bytes(&kept.network);
        self.kept.push(kept);
        while self.kept.len() > 2 && self.kept.len() * bytes > self.budget {
            self.thin();
        }
    }

    fn thin(&mut self) {
        self.stride *= 2;
        let first = self.kept.first().map(|kept| kept.epoch);
        let newest = self.kept.last().map(|kept| kept.epoch);
        let stride = self.stride;
        self.kept.retain(|kept| {
            kept.epoch % stride == 0 || Some(kept.epoch) == first || Some(kept.epoch) == newest
        });
    }

    /// The newest kept epoch that is not after `epoch`, or the first there is.
    pub(super) fn at(&self, epoch: u32) -> Option<&Snapshot> {
        let after = self.kept.partition_point(|kept| kept.epoch <= epoch);
        self.kept.get(after.saturating_sub(1))
    }
}

fn bytes(network: &Network) -> usize {
    let arrays = network.layers.iter().flat_map(Layer::parameters);
    arrays.map(|(_, array)| array.len()).sum::<usize>() * size_of::<Real>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::layer::Dense;
    use crate::nn::{Activation, Cost, Init};
    use crate::rng::{Purpose, stream};
    use proptest::prelude::*;

    fn kept(epoch: u32) -> Snapshot {
        let mut stream = stream(1, Purpose::Initialization, 0, 0);
        let dense = Dense::random(9, 1, Activation::Sigmoid, Init::Large, &mut stream);
        let network = Network { layers: vec![Layer::Dense(dense)], cost: Cost::Quadratic };
        Snapshot { epoch, network, layers: Vec::new() }
    }

    proptest! {
        #[test]
        fn memory_is_bounded_and_both_ends_stay(first in 0_u32..20, count in 1_u32..300) {
            let size = bytes(&kept(0).network);
            let mut history = History { budget: 16 * size, ..History::default() };
            for epoch in first..first + count {
                history.push(kept(epoch));
            }
            let epochs: Vec<u32> = history.kept.iter().map(|kept| kept.epoch).collect();
            prop_assert!(epochs.len() <= 16);
            prop_assert_eq!(epochs[0], first);
            prop_assert_eq!(*epochs.last().unwrap(), first + count - 1);
            prop_assert!(epochs.windows(2).all(|pair| pair[0] < pair[1]));
            // The gaps are even: none is wider than two strides.
            prop_assert!(epochs.windows(2).all(|pair| pair[1] - pair[0] <= 2 * history.stride));
        }
    }

    #[test]
    fn the_nearest_epoch_before_answers() {
        let mut history = History::default();
        assert!(history.at(0).is_none());
        for epoch in [2, 4, 6] {
            history.push(kept(epoch));
        }
        let found = [0, 2, 5, 6, 99].map(|epoch| history.at(epoch).unwrap().epoch);
        assert_eq!(found, [2, 2, 4, 6, 6]);
    }
}
