//! A job in its own thread, with the channels of a training run.

use super::ExperimentError;
use super::context::JobContext;
use super::options::Options;
use crate::protocol::{Command, Event, Outcome};
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{Builder, JoinHandle};

/// An experiment of the book.
#[derive(Clone, Copy, Debug)]
pub struct Experiment {
    /// Chapter and name, such as `1-nand`.
    pub id: &'static str,
    /// The book's chapter, starting at 1.
    pub chapter: u32,
    pub title: &'static str,
    /// The result stated by the book, in words.
    pub expected: &'static str,
    /// Whether all claims hold with the quick budget.
    pub quick_suffices: bool,
    /// Runs the experiment.
    pub run: fn(&mut JobContext) -> Result<(), ExperimentError>,
}

/// A job that is running, or has ended and still answers probes of the last network it trained.
#[derive(Debug)]
pub struct Running {
    pub commands: Sender<Command>,
    /// Starts with `Started` and reports the end with `Finished`; disconnects after all senders of
    /// commands are gone.
    pub events: Receiver<Event>,
    thread: JoinHandle<()>,
}

impl Running {
    /// Starts an experiment.
    ///
    /// # Errors
    /// If the system cannot start a thread.
    pub fn spawn(experiment: &'static Experiment, options: Options) -> std::io::Result<Self> {
        Self::start(experiment.id, options, move |context| {
            if options.quick && !experiment.quick_suffices {
                context.withhold_verdicts();
            }
            (experiment.run)(context)?;
            Ok(context.summary())
        })
    }

    /// Starts a job; `work` returns the outcome in words.
    pub(super) fn start(
        id: &'static str,
        options: Options,
        work: impl FnOnce(&mut JobContext) -> Result<String, ExperimentError> + Send + 'static,
    ) -> std::io::Result<Self> {
        let (commands, received) = unbounded();
        let (sent, events) = unbounded();
        let thread = Builder::new().name("nntop-book".into()).spawn(move || {
            let context = JobContext::new(id, options, received, sent);
            thread_main(context, work);
        })?;
        Ok(Self { commands, events, thread })
    }

    /// Drops the channels and waits for the thread to end, which is soon if the job is over or a
    /// stop was requested.
    pub fn join(self) {
        let Self { commands, events, thread } = self;
        drop((commands, events));
        // The thread catches panics.
        let _ = thread.join();
    }
}

/// The entry point of the thread: a panic ends the job, not the program.
fn thread_main(
    mut context: JobContext,
    work: impl FnOnce(&mut JobContext) -> Result<String, ExperimentError>,
) {
    let result = catch_unwind(AssertUnwindSafe(|| work(&mut context)));
    let outcome = match result {
        Ok(Ok(how)) => Outcome::Completed(how),
        Ok(Err(ExperimentError::Stopped)) => Outcome::Stopped,
        Ok(Err(ExperimentError::Diverged { run, epoch, hint })) => {
            Outcome::Diverged { epoch, hint: format!("{run}: {hint}") }
        }
        Ok(Err(error)) => Outcome::Failed(error.to_string()),
        Err(panic) => Outcome::Failed(format!("internal error: {}", message(&*panic))),
    };
    context.serve(outcome);
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
