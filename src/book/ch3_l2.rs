//! Section 3.2: L2 regularization keeps weights small and improves generalization.

use super::Experiment;
use super::recipes::{AccuracyRow, cross_entropy, first_images, l2, last, median_best, seeded};
use crate::jobs::{ExperimentError, JobContext, Tolerance, TrainingRecord, chart, curve, median};
use crate::protocol::Figure;
use crate::spec::Spec;

pub(super) const SMALL: Experiment = Experiment {
    id: "3-l2-small",
    chapter: 3,
    title: "Regularization against overfitting, 1,000 images",
    expected: "87.1% with λ 0.1, and the test cost keeps falling",
    quick_suffices: true,
    run: small,
};

pub(super) const THIRTY: Experiment = Experiment {
    id: "3-l2",
    chapter: 3,
    title: "Regularization on all images, 30 hidden neurons",
    expected: "96.49% of the test images with λ 5",
    quick_suffices: true,
    run: thirty,
};

pub(super) const HUNDRED: Experiment = Experiment {
    id: "3-l2-100",
    chapter: 3,
    title: "Regularization on all images, 100 hidden neurons",
    expected: "97.92% of the validation images with λ 5",
    quick_suffices: true,
    run: hundred,
};

pub(super) const BEST: Experiment = Experiment {
    id: "3-best-100",
    chapter: 3,
    title: "The best network of section 3.2: slower and longer",
    expected: "98.04% of the validation images: 100 hidden neurons, 60 epochs, η 0.1, λ 5",
    quick_suffices: true,
    run: best_hundred,
};

/// `3-overfitting` with λ 0.1: the same 1,000 images and 400 epochs.
fn small(context: &mut JobContext) -> Result<(), ExperimentError> {
    let data = context.data();
    let data = first_images(&data, 1000, context.budget(10_000, 1000));
    let (epochs, free) = (context.budget(400, 40), cross_entropy("784,30,10"));
    let free = Spec { epochs, ..free };
    let held = Spec { regularizer: l2(0.1), ..free.clone() };
    let mut runs = seeded(context, "λ 0", &free, &data);
    let seeds = runs.len();
    runs.extend(seeded(context, "λ 0.1", &held, &data));
    let trained = context.train_all(runs, |records| {
        let costs = |record: &TrainingRecord| curve(record, |stats| stats.test_cost);
        Some(Figure {
            id: "cost".into(),
            title: "Cost on the test images, with λ 0 and λ 0.1".into(),
            caption: "1,000 training images. Without regularization the cost rises early; with it \
                      (including the term λ/2n Σw²) it falls to the end."
                .into(),
            body: chart("epoch", "test cost", records.iter().map(costs).collect()),
        })
    })?;
    let records: Vec<&TrainingRecord> = trained.iter().map(|run| &run.record).collect();
    let (free, held) = records.split_at(seeds);
    let accuracy = |records: &[&TrainingRecord]| {
        median_best(records.iter().copied(), |stats| stats.test_accuracy)
    };
    if !context.quick() {
        context.claim_number(
            "best test accuracy of 400 epochs with λ 0.1, median of three seeds",
            87.1,
            accuracy(held),
            Tolerance::Within(1.0),
            "points",
        );
    }
    context.claim_number(
        "gain in test accuracy from λ 0.1",
        0.0,
        accuracy(held) - accuracy(free),
        Tolerance::AtLeast,
        "points",
    );
    // How far the test cost ends above its minimum: a sign of overfitting.
    let rise = |records: &[&TrainingRecord]| {
        median(records.iter().map(|record| {
            let costs = record.epochs.iter().filter_map(|stats| stats.test_cost);
            let lowest = costs.fold(f64::INFINITY, f64::min);
            last(record, |stats| stats.test_cost) / lowest - 1.0
        }))
    };
    context.claim_number(
        "rise of the test cost from its minimum to the end with λ 0.1",
        5.0,
        100.0 * rise(held),
        Tolerance::AtMost,
        "percent",
    );
    Ok(())
}

fn thirty(context: &mut JobContext) -> Result<(), ExperimentError> {
    AccuracyRow {
        spec: Spec { regularizer: l2(5.0), ..cross_entropy("784,30,10") },
        measured: "test accuracy",
        reading: |stats| stats.test_accuracy,
        book: (96.49, Tolerance::Within(0.4)),
        quick: 60.0,
        caption: "Cross-entropy, unit Gaussian weights, η 0.5, λ 5: λ/n is the same as for 1,000 \
                  images and λ 0.1. Without regularization: 95.49%.",
    }
    .check(context)
}

fn hundred(context: &mut JobContext) -> Result<(), ExperimentError> {
    AccuracyRow {
        spec: Spec { regularizer: l2(5.0), ..cross_entropy("784,100,10") },
        measured: "validation accuracy",
        reading: |stats| stats.validation_accuracy,
        book: (97.92, Tolerance::Within(0.4)),
        quick: 60.0,
        caption: "Cross-entropy, unit Gaussian weights, η 0.5, λ 5, on the validation images.",
    }
    .check(context)
}

fn best_hundred(context: &mut JobContext) -> Result<(), ExperimentError> {
    AccuracyRow {
        spec: Spec { regularizer: l2(5.0), eta: 0.1, epochs: 60, ..cross_entropy("784,100,10") },
        measured: "validation accuracy",
        reading: |stats| stats.validation_accuracy,
        book: (98.04, Tolerance::Within(0.4)),
        quick: 50.0,
        caption: "Cross-entropy, unit Gaussian weights, η 0.1, λ 5, 60 epochs.",
    }
    .check(context)
}
