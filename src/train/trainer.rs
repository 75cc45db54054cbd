//! The loop of the training thread: trains on mini-batches and evaluates after each epoch.

#[cfg(test)]
mod allocations;
mod epoch;
mod progress;
mod saver;

use super::channels::RunChannels;
use super::checkpoint::{Body, Checkpoint, CheckpointTrigger, Checkpointer, Position};
use super::control::{Control, NextAction, SafePoint};
use super::data_loader::DataLoader;
use super::learning_check::Evidence;
use super::meter::SpeedMeter;
use super::monitors::{self, Monitor};
use super::probe_service::{LiveState, ProbeService};
use super::snapshots::{self, Snapshots};
use super::test_outputs_file as outputs_file;
use crate::data::Dataset;
use crate::model::ModelError;
use crate::model::evaluator::{EvaluationProgress, Evaluator, training_sample};
use crate::nn::parallel::{StepInput, Stepper};
use crate::nn::{InputKind, Mode, Network};
use crate::protocol::{
    Activity, Classified, Command, EpochStats, Event, LayerStats, LogLevel, Outcome, Tune, Tuned,
};
use crate::spec::describe::threads;
use crossbeam_channel::{Receiver, Sender};
use progress::{EpochWork, progress};
use saver::Saver;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Minimum interval between samples: the progress and frames that are sent to front ends.
const SAMPLE_GAP: Duration = Duration::from_millis(100);
/// Sending samples may take at most 1/`SAMPLE_SHARE` of the time.
const SAMPLE_SHARE: u32 = 50;
/// Interval between attempts to write a model.
const RETRY: Duration = Duration::from_secs(1);

/// Whether to continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Go,
    End,
}

/// The state of the training thread.
#[derive(Debug)]
pub(super) struct Trainer {
    /// The contents of a checkpoint: spec, network, position, tuning, history.
    state: Checkpoint,
    data: Arc<Dataset>,
    /// The indices of the training images that are evaluated.
    sample: Vec<u32>,
    stepper: Stepper,
    loader: DataLoader,
    /// One per thread.
    evaluators: Vec<Evaluator>,
    monitor: Monitor,
    /// Layer statistics of the last measured mini-batch.
    measured: Vec<LayerStats>,
    watch: ProbeService,
    channels: RunChannels,
    meter: SpeedMeter,
    saver: Saver,
    /// See [`crate::train::RunOptions::skip_learning_check`].
    skip_learning_check: bool,
    /// Whether the last message about learning was a warning.
    warned: bool,
    next_sample: Instant,
    /// Duration of the last evaluation in seconds.
    evaluation_seconds: f64,
}

/// What a trainer needs in addition to its initial state.
#[derive(Debug)]
pub(super) struct TrainerSetup {
    pub data: Arc<Dataset>,
    pub control: Control,
    pub checkpointers: Vec<Checkpointer>,
    /// The file that the model is saved to at the end.
    pub save: Option<PathBuf>,
    /// See [`crate::train::RunOptions::keep_trying`].
    pub keep_trying: bool,
    /// See [`crate::train::RunOptions::skip_learning_check`].
    pub skip_learning_check: bool,
    pub commands: Receiver<Command>,
    pub events: Sender<Event>,
}

impl Trainer {
    pub(super) fn new(state: Checkpoint, setup: TrainerSetup) -> Self {
        let TrainerSetup {
            data,
            control,
            checkpointers,
            save,
            keep_trying,
            skip_learning_check,
            commands,
            events,
        } = setup;
        let Checkpoint { spec, body: Body { network, clock, optimizer, .. }, .. } = &state;
        let (batch, threads) = (spec.batch as usize, threads(spec) as usize);
        let mut stepper = Stepper::new(network, batch, threads, spec.optimizer);
        stepper.optimizer_state_mut().clone_from(optimizer);
        let mut loader = DataLoader::new(spec, &data.train, network.outputs());
        if stepper.input_kind(network, batch, Mode::Inference) != InputKind::Dense {
            loader.list_nonzero_pixels(&data.train);
        }
        let channels = RunChannels::new(commands, events, control, loader.batches());
        let saver = Saver::new(checkpointers, save, keep_trying);
        let directory = saver.directory().map(snapshots::directory_beside);
        let snapshots = Snapshots::open(directory, |epoch| state.accuracy_at(epoch));
        let mut watch = ProbeService::new(network, spec.readout, snapshots);
        let Position { epoch, batch } = state.position();
        let known = saver.directory().map(outputs_file::file_beside);
        if let Some(outputs) = known.and_then(|file| outputs_file::read(&file, &state, &data)) {
            watch.set_outputs(epoch, batch, outputs);
        }
        Self {
            sample: training_sample(spec.seed, loader.images()),
            evaluators: (0..stepper.threads())
                .map(|_| Evaluator::new(network, spec.readout))
                .collect(),
            stepper,
            monitor: Monitor::new(network),
            measured: Vec::new(),
            watch,
            saver,
            skip_learning_check,
            warned: false,
            meter: SpeedMeter::resumed(*clock),
            next_sample: Instant::now(),
            evaluation_seconds: 0.0,
            state,
            data,
            loader,
            channels,
        }
    }

