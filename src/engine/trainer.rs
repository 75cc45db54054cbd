//! The loop of the training thread: mini-batch after mini-batch, an evaluation after each epoch.

mod service;

use super::Spec;
use super::control::{Control, Gate, Next};
use super::desk::Desk;
use super::feed::Feed;
use super::history::Kept;
use super::meter::Meter;
use super::metrics::{Evaluator, Measurement, regularization_term, training_sample};
use super::monitors::Monitor;
use super::watch::Watch;
use crate::data::Dataset;
use crate::nn::{Gradients, Mode, Network, Sgd, Tape};
use crate::protocol::{Activity, Command, Event, LayerStats, Outcome};
use crossbeam_channel::{Receiver, Sender};
use std::sync::Arc;
use std::time::Instant;

/// Completed epochs, and completed mini-batches of the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    pub epoch: u32,
    pub batch: u32,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Go,
    End,
}

/// Everything the training thread holds.
#[derive(Debug)]
pub(super) struct Trainer {
    spec: Spec,
    data: Arc<Dataset>,
    train_size: usize,
    sample: Vec<u32>,
    network: Network,
    sgd: Sgd,
    tape: Tape,
    gradients: Gradients,
    feed: Feed,
    evaluator: Evaluator,
    monitor: Monitor,
    layers: Vec<LayerStats>,
    watch: Watch,
    desk: Desk,
    meter: Meter,
    position: Position,
    /// The last epoch that was measured.
    measured: Option<u32>,
    next_sample: Instant,
    /// Seconds that the last evaluation took.
    evaluation_seconds: f64,
}

/// What a trainer needs beside its spec.
#[derive(Debug)]
pub(super) struct Setup {
    pub data: Arc<Dataset>,
    pub network: Network,
    pub control: Control,
    pub commands: Receiver<Command>,
    pub events: Sender<Event>,
}

impl Trainer {
    pub(super) fn new(spec: Spec, setup: Setup) -> Self {
        let Setup { data, network, control, commands, events } = setup;
        let available = data.train.len();
        let train_size = spec.train_size.map_or(available, |size| available.min(size as usize));
        let batch = spec.batch as usize;
        let outputs = network.outputs();
        let feed = Feed::new(&data.train, train_size, batch, outputs, spec.readout, spec.seed);
        let desk = Desk::new(commands, events, control, feed.batches());
        Self {
            sample: training_sample(spec.seed, train_size),
            sgd: Sgd { learning_rate: spec.eta, regularizer: spec.regularizer, train_size },
            tape: Tape::new(&network, batch),
            gradients: Gradients::zeros(&network),
            evaluator: Evaluator::new(&network, spec.readout),
            monitor: Monitor::new(&network),
            watch: Watch::new(&network, spec.readout),
            layers: Vec::new(),
            meter: Meter::default(),
            position: Position::default(),
            measured: None,
            next_sample: Instant::now(),
            evaluation_seconds: 0.0,
            spec,
            data,
            train_size,
            network,
            feed,
            desk,
        }
    }

    /// Trains until the run is over, for whatever reason.
    pub(super) fn run(&mut self) -> Outcome {
        loop {
            if self.measured != Some(self.position.epoch)
                && let Some(outcome) = self.end_epoch()
            {
                return outcome;
            }
            if self.position.epoch >= self.spec.epochs {
                return Outcome::Completed(format!("all {} epochs trained", self.spec.epochs));
            }
            if self.attend(Gate::Batch) == Flow::End {
                return Outcome::Stopped;
            }
            if self.train_batch() {
                return self.diverged();
            }
        }
    }

    /// Answers probes until nobody is left to ask.
    pub(super) fn serve(mut self, outcome: Outcome) -> Network {
        self.show();
        self.desk.enter(Activity::Finished);
        self.desk.tell(Event::Finished(outcome));
        loop {
            if self.watch.work(&mut self.evaluator, &self.data) {
                self.show_frames();
                self.obey_mail();
                continue;
            }
            let Some(command) = self.desk.wait() else { return self.network };
            self.handle(command);
            self.obey_mail();
            self.show_frames();
        }
    }

