//! Section 3.2: accuracy grows with the logarithm of the number of training images, and has not
//! saturated at the size of MNIST.

use super::Experiment;
use super::recipes::{cross_entropy, first_images, l2, last, seeded};
use crate::data::Dataset;
use crate::jobs::{ExperimentError, JobContext, Tolerance, TrainingRecord, median, percent};
use crate::protocol::{Curve, FigureBody, Scale};
use crate::spec::Spec;
use std::sync::Arc;

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "3-training-size",
    chapter: 3,
    title: "More training images",
    expected: "accuracy rises with every size from 100 to 50,000, even at the end",
    quick_suffices: true,
    run,
};

/// The book's sizes, the total number of images per run, and the maximum number of epochs (the book
/// trains on 100 images for 15,000 epochs, long after they are memorized).
const SIZES: [usize; 9] = [100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000];
const IMAGES_SEEN: usize = 1_500_000;
const MAX_EPOCHS: usize = 1500;

fn chart(accuracies: &[(f64, f64)]) -> FigureBody {
    FigureBody::Chart {
        x_label: "training images".into(),
        y_label: "validation accuracy (%)".into(),
        x_scale: Scale::Logarithmic,
        y_scale: Scale::Linear,
        curves: vec![Curve {
            name: "validation accuracy".into(),
            points: accuracies.to_vec(),
            scatter: false,
        }],
    }
}

fn run(context: &mut JobContext) -> Result<(), ExperimentError> {
    let all = context.data();
    // The test images are not needed; a few are kept for the dashboard's views.
    let test = first_images(&all, 0, 1000).test.clone();
    let quick = ([100, 300, 1000].as_slice(), 10_000);
    let (sizes, seen) = context.budget((SIZES.as_slice(), IMAGES_SEEN), quick);
    let rest = context.budget(10_000, 1000);
    let mut accuracies = Vec::new();
    for &size in sizes {
        let images = first_images(&all, size, rest);
        let data = Arc::new(Dataset { test: test.clone(), ..(*images).clone() });
        let spec = Spec {
            epochs: (seen / size).clamp(1, MAX_EPOCHS) as u32,
            regularizer: l2(1e-4 * size as f64),
            ..cross_entropy("784,30,10")
        };
        let runs = seeded(context, &format!("{size} images"), &spec, &data);
        let trained = context.train_all(runs, |_| None)?;
        let end = |record: &TrainingRecord| {
            percent(Some(last(record, |stats| stats.validation_accuracy)))
        };
        accuracies.push((size as f64, median(trained.iter().map(|run| end(&run.record)))));
        context.figure(
            "sizes",
            "Accuracy by number of training images",
            "30 hidden neurons, cross-entropy, η 0.5, λ/n the same for every size, 1.5 million \
             images per run (at most 1,500 epochs).",
            chart(&accuracies),
        );
    }
    let steps: Vec<f64> = accuracies.windows(2).map(|pair| pair[1].1 - pair[0].1).collect();
    let smallest = steps.iter().copied().fold(f64::INFINITY, f64::min);
    let claim = "smallest gain from one size to the next";
    context.claim_number(claim, 0.0, smallest, Tolerance::AtLeast, "points");
    let (first, end) = (accuracies[0].1, accuracies[accuracies.len() - 1].1);
    let claim = context.budget("gain from 100 to 50,000 images", "gain from 100 to 1,000 images");
    let most = context.budget(20.0, 10.0);
    context.claim_number(claim, most, end - first, Tolerance::AtLeast, "points");
    Ok(())
}
