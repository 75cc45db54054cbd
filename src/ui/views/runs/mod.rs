//! A table of runs.

mod charts;
mod chooser;
mod compare;
mod drawing;
mod histograms;
mod images;
mod prompt;
mod run_list;
mod table;
mod texts;

pub use compare::CompareView;
pub use histograms::HistogramsView;
pub use images::ImagesView;
pub use run_list::{RunList, SharedRunList, shown};
pub use texts::TextsView;

use prompt::{Prompt, PromptEffect, PromptKind};
use table::Sparks;

use crate::protocol::{ProbeQuery, RunEdit, RunRow, printable};
use crate::ui::effect::Effect;
use crate::ui::theme::{TextRole, Theme};
use crate::ui::view::{KeyHelp, View, ViewContext};
use crate::ui::view_id::ViewId;
use crate::ui::widgets::{Pane, write, write_at};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The table of runs, and a prompt to filter, name, tag, annotate or delete them.
#[derive(Debug)]
pub struct RunsView {
    shared: SharedRunList,
    /// The first visible row.
    top: usize,
    /// Number of rows that were last drawn.
    rows: usize,
    /// The prompt, if a line is being typed.
    prompt: Option<Prompt>,
    sparks: Sparks,
}

impl RunsView {
    #[must_use]
    pub fn new(shared: SharedRunList) -> Self {
        Self { shared, top: 0, rows: 1, prompt: None, sparks: Sparks::default() }
    }

    fn open_prompt(&mut self, kind: PromptKind) {
        let shared = self.shared.borrow();
        let row = shared.under_cursor();
        let text = match (kind, row) {
            (PromptKind::Filter, _) => shared.filter.clone(),
            (_, None) => return,
            (PromptKind::Label, Some(row)) => row.label.clone().unwrap_or_default(),
            (PromptKind::Note, Some(row)) => row.note.clone(),
            (PromptKind::Tags, Some(row)) => row.tags.join(" "),
            (PromptKind::Delete, Some(_)) => String::new(),
        };
        let run = row.map_or_else(String::new, |row| row.name.clone());
        drop(shared);
        self.prompt = Some(Prompt { kind, run, text });
    }

    fn type_key(&mut self, key: KeyEvent, theme: &Theme) -> Effect {
        let Some(prompt) = &mut self.prompt else { return Effect::Ignored };
        let typed = prompt.key(key);
        let Prompt { kind, run, text } = prompt.clone();
        if matches!(typed, PromptEffect::Done | PromptEffect::Cancelled) {
            self.prompt = None;
        }
        let mut shared = self.shared.borrow_mut();
        if kind == PromptKind::Filter {
            match typed {
                PromptEffect::Changed | PromptEffect::Done => shared.filter = text,
                PromptEffect::Cancelled => shared.filter.clear(),
                PromptEffect::Nothing => return Effect::Ignored,
            }
            shared.refresh();
            return Effect::Redraw;
        }
        if typed != PromptEffect::Done {
            return if typed == PromptEffect::Nothing { Effect::Ignored } else { Effect::Redraw };
        }
        let edit = match kind {
            PromptKind::Label => RunEdit::Label(text),
            PromptKind::Note => RunEdit::Note(text),
            PromptKind::Tags => RunEdit::Tags(Prompt::tags(&text)),
            PromptKind::Delete | PromptKind::Filter => RunEdit::Delete,
        };
        match shared.source.edit(&run, &edit) {
            Ok(()) => {
                shared.refresh();
                Effect::Redraw
            }
            Err(why) => {
                let text = theme.fill("this cannot be done: {}", &[&shown(&why, 200)]);
                Effect::Notify(text)
            }
        }
    }