    /// Trains on one mini-batch; true when its cost, looked at now and then, is not finite.
    fn train_batch(&mut self) -> bool {
        let Position { epoch, batch } = self.position;
        let last = batch as usize + 1 == self.feed.batches();
        let start = Instant::now();
        self.feed.open(epoch);
        let samples = self.feed.gather(&self.data.train, batch as usize);
        let looked_at = last || start >= self.next_sample && self.watch.wants_gradients();
        if looked_at {
            self.monitor.before(&self.network);
        }
        let (seed, epoch_name, step) = (self.spec.seed, u64::from(epoch), u64::from(batch));
        let mode = Mode::Training { seed, epoch: epoch_name, step };
        self.network.forward(self.feed.x(), &mut self.tape, mode);
        self.network.backward(self.feed.x(), self.feed.y(), &mut self.tape, &mut self.gradients);
        self.sgd.step(&mut self.network, &self.gradients);
        let end = Instant::now();
        self.meter.batch(end - start, samples);
        if looked_at {
            self.layers = self.monitor.after(&self.network, &self.gradients, &self.tape);
        }
        self.position = if last {
            Position { epoch: epoch + 1, batch: 0 }
        } else {
            Position { epoch, batch: batch + 1 }
        };
        self.desk.batch_done();
        let diverged = end >= self.next_sample && !self.show();
        self.pace(end);
        diverged
    }

    /// In slow motion, waits for the next mini-batch's time, obeying commands meanwhile.
    fn pace(&mut self, now: Instant) {
        let Some(deadline) = self.desk.pacer.wait_until(now) else { return };
        let mut shown = self.next_sample > deadline;
        loop {
            // Work for a probe goes on while there is time; then the wait is over at once.
            let busy = self.watch.work(&mut self.evaluator, &self.data);
            let until = match (busy, shown) {
                (true, _) => Instant::now(),
                (false, true) => deadline,
                (false, false) => self.next_sample,
            };
            match self.desk.wait_until(until) {
                Some(command) => {
                    let repaced = matches!(command, Command::Pace(_));
                    self.handle(command);
                    let next = self.desk.next(Gate::Evaluation, self.position.epoch);
                    if repaced || next != Next::Work {
                        return;
                    }
                    self.show_frames();
                }
                None if busy && Instant::now() < deadline => self.show_frames(),
                None if shown || busy => return,
                None => {
                    self.show();
                    shown = true;
                }
            }
        }
    }

    /// Measures the epoch that was just completed (0: the untrained network) and tells it. The
    /// run's outcome when it ends here.
    fn end_epoch(&mut self) -> Option<Outcome> {
        let epoch = self.position.epoch;
        let start = Instant::now();
        let mut measurement = Measurement::new(&self.network, &self.data);
        while measurement.advance(&mut self.evaluator, &self.network, &self.data, &self.sample) {
            if self.attend(Gate::Evaluation) == Flow::End {
                return Some(Outcome::Stopped);
            }
        }
        self.evaluation_seconds = start.elapsed().as_secs_f64();
        let term = regularization_term(&self.network, self.sgd.regularizer, self.train_size);
        let mut stats = measurement.stats(term);
        stats.epoch = epoch;
        stats.train_seconds = self.meter.epoch_seconds;
        stats.samples_per_second = self.meter.epoch_rate();
        stats.learning_rate = self.sgd.learning_rate;
        stats.layers.clone_from(&self.layers);
        self.meter.end_epoch();
        self.measured = Some(epoch);
        let diverged = measurement.diverged() || !self.network_is_finite();
        let kept = Kept { epoch, network: self.network.clone(), layers: self.layers.clone() };
        self.watch.epoch_ended(kept, measurement.outputs);
        self.desk.tell(Event::EpochEnded(stats));
        self.show();
        diverged.then(|| self.diverged())
    }

    fn diverged(&self) -> Outcome {
        let eta = self.sgd.learning_rate;
        let hint = format!(
            "a cost or weight is no longer a finite number; the learning rate η = {eta} is too \
             large here: try {}",
            eta / 10.0
        );
        Outcome::Diverged { epoch: self.position.epoch, hint }
    }

    /// Obeys the commands that have arrived; blocks while paused.
    fn attend(&mut self, gate: Gate) -> Flow {
        self.obey_mail();
        if self.watch.work(&mut self.evaluator, &self.data) {
            self.show_frames();
        }
        loop {
            match self.desk.next(gate, self.position.epoch) {
                Next::End => return Flow::End,
                Next::Work => break,
                Next::Wait => self.idle(),
            }
        }
        self.desk.enter(match gate {
            Gate::Batch => Activity::Training,
            Gate::Evaluation => Activity::Evaluating,
        });
        Flow::Go
    }

    /// One turn of a pause: some work for a probe, or a wait for the next command.
    fn idle(&mut self) {
        if self.desk.control.activity() != Activity::Paused {
            self.show();
            self.meter.hold();
            self.desk.pacer.restart();
            self.desk.enter(Activity::Paused);
        }
        if self.watch.work(&mut self.evaluator, &self.data) {
            self.show_frames();
            return self.obey_mail();
        }
        let Some(command) = self.desk.wait() else { return self.desk.control.abandon() };
        self.handle(command);
        self.obey_mail();
        self.show_frames();
    }
}
