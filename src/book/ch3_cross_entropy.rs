//! Section 3.1: the cross-entropy cost on MNIST, with the networks of chapter 1.

use super::Experiment;
use super::recipes::{AccuracyRow, cross_entropy};
use crate::jobs::{ExperimentError, JobContext, Tolerance};

pub(super) const THIRTY: Experiment = Experiment {
    id: "3-cross-entropy-30",
    chapter: 3,
    title: "The cross-entropy cost, 30 hidden neurons",
    expected: "95.49% of the test images",
    quick_suffices: true,
    run: thirty,
};

pub(super) const HUNDRED: Experiment = Experiment {
    id: "3-cross-entropy-100",
    chapter: 3,
    title: "The cross-entropy cost, 100 hidden neurons",
    expected: "96.82% of the test images",
    quick_suffices: true,
    run: hundred,
};

fn thirty(context: &mut JobContext) -> Result<(), ExperimentError> {
    AccuracyRow {
        spec: cross_entropy("784,30,10"),
        measured: "test accuracy",
        reading: |stats| stats.test_accuracy,
        book: (95.49, Tolerance::Within(0.4)),
        quick: 65.0,
        caption: "Cross-entropy, unit Gaussian weights, η 0.5, mini-batches of 10. Chapter 1's \
                  quadratic cost reached 95.42%.",
    }
    .check(context)
}

fn hundred(context: &mut JobContext) -> Result<(), ExperimentError> {
    AccuracyRow {
        spec: cross_entropy("784,100,10"),
        measured: "test accuracy",
        reading: |stats| stats.test_accuracy,
        book: (96.82, Tolerance::Within(0.4)),
        quick: 65.0,
        caption: "Cross-entropy, unit Gaussian weights, η 0.5, mini-batches of 10. Chapter 1's \
                  quadratic cost reached 96.59%.",
    }
    .check(context)
}
