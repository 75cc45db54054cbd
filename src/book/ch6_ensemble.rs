//! Section 6.2: several networks of the same kind, trained with different seeds, vote.

use super::Experiment;
use super::ch6_networks::{SHALLOW, book, dropout};
use super::recipes::last;
use crate::jobs::{
    ExperimentError, JobContext, PlannedRun, Tolerance, accuracy_chart, median, percent,
};
use crate::protocol::Figure;
use crate::spec::Spec;

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "6-ensemble",
    title: "Five networks of 6-dropout vote",
    expected: "99.67% of the test images",
    run,
    ..SHALLOW
};

/// Number of networks.
const NETWORKS: u64 = 5;

fn run(context: &mut JobContext) -> Result<(), ExperimentError> {
    let (data, spec) = dropout().budget(context);
    let seeds = (0..context.budget(NETWORKS, 3)).map(|offset| context.seed().wrapping_add(offset));
    let runs = seeds.map(|seed| {
        let spec = Spec { seed, ..spec.clone() };
        PlannedRun::new(format!("seed {seed}"), spec).with_data(data.clone())
    });
    let trained = context.train_all(runs.collect(), |records| {
        Some(Figure {
            id: "accuracy".into(),
            title: "The individual networks of the ensemble".into(),
            caption: "As 6-dropout, each network with its own seed. The majority of votes is the \
                 prediction; the digits view shows all votes, and the images that are still \
                 misclassified (w)."
                .into(),
            body: accuracy_chart("test accuracy (%)", records, |stats| stats.test_accuracy),
        })
    })?;
    let alone = trained.iter().map(|run| percent(Some(last(&run.record, |s| s.test_accuracy))));
    let alone = median(alone);
    let (together, _) = context.vote(trained, &data)?;
    let together = percent(together.test_accuracy);
    if !context.quick() {
        let (expected, tolerance) = book(99.67);
        let claim = "test accuracy of the vote, after the last epoch";
        context.claim_number(claim, expected, together, tolerance, "points");
    }
    let claim = "advantage in test accuracy of the vote over the median of its networks";
    let least = context.budget(0.0, -5.0);
    context.claim_number(claim, least, together - alone, Tolerance::AtLeast, "points");
    Ok(())
}
