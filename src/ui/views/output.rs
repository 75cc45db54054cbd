//! The output of a command, with scrolling and search.

use crate::protocol::{OutputLines, ProbeQuery};
use crate::ui::effect::Effect;
use crate::ui::theme::{ColorDepth, TextRole, Theme};
use crate::ui::view::{KeyHelp, View, ViewContext};
use crate::ui::view_id::ViewId;
use crate::ui::widgets::{Pane, ansi_spans, write, write_at};
use crossterm::event::{KeyCode, KeyEvent, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use unicode_width::UnicodeWidthStr;

/// Number of lines per step of the mouse wheel.
const WHEEL: u64 = 3;

/// The output of a command, with scrolling and search.
#[derive(Debug, Default)]
pub(in crate::ui) struct OutputView {
    /// The number of the first visible line; `None` follows the newest.
    top: Option<u64>,
    /// Number of rows that were last drawn.
    rows: u64,
    /// The search pattern.
    pattern: String,
    /// The pattern is being typed.
    typing: bool,
}

impl View for OutputView {
    fn id(&self) -> ViewId {
        ViewId::Output
    }

    fn about(&self) -> &'static [&'static str] {
        &[
            "The newest lines that the command printed; all of them are in the run's directory.",
            "At the end of the list new lines are followed.",
        ]
    }

    fn keys(&self) -> &'static [KeyHelp] {
        &[
            KeyHelp { keys: "↑↓ PgUp PgDn", does: "scroll" },
            KeyHelp { keys: "Home End", does: "oldest line, follow the newest" },
            KeyHelp { keys: "/ n N", does: "search, next, previous" },
        ]
    }

    fn probes(&self, _context: &ViewContext) -> Vec<ProbeQuery> {
        Vec::new()
    }

    fn key(&mut self, key: KeyEvent, context: &ViewContext) -> Effect {
        let output = &context.run.output;
        if self.typing {
            return self.type_pattern(key.code, output);
        }
        match key.code {
            KeyCode::Up | KeyCode::Char('k') => self.scroll_up(1, output),
            KeyCode::Down | KeyCode::Char('j') => self.scroll_down(1, output),
            KeyCode::PageUp => self.scroll_up(self.rows.max(2) - 1, output),
            KeyCode::PageDown => self.scroll_down(self.rows.max(2) - 1, output),
            KeyCode::Home => self.top = Some(output.first),
            KeyCode::End => self.top = None,
            KeyCode::Char('/') => {
                self.typing = true;
                self.pattern.clear();
            }
            KeyCode::Char('n') => self.search(output, false),
            KeyCode::Char('N') => self.search(output, true),
            _ => return Effect::Ignored,
        }
        Effect::Redraw
    }

    fn mouse(&mut self, event: MouseEvent, _area: Rect, context: &ViewContext) -> Effect {
        match event.kind {
            MouseEventKind::ScrollUp => self.scroll_up(WHEEL, &context.run.output),
            MouseEventKind::ScrollDown => self.scroll_down(WHEEL, &context.run.output),
            _ => return Effect::Ignored,
        }
        Effect::Redraw
    }

    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
        let (output, theme) = (&context.run.output, context.theme);
        let note = self.note(output, theme);
        let inside = Pane::new("Output", theme).note(&note).draw(area, buffer);
        self.rows = u64::from(inside.height);
        if output.lines.is_empty() && output.current.is_none() {
            write(
                buffer,
                inside,
                0,
                theme.say("nothing was printed yet"),
                theme.style(TextRole::Dim),
            );
            return;
        }
        let first = self.first_shown(output);
        for row in 0..inside.height {
            let Some(line) = line(output, first + u64::from(row)) else { break };
            self.draw_line(line, row, inside, buffer, theme);
        }
    }
}

impl OutputView {
    /// The number of the first visible line.
    fn first_shown(&self, output: &OutputLines) -> u64 {
        let last = self.last_top(output);
        self.top.map_or(last, |top| top.clamp(output.first, last))
    }

