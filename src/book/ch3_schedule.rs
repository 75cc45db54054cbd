//! Section 3.5: halve the learning rate whenever validation accuracy stalls, and end the run when
//! it has reached 1/128 of its initial value.

use super::Experiment;
use super::recipes::{best, cross_entropy, images, l2};
use crate::jobs::{
    ExperimentError, JobContext, PlannedRun, Tolerance, TrainingRecord, accuracy_chart, curve,
};
use crate::protocol::{EpochStats, Figure, FigureBody, Scale};
use crate::spec::{Schedule, Spec};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "3-schedule",
    chapter: 3,
    title: "Halve the learning rate when learning stalls",
    expected: "the run ends when η is 1/128 of its initial value, and beats the constant rate",
    quick_suffices: true,
    run,
};

fn rates(records: &[TrainingRecord]) -> FigureBody {
    FigureBody::Chart {
        x_label: "epoch".into(),
        y_label: "learning rate η".into(),
        x_scale: Scale::Linear,
        y_scale: Scale::Logarithmic,
        curves: records.iter().map(|r| curve(r, |stats| Some(stats.learning_rate))).collect(),
    }
}

fn run(context: &mut JobContext) -> Result<(), ExperimentError> {
    let data = images(context);
    let (patience, epochs) = context.budget((10, 400), (2, 60));
    let regularizer = l2(context.budget(5.0, 0.1));
    let constant = Spec { regularizer, seed: context.seed(), ..cross_entropy("784,30,10") };
    let schedule = Schedule::HalveOnPlateau { patience, stop_at: 128 };
    let halving = Spec { schedule, epochs, ..constant.clone() };
    let eta = constant.eta;
    let mut draw = |records: &[TrainingRecord]| {
        Some(Figure {
            id: "rate".into(),
            title: "The learning rate, halved whenever learning stalls".into(),
            caption: format!(
                "After {patience} epochs without an improvement of validation \
                              accuracy."
            ),
            body: rates(&records[..1]),
        })
    };
    let run = |name: &str, spec| PlannedRun::new(name, spec).with_data(data.clone());
    let halved = context.train_all(vec![run("halving", halving)], &mut draw)?;
    let halved = &halved[0].record;

    // The same number of epochs at the initial rate.
    let trained_epochs = halved.epochs.last().map_or(0, |stats| stats.epoch);
    let constant = Spec { epochs: trained_epochs.max(1), ..constant };
    let constant = context.train_all(vec![run("constant", constant)], |records| {
        let both = [halved, &records[0]];
        Some(Figure {
            id: "accuracy".into(),
            title: "Halved and constant learning rates".into(),
            caption:
                "30 hidden neurons, cross-entropy, λ 5. Smaller steps converge where large ones \
                 fluctuate."
                    .into(),
            body: accuracy_chart("validation accuracy (%)", both, |s| s.validation_accuracy),
        })
    })?;
    let constant = &constant[0].record;

    let rate = halved.epochs.last().map_or(f64::NAN, |stats| stats.learning_rate);
    let claim = "ratio of the first learning rate to the last";
    context.claim_number(claim, 128.0, eta / rate, Tolerance::Within(0.0), "times");
    let claim = format!("epochs until the schedule ended the run, of at most {epochs}");
    let most = f64::from(epochs - 1);
    context.claim_number(&claim, most, f64::from(trained_epochs), Tolerance::AtMost, "epochs");
    let validation = |stats: &EpochStats| stats.validation_accuracy;
    let gain = best(halved, validation) - best(constant, validation);
    let claim = "advantage in best validation accuracy over the constant rate";
    context.claim_number(
        claim,
        0.0,
        gain,
        Tolerance::NoWorseThan(context.budget(0.0, 2.0)),
        "points",
    );
    Ok(())
}
