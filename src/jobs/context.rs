//! The context of a job: budgets, seeds, data, training, figures, claims.

use super::ExperimentError;
use super::channels::JobChannels;
use super::options::Options;
use super::parallel_runs::ParallelRuns;
use super::run::{PlannedRun, TrainedRun, TrainingRecord};
use crate::data::Dataset;
use crate::model::Model;
use crate::protocol::{
    Activity, Claim, Command, EpochStats, Event, Figure, FigureBody, LogLevel, Outcome, Quantity,
    RunInfo, RunKind,
};
use crate::spec::Spec;
use crate::train::open_model;
use crossbeam_channel::{Receiver, Sender};
use std::path::Path;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

/// Interval between attempts to write a model.
const RETRY: Duration = Duration::from_secs(1);
/// Number of seeds for a result that is a median.
const SEEDS: u64 = 3;

/// Trains networks, shows figures and checks claims for an experiment, and handles the commands of
/// the front ends.
#[derive(Debug)]
pub struct JobContext {
    id: &'static str,
    options: Options,
    channels: JobChannels,
    data: Option<Arc<Dataset>>,
    /// Number of claims with a verdict, and of those that hold.
    claims: u32,
    holding: u32,
    /// Number of claims without a verdict, because they need the full budget.
    unchecked: u32,
    /// Whether the budget suffices for the claims.
    suffices: bool,
}

/// How far a measured number may be from the book's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tolerance {
    /// At most this far above or below.
    Within(f64),
    /// At most this far below; any better value is accepted.
    NoWorseThan(f64),
    /// The expected number is a lower bound.
    AtLeast,
    /// The expected number is an upper bound.
    AtMost,
}

impl Tolerance {
    /// Whether a measured number is within the tolerance; NaN never is.
    #[must_use]
    pub fn accepts(self, expected: f64, measured: f64) -> bool {
        match self {
            Self::Within(margin) => (measured - expected).abs() <= margin,
            Self::NoWorseThan(margin) => measured >= expected - margin,
            Self::AtLeast => measured >= expected,
            Self::AtMost => measured <= expected,
        }
    }

    fn words(self, unit: &str) -> String {
        let text = match self {
            Self::Within(margin) => format!("±{margin} {unit}"),
            Self::NoWorseThan(margin) => format!("at most {margin} {unit} below"),
            Self::AtLeast => format!("{unit}, at least"),
            Self::AtMost => format!("{unit}, at most"),
        };
        text.trim_end().trim_start_matches(", ").into()
    }
}

impl JobContext {
    pub(super) fn new(
        id: &'static str,
        options: Options,
        commands: Receiver<Command>,
        events: Sender<Event>,
    ) -> Self {
        let mut channels = JobChannels::new(commands, events, options.pace);
        let (kind, title, seed) = (RunKind::Job, id.into(), options.seed);
        let info = RunInfo { kind, title, seed, ..RunInfo::default() };
        channels.send(Event::Started(Box::new(info)));
        channels.enter(Activity::Training);
        let suffices = true;
        Self { unchecked: 0, suffices, id, options, channels, data: None, claims: 0, holding: 0 }
    }

