//! Section 3.2: dropout, which is similar to averaging very many networks.

use super::Experiment;
use super::recipes::{first_images, last, median_best, regularized, seeded};
use crate::jobs::{
    ExperimentError, JobContext, Tolerance, TrainedRun, accuracy_chart, median, percent,
};
use crate::nn::Regularizer;
use crate::protocol::Figure;
use crate::spec::Spec;

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "3-dropout",
    chapter: 3,
    title: "Dropout against overfitting",
    expected: "dropping half of the hidden neurons in every mini-batch improves test accuracy and \
               reduces overfitting",
    quick_suffices: true,
    run,
};

fn run(context: &mut JobContext) -> Result<(), ExperimentError> {
    // Few images and many neurons, where overfitting is worst.
    let data = context.data();
    let (train, rest) = (context.budget(1000, 500), 10_000);
    let data = first_images(&data, train, rest);
    let plain = Spec {
        epochs: context.budget(200, 60),
        eta: 0.5,
        regularizer: Regularizer::default(),
        ..regularized("784,100,10")
    };
    let dropout = Spec { dropout: 0.5, ..plain.clone() };
    let mut runs = seeded(context, "all neurons", &plain, &data);
    let seeds = runs.len();
    runs.extend(seeded(context, "dropout", &dropout, &data));
    let trained = context.train_all(runs, |records| {
        Some(Figure {
            id: "accuracy".into(),
            title: "With all hidden neurons, and with dropout of half of them".into(),
            caption: format!("100 hidden neurons, {train} images, cross-entropy, η 0.5."),
            body: accuracy_chart("test accuracy (%)", records, |stats| stats.test_accuracy),
        })
    })?;
    let (plain, dropout) = trained.split_at(seeds);
    let accuracy = |runs: &[TrainedRun]| {
        median_best(runs.iter().map(|run| &run.record), |stats| stats.test_accuracy)
    };
    let claim = "gain in test accuracy from dropout";
    let gain = accuracy(dropout) - accuracy(plain);
    context.claim_number(claim, 0.0, gain, Tolerance::AtLeast, "points");
    // The gap between training and test accuracy is a measure of overfitting.
    let gap = |runs: &[TrainedRun]| {
        let gap = |run: &TrainedRun| {
            let right = |reading| percent(Some(last(&run.record, reading)));
            right(|stats| stats.train_accuracy) - right(|stats| stats.test_accuracy)
        };
        median(runs.iter().map(gap))
    };
    let claim = "reduction by dropout of the final gap between training and test accuracy";
    let narrower = gap(plain) - gap(dropout);
    context.claim_number(claim, 0.0, narrower, Tolerance::AtLeast, "points");
    Ok(())
}
