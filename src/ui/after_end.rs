//! What a dashboard can still ask of a run that is over: to save its model, and to go on.

use super::effect::GoOn;
use super::overlay::Overlay;
use super::setup::Setup;
use crate::protocol::{Command, Outcome, RunView, Step};

/// What follows from a command to a run that is over.
pub(super) enum Reply {
    Send(Command),
    Notice(&'static str),
    Ask(Overlay),
}

/// A command that would train offers to go on.
pub(super) fn reply(command: Command, run: &RunView, setup: &Setup) -> Reply {
    match command {
        Command::Resume | Command::Pause | Command::Step(Step::Batches(_)) => {
            offer(None, run, setup)
        }
        Command::Step(Step::Epochs(epochs)) => offer(Some(epochs), run, setup),
        Command::Save if !setup.detachable => {
            Reply::Notice("its checkpoints are kept; `:save FILE` saves the model")
        }
        Command::Set(_) | Command::Pace(_) | Command::Stop => {
            Reply::Notice("the run is over; space goes on with it")
        }
        command => Reply::Send(command),
    }
}

fn offer(epochs: Option<u32>, run: &RunView, setup: &Setup) -> Reply {
    if !setup.can_go_on {
        return Reply::Notice("the run is over, and nothing of it is kept to go on from");
    }
    let theme = &setup.theme;
    let total = run.info.as_ref().map_or(0, |info| info.epochs);
    let (what, how) = match &run.outcome {
        Some(Outcome::Failed(_)) => return Reply::Notice("the run failed; it cannot go on"),
        Some(Outcome::Diverged { .. }) => {
            let best = run.best.as_ref().map_or(0, |best| best.epoch);
            let what = theme.fill("go back to epoch {}, the best, with a third of η", &[&best]);
            (what, GoOn::FromBest)
        }
        _ if epochs.is_none() && run.epoch() < total => {
            (theme.fill("go on to epoch {}", &[&total]), GoOn::Train(None))
        }
        _ => {
            let more = epochs.unwrap_or(total.max(1));
            (theme.fill("train {} more epochs", &[&more]), GoOn::Train(Some(more)))
        }
    };
    Reply::Ask(Overlay::ask_go_on(what, how))
}
