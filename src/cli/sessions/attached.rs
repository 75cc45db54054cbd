//! The dashboard of a run in another process.

use super::super::display::DisplayArgs;
use super::super::error::Usage;
use super::super::{dashboard, headless, output, setup};
use super::ending::{exit_code, sentence};
use super::start;
use crate::protocol::{Command, Link, Update};
use crate::session::{
    self, Attachment, ConnectError, RunDir, RunRecord, RunState, RunSummary, SessionTask,
};
use crate::ui::{self, DashboardSetup, Exit, Language};
use std::process::ExitCode;

/// Shows a run until the user quits: through its session if it is live, otherwise from its
/// directory.
pub(crate) fn show(
    run: &RunDir,
    attachment: Attachment,
    display: &DisplayArgs,
) -> anyhow::Result<ExitCode> {
    if let Err(why) = dashboard::terminal() {
        return Err(Usage::because(format!(
            "{why}; `nntop attach {} --once` prints a picture",
            run.name()
        ))
        .into());
    }
    let read_only = attachment == Attachment::ReadOnly;
    let is_training =
        RunRecord::read(run).is_ok_and(|r| matches!(r.task, SessionTask::Training(_)));
    let can_be_continued = is_training && !read_only;
    let directory = std::env::current_dir().unwrap_or_default();
    let setup =
        DashboardSetup { read_only, can_be_continued, directory, ..setup::of_run(run, display) };
    let (link, exit) = match session::attach(run, attachment) {
        Ok(connection) => {
            let setup = DashboardSetup { detachable: true, ..setup };
            let exit = ui::run(&connection.link, setup, display.limits())?;
            if !matches!(exit, Exit::Continue(_)) {
                return leave(run, connection.link, exit, display.theme().language());
            }
            (connection.link, exit)
        }
        Err(ConnectError::NotLive(_)) => {
            let notice = notice(&session::summarize(run));
            let link = session::browse(run, attachment)?;
            let exit = ui::run(&link, DashboardSetup { notice, ..setup }, display.limits())?;
            (link, exit)
        }
        Err(error) => return Err(error.into()),
    };
    // A session without clients ends, after which the run can be resumed.
    drop(link);
    match exit {
        Exit::Continue(how) => start::go_on(run, how, display),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// A read-only link: to the session of a live run, otherwise to the files of the run; and a note
/// for the user.
pub(crate) fn open_read_only(run: &RunDir) -> anyhow::Result<(Link, Option<String>)> {
    match session::attach(run, Attachment::ReadOnly) {
        Ok(connection) => Ok((connection.link, None)),
        Err(ConnectError::NotLive(_)) => {
            Ok((session::browse(run, Attachment::ReadOnly)?, notice(&session::summarize(run))))
        }
        Err(error) => Err(error.into()),
    }
}

/// The note for a run that is not live.
pub(super) fn notice(summary: &RunSummary) -> Option<String> {
    let RunSummary { name, epoch, epochs, on_resume, .. } = summary;
    let alone = summary.experiment.is_none() && summary.networks == 1;
    let place = if alone { format!(" after epoch {epoch} of {epochs}") } else { String::new() };
    (summary.state == RunState::Interrupted)
        .then(|| format!("interrupted{place}; `nntop resume {name}` {on_resume}"))
}

/// Stops the run if the user chose so, and prints its state.
fn leave(run: &RunDir, link: Link, exit: Exit, language: Language) -> anyhow::Result<ExitCode> {
    let name = run.name();
    match exit {
        Exit::Stop => {
            // If the session is gone, the summary says so.
            let _ = link.commands.send(Command::Stop);
            wait_for_the_end(&link);
        }
        Exit::Detach | Exit::Terminated => {
            let text = language.say("left {0}; `nntop attach {0}` comes back to it");
            say(&text.replace("{0}", &name));
            return Ok(ExitCode::SUCCESS);
        }
        Exit::Gone | Exit::Continue(_) => return Ok(ExitCode::SUCCESS),
        Exit::Done => {}
    }
    drop(link);
    let summary = session::summarize(run);
    headless::print_claims(&session::replay(run))?;
    say(&sentence(&summary, language));
    Ok(exit_code(&summary))
}

fn wait_for_the_end(link: &Link) {
    for update in &link.updates {
        let over = match &update {
            Update::Snapshot(view) => view.outcome.is_some(),
            Update::Event(event) => matches!(event, crate::protocol::Event::Finished(_)),
            Update::Lost(_) => true,
        };
        if over {
            return;
        }
    }
}

/// Prints a line; standard output may be closed.
fn say(line: &str) {
    let _ = writeln!(output::out(), "{line}");
}
