//! Runs of other tools in the dashboard: charts and a table.

use crate::catalog::Catalog;
use crate::cli::display::DisplayArgs;
use crate::cli::run_source::{self, FollowedRuns};
use crate::cli::setup;
use crate::ui::{self, App, DashboardSetup, ViewId, text};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::process::ExitCode;

/// Shows runs until the user quits.
pub(super) fn show(
    catalog: Catalog,
    view: ViewId,
    display: &DisplayArgs,
) -> anyhow::Result<ExitCode> {
    let FollowedRuns { source, link } = run_source::follow(catalog)?;
    let setup = DashboardSetup {
        theme: display.theme(),
        extras: display.extras(),
        runs: Some(source),
        view,
        opener: Some(setup::opener(display)),
        ..DashboardSetup::default()
    };
    ui::run(&link, setup, display.limits())?;
    Ok(ExitCode::SUCCESS)
}

/// Returns the dashboard as text, after everything was read.
pub(super) fn once(
    catalog: Catalog,
    view: ViewId,
    size: (u16, u16),
    display: &DisplayArgs,
) -> anyhow::Result<String> {
    let source = run_source::loaded(catalog)?;
    let mut app = App::new(DashboardSetup {
        theme: display.text_theme(),
        runs: Some(source),
        view,
        ..DashboardSetup::default()
    });
    let mut buffer = Buffer::empty(Rect::new(0, 0, size.0, size.1));
    app.render(&mut buffer);
    Ok(text(&buffer))
}
