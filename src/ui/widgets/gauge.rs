//! A progress bar in one line.

use super::write_at;
use crate::ui::theme::{TextRole, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;
use unicode_width::UnicodeWidthStr;

/// A line of progress: a label, a bar, and a note.
#[derive(Clone, Debug)]
pub struct Gauge {
    pub label: String,
    /// From 0 to 1; clamped.
    pub share: f64,
    pub note: String,
    pub theme: Theme,
}

impl Widget for &Gauge {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let dim = self.theme.style(TextRole::Dim);
        let start = write_at(buffer, area, 0, 0, self.theme.say(&self.label), dim);
        let note = self.note.width() as u16;
        let width = area.width.saturating_sub(start + 1).saturating_sub(note + 1);
        if width < 4 {
            write_at(buffer, area, start + 1, 0, &self.note, self.theme.style(TextRole::Text));
            return;
        }
        let share = if self.share.is_finite() { self.share.clamp(0.0, 1.0) } else { 0.0 };
        let filled = (share * f64::from(width)).round() as usize;
        let (full, rest) = if self.theme.unicode { ("━", "─") } else { ("=", "-") };
        let middle = write_at(
            buffer,
            area,
            start + 1,
            0,
            &full.repeat(filled),
            self.theme.style(TextRole::Accent),
        );
        let rest = rest.repeat(usize::from(width) - filled);
        write_at(buffer, area, middle, 0, &rest, self.theme.style(TextRole::Border));
        write_at(buffer, area, start + 2 + width, 0, &self.note, self.theme.style(TextRole::Text));
    }
}
