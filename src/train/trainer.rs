//! The loop of the training thread: mini-batch after mini-batch, an evaluation after each epoch.

mod epoch;
mod keep;
mod service;

use super::channels::RunChannels;
use super::checkpoint::{Body, Checkpoint, Checkpointer, Position};
use super::control::{Control, NextAction, SafePoint};
use super::data_loader::DataLoader;
use super::meter::Meter;
use super::monitors::Monitor;
use super::probe_service::{Live, ProbeService};
use super::snapshots::{self, Snapshots};
use super::test_outputs_file as outputs_file;
use crate::data::Dataset;
use crate::model::evaluator::{Evaluator, training_sample};
use crate::nn::parallel::{StepInput, Stepper};
use crate::nn::{InputKind, Mode, Network};
use crate::protocol::{Activity, Command, Event, Level, Outcome};
use crate::spec::describe::threads;
use crossbeam_channel::{Receiver, Sender};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Go,
    End,
}

/// Everything the training thread holds.
#[derive(Debug)]
pub(super) struct Trainer {
    /// What a checkpoint keeps: spec, network, position, tuning, history.
    state: Checkpoint,
    data: Arc<Dataset>,
    /// The training images that are measured.
    sample: Vec<u32>,
    stepper: Stepper,
    loader: DataLoader,
    /// One for each thread.
    evaluators: Vec<Evaluator>,
    monitor: Monitor,
    watch: ProbeService,
    channels: RunChannels,
    meter: Meter,
    checkpointers: Vec<Checkpointer>,
    save: Option<PathBuf>,
    keep_trying: bool,
    /// The directory of the run's own checkpoints, where it has one.
    own: Option<PathBuf>,
    /// Nothing is said of a network that does not learn.
    unwatched: bool,
    next_sample: Instant,
    /// Seconds that the last evaluation took.
    evaluation_seconds: f64,
}

/// What a trainer needs beside the state it starts from.
#[derive(Debug)]
pub(super) struct Setup {
    pub data: Arc<Dataset>,
    pub control: Control,
    pub checkpointers: Vec<Checkpointer>,
    /// Where the model goes at the end.
    pub save: Option<PathBuf>,
    /// See [`crate::train::RunOptions::keep_trying`].
    pub keep_trying: bool,
    /// Say nothing of a network that does not learn.
    pub unwatched: bool,
    pub commands: Receiver<Command>,
    pub events: Sender<Event>,
}

impl Trainer {
    pub(super) fn new(state: Checkpoint, setup: Setup) -> Self {
        let Setup { data, control, checkpointers, save, keep_trying, unwatched, commands, events } =
            setup;
        let Checkpoint { spec, body: Body { network, clock, optimizer, .. }, .. } = &state;
        let (batch, threads) = (spec.batch as usize, threads(spec) as usize);
        let mut stepper = Stepper::new(network, batch, threads, spec.optimizer);
        stepper.optimizer_state_mut().clone_from(optimizer);
        let mut loader = DataLoader::new(spec, &data.train, network.outputs());
        if stepper.input_kind(network, batch, Mode::Inference) != InputKind::Dense {
            loader.find_ink(&data.train);
        }
        let channels = RunChannels::new(commands, events, control, loader.batches());
        let own = checkpointers.iter().find_map(Checkpointer::own_directory).map(Path::to_path_buf);
        let directory = own.as_deref().map(snapshots::directory_beside);
        let snapshots = Snapshots::open(directory, |epoch| state.accuracy_at(epoch));
        let mut watch = ProbeService::new(network, spec.readout, snapshots);
        let Position { epoch, batch } = state.position();
        let known = own.as_deref().map(outputs_file::file_beside);
        if let Some(outputs) = known.and_then(|file| outputs_file::read(&file, &state, &data)) {
            watch.know(epoch, batch, outputs);
        }
        Self {
            sample: training_sample(spec.seed, loader.images()),
            evaluators: (0..stepper.threads())
                .map(|_| Evaluator::new(network, spec.readout))
                .collect(),
            stepper,
            monitor: Monitor::new(network),
            watch,
            own,
            unwatched,
            meter: Meter::resumed(*clock),
            next_sample: Instant::now(),
            evaluation_seconds: 0.0,
            state,
            data,
            loader,
            channels,
            checkpointers,
            save,
            keep_trying,
        }
    }

