//! Chapter 6: from a shallow network to convolutions, rectified linear neurons, expanded data and
//! dropout; one experiment per network of the book.

use super::Experiment;
use super::recipes::{best, first_images, l2, median_at_best, seeded};
use crate::data::Dataset;
use crate::jobs::{ExperimentError, JobContext, PlannedRun, Tolerance, accuracy_chart};
use crate::nn::{Activation, Cost, Init};
use crate::protocol::Figure;
use crate::spec::{Expansion, Schedule, Spec};
use std::sync::Arc;

/// A network of chapter 6, its accuracy in the book, and its check with the quick budget.
pub(super) struct BookNetwork {
    pub spec: Spec,
    /// Number of seeds whose median is the result; one if a run takes long.
    seeds: usize,
    /// The accuracy in percent, and the tolerance.
    expected: (f64, Tolerance),
    pub quick: QuickBudget,
    caption: &'static str,
}

/// The quick budget: small enough for a test, large enough to show that the network learns.
#[derive(Clone, Copy)]
pub(super) struct QuickBudget {
    eta: f64,
    epochs: u32,
    /// Number of training images; half as many validation and test images each.
    images: usize,
    /// The minimum test accuracy in percent.
    at_least: f64,
}

pub(super) const SHALLOW: Experiment = Experiment {
    id: "6-shallow",
    chapter: 6,
    title: "Where chapter 6 starts: one hidden layer of 100",
    expected: "97.80% of the test images",
    quick_suffices: true,
    run: |context| check(context, shallow()),
};

pub(super) const CONV: Experiment = Experiment {
    id: "6-conv",
    title: "A convolutional layer with pooling before it",
    expected: "98.78% of the test images",
    run: |context| check(context, conv()),
    ..SHALLOW
};

pub(super) const CONV_2: Experiment = Experiment {
    id: "6-conv2",
    title: "Two convolutional layers",
    expected: "99.06% of the test images",
    // Two layers of sigmoid maps hardly learn anything in so few steps.
    quick_suffices: false,
    run: |context| check(context, conv_2()),
    ..SHALLOW
};

pub(super) const RELU: Experiment = Experiment {
    id: "6-relu",
    title: "Rectified linear neurons",
    expected: "99.23% of the test images",
    run: |context| check(context, relu()),
    ..SHALLOW
};

pub(super) const EXPANDED: Experiment = Experiment {
    id: "6-expanded",
    title: "250,000 training images: each one also shifted by a pixel in each direction",
    expected: "99.37% of the test images",
    run: |context| check(context, expanded()),
    ..SHALLOW
};

pub(super) const TWO_DENSE: Experiment = Experiment {
    id: "6-two-dense",
    title: "A second fully-connected layer",
    expected: "99.43% of the test images",
    run: |context| check(context, two_dense()),
    ..SHALLOW
};

pub(super) const DROPOUT: Experiment = Experiment {
    id: "6-dropout",
    title: "Dropout in two fully-connected layers of 1,000",
    expected: "99.60% of the test images",
    run: |context| check(context, dropout()),
    ..SHALLOW
};

pub(super) const NO_DENSE: Experiment = Experiment {
    id: "6-no-dense",
    title: "The exercise: without the fully-connected layer",
    expected: "no result in the book; whether the fully-connected layer helps (with it: 98.78%)",
    run: |context| check(context, no_dense()),
    ..SHALLOW
};

pub(super) const RECURRENT: Experiment = Experiment {
    id: "6-recurrent",
    title: "A recurrent network that reads a digit row by row",
    expected: "no result in the book; a test accuracy of at least 97%",
    run: |context| check(context, recurrent()),
    ..SHALLOW
};

impl BookNetwork {
    /// The images and the recipe for the full or the quick budget.
    pub(super) fn budget(&self, context: &mut JobContext) -> (Arc<Dataset>, Spec) {
        let (data, spec) = (context.data(), self.spec.clone());
        if !context.quick() {
            return (data, spec);
        }
        let QuickBudget { eta, epochs, images, .. } = self.quick;
        (first_images(&data, images, images / 2), Spec { epochs, eta, ..spec })
    }
}

/// network3.py's usual settings: log-likelihood, weights scaled by 1/√n_in, η 0.1, batches of 10,
/// 60 epochs.
fn plain(layers: &str) -> Spec {
    Spec {
        layers: layers.into(),
        cost: Cost::LogLikelihood,
        init: Init::Scaled,
        eta: 0.1,
        batch: 10,
        epochs: 60,
        ..Spec::default()
    }
}

/// Rectified linear neurons, η 0.03, λ 0.1. The book divides λ by the number of mini-batches per
/// epoch, we divide by the number of images: with mini-batches of ten, our λ is ten times the
/// book's.
fn rectified(layers: &str) -> Spec {
    Spec { activation: Activation::Relu, eta: 0.03, regularizer: l2(1.0), ..plain(layers) }
}

/// The book's single run, with a tolerance of two standard errors for 10,000 images.
pub(super) fn book(percent: f64) -> (f64, Tolerance) {
    let right = percent / 100.0;
    let error = 100.0 * (right * (1.0 - right) / 10_000.0).sqrt();
    (percent, Tolerance::NoWorseThan((200.0 * error).round() / 100.0))
}

fn shallow() -> BookNetwork {
    BookNetwork {
        spec: plain("dense100-softmax10"),
        seeds: 3,
        expected: book(97.80),
        quick: QuickBudget { eta: 0.5, epochs: 8, images: 1000, at_least: 70.0 },
        caption: "100 sigmoid neurons, softmax outputs, log-likelihood, η 0.1.",
    }
}

