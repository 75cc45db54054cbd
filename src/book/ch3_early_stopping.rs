//! Section 3.5: stop when validation accuracy has not improved for ten epochs.

use super::Experiment;
use super::recipes::{best, cross_entropy, images, l2};
use crate::jobs::{ExperimentError, JobContext, PlannedRun, Tolerance, accuracy_chart};
use crate::protocol::Figure;
use crate::spec::{EarlyStopping, Spec};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "3-early-stopping",
    chapter: 3,
    title: "No improvement in ten epochs",
    expected: "training ends ten epochs after the best one, with little loss",
    quick_suffices: true,
    run,
};

fn run(context: &mut JobContext) -> Result<(), ExperimentError> {
    let data = images(context);
    // The book's rule waits for ten epochs; the quick budget for three.
    let (patience, epochs) = context.budget((10, 100), (3, 30));
    let regularizer = l2(context.budget(5.0, 0.1));
    let whole = Spec { epochs, regularizer, seed: context.seed(), ..cross_entropy("784,30,10") };
    let early = Spec { early_stopping: EarlyStopping::NoImprovementIn(patience), ..whole.clone() };
    let named = |name: &str, spec| PlannedRun::new(name, spec).with_data(data.clone());
    let runs = vec![named("stopped early", early), named("all epochs", whole)];
    let trained = context.train_all(runs, |records| {
        Some(Figure {
            id: "accuracy".into(),
            title: "The same run, with and without early stopping".into(),
            caption: "30 hidden neurons, cross-entropy, η 0.5, λ 5. Up to the stop the two curves \
                      coincide."
                .into(),
            body: accuracy_chart("validation accuracy (%)", records, |s| s.validation_accuracy),
        })
    })?;
    let [early, whole] = [0, 1].map(|index| &trained[index].record);

    let stopped = early.epochs.last().map_or(0, |stats| stats.epoch);
    let claim = format!("epochs trained of {epochs}");
    let most = f64::from(epochs - 1);
    context.claim_number(&claim, most, f64::from(stopped), Tolerance::AtMost, "epochs");
    let validation = |stats: &crate::protocol::EpochStats| stats.validation_accuracy;
    let top = early.epochs.iter().filter_map(validation).fold(0.0, f64::max);
    let at = early.epochs.iter().find(|stats| validation(stats) == Some(top));
    let waited = f64::from(stopped - at.map_or(0, |stats| stats.epoch));
    let claim = "epochs from the best one to the end";
    let tolerance = Tolerance::Within(0.0);
    context.claim_number(claim, f64::from(patience), waited, tolerance, "epochs");
    let lost = best(whole, validation) - best(early, validation);
    let claim = format!("gain in best validation accuracy from all {epochs} epochs");
    let most = context.budget(0.5, 4.0);
    context.claim_number(&claim, most, lost, Tolerance::AtMost, "points");
    Ok(())
}
