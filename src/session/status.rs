//! The status of a run, as `nntop ls` lists it.

use super::client::{self, ConnectError};
use super::event_file::replay;
use super::home::Home;
use super::place::PlaceError;
use super::record::{RunRecord, SessionTask, now};
use super::run_dir::RunDir;
use crate::protocol::{Activity, LogLevel, Outcome, PauseLevel, RunView, Update};
use crate::spec::Spec;
use serde::Serialize;
use serde_json::{Map, Value};
use std::io;
use std::thread;
use std::time::Duration;

/// How long to wait for a session's snapshot after the handshake.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(5);

/// The state of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    Starting,
    Training,
    Paused,
    Completed,
    Stopped,
    /// A checkpoint was written and the command ended: `nntop resume` continues from there.
    Checkpointed,
    Diverged,
    Failed,
    /// Its process ended before the run did: `nntop resume` continues it.
    Interrupted,
    /// Its process is running but does not answer.
    Unreachable,
    /// Its record is missing or cannot be read.
    Unreadable,
}

impl RunState {
    /// The state in words.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Training => "training",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Stopped => "stopped",
            Self::Checkpointed => "checkpointed and ended",
            Self::Diverged => "diverged",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Unreachable => "unreachable",
            Self::Unreadable => "unreadable",
        }
    }

    /// Whether the run ended by itself or was stopped.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Stopped | Self::Checkpointed | Self::Diverged | Self::Failed
        )
    }

    fn of(view: &RunView) -> Self {
        match (&view.outcome, view.status.activity) {
            (Some(Outcome::Completed(_)), _) => Self::Completed,
            (Some(Outcome::Stopped), _) => Self::Stopped,
            (Some(Outcome::Checkpointed(_)), _) => Self::Checkpointed,
            (Some(Outcome::Diverged { .. }), _) => Self::Diverged,
            (Some(Outcome::Failed(_) | Outcome::Exited { .. }), _) => Self::Failed,
            (None, Activity::Starting) => Self::Starting,
            (None, Activity::Paused) => Self::Paused,
            (None, _) => Self::Training,
        }
    }
}

/// A summary of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunSummary {
    pub id: String,
    pub name: String,
    pub state: RunState,
    /// Whether its session process is running.
    pub live: bool,
    /// The process of a live session.
    pub pid: Option<u32>,
    /// For an experiment, the network that is being trained.
    pub network: String,
    /// The values of the spec, by their names in a spec file; empty for an experiment.
    pub recipe: Map<String, Value>,
    /// Number of networks that vote: 1 unless it is an ensemble.
    pub networks: u32,
    /// The id of the book's experiment, if it is one.
    pub experiment: Option<String>,
    /// Number of the book's claims that were checked, and how many hold.
    pub claims: u32,
    pub claims_holding: u32,
    /// Completed epochs, and their total.
    pub epoch: u32,
    pub epochs: u32,
    /// The best accuracy on the validation images (without any, the test images), as a fraction.
    pub best_accuracy: Option<f64>,
    /// How it is paused: held between two steps, or suspended by a signal.
    pub pause: Option<PauseLevel>,
    /// Completed steps that a script reported.
    pub step: Option<u32>,
    /// The exit code of a command that has ended.
    pub exit_code: Option<i32>,
    /// Time since the run was started.
    pub age_seconds: f64,
    /// Clients attached to a live session.
    pub clients: u32,
    pub directory: String,
    /// What `nntop resume` does after an interruption; follows the command in a sentence.
    #[serde(skip)]
    pub on_resume: &'static str,
    /// Why the state is unknown or the run failed; for a run that has not ended, its last log line
    /// if that is an error, such as a full disk.
    pub problem: Option<String>,
}

/// All runs, the newest first. Sessions are queried in parallel, so that one that does not answer
/// does not delay the others.
///
/// # Errors
/// If the directory of the runs cannot be read.
pub fn list(home: &Home) -> Result<Vec<RunSummary>, PlaceError> {
    let runs = home.runs()?;
    let mut summaries: Vec<RunSummary> = thread::scope(|scope| {
        let query = |run| thread::Builder::new().spawn_scoped(scope, move || summarize(run));
        let queried: Vec<_> = runs.iter().map(|run| (run, query(run))).collect();
        let answer =
            |(run, thread): (_, io::Result<thread::ScopedJoinHandle<RunSummary>>)| match thread {
                Ok(thread) => thread.join().ok(),
                // If no thread can be started, query sequentially.
                Err(_) => Some(summarize(run)),
            };
        queried.into_iter().filter_map(answer).collect()
    });
    summaries.sort_by(|a, b| a.age_seconds.total_cmp(&b.age_seconds));
    Ok(summaries)
}

