//! Section 3.2: 1,000 images and 400 epochs are a way to learn by heart what does not generalize.

use super::Experiment;
use super::recipes::{cross_entropy, first_images, last, median_best, seeded};
use crate::jobs::{Context, ExperimentError, Record, Tolerance, chart, curve, median, percent};
use crate::protocol::{Curve, Figure};
use crate::spec::Spec;

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "3-overfitting",
    chapter: 3,
    title: "Overfitting: 1,000 images, 400 epochs",
    expected: "test accuracy stalls near 82.27% while training reaches 100%; the test cost turns \
               up near epoch 15",
    quick_suffices: true,
    run,
};

/// Epochs from the lowest test cost on that the book calls around 15.
const TURN: f64 = 15.0;

fn turn(record: &Record) -> f64 {
    let costs = record.epochs.iter().filter(|stats| stats.test_cost.is_some());
    let lowest = costs.min_by(|a, b| f64::total_cmp(&cost(a.test_cost), &cost(b.test_cost)));
    lowest.map_or(f64::NAN, |stats| f64::from(stats.epoch))
}

fn cost(cost: Option<f64>) -> f64 {
    cost.unwrap_or(f64::INFINITY)
}

/// The training and the test side of a run.
fn both(
    record: &Record,
    value: impl Fn(&crate::protocol::EpochStats) -> [Option<f64>; 2],
) -> [Curve; 2] {
    let named = |side: usize, name: &str| Curve {
        name: format!("{}, {name}", record.name),
        ..curve(record, |stats| value(stats)[side])
    };
    [named(0, "training"), named(1, "test")]
}

fn run(context: &mut Context) -> Result<(), ExperimentError> {
    let data = context.data();
    // The quick budget has 200 images, which are learnt by heart in far fewer epochs.
    let (train, rest) = context.budget((1000, 10_000), (200, 1000));
    let data = first_images(&data, train, rest);
    let spec = Spec { epochs: context.budget(400, 80), ..cross_entropy("784,30,10") };
    let runs = seeded(context, &format!("{train} images"), &spec, &data);
    let trained = context.train_all(runs, |records| {
        let accuracies = |record: &Record| {
            both(record, |stats| {
                [stats.train_accuracy, stats.test_accuracy].map(|a| a.map(|a| 100.0 * a))
            })
        };
        Some(Figure {
            id: "accuracy".into(),
            title: "Accuracy on what was learnt, and on what was not".into(),
            caption: "All training images are right while the test images stall: the network \
                      learns by heart."
                .into(),
            body: chart("epoch", "accuracy (%)", records.iter().flat_map(accuracies).collect()),
        })
    })?;
    let records: Vec<&Record> = trained.iter().map(|run| &run.record).collect();

    // The same in costs: the training cost falls to nothing, the test cost turns up.
    let costs = |record: &&Record| both(record, |stats| [stats.train_cost, stats.test_cost]);
    context.figure(
        "cost",
        "Cost on the training and on the test images",
        "The training cost falls to the end. The test cost has its lowest point early, and from \
         there on the network overfits.",
        chart("epoch", "cost", records.iter().flat_map(costs).collect()),
    );

    let end = median(records.iter().map(|record| percent(Some(last(record, |s| s.test_accuracy)))));
    if context.quick() {
        let gap = 100.0 - end;
        let claim = "test accuracy below training accuracy at the end";
        context.claim_number(claim, 10.0, gap, Tolerance::AtLeast, "points");
    } else {
        context.claim_number(
            "test accuracy where it stalls, after 400 epochs, median of three seeds",
            82.27,
            end,
            Tolerance::Within(1.5),
            "points",
        );
    }
    context.claim_number(
        "training accuracy at its best",
        100.0,
        median_best(records.iter().copied(), |stats| stats.train_accuracy),
        Tolerance::Within(0.0),
        "points",
    );
    let turns = median(records.iter().map(|record| turn(record)));
    let tolerance = context.budget(Tolerance::Within(10.0), Tolerance::Within(15.0));
    let claim = "the epoch from which on the test cost rises";
    context.claim_number(claim, TURN, turns, tolerance, "epochs");
    let rise = median(records.iter().map(|record| {
        let costs = record.epochs.iter().map(|stats| cost(stats.test_cost));
        last(record, |stats| stats.test_cost) / costs.fold(f64::INFINITY, f64::min)
    }));
    let claim = "test cost at the end, as a multiple of its lowest";
    context.claim_number(claim, 1.05, rise, Tolerance::AtLeast, "");
    Ok(())
}