    /// The current network.
    pub(super) fn network(&self) -> &Network {
        &self.state.body.network
    }

    /// Trains until the run ends; returns its outcome.
    pub(super) fn run(&mut self) -> Outcome {
        self.report_history();
        loop {
            let epoch = self.state.body.position.epoch;
            let measured = self.state.body.epochs.last().map(|stats| stats.epoch);
            if measured != Some(epoch)
                && let Some(outcome) = self.end_epoch()
            {
                return outcome;
            }
            if let Some(reason) = &self.state.body.ended {
                return Outcome::Completed(reason.clone());
            }
            if epoch >= self.state.spec.epochs {
                return Outcome::Completed(match epoch {
                    1 => "1 epoch trained".into(),
                    _ => format!("all {epoch} epochs trained"),
                });
            }
            if self.handle_commands(SafePoint::Batch) == Flow::End {
                return Outcome::Stopped;
            }
            if self.train_batch() {
                return epoch::diverged(&self.state);
            }
        }
    }

    /// Sends the history of a resumed run, so that its curves are complete.
    fn report_history(&mut self) {
        if let Some(refused) = self.state.refused.take() {
            self.channels.log(LogLevel::Warning, refused);
        }
        let body = &self.state.body;
        for stats in body.epochs.points() {
            self.channels.send(Event::EpochEnded(stats.clone()));
        }
        for tuned in &body.tuned {
            self.channels.send(Event::Tuned(tuned.clone()));
        }
        let Position { epoch, batch } = body.position;
        if body.position != Position::default() {
            let text = format!("resumed after epoch {epoch} and {batch} mini-batches of the next");
            self.channels.log(LogLevel::Info, text);
        }
    }

    /// Saves at the end of the run, then answers probes until all senders of commands are dropped.
    pub(super) fn serve(mut self, outcome: Outcome) -> Network {
        let outcome = self.save_at_end(outcome);
        self.show();
        self.channels.enter(Activity::Finished);
        self.channels.send(Event::Finished(outcome));
        loop {
            if self.evaluate_for_probes() {
                // Commands first, so that a probe that arrived meanwhile is answered before the
                // wait below.
                self.handle_pending();
                self.show_frames();
                continue;
            }
            let Some(command) = self.channels.wait() else { return self.state.body.network };
            self.handle(command);
            self.handle_pending();
            self.show_frames();
        }
    }

