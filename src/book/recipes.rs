//! Recipes shared by the experiments of chapters 3 and 5: the book's settings, its images, and
//! accuracies over several seeds.

use crate::data::{Dataset, Images};
use crate::jobs::{
    EpochValue, ExperimentError, JobContext, PlannedRun, Tolerance, TrainingRecord, accuracy_chart,
    median, percent,
};
use crate::nn::{Cost, Init, Penalty, Regularizer};
use crate::protocol::{EpochStats, Figure};
use crate::spec::Spec;
use std::sync::Arc;

/// Chapter 3's usual network: cross-entropy, chapter 1's large weights, η 0.5, batches of 10.
pub(super) fn cross_entropy(layers: &str) -> Spec {
    Spec {
        layers: layers.into(),
        cost: Cost::CrossEntropy,
        init: Init::Large,
        eta: 0.5,
        batch: 10,
        epochs: 30,
        ..Spec::default()
    }
}

/// The book's settings from section 3.3 on: cross-entropy, weights scaled by 1/√n_in, η 0.1, λ 5.
pub(super) fn regularized(layers: &str) -> Spec {
    Spec { init: Init::Scaled, eta: 0.1, regularizer: l2(5.0), ..cross_entropy(layers) }
}

/// (λ/2n) Σw².
pub(super) fn l2(lambda: f64) -> Regularizer {
    Regularizer { penalty: Penalty::L2, lambda }
}

/// The first images of each part of a data set: `train` of the training images, `rest` of the
/// validation and test images.
pub(super) fn first_images(data: &Dataset, train: usize, rest: usize) -> Arc<Dataset> {
    let first = |images: &Images, count: usize| {
        let count = count.min(images.len());
        Images {
            pixels: images.pixels[..count * images.pixels_per_image()].to_vec(),
            labels: images.labels[..count].to_vec(),
            ..*images
        }
    };
    Arc::new(Dataset {
        name: data.name.clone(),
        classes: data.classes.clone(),
        train: first(&data.train, train),
        validation: first(&data.validation, rest),
        test: first(&data.test, rest),
        notes: data.notes.clone(),
    })
}

/// All of MNIST, or the first 1,000 images of each part with the quick budget.
pub(super) fn images(context: &mut JobContext) -> Arc<Dataset> {
    let data = context.data();
    if context.quick() { first_images(&data, 1000, 1000) } else { data }
}

/// A run of the spec for each of the context's seeds.
pub(super) fn seeded(
    context: &JobContext,
    name: &str,
    spec: &Spec,
    data: &Arc<Dataset>,
) -> Vec<PlannedRun> {
    let run = |seed| {
        let spec = Spec { seed, ..spec.clone() };
        PlannedRun::new(format!("{name}, seed {seed}"), spec).with_data(Arc::clone(data))
    };
    context.seeds().into_iter().map(run).collect()
}

/// The best value of all epochs, in percent.
pub(super) fn best(record: &TrainingRecord, reading: EpochValue) -> f64 {
    percent(record.best(reading))
}

/// The value of the last epoch as recorded, so a fraction for accuracies; NaN if there is none.
pub(super) fn last(record: &TrainingRecord, reading: EpochValue) -> f64 {
    record.epochs.last().and_then(reading).unwrap_or(f64::NAN)
}

/// The median of the runs' best epochs, in percent.
pub(super) fn median_best<'a>(
    records: impl IntoIterator<Item = &'a TrainingRecord>,
    reading: EpochValue,
) -> f64 {
    median(records.into_iter().map(|record| best(record, reading)))
}

/// The test accuracy at the last of the epochs with the best validation accuracy, as network3.py
/// reports it; the median of the runs, in percent.
pub(super) fn median_at_best<'a>(records: impl IntoIterator<Item = &'a TrainingRecord>) -> f64 {
    let validation = |stats: &EpochStats| stats.validation_accuracy.unwrap_or(f64::NEG_INFINITY);
    let at_best = |record: &TrainingRecord| {
        let better = |a: &&EpochStats, b: &&EpochStats| validation(a).total_cmp(&validation(b));
        percent(record.epochs.iter().max_by(better).and_then(|stats| stats.test_accuracy))
    };
    median(records.into_iter().map(at_best))
}

/// An experiment whose result is one accuracy.
#[derive(Clone, Debug)]
pub(super) struct AccuracyRow {
    pub spec: Spec,
    /// The name of the accuracy, such as `test accuracy`.
    pub measured: &'static str,
    pub reading: EpochValue,
    /// The book's result in percent, and the tolerance.
    pub book: (f64, Tolerance),
    /// The accuracy in percent that the quick budget (a few epochs on 1,000 images) must reach.
    pub quick: f64,
    pub caption: &'static str,
}

/// Number of epochs with the quick budget.
const QUICK_EPOCHS: u32 = 5;

impl AccuracyRow {
    /// Trains the network with every seed and checks the median of the best epochs.
    pub(super) fn check(self, context: &mut JobContext) -> Result<(), ExperimentError> {
        let data = images(context);
        let full = self.spec.epochs;
        let spec = Spec { epochs: context.budget(full, QUICK_EPOCHS), ..self.spec.clone() };
        let runs = seeded(context, &spec.layers, &spec, &data);
        let draw = |records: &[TrainingRecord]| {
            Some(Figure {
                id: "accuracy".into(),
                title: format!("[{}]: {}", spec.layers.replace(',', ", "), self.measured),
                caption: self.caption.into(),
                body: accuracy_chart(&format!("{} (%)", self.measured), records, self.reading),
            })
        };
        let trained = context.train_all(runs, draw)?;
        let bests = trained.iter().map(|run| format!("{:.2}", best(&run.record, self.reading)));
        let bests: Vec<String> = bests.collect();
        context.log(format!("best {} for each seed: {}", self.measured, bests.join(", ")));
        let measured = median_best(trained.iter().map(|run| &run.record), self.reading);
        let (expected, tolerance) = context.budget(self.book, (self.quick, Tolerance::AtLeast));
        let claim = context.budget(
            format!("best {} of {full} epochs, median of three seeds", self.measured),
            format!("{} of {QUICK_EPOCHS} epochs on 1,000 images", self.measured),
        );
        context.claim_number(&claim, expected, measured, tolerance, "points");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_images_of_every_part_are_taken() {
        let images = |count: usize| Images {
            width: 2,
            height: 1,
            channels: 1,
            pixels: (0..2 * count as u8).collect(),
            labels: (0..count as u8).collect(),
        };
        let (train, validation, test) = (images(5), images(2), images(4));
        let data = Dataset { train, validation, test, ..Dataset::default() };
        let first = first_images(&data, 3, 3);
        assert_eq!(first.train.labels, [0, 1, 2]);
        assert_eq!(first.train.pixels, [0, 1, 2, 3, 4, 5]);
        assert_eq!(first.validation.len(), 2, "no more than there are");
        assert_eq!(first.test.pixels.len(), 6);
    }
}
