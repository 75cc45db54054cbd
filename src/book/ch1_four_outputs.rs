//! Section 1.4: why ten outputs, if four bits would suffice?

use super::Experiment;
use super::recipes::{images, median_best, seeded};
use crate::jobs::{ExperimentError, JobContext, Tolerance, TrainedRun, accuracy_chart};
use crate::protocol::Figure;
use crate::spec::{Readout, Spec};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "1-four-outputs",
    chapter: 1,
    title: "Ten outputs, or four for the digit in binary",
    expected: "ten outputs learn better: the shape of a digit is unrelated to its most significant \
               bit",
    quick_suffices: true,
    run,
};

fn run(context: &mut JobContext) -> Result<(), ExperimentError> {
    let data = images(context);
    let ten = Spec { epochs: context.budget(30, 10), ..Spec::default() };
    let four = Spec { layers: "784,30,4".into(), readout: Readout::Binary, ..ten.clone() };
    let mut runs = seeded(context, "ten outputs", &ten, &data);
    let seeds = runs.len();
    runs.extend(seeded(context, "four bits", &four, &data));
    let trained = context.train_all(runs, |records| {
        Some(Figure {
            id: "accuracy".into(),
            title: "Ten outputs compared with four".into(),
            caption: "30 hidden neurons, the quadratic cost, η 3. Four bits are correct if all of \
                      them are; outputs of at least 0.5 mean 1."
                .into(),
            body: accuracy_chart("test accuracy (%)", records, |stats| stats.test_accuracy),
        })
    })?;
    let accuracy = |runs: &[TrainedRun]| {
        median_best(runs.iter().map(|run| &run.record), |stats| stats.test_accuracy)
    };
    let (ten, four) = trained.split_at(seeds);
    let budget = context.budget("30 epochs, medians of three seeds", "10 epochs on 1,000 images");
    let claim = format!("advantage in test accuracy of ten outputs over four, best of {budget}");
    let gain = accuracy(ten) - accuracy(four);
    context.claim_number(&claim, 0.0, gain, Tolerance::AtLeast, "points");
    Ok(())
}