fn conv() -> BookNetwork {
    BookNetwork {
        spec: plain("conv20x5-pool2-dense100-softmax10"),
        seeds: 1,
        expected: book(98.78),
        quick: QuickBudget { eta: 0.2, epochs: 8, images: 1000, at_least: 50.0 },
        caption: "20 feature maps with 5 × 5 kernels, max-pooling, 100 sigmoid neurons, η 0.1.",
    }
}

fn no_dense() -> BookNetwork {
    BookNetwork {
        spec: plain("conv20x5-pool2-softmax10"),
        expected: (98.78, Tolerance::Within(0.5)),
        caption: "20 feature maps with 5 × 5 kernels, max-pooling, softmax outputs, η 0.1. With a \
                  fully-connected layer in between the book reports 98.78%.",
        ..conv()
    }
}

fn conv_2() -> BookNetwork {
    BookNetwork {
        spec: plain("conv20x5-pool2-conv40x5-pool2-dense100-softmax10"),
        expected: book(99.06),
        quick: QuickBudget { eta: 0.2, epochs: 4, ..conv().quick },
        caption: "40 more feature maps on top of the first 20, sigmoid neurons, η 0.1.",
        ..conv()
    }
}

fn relu() -> BookNetwork {
    BookNetwork {
        spec: rectified("conv20x5-pool2-conv40x5-pool2-dense100-softmax10"),
        expected: book(99.23),
        quick: QuickBudget { eta: 0.03, epochs: 5, images: 600, at_least: 70.0 },
        caption: "As 6-conv2 with rectified linear neurons, η 0.03, λ 1 divided by the number of \
                  images (the book: 0.1 divided by the number of mini-batches).",
        ..conv()
    }
}

fn expanded() -> BookNetwork {
    BookNetwork {
        spec: Spec { expand: vec![Expansion::Shifts], ..relu().spec },
        expected: book(99.37),
        quick: QuickBudget { epochs: 3, images: 300, ..relu().quick },
        caption: "As 6-relu on 250,000 images, generated on the fly.",
        ..relu()
    }
}

fn two_dense() -> BookNetwork {
    let layers = "conv20x5-pool2-conv40x5-pool2-dense100-dense100-softmax10";
    BookNetwork {
        spec: Spec { layers: layers.into(), ..expanded().spec },
        expected: book(99.43),
        caption: "As 6-expanded with two fully-connected layers of 100 neurons.",
        ..expanded()
    }
}

pub(super) fn dropout() -> BookNetwork {
    let layers = "conv20x5-pool2-conv40x5-pool2-dense1000-drop0.5-dense1000-drop0.5-softmax10";
    BookNetwork {
        spec: Spec {
            expand: vec![Expansion::Shifts],
            regularizer: l2(0.0),
            epochs: 40,
            ..rectified(layers)
        },
        expected: book(99.60),
        quick: QuickBudget { eta: 0.01, epochs: 3, images: 200, at_least: 20.0 },
        caption: "Two layers of 1,000 rectified linear neurons with dropout of a half, 250,000 \
                  images, η 0.03.",
        ..expanded()
    }
}

fn recurrent() -> BookNetwork {
    BookNetwork {
        spec: Spec {
            activation: Activation::Tanh,
            eta: 0.003,
            schedule: Schedule::HalveOnPlateau { patience: 5, stop_at: 16 },
            ..plain("rnn100-softmax10")
        },
        seeds: 1,
        expected: (97.0, Tolerance::AtLeast),
        quick: QuickBudget { eta: 0.01, epochs: 8, images: 1000, at_least: 50.0 },
        caption: "An Elman layer of 100 tanh neurons reads the 28 rows from top to bottom; \
                  backpropagation through time, η 0.003, halved when validation accuracy stalls.",
    }
}

/// Trains the network and checks its test accuracy at the epoch with the best validation accuracy,
/// which is what network3.py reports.
fn check(context: &mut JobContext, row: BookNetwork) -> Result<(), ExperimentError> {
    let (data, spec) = row.budget(context);
    let runs: Vec<PlannedRun> =
        seeded(context, &spec.layers, &spec, &data).into_iter().take(row.seeds).collect();
    let title = spec.layers.clone();
    let trained = context.train_all(runs, |records| {
        Some(Figure {
            id: "accuracy".into(),
            title: title.clone(),
            caption: row.caption.into(),
            body: accuracy_chart("test accuracy (%)", records, |stats| stats.test_accuracy),
        })
    })?;
    let records = || trained.iter().map(|run| &run.record);
    let measured = median_at_best(records());
    let (expected, tolerance) =
        context.budget(row.expected, (row.quick.at_least, Tolerance::AtLeast));
    let of = if trained.len() == 1 { "one seed" } else { "median of three seeds" };
    let claim =
        format!("test accuracy at the best of {} epochs by validation accuracy, {of}", spec.epochs);
    context.claim_number(&claim, expected, measured, tolerance, "points");
    for record in records() {
        let highest = best(record, |stats| stats.test_accuracy);
        context.log(format!("{}: best test accuracy {highest:.2}%", record.name));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_standard_errors_are_small_near_100_percent() {
        assert_eq!(book(97.80).1, Tolerance::NoWorseThan(0.29));
        assert_eq!(book(99.60).1, Tolerance::NoWorseThan(0.13));
    }
}
