//! Section 5.1: in deep networks of sigmoid neurons, early layers learn far more slowly than late
//! ones.

use super::Experiment;
use super::recipes::{first_images, l2, regularized, seeded};
use crate::jobs::{ExperimentError, JobContext, Tolerance, TrainedRun, TrainingRecord, median};
use crate::protocol::{Curve, EpochStats, Figure, FigureBody, Quantity, Scale};
use crate::spec::Spec;

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "5-vanishing",
    chapter: 5,
    title: "Vanishing gradients",
    expected: "with 2, 3 and 4 hidden layers of 30, the last hidden layer initially learns 4, 24 \
               and 95 times as fast as the first, and faster for 500 epochs",
    quick_suffices: true,
    run,
};

/// Number of hidden layers, and the book's speeds of the first and the last before training.
const DEPTHS: [(usize, [f64; 2]); 3] =
    [(2, [0.07, 0.31]), (3, [0.012, 0.283]), (4, [0.003, 0.285])];
/// Allowed factor in either direction, because other initial weights give other speeds.
const FACTOR: f64 = 3.0;

/// ‖∂C/∂b‖ of every hidden layer, where C is the cost of all training images: an epoch is a single
/// step, with all of them as its mini-batch.
fn speeds(stats: &EpochStats) -> Option<Vec<f64>> {
    let hidden = stats.layers.len().checked_sub(1)?;
    Some(stats.layers[..hidden].iter().map(|layer| layer.bias_gradient_norm).collect())
}

/// The ratio of the last hidden layer's speed to the first's.
fn ratio(speeds: &[f64]) -> f64 {
    speeds[speeds.len() - 1] / speeds[0]
}

/// ‖∂C/∂b‖ of each hidden layer by number of epochs trained.
fn figure(hidden: usize, record: &TrainingRecord) -> Figure {
    let curve = |layer: usize| Curve {
        name: format!("hidden layer {}", layer + 1),
        points: record
            .epochs
            .iter()
            .filter_map(|stats| Some((f64::from(stats.epoch) - 1.0, speeds(stats)?[layer])))
            .collect(),
        scatter: false,
    };
    Figure {
        id: format!("hidden-{hidden}"),
        title: format!("Speed of learning: {hidden} hidden layers"),
        caption: "‖∂C/∂b‖ of each hidden layer, gradient descent on 1,000 images, η 0.1, λ 5. The \
                  earlier a layer, the slower it learns."
            .into(),
        body: FigureBody::Chart {
            x_label: "epochs of training".into(),
            y_label: "length of the gradient".into(),
            x_scale: Scale::Linear,
            y_scale: Scale::Logarithmic,
            curves: (0..hidden).map(curve).collect(),
        },
    }
}

/// The median over runs of `value` for the speeds of all measured steps.
fn each(runs: &[TrainedRun], value: impl Fn(Vec<Vec<f64>>) -> f64) -> f64 {
    let measured = |run: &TrainedRun| value(run.record.epochs.iter().filter_map(speeds).collect());
    median(runs.iter().map(measured))
}

fn run(context: &mut JobContext) -> Result<(), ExperimentError> {
    let all = context.data();
    let (images, epochs) = context.budget((1000, 500), (300, 20));
    let data = first_images(&all, images, context.budget(10_000, 200));
    for (hidden, [first, last]) in DEPTHS {
        let layers = format!("784{},10", ",30".repeat(hidden));
        let spec = Spec {
            epochs,
            batch: images as u32,
            regularizer: l2(0.005 * images as f64),
            ..regularized(&layers)
        };
        let runs = seeded(context, &format!("{hidden} hidden layers"), &spec, &data);
        let trained = context.train_all(runs, |records| Some(figure(hidden, records.first()?)))?;

        let start = each(&trained, |steps| ratio(&steps[0]));
        let book = last / first;
        context.claim(
            &format!(
                "{hidden} hidden layers: initial ratio of the last one's speed to the first's"
            ),
            Quantity::Number((book * 10.0).round() / 10.0),
            Quantity::Number(start),
            "within a factor of 3",
            start >= book / FACTOR && start <= book * FACTOR,
        );
        let slower = each(&trained, |steps| {
            let behind = steps.iter().filter(|speeds| ratio(speeds) > 1.0).count();
            100.0 * behind as f64 / steps.len() as f64
        });
        context.claim_number(
            &format!("{hidden} hidden layers: epochs in which the first one learns more slowly"),
            95.0,
            slower,
            Tolerance::AtLeast,
            "percent",
        );
    }
    Ok(())
}
