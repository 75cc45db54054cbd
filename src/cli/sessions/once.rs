//! `nntop attach --once`: the dashboard once as plain text.

use super::super::display::DisplayArgs;
use super::super::offscreen::Offscreen;
use super::super::{output, picture, setup};
use super::attached::open_read_only;
use crate::session::RunDir;
use crate::ui::{DashboardSetup, text};
use ratatui::layout::Rect;
use std::process::ExitCode;

/// Prints the dashboard of a run.
pub(super) fn print(run: &RunDir, size: &str, display: &DisplayArgs) -> anyhow::Result<ExitCode> {
    let (columns, rows) = picture::size(size)?;
    let (link, notice) = open_read_only(run)?;
    let setup =
        DashboardSetup { theme: display.text_theme(), notice, ..setup::of_run(run, display) };
    let screen = Offscreen::attached(link, setup, Rect::new(0, 0, columns, rows))?;
    output::out().lines(&text(&screen.buffer))?;
    screen.finish();
    Ok(ExitCode::SUCCESS)
}
