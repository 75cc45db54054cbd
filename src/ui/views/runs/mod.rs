//! A table of runs.

mod compare;
mod desk;
mod drawing;
mod table;

pub use compare::Compare;
pub use desk::{Desk, Shared, shown};

use table::Sparks;

use crate::protocol::What;
use crate::ui::effect::Effect;
use crate::ui::numbers::short;
use crate::ui::theme::Role;
use crate::ui::view::{Context, KeyHelp, View};
use crate::ui::view_id::ViewId;
use crate::ui::widgets::{Pane, write, write_at};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The view.
#[derive(Debug)]
pub struct Runs {
    desk: Shared,
    /// The first row that is shown.
    top: usize,
    /// Rows that were shown last.
    rows: usize,
    /// A filter is being typed.
    typing: bool,
    sparks: Sparks,
}

impl Runs {
    #[must_use]
    pub fn new(desk: Shared) -> Self {
        Self { desk, top: 0, rows: 1, typing: false, sparks: Sparks::default() }
    }

    fn type_key(&mut self, key: KeyEvent) -> Effect {
        let mut desk = self.desk.borrow_mut();
        match key.code {
            KeyCode::Enter => self.typing = false,
            KeyCode::Esc => {
                self.typing = false;
                desk.filter.clear();
            }
            KeyCode::Backspace => _ = desk.filter.pop(),
            KeyCode::Char('u') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                desk.filter.clear();
            }
            KeyCode::Char(character) if !key.modifiers.contains(KeyModifiers::CONTROL) => {
                desk.filter.push(character);
            }
            _ => return Effect::Ignored,
        }
        desk.refresh();
        Effect::Redraw
    }
}

impl View for Runs {
    fn id(&self) -> ViewId {
        ViewId::Runs
    }