    /// The number of the first visible line when the newest line is at the bottom.
    fn last_top(&self, output: &OutputLines) -> u64 {
        count(output).saturating_sub(self.rows).max(output.first)
    }

    fn scroll_up(&mut self, lines: u64, output: &OutputLines) {
        self.top = Some(self.first_shown(output).saturating_sub(lines).max(output.first));
    }

    fn scroll_down(&mut self, lines: u64, output: &OutputLines) {
        let top = self.first_shown(output) + lines;
        self.top = (top < self.last_top(output)).then_some(top);
    }

    fn type_pattern(&mut self, code: KeyCode, output: &OutputLines) -> Effect {
        match code {
            KeyCode::Char(character) => self.pattern.push(character),
            KeyCode::Backspace => {
                self.pattern.pop();
            }
            KeyCode::Enter => {
                self.typing = false;
                self.search(output, true);
            }
            KeyCode::Esc => {
                self.typing = false;
                self.pattern.clear();
            }
            _ => return Effect::Ignored,
        }
        Effect::Redraw
    }

    /// Goes to the next or the previous line that contains the pattern, if there is one.
    fn search(&mut self, output: &OutputLines, backwards: bool) {
        if self.pattern.is_empty() {
            return;
        }
        let here = self.first_shown(output);
        let contains = |number: &u64| {
            line(output, *number).is_some_and(|line| plain(line).contains(&self.pattern))
        };
        let found = if backwards {
            // Start from the bottom of the screen if nothing was found yet.
            let from = if self.top.is_some() { here } else { count(output) };
            (output.first..from).rev().find(contains)
        } else {
            (here + 1..count(output)).find(contains)
        };
        self.top = found.or(self.top);
    }

    fn note(&self, output: &OutputLines, theme: &Theme) -> String {
        if self.typing {
            return format!("/{}", self.pattern);
        }
        if self.top.is_none() {
            return theme.fill("{} lines", &[&count(output)]);
        }
        let line = self.first_shown(output) + 1;
        theme.fill("line {} of {}", &[&line, &count(output)])
    }

    fn draw_line(&self, line: &str, row: u16, area: Rect, buffer: &mut Buffer, theme: &Theme) {
        let mut column = 0;
        let base = theme.style(TextRole::Text);
        for (text, style) in ansi_spans(line, base) {
            let style = if can_show(style, theme.depth) { style } else { base };
            write_at(buffer, area, column, row, &text, style);
            column = column.saturating_add(text.width() as u16);
            if column >= area.width {
                break;
            }
        }
        if !self.pattern.is_empty() && plain(line).contains(&self.pattern) {
            let place = Rect { y: area.y + row, height: 1, ..area };
            buffer.set_style(place, Style::new().add_modifier(Modifier::REVERSED));
        }
    }
}

/// Whether a terminal with this colour depth has the colours of a style.
fn can_show(style: Style, depth: ColorDepth) -> bool {
    let has = |color: Option<Color>| match (color, depth) {
        (None, _) | (_, ColorDepth::True) => true,
        (_, ColorDepth::None) | (Some(Color::Rgb(..)), _) => false,
        (Some(Color::Indexed(16..)), ColorDepth::Ansi16) => false,
        (Some(_), _) => true,
    };
    has(style.fg) && has(style.bg)
}

/// A line by its number, including the incomplete last one; `None` if it is no longer stored.
fn line(output: &OutputLines, number: u64) -> Option<&str> {
    let index = usize::try_from(number.checked_sub(output.first)?).ok()?;
    match output.lines.get(index) {
        Some(line) => Some(line),
        None if index == output.lines.len() => output.current.as_deref(),
        None => None,
    }
}

/// Number of lines so far, including the incomplete last one.
fn count(output: &OutputLines) -> u64 {
    output.first + output.lines.len() as u64 + u64::from(output.current.is_some())
}

/// A line without escape sequences.
fn plain(line: &str) -> String {
    ansi_spans(line, Style::default()).into_iter().map(|(text, _)| text).collect()
}
