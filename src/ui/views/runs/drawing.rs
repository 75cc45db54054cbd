//! Shared drawing code of the views of runs: values, and the configurations of runs side by side.

use super::run_list::{RunList, shown, strip_common_path};
use crate::ui::numbers::short;
use crate::ui::theme::{TextRole, Theme};
use crate::ui::widgets::{Pane, write, write_at};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// A value in at most eight characters.
pub fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "∞" } else { "−∞" }.to_owned()
    } else {
        short(value)
    }
}

/// Draws the differences in the configuration of the charted runs: each hyper-parameter with the
/// value of every run in its colour.
pub fn draw_config(runs: &RunList, area: Rect, buffer: &mut Buffer, theme: &Theme) {
    let inside = Pane::new("Configuration", theme).draw(area, buffer);
    let rows = runs.charted();
    let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    let width = usize::from(inside.width);
    let differing = runs.differing();
    if differing.is_empty() {
        let text = "no known hyper-parameter differs";
        write(buffer, inside, 0, theme.say(text), theme.style(TextRole::Dim));
        return;
    }
    let mut y = 0;
    for (name, values) in differing {
        if y >= inside.height {
            break;
        }
        write(buffer, inside, y, &shown(&name, width), theme.style(TextRole::Title));
        y += 1;
        for (row, value) in rows.iter().zip(values) {
            if y >= inside.height {
                break;
            }
            let run = row.label.as_deref().unwrap_or_else(|| strip_common_path(&row.name, &names));
            let value = if value.is_empty() { "–".to_owned() } else { shown(&value, width / 2) };
            let style = theme.series(runs.colour(&row.name));
            let end = write_at(buffer, inside, 1, y, &value, style) + 1;
            let room = width.saturating_sub(usize::from(end));
            let dim = theme.style(TextRole::Dim);
            write_at(buffer, inside, end, y, &shown(run, room), dim);
            y += 1;
        }
    }
}