    fn about(&self) -> &'static [&'static str] {
        &[
            "Runs read from their logs; mark some with space to compare their curves.",
            "A row is a run: its state, its step, and the newest value of each metric.",
        ]
    }

    fn keys(&self) -> &'static [KeyHelp] {
        &[
            KeyHelp { keys: "space", does: "mark for comparing" },
            KeyHelp { keys: "Enter", does: "open" },
            KeyHelp { keys: "/", does: "filter" },
            KeyHelp { keys: "s", does: "sort" },
            KeyHelp { keys: "r", does: "turn the order round" },
            KeyHelp { keys: "p", does: "pin" },
            KeyHelp { keys: "x", does: "hide, X show all" },
            KeyHelp { keys: "u", does: "unmark all" },
            KeyHelp { keys: "2", does: "charts" },
        ]
    }

    fn probes(&self, _context: &Context) -> Vec<What> {
        Vec::new()
    }

    fn key(&mut self, key: KeyEvent, _context: &Context) -> Effect {
        if self.typing {
            return self.type_key(key);
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return Effect::Ignored;
        }
        let page = self.rows.max(1);
        let mut desk = self.desk.borrow_mut();
        let last = desk.listed.len().saturating_sub(1);
        let under = desk.under_cursor().map(|row| row.name.clone());
        match key.code {
            KeyCode::Up | KeyCode::Char('k') => desk.cursor = desk.cursor.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => desk.cursor = (desk.cursor + 1).min(last),
            KeyCode::PageUp => desk.cursor = desk.cursor.saturating_sub(page),
            KeyCode::PageDown => desk.cursor = (desk.cursor + page).min(last),
            KeyCode::Home => desk.cursor = 0,
            KeyCode::End => desk.cursor = last,
            KeyCode::Char(' ') => {
                if let Some(name) = under {
                    if !desk.marked.remove(&name) {
                        desk.marked.insert(name);
                    }
                    desk.cursor = (desk.cursor + 1).min(last);
                }
            }
            KeyCode::Enter => {
                if let Some(name) = under.filter(|_| desk.marked.is_empty()) {
                    desk.marked.insert(name);
                }
                return Effect::OpenView(ViewId::Compare);
            }
            KeyCode::Char('/') => {
                drop(desk);
                self.typing = true;
            }
            KeyCode::Char('s') => {
                let config = desk.table.rows.first().map_or(0, |row| row.config.len());
                let columns = 3 + desk.columns().len() + config;
                desk.sort = (desk.sort + 1) % columns.max(1);
                desk.list();
            }
            KeyCode::Char('r') => {
                desk.reversed = !desk.reversed;
                desk.list();
            }
            KeyCode::Char('p') => {
                if let Some(name) = under {
                    if !desk.pinned.remove(&name) {
                        desk.pinned.insert(name);
                    }
                    desk.list();
                }
            }
            KeyCode::Char('x') => {
                if let Some(name) = under {
                    desk.hidden.insert(name);
                    desk.list();
                }
            }
            KeyCode::Char('X') => {
                desk.hidden.clear();
                desk.list();
            }
            KeyCode::Char('u') => desk.marked.clear(),
            KeyCode::Char('2') => return Effect::OpenView(ViewId::Compare),
            KeyCode::Char('1') => {}
            _ => return Effect::Ignored,
        }
        Effect::Redraw
    }

    fn mouse(&mut self, event: MouseEvent, area: Rect, _context: &Context) -> Effect {
        let mut desk = self.desk.borrow_mut();
        let last = desk.listed.len().saturating_sub(1);
        match event.kind {
            MouseEventKind::ScrollDown => desk.cursor = (desk.cursor + 3).min(last),
            MouseEventKind::ScrollUp => desk.cursor = desk.cursor.saturating_sub(3),
            MouseEventKind::Down(MouseButton::Left) => {
                // Frame and header stand above the rows.
                let row = usize::from(event.row.saturating_sub(area.y));
                let Some(row) = row.checked_sub(2).filter(|row| *row < self.rows) else {
                    return Effect::Ignored;
                };
                desk.cursor = (self.top + row).min(last);
            }
            _ => return Effect::Ignored,
        }
        Effect::Redraw
    }

    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &Context) {
        let theme = context.theme;
        self.desk.borrow_mut().refresh();
        let note = {
            let desk = self.desk.borrow();
            let loading = if desk.table.loading { "reading… " } else { "" };
            format!(
                "{loading}{} of {} runs, {} files",
                desk.listed.len(),
                desk.table.rows.len(),
                desk.table.files
            )
        };
        let inside = Pane::new("Runs", theme).note(&note).draw(area, buffer);
        if inside.height == 0 {
            return;
        }
        let filtered = self.typing || !self.desk.borrow().filter.is_empty();
        let bottom = u16::from(filtered && inside.height > 2);
        self.rows = usize::from(inside.height.saturating_sub(1 + bottom));
        let (cursor, count) = {
            let desk = self.desk.borrow();
            (desk.cursor, desk.listed.len())
        };
        self.top = self.top.min(cursor).max((cursor + 1).saturating_sub(self.rows.max(1)));
        self.top = self.top.min(count.saturating_sub(1));
        let body = Rect { height: inside.height - bottom, ..inside };
        table::draw(
            &self.desk.borrow(),
            &mut self.sparks,
            self.top,
            self.rows,
            body,
            buffer,
            theme,
        );
        if bottom > 0 {
            let desk = self.desk.borrow();
            let line = inside.height - 1;
            let sign = if self.typing { "/" } else { "filter: " };
            let end = write(buffer, inside, line, sign, theme.style(Role::Accent));
            let filter = shown(&desk.filter, usize::from(inside.width / 2));
            let end = write_at(buffer, inside, end, line, &filter, theme.style(Role::Text));
            let end = if self.typing {
                write_at(buffer, inside, end, line, "▏", theme.style(Role::Accent))
            } else {
                end
            };
            if let Some(why) = &desk.wrong {
                write_at(buffer, inside, end + 2, line, &shown(why, 60), theme.style(Role::Bad));
            }
        }
    }
}

/// A value in at most eight characters.
fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "∞" } else { "−∞" }.to_owned()
    } else {
        short(value)
    }
}

#[cfg(test)]
mod tests;
