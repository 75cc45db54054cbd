//! The script of a command: what it reports, and the requests sent to it.

use super::out::EventSender;
use super::status::CommandState;
use crate::protocol::{
    Content, Event, Frame, LogLevel, Mark, MarkKind, Media, Moment, Probe, ProbeQuery, Progress,
    RunInfo, RunKind, SavedFile, Tunable,
};
use crate::session::record::now;
use crate::session::reporter::{
    self, Acknowledgement, AnsweredRequest, Message, ReportedPredictions, Reporter, ReporterEvent,
    ScriptRequest,
};
use crate::session::run_dir::RunDir;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Instant;

/// Shown instead of a model that is not watched.
const NO_MODEL: &str = "the script shows no model: call `run.watch(model)`";
/// Shown instead of predictions that were not reported.
const NO_PREDICTIONS: &str =
    "the script reports no predictions: call `run.predictions(labels, probabilities, images)`";
/// Shown for earlier epochs, which are not stored for a command.
const NO_PAST: &str = "earlier epochs of a command are not available";

/// How a script reported its own end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ReportedEnd {
    Completed,
    Failed(String),
}

/// What a script has reported so far.
#[derive(Debug)]
pub(super) struct ScriptState {
    pub info: RunInfo,
    /// Completed steps.
    pub step: i64,
    predictions: Option<ReportedPredictions>,
    /// Values that were changed and not yet confirmed by a step, with the previous value.
    changed: BTreeMap<String, f64>,
    /// The checkpoint after which the script ends, if that was requested.
    pub ended_at: Option<String>,
    /// The script's own report of its end.
    pub ended: Option<ReportedEnd>,
    /// The process of the script.
    pid: u32,
    /// Whether dropped samples were reported to the user.
    dropped: bool,
    started: Instant,
}

impl ScriptState {
    fn new(info: RunInfo) -> Self {
        Self {
            info,
            step: 0,
            predictions: None,
            changed: BTreeMap::new(),
            ended_at: None,
            ended: None,
            pid: 0,
            dropped: false,
            started: Instant::now(),
        }
    }
}

/// The script of a command. It may connect and report.
#[derive(Debug)]
pub(super) struct Script {
    run: RunDir,
    out: EventSender,
    /// The state of the command.
    pub state: CommandState,
    reporter: Option<Reporter>,
    /// What the script has reported so far.
    pub reported: ScriptState,
    /// Set once the script reports metrics, for the reader of the output.
    metrics_reported: Arc<AtomicBool>,
    /// Completed steps, for the thread that measures resource usage.
    pub shared_step: Arc<AtomicI64>,
    watched: Vec<Probe>,
    /// When the probes are polled next.
    pub next_poll: Option<Instant>,
}

impl Script {
    pub(super) fn new(
        run: &RunDir,
        title: String,
        out: EventSender,
        metrics_reported: Arc<AtomicBool>,
    ) -> Self {
        let info = RunInfo { kind: RunKind::Command, title, ..RunInfo::default() };
        Self {
            run: run.clone(),
            out,
            state: CommandState::default(),
            reporter: None,
            reported: ScriptState::new(info),
            metrics_reported,
            shared_step: Arc::default(),
            watched: Vec::new(),
            next_poll: None,
        }
    }

    /// Whether a script is connected.
    pub(super) fn reports(&self) -> bool {
        self.reporter.is_some()
    }

    /// Whether the script can write a checkpoint on request.
    pub(super) fn can_save(&self) -> bool {
        self.reporter.as_ref().is_some_and(|reporter| reporter.can_save)
    }

    /// Sends a request to the script; returns whether that was possible.
    pub(super) fn request(&mut self, request: ScriptRequest) -> bool {
        let sent = self.reporter.as_mut().is_some_and(|reporter| reporter.request(request));
        if !sent {
            self.out.refuse("cannot reach the script: it does not read its commands");
        }
        sent
    }

    /// Closes the connection of the script.
    pub(super) fn disconnect(&mut self) {
        self.reporter = None;
    }

    /// Sends the status of the command.
    pub(super) fn send_status(&self) {
        self.out.send(Event::StatusChanged(self.state.status()));
    }

    /// Adds a mark at this step to the charts.
    pub(super) fn mark(&self, kind: MarkKind) {
        let (step, wall_time) = (self.reported.step, now());
        self.out.send(Event::Mark(Mark { kind, step, wall_time }));
    }

    /// Replaces the set of watched probes.
    pub(super) fn watch(&mut self, probes: &[Probe]) {
        self.watched = probes.to_vec();
        self.poll_probes();
    }

    pub(super) fn take_report(&mut self, report: ReporterEvent) {
        match report {
            ReporterEvent::Connected { number, commands, hello } => {
                let text =
                    format!("a script has connected: {}, process {}", hello.client, hello.pid);
                self.out.log(LogLevel::Info, text);
                (self.reported.ended, self.reported.pid) = (None, hello.pid);
                self.reporter = Some(Reporter::new(number, commands));
                self.state.reports = true;
                self.send_status();
                self.poll_probes();
            }
            ReporterEvent::Message(number, message) if self.is_current(number) => {
                self.take_message(*message);
            }
            ReporterEvent::Gone(number) if self.is_current(number) => self.lose_reporter(),
            ReporterEvent::Message(..) | ReporterEvent::Gone(_) => {}
        }
    }

