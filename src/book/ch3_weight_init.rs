//! Section 3.3: weights with standard deviation 1/√n_in prevent hidden neurons from saturating at
//! the start.

use super::Experiment;
use super::recipes::{images, regularized, seeded};
use crate::jobs::{
    ExperimentError, JobContext, Tolerance, TrainedRun, TrainingRecord, accuracy_chart, median,
    percent,
};
use crate::nn::Init;
use crate::protocol::Figure;
use crate::spec::Spec;

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "3-weight-init",
    chapter: 3,
    title: "Large and scaled initial weights compared",
    expected: "after one epoch about 93% with scaled weights, below 87% with large ones; about \
               equal in the end",
    quick_suffices: true,
    run,
};

fn after(epoch: u32, runs: &[TrainedRun]) -> f64 {
    let accuracy = |record: &TrainingRecord| {
        let stats = record.epochs.iter().find(|stats| stats.epoch == epoch);
        percent(stats.and_then(|stats| stats.validation_accuracy))
    };
    median(runs.iter().map(|run| accuracy(&run.record)))
}

fn run(context: &mut JobContext) -> Result<(), ExperimentError> {
    let data = images(context);
    // λ/n is the same for the quick budget's 1,000 images as for all 50,000 with λ 5.
    let regularizer = super::recipes::l2(context.budget(5.0, 0.1));
    let epochs = context.budget(30, 3);
    let scaled = Spec { regularizer, epochs, ..regularized("784,30,10") };
    let large = Spec { init: Init::Large, ..scaled.clone() };
    let mut runs = seeded(context, "large", &large, &data);
    let seeds = runs.len();
    runs.extend(seeded(context, "scaled", &scaled, &data));
    let trained = context.train_all(runs, |records| {
        Some(Figure {
            id: "accuracy".into(),
            title: "Large and scaled initial weights".into(),
            caption: "30 hidden neurons, cross-entropy, η 0.1, λ 5. Weights with standard \
                      deviation 1 cause weighted inputs with standard deviation 28: the hidden \
                      neurons are saturated and learn slowly at first."
                .into(),
            body: accuracy_chart("validation accuracy (%)", records, |s| s.validation_accuracy),
        })
    })?;
    let (large, scaled) = trained.split_at(seeds);
    if context.quick() {
        let claim = "advantage in validation accuracy of scaled over large weights after one epoch";
        let gain = after(1, scaled) - after(1, large);
        context.claim_number(claim, 5.0, gain, Tolerance::AtLeast, "points");
        return Ok(());
    }
    let claim = "validation accuracy after one epoch, median of three seeds";
    let (measured, tolerance) = (after(1, scaled), Tolerance::Within(1.0));
    context.claim_number(&format!("{claim}, scaled"), 93.0, measured, tolerance, "points");
    context.claim_number(&format!("{claim}, large"), 87.0, after(1, large), tolerance, "points");
    let claim = "difference in validation accuracy of scaled and large weights after 30 epochs \
                 (about equal)";
    let difference = after(epochs, scaled) - after(epochs, large);
    context.claim_number(claim, 0.0, difference, Tolerance::Within(0.5), "points");
    Ok(())
}
