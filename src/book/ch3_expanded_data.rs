//! Section 3.2: artificial expansion of the training images by transformations that preserve the
//! digit.

use super::Experiment;
use super::recipes::{first_images, l2, median_best, regularized, seeded};
use crate::jobs::{ExperimentError, JobContext, Tolerance, TrainedRun, accuracy_chart};
use crate::protocol::Figure;
use crate::spec::{Expansion, Spec};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "3-expanded-data",
    chapter: 3,
    title: "Artificially expanded training data",
    expected: "shifted, rotated and distorted copies of the training images each raise test \
               accuracy",
    quick_suffices: true,
    run,
};

/// Maximum rotation in degrees.
const ROTATION: f64 = 15.0;
/// Parameters of Simard, Steinkraus and Platt, for 28 × 28 pixels.
const ELASTIC: Expansion = Expansion::Elastic { alpha: 34.0, sigma: 4.0 };

fn run(context: &mut JobContext) -> Result<(), ExperimentError> {
    let data = context.data();
    let (train, rest) = context.budget((5000, 10_000), (500, 2000));
    let data = first_images(&data, train, rest);
    // The same λ/n as for 50,000 images and λ 5.
    let spec = Spec {
        epochs: context.budget(60, 12),
        eta: 0.25,
        regularizer: l2(1e-4 * train as f64),
        ..regularized("784,100,10")
    };
    let ways = [
        ("as they are", vec![]),
        ("shifts", vec![Expansion::Shifts]),
        ("rotations", vec![Expansion::Rotation(ROTATION)]),
        ("elastic distortions", vec![ELASTIC]),
    ];
    // Distorted digits are difficult: they need more epochs than the quick budget has.
    let ways = &ways[..context.budget(4, 3)];
    let runs = ways.iter().flat_map(|(name, expand)| {
        seeded(context, name, &Spec { expand: expand.clone(), ..spec.clone() }, &data)
    });
    let runs: Vec<_> = runs.collect();
    let seeds = runs.len() / ways.len();
    let trained = context.train_all(runs, |records| {
        Some(Figure {
            id: "accuracy".into(),
            title: format!("{train} training images, and augmented versions of them"),
            caption:
                "100 hidden neurons, cross-entropy, η 0.25. Shifts: four more copies, moved by a \
                 pixel. Rotations: by up to 15 degrees, different in each epoch. Elastic: like the \
                 trembling of a hand."
                    .into(),
            body: accuracy_chart("test accuracy (%)", records, |stats| stats.test_accuracy),
        })
    })?;
    let accuracy = |runs: &[TrainedRun]| {
        median_best(runs.iter().map(|run| &run.record), |stats| stats.test_accuracy)
    };
    let groups: Vec<&[TrainedRun]> = trained.chunks(seeds).collect();
    let plain = accuracy(groups[0]);
    for ((name, _), runs) in ways.iter().zip(&groups).skip(1) {
        let claim = format!("gain in test accuracy from {name}");
        context.claim_number(&claim, 0.0, accuracy(runs) - plain, Tolerance::AtLeast, "points");
    }
    Ok(())
}
