//! What the training thread does for its front ends: progress, frames, tuning, classification.

use super::{Position, Trainer};
use crate::engine::watch::Live;
use crate::nn::{Layer, Penalty};
use crate::protocol::{Classified, Command, Event, Level, Progress, Tune, Tuned};
use std::time::{Duration, Instant};

/// Samples (progress, frames) come at most this often.
const SAMPLE_GAP: Duration = Duration::from_millis(100);
/// One part in so many of the time may go into samples; the next ones wait accordingly.
const SAMPLE_SHARE: u32 = 50;

impl Trainer {
    /// Obeys the commands that have arrived.
    pub(super) fn obey_mail(&mut self) {
        while let Some(command) = self.desk.poll() {
            self.handle(command);
        }
    }

    /// Obeys one command.
    pub(super) fn handle(&mut self, command: Command) {
        self.desk.obey(&command, self.position.epoch);
        match command {
            Command::Watch(probes) => {
                self.watch.set(probes);
                // Answered at the next occasion, without waiting for the next sample's time.
                self.next_sample = Instant::now();
            }
            Command::Set(tune) => self.tune(tune),
            Command::Classify { id, pixels } => self.classify(id, &pixels),
            Command::Save => self.desk.log(Level::Warning, "there is nowhere to save to"),
            _ => {}
        }
    }

    /// Sends progress and the frames that are due; false when the cost of the last mini-batch is
    /// not finite.
    pub(super) fn show(&mut self) -> bool {
        let start = Instant::now();
        self.meter.tick(start);
        let cost = self.batch_cost();
        self.desk.tell_status();
        self.desk.tell(Event::Progress(self.progress(cost)));
        self.show_frames();
        let spent = start.elapsed();
        self.next_sample = start + SAMPLE_GAP.max(spent * SAMPLE_SHARE);
        cost.is_none_or(f64::is_finite)
    }

    /// Sends the frames that are due.
    pub(super) fn show_frames(&mut self) {
        let Position { epoch, batch } = self.position;
        let live = Live { network: &self.network, epoch, batch, layers: &self.layers };
        let desk = &self.desk;
        self.watch.answer(live, &self.data, |frame| desk.tell(Event::Frame(Box::new(frame))));
    }

    /// The mean cost of the last mini-batch, `None` before there was one.
    fn batch_cost(&self) -> Option<f64> {
        let y = self.feed.y();
        (y.nrows() > 0).then(|| self.network.cost.sum(self.tape.outputs(), y) / y.nrows() as f64)
    }

    fn progress(&self, cost: Option<f64>) -> Progress {
        Progress {
            epoch: self.position.epoch,
            batch: self.position.batch,
            batches: self.feed.batches() as u32,
            samples_per_second: self.meter.rate(),
            seconds_left: self.seconds_left(),
            elapsed_seconds: self.meter.elapsed_seconds,
            batch_cost: cost.filter(|cost| cost.is_finite()),
        }
    }

    /// Seconds until the last epoch is done and measured, at the present pace.
    fn seconds_left(&self) -> Option<f64> {
        let rate = self.meter.rate();
        if rate <= 0.0 {
            return None;
        }
        let batches = self.feed.batches() as f64;
        let epochs_left = f64::from(self.spec.epochs) - f64::from(self.position.epoch);
        let batches_left = (epochs_left * batches - f64::from(self.position.batch)).max(0.0);
        let batch = self.train_size as f64 / batches / rate;
        let paced = self.desk.pacer.interval().map_or(0.0, |interval| interval.as_secs_f64());
        Some(batches_left * batch.max(paced) + epochs_left.max(0.0) * self.evaluation_seconds)
    }

    /// Changes a hyper-parameter from the next mini-batch on, or says why not.
    fn tune(&mut self, tune: Tune) {
        let previous = match self.try_tune(tune) {
            Ok(previous) => previous,
            Err(reason) => return self.desk.log(Level::Warning, reason),
        };
        let Position { epoch, batch } = self.position;
        self.desk.tell(Event::Tuned(Tuned { change: tune, previous, epoch, batch }));
    }

    fn try_tune(&mut self, tune: Tune) -> Result<f64, String> {
        match tune {
            Tune::LearningRate(rate) if rate.is_finite() && rate > 0.0 => {
                Ok(std::mem::replace(&mut self.sgd.learning_rate, rate))
            }
            Tune::LearningRate(rate) => {
                Err(format!("the learning rate η cannot become {rate}: give a number above 0"))
            }
            Tune::Regularization(lambda) if lambda.is_finite() && lambda >= 0.0 => {
                let regularizer = &mut self.sgd.regularizer;
                // λ alone says nothing; the book's choice of a penalty is L2.
                if regularizer.penalty == Penalty::None {
                    regularizer.penalty = Penalty::L2;
                }
                Ok(std::mem::replace(&mut regularizer.lambda, lambda))
            }
            Tune::Regularization(lambda) => {
                Err(format!("λ cannot become {lambda}: give a number from 0 on"))
            }
            Tune::Momentum(_) => {
                Err("this run's optimizer has no momentum: start one with momentum".into())
            }
        }
    }

    fn classify(&mut self, id: u64, pixels: &[u8]) {
        let expected = self.network.inputs();
        if pixels.len() != expected {
            let text = format!(
                "an image to classify has {} pixels, but this network takes {expected}",
                pixels.len()
            );
            return self.desk.log(Level::Warning, text);
        }
        let (outputs, prediction) = self.watch.classify(&self.network, pixels);
        let classified = Classified { id, outputs, prediction, votes: Vec::new() };
        self.desk.tell(Event::Classified(classified));
    }

    /// Whether every weight and bias is a finite number.
    pub(super) fn network_is_finite(&self) -> bool {
        self.network.layers.iter().all(|layer| match layer {
            Layer::Dense(dense) => {
                dense.weights.iter().chain(&dense.biases).all(|value| value.is_finite())
            }
        })
    }
}
