//! Section 3.2: L1 regularization shrinks every weight by the same amount, so that few weights
//! matter and the others go to zero; L2 shrinks large weights most.

use super::Experiment;
use super::recipes::{cross_entropy, images, l2, median_best, seeded};
use crate::jobs::{
    ExperimentError, JobContext, Tolerance, TrainedRun, accuracy_chart, chart, median,
};
use crate::nn::{Layer, Penalty, Regularizer};
use crate::protocol::{Curve, Figure};
use crate::spec::Spec;

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "3-l1",
    chapter: 3,
    title: "L1 regularization keeps few weights",
    expected: "better than no regularization; the weights concentrate on fewer connections than \
               with L2",
    quick_suffices: true,
    run,
};

/// The absolute weights of the first layer, in descending order.
fn sizes(run: &TrainedRun) -> Vec<f64> {
    let weights = run.network.layers.first().into_iter().flat_map(Layer::weights);
    #[allow(clippy::useless_conversion, reason = "Real is f64 with the feature f64")]
    let mut sizes: Vec<f64> =
        weights.flat_map(IntoIterator::into_iter).map(|&w| f64::from(w).abs()).collect();
    sizes.sort_by(|a, b| b.total_cmp(a));
    sizes
}

/// The share of Σ|w| held by the largest `fraction` of the weights.
fn share(sizes: &[f64], fraction: f64) -> f64 {
    let largest = (sizes.len() as f64 * fraction).round() as usize;
    sizes[..largest].iter().sum::<f64>() / sizes.iter().sum::<f64>()
}

fn run(context: &mut JobContext) -> Result<(), ExperimentError> {
    let data = images(context);
    // λ/n of the quick budget's 1,000 images is larger, because it has fewer epochs.
    let (epochs, lambda) = context.budget((30, 5.0), (15, 1.0));
    let none = Spec { epochs, ..cross_entropy("784,30,10") };
    let regularized = |regularizer| Spec { regularizer, ..none.clone() };
    let l1 = Regularizer { penalty: Penalty::L1, lambda };
    let specs = [none.clone(), regularized(l2(lambda)), regularized(l1)];
    let names = ["none", "L2", "L1"];
    let runs = names.iter().zip(&specs).flat_map(|(name, spec)| seeded(context, name, spec, &data));
    let runs: Vec<_> = runs.collect();
    let seeds = runs.len() / names.len();
    let trained = context.train_all(runs, |records| {
        Some(Figure {
            id: "accuracy".into(),
            title: "No regularization, L2 and L1".into(),
            caption: format!("30 hidden neurons, cross-entropy, η 0.5, λ {lambda} for both."),
            body: accuracy_chart("test accuracy (%)", records, |stats| stats.test_accuracy),
        })
    })?;

    // Cumulative share of the weights, sorted by size.
    let groups: Vec<&[TrainedRun]> = trained.chunks(seeds).collect();
    let concentration = |(name, runs): (&&str, &&[TrainedRun])| {
        let sizes = sizes(&runs[0]);
        let point =
            |percent: i32| (f64::from(percent), 100.0 * share(&sizes, f64::from(percent) / 100.0));
        Curve { name: (*name).into(), points: (0..=100).map(point).collect(), scatter: false }
    };
    context.figure(
        "weights",
        "Share of Σ|w| held by the largest weights",
        "The first layer's weights, sorted by size. The faster a curve rises, the fewer \
         connections matter.",
        chart(
            "largest weights (%)",
            "share of Σ|w| (%)",
            names.iter().zip(&groups).map(concentration).collect(),
        ),
    );
    let held = |runs: &[TrainedRun]| median(runs.iter().map(|run| 100.0 * share(&sizes(run), 0.1)));
    let accuracy = |runs: &[TrainedRun]| {
        median_best(runs.iter().map(|run| &run.record), |stats| stats.test_accuracy)
    };
    let [none, l2, l1] = [groups[0], groups[1], groups[2]];
    let claim = "share of Σ|w| held by the largest tenth of the weights, L1 above L2";
    let more = held(l1) - held(l2);
    context.claim_number(claim, 5.0, more, Tolerance::AtLeast, "points");
    let claim = "gain in test accuracy from L1 over no regularization";
    let gain = accuracy(l1) - accuracy(none);
    context.claim_number(claim, 0.0, gain, Tolerance::AtLeast, "points");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_relative_to_the_total() {
        assert!((share(&[6.0, 2.0, 1.0, 1.0], 0.25) - 0.6).abs() < 1e-12);
        assert!((share(&[6.0, 2.0, 1.0, 1.0], 1.0) - 1.0).abs() < 1e-12);
    }
}