    /// The value under the cursor in the column that the table is sorted by, initially the name.
    fn value_under_cursor(&self) -> Option<String> {
        let shared = self.shared.borrow();
        let row = shared.under_cursor()?;
        let columns = shared.columns();
        Some(match shared.sort {
            0 => printable(&row.name).into_owned(),
            1 => row.state.to_owned(),
            2 => row.step?.to_string(),
            column => {
                if let Some(name) = columns.get(column - 3) {
                    row.metrics.iter().find(|m| m.name == *name)?.best?.to_string()
                } else {
                    let (_, value) = row.config.get(column - 3 - columns.len())?;
                    printable(value).into_owned()
                }
            }
        })
    }

    /// Handles a key that moves the cursor or changes the table.
    fn table_key(&mut self, code: KeyCode) -> Effect {
        let page = self.rows.max(1);
        let mut shared = self.shared.borrow_mut();
        let last = shared.listed.len().saturating_sub(1);
        let under = shared.under_cursor().map(|row| row.name.clone());
        match code {
            KeyCode::Up | KeyCode::Char('k') => shared.cursor = shared.cursor.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => shared.cursor = (shared.cursor + 1).min(last),
            KeyCode::PageUp => shared.cursor = shared.cursor.saturating_sub(page),
            KeyCode::PageDown => shared.cursor = (shared.cursor + page).min(last),
            KeyCode::Left => shared.skipped = shared.skipped.saturating_sub(1),
            KeyCode::Right => shared.skipped = (shared.skipped + 1).min(shared.sortable()),
            KeyCode::Home => shared.cursor = 0,
            KeyCode::End => shared.cursor = last,
            KeyCode::Char(' ') => {
                if let Some(name) = under {
                    shared.toggle_mark(name);
                    shared.cursor = (shared.cursor + 1).min(last);
                }
            }
            KeyCode::Char('a') => shared.mark_all(),
            KeyCode::Char('s') => {
                shared.sort = (shared.sort + 1) % shared.sortable().max(1);
                shared.list();
            }
            KeyCode::Char('S') => {
                shared.sort = (shared.sort + shared.sortable() - 1) % shared.sortable().max(1);
                shared.list();
            }
            KeyCode::Char('r') => {
                shared.reversed = !shared.reversed;
                shared.list();
            }
            KeyCode::Char('p') => {
                if let Some(name) = under {
                    if !shared.pinned.remove(&name) {
                        shared.pinned.insert(name);
                    }
                    shared.list();
                }
            }
            KeyCode::Char('x') => {
                if let Some(name) = under {
                    shared.hidden.insert(name);
                    shared.list();
                }
            }
            KeyCode::Char('X') => {
                shared.hidden.clear();
                shared.list();
            }
            KeyCode::Char('u') => shared.marked.clear(),
            _ => return Effect::Ignored,
        }
        Effect::Redraw
    }

    /// Opens the run under the cursor: a run of nntop in its own dashboard, any other in its
    /// charts. Marked runs are compared.
    fn open(&mut self) -> Effect {
        let mut shared = self.shared.borrow_mut();
        if shared.marked.is_empty() {
            let Some(row) = shared.under_cursor() else { return Effect::Redraw };
            if let Some(own) = row.own.clone() {
                return Effect::OpenRun(own);
            }
            shared.opened = Some(row.name.clone());
        } else {
            shared.opened = None;
        }
        Effect::OpenView(ViewId::Compare)
    }

    fn draw_prompt(&self, area: Rect, buffer: &mut Buffer, theme: &Theme) {
        let shared = self.shared.borrow();
        let half = usize::from(area.width / 2);
        let (sign, text) = match &self.prompt {
            Some(prompt) => (prompt.kind.sign(), prompt.text.as_str()),
            None => ("filter", shared.filter.as_str()),
        };
        let mut end = 0;
        if let Some(prompt) =
            self.prompt.as_ref().filter(|prompt| prompt.kind != PromptKind::Filter)
        {
            let run = shown(&prompt.run, half);
            end = write(buffer, area, 0, &run, theme.style(TextRole::Title)) + 2;
        }
        end = write_at(buffer, area, end, 0, theme.say(sign), theme.style(TextRole::Accent));
        end +=
            u16::from(self.prompt.as_ref().is_none_or(|prompt| prompt.kind != PromptKind::Filter));
        // Show the end of the line.
        let count = text.chars().count();
        let room = usize::from(area.width.saturating_sub(end)).saturating_sub(2);
        let tail: String = text.chars().skip(count.saturating_sub(room.max(8))).collect();
        end =
            write_at(buffer, area, end, 0, &shown(&tail, room.max(8)), theme.style(TextRole::Text));
        if self.prompt.is_some() {
            end = write_at(buffer, area, end, 0, " ", theme.style(TextRole::Selected));
        }
        if let Some(why) = &shared.wrong {
            write_at(buffer, area, end + 2, 0, &shown(why, 60), theme.style(TextRole::Bad));
        }
    }

