//! Section 3.6: hidden neurons other than sigmoids.

use super::Experiment;
use super::recipes::{images, l2, median_best, regularized, seeded};
use crate::jobs::{ExperimentError, JobContext, Tolerance, TrainedRun, accuracy_chart};
use crate::nn::{Activation, Cost};
use crate::protocol::Figure;
use crate::spec::Spec;

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "3-tanh-relu",
    chapter: 3,
    title: "Sigmoid, tanh and rectified linear neurons",
    expected: "about equal in the end",
    quick_suffices: true,
    run,
};

fn run(context: &mut JobContext) -> Result<(), ExperimentError> {
    let data = images(context);
    let kinds =
        [("sigmoid", Activation::Sigmoid), ("tanh", Activation::Tanh), ("ReLU", Activation::Relu)];
    // Softmax outputs for all three: only the hidden neurons differ.
    let spec = Spec {
        cost: Cost::LogLikelihood,
        epochs: context.budget(30, 10),
        regularizer: l2(context.budget(5.0, 0.1)),
        ..regularized("784,30,10")
    };
    let runs = kinds.iter().flat_map(|&(name, activation)| {
        seeded(context, name, &Spec { activation, ..spec.clone() }, &data)
    });
    let runs: Vec<_> = runs.collect();
    let seeds = runs.len() / kinds.len();
    let trained = context.train_all(runs, |records| {
        Some(Figure {
            id: "accuracy".into(),
            title: "Three kinds of hidden neurons".into(),
            caption: "30 hidden neurons, softmax outputs, log-likelihood, η 0.1, λ 5.".into(),
            body: accuracy_chart("test accuracy (%)", records, |stats| stats.test_accuracy),
        })
    })?;
    let accuracy = |runs: &[TrainedRun]| {
        median_best(runs.iter().map(|run| &run.record), |stats| stats.test_accuracy)
    };
    let groups: Vec<f64> = trained.chunks(seeds).map(accuracy).collect();
    for ((name, _), measured) in kinds.iter().zip(&groups).skip(1) {
        let claim = format!(
            "difference in test accuracy of {name} and sigmoid neurons (about \
                             equal)"
        );
        let tolerance = Tolerance::Within(context.budget(1.0, 5.0));
        context.claim_number(&claim, 0.0, measured - groups[0], tolerance, "points");
    }
    Ok(())
}
