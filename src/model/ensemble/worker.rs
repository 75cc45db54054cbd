//! The part of an ensemble's evaluation on one thread.

use crate::data::Images;
use crate::data::augment::{ImageTransform, SHIFTS};
use crate::model::evaluator::Evaluator;
use crate::model::metrics::{EvaluationMetrics, Scorer};
use crate::nn::{Network, Real};
use crate::protocol::NO_PREDICTION;
use crate::spec::Readout;
use ndarray::{Array2, ArrayView1, ArrayViewMut2, s};
use std::ops::Range;

/// Evaluates every network on images and scores their predictions.
#[derive(Debug)]
pub(crate) struct EnsembleWorker {
    readout: Readout,
    /// One per network.
    evaluators: Vec<Evaluator>,
    /// The shifted copies, for test-time augmentation.
    shifted: Option<ShiftedImages>,
    /// The outputs of one network, shape (samples, outputs).
    own: Array2<Real>,
    scorer: Scorer,
    /// Metrics of each network for the last images.
    pub(crate) individual: Vec<EvaluationMetrics>,
    /// Metrics of the ensemble.
    pub(crate) combined: EvaluationMetrics,
}

/// The destination of the results, one row per sample.
pub(crate) struct WorkerOutput<'a> {
    /// The mean of the networks' outputs, shape (samples, outputs).
    pub(crate) mean: ArrayViewMut2<'a, Real>,
    /// Shape (samples, networks).
    pub(crate) votes: ArrayViewMut2<'a, u32>,
    pub(crate) verdicts: &'a mut [u32],
}

impl EnsembleWorker {
    pub(crate) fn new<'n>(
        networks: impl Iterator<Item = &'n Network>,
        readout: Readout,
        shifts: Option<(usize, usize)>,
    ) -> Self {
        let mut outputs = 0;
        let evaluator = |network: &Network| {
            outputs = network.outputs();
            Evaluator::new(network, readout)
        };
        let evaluators: Vec<_> = networks.map(evaluator).collect();
        let rows = evaluators.iter().map(Evaluator::rows).min().unwrap_or(1);
        Self {
            readout,
            shifted: shifts.map(|(width, height)| ShiftedImages::new(width, height)),
            own: Array2::zeros((rows, outputs)),
            scorer: Scorer::new(readout, rows, outputs),
            individual: vec![EvaluationMetrics::default(); evaluators.len()],
            combined: EvaluationMetrics::default(),
            evaluators,
        }
    }

    /// The largest number of images at once.
    pub(crate) fn rows(&self) -> usize {
        self.own.nrows()
    }

    /// Evaluates some images.
    pub(crate) fn count<'n>(
        &mut self,
        networks: impl Iterator<Item = &'n Network> + Clone,
        images: &Images,
        chunk: Range<usize>,
        WorkerOutput { mut mean, mut votes, verdicts }: WorkerOutput,
    ) {
        let labels = &images.labels[chunk.clone()];
        if let Some(shifted) = &mut self.shifted {
            shifted.take(images, chunk.clone());
        }
        mean.fill(0.0);
        for (index, network) in networks.clone().enumerate() {
            self.own_outputs(index, network, images, chunk.clone());
            let own = self.own.slice(s![..labels.len(), ..]);
            mean += &own;
            for (vote, a) in votes.column_mut(index).iter_mut().zip(own.rows()) {
                *vote = self.readout.predict(a);
            }
            let answers = votes.column(index).into_iter().copied();
            self.individual[index] = self.scorer.score(network.cost, own, answers, labels);
        }
        mean /= self.evaluators.len() as Real;
        for ((verdict, votes), mean) in verdicts.iter_mut().zip(votes.rows()).zip(mean.rows()) {
            *verdict = majority(votes, mean, self.readout);
        }
        if let Some(network) = networks.clone().next() {
            let verdicts = verdicts.iter().copied();
            self.combined = self.scorer.score(network.cost, mean.view(), verdicts, labels);
        }
    }

    /// Writes a network's outputs for a chunk of images to `own`.
    fn own_outputs(
        &mut self,
        index: usize,
        network: &Network,
        images: &Images,
        chunk: Range<usize>,
    ) {
        let rows = chunk.len();
        let evaluator = &mut self.evaluators[index];
        let mut own = self.own.slice_mut(s![..rows, ..]);
        own.assign(&evaluator.outputs(network, images, chunk));
        if let Some(shifted) = &self.shifted {
            for images in &shifted.copies {
                own += &evaluator.outputs(network, images, 0..rows);
            }
            own /= (1 + shifted.copies.len()) as Real;
        }
    }
}

/// Images shifted by a pixel in each direction, in reused buffers.
#[derive(Debug)]
struct ShiftedImages {
    augmenter: ImageTransform,
    /// A chunk of images for each shift.
    copies: [Images; SHIFTS.len()],
}

impl ShiftedImages {
    fn new(width: usize, height: usize) -> Self {
        let copy = || Images { width, height, ..Images::default() };
        Self { augmenter: ImageTransform::new(width, height), copies: SHIFTS.map(|_| copy()) }
    }

    /// Shifts the images of a chunk.
    fn take(&mut self, images: &Images, chunk: Range<usize>) {
        let size = images.pixels_per_image();
        for (copy, (right, down)) in self.copies.iter_mut().zip(SHIFTS) {
            copy.channels = images.channels;
            copy.pixels.clear();
            copy.pixels.extend_from_slice(&images.pixels[chunk.start * size..chunk.end * size]);
            copy.labels.clear();
            copy.labels.extend_from_slice(&images.labels[chunk.clone()]);
            self.augmenter.begin();
            self.augmenter.shift(right, down);
            copy.pixels.chunks_exact_mut(size).for_each(|image| self.augmenter.apply(image));
        }
    }
}

/// The prediction with the most votes; ties are broken by the mean outputs. Networks without a
/// prediction do not vote.
fn majority(votes: ArrayView1<u32>, mean: ArrayView1<Real>, readout: Readout) -> u32 {
    let count = |answer: u32| votes.iter().filter(|&&vote| vote == answer).count();
    let strength = |answer: u32| readout.strength(mean, answer);
    let by_votes = |&a: &u32, &b: &u32| {
        count(a).cmp(&count(b)).then_with(|| strength(a).total_cmp(&strength(b)))
    };
    votes
        .iter()
        .copied()
        .filter(|vote| *vote != NO_PREDICTION)
        .max_by(by_votes)
        .unwrap_or(NO_PREDICTION)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn the_majority_wins_and_ties_are_broken_by_confidence() {
        let mean = array![0.1, 0.5, 0.4];
        let majority =
            |votes: &[u32]| majority(ArrayView1::from(votes), mean.view(), Readout::OneHot);
        assert_eq!(majority(&[2]), 2, "a single network");
        assert_eq!(majority(&[0, 1, 0]), 0, "regardless of the other's confidence");
        assert_eq!(majority(&[2, 1]), 1);
        assert_eq!(majority(&[1, 2]), 1, "regardless of the order");
        assert_eq!(majority(&[0, 2, 0, 2, 1]), 2);
        assert_eq!(
            majority(&[NO_PREDICTION, 0, NO_PREDICTION]),
            0,
            "networks without a prediction do not vote"
        );
        assert_eq!(majority(&[NO_PREDICTION]), NO_PREDICTION);
    }
}
