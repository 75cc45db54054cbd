//! Section 3.5: the training cost under three learning rates shows which one is too large.

use super::Experiment;
use super::recipes::{first_images, l2, last, regularized};
use crate::jobs::{
    ExperimentError, JobContext, PlannedRun, Tolerance, TrainingRecord, chart, curve,
};
use crate::protocol::Figure;
use crate::spec::Spec;

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "3-learning-rates",
    chapter: 3,
    title: "Learning rates 0.025, 0.25 and 2.5",
    expected: "2.5 makes the cost oscillate, 0.25 lowers it and then makes it fluctuate, 0.025 \
               lowers it smoothly to the end",
    quick_suffices: true,
    run,
};

/// Number of epochs in which the training cost increased.
fn rises(record: &TrainingRecord) -> f64 {
    let costs: Vec<f64> = record.epochs.iter().filter_map(|stats| stats.train_cost).collect();
    costs.windows(2).filter(|pair| pair[1] > pair[0]).count() as f64
}

fn run(context: &mut JobContext) -> Result<(), ExperimentError> {
    let all = context.data();
    let (train, rest, epochs) = context.budget((50_000, 10_000, 30), (5000, 200, 10));
    let data = first_images(&all, train, rest);
    let regularizer = l2(1e-4 * train as f64);
    let seed = context.seed();
    let with_rate = |eta| {
        let spec = Spec { regularizer, epochs, eta, seed, ..regularized("784,30,10") };
        PlannedRun::new(format!("η {eta}"), spec).with_data(data.clone())
    };
    let runs = [0.025, 0.25, 2.5].map(with_rate).into();
    let trained = context.train_all(runs, |records| {
        // The untrained network's cost would compress the scale of the rest.
        let costs = |record: &TrainingRecord| {
            curve(record, |stats| stats.train_cost.filter(|_| stats.epoch > 0))
        };
        Some(Figure {
            id: "cost".into(),
            title: "Training cost under three learning rates".into(),
            caption:
                "30 hidden neurons, cross-entropy, λ 5. Steps that are too large jump over the \
                 valley and back."
                    .into(),
            body: chart("epoch", "training cost", records.iter().map(costs).collect()),
        })
    })?;
    let [slow, middle, fast] = [0, 1, 2].map(|index| &trained[index].record);
    let cost = |record| last(record, |stats| stats.train_cost);

    let claim = "η 0.025: epochs in which the training cost rose (a smooth fall to the end)";
    let few = context.budget(1.0, 1.0);
    context.claim_number(claim, few, rises(slow), Tolerance::AtMost, "epochs");
    let claim = "η 2.5: epochs in which the training cost rose (oscillation from the start)";
    let many = context.budget(8.0, 3.0);
    context.claim_number(claim, many, rises(fast), Tolerance::AtLeast, "epochs");
    let claim = "training cost at the end, η 2.5 as a multiple of η 0.25";
    let multiple = cost(fast) / cost(middle);
    context.claim_number(claim, 1.2, multiple, Tolerance::AtLeast, "times");
    if !context.quick() {
        let claim = "η 0.25: epochs in which the training cost rose (it fluctuates after about 20)";
        context.claim_number(claim, 3.0, rises(middle), Tolerance::AtLeast, "epochs");
    }
    Ok(())
}
