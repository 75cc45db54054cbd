//! A framed and titled part of the screen.

use crate::ui::theme::{TextRole, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;
use ratatui::widgets::{Block, BorderType, Widget};
use unicode_width::UnicodeWidthStr;

/// A frame with a title, which is omitted if the area is too small.
#[derive(Clone, Debug)]
pub struct Pane<'a> {
    pub title: &'a str,
    /// A text on the right of the title, such as the epoch.
    pub note: &'a str,
    /// Whether frame and title are highlighted.
    pub lit: bool,
    pub theme: Theme,
}

impl<'a> Pane<'a> {
    /// A pane without a note.
    #[must_use]
    pub fn new(title: &'a str, theme: &Theme) -> Self {
        Self { title, note: "", lit: false, theme: *theme }
    }

    /// Adds a text on the right of the title.
    #[must_use]
    pub fn note(mut self, note: &'a str) -> Self {
        self.note = note;
        self
    }

    /// Highlights the frame and the title, or not.
    #[must_use]
    pub fn lit(mut self, lit: bool) -> Self {
        self.lit = lit;
        self
    }

    /// Draws the frame; returns the area inside.
    pub fn draw(&self, area: Rect, buffer: &mut Buffer) -> Rect {
        let area = area.intersection(buffer.area);
        if area.width < 12 || area.height < 4 {
            return area;
        }
        let block = Block::bordered().border_type(BorderType::Rounded).border_style(
            self.theme.style(if self.lit { TextRole::Accent } else { TextRole::Border }),
        );
        let inside = block.inner(area);
        block.render(area, buffer);
        let line = Rect { x: area.x + 2, width: area.width - 4, height: 1, ..area };
        if self.title.is_empty() {
            return inside;
        }
        // The text has its own colour instead of that of the border.
        let plain = self.theme.style(TextRole::Title).fg(Color::Reset);
        let style = if self.lit { self.theme.style(TextRole::Accent) } else { plain };
        let end =
            super::write(buffer, line, 0, &format!(" {} ", self.theme.say(self.title)), style);
        let note = format!(" {} ", self.theme.say(self.note));
        if !self.note.is_empty() && end + note.width() as u16 <= line.width {
            super::write_right(buffer, line, 0, &note, self.theme.style(TextRole::Dim));
        }
        inside
    }
}
