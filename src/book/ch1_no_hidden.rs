//! Section 1.6, the last exercise: a network without hidden neurons.

use super::Experiment;
use super::recipes::{images, median_best, seeded};
use crate::jobs::{ExperimentError, JobContext, Tolerance, accuracy_chart};
use crate::protocol::Figure;
use crate::spec::Spec;

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "1-no-hidden",
    chapter: 1,
    title: "No hidden layer: 784 inputs, 10 outputs",
    expected: "no result in the book, which leaves it to the reader: far above the average \
               darkness (22.25%), below 30 hidden neurons (95.42%)",
    quick_suffices: true,
    run,
};

fn run(context: &mut JobContext) -> Result<(), ExperimentError> {
    let data = images(context);
    let epochs = context.budget(30, 5);
    let spec = Spec { layers: "784,10".into(), epochs, ..Spec::default() };
    let runs = seeded(context, "784,10", &spec, &data);
    let trained = context.train_all(runs, |records| {
        Some(Figure {
            id: "accuracy".into(),
            title: "[784, 10]: test accuracy".into(),
            caption: "Each output weights the pixels directly. The quadratic cost, unit Gaussian \
                      weights, η 3: an output that starts saturated may never learn."
                .into(),
            body: accuracy_chart("test accuracy (%)", records, |stats| stats.test_accuracy),
        })
    })?;
    let records = trained.iter().map(|run| &run.record);
    let accuracy = median_best(records, |stats| stats.test_accuracy);
    let budget = context.budget("30 epochs, median of three seeds", "5 epochs on 1,000 images");
    let claim = format!("best test accuracy of {budget}: above the average darkness");
    context.claim_number(&claim, 22.25, accuracy, Tolerance::AtLeast, "points");
    let claim = format!("best test accuracy of {budget}: below 30 hidden neurons");
    context.claim_number(&claim, 95.42, accuracy, Tolerance::AtMost, "points");
    Ok(())
}
