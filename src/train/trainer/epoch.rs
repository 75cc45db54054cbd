//! The end of an epoch: it is measured, told, kept, and judged.

use super::{Flow, Trainer};
use crate::model::evaluator::{Measurement, regularization_term};
use crate::protocol::{EpochStats, Event, Level, Outcome};
use crate::train::checkpoint::{Checkpoint, CheckpointTrigger};
use crate::train::control::SafePoint;
use crate::train::learning_check::Evidence;
use crate::train::schedule::ScheduleDecision;
use std::time::Instant;

impl Trainer {
    /// Measures the epoch that was just completed (0: the untrained network) and tells it. The
    /// run's outcome when it ends here.
    pub(super) fn end_epoch(&mut self) -> Option<Outcome> {
        let start = Instant::now();
        let Some(measurement) = self.measure() else { return Some(Outcome::Stopped) };
        self.evaluation_seconds = start.elapsed().as_secs_f64();
        let stats = self.epoch_stats(&measurement);
        self.meter.end_epoch();
        let diverged = measurement.diverged() || !self.network_is_finite();
        let warning = self.learning_warning(&stats, &measurement);
        self.synchronize();
        // The test images stand in where there are none for validation.
        let accuracy = stats.validation_accuracy.or(stats.test_accuracy);
        self.watch.epoch_ended(measurement.outputs, self.state.without_history(), accuracy);
        self.state.body.epochs.push(stats.clone());
        self.channels.tell(Event::EpochEnded(stats.clone()));
        if let Some(text) = warning.filter(|_| !diverged) {
            self.channels.log(Level::Warning, text);
        }
        self.show();
        if diverged {
            return Some(self.diverged());
        }
        if let Some(accuracy) = accuracy {
            self.plateaus(accuracy);
        }
        self.keep_at(CheckpointTrigger::EpochEnded(accuracy));
        None
    }

    /// That the network does not learn, where it does not and somebody wants to know.
    fn learning_warning(&self, stats: &EpochStats, measurement: &Measurement) -> Option<String> {
        if self.unwatched {
            return None;
        }
        let evidence = Evidence {
            spec: &self.state.spec,
            stats,
            test: &self.data.test,
            outputs: measurement.outputs.view(),
            classes: &self.data.classes,
            batches: self.loader.batches(),
        };
        evidence.warning()
    }

    /// Measures all three sets; `None` when the run was stopped meanwhile.
    fn measure(&mut self) -> Option<Measurement> {
        let mut measurement = Measurement::new(&self.state.body.network, &self.data);
        loop {
            let Self { evaluators, stepper, data, sample, .. } = self;
            let network = &self.state.body.network;
            let executor = &mut stepper.executor();
            if !measurement.advance(evaluators, executor, network, data, sample) {
                return Some(measurement);
            }
            if self.attend(SafePoint::Evaluation) == Flow::End {
                return None;
            }
        }
    }

    fn epoch_stats(&self, measurement: &Measurement) -> EpochStats {
        let Checkpoint { spec, body, .. } = &self.state;
        let tuning = &body.tuning;
        let done = body.position.done(self.loader.batches(), spec);
        let term = regularization_term(&body.network, tuning.regularizer, self.loader.samples());
        EpochStats {
            epoch: body.position.epoch,
            train_seconds: self.meter.clock.epoch_seconds,
            samples_per_second: self.meter.epoch_rate(),
            learning_rate: tuning.learning_rate * spec.schedule.factor(done),
            layers: body.layers.clone(),
            ..measurement.stats(term)
        }
    }

    /// Lets schedule and early stopping draw their conclusions.
    fn plateaus(&mut self, accuracy: f64) {
        let Checkpoint { spec, body, .. } = &mut self.state;
        let rate = body.tuning.learning_rate;
        match body.plateaus.observe(accuracy, spec.schedule, spec.early_stopping, rate, spec.eta) {
            ScheduleDecision::Continue => {}
            ScheduleDecision::Learn(rate) => {
                body.tuning.learning_rate = rate;
                let text = format!(
                    "epoch {}: no improvement, so the learning rate η is halved to {rate}",
                    body.position.epoch
                );
                self.channels.log(Level::Info, text);
            }
            ScheduleDecision::End(reason) => body.ended = Some(reason),
        }
    }

    pub(super) fn diverged(&self) -> Outcome {
        let eta = self.state.body.tuning.learning_rate;
        let hint = format!(
            "a cost or weight is no longer a finite number; the learning rate η = {eta} is too \
             large here: try {}",
            eta / 10.0
        );
        Outcome::Diverged { epoch: self.state.body.position.epoch, hint }
    }

    /// Whether every weight and bias is a finite number.
    fn network_is_finite(&self) -> bool {
        self.state.body.network.layers.iter().all(|layer| {
            layer.parameters().iter().all(|(_, array)| array.iter().all(|value| value.is_finite()))
        })
    }
}
