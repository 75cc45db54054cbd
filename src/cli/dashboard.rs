//! A run of this very process on its terminal.

use super::display::DisplayArgs;
use super::drawing;
use super::output;
use crate::protocol::{Command, Event, RunView, Update};
use crate::session::{Attachment, Hub};
use crate::train::RunHandle;
use crate::ui::{self, Exit, Setup};
use anyhow::Context;
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::io::{self, IsTerminal};
use std::process::ExitCode;

/// Whether there is a terminal to draw on and to read keys from.
pub(super) fn has_terminal() -> bool {
    output::out_is_terminal() && io::stdin().is_terminal()
}

/// Shows the run until the user leaves; then ends it, and says how it went.
pub(super) fn show(
    handle: RunHandle,
    display: &DisplayArgs,
    notice: Option<String>,
) -> anyhow::Result<ExitCode> {
    let setup = Setup { notice, ..setup(display) };
    let shown = follow(&handle.commands, &handle.events, setup, display)?;
    drop(handle.join());
    let Shown { exit, view } = shown;
    if exit? != Exit::Gone {
        summarize(&view);
    }
    Ok(if ended_badly(&view) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The dashboard without a run, until the user leaves.
pub(super) fn show_without_run(setup: Setup, display: &DisplayArgs) -> anyhow::Result<()> {
    // Nobody trains at the other ends of these.
    let (commands, _nobody) = unbounded();
    let (_never, events) = unbounded();
    let hub = Hub::start(commands, events).context("cannot start a thread")?;
    let link = hub.attach(Attachment::ReadOnly);
    ui::run(&link, setup, display.limits())?;
    Ok(())
}

/// The dashboard of a run of this process.
pub(super) fn setup(display: &DisplayArgs) -> Setup {
    Setup { theme: display.theme(), save_picture: Some(drawing::save), ..Setup::default() }
}

/// How the user left a run, and how it stood when it was over.
pub(super) struct Shown {
    pub(super) exit: Result<Exit, ui::Error>,
    pub(super) view: RunView,
}

/// Shows what happens at the two ends of a run until the user leaves; then stops it, and waits
/// until it is over.
pub(super) fn follow(
    commands: &Sender<Command>,
    events: &Receiver<Event>,
    setup: Setup,
    display: &DisplayArgs,
) -> anyhow::Result<Shown> {
    let hub = Hub::start(commands.clone(), events.clone()).context("cannot start a thread")?;
    let link = hub.attach(Attachment::Control);
    let exit = ui::run(&link, setup, display.limits());
    // A run that is over ignores it; one that is going saves what it was asked to save.
    let _ = commands.send(Command::Stop);
    drop(link);
    let last = hub.attach(Attachment::ReadOnly);
    drop(hub);
    let view = wait_for_the_end(&last);
    Ok(Shown { exit, view })
}

/// Folds what is left to come until the run is over.
fn wait_for_the_end(link: &crate::protocol::Link) -> RunView {
    let mut view = RunView::default();
    for update in &link.updates {
        match update {
            Update::Snapshot(snapshot) => view = *snapshot,
            Update::Event(event) => view.apply(&event),
            Update::Lost(_) => break,
        }
        if view.outcome.is_some() {
            break;
        }
    }
    view
}

pub(super) fn ended_badly(view: &RunView) -> bool {
    use crate::protocol::Outcome::{Diverged, Failed};
    matches!(view.outcome, Some(Diverged { .. } | Failed(_)))
}

/// A line that stays on the terminal after the dashboard is gone.
pub(super) fn summarize(view: &RunView) {
    let mut parts = vec![format!("{} epochs", view.epoch())];
    parts
        .extend(view.best_test_accuracy().map(|a| format!("best test accuracy {:.2}%", 100.0 * a)));
    parts.extend(view.saved.last().map(|saved| format!("saved to {}", saved.path)));
    // Nobody may be there to read it.
    let _ = writeln!(output::out(), "{}", parts.join(", "));
}
