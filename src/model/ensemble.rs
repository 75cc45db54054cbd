//! Ensembles (section 6.2): the prediction is the majority vote of the networks.

mod worker;

use super::metrics::EvaluationMetrics;
use crate::data::Images;
use crate::linalg::ThreadPool;
use crate::nn::{Network, Real};
use crate::spec::Readout;
use ndarray::{Array2, ArrayView2, Axis, s};
use std::ops::Range;
use worker::{EnsembleWorker, WorkerOutput};

/// Evaluates one or several networks on images and counts their votes, on several threads and in
/// reused buffers. The result does not depend on the number of threads.
#[derive(Debug)]
pub(crate) struct Ensemble {
    /// One per thread.
    workers: Vec<EnsembleWorker>,
    pool: ThreadPool,
    /// Metrics of each network.
    pub individual: Vec<EvaluationMetrics>,
    /// Metrics of the ensemble; the cost is that of the mean outputs.
    pub combined: EvaluationMetrics,
    /// Shape (samples, outputs).
    mean: Array2<Real>,
    /// Shape (samples, networks).
    votes: Array2<u32>,
    verdicts: Vec<u32>,
}

/// The outputs and predictions for a chunk of images.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EnsemblePredictions<'a> {
    /// The mean of the networks' outputs, shape (samples, outputs).
    pub outputs: ArrayView2<'a, Real>,
    /// Each network's prediction, shape (samples, networks).
    pub votes: ArrayView2<'a, u32>,
    /// The prediction of the ensemble, one per sample.
    pub verdicts: &'a [u32],
}