    /// The experiment's id.
    #[must_use]
    pub fn id(&self) -> &'static str {
        self.id
    }

    /// Marks the budget as insufficient, so that claims get no verdict.
    pub(super) fn withhold_verdicts(&mut self) {
        self.suffices = false;
    }

    /// Whether the experiment runs with the quick budget of seconds.
    #[must_use]
    pub fn quick(&self) -> bool {
        self.options.quick
    }

    /// `full` with the book's budget, `quick` with the quick one.
    #[must_use]
    pub fn budget<T>(&self, full: T, quick: T) -> T {
        if self.options.quick { quick } else { full }
    }

    /// The seed of the experiment's own random draws, and of its first training run.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.options.seed
    }

    /// The seeds whose median is the result: three, or one with the quick budget.
    #[must_use]
    pub fn seeds(&self) -> Vec<u64> {
        (0..self.budget(SEEDS, 1)).map(|offset| self.seed().wrapping_add(offset)).collect()
    }

    /// MNIST, decompressed once per experiment.
    pub fn data(&mut self) -> Arc<Dataset> {
        Arc::clone(self.data.get_or_insert_with(|| Arc::new(Dataset::embedded())))
    }

    /// Handles pending commands; blocks while paused. Call it at least every tenth of a second.
    ///
    /// # Errors
    /// [`ExperimentError::Stopped`] if a stop was requested; the experiment must return it.
    pub fn handle_commands(&mut self) -> Result<(), ExperimentError> {
        if !self.channels.handle_commands() {
            return Err(ExperimentError::Stopped);
        }
        self.channels.enter(Activity::Training);
        Ok(())
    }

    /// Shows a figure; replaces the one with the same id.
    pub fn figure(&mut self, id: &str, title: &str, caption: &str, body: FigureBody) {
        let (id, title, caption) = (id.into(), title.into(), caption.into());
        self.show(Figure { id, title, caption, body });
    }

    /// As [`JobContext::figure`].
    pub fn show(&mut self, figure: Figure) {
        self.channels.send(Event::Figure(figure));
    }

    /// Writes a model, and returns its size in bytes.
    ///
    /// # Errors
    /// If it cannot be written and retries are disabled, or a stop is requested meanwhile.
    pub(super) fn save(&mut self, model: &Model, file: &Path) -> Result<u64, ExperimentError> {
        let error = match model.save(file) {
            Ok(bytes) => return Ok(bytes),
            Err(error) => error,
        };
        let failed = || ExperimentError::Other(error.to_string());
        if !self.options.keep_trying {
            return Err(failed());
        }
        let text = format!("{error}; retrying every second; `nntop stop` gives up");
        self.channels.log(LogLevel::Error, text);
        loop {
            if !self.channels.wait_for(RETRY) {
                return Err(failed());
            }
            if let Ok(bytes) = model.write(file) {
                if let Some(rescued) = error.rescued() {
                    // It is no longer needed.
                    let _ = std::fs::remove_file(rescued);
                }
                self.log("the model was written");
                return Ok(bytes);
            }
        }
    }

    /// Adds a line to the log of the run.
    pub fn log(&mut self, text: impl Into<String>) {
        self.channels.log(LogLevel::Info, text.into());
    }

    /// Checks a number against the book's, both in `unit` (such as `points`; may be empty). Returns
    /// the result of [`JobContext::claim`].
    pub fn claim_number(
        &mut self,
        claim: &str,
        expected: f64,
        measured: f64,
        tolerance: Tolerance,
        unit: &str,
    ) -> bool {
        let holds = tolerance.accepts(expected, measured);
        let words = tolerance.words(unit);
        self.claim(claim, Quantity::Number(expected), Quantity::Number(measured), &words, holds)
    }

    /// Checks a claim that is not a single number. Returns the result of [`JobContext::claim`].
    pub fn claim_text(
        &mut self,
        claim: &str,
        expected: impl Into<String>,
        measured: impl Into<String>,
        holds: bool,
    ) -> bool {
        let (expected, measured) =
            (Quantity::Text(expected.into()), Quantity::Text(measured.into()));
        self.claim(claim, expected, measured, "", holds)
    }

    /// Reports a claim of the book with the expected and the measured quantity, the tolerance in
    /// words, and whether it holds. Returns `holds`, or true if there is no verdict because the
    /// budget is too small.
    pub fn claim(
        &mut self,
        claim: &str,
        expected: Quantity,
        measured: Quantity,
        tolerance: &str,
        holds: bool,
    ) -> bool {
        if !self.suffices {
            self.unchecked += 1;
            self.log(format!(
                "needs the full budget, so there is no verdict: {claim}; expected {expected}, \
                 measured {measured} with the quick budget"
            ));
            return true;
        }
        self.claims += 1;
        self.holding += u32::from(holds);
        let claim = Claim {
            id: self.id.into(),
            claim: claim.into(),
            expected,
            measured,
            tolerance: tolerance.into(),
            holds,
            seed: self.options.seed,
            seconds: self.channels.seconds(),
        };
        self.channels.send(Event::Claim(claim));
        holds
    }

    /// Trains one network, shown in the dashboard.
    ///
    /// # Errors
    /// If it cannot be trained or diverges, or a stop is requested.
    pub fn train(&mut self, name: &str, spec: Spec) -> Result<TrainedRun, ExperimentError> {
        let mut trained = self.train_all(vec![PlannedRun::new(name, spec)], |_| None)?;
        trained.pop().ok_or_else(|| ExperimentError::Other(format!("{name} produced no network")))
    }

    /// Trains several networks, as many in parallel as there are cores; the results do not depend
    /// on the number of cores. The dashboard shows them one after another, in order. After every
    /// epoch `draw` may return a figure of the records so far.
    ///
    /// # Errors
    /// If one of them cannot be trained or diverges, or a stop is requested.
    pub fn train_all(
        &mut self,
        runs: Vec<PlannedRun>,
        mut draw: impl FnMut(&[TrainingRecord]) -> Option<Figure>,
    ) -> Result<Vec<TrainedRun>, ExperimentError> {
        self.handle_commands()?;
        let data = if runs.iter().any(|run| run.data.is_none()) { Some(self.data()) } else { None };
        let cores = available_parallelism().map_or(1, usize::from);
        ParallelRuns::new(self.id, &mut self.channels, cores).train(runs, data, &mut draw)
    }

    /// Combines networks trained on `data` into an ensemble, shows it in the dashboard from now on,
    /// and returns its evaluation and the model.
    ///
    /// # Errors
    /// If a stop is requested.
    pub fn vote(
        &mut self,
        trained: Vec<TrainedRun>,
        data: &Arc<Dataset>,
    ) -> Result<(EpochStats, Model), ExperimentError> {
        self.handle_commands()?;
        let other = |error: &dyn std::fmt::Display| ExperimentError::Other(error.to_string());
        let models = trained.into_iter().map(|TrainedRun { record, network }| {
            let epoch = record.epochs.last().map_or(0, |stats| stats.epoch);
            Model::of(record.spec, network, data, epoch)
        });
        let model = Model::join(models).map_err(|error| other(&error))?;
        let handle = open_model(model.clone(), Arc::clone(data)).map_err(|error| other(&error))?;
        let stats = self.channels.evaluate(handle).ok_or(ExperimentError::Stopped)?;
        Ok((stats, model))
    }

    /// Sends an event to the front ends.
    pub(super) fn send(&mut self, event: Event) {
        self.channels.send(event);
    }

    /// The outcome in words.
    pub(super) fn summary(&self) -> String {
        if self.unchecked > 0 && self.claims == 0 {
            return "needs the full budget: no claim was checked".into();
        }
        match (self.holding, self.claims) {
            (1, 1) => "the claim holds".into(),
            (0, 1) => "the claim does not hold".into(),
            (holding, claims) if holding == claims => format!("all {claims} claims hold"),
            (holding, claims) => format!("{holding} of {claims} claims hold"),
        }
    }

    /// Sends the outcome, then answers probes of the last network until all clients are gone.
    pub(super) fn serve(mut self, outcome: Outcome) {
        self.channels.enter(Activity::Finished);
        self.channels.send(Event::Finished(outcome));
        while self.channels.wait() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_described_with_their_unit() {
        assert_eq!(Tolerance::AtLeast.words("points"), "points, at least");
        assert_eq!(Tolerance::AtMost.words(""), "at most");
        assert_eq!(Tolerance::Within(0.4).words("points"), "±0.4 points");
    }
}
