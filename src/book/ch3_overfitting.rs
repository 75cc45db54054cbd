//! Section 3.2: training on 1,000 images for 400 epochs memorizes what does not generalize.

use super::Experiment;
use super::recipes::{cross_entropy, first_images, last, median_best, seeded};
use crate::jobs::{
    ExperimentError, JobContext, Tolerance, TrainingRecord, chart, curve, median, percent,
};
use crate::protocol::{Curve, Figure};
use crate::spec::Spec;

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "3-overfitting",
    chapter: 3,
    title: "Overfitting: 1,000 images, 400 epochs",
    expected: "test accuracy stalls near 82.27% while training accuracy reaches 100%; the test \
               cost rises from about epoch 15 on",
    quick_suffices: true,
    run,
};

/// The epoch of the lowest test cost, around 15 according to the book.
const LOWEST_COST_EPOCH: f64 = 15.0;

fn lowest_cost_epoch(record: &TrainingRecord) -> f64 {
    let costs = record.epochs.iter().filter(|stats| stats.test_cost.is_some());
    let lowest = costs.min_by(|a, b| f64::total_cmp(&cost(a.test_cost), &cost(b.test_cost)));
    lowest.map_or(f64::NAN, |stats| f64::from(stats.epoch))
}

fn cost(cost: Option<f64>) -> f64 {
    cost.unwrap_or(f64::INFINITY)
}

/// The curves of a run for the training and the test images.
fn both(
    record: &TrainingRecord,
    value: impl Fn(&crate::protocol::EpochStats) -> [Option<f64>; 2],
) -> [Curve; 2] {
    let named = |side: usize, name: &str| Curve {
        name: format!("{}, {name}", record.name),
        ..curve(record, |stats| value(stats)[side])
    };
    [named(0, "training"), named(1, "test")]
}

fn run(context: &mut JobContext) -> Result<(), ExperimentError> {
    let data = context.data();
    // The quick budget has 200 images, which are memorized in far fewer epochs.
    let (train, rest) = context.budget((1000, 10_000), (200, 1000));
    let data = first_images(&data, train, rest);
    let spec = Spec { epochs: context.budget(400, 80), ..cross_entropy("784,30,10") };
    let runs = seeded(context, &format!("{train} images"), &spec, &data);
    let trained = context.train_all(runs, |records| {
        let accuracies = |record: &TrainingRecord| {
            both(record, |stats| {
                [stats.train_accuracy, stats.test_accuracy].map(|a| a.map(|a| 100.0 * a))
            })
        };
        Some(Figure {
            id: "accuracy".into(),
            title: "Accuracy on training and test images".into(),
            caption:
                "All training images are classified correctly while test accuracy stalls: the \
                      network memorizes."
                    .into(),
            body: chart("epoch", "accuracy (%)", records.iter().flat_map(accuracies).collect()),
        })
    })?;
    let records: Vec<&TrainingRecord> = trained.iter().map(|run| &run.record).collect();

    // The same for costs: the training cost falls to zero, the test cost rises again.
    let costs =
        |record: &&TrainingRecord| both(record, |stats| [stats.train_cost, stats.test_cost]);
    context.figure(
        "cost",
        "Cost on training and test images",
        "The training cost falls to the end. The test cost reaches its minimum early; from there \
         on the network overfits.",
        chart("epoch", "cost", records.iter().flat_map(costs).collect()),
    );

    let end = median(records.iter().map(|record| percent(Some(last(record, |s| s.test_accuracy)))));
    if context.quick() {
        let gap = 100.0 - end;
        let claim = "final gap between training and test accuracy";
        context.claim_number(claim, 10.0, gap, Tolerance::AtLeast, "points");
    } else {
        context.claim_number(
            "test accuracy after 400 epochs, where it stalls, median of three seeds",
            82.27,
            end,
            Tolerance::Within(1.5),
            "points",
        );
    }
    context.claim_number(
        "best training accuracy",
        100.0,
        median_best(records.iter().copied(), |stats| stats.train_accuracy),
        Tolerance::Within(0.0),
        "points",
    );
    let epoch = median(records.iter().map(|record| lowest_cost_epoch(record)));
    let tolerance = context.budget(Tolerance::Within(10.0), Tolerance::Within(15.0));
    let claim = "epoch of the lowest test cost";
    context.claim_number(claim, LOWEST_COST_EPOCH, epoch, tolerance, "epochs");
    let rise = median(records.iter().map(|record| {
        let costs = record.epochs.iter().map(|stats| cost(stats.test_cost));
        last(record, |stats| stats.test_cost) / costs.fold(f64::INFINITY, f64::min)
    }));
    let claim = "test cost at the end, as a multiple of its lowest";
    context.claim_number(claim, 1.05, rise, Tolerance::AtLeast, "");
    Ok(())
}