    /// Trains on one mini-batch; returns whether its cost, which is checked occasionally, is not
    /// finite. Allocates nothing, except for the statistics that are sent occasionally.
    fn train_batch(&mut self) -> bool {
        let Checkpoint { spec, body, .. } = &mut self.state;
        let Position { epoch, batch } = body.position;
        let (at, batches) = (batch as usize, self.loader.batches());
        let last = at + 1 == batches;
        let start = Instant::now();
        let is_measured = monitors::is_measured(at, batches);
        let keep_gradients =
            is_measured || start >= self.next_sample && self.watch.wants_gradients();
        if keep_gradients {
            self.monitor.before(&body.network);
        }
        let start = Instant::now();
        let mode = Mode::Training { seed: spec.seed, epoch: epoch.into(), step: batch.into() };
        let samples = self.loader.size(batch as usize);
        let kind = self.stepper.input_kind(&body.network, samples, mode);
        self.loader.gather(&self.data.train, (epoch, batch as usize), kind);
        let mut hyper = body.tuning.hyper(self.loader.samples());
        hyper.learning_rate *=
            spec.schedule.factor(body.position.done(self.loader.batches(), spec));
        let then = (epoch, batch as usize + 1);
        let (mini_batch, ahead) = self.loader.batch_and_prefetch(&self.data.train, then, kind);
        let (network, x, y) = (&mut body.network, mini_batch.x(), mini_batch.y());
        let input = StepInput { x, y, hyper: &hyper, mode, keep_gradients };
        if self.stepper.threads() > 1 && !last && !keep_gradients {
            self.stepper.step_beside(network, input, || ahead.gather());
        } else {
            self.stepper.step(network, input);
        }
        let end = Instant::now();
        self.meter.batch(end - start, samples);
        if keep_gradients {
            let stepper = &self.stepper;
            let activations = |layer| stepper.activations(layer);
            self.measured = self.monitor.after(&body.network, stepper.gradients(), activations);
        }
        if is_measured {
            monitors::add_to_means(&mut body.layers, &self.measured, at, batches);
        }
        body.position = if last {
            Position { epoch: epoch + 1, batch: 0 }
        } else {
            Position { epoch, batch: batch + 1 }
        };
        self.channels.batch_done();
        let diverged = end >= self.next_sample && !self.show();
        self.pace(end);
        diverged
    }