impl Ensemble {
    /// For at least one network; all must have the same inputs and outputs. With `shifts`, the
    /// width and height of images, each network averages its outputs over shifts by a pixel in each
    /// direction (test-time augmentation).
    pub(crate) fn new<'a>(
        networks: impl Iterator<Item = &'a Network> + Clone,
        readout: Readout,
        shifts: Option<(usize, usize)>,
        threads: usize,
    ) -> Self {
        let worker = |_| EnsembleWorker::new(networks.clone(), readout, shifts);
        let workers: Vec<_> = (0..threads.max(1)).map(worker).collect();
        let rows = workers.iter().map(EnsembleWorker::rows).sum();
        let outputs = networks.clone().next().map_or(0, Network::outputs);
        let count = networks.count();
        Self {
            pool: ThreadPool::new(workers.len()),
            workers,
            individual: vec![EvaluationMetrics::default(); count],
            combined: EvaluationMetrics::default(),
            mean: Array2::zeros((rows, outputs)),
            votes: Array2::zeros((rows, count)),
            verdicts: vec![0; rows],
        }
    }

    /// Images per chunk.
    pub(crate) fn rows(&self) -> usize {
        self.mean.nrows()
    }

    /// Resets the metrics.
    pub(crate) fn clear(&mut self) {
        self.individual.fill(EvaluationMetrics::default());
        self.combined = EvaluationMetrics::default();
    }

    /// Evaluates the networks passed to [`Ensemble::new`] on a chunk of at most [`Ensemble::rows`]
    /// images.
    pub(crate) fn evaluate<'n>(
        &mut self,
        networks: impl Iterator<Item = &'n Network> + Clone + Sync,
        images: &Images,
        chunk: Range<usize>,
    ) -> EnsemblePredictions<'_> {
        let (samples, part) = (s![..chunk.len(), ..], self.workers[0].rows());
        let parts = chunk.len().div_ceil(part);
        let end = chunk.end;
        let ranges = chunk.clone().step_by(part).map(|first| first..end.min(first + part));
        let (mut mean, mut votes) = (self.mean.slice_mut(samples), self.votes.slice_mut(samples));
        let sheets = mean.axis_chunks_iter_mut(Axis(0), part);
        let sheets = sheets.zip(votes.axis_chunks_iter_mut(Axis(0), part));
        let sheets = sheets.zip(self.verdicts[..chunk.len()].chunks_mut(part));
        let sheets = sheets.map(|((mean, votes), verdicts)| WorkerOutput { mean, votes, verdicts });
        let jobs = self.workers.iter_mut().zip(ranges).zip(sheets);
        let work =
            |((worker, range), sheet): ((&mut EnsembleWorker, Range<usize>), WorkerOutput)| {
                worker.count(networks.clone(), images, range, sheet);
            };
        self.pool.each(jobs, work);
        for worker in &self.workers[..parts] {
            self.individual
                .iter_mut()
                .zip(&worker.individual)
                .for_each(|(all, part)| all.join(*part));
            self.combined.join(worker.combined);
        }
        EnsemblePredictions {
            outputs: self.mean.slice(samples),
            votes: self.votes.slice(samples),
            verdicts: &self.verdicts[..chunk.len()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::testing::{dataset, spec};
    use crate::spec::{Spec, build};

    #[test]
    fn the_number_of_threads_does_not_change_the_result() {
        let data = dataset();
        let networks = [1, 2, 3].map(|seed| build(&Spec { seed, ..spec() }, &data).unwrap());
        // More images than one thread evaluates at once.
        let images = Images {
            pixels: data.test.pixels.repeat(12),
            labels: data.test.labels.repeat(12),
            ..data.test
        };
        let evaluate = |threads| {
            let shifts = Some((data.test.width, data.test.height));
            let mut ensemble = Ensemble::new(networks.iter(), Readout::OneHot, shifts, threads);
            let mut results = Vec::new();
            for first in (0..images.len()).step_by(ensemble.rows()) {
                let chunk = first..images.len().min(first + ensemble.rows());
                let predictions = ensemble.evaluate(networks.iter(), &images, chunk);
                let rows = predictions.outputs.rows().into_iter().zip(predictions.votes.rows());
                let rows = rows.zip(predictions.verdicts);
                results.extend(
                    rows.map(|((a, votes), &verdict)| (a.to_vec(), votes.to_vec(), verdict)),
                );
            }
            assert_eq!(results.len(), images.len());
            (results, ensemble.individual, ensemble.combined)
        };
        let expected = evaluate(1);
        for threads in [2, 3] {
            assert_eq!(evaluate(threads), expected, "{threads} threads");
        }
    }

    #[test]
    fn with_shifts_outputs_are_the_mean_over_five_positions() {
        let data = dataset();
        let network = build(&spec(), &data).unwrap();
        let ensemble = |shifts| Ensemble::new([&network].into_iter(), Readout::OneHot, shifts, 2);
        let image = data.test.image(3);
        let (width, height) = (data.test.width, data.test.height);
        let moved = |right: usize, down: usize| {
            // Pad by a pixel of background, and crop at an offset.
            let shade = |at: usize| {
                let (x, y) = (at % width + right, at / width + down);
                let inside = (1..=width).contains(&x) && (1..=height).contains(&y);
                if inside { image[(y - 1) * width + x - 1] } else { 0 }
            };
            let pixels = (0..width * height).map(shade).collect();
            let images = Images { width, height, pixels, labels: vec![0], ..Images::default() };
            ensemble(None).evaluate([&network].into_iter(), &images, 0..1).outputs.to_owned()
        };
        let five = [(1, 1), (1, 2), (1, 0), (2, 1), (0, 1)].map(|(x, y)| moved(x, y));
        let mean = five.iter().fold(Array2::zeros(five[0].dim()), |sum, a| sum + a) / 5.0;
        let mut ensemble = ensemble(Some((width, height)));
        let predictions = ensemble.evaluate([&network].into_iter(), &data.test, 2..5);
        let found = predictions.outputs.row(1);
        let pairs = found.iter().zip(&mean);
        let off = pairs.map(|(a, b): (&Real, &Real)| (a - b).abs()).fold(0.0 as Real, Real::max);
        assert!(off < 1e-6, "{found} {mean}");
        assert!(
            (&mean - &five[0]).iter().any(|off| off.abs() > 1e-4),
            "shifting makes a difference"
        );
        assert_eq!(predictions.verdicts[1], Readout::OneHot.predict(mean.row(0)));
    }
}
