//! The dashboard of a run in this process.

use super::display::DisplayArgs;
use super::output;
use super::setup;
use crate::protocol::{Command, Event, RunView, Update};
use crate::session::{Attachment, Hub};
use crate::train::RunHandle;
use crate::ui::{self, DashboardSetup, Environment, Exit, Language};
use anyhow::Context;
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::io::{self, IsTerminal};
use std::process::ExitCode;

/// Why the dashboard cannot be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoTerminal {
    #[error("there is no terminal to draw on")]
    Missing,
    #[error("TERM is not set; `TERM=xterm` works on most terminals")]
    Unnamed,
    #[error("TERM=dumb: nothing can be drawn; `TERM=xterm` works on most terminals")]
    Dumb,
    #[error("the terminal reports 0 rows and columns; `stty rows 40 columns 120` sets them")]
    NoSize,
}

/// Checks that there is a terminal for drawing and for keys.
pub(super) fn terminal() -> Result<(), NoTerminal> {
    if !output::out_is_terminal() || !io::stdin().is_terminal() {
        return Err(NoTerminal::Missing);
    }
    let environment = Environment::read();
    if !environment.can_draw() {
        let unnamed = environment.term.is_empty();
        return Err(if unnamed { NoTerminal::Unnamed } else { NoTerminal::Dumb });
    }
    match output::terminal_size() {
        Some((columns, rows)) if columns == 0 || rows == 0 => Err(NoTerminal::NoSize),
        _ => Ok(()),
    }
}

/// Whether there is a terminal for drawing and for keys.
pub(super) fn has_terminal() -> bool {
    terminal().is_ok()
}

/// Shows the run until the user quits; then stops it and prints its outcome.
pub(super) fn show(
    handle: RunHandle,
    display: &DisplayArgs,
    notice: Option<String>,
) -> anyhow::Result<ExitCode> {
    show_as(handle, DashboardSetup { notice, ..setup::of_process(display) }, display)
}

/// Like [`show`], with the given setup of the dashboard.
pub(super) fn show_as(
    handle: RunHandle,
    setup: DashboardSetup,
    display: &DisplayArgs,
) -> anyhow::Result<ExitCode> {
    let shown = follow(&handle.commands, &handle.events, setup, display)?;
    drop(handle.join());
    let DashboardOutcome { exit, view } = shown;
    if exit? != Exit::Gone {
        summarize(&view, display.theme().language());
    }
    Ok(if ended_badly(&view) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The dashboard without a run, until the user quits.
pub(super) fn show_without_run(setup: DashboardSetup, display: &DisplayArgs) -> anyhow::Result<()> {
    // These channels have no run at their other ends.
    let (commands, _nobody) = unbounded();
    let (_never, events) = unbounded();
    let hub = Hub::start(commands, events).context("cannot start a thread")?;
    let link = hub.attach(Attachment::ReadOnly);
    ui::run(&link, setup, display.limits())?;
    Ok(())
}

/// How the user left the dashboard, and the final state of the run.
pub(super) struct DashboardOutcome {
    pub(super) exit: Result<Exit, ui::Error>,
    pub(super) view: RunView,
}

/// Shows the run behind these channels until the user quits; then stops it and waits for its end.
pub(super) fn follow(
    commands: &Sender<Command>,
    events: &Receiver<Event>,
    setup: DashboardSetup,
    display: &DisplayArgs,
) -> anyhow::Result<DashboardOutcome> {
    let hub = Hub::start(commands.clone(), events.clone()).context("cannot start a thread")?;
    let link = hub.attach(Attachment::Control);
    let exit = ui::run(&link, setup, display.limits());
    // A run that has ended ignores this; a live one saves its model if requested.
    let _ = commands.send(Command::Stop);
    drop(link);
    let last = hub.attach(Attachment::ReadOnly);
    drop(hub);
    let view = wait_for_the_end(&last);
    Ok(DashboardOutcome { exit, view })
}

/// Applies the remaining events until the run has ended.
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

/// Prints a line after the dashboard has closed.
pub(super) fn summarize(view: &RunView, language: Language) {
    let epoch = view.epoch();
    let mut parts = vec![match epoch {
        1 => language.say("1 epoch").to_string(),
        epochs => language.fill("{} epochs", &[&epochs]),
    }];
    parts.extend(view.best_test_accuracy().map(|accuracy| {
        language.fill("best test accuracy {}", &[&format!("{:.2}%", 100.0 * accuracy)])
    }));
    parts.extend(view.saved.last().map(|saved| language.fill("saved to {}", &[&saved.path])));
    // Standard output may be closed.
    let _ = writeln!(output::out(), "{}", parts.join(language.comma()));
}