    /// In slow motion, handles commands until the next mini-batch is due.
    fn pace(&mut self, now: Instant) {
        let Some(deadline) = self.channels.pacer.wait_until(now) else { return };
        let mut shown = self.next_sample > deadline;
        loop {
            // While an evaluation for a probe is running, do not wait between its chunks.
            let busy = self.evaluate_for_probes();
            let until = match (busy, shown) {
                (true, _) => Instant::now(),
                (false, true) => deadline,
                (false, false) => self.next_sample,
            };
            match self.channels.wait_until(until) {
                Some(command) => {
                    let repaced = matches!(command, Command::Pace(_));
                    self.handle(command);
                    if repaced || self.next(SafePoint::Evaluation) != NextAction::Work {
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

    /// Continues an evaluation needed by a probe; false if there is none.
    fn evaluate_for_probes(&mut self) -> bool {
        let Self { state, watch, evaluators, data, measured, .. } = self;
        let live = live(&state.body, measured);
        watch.work(&mut evaluators[..1], live, data)
    }

    fn next(&mut self, safe_point: SafePoint) -> NextAction {
        self.channels.next(safe_point, self.state.body.position.epoch)
    }

    /// Handles pending commands; blocks while paused.
    fn handle_commands(&mut self, safe_point: SafePoint) -> Flow {
        self.handle_pending();
        if self.evaluate_for_probes() {
            self.show_frames();
        }
        loop {
            match self.next(safe_point) {
                NextAction::End => return Flow::End,
                NextAction::Work => break,
                NextAction::Wait => self.idle(),
            }
        }
        self.channels.enter(match safe_point {
            SafePoint::Batch => Activity::Training,
            SafePoint::Evaluation => Activity::Evaluating,
        });
        Flow::Go
    }

    /// One iteration of a pause: continues an evaluation for a probe, or waits for a command.
    fn idle(&mut self) {
        if self.channels.control.activity() != Activity::Paused {
            self.show();
            self.meter.hold();
            self.channels.pacer.restart();
            self.channels.enter(Activity::Paused);
        }
        if self.evaluate_for_probes() {
            // Commands first, as in `serve`.
            self.handle_pending();
            return self.show_frames();
        }
        let Some(command) = self.channels.wait() else { return self.channels.control.abandon() };
        self.handle(command);
        self.handle_pending();
        self.show_frames();
    }

    /// Evaluates the epoch that was just completed (0: the untrained network) and reports it.
    /// Returns the outcome if the run ends here.
    fn end_epoch(&mut self) -> Option<Outcome> {
        let start = Instant::now();
        let Some(measurement) = self.evaluate() else { return Some(Outcome::Stopped) };
        self.evaluation_seconds = start.elapsed().as_secs_f64();
        let counts = (self.loader.batches(), self.loader.samples());
        let stats = epoch::stats(&self.state, &self.meter, counts, &measurement);
        self.meter.end_epoch();
        let diverged = measurement.diverged() || !epoch::is_finite(self.network());
        let learning = self.check_learning(&stats, &measurement);
        self.synchronize();
        // The test images are used if there are no validation images.
        let accuracy = stats.validation_accuracy.or(stats.test_accuracy);
        self.watch.epoch_ended(measurement.outputs, self.state.without_history(), accuracy);
        self.state.body.epochs.push(stats.clone());
        self.channels.send(Event::EpochEnded(stats.clone()));
        if let Some((level, text)) = learning.filter(|_| !diverged) {
            self.warned = level == LogLevel::Warning;
            self.channels.log(level, text);
        }
        self.show();
        if diverged {
            return Some(epoch::diverged(&self.state));
        }
        if let Some(text) = accuracy.and_then(|a| epoch::observe_accuracy(&mut self.state, a)) {
            self.channels.log(LogLevel::Info, text);
        }
        self.write_checkpoints(CheckpointTrigger::EpochEnded(accuracy));
        None
    }

    /// A warning if the network does not learn, or the end of the last one, unless disabled.
    fn check_learning(
        &self,
        stats: &EpochStats,
        measurement: &EvaluationProgress,
    ) -> Option<(LogLevel, String)> {
        if self.skip_learning_check {
            return None;
        }
        let evidence = Evidence {
            spec: &self.state.spec,
            stats,
            // Those of the last mini-batch, because means over the epoch would hide units that died
            // during it.
            layers: &self.measured,
            test: &self.data.test,
            outputs: measurement.outputs.view(),
            classes: &self.data.classes,
            batches: self.loader.batches(),
        };
        if let Some(text) = evidence.warning() {
            return Some((LogLevel::Warning, text));
        }
        if self.warned { evidence.recovery().map(|text| (LogLevel::Info, text)) } else { None }
    }

    /// Evaluates all three sets; `None` if the run was stopped meanwhile.
    fn evaluate(&mut self) -> Option<EvaluationProgress> {
        let mut measurement = EvaluationProgress::new(&self.state.body.network, &self.data);
        loop {
            let Self { evaluators, stepper, data, sample, .. } = self;
            let network = &self.state.body.network;
            let executor = &mut stepper.executor();
            if !measurement.advance(evaluators, executor, network, data, sample) {
                return Some(measurement);
            }
            if self.handle_commands(SafePoint::Evaluation) == Flow::End {
                return None;
            }
        }
    }

    /// Updates the seconds and the optimizer state for a checkpoint.
    fn synchronize(&mut self) {
        self.state.body.clock = self.meter.clock;
        self.state.body.optimizer.clone_from(self.stepper.optimizer_state());
    }

    /// Writes the checkpoints that are due.
    fn write_checkpoints(&mut self, trigger: CheckpointTrigger) {
        if self.saver.writes_checkpoints() {
            self.synchronize();
            self.saver.write_checkpoints(trigger, &self.state, &self.channels);
        }
    }

    /// Saves a checkpoint and the model on request, if their locations are configured.
    fn save_now(&mut self) {
        if !self.saver.has_target() {
            let text = "no file to save to was given: start with --save or --checkpoint-every";
            return self.channels.log(LogLevel::Warning, text);
        }
        self.write_checkpoints(CheckpointTrigger::Requested);
        if let Err(error) = self.saver.write_model(&self.state, &self.data, &self.channels) {
            self.channels.log(LogLevel::Error, error.to_string());
        }
    }

    /// Saves the final state of a run and returns its outcome, which is a failure if the model
    /// could not be saved. A diverged network does not replace good checkpoints.
    fn save_at_end(&mut self, outcome: Outcome) -> Outcome {
        if let Err(error) = self.watch.write_snapshots() {
            self.channels.log(LogLevel::Error, error.to_string());
        }
        if matches!(outcome, Outcome::Diverged { .. } | Outcome::Failed(_)) {
            return outcome;
        }
        self.saver.write_outputs(&self.state, &self.data, &self.watch);
        self.write_checkpoints(CheckpointTrigger::RunEnded);
        match self.saver.write_model(&self.state, &self.data, &self.channels) {
            Ok(()) => outcome,
            Err(error) if self.saver.keep_trying && self.save_later(&error) => outcome,
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }

    /// Tries every second to write the model, which was meanwhile saved elsewhere; returns false if
    /// a stop is requested first.
    fn save_later(&mut self, error: &ModelError) -> bool {
        let text = format!("{error}; retrying every second; `nntop stop` gives up");
        self.channels.log(LogLevel::Error, text);
        loop {
            let next = Instant::now() + RETRY;
            while let Some(command) = self.channels.wait_until(next) {
                let stop = command == Command::Stop;
                self.handle(command);
                if stop {
                    return false;
                }
                self.show_frames();
            }
            if self.saver.rewrite_model(error, &self.state, &self.data, &self.channels) {
                return true;
            }
        }
    }

    /// Handles pending commands.
    fn handle_pending(&mut self) {
        while let Some(command) = self.channels.poll() {
            self.handle(command);
        }
    }

    /// Handles one command.
    fn handle(&mut self, command: Command) {
        self.channels.apply(&command, self.state.body.position.epoch);
        match command {
            Command::Watch(probes) => {
                self.watch.set(probes);
                // Answered after this mini-batch, without waiting until the next sample is due.
                self.next_sample = Instant::now();
            }
            Command::Set(tune) => self.tune(tune),
            Command::Classify { id, pixels } => self.classify(id, &pixels),
            Command::Save => self.save_now(),
            Command::SaveAs(path) => {
                saver::save_as(Path::new(&path), &self.state, &self.data, &self.channels);
            }
            _ => {}
        }
    }

    /// Sends progress and the frames that are due; returns false if the cost of the last mini-batch
    /// is not finite.
    fn show(&mut self) -> bool {
        let start = Instant::now();
        self.meter.tick(start);
        let cost = self.batch_cost();
        self.channels.send_status();
        let work = EpochWork {
            batches: self.loader.batches(),
            samples: self.loader.samples(),
            interval: self.channels.pacer.interval(),
            evaluation_seconds: self.evaluation_seconds,
        };
        let progress = progress(&self.state, &self.meter, &work, cost);
        self.channels.send(Event::Progress(progress));
        self.show_frames();
        let spent = start.elapsed();
        self.next_sample = start + SAMPLE_GAP.max(spent * SAMPLE_SHARE);
        cost.is_none_or(f64::is_finite)
    }

    /// Sends the frames that are due.
    fn show_frames(&mut self) {
        let live = live(&self.state.body, &self.measured);
        let channels = &self.channels;
        self.watch.answer(live, &self.data, |frame| channels.send(Event::Frame(Box::new(frame))));
    }

    /// The mean cost of the last mini-batch; `None` before the first.
    fn batch_cost(&self) -> Option<f64> {
        let y = self.loader.mini_batch().y();
        (y.nrows() > 0).then(|| self.stepper.cost(&self.state.body.network, y))
    }

    /// Changes a hyper-parameter from the next mini-batch on, or logs why the change is rejected.
    fn tune(&mut self, tune: Tune) {
        let previous = match self.state.body.tuning.change(tune, self.state.spec.optimizer) {
            Ok(previous) => previous,
            Err(reason) => return self.channels.log(LogLevel::Warning, reason),
        };
        let Position { epoch, batch } = self.state.body.position;
        let tuned = Tuned { change: tune, previous, epoch, batch };
        self.state.body.tuned.push(tuned.clone());
        self.channels.send(Event::Tuned(tuned));
    }

    fn classify(&mut self, id: u64, pixels: &[u8]) {
        let expected = self.state.body.network.inputs();
        if pixels.len() != expected {
            let text = format!(
                "an image to classify has {} pixels, but this network takes {expected}",
                pixels.len()
            );
            return self.channels.log(LogLevel::Warning, text);
        }
        let (outputs, prediction) = self.watch.classify(&self.state.body.network, pixels);
        let classified = Classified { id, outputs, prediction, votes: Vec::new() };
        self.channels.send(Event::Classified(classified));
    }
}

/// The state for live probes. Between epochs it has the mean layer statistics of the epoch, within
/// an epoch those of the last measured mini-batch.
fn live<'a>(body: &'a Body, measured: &'a [LayerStats]) -> LiveState<'a> {
    let Position { epoch, batch } = body.position;
    let layers = if batch == 0 || measured.is_empty() { &body.layers } else { measured };
    LiveState { network: &body.network, epoch, batch, layers }
}
