//! Evaluates costs and accuracies in chunks, so that commands can be handled between them.

use super::metrics::{EvaluationMetrics, Scorer};
use crate::data::{Dataset, Images};
use crate::linalg::BatchBuffer;
use crate::nn::{Executor, ForwardCache, Layer, Mode, Network, Penalty, Real, Regularizer};
use crate::protocol::EpochStats;
use crate::rng;
use crate::rng::Purpose;
use crate::spec::Readout;
use ndarray::{Array2, ArrayView2, s};
use std::ops::Range;

/// Multiplications per chunk: a few milliseconds.
const CHUNK_WORK: usize = 50_000_000;
/// The largest number of images per chunk, so that their activations stay in the CPU cache.
const CHUNK_ROWS: usize = 256;
/// The largest number of training images that are evaluated, to save time.
const TRAIN_SAMPLE: usize = 10_000;

/// Runs inference on images, chunk by chunk, in reused buffers.
#[derive(Debug)]
pub(crate) struct Evaluator {
    /// Images per chunk.
    rows: usize,
    inputs: BatchBuffer,
    cache: ForwardCache,
    readout: Readout,
    scorer: Scorer,
    /// Labels of the current chunk.
    labels: Vec<u8>,
}

impl Evaluator {
    pub(crate) fn new(network: &Network, readout: Readout) -> Self {
        let weights: usize = network.layers.iter().map(Layer::multiplications).sum();
        let rows = (CHUNK_WORK / weights.max(1)).clamp(1, CHUNK_ROWS);
        Self {
            rows,
            scorer: Scorer::new(readout, rows, network.outputs()),
            cache: ForwardCache::new(network, rows),
            inputs: BatchBuffer::default(),
            readout,
            labels: Vec::with_capacity(rows),
        }
    }

    /// Images per chunk.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Evaluates the images of `indices`, at most [`Evaluator::rows`]; returns their outputs, shape
    /// (samples, outputs), and metrics.
    pub(crate) fn evaluate(
        &mut self,
        network: &Network,
        images: &Images,
        indices: impl Iterator<Item = usize>,
        metrics: &mut EvaluationMetrics,
    ) -> ArrayView2<'_, Real> {
        self.forward(network, images, indices);
        let outputs = self.cache.outputs();
        let answers = outputs.rows().into_iter().map(|a| self.readout.predict(a));
        metrics.join(self.scorer.score(network.cost, outputs, answers, &self.labels));
        outputs
    }

    /// The outputs for the images of `indices`, at most [`Evaluator::rows`]: shape (samples,
    /// outputs).
    pub(crate) fn outputs(
        &mut self,
        network: &Network,
        images: &Images,
        indices: impl Iterator<Item = usize>,
    ) -> ArrayView2<'_, Real> {
        self.forward(network, images, indices);
        self.cache.outputs()
    }

    fn forward(
        &mut self,
        network: &Network,
        images: &Images,
        indices: impl Iterator<Item = usize>,
    ) {
        self.labels.clear();
        let kind = network.input_kind(self.rows, Mode::Inference);
        self.inputs.clear(kind, self.rows, network.inputs());
        for index in indices {
            self.inputs.push(images.image(index));
            self.labels.push(images.labels[index]);
        }
        let x = self.inputs.batch();
        network.forward(x, &mut self.cache, Mode::Inference, &mut Executor::Serial);
    }
}

/// The training images that are evaluated: all, or a random sample that depends only on the seed.
pub(crate) fn training_sample(seed: u64, train_size: usize) -> Vec<u32> {
    if train_size <= TRAIN_SAMPLE {
        return (0..train_size as u32).collect();
    }
    let mut stream = rng::stream(seed, Purpose::Sample, 0, 0);
    let mut sample: Vec<u32> = rand::seq::index::sample(&mut stream, train_size, TRAIN_SAMPLE)
        .into_iter()
        .map(|index| index as u32)
        .collect();
    sample.sort_unstable();
    sample
}

/// λ/2n Σw² or λ/n Σ|w| (equations 87 and 95); n is the number of training images.
pub(crate) fn regularization_term(
    network: &Network,
    regularizer: Regularizer,
    train_size: usize,
) -> f64 {
    let term: fn(f64) -> f64 = match regularizer.penalty {
        Penalty::None => return 0.0,
        Penalty::L1 => f64::abs,
        Penalty::L2 => |w| 0.5 * w * w,
    };
    #[allow(clippy::useless_conversion, reason = "Real is f64 with the feature f64")]
    let sum = |layer: &Layer| -> f64 {
        let add = |sum: f64, &w: &Real| sum + term(f64::from(w));
        layer.weights().fold(0.0, |sum, weights| weights.fold(sum, add))
    };
    regularizer.lambda / train_size as f64 * network.layers.iter().map(sum).sum::<f64>()
}

/// The progress of an evaluation of the training, validation and test images.
#[derive(Debug)]
pub(crate) struct EvaluationProgress {
    tallies: [EvaluationMetrics; 3],
    /// Number of images of each set whose evaluation was started.
    started: [usize; 3],
    /// Outputs on the test set, shape (test images, outputs).
    pub(crate) outputs: Array2<Real>,
}

