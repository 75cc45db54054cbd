//! Texts in the logs of runs, and the last lines of their output.

use super::chooser::Chooser;
use super::run_list::{SharedRunList, shown};
use crate::protocol::{ProbeQuery, SampleContent, SampleKind, printable};
use crate::ui::effect::Effect;
use crate::ui::theme::{TextRole, Theme};
use crate::ui::view::{KeyHelp, View, ViewContext};
use crate::ui::view_id::ViewId;
use crate::ui::widgets::{Pane, wrap, write};
use crossterm::event::{KeyCode, KeyEvent, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Maximum number of wrapped lines of a text.
const MAX_LINES: usize = 10_000;

/// The names of the logged texts and the selected text, or the last lines that a run printed.
#[derive(Debug)]
pub struct TextsView {
    shared: SharedRunList,
    chooser: Chooser,
    /// Show the output of a run instead of a text.
    printed: bool,
    /// Number of lines scrolled down, or, for output, up from the end.
    scroll: usize,
}

impl TextsView {
    #[must_use]
    pub fn new(shared: SharedRunList) -> Self {
        Self { shared, chooser: Chooser::new(SampleKind::Text), printed: false, scroll: 0 }
    }

    fn scroll(&mut self, lines: isize) {
        let lines = if self.printed { -lines } else { lines };
        self.scroll = self.scroll.saturating_add_signed(lines);
    }

    /// The lines of a text, wrapped, with escape sequences made visible.
    fn lines(text: &str, width: u16) -> Vec<String> {
        let lines = text.lines().flat_map(|line| {
            if line.trim().is_empty() { vec![String::new()] } else { wrap(&printable(line), width) }
        });
        lines.take(MAX_LINES).collect()
    }

    /// Draws the last lines of output of the run under the cursor, or of the first charted one.
    fn draw_printed(&mut self, area: Rect, buffer: &mut Buffer, theme: &Theme) {
        let shared = self.shared.borrow();
        let charted = shared.charted();
        let is_charted = |name: &str| charted.iter().any(|row| row.name == name);
        let under = shared.under_cursor().filter(|row| is_charted(&row.name));
        let Some(row) = under.or(charted.first().copied()) else {
            write(buffer, area, 0, theme.say("there is no run"), theme.style(TextRole::Dim));
            return;
        };
        let title = shown(row.display_name(), usize::from(area.width / 2));
        let note = theme.say("the last lines that it printed");
        let inside = Pane::new(&title, theme).note(note).draw(area, buffer);
        let lines = shared.source.lines(&row.name).unwrap_or_default();
        if lines.is_empty() {
            let text = "no output of this run was found";
            write(buffer, inside, 0, theme.say(text), theme.style(TextRole::Dim));
            return;
        }
        let lines: Vec<String> =
            lines.iter().flat_map(|line| Self::lines(line, inside.width)).collect();
        let most = lines.len().saturating_sub(usize::from(inside.height));
        self.scroll = self.scroll.min(most);
        for (row, line) in (0..inside.height).zip(&lines[most - self.scroll..]) {
            write(buffer, inside, row, line, theme.style(TextRole::Text));
        }
    }
}

impl View for TextsView {
    fn id(&self) -> ViewId {
        ViewId::Texts
    }

    fn about(&self) -> &'static [&'static str] {
        &["The texts that runs have logged, step by step, and the last lines that they printed."]
    }

    fn keys(&self) -> &'static [KeyHelp] {
        &[
            KeyHelp { keys: "↑↓", does: "choose" },
            KeyHelp { keys: "←→", does: "step, Home End" },
            KeyHelp { keys: "PgUp PgDn", does: "scroll" },
            KeyHelp { keys: "o", does: "what was printed, or texts" },
            KeyHelp { keys: "y", does: "copy the text" },
        ]
    }

    fn probes(&self, _context: &ViewContext) -> Vec<ProbeQuery> {
        Vec::new()
    }

    fn key(&mut self, key: KeyEvent, _context: &ViewContext) -> Effect {
        match key.code {
            KeyCode::PageDown => self.scroll(10),
            KeyCode::PageUp => self.scroll(-10),
            KeyCode::Char('o') => (self.printed, self.scroll) = (!self.printed, 0),
            KeyCode::Char('y') if !self.printed => {
                return match self.chooser.sample(&self.shared.borrow()) {
                    Some(SampleContent::Text(text)) => {
                        let lines: Vec<_> = text.lines().map(printable).collect();
                        Effect::Copy(lines.join("\n"))
                    }
                    _ => Effect::Redraw,
                };
            }
            _ if !self.printed && self.chooser.key(key) => self.scroll = 0,
            _ => return Effect::Ignored,
        }
        Effect::Redraw
    }

    fn mouse(&mut self, event: MouseEvent, _area: Rect, _context: &ViewContext) -> Effect {
        match event.kind {
            _ if !self.printed && self.chooser.mouse(event) => self.scroll = 0,
            MouseEventKind::ScrollDown => self.scroll(3),
            MouseEventKind::ScrollUp => self.scroll(-3),
            _ => return Effect::Ignored,
        }
        Effect::Redraw
    }

    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
        let theme = context.theme;
        self.shared.borrow_mut().refresh();
        if self.printed {
            self.draw_printed(area, buffer, theme);
            return;
        }
        let shared = self.shared.borrow();
        let nothing = "these runs have logged no texts; o shows what they printed";
        let Some(rest) = self.chooser.draw(&shared, nothing, area, buffer, theme) else { return };
        let Some(inside) = self.chooser.draw_pane(rest, buffer, theme) else { return };
        let Some(SampleContent::Text(text)) = self.chooser.sample(&shared) else { return };
        let lines = Self::lines(&text, inside.width);
        self.scroll = self.scroll.min(lines.len().saturating_sub(usize::from(inside.height)));
        for (row, line) in (0..inside.height).zip(&lines[self.scroll..]) {
            write(buffer, inside, row, line, theme.style(TextRole::Text));
        }
    }
}
