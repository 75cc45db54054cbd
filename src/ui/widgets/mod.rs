//! The widgets of the views.

mod ansi;
mod bars;
mod bitmap;
mod chart;
mod chart_state;
mod cursor;
mod gauge;
mod grid;
mod histogram;
mod pane;
mod plot;
mod raster;
mod smoothing;
mod text;
mod ticks;
mod track;

pub use ansi::spans as ansi_spans;
pub use bars::{Bars, NamedBar};
pub use bitmap::draw_bitmap;
pub use chart::{ChartLine, LineChart, VerticalMark};
pub use chart_state::ChartState;
pub use cursor::GridShape;
pub use gauge::Gauge;
pub use grid::Grid;
pub use histogram::Histogram;
pub use pane::Pane;
pub use raster::{Legend, Raster};
pub use text::{cut, shortened, wrap};
pub use ticks::{AxisUnit, margin_around, ticks};
pub use track::{draw_track, share_at};

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

/// Writes a line of text, truncated to the area's width; returns the columns it takes.
pub fn write(buffer: &mut Buffer, area: Rect, row: u16, text: &str, style: Style) -> u16 {
    write_at(buffer, area, 0, row, text, style)
}

/// Writes text in as many lines as it needs, from the first row on.
pub fn write_wrapped(buffer: &mut Buffer, area: Rect, text: &str, style: Style) {
    for (row, line) in (0..area.height).zip(wrap(text, area.width)) {
        write(buffer, area, row, &line, style);
    }
}

/// Writes text from a column on, truncated to the area; returns the next free column.
pub fn write_at(
    buffer: &mut Buffer,
    area: Rect,
    column: u16,
    row: u16,
    text: &str,
    style: Style,
) -> u16 {
    let area = area.intersection(buffer.area);
    if row >= area.height || column >= area.width {
        return column;
    }
    let room = usize::from(area.width - column);
    let (end, _) = buffer.set_stringn(area.x + column, area.y + row, text, room, style);
    end - area.x
}

/// Writes right-aligned text; nothing if it does not fit.
pub fn write_right(buffer: &mut Buffer, area: Rect, row: u16, text: &str, style: Style) {
    let width = u16::try_from(text.width()).unwrap_or(u16::MAX);
    if width <= area.width {
        write_at(buffer, area, area.width - width, row, text, style);
    }
}