/// Indices of the sets.
const TRAIN: usize = 0;
const VALIDATION: usize = 1;
const TEST: usize = 2;

/// A chunk of one of the sets, and its evaluator.
struct EvaluationJob<'a> {
    evaluator: &'a mut Evaluator,
    set: usize,
    chunk: Range<usize>,
    metrics: EvaluationMetrics,
}

impl EvaluationJob<'_> {
    /// `sample` contains the training images to evaluate.
    fn evaluate(&mut self, network: &Network, data: &Dataset, sample: &[u32]) {
        let Self { evaluator, set, chunk, metrics } = self;
        let chunk = chunk.clone();
        match *set {
            TRAIN => {
                let indices = sample[chunk].iter().map(|&index| index as usize);
                evaluator.evaluate(network, &data.train, indices, metrics)
            }
            VALIDATION => evaluator.evaluate(network, &data.validation, chunk, metrics),
            _ => evaluator.evaluate(network, &data.test, chunk, metrics),
        };
    }
}

impl EvaluationProgress {
    pub(crate) fn new(network: &Network, data: &Dataset) -> Self {
        Self {
            tallies: [EvaluationMetrics::default(); 3],
            started: [0; 3],
            outputs: Array2::zeros((data.test.len(), network.outputs())),
        }
    }

    /// Evaluates one more chunk with every evaluator, on any free thread; returns false if nothing
    /// was left. `sample` contains the training images to evaluate. The result does not depend on
    /// the number of evaluators.
    pub(crate) fn advance(
        &mut self,
        evaluators: &mut [Evaluator],
        executor: &mut Executor,
        network: &Network,
        data: &Dataset,
        sample: &[u32],
    ) -> bool {
        let lengths = [sample.len(), data.validation.len(), data.test.len()];
        let jobs = evaluators.iter_mut().map_while(|evaluator| {
            let (set, chunk) = self.pick(lengths, evaluator.rows())?;
            Some(EvaluationJob { evaluator, set, chunk, metrics: EvaluationMetrics::default() })
        });
        let mut jobs: Vec<_> = jobs.collect();
        executor.each(jobs.iter_mut(), |job| job.evaluate(network, data, sample));
        for EvaluationJob { evaluator, set, chunk, metrics } in &jobs {
            self.tallies[*set].join(*metrics);
            if *set == TEST {
                self.outputs.slice_mut(s![chunk.clone(), ..]).assign(&evaluator.cache.outputs());
            }
        }
        !jobs.is_empty()
    }

    /// The next chunk of at most `rows` images, and its set.
    fn pick(&mut self, lengths: [usize; 3], rows: usize) -> Option<(usize, Range<usize>)> {
        let set = (0..3).find(|&set| self.started[set] < lengths[set])?;
        let first = self.started[set];
        self.started[set] = lengths[set].min(first + rows);
        Some((set, first..self.started[set]))
    }

    /// The costs and accuracies; `term`, the regularization term, is added to every cost. A cost
    /// that is not finite is `None`.
    pub(crate) fn stats(&self, term: f64) -> EpochStats {
        let [train, validation, test] = self.tallies;
        let cost = |metrics: EvaluationMetrics| {
            metrics.cost().map(|cost| cost + term).filter(|cost| cost.is_finite())
        };
        EpochStats {
            train_cost: cost(train),
            validation_cost: cost(validation),
            test_cost: cost(test),
            train_accuracy: train.accuracy(),
            validation_accuracy: validation.accuracy(),
            test_accuracy: test.accuracy(),
            ..EpochStats::default()
        }
    }

    /// Whether a cost is infinite or NaN.
    pub(crate) fn diverged(&self) -> bool {
        self.tallies.iter().any(|metrics| metrics.diverged())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::ThreadPool;
    use crate::spec::testing::{dataset, spec};
    use crate::spec::{Spec, build};

    #[test]
    fn the_number_of_threads_does_not_change_the_result() {
        // So many weights that a chunk has few images.
        let (data, spec) = (dataset(), Spec { layers: "16,2000,2000,3".into(), ..spec() });
        let network = build(&spec, &data).unwrap();
        let sample = training_sample(spec.seed, 50);
        let measured = |threads: usize| {
            let mut pool = ThreadPool::new(threads);
            let mut executor = Executor::Pool(&mut pool);
            let evaluator = || Evaluator::new(&network, spec.readout);
            let mut evaluators: Vec<_> = (0..threads).map(|_| evaluator()).collect();
            let mut measurement = EvaluationProgress::new(&network, &data);
            let mut rounds = 0;
            while measurement.advance(&mut evaluators, &mut executor, &network, &data, &sample) {
                rounds += 1;
            }
            let seen = measurement.tallies.map(EvaluationMetrics::seen);
            assert_eq!(seen, [50, data.validation.len(), data.test.len()]);
            (measurement.stats(0.0), measurement.outputs, rounds)
        };
        let alone = measured(1);
        for threads in [2, 3] {
            let found = measured(threads);
            assert_eq!((&found.0, &found.1), (&alone.0, &alone.1));
            assert!(found.2 < alone.2, "{} rounds instead of {}", found.2, alone.2);
        }
    }
}