/// The status of one run.
#[must_use]
pub fn summarize(run: &RunDir) -> RunSummary {
    let live = run.is_live();
    let mut summary = RunSummary {
        id: String::new(),
        name: run.name(),
        state: RunState::Unreadable,
        live,
        pid: None,
        network: String::new(),
        recipe: Map::new(),
        networks: 1,
        experiment: None,
        claims: 0,
        claims_holding: 0,
        epoch: 0,
        epochs: 0,
        best_accuracy: None,
        pause: None,
        step: None,
        exit_code: None,
        age_seconds: 0.0,
        clients: 0,
        directory: run.path().display().to_string(),
        on_resume: "",
        problem: None,
    };
    match RunRecord::read(run) {
        Ok(record) => {
            summary.id = record.id;
            summary.age_seconds = (now() - record.created).max(0.0);
            summary.on_resume = record.task.on_resume();
            match record.task {
                SessionTask::Training(training) => {
                    summary.recipe = recipe(&training.spec);
                    summary.network = training.spec.layers;
                    summary.epochs = training.spec.epochs;
                }
                SessionTask::Experiment { id, .. } => summary.experiment = Some(id),
                SessionTask::Command(command) => summary.network = command.title(),
                SessionTask::Script(script) => summary.network = script.title(),
                SessionTask::Ensemble { training, networks } => {
                    summary.recipe = recipe(&training.spec);
                    summary.network = training.spec.layers;
                    summary.epochs = training.spec.epochs;
                    summary.networks = networks;
                }
            }
        }
        Err(error) => {
            summary.problem = Some(error.to_string());
            return summary;
        }
    }
    if live {
        match query(run, &mut summary) {
            // It ended in the meantime.
            Err(ConnectError::NotLive(_)) => summary.live = false,
            Err(error) => {
                summary.state = RunState::Unreachable;
                summary.problem = Some(error.to_string());
                return summary;
            }
            Ok(()) => return summary,
        }
    }
    let view = replay(run);
    summary.take(&view);
    if view.outcome.is_none() {
        summary.state = RunState::Interrupted;
    }
    summary
}

/// The spec as one flat list of values; those of the regularizer (norm and λ) are listed
/// separately.
fn recipe(spec: &Spec) -> Map<String, Value> {
    let mut flat = Map::new();
    if let Ok(Value::Object(choices)) = serde_json::to_value(spec) {
        for (name, choice) in choices {
            match choice {
                Value::Object(parts) if name == "regularizer" => flat.extend(parts),
                choice => {
                    flat.insert(name, choice);
                }
            }
        }
    }
    flat
}

fn query(run: &RunDir, summary: &mut RunSummary) -> Result<(), ConnectError> {
    let client::Connection { link, hello } = client::glance(run)?;
    summary.pid = Some(hello.pid);
    summary.clients = hello.clients;
    match link.updates.recv_timeout(SNAPSHOT_TIMEOUT) {
        Ok(Update::Snapshot(view)) => {
            summary.take(&view);
            Ok(())
        }
        Ok(Update::Lost(_)) if !run.is_live() => Err(ConnectError::NotLive(run.name())),
        // It is running, but has no descriptor or thread left to answer.
        Ok(_) => Err(ConnectError::NoAnswer(run.name())),
        Err(_) => Err(ConnectError::NoAnswer(run.name())),
    }
}

impl RunSummary {
    fn take(&mut self, view: &RunView) {
        self.state = RunState::of(view);
        self.epoch = view.epoch();
        self.pause = (self.state == RunState::Paused).then_some(view.status.pause);
        self.exit_code = view.exit_code;
        self.step = view.progress.as_ref().filter(|p| p.batches == 0).map(|p| p.batch);
        // Between two networks, an experiment or an ensemble has none.
        if let Some(info) = view.info.as_ref().filter(|info| !info.network.is_empty()) {
            self.network.clone_from(&info.network);
            self.epochs = info.epochs;
        }
        self.problem = problem(view);
        self.claims = view.claims.len() as u32;
        self.claims_holding = view.claims.iter().filter(|claim| claim.holds).count() as u32;
        let best = view.best.as_ref();
        self.best_accuracy = best.and_then(|best| best.validation_accuracy.or(best.test_accuracy));
    }
}

/// What the user should know: why the run failed, or the last error if nothing was logged since.
fn problem(view: &RunView) -> Option<String> {
    match &view.outcome {
        Some(Outcome::Failed(reason)) => Some(format!("failed: {reason}")),
        Some(_) => None,
        None => {
            let last = view.log.last().filter(|line| line.level == LogLevel::Error);
            last.map(|line| line.text.clone())
        }
    }
}
