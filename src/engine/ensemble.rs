//! Networks that vote (section 6.2): an image is what most of them say it is.

use super::Readout;
use super::metrics::{Evaluator, Tally};
use crate::data::Images;
use crate::data::augment::{Augmenter, SHIFTS};
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
    /// Where networks are shown each image moved, too.
    moved: Option<Moved>,
    /// A network's outputs, shape (samples, outputs).
    own: Array2<Real>,
    /// Of all networks', shape (samples, outputs).
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
            moved: None,
            own: Array2::zeros((rows, outputs)),
            mean: Array2::zeros((rows, outputs)),
            y: Array2::zeros((rows, outputs)),
            votes: Array2::zeros((rows, evaluators.len())),
            verdicts: vec![0; rows],
            evaluators,
        }
    }

    /// The same, but networks are shown images of this width and height moved by a pixel each way,
    /// too, and answer with the mean of their outputs (test-time augmentation).
    pub(super) fn with_shifts(self, (width, height): (usize, usize)) -> Self {
        Self { moved: Some(Moved::new(width, height)), ..self }
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
        let mut mean = self.mean.slice_mut(s![..rows, ..]);
        mean.fill(0.0);
        let labels = &images.labels[chunk.clone()];
        for (&label, y) in labels.iter().zip(self.y.rows_mut()) {
            self.readout.target(label, y);
        }
        if let Some(moved) = &mut self.moved {
            moved.take(images, chunk.clone());
        }
        let members = networks.clone().zip(&mut self.evaluators).zip(&mut self.alone);
        for (index, ((network, evaluator), tally)) in members.enumerate() {
            let mut own = self.own.slice_mut(s![..rows, ..]);
            own.assign(&evaluator.ask(network, images, chunk.clone()));
            if let Some(moved) = &self.moved {
                for images in &moved.copies {
                    own += &evaluator.ask(network, images, 0..rows);
                }
                own /= (1 + moved.copies.len()) as Real;
            }
            mean += &own;
            let mut right = 0;
            for (row, (a, &label)) in own.rows().into_iter().zip(labels).enumerate() {
                let vote = self.readout.predict(a);
                right += usize::from(vote == self.readout.answer(label));
                self.votes[[row, index]] = vote;
            }
            let y = self.y.slice(s![..rows, ..]);
            tally.add(network.cost.sum(own.view(), y), right, rows);
        }
        mean /= self.evaluators.len() as Real;
        let mut right = 0;
        for (row, &label) in labels.iter().enumerate() {
            let verdict = elect(self.votes.row(row), mean.row(row), self.readout);
            right += usize::from(verdict == self.readout.answer(label));
            self.verdicts[row] = verdict;
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

/// Images moved by a pixel each way, in buffers that are reused.
#[derive(Debug)]
struct Moved {
    augmenter: Augmenter,
    /// A chunk of images for each of the moves.
    copies: [Images; SHIFTS.len()],
}

impl Moved {
    fn new(width: usize, height: usize) -> Self {
        let copy = || Images { width, height, pixels: Vec::new(), labels: Vec::new() };
        Self { augmenter: Augmenter::new(width, height), copies: SHIFTS.map(|_| copy()) }
    }

    /// Moves the images of a chunk.
    fn take(&mut self, images: &Images, chunk: Range<usize>) {
        let size = images.pixels_per_image();
        for (copy, (right, down)) in self.copies.iter_mut().zip(SHIFTS) {
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
    use crate::engine::build;
    use crate::engine::testing::{dataset, spec};
    use ndarray::array;

    #[test]
    fn with_shifts_a_network_says_the_mean_of_five_looks() {
        let data = dataset();
        let network = build(&spec(), &data).unwrap();
        let panel = || Panel::new([&network].into_iter(), Readout::OneHot, network.outputs());
        let image = data.test.image(3);
        let (width, height) = (data.test.width, data.test.height);
        let moved = |right: usize, down: usize| {
            // Padded by a pixel of background, and cut out again somewhere else.
            let shade = |at: usize| {
                let (x, y) = (at % width + right, at / width + down);
                let inside = (1..=width).contains(&x) && (1..=height).contains(&y);
                if inside { image[(y - 1) * width + x - 1] } else { 0 }
            };
            let pixels = (0..width * height).map(shade).collect();
            let images = Images { width, height, pixels, labels: vec![0] };
            panel().poll([&network].into_iter(), &images, 0..1).outputs.to_owned()
        };
        let five = [(1, 1), (1, 2), (1, 0), (2, 1), (0, 1)].map(|(x, y)| moved(x, y));
        let mean = five.iter().fold(Array2::zeros(five[0].dim()), |sum, a| sum + a) / 5.0;
        let mut panel = panel().with_shifts((width, height));
        let ballot = panel.poll([&network].into_iter(), &data.test, 2..5);
        let found = ballot.outputs.row(1);
        let pairs = found.iter().zip(&mean);
        let off = pairs.map(|(a, b): (&Real, &Real)| (a - b).abs()).fold(0.0 as Real, Real::max);
        assert!(off < 1e-6, "{found} {mean}");
        assert!((&mean - &five[0]).iter().any(|off| off.abs() > 1e-4), "moving makes a difference");
        assert_eq!(ballot.verdicts[1], Readout::OneHot.predict(mean.row(0)));
    }

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
