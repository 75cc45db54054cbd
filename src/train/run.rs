//! A run: the training thread and the channels to it.

use super::checkpoint::{Checkpoint, CheckpointPolicy, Checkpointer};
use super::control::Control;
use super::trainer::{Trainer, TrainerSetup};
use crate::data::Dataset;
use crate::model::MismatchError;
use crate::nn::Network;
use crate::protocol::{Activity, Command, Event, LogLevel, LogLine, Outcome, Pace, Status};
use crate::spec::dataset;
use crate::spec::describe::describe;
use crate::spec::{Spec, SpecError, build};
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle};

/// Options that do not affect the result of a run.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    pub pace: Pace,
    /// The data set, if already loaded; otherwise the thread loads that of the spec.
    pub dataset: Option<Arc<Dataset>>,
    /// Evaluate the network, then wait for a command.
    pub start_paused: bool,
    /// The file for the model, written when the run is stopped or completed, and on
    /// `Command::Save`.
    pub save: Option<PathBuf>,
    /// Retry every second to write a final model that cannot be written, until it succeeds or a
    /// second stop is requested; otherwise the run fails immediately.
    pub keep_trying: bool,
    /// Where and when checkpoints are written.
    pub checkpoints: Vec<CheckpointPolicy>,
    /// The checkpoint to resume from. The spec must equal the checkpoint's, except for epochs and
    /// threads. The past epochs are sent again after `Started`.
    pub resume: Option<Box<Checkpoint>>,
    /// Lines logged when the run starts.
    pub notes: Vec<String>,
    /// Disable the warning about a network that does not learn, for experiments that show that.
    pub skip_learning_check: bool,
}

/// Why a run could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    #[error(transparent)]
    Spec(#[from] SpecError),
    #[error(transparent)]
    Model(#[from] MismatchError),
    #[error("the system cannot start a thread to train in: {0}")]
    Thread(std::io::Error),
}

/// A run on its own thread.
#[derive(Debug)]
pub struct RunHandle {
    pub commands: Sender<Command>,
    /// Starts with `Started`; disconnects only after all senders of commands are dropped.
    pub events: Receiver<Event>,
    pub(super) trained: Arc<OnceLock<Network>>,
    pub(super) thread: JoinHandle<Option<Network>>,
}

impl RunHandle {
    /// Starts a run. The thread is called `nntop-train`; after the run it continues to answer
    /// probes until all senders of commands are dropped.
    ///
    /// # Errors
    /// If the spec is invalid regardless of the data (the error names the argument), or the system
    /// cannot start a thread. Errors that depend on the data end the run with `Finished(Failed)`.
    pub fn spawn(spec: Spec, options: RunOptions) -> Result<Self, SpawnError> {
        spec.validate()?;
        if let Some(checkpoint) = &options.resume {
            spec.validate_resumes(&checkpoint.spec)?;
        }
        if let Some(data) = &options.dataset {
            spec.validate_for(data)?;
        }
        let (commands, received) = unbounded();
        let (sent, events) = unbounded();
        let trained = Arc::default();
        let keep = Arc::clone(&trained);
        let thread = Builder::new()
            .name("nntop-train".into())
            .spawn(move || thread_main(spec, options, received, sent, &keep))
            .map_err(SpawnError::Thread)?;
        Ok(Self { commands, events, trained, thread })
    }

    /// The network of a run that has sent `Finished` and still answers probes; `None` before, and
    /// if it failed.
    #[must_use]
    pub fn network(&self) -> Option<&Network> {
        self.trained.get()
    }

    /// Drops the channels, waits for the run to end, and returns its network; `None` if it failed.
    /// A paused run ends immediately, because it can no longer be resumed.
    #[must_use]
    pub fn join(self) -> Option<Network> {
        let Self { commands, events, trained: _, thread } = self;
        drop((commands, events));
        thread.join().ok().flatten()
    }
}

/// The entry point of the thread: a panic ends the run, not the program.
fn thread_main(
    spec: Spec,
    options: RunOptions,
    commands: Receiver<Command>,
    events: Sender<Event>,
    finished: &OnceLock<Network>,
) -> Option<Network> {
    let kept = commands.clone();
    let sender = events.clone();
    let run = AssertUnwindSafe(|| train(spec, options, commands, events, finished));
    let reason = match catch_unwind(run) {
        Ok(Ok(network)) => return Some(network),
        Ok(Err(reason)) => reason,
        Err(panic) => format!("internal error: {}", message(&*panic)),
    };
    let status = Status { activity: Activity::Finished, ..Status::default() };
    // The receiver may be gone.
    let _ = sender.send(Event::StatusChanged(status));
    let _ = sender.send(Event::Finished(Outcome::Failed(reason)));
    // Commands are received but ignored, so that the dashboard stays usable.
    kept.iter().for_each(drop);
    None
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

fn train(
    spec: Spec,
    options: RunOptions,
    commands: Receiver<Command>,
    events: Sender<Event>,
    finished: &OnceLock<Network>,
) -> Result<Network, String> {
    let data = options
        .dataset
        .map_or_else(|| dataset::load(&spec), |data| Ok(dataset::split(&spec, data)))?;
    let network = build(&spec, &data).map_err(|error| error.to_string())?;
    // The receiver may be gone; the run continues.
    let _ = events.send(Event::Started(Box::new(describe(&spec, &network, &data))));
    for text in options.notes.into_iter().chain(data.notes.iter().cloned()) {
        let _ = events.send(Event::Log(LogLine { level: LogLevel::Info, text }));
    }
    let state = match options.resume {
        Some(checkpoint) => {
            checkpoint.check_data(&data).map_err(|error| error.to_string())?;
            checkpoint.check_network(&network).map_err(|error| error.to_string())?;
            Checkpoint { spec, ..*checkpoint }
        }
        None => Checkpoint::start(spec, network, &data),
    };
    let epoch = state.position().epoch;
    let setup = TrainerSetup {
        data,
        control: Control::new(options.pace, options.start_paused.then_some(epoch)),
        checkpointers: (options.checkpoints.into_iter())
            .map(|policy| Checkpointer::new(policy, state.best_accuracy()))
            .collect(),
        save: options.save,
        keep_trying: options.keep_trying,
        skip_learning_check: options.skip_learning_check,
        commands,
        events,
    };
    let mut trainer = Trainer::new(state, setup);
    let outcome = trainer.run();
    let _ = finished.set(trainer.network().clone());
    Ok(trainer.serve(outcome))
}

#[cfg(test)]
mod numbers;
#[cfg(test)]
mod tests;