    fn is_current(&self, number: u64) -> bool {
        self.reporter.as_ref().is_some_and(|reporter| reporter.number == number)
    }

    /// Handles a closed connection: the script runs on its own, or has ended.
    fn lose_reporter(&mut self) {
        self.reporter = None;
        self.next_poll = None;
        let state = &mut self.state;
        let was_held = std::mem::take(&mut state.held);
        (state.hold_requested, state.steps_left, state.reports) = (false, None, false);
        if was_held {
            self.mark(MarkKind::Resumed);
        }
        if self.reported.ended.is_none() {
            let pid = self.reported.pid;
            self.out.warn(format!(
                "the script (process {pid}) ended without reporting how; it may have been killed"
            ));
        }
        self.out.log(LogLevel::Info, "the script has disconnected".into());
        self.send_status();
    }

    fn take_message(&mut self, message: Message) {
        match message {
            Message::Metrics(metrics) => {
                self.metrics_reported.store(true, Ordering::Relaxed);
                self.out.send(Event::Metrics(metrics));
            }
            Message::Config(pairs) => self.describe(|info| {
                for (name, value) in pairs {
                    match info.config.iter_mut().find(|(known, _)| *known == name) {
                        Some((_, known)) => *known = value,
                        None => info.config.push((name, value)),
                    }
                }
            }),
            Message::Media(media) => self.take_media(media),
            Message::Predictions(predictions) => self.take_predictions(*predictions),
            Message::Layers(layers) => {
                if let Some(reporter) = &mut self.reporter {
                    reporter.has_layers = true;
                }
                self.describe(|info| {
                    info.parameters = layers.iter().map(|layer| layer.weights + layer.biases).sum();
                    info.layers = layers;
                });
                self.poll_probes();
            }
            Message::CanSave => {
                if let Some(reporter) = &mut self.reporter {
                    reporter.can_save = true;
                }
            }
            Message::Tunable { name, value, step } => {
                let previous = self.reported.changed.remove(&name);
                if previous.is_some() {
                    self.mark(MarkKind::Changed);
                }
                let in_force = true;
                self.out.send(Event::Tunable(Tunable { name, value, previous, step, in_force }));
            }
            Message::Note { level, text } => self.out.log(level, text),
            Message::Held { held, step } => self.take_held(held, step),
            Message::Answer(answer) => self.take_answer(answer),
            Message::At(step) => self.advance(step),
            Message::Dropped(count) => {
                if !std::mem::replace(&mut self.reported.dropped, true) {
                    self.out.warn(format!(
                        "{count} samples of the script were dropped: it reports faster than they \
                         can be sent"
                    ));
                }
            }
            Message::End(failed) => {
                if let Some(reason) = &failed {
                    self.out.log(LogLevel::Error, format!("the script failed: {reason}"));
                }
                self.reported.ended =
                    Some(failed.map_or(ReportedEnd::Completed, ReportedEnd::Failed));
            }
            Message::Unknown => {}
        }
    }

    /// Changes the description of the run and sends it if it differs.
    fn describe(&mut self, change: impl FnOnce(&mut RunInfo)) {
        let before = self.reported.info.clone();
        change(&mut self.reported.info);
        if self.reported.info != before {
            self.out.send(Event::Described(Box::new(self.reported.info.clone())));
        }
    }

    fn advance(&mut self, step: i64) {
        self.reported.step = step;
        self.shared_step.store(step, Ordering::Relaxed);
        let elapsed_seconds = self.reported.started.elapsed().as_secs_f64();
        let batch = self.step_for_screens();
        self.out.send(Event::Progress(Progress { batch, elapsed_seconds, ..Progress::default() }));
    }

    /// The step as a mini-batch number.
    fn step_for_screens(&self) -> u32 {
        u32::try_from(self.reported.step.max(0)).unwrap_or(u32::MAX)
    }

    fn take_held(&mut self, held: bool, step: i64) {
        self.advance(step);
        let was_held = std::mem::replace(&mut self.state.held, held);
        if held {
            (self.state.hold_requested, self.state.steps_left) = (false, None);
        }
        if held != was_held {
            self.mark(if held { MarkKind::Held } else { MarkKind::Resumed });
        }
        self.send_status();
    }

    fn take_media(&mut self, media: Media) {
        self.out.send(Event::Media(Box::new(media)));
    }

    fn take_predictions(&mut self, predictions: ReportedPredictions) {
        let [width, height, channels] = predictions.image;
        let (count, classes) = (predictions.count() as u32, predictions.classes.clone());
        if let Err(error) = predictions.store(&self.run) {
            self.out.warn(format!("the predictions cannot be stored: {error}"));
        }
        self.reported.predictions = Some(predictions);
        self.describe(|info| {
            (info.image_width, info.image_height, info.image_channels) = (width, height, channels);
            (info.test_size, info.classes) = (count, classes);
        });
        self.poll_probes();
    }

