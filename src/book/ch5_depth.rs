//! Section 5.1: more hidden layers of sigmoid neurons, trained as before, are no better.

use super::Experiment;
use super::recipes::{images, l2, median_best, regularized, seeded};
use crate::jobs::{ExperimentError, JobContext, Tolerance, accuracy_chart};
use crate::protocol::Figure;
use crate::spec::Spec;

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "5-depth",
    chapter: 5,
    title: "One to four hidden layers of 30",
    expected: "96.48, 96.90, 96.57 and 96.53% of the validation images",
    quick_suffices: true,
    run,
};

/// The book's accuracies with one to four hidden layers, in percent.
const BOOK: [f64; 4] = [96.48, 96.90, 96.57, 96.53];

fn run(context: &mut JobContext) -> Result<(), ExperimentError> {
    let data = images(context);
    let epochs = context.budget(30, 6);
    let regularizer = l2(context.budget(5.0, 0.1));
    let mut runs = Vec::new();
    for hidden in 1..=BOOK.len() {
        let layers = format!("784{},10", ",30".repeat(hidden));
        let spec = Spec { regularizer, epochs, ..regularized(&layers) };
        runs.extend(seeded(context, &format!("{hidden} hidden"), &spec, &data));
    }
    let seeds = runs.len() / BOOK.len();
    let trained = context.train_all(runs, |records| {
        // One run per depth is enough for the figure.
        let shown = records.iter().step_by(seeds);
        Some(Figure {
            id: "accuracy".into(),
            title: "One to four hidden layers of 30 neurons".into(),
            caption: "Cross-entropy, η 0.1, λ 5, scaled weights. A second hidden layer helps a \
                      little, more layers do not: the early ones hardly learn."
                .into(),
            body: accuracy_chart("validation accuracy (%)", shown, |s| s.validation_accuracy),
        })
    })?;
    let measured: Vec<f64> = trained
        .chunks(seeds)
        .map(|runs| median_best(runs.iter().map(|r| &r.record), |s| s.validation_accuracy))
        .collect();
    if context.quick() {
        // In so few steps the early layers hardly learn, so deeper networks are worse.
        let claim = "advantage in validation accuracy of one hidden layer over four, after six \
                     epochs";
        let gap = measured[0] - measured[3];
        context.claim_number(claim, 10.0, gap, Tolerance::AtLeast, "points");
        return Ok(());
    }
    for (hidden, (book, measured)) in (1..).zip(BOOK.into_iter().zip(measured)) {
        let claim = format!("validation accuracy, {hidden} hidden layers, median of three seeds");
        context.claim_number(&claim, book, measured, Tolerance::Within(0.4), "points");
    }
    Ok(())
}
