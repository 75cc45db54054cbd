//! What the training thread does for its front ends: progress, frames, tuning, classification.

use super::{Position, Trainer};
use crate::nn::Penalty;
use crate::protocol::{Classified, Command, Event, Level, Progress, Tune, Tuned};
use crate::spec::Optimizer;
use crate::train::probe_service::Live;
use std::path::Path;
use std::time::{Duration, Instant};

/// Samples (progress, frames) come at most this often.
const SAMPLE_GAP: Duration = Duration::from_millis(100);
/// One part in so many of the time may go into samples; the next ones wait accordingly.
const SAMPLE_SHARE: u32 = 50;
/// The largest learning rate that is taken for meant.
const HIGHEST_RATE: f64 = 1e6;

impl Trainer {
    /// Obeys the commands that have arrived.
    pub(super) fn obey_mail(&mut self) {
        while let Some(command) = self.channels.poll() {
            self.handle(command);
        }
    }

    /// Obeys one command.
    pub(super) fn handle(&mut self, command: Command) {
        self.channels.obey(&command, self.state.body.position.epoch);
        match command {
            Command::Watch(probes) => {
                self.watch.set(probes);
                // Answered at the next occasion, without waiting for the next sample's time.
                self.next_sample = Instant::now();
            }
            Command::Set(tune) => self.tune(tune),
            Command::Classify { id, pixels } => self.classify(id, &pixels),
            Command::Save => self.save_now(),
            Command::SaveAs(path) => self.save_as(Path::new(&path)),
            _ => {}
        }
    }

    /// Sends progress and the frames that are due; false when the cost of the last mini-batch is
    /// not finite.
    pub(super) fn show(&mut self) -> bool {
        let start = Instant::now();
        self.meter.tick(start);
        let cost = self.batch_cost();
        self.channels.tell_status();
        self.channels.tell(Event::Progress(self.progress(cost)));
        self.show_frames();
        let spent = start.elapsed();
        self.next_sample = start + SAMPLE_GAP.max(spent * SAMPLE_SHARE);
        cost.is_none_or(f64::is_finite)
    }

    /// Sends the frames that are due.
    pub(super) fn show_frames(&mut self) {
        let body = &self.state.body;
        let Position { epoch, batch } = body.position;
        let live = Live { network: &body.network, epoch, batch, layers: &body.layers };
        let channels = &self.channels;
        self.watch.answer(live, &self.data, |frame| channels.tell(Event::Frame(Box::new(frame))));
    }

    /// The mean cost of the last mini-batch, `None` before there was one.
    fn batch_cost(&self) -> Option<f64> {
        let y = self.loader.mini_batch().y();
        (y.nrows() > 0).then(|| self.stepper.cost(&self.state.body.network, y))
    }

    fn progress(&self, cost: Option<f64>) -> Progress {
        let Position { epoch, batch } = self.state.body.position;
        Progress {
            epoch,
            batch,
            batches: self.loader.batches() as u32,
            samples_per_second: self.meter.rate(),
            seconds_left: self.seconds_left(),
            elapsed_seconds: self.meter.clock.elapsed_seconds,
            batch_cost: cost.filter(|cost| cost.is_finite()),
        }
    }

    /// Seconds until the last epoch is done and measured, at the present pace.
    fn seconds_left(&self) -> Option<f64> {
        let rate = self.meter.rate();
        if rate <= 0.0 {
            return None;
        }
        let at = self.state.body.position;
        let batches = self.loader.batches() as f64;
        let epochs_left = f64::from(self.state.spec.epochs) - f64::from(at.epoch);
        let batches_left = (epochs_left * batches - f64::from(at.batch)).max(0.0);
        let batch = self.loader.samples() as f64 / batches / rate;
        let paced = self.channels.pacer.interval().map_or(0.0, |interval| interval.as_secs_f64());
        Some(batches_left * batch.max(paced) + epochs_left.max(0.0) * self.evaluation_seconds)
    }

    /// Changes a hyper-parameter from the next mini-batch on, or says why not.
    fn tune(&mut self, tune: Tune) {
        let previous = match self.try_tune(tune) {
            Ok(previous) => previous,
            Err(reason) => return self.channels.log(Level::Warning, reason),
        };
        let Position { epoch, batch } = self.state.body.position;
        let tuned = Tuned { change: tune, previous, epoch, batch };
        self.state.body.tuned.push(tuned.clone());
        self.channels.tell(Event::Tuned(tuned));
    }

    fn try_tune(&mut self, tune: Tune) -> Result<f64, String> {
        let tuning = &mut self.state.body.tuning;
        match tune {
            Tune::LearningRate(rate) if rate > 0.0 && rate <= HIGHEST_RATE => {
                Ok(std::mem::replace(&mut tuning.learning_rate, rate))
            }
            Tune::LearningRate(rate) => Err(format!(
                "the learning rate η cannot become {rate}: give a number above 0, at most \
                     {HIGHEST_RATE}"
            )),
            Tune::Regularization(lambda) if lambda.is_finite() && lambda >= 0.0 => {
                let regularizer = &mut tuning.regularizer;
                // λ alone says nothing; the book's choice of a penalty is L2.
                if regularizer.penalty == Penalty::None {
                    regularizer.penalty = Penalty::L2;
                }
                Ok(std::mem::replace(&mut regularizer.lambda, lambda))
            }
            Tune::Regularization(lambda) => {
                Err(format!("λ cannot become {lambda}: give a number from 0 on"))
            }
            Tune::Momentum(_)
                if !matches!(
                    self.state.spec.optimizer,
                    Optimizer::Momentum | Optimizer::Nesterov
                ) =>
            {
                Err("this run's optimizer has no momentum: start one with `momentum`".into())
            }
            Tune::Momentum(momentum) if (0.0..1.0).contains(&momentum) => {
                Ok(std::mem::replace(&mut tuning.momentum, momentum))
            }
            Tune::Momentum(momentum) => {
                Err(format!("μ cannot become {momentum}: give a number from 0 to under 1"))
            }
        }
    }

    fn classify(&mut self, id: u64, pixels: &[u8]) {
        let expected = self.state.body.network.inputs();
        if pixels.len() != expected {
            let text = format!(
                "an image to classify has {} pixels, but this network takes {expected}",
                pixels.len()
            );
            return self.channels.log(Level::Warning, text);
        }
        let (outputs, prediction) = self.watch.classify(&self.state.body.network, pixels);
        let classified = Classified { id, outputs, prediction, votes: Vec::new() };
        self.channels.tell(Event::Classified(classified));
    }
}
