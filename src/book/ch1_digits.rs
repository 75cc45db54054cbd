//! Section 1.6: the book's first networks read digits.

use super::Experiment;
use super::recipes::AccuracyRow;
use crate::jobs::{Context, ExperimentError, Tolerance};
use crate::spec::Spec;

pub(super) const THIRTY: Experiment = Experiment {
    id: "1-digits-30",
    chapter: 1,
    title: "Reading digits, 30 hidden neurons",
    expected: "95.42% of the test images",
    quick_suffices: true,
    run: |context| check(context, "784,30,10", 95.42),
};

pub(super) const HUNDRED: Experiment = Experiment {
    id: "1-digits-100",
    chapter: 1,
    title: "Reading digits, 100 hidden neurons",
    expected: "96.59% of the test images, with some runs quite a bit worse",
    // Its first seed starts with saturated outputs, which no small budget mends.
    quick_suffices: false,
    run: |context| check(context, "784,100,10", 96.59),
};

/// The quadratic cost, unit Gaussian weights, η 3, batches of 10, 30 epochs.
fn check(context: &mut Context, layers: &str, book: f64) -> Result<(), ExperimentError> {
    AccuracyRow {
        spec: Spec { layers: layers.into(), ..Spec::default() },
        measured: "test accuracy",
        reading: |stats| stats.test_accuracy,
        book: (book, Tolerance::Within(0.4)),
        quick: 50.0,
        caption: "The quadratic cost, unit Gaussian weights, η 3. The book's footnote warns that \
                  some runs are quite a bit worse: an output that starts out saturated at 0 never \
                  learns, and costs its digit's ten points. 3-cross-entropy-30 and 3-weight-init \
                  mend it.",
    }
    .check(context)
}
