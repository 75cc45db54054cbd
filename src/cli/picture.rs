//! `nntop picture`: the dashboard of a finished run as a picture, for pages and reports.

use super::args::PictureArgs;
use super::display::DisplayArgs;
use super::error::Usage;
use super::offscreen::Offscreen;
use crate::train::RunOptions;
use crate::ui::{Setup, svg, text};
use anyhow::Context;
use ratatui::layout::Rect;
use std::process::ExitCode;

/// Trains, types the keys, draws, writes.
pub(super) fn run(args: &PictureArgs, display: &DisplayArgs) -> anyhow::Result<ExitCode> {
    let spec = args.spec.assemble()?.spec;
    let is_svg = args.file.extension().is_some_and(|extension| extension == "svg");
    let theme = if is_svg { display.picture_theme() } else { display.theme() };
    let setup = Setup { theme, ..Setup::default() };
    let (columns, rows) = size(&args.size)?;
    let area = Rect::new(0, 0, columns, rows);
    let mut screen = Offscreen::train(spec, RunOptions::default(), setup, area)?;
    screen.type_keys(&args.keys)?;
    screen.draw();
    let picture = if is_svg { svg(&screen.buffer, theme) } else { text(&screen.buffer) };
    std::fs::write(&args.file, picture)
        .with_context(|| format!("{}: cannot be written", args.file.display()))?;
    screen.finish();
    Ok(ExitCode::SUCCESS)
}

/// A size such as `120x40`.
pub(super) fn size(text: &str) -> Result<(u16, u16), Usage> {
    let sides = text
        .split_once('x')
        .and_then(|(columns, rows)| Some((columns.parse().ok()?, rows.parse().ok()?)));
    sides
        .filter(|&(columns, rows)| (1..=500).contains(&columns) && (1..=500).contains(&rows))
        .ok_or_else(|| {
            Usage::value("--size", format!("{text}: give columns and rows, such as 120x40"))
        })
}
