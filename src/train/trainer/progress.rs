//! Progress of a run.

use crate::protocol::Progress;
use crate::train::checkpoint::{Checkpoint, Position};
use crate::train::meter::SpeedMeter;
use std::time::Duration;

/// The work per epoch, for estimating the remaining time.
pub(super) struct EpochWork {
    /// Mini-batches and samples per epoch.
    pub(super) batches: usize,
    pub(super) samples: usize,
    /// The minimum time between two mini-batches, in slow motion.
    pub(super) interval: Option<Duration>,
    /// Duration of an evaluation in seconds.
    pub(super) evaluation_seconds: f64,
}

/// The progress of the run; `cost` is that of the last mini-batch.
pub(super) fn progress(
    state: &Checkpoint,
    meter: &SpeedMeter,
    work: &EpochWork,
    cost: Option<f64>,
) -> Progress {
    let Position { epoch, batch } = state.position();
    Progress {
        epoch,
        batch,
        batches: work.batches as u32,
        samples_per_second: meter.rate(),
        seconds_left: seconds_left(state, meter, work),
        elapsed_seconds: meter.clock.elapsed_seconds,
        batch_cost: cost.filter(|cost| cost.is_finite()),
    }
}

/// Estimated seconds until the last epoch is trained and evaluated, at the current pace.
fn seconds_left(state: &Checkpoint, meter: &SpeedMeter, work: &EpochWork) -> Option<f64> {
    let rate = meter.rate();
    if rate <= 0.0 {
        return None;
    }
    let Position { epoch, batch } = state.position();
    let batches = work.batches as f64;
    let epochs_left = f64::from(state.spec.epochs) - f64::from(epoch);
    let batches_left = (epochs_left * batches - f64::from(batch)).max(0.0);
    let seconds = work.samples as f64 / batches / rate;
    let paced = work.interval.map_or(0.0, |interval| interval.as_secs_f64());
    Some(batches_left * seconds.max(paced) + epochs_left.max(0.0) * work.evaluation_seconds)
}
