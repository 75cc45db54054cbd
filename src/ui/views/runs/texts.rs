//! Texts in the logs of runs, and the last lines that they printed.

use super::chooser::Chooser;
use super::desk::{Shared, shown};
use crate::protocol::{SampleContent, SampleKind, What, printable};
use crate::ui::effect::Effect;
use crate::ui::theme::{Role, Theme};
use crate::ui::view::{Context, KeyHelp, View};
use crate::ui::view_id::ViewId;
use crate::ui::widgets::{Pane, wrap, write};
use crossterm::event::{KeyCode, KeyEvent, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Lines of a text that are broken at most.
const MOST_LINES: usize = 10_000;

/// The view.
#[derive(Debug)]
pub struct Texts {
    desk: Shared,
    chooser: Chooser,
    /// The last lines that a run printed are shown, not a text.
    printed: bool,
    /// Lines scrolled down; from the end for what was printed.
    scroll: usize,
}

impl Texts {
    #[must_use]
    pub fn new(desk: Shared) -> Self {
        Self { desk, chooser: Chooser::new(SampleKind::Text), printed: false, scroll: 0 }
    }

    fn scroll(&mut self, lines: isize) {
        let lines = if self.printed { -lines } else { lines };
        self.scroll = self.scroll.saturating_add_signed(lines);
    }

    /// The lines of a text as they are drawn, escape sequences written out.
    fn lines(text: &str, width: u16) -> Vec<String> {
        let lines = text.lines().flat_map(|line| {
            if line.trim().is_empty() { vec![String::new()] } else { wrap(&printable(line), width) }
        });
        lines.take(MOST_LINES).collect()
    }

    /// What the run under the cursor, or the first one that is charted, printed last.
    fn draw_printed(&mut self, area: Rect, buffer: &mut Buffer, theme: &Theme) {
        let desk = self.desk.borrow();
        let charted = desk.charted();
        let is_charted = |name: &str| charted.iter().any(|row| row.name == name);
        let under = desk.under_cursor().filter(|row| is_charted(&row.name));
        let Some(row) = under.or(charted.first().copied()) else {
            write(buffer, area, 0, theme.say("there is no run"), theme.style(Role::Dim));
            return;
        };
        let title = shown(row.called(), usize::from(area.width / 2));
        let note = theme.say("the last lines that it printed");
        let inside = Pane::new(&title, theme).note(note).draw(area, buffer);
        let lines = desk.source.lines(&row.name).unwrap_or_default();
        if lines.is_empty() {
            let text = "nothing that it printed was found";
            write(buffer, inside, 0, theme.say(text), theme.style(Role::Dim));
            return;
        }
        let lines: Vec<String> =
            lines.iter().flat_map(|line| Self::lines(line, inside.width)).collect();
        let most = lines.len().saturating_sub(usize::from(inside.height));
        self.scroll = self.scroll.min(most);
        for (row, line) in (0..inside.height).zip(&lines[most - self.scroll..]) {
            write(buffer, inside, row, line, theme.style(Role::Text));
        }
    }
}

impl View for Texts {
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

    fn probes(&self, _context: &Context) -> Vec<What> {
        Vec::new()
    }

    fn key(&mut self, key: KeyEvent, _context: &Context) -> Effect {
        match key.code {
            KeyCode::PageDown => self.scroll(10),
            KeyCode::PageUp => self.scroll(-10),
            KeyCode::Char('o') => (self.printed, self.scroll) = (!self.printed, 0),
            KeyCode::Char('y') if !self.printed => {
                let Some(entry) = self.chooser.entry() else { return Effect::Redraw };
                let (run, name) = (&entry.run, &entry.series.name);
                let place = self.chooser.place();
                return match self.desk.borrow().source.sample(run, SampleKind::Text, name, place) {
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

    fn mouse(&mut self, event: MouseEvent, _area: Rect, _context: &Context) -> Effect {
        match event.kind {
            _ if !self.printed && self.chooser.mouse(event) => self.scroll = 0,
            MouseEventKind::ScrollDown => self.scroll(3),
            MouseEventKind::ScrollUp => self.scroll(-3),
            _ => return Effect::Ignored,
        }
        Effect::Redraw
    }

    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &Context) {
        let theme = context.theme;
        self.desk.borrow_mut().refresh();
        if self.printed {
            self.draw_printed(area, buffer, theme);
            return;
        }
        let desk = self.desk.borrow();
        let nothing = "these runs have logged no texts; o shows what they printed";
        let Some(rest) = self.chooser.draw(&desk, nothing, area, buffer, theme) else { return };
        let Some(entry) = self.chooser.entry() else { return };
        let step = self.chooser.step().unwrap_or(0);
        let (place, count) = (self.chooser.place() + 1, entry.series.steps.len());
        let note = theme.fill("step {}, {} of {}", &[&step, &place, &count]);
        let title = shown(&entry.series.name, usize::from(rest.width / 2));
        let inside = Pane::new(&title, theme).note(&note).draw(rest, buffer);
        let sample =
            desk.source.sample(&entry.run, SampleKind::Text, &entry.series.name, place - 1);
        let Some(SampleContent::Text(text)) = sample else { return };
        let lines = Self::lines(&text, inside.width);
        self.scroll = self.scroll.min(lines.len().saturating_sub(usize::from(inside.height)));
        for (row, line) in (0..inside.height).zip(&lines[self.scroll..]) {
            write(buffer, inside, row, line, theme.style(Role::Text));
        }
    }
}
