//! Decides which commands are sent to the run: none from a read-only dashboard, and after the end
//! of the run only those that save or continue it.

use super::effect::Continuation;
use super::overlay::Overlay;
use super::setup::DashboardSetup;
use crate::protocol::{Command, Outcome, RunView, StepAmount, Tune};

/// The result of a command.
pub(super) enum Reply {
    Send(Command),
    Notice(&'static str),
    Ask(Overlay),
}

/// Decides what to do with a command; `is_lost` means that the connection is lost.
pub(super) fn reply(
    command: Command,
    run: &RunView,
    setup: &DashboardSetup,
    is_lost: bool,
) -> Reply {
    match command {
        _ if setup.is_without_run() => Reply::Notice("there is no run here"),
        _ if is_lost => Reply::Notice("the run cannot be reached"),
        _ if setup.read_only => Reply::Notice("read-only: this terminal sends no commands"),
        Command::SaveAs(file) => Reply::Send(setup.save_as(&file)),
        command if run.outcome.is_some() => after_the_end(command, run, setup),
        command if setup.kind.is_training() => to_a_training(command),
        command => Reply::Send(command),
    }
}

/// Commands to a training of nntop, which has only one kind of pause and its own parameter names.
fn to_a_training(command: Command) -> Reply {
    match command {
        Command::Hold => Reply::Send(Command::Pause),
        Command::EndAtCheckpoint => Reply::Send(Command::Stop),
        Command::Suspend => Reply::Notice("only a command is suspended; space pauses a training"),
        Command::SetNamed { name, value } => match Tune::named(&name, value) {
            Some(tune) => Reply::Send(Command::Set(tune)),
            None => Reply::Notice("a training has eta, lambda and momentum to change"),
        },
        command => Reply::Send(command),
    }
}

/// Commands after the end of the run: those that would train offer to continue it.
fn after_the_end(command: Command, run: &RunView, setup: &DashboardSetup) -> Reply {
    match command {
        Command::Resume | Command::Pause | Command::Step(StepAmount::Batches(_)) => {
            offer(None, run, setup)
        }
        Command::Step(StepAmount::Epochs(epochs)) => offer(Some(epochs), run, setup),
        Command::Save if !setup.detachable => {
            Reply::Notice("its checkpoints are kept; `:save FILE` saves the model")
        }
        Command::Set(_)
        | Command::SetNamed { .. }
        | Command::Hold
        | Command::Suspend
        | Command::EndAtCheckpoint
        | Command::Pace(_)
        | Command::Stop => Reply::Notice("the run has ended; space continues it"),
        command => Reply::Send(command),
    }
}

fn offer(epochs: Option<u32>, run: &RunView, setup: &DashboardSetup) -> Reply {
    if !setup.can_be_continued {
        return Reply::Notice("the run has ended, and it has no checkpoint to continue from");
    }
    let theme = &setup.theme;
    let total = run.info.as_ref().map_or(0, |info| info.epochs);
    let (what, how) = match &run.outcome {
        Some(Outcome::Failed(_)) => return Reply::Notice("the run failed and cannot be continued"),
        Some(Outcome::Diverged { .. }) => {
            let best = run.best.as_ref().map_or(0, |best| best.epoch);
            let what = theme.fill("go back to the best epoch, {}, with η / 3", &[&best]);
            (what, Continuation::FromBest)
        }
        _ if epochs.is_none() && run.epoch() < total => {
            (theme.fill("continue to epoch {}", &[&total]), Continuation::Train(None))
        }
        _ => {
            let more = epochs.unwrap_or(total.max(1));
            (theme.fill("train {} more epochs", &[&more]), Continuation::Train(Some(more)))
        }
    };
    Reply::Ask(Overlay::ask_go_on(what, how, theme))
}