    /// Draws details of the run under the cursor.
    fn draw_about(row: &RunRow, area: Rect, buffer: &mut Buffer, theme: &Theme) {
        let mut end = 0;
        let width = usize::from(area.width);
        let label = row.label.as_ref().map(|_| shown(&row.name, width / 2));
        let title = row.title.as_ref().filter(|title| **title != row.name);
        let title = title.map(|title| shown(title, width / 2));
        for text in label.into_iter().chain(title) {
            end = write_at(buffer, area, end, 0, &text, theme.style(TextRole::Dim)) + 2;
        }
        for tag in &row.tags {
            let tag = format!("#{}", shown(tag, 20));
            end = write_at(buffer, area, end, 0, &tag, theme.style(TextRole::Accent)) + 1;
        }
        write_at(buffer, area, end, 0, &shown(&row.note, width), theme.style(TextRole::Text));
    }
}

impl View for RunsView {
    fn id(&self) -> ViewId {
        ViewId::Runs
    }

    fn about(&self) -> &'static [&'static str] {
        &[
            "Runs by their logs; mark some with space to compare their curves.",
            "A row is a run: its state, its step, the newest and the best value of its metrics, and the hyper-parameters in which the runs differ.",
            "A filter is a word, a query such as lr<0.01 and val/acc>0.9 and not debug, or ~ and a regular expression.",
        ]
    }

    fn keys(&self) -> &'static [KeyHelp] {
        &[
            KeyHelp { keys: "space", does: "mark for comparing" },
            KeyHelp { keys: "Enter", does: "open" },
            KeyHelp { keys: "/", does: "filter" },
            KeyHelp { keys: "s", does: "sort by the next column" },
            KeyHelp { keys: "S", does: "sort by the column before" },
            KeyHelp { keys: "r", does: "turn the order round" },
            KeyHelp { keys: "←→", does: "other columns" },
            KeyHelp { keys: "p", does: "pin" },
            KeyHelp { keys: "x", does: "hide, X show all" },
            KeyHelp { keys: "a", does: "mark all that are listed" },
            KeyHelp { keys: "u", does: "unmark all" },
            KeyHelp { keys: "e", does: "give another name" },
            KeyHelp { keys: "n", does: "write a note" },
            KeyHelp { keys: "t", does: "tags" },
            KeyHelp { keys: "y", does: "copy the name, or the value sorted by" },
            KeyHelp { keys: "Del", does: "delete a run of nntop" },
        ]
    }

    fn probes(&self, _context: &ViewContext) -> Vec<ProbeQuery> {
        Vec::new()
    }

    fn key(&mut self, key: KeyEvent, context: &ViewContext) -> Effect {
        if self.prompt.is_some() {
            return self.type_key(key, context.theme);
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return Effect::Ignored;
        }
        match key.code {
            KeyCode::Enter => return self.open(),
            KeyCode::Char('/') => self.open_prompt(PromptKind::Filter),
            KeyCode::Char('e') => self.open_prompt(PromptKind::Label),
            KeyCode::Char('n') => self.open_prompt(PromptKind::Note),
            KeyCode::Char('t') => self.open_prompt(PromptKind::Tags),
            KeyCode::Char('y') => {
                return self.value_under_cursor().map_or(Effect::Redraw, Effect::Copy);
            }
            KeyCode::Delete => {
                let own = self.shared.borrow().under_cursor().is_some_and(|row| row.own.is_some());
                if !own {
                    let text =
                        "only runs of nntop can be deleted here; this log belongs to another tool";
                    return Effect::Notify(context.theme.say(text).to_owned());
                }
                self.open_prompt(PromptKind::Delete);
            }
            code => return self.table_key(code),
        }
        Effect::Redraw
    }

    fn paste(&mut self, text: &str) -> Effect {
        let Some(prompt) = self.prompt.as_mut().filter(|p| p.kind != PromptKind::Delete) else {
            return Effect::Ignored;
        };
        prompt.text.extend(text.chars().filter(|c| !c.is_control()).take(1000));
        if prompt.kind == PromptKind::Filter {
            let mut shared = self.shared.borrow_mut();
            shared.filter.clone_from(&prompt.text);
            shared.refresh();
        }
        Effect::Redraw
    }

    fn mouse(&mut self, event: MouseEvent, area: Rect, _context: &ViewContext) -> Effect {
        let mut shared = self.shared.borrow_mut();
        let last = shared.listed.len().saturating_sub(1);
        match event.kind {
            MouseEventKind::ScrollDown => shared.cursor = (shared.cursor + 3).min(last),
            MouseEventKind::ScrollUp => shared.cursor = shared.cursor.saturating_sub(3),
            MouseEventKind::Down(MouseButton::Left) => {
                // The frame and the header are above the rows.
                let row = usize::from(event.row.saturating_sub(area.y));
                let Some(row) = row.checked_sub(2).filter(|row| *row < self.rows) else {
                    return Effect::Ignored;
                };
                let row = (self.top + row).min(last);
                // A second click marks.
                if shared.cursor == row
                    && let Some(name) = shared.under_cursor().map(|row| row.name.clone())
                {
                    shared.toggle_mark(name);
                }
                shared.cursor = row;
            }
            _ => return Effect::Ignored,
        }
        Effect::Redraw
    }

    fn updated(&mut self, context: &ViewContext) -> Effect {
        let found = self.shared.borrow_mut().announce(context.theme);
        found.map_or(Effect::Ignored, Effect::Notify)
    }

    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
        let theme = context.theme;
        self.shared.borrow_mut().refresh();
        let note = self.shared.borrow().note(theme);
        let inside = Pane::new("Runs", theme).note(&note).draw(area, buffer);
        if inside.height == 0 {
            return;
        }
        let about = {
            let shared = self.shared.borrow();
            let row = shared.under_cursor();
            let says =
                |row: &&RunRow| row.label.is_some() || !row.tags.is_empty() || !row.note.is_empty();
            row.filter(says).cloned()
        };
        let filtered = self.prompt.is_some() || !self.shared.borrow().filter.is_empty();
        let lines = [about.is_some(), filtered].map(|line| u16::from(line && inside.height > 3));
        let bottom = lines[0] + lines[1];
        self.rows = usize::from(inside.height.saturating_sub(1 + bottom));
        let (cursor, count) = {
            let shared = self.shared.borrow();
            (shared.cursor, shared.listed.len())
        };
        self.top = self.top.min(cursor).max((cursor + 1).saturating_sub(self.rows.max(1)));
        self.top = self.top.min(count.saturating_sub(1));
        let body = Rect { height: inside.height - bottom, ..inside };
        let window = table::Window { top: self.top, rows: self.rows, area: body };
        table::draw(&self.shared.borrow(), &mut self.sparks, window, buffer, theme);
        let line = |at: u16| Rect { y: inside.bottom() - at, height: 1, ..inside };
        if let Some(row) = about.filter(|_| lines[0] > 0) {
            Self::draw_about(&row, line(bottom), buffer, theme);
        }
        if lines[1] > 0 {
            self.draw_prompt(line(1), buffer, theme);
        }
    }
}

#[cfg(test)]
mod tests;
