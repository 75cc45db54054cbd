//! Sums costs and correct predictions.

use crate::nn::{Cost, Real};
use crate::spec::Readout;
use ndarray::{Array2, ArrayView2, s};

/// Sums over the images counted so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct EvaluationMetrics {
    cost: f64,
    right: usize,
    seen: usize,
}

impl EvaluationMetrics {
    /// Adds the sums of another one.
    pub(crate) fn join(&mut self, Self { cost, right, seen }: Self) {
        self.cost += cost;
        self.right += right;
        self.seen += seen;
    }

    /// The book's C without the regularization term; `None` if there are no images.
    pub(crate) fn cost(self) -> Option<f64> {
        (self.seen > 0).then(|| self.cost / self.seen as f64)
    }

    /// The fraction of images classified correctly.
    pub(crate) fn accuracy(self) -> Option<f64> {
        (self.seen > 0).then(|| self.right as f64 / self.seen as f64)
    }

    /// Whether the cost is infinite or NaN.
    pub(crate) fn diverged(self) -> bool {
        !self.cost.is_finite()
    }

    /// Number of images.
    #[cfg(test)]
    pub(crate) fn seen(self) -> usize {
        self.seen
    }
}

/// Compares outputs and predictions with labels, in a reused buffer.
#[derive(Debug)]
pub(crate) struct Scorer {
    readout: Readout,
    /// The targets, shape (samples, outputs).
    y: Array2<Real>,
}

impl Scorer {
    /// A scorer for up to `samples` samples.
    pub(crate) fn new(readout: Readout, samples: usize, outputs: usize) -> Self {
        Self { readout, y: Array2::zeros((samples, outputs)) }
    }

    /// Scores outputs, shape (samples, outputs), and predictions, one per label.
    pub(crate) fn score(
        &mut self,
        cost: Cost,
        outputs: ArrayView2<Real>,
        answers: impl Iterator<Item = u32>,
        labels: &[u8],
    ) -> EvaluationMetrics {
        for (&label, y) in labels.iter().zip(self.y.rows_mut()) {
            self.readout.target(label, y);
        }
        let answers = answers.zip(labels);
        let is_right = |&(answer, &label): &(u32, &u8)| answer == self.readout.answer(label);
        EvaluationMetrics {
            cost: cost.sum(outputs, self.y.slice(s![..labels.len(), ..])),
            right: answers.filter(is_right).count(),
            seen: labels.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn outputs_and_predictions_are_scored_separately() {
        let mut scorer = Scorer::new(Readout::OneHot, 3, 2);
        let outputs = array![[1.0, 0.0], [0.0, 1.0]];
        let mut mark = |answers: [u32; 2]| {
            scorer.score(Cost::Quadratic, outputs.view(), answers.into_iter(), &[0, 0])
        };
        let metrics = mark([0, 1]);
        assert_eq!(
            (metrics.cost(), metrics.accuracy()),
            (Some(0.5), Some(0.5)),
            "one is off by (1, 1)"
        );
        let mut both = mark([0, 0]);
        assert_eq!(both.accuracy(), Some(1.0), "a prediction may differ from the largest output");
        both.join(metrics);
        assert_eq!((both.seen(), both.cost(), both.accuracy()), (4, Some(0.5), Some(0.75)));
        assert_eq!(EvaluationMetrics::default().accuracy(), None);
    }
}
