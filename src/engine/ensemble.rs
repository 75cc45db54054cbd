//! Networks that vote (section 6.2): an image is what most of them say it is.

use super::Readout;
use super::metrics::{Evaluator, Tally};
use crate::data::Images;
use crate::nn::{Network, Real};
use ndarray::{Array2, ArrayView1, ArrayView2, s};
use std::ops::Range;

/// Feeds images to one network or several and counts their votes, in buffers that are reused.
#[derive(Debug)]
pub(super) struct Panel {
    readout: Readout,
    /// One a network.
    evaluators: Vec<Evaluator>,
    /// How each network does alone.
    pub alone: Vec<Tally>,
    /// How they do together; the cost is that of the mean outputs.
    pub together: Tally,
    /// Shape (samples, outputs).
    mean: Array2<Real>,
    y: Array2<Real>,
    /// Shape (samples, networks).
    votes: Array2<u32>,
    verdicts: Vec<u32>,
}

/// What was said of a chunk of images.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ballot<'a> {
    /// The mean of the networks' outputs, shape (samples, outputs).
    pub outputs: ArrayView2<'a, Real>,
    /// Each network's answer, shape (samples, networks).
    pub votes: ArrayView2<'a, u32>,
    /// The answer that won, one a sample.
    pub verdicts: &'a [u32],
}

impl Panel {
    /// For networks of the same inputs and outputs, at least one.
    pub(super) fn new<'a>(
        networks: impl Iterator<Item = &'a Network>,
        readout: Readout,
        outputs: usize,
    ) -> Self {
        let evaluators: Vec<_> = networks.map(|network| Evaluator::new(network, readout)).collect();
        let rows = evaluators.iter().map(Evaluator::rows).min().unwrap_or(1);
        Self {
            readout,
            alone: vec![Tally::default(); evaluators.len()],
            together: Tally::default(),
            mean: Array2::zeros((rows, outputs)),
            y: Array2::zeros((rows, outputs)),
            votes: Array2::zeros((rows, evaluators.len())),
            verdicts: vec![0; rows],
            evaluators,
        }
    }

    /// Images a chunk holds.
    pub(super) fn rows(&self) -> usize {
        self.mean.nrows()
    }

    /// Starts counting anew.
    pub(super) fn clear(&mut self) {
        self.alone.fill(Tally::default());
        self.together = Tally::default();
    }

    /// Has the networks, those that the panel was made for, look at a chunk of images, at most
    /// [`Panel::rows`].
    pub(super) fn poll<'n>(
        &mut self,
        networks: impl Iterator<Item = &'n Network> + Clone,
        images: &Images,
        chunk: Range<usize>,
    ) -> Ballot<'_> {
        let rows = chunk.len();
        let share = 1.0 / self.evaluators.len() as Real;
        let mut mean = self.mean.slice_mut(s![..rows, ..]);
        mean.fill(0.0);
        let members = networks.clone().zip(&mut self.evaluators).zip(&mut self.alone);
        for (index, ((network, evaluator), tally)) in members.enumerate() {
            let outputs = evaluator.measure(network, images, chunk.clone(), tally);
            mean.scaled_add(share, &outputs);
            for (row, a) in outputs.rows().into_iter().enumerate() {
                self.votes[[row, index]] = self.readout.predict(a);
            }
        }
        let mut right = 0;
        for (row, image) in chunk.enumerate() {
            let label = images.labels[image];
            let verdict = elect(self.votes.row(row), mean.row(row), self.readout);
            right += usize::from(verdict == self.readout.answer(label));
            self.verdicts[row] = verdict;
            self.readout.target(label, self.y.row_mut(row));
        }
        let mean = self.mean.slice(s![..rows, ..]);
        if let Some(network) = networks.clone().next() {
            let cost = network.cost.sum(mean, self.y.slice(s![..rows, ..]));
            self.together.add(cost, right, rows);
        }
        Ballot {
            outputs: mean,
            votes: self.votes.slice(s![..rows, ..]),
            verdicts: &self.verdicts[..rows],
        }
    }
}

/// The answer with the most votes; among several, the one that the mean outputs speak for most.
fn elect(votes: ArrayView1<u32>, mean: ArrayView1<Real>, readout: Readout) -> u32 {
    let count = |answer: u32| votes.iter().filter(|&&vote| vote == answer).count();
    let strength = |answer: u32| readout.strength(mean, answer);
    let by_votes = |&a: &u32, &b: &u32| {
        count(a).cmp(&count(b)).then_with(|| strength(a).total_cmp(&strength(b)))
    };
    votes.iter().copied().max_by(by_votes).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn the_majority_wins_and_a_tie_goes_to_the_surer_side() {
        let mean = array![0.1, 0.5, 0.4];
        let elect = |votes: &[u32]| elect(ArrayView1::from(votes), mean.view(), Readout::OneHot);
        assert_eq!(elect(&[2]), 2, "one network decides alone");
        assert_eq!(elect(&[0, 1, 0]), 0, "however sure the other one is");
        assert_eq!(elect(&[2, 1]), 1);
        assert_eq!(elect(&[1, 2]), 1, "whoever comes first");
        assert_eq!(elect(&[0, 2, 0, 2, 1]), 2);
    }
}
