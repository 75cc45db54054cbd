//! What a chart of runs is drawn from: the ends of its axes, values under the cursor, names.

use super::desk::{Desk, shown};
use crate::protocol::{CurveSet, RunAxis};
use crate::ui::theme::{Role, Theme};
use crate::ui::widgets::{Pane, write, write_at};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// How charts are looked at.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub log_x: bool,
    pub log_y: bool,
    /// The y axis spans all values, not the 5th to the 95th percentile.
    pub outliers: bool,
    /// The part of the x axis that is shown, as shares of all of it.
    pub zoom: [f64; 2],
}

/// The ends of both axes; none where nothing can be drawn.
pub fn ranges(set: &CurveSet, look: Look) -> Option<([f64; 2], [f64; 2])> {
    let points = || {
        set.curves.iter().flat_map(|curve| {
            let band = curve.band.iter().flatten().flatten();
            curve.raw.iter().chain(band).chain(curve.superseded.iter().flatten())
        })
    };
    let fits = |on: bool, value: f64| value.is_finite() && (!on || value > 0.0);
    let range = |values: &mut dyn Iterator<Item = f64>| {
        values.fold(None, |range: Option<[f64; 2]>, value| {
            let [low, high] = range.unwrap_or([value, value]);
            Some([low.min(value), high.max(value)])
        })
    };
    let x = range(&mut points().map(|point| point.0).filter(|&x| fits(look.log_x, x)))?;
    let y = range(&mut points().map(|point| point.1).filter(|&y| fits(look.log_y, y)))?;
    let width = x[1] - x[0];
    let x = [x[0] + width * look.zoom[0], x[0] + width * look.zoom[1]];
    let x = if x[1] > x[0] { x } else { [x[0], x[0] + 1.0] };
    // A little air around the middle values, so that the curve is seen to go on.
    let y = match set.middle.filter(|_| !look.outliers) {
        Some([low, high]) if fits(look.log_y, low) && high > low => {
            let air = 0.1 * (high - low);
            [(low - air).max(y[0]), (high + air).min(y[1])]
        }
        _ => y,
    };
    let y = if y[1] > y[0] {
        y
    } else {
        [y[0] - 0.05 * y[0].abs().max(0.1), y[0] + 0.05 * y[0].abs().max(0.1)]
    };
    let y = if look.log_y && y[0] <= 0.0 { [y[1] * 1e-6, y[1]] } else { y };
    Some((x, y))
}

/// The value of the point that is nearest to an x.
pub fn nearest(points: &[(f64, f64)], x: f64) -> Option<f64> {
    let distance = |point: &&(f64, f64)| (point.0 - x).abs();
    points.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).map(|point| point.1)
}

/// An axis in words.
pub fn axis_name(axis: RunAxis) -> &'static str {
    match axis {
        RunAxis::Step => "step",
        RunAxis::Epoch => "epoch",
        RunAxis::Relative => "seconds",
        RunAxis::Process => "seconds without pauses",
        RunAxis::Wall => "time of day",
    }
}

/// What differs in the configuration of the charted runs.
pub fn draw_config(desk: &Desk, area: Rect, buffer: &mut Buffer, theme: &Theme) {
    let inside = Pane::new("Configuration", theme).draw(area, buffer);
    let rows = desk.charted();
    let width = usize::from(inside.width);
    let mut y = 0;
    for row in rows {
        if y >= inside.height {
            break;
        }
        write(buffer, inside, y, &shown(&row.name, width), theme.series(desk.colour(&row.name)));
        y += 1;
        for (name, value) in row.config.iter().filter(|(_, value)| !value.is_empty()) {
            let end =
                write_at(buffer, inside, 1, y, &shown(name, width / 2), theme.style(Role::Dim));
            write_at(buffer, inside, end + 1, y, &shown(value, width / 2), theme.style(Role::Text));
            y += 1;
        }
    }
}