    fn take_answer(&mut self, answer: Acknowledgement) {
        let Some(reporter) = &mut self.reporter else { return };
        let Some(AnsweredRequest { request, answer }) = reporter.take(answer) else { return };
        match (request, &answer.error) {
            (ScriptRequest::Probe(probe), _) => {
                self.show(probe, answer);
                self.poll_probes();
            }
            (ScriptRequest::Set { name, .. }, Some(error)) => {
                self.out.refuse(&format!("{name} was not changed: {error}"));
            }
            (ScriptRequest::Set { name, .. }, None) => self.take_change(name, &answer),
            (ScriptRequest::Save { .. }, Some(error)) => {
                self.out.refuse(&format!("no checkpoint was written: {error}"));
            }
            (ScriptRequest::Save { end }, None) => self.take_checkpoint(answer, end),
            (
                ScriptRequest::Hold
                | ScriptRequest::Resume
                | ScriptRequest::Step(_)
                | ScriptRequest::Stop,
                Some(error),
            ) => {
                self.out.refuse(error);
            }
            (
                ScriptRequest::Hold
                | ScriptRequest::Resume
                | ScriptRequest::Step(_)
                | ScriptRequest::Stop,
                None,
            ) => {}
        }
    }

    fn take_change(&mut self, name: String, answer: &Acknowledgement) {
        let name = answer.name.clone().unwrap_or(name);
        let value = Acknowledgement::number(answer.value.as_ref()).unwrap_or(f64::NAN);
        let previous = Acknowledgement::number(answer.previous.as_ref()).unwrap_or(f64::NAN);
        self.reported.changed.insert(name.clone(), previous);
        self.out.send(Event::Tunable(Tunable {
            name,
            value,
            previous: Some(previous),
            step: answer.step,
            in_force: false,
        }));
    }

    fn take_checkpoint(&mut self, answer: Acknowledgement, end: bool) {
        let Some(path) = answer.path else {
            return self.out.refuse("no checkpoint was written: the script named no file");
        };
        self.reported.step = answer.step;
        self.mark(MarkKind::Saved);
        let batch = self.step_for_screens();
        let saved = SavedFile { path: path.clone(), epoch: 0, batch, bytes: answer.bytes };
        self.out.send(Event::Saved(saved));
        if end {
            self.reported.ended_at = Some(path);
        }
    }

    /// Answers the watched probes: predictions at once, those of a model by a request to the
    /// script.
    pub(super) fn poll_probes(&mut self) {
        let mut requests = Vec::new();
        for probe in &self.watched {
            match self.local_answer(probe) {
                Some(content) => self.show_content(probe.clone(), content),
                None => requests.push(probe.clone()),
            }
        }
        self.next_poll =
            self.reporter.as_mut().and_then(|reporter| reporter.poll_probes(&requests));
    }

    /// The answer to a probe that needs no request to the script.
    fn local_answer(&self, probe: &Probe) -> Option<Content> {
        let unavailable = |why: &str| Some(Content::Unavailable(why.into()));
        match &probe.what {
            ProbeQuery::Snapshots => Some(Content::Snapshots { epochs: Vec::new() }),
            _ if probe.at != Moment::Live => unavailable(NO_PAST),
            ProbeQuery::Digits(_) | ProbeQuery::Digit { .. } | ProbeQuery::Confusion => {
                let predictions = self.reported.predictions.as_ref();
                let answer = predictions.and_then(|predictions| predictions.answer(&probe.what));
                answer.or_else(|| unavailable(NO_PREDICTIONS))
            }
            _ if self.reporter.as_ref().is_some_and(|reporter| reporter.has_layers) => None,
            _ => unavailable(NO_MODEL),
        }
    }

    fn show(&mut self, probe: Probe, answer: Acknowledgement) {
        self.reported.step = self.reported.step.max(answer.step);
        let content = match (answer.error, answer.frame) {
            (Some(error), _) => Content::Unavailable(error),
            (None, Some(frame)) => {
                reporter::content(&probe.what, frame).unwrap_or_else(Content::Unavailable)
            }
            (None, None) => Content::Unavailable("the script gave no answer".into()),
        };
        if let Content::Activations { layers } = &content {
            let shapes: Vec<[u32; 3]> = layers.iter().map(|tensor| tensor.shape).collect();
            self.describe(|info| {
                for (layer, shape) in info.layers.iter_mut().zip(shapes) {
                    layer.output = shape;
                }
            });
        }
        self.show_content(probe, content);
    }

    fn show_content(&self, probe: Probe, content: Content) {
        let step = match (&probe.what, &self.reported.predictions) {
            (
                ProbeQuery::Digits(_) | ProbeQuery::Digit { .. } | ProbeQuery::Confusion,
                Some(predictions),
            ) => u32::try_from(predictions.step.max(0)).unwrap_or(u32::MAX),
            _ => self.step_for_screens(),
        };
        self.out.send(Event::Frame(Box::new(Frame { probe, epoch: 0, batch: step, content })));
    }
}
