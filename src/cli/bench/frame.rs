//! Time to compose a frame of the dashboard.

use super::BenchRecord;
use super::networks::Seconds;
use crate::cli::offscreen::Offscreen;
use crate::spec::Spec;
use crate::train::RunOptions;
use crate::ui::DashboardSetup;
use anyhow::Context;
use ratatui::layout::Rect;
use std::time::Instant;

const COLUMNS: u16 = 120;
const ROWS: u16 = 40;
/// Number of frames timed.
const FRAMES: usize = 200;

/// Composes the overview of a finished run, with every probe answered.
pub(super) fn measure() -> anyhow::Result<BenchRecord> {
    let spec = Spec { epochs: 3, ..Spec::default() };
    let area = Rect::new(0, 0, COLUMNS, ROWS);
    let mut screen =
        Offscreen::train(spec, RunOptions::default(), DashboardSetup::default(), area)?;
    let once = |_| {
        let start = Instant::now();
        screen.draw();
        start.elapsed().as_secs_f64()
    };
    let seconds = Seconds::of((0..FRAMES).map(once).collect()).context("no frame was drawn")?;
    screen.finish();
    Ok(BenchRecord::Frame { columns: COLUMNS, rows: ROWS, milliseconds: 1e3 * seconds.median() })
}