    /// Trains until the run is over, for whatever reason.
    pub(super) fn run(&mut self) -> Outcome {
        self.train()
    }

    /// The network as it stands.
    pub(super) fn network(&self) -> &Network {
        &self.state.body.network
    }

    fn train(&mut self) -> Outcome {
        self.recall();
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
                    1 => "the only epoch trained".into(),
                    _ => format!("all {epoch} epochs trained"),
                });
            }
            if self.attend(SafePoint::Batch) == Flow::End {
                return Outcome::Stopped;
            }
            if self.train_batch() {
                return self.diverged();
            }
        }
    }

    /// Tells the history of a resumed run, so that its curves go on unbroken.
    fn recall(&mut self) {
        if let Some(refused) = self.state.refused.take() {
            self.channels.log(Level::Warning, refused);
        }
        let body = &self.state.body;
        for stats in body.epochs.points() {
            self.channels.tell(Event::EpochEnded(stats.clone()));
        }
        for tuned in &body.tuned {
            self.channels.tell(Event::Tuned(tuned.clone()));
        }
        let Position { epoch, batch } = body.position;
        if body.position != Position::default() {
            let text = format!("resumed after epoch {epoch} and {batch} mini-batches of the next");
            self.channels.log(Level::Info, text);
        }
    }

    /// Keeps what is to be kept, and answers probes until nobody is left to ask.
    pub(super) fn serve(mut self, outcome: Outcome) -> Network {
        let outcome = self.keep_at_end(outcome);
        self.show();
        self.channels.enter(Activity::Finished);
        self.channels.tell(Event::Finished(outcome));
        loop {
            if self.look_back() {
                self.show_frames();
                self.obey_mail();
                continue;
            }
            let Some(command) = self.channels.wait() else { return self.state.body.network };
            self.handle(command);
            self.obey_mail();
            self.show_frames();
        }
    }

    /// Trains on one mini-batch; true when its cost, looked at now and then, is not finite.
    fn train_batch(&mut self) -> bool {
        let Checkpoint { spec, body, .. } = &mut self.state;
        let Position { epoch, batch } = body.position;
        let last = batch as usize + 1 == self.loader.batches();
        let start = Instant::now();
        let keep_gradients = last || start >= self.next_sample && self.watch.wants_gradients();
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
            body.layers = self.monitor.after(&body.network, stepper.gradients(), activations);
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

    /// In slow motion, waits for the next mini-batch's time, obeying commands meanwhile.
    fn pace(&mut self, now: Instant) {
        let Some(deadline) = self.channels.pacer.wait_until(now) else { return };
        let mut shown = self.next_sample > deadline;
        loop {
            // Work for a probe goes on while there is time; then the wait is over at once.
            let busy = self.look_back();
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

    /// Some work for a probe of a past epoch; false where there is none to do.
    fn look_back(&mut self) -> bool {
        let Self { state, watch, evaluators, data, .. } = self;
        let Position { epoch, batch } = state.position();
        let live = Live { network: &state.body.network, epoch, batch, layers: &state.body.layers };
        watch.work(&mut evaluators[..1], live, data)
    }

    fn next(&mut self, safe_point: SafePoint) -> NextAction {
        self.channels.next(safe_point, self.state.body.position.epoch)
    }

    /// Obeys the commands that have arrived; blocks while paused.
    fn attend(&mut self, safe_point: SafePoint) -> Flow {
        self.obey_mail();
        if self.look_back() {
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

    /// One turn of a pause: some work for a probe, or a wait for the next command.
    fn idle(&mut self) {
        if self.channels.control.activity() != Activity::Paused {
            self.show();
            self.meter.hold();
            self.channels.pacer.restart();
            self.channels.enter(Activity::Paused);
        }
        if self.look_back() {
            self.show_frames();
            return self.obey_mail();
        }
        let Some(command) = self.channels.wait() else { return self.channels.control.abandon() };
        self.handle(command);
        self.obey_mail();
        self.show_frames();
    }
}
