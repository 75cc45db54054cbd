//! The end of an epoch: statistics, schedule, divergence.

use crate::model::evaluator::{EvaluationProgress, regularization_term};
use crate::nn::{Network, Real};
use crate::protocol::{EpochStats, Outcome};
use crate::train::checkpoint::Checkpoint;
use crate::train::meter::SpeedMeter;
use crate::train::schedule::ScheduleDecision;
use ndarray::ArrayViewD;

/// The statistics of the epoch just evaluated; `batches` and `samples` are per epoch.
pub(super) fn stats(
    state: &Checkpoint,
    meter: &SpeedMeter,
    (batches, samples): (usize, usize),
    measurement: &EvaluationProgress,
) -> EpochStats {
    let Checkpoint { spec, body, .. } = state;
    let done = body.position.done(batches, spec);
    let penalty = regularization_term(&body.network, body.tuning.regularizer, samples);
    EpochStats {
        epoch: body.position.epoch,
        train_seconds: meter.clock.epoch_seconds,
        samples_per_second: meter.epoch_rate(),
        learning_rate: body.tuning.learning_rate * spec.schedule.factor(done),
        layers: body.layers.clone(),
        ..measurement.stats(penalty)
    }
}

/// Applies the schedule and early stopping after an epoch with this accuracy; returns a log line,
/// if any.
pub(super) fn observe_accuracy(state: &mut Checkpoint, accuracy: f64) -> Option<String> {
    let Checkpoint { spec, body, .. } = state;
    let rate = body.tuning.learning_rate;
    match body.plateaus.observe(accuracy, spec.schedule, spec.early_stopping, rate, spec.eta) {
        ScheduleDecision::Continue => None,
        ScheduleDecision::Learn(rate) => {
            body.tuning.learning_rate = rate;
            let epoch = body.position.epoch;
            Some(format!(
                "epoch {epoch}: no improvement, so the learning rate η is halved to {rate}"
            ))
        }
        ScheduleDecision::End(reason) => {
            body.ended = Some(reason);
            None
        }
    }
}

/// The outcome of a run whose cost or weights are not finite.
pub(super) fn diverged(state: &Checkpoint) -> Outcome {
    let eta = state.body.tuning.learning_rate;
    let hint = format!(
        "a cost or weight is no longer a finite number; the learning rate η = {eta} is too large \
         here: try {}",
        eta / 10.0
    );
    Outcome::Diverged { epoch: state.body.position.epoch, hint }
}

/// Whether every weight and bias is a finite number.
pub(super) fn is_finite(network: &Network) -> bool {
    // `fold` goes row by row; `iter` would compute the offset of every weight, because rows are
    // padded.
    let finite = |array: &ArrayViewD<Real>| array.fold(true, |all, value| all & value.is_finite());
    network.layers.iter().all(|layer| layer.parameters().iter().all(|(_, array)| finite(array)))
}
