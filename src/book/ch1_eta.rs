//! Section 1.6: learning rates that are far too small and far too large.

use super::Experiment;
use super::recipes::{images, last, seeded};
use crate::jobs::{ExperimentError, JobContext, Tolerance, accuracy_chart, median};
use crate::protocol::Figure;
use crate::spec::Spec;

pub(super) const SMALL: Experiment = Experiment {
    id: "1-eta-small",
    chapter: 1,
    title: "Too small a learning rate: η 0.001, 100 hidden neurons",
    expected: "about 21% of the test images after 30 epochs, improving with every epoch",
    quick_suffices: true,
    run: small,
};

pub(super) const LARGE: Experiment = Experiment {
    id: "1-eta-large",
    chapter: 1,
    title: "Too large a learning rate: η 100, 30 hidden neurons",
    expected: "about 10% of the test images: no better than guessing",
    quick_suffices: true,
    run: large,
};

/// The test accuracy of the last epoch of every run, and before training, in percent.
fn accuracies(
    context: &mut JobContext,
    spec: &Spec,
    caption: &str,
) -> Result<Vec<[f64; 2]>, ExperimentError> {
    let data = images(context);
    let spec = Spec { epochs: context.budget(spec.epochs, 5), ..spec.clone() };
    let runs = seeded(context, &format!("η {}", spec.eta), &spec, &data);
    let trained = context.train_all(runs, |records| {
        Some(Figure {
            id: "accuracy".into(),
            title: format!("[{}] with η {}", spec.layers.replace(',', ", "), spec.eta),
            caption: caption.into(),
            body: accuracy_chart("test accuracy (%)", records, |stats| stats.test_accuracy),
        })
    })?;
    let ends = |run: &crate::jobs::TrainedRun| {
        let before = run.record.epochs.first().and_then(|stats| stats.test_accuracy);
        let after = last(&run.record, |stats| stats.test_accuracy);
        [crate::jobs::percent(before), 100.0 * after]
    };
    Ok(trained.iter().map(ends).collect())
}

fn small(context: &mut JobContext) -> Result<(), ExperimentError> {
    let spec = Spec { layers: "784,100,10".into(), eta: 0.001, ..Spec::default() };
    let caption = "The quadratic cost, unit Gaussian weights. The steps are so small that a run \
                   ends near its initial weights.";
    let ends = accuracies(context, &spec, caption)?;
    if context.quick() {
        let claim = "test accuracy after 5 epochs on 1,000 images: hardly learning";
        let after = median(ends.iter().map(|[_, after]| *after));
        context.claim_number(claim, 30.0, after, Tolerance::AtMost, "percent");
        return Ok(());
    }
    let claim = "test accuracy after 30 epochs, median of three seeds";
    let after = median(ends.iter().map(|[_, after]| *after));
    context.claim_number(claim, 21.42, after, Tolerance::Within(5.0), "points");
    let claim = "improvement of test accuracy over 30 epochs, median of three seeds (it does \
                 learn)";
    let gain = median(ends.iter().map(|[before, after]| after - before));
    context.claim_number(claim, 1.0, gain, Tolerance::AtLeast, "points");
    Ok(())
}

fn large(context: &mut JobContext) -> Result<(), ExperimentError> {
    let spec = Spec { eta: 100.0, ..Spec::default() };
    let caption = "The quadratic cost, unit Gaussian weights. The first steps saturate every \
                   output, which stops learning: one guess for all images.";
    let ends = accuracies(context, &spec, caption)?;
    // Each digit makes up 8.9 to 11.4% of the test images.
    let (tolerance, budget) = context.budget(
        (Tolerance::Within(1.5), "30 epochs, median of three seeds"),
        (Tolerance::Within(10.0), "5 epochs on 1,000 images"),
    );
    let claim = format!("test accuracy after {budget}");
    let after = median(ends.iter().map(|[_, after]| *after));
    context.claim_number(&claim, 10.0, after, tolerance, "points");
    Ok(())
}
