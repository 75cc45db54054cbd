//! Section 3.6: momentum builds up speed along a valley instead of jumping across it.

use super::Experiment;
use super::recipes::{images, l2, regularized};
use crate::jobs::{
    ExperimentError, JobContext, PlannedRun, Tolerance, TrainingRecord, accuracy_chart,
};
use crate::protocol::{Curve, EpochStats, Figure, FigureBody};
use crate::spec::{Optimizer, Spec};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "3-momentum",
    chapter: 3,
    title: "Momentum along a valley, and on MNIST",
    expected: "faster along the valley, and faster on MNIST with the same learning rate",
    quick_suffices: true,
    run,
};

/// How much steeper the valley is across than along: C = (x² + 30 y²)/2.
const STEEP: f64 = 30.0;
const START: (f64, f64) = (-9.0, 1.5);
const ETA: f64 = 0.03;

fn valley(x: f64, y: f64) -> f64 {
    0.5 * (x * x + STEEP * y * y)
}

/// The positions of a ball that starts at rest and follows equations 107 and 108, v → μv − η∇C and
/// w → w + v, until C is a thousandth of its initial value.
fn descend(mu: f64) -> Vec<(f64, f64)> {
    let (mut at, mut v) = (START, (0.0, 0.0));
    let mut path = vec![at];
    while valley(at.0, at.1) > 1e-3 * valley(START.0, START.1) && path.len() < 10_000 {
        v = (mu * v.0 - ETA * at.0, mu * v.1 - ETA * STEEP * at.1);
        at = (at.0 + v.0, at.1 + v.1);
        path.push(at);
    }
    path
}

fn surface(paths: Vec<Curve>) -> FigureBody {
    const SIZE: (u32, u32) = (60, 40);
    let (x_range, y_range) = ([-10.0, 4.0], [-2.0, 2.0]);
    let across = |range: [f64; 2], step: u32, steps: u32| {
        range[0] + (range[1] - range[0]) * f64::from(step) / f64::from(steps - 1)
    };
    let value = |row: u32, column: u32| {
        valley(across(x_range, column, SIZE.0), across(y_range, row, SIZE.1)) as f32
    };
    let rows = (0..SIZE.1).flat_map(|row| (0..SIZE.0).map(move |column| (row, column)));
    FigureBody::Surface {
        x_label: "x, along".into(),
        y_label: "y, across".into(),
        x_range,
        y_range,
        width: SIZE.0,
        height: SIZE.1,
        values: rows.map(|(row, column)| value(row, column)).collect(),
        paths,
    }
}

/// The first epoch with at least this validation accuracy.
fn reached(record: &TrainingRecord, accuracy: f64) -> Option<u32> {
    let there = |stats: &&EpochStats| stats.validation_accuracy.is_some_and(|a| a >= accuracy);
    record.epochs.iter().find(there).map(|stats| stats.epoch)
}

fn run(context: &mut JobContext) -> Result<(), ExperimentError> {
    // A long valley that is steep across: the gradient points across it nearly everywhere.
    let [plain, heavy] = [0.0, 0.7].map(descend);
    let path = |name: &str, points: &[(f64, f64)]| Curve {
        name: format!("{name}: {} steps", points.len() - 1),
        points: points.to_vec(),
        scatter: false,
    };
    context.figure(
        "valley",
        "A ball in a long valley, with and without momentum",
        "C = (x² + 30y²)/2, η 0.03, until C is a thousandth of its initial value. A much larger η \
         would make the ball leave the valley; momentum is faster with the same η.",
        surface(vec![path("μ 0", &plain), path("μ 0.7", &heavy)]),
    );
    let claim = "steps along the valley without momentum, as a multiple of those with it";
    let multiple = (plain.len() - 1) as f64 / (heavy.len() - 1) as f64;
    context.claim_number(claim, 2.0, multiple, Tolerance::AtLeast, "times");
    context.handle_commands()?;

    // Digits, with a small learning rate for both.
    let data = images(context);
    let (epochs, regularizer) = (context.budget(20, 10), l2(context.budget(5.0, 0.1)));
    let seed = context.seed();
    let plain = Spec { eta: 0.01, epochs, regularizer, seed, ..regularized("784,30,10") };
    let heavy = Spec { optimizer: Optimizer::Momentum, momentum: 0.9, ..plain.clone() };
    let nesterov = Spec { optimizer: Optimizer::Nesterov, ..heavy.clone() };
    let named = |name: &str, spec| PlannedRun::new(name, spec).with_data(data.clone());
    let runs = vec![named("μ 0", plain), named("μ 0.9", heavy), named("Nesterov, μ 0.9", nesterov)];
    let trained = context.train_all(runs, |records| {
        Some(Figure {
            id: "digits".into(),
            title: "Digits, with and without momentum".into(),
            caption: "30 hidden neurons, cross-entropy, η 0.01, λ 5. Nesterov momentum takes the \
                 gradient at the position that the velocity leads to."
                .into(),
            body: accuracy_chart("validation accuracy (%)", records, |s| s.validation_accuracy),
        })
    })?;
    let top = trained[0].record.epochs.last().and_then(|stats| stats.validation_accuracy);
    for (run, name) in trained[1..].iter().zip(["momentum", "Nesterov's momentum"]) {
        let needed = top.and_then(|top| reached(&run.record, top)).map_or(f64::NAN, f64::from);
        let claim = format!(
            "epochs with {name} 0.9 to reach the accuracy of {epochs} epochs \
                             without"
        );
        let most = f64::from(epochs) / 2.0;
        context.claim_number(&claim, most, needed, Tolerance::AtMost, "epochs");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_momentum_the_path_is_gradient_descent() {
        let path = descend(0.0);
        let expected = (START.0 * (1.0 - ETA), START.1 * (1.0 - ETA * STEEP));
        assert!((path[1].0 - expected.0).abs() < 1e-12 && (path[1].1 - expected.1).abs() < 1e-12);
        let end = path[path.len() - 1];
        assert!(valley(end.0, end.1) <= 1e-3 * valley(START.0, START.1));
    }
}
