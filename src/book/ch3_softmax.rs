//! Section 3.1: softmax outputs are a probability distribution, and with the log-likelihood cost
//! they learn like sigmoid outputs with the cross-entropy.

use super::Experiment;
use super::recipes::{cross_entropy, images, median_best, seeded};
use crate::jobs::{ExperimentError, JobContext, Tolerance, accuracy_chart, chart};
use crate::nn::{Activation, Cost, Real};
use crate::protocol::{Curve, Figure};
use crate::rng::{Purpose, stream};
use crate::spec::Spec;
use ndarray::Array2;
use rand::RngExt;

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "3-softmax",
    chapter: 3,
    title: "Softmax outputs and the log-likelihood cost",
    expected: "outputs sum to 1; raising one weighted input raises its output and lowers the \
               others; log-likelihood learns like cross-entropy",
    quick_suffices: true,
    run,
};

/// The book's four outputs, of which the last weighted input is varied.
const Z: [f64; 4] = [2.5, -1.0, 3.2, 0.5];

/// The activations for weighted inputs.
fn softmax(z: &[f64]) -> Vec<f64> {
    let mut a = Array2::from_shape_fn((1, z.len()), |(_, j)| z[j] as Real);
    Activation::Softmax.apply_in_place(a.view_mut());
    #[allow(clippy::useless_conversion, reason = "Real is f64 with the feature f64")]
    a.iter().map(|&a| f64::from(a)).collect()
}

/// Whether raising z of one output raises its activation and lowers all others.
fn monotonic(z: &[f64], raised: usize) -> bool {
    let mut higher = z.to_vec();
    higher[raised] += 0.1;
    let (before, after) = (softmax(z), softmax(&higher));
    (0..z.len()).all(|j| if j == raised { after[j] > before[j] } else { after[j] < before[j] })
}

fn run(context: &mut JobContext) -> Result<(), ExperimentError> {
    // Four outputs; the fourth weighted input goes from -5 to 5.
    let steps: Vec<f64> = (0..=100).map(|step| f64::from(step) / 10.0 - 5.0).collect();
    let outputs: Vec<Vec<f64>> =
        steps.iter().map(|&last| softmax(&[Z[0], Z[1], Z[2], last])).collect();
    let output = |j: usize| Curve {
        name: format!("a{}", j + 1),
        points: steps.iter().zip(&outputs).map(|(&z, a)| (z, a[j])).collect(),
        scatter: false,
    };
    context.figure(
        "softmax",
        "Four softmax outputs, as the fourth weighted input grows",
        "z₁ 2.5, z₂ −1, z₃ 3.2. The fourth output gains what the others lose: they always sum to \
         1.",
        chart("z4", "activation", (0..4).map(output).collect()),
    );

    // Ten random outputs, repeatedly.
    let mut stream = stream(context.seed(), Purpose::Experiment, 3, 1);
    let (mut farthest, mut against): (f64, u32) = (0.0, 0);
    for _ in 0..1000 {
        let z: Vec<f64> = (0..10).map(|_| stream.random_range(-4.0..4.0)).collect();
        farthest = farthest.max((softmax(&z).iter().sum::<f64>() - 1.0).abs());
        against += (0..10).filter(|&raised| !monotonic(&z, raised)).count() as u32;
    }
    let claim = "1,000 random layers: maximum distance of the sum of ten outputs from 1";
    context.claim_number(claim, 1e-5, farthest, Tolerance::AtMost, "");
    let claim = "cases of 10,000 in which raising a weighted input lowers its output or raises \
                 another";
    context.claim_number(claim, 0.0, f64::from(against), Tolerance::Within(0.0), "cases");
    context.handle_commands()?;

    // The same network twice, except for the last layer and the corresponding cost.
    let data = images(context);
    let spec = Spec { epochs: context.budget(30, 5), ..cross_entropy("784,30,10") };
    let log_likelihood = Spec { cost: Cost::LogLikelihood, ..spec.clone() };
    let mut runs = seeded(context, "sigmoid, cross-entropy", &spec, &data);
    let seeds = runs.len();
    runs.extend(seeded(context, "softmax, log-likelihood", &log_likelihood, &data));
    let trained = context.train_all(runs, |records| {
        Some(Figure {
            id: "learning".into(),
            title: "Sigmoid with cross-entropy, softmax with log-likelihood".into(),
            caption: "30 hidden neurons, η 0.5, mini-batches of 10: δᴸ = a − y for both.".into(),
            body: accuracy_chart("test accuracy (%)", records, |stats| stats.test_accuracy),
        })
    })?;
    let accuracy = |runs: &[crate::jobs::TrainedRun]| {
        median_best(runs.iter().map(|run| &run.record), |stats| stats.test_accuracy)
    };
    let (sigmoid, softmax) = trained.split_at(seeds);
    let (book, tolerance) =
        context.budget((0.0, Tolerance::Within(0.5)), (0.0, Tolerance::Within(8.0)));
    let difference = accuracy(softmax) - accuracy(sigmoid);
    let claim = "difference in test accuracy of log-likelihood and cross-entropy (about equal)";
    context.claim_number(claim, book, difference, tolerance, "points");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_matches_a_calculation_by_hand() {
        let a = softmax(&[0.0, 2.0_f64.ln()]);
        assert!((a[0] - 1.0 / 3.0).abs() < 1e-6 && (a[1] - 2.0 / 3.0).abs() < 1e-6);
        assert!(monotonic(&Z, 3));
    }
}
