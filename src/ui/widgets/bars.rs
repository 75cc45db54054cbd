//! Horizontal bars with their names and values.

use super::{write_at, write_right};
use crate::ui::theme::{TextRole, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Widget;
use unicode_width::UnicodeWidthStr;

/// Left-aligned blocks of one to eight eighths.
const EIGHTHS: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];

/// One bar.
#[derive(Clone, Debug)]
pub struct NamedBar {
    pub name: String,
    /// Length as a fraction from 0 to 1; clamped.
    pub share: f64,
    /// The value as text, with its unit.
    pub value: String,
    pub style: Style,
}

/// Minimum columns of a bar with its name and value in a column beside others.
const MIN_WIDTH: u16 = 11;

/// A list of bars, one per row; in several columns if there are not enough rows.
#[derive(Clone, Debug)]
pub struct Bars {
    pub rows: Vec<NamedBar>,
    pub theme: Theme,
}

impl Widget for &Bars {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        if area.is_empty() {
            return;
        }
        let wanted = (self.rows.len() as u16).div_ceil(area.height).max(1);
        let columns = wanted.min((area.width + 1) / (MIN_WIDTH + 1)).max(1);
        let width = (area.width + 1) / columns - 1;
        let height = if columns < wanted {
            area.height
        } else {
            (self.rows.len() as u16).div_ceil(columns).max(1)
        };
        for (column, rows) in (0..columns).zip(self.rows.chunks(usize::from(height))) {
            self.column(rows, Rect { x: area.x + column * (width + 1), width, ..area }, buffer);
        }
    }
}

impl Bars {
    fn column(&self, rows: &[NamedBar], area: Rect, buffer: &mut Buffer) {
        let widest = |text: fn(&NamedBar) -> &str| {
            self.rows.iter().map(|row| text(row).width()).max().unwrap_or(0) as u16
        };
        let (names, values) = (widest(|row| &row.name), widest(|row| &row.value));
        let room = area.width.saturating_sub(names + values + 2);
        for (line, row) in (0..area.height).zip(rows) {
            write_at(buffer, area, 0, line, &row.name, row.style);
            let bar = bar(row.share, room, &self.theme);
            write_at(buffer, area, names + 1, line, &bar, row.style);
            write_right(
                buffer,
                area,
                line,
                &row.value,
                self.theme.style(TextRole::Dim).patch(row.style),
            );
        }
    }
}

/// A bar of up to `width` cells, with a resolution of 1/8 cell if the terminal has the characters.
fn bar(share: f64, width: u16, theme: &Theme) -> String {
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    let eighths = (share * f64::from(width) * 8.0).round() as usize;
    if !theme.unicode {
        return "#".repeat(eighths / 8);
    }
    let mut bar = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        bar.push(EIGHTHS[eighths % 8 - 1]);
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_bars_in_six_rows_use_two_columns() {
        let row = |class: u32| NamedBar {
            name: class.to_string(),
            share: 0.5,
            value: format!("{class}.0"),
            style: Style::default(),
        };
        let bars = Bars { rows: (0..10).map(row).collect(), theme: Theme::default() };
        let lines = |width, height| {
            let area = Rect::new(0, 0, width, height);
            let mut buffer = Buffer::empty(area);
            (&bars).render(area, &mut buffer);
            let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
            (0..height).map(line).collect::<Vec<_>>()
        };
        assert_eq!(lines(23, 6)[0], "0 ██▌   0.0 5 ██▌   5.0");
        assert_eq!(lines(23, 6)[4], "4 ██▌   4.0 9 ██▌   9.0");
        assert_eq!(lines(11, 2), ["0 ██▌   0.0", "1 ██▌   1.0"], "no room for a second");
    }

    #[test]
    fn bars_are_proportional_to_their_share() {
        let theme = Theme::default();
        assert_eq!(bar(1.0, 4, &theme), "████");
        assert_eq!(bar(0.5, 3, &theme), "█▌");
        assert_eq!(bar(f64::NAN, 3, &theme), "");
        assert_eq!(bar(2.0, 2, &Theme { unicode: false, ..theme }), "##");
    }
}
