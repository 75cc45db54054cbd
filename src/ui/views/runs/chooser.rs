//! A list of histograms, pictures or texts of runs, of which one is chosen, at one of its steps.

use super::desk::{Desk, shown, without_common};
use crate::protocol::{SampleKind, SampleSeries};
use crate::ui::theme::{Role, Theme};
use crate::ui::widgets::{Pane, write, write_at};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Runs whose samples are listed at most.
const MOST_RUNS: usize = 200;

/// Samples of one name in one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub run: String,
    pub series: SampleSeries,
}

/// The list, and what is chosen in it.
#[derive(Debug)]
pub struct Chooser {
    kind: SampleKind,
    entries: Vec<Entry>,
    chosen: usize,
    /// The step that is shown, by its place; the newest while there is none.
    place: Option<usize>,
    /// What `entries` were made from: the revision of the table and the runs.
    made: Option<(u64, Vec<String>)>,
    /// Where the names were last drawn, and the first one there.
    list: Rect,
    top: usize,
}

impl Chooser {
    pub fn new(kind: SampleKind) -> Self {
        Self {
            kind,
            entries: Vec::new(),
            chosen: 0,
            place: None,
            made: None,
            list: Rect::ZERO,
            top: 0,
        }
    }

    /// Lists what the charted runs have by now.
    pub fn refresh(&mut self, desk: &Desk) {
        let index = match self.kind {
            SampleKind::Histogram => 0,
            SampleKind::Image => 1,
            SampleKind::Text => 2,
        };
        let rows = desk.charted();
        let having = rows.iter().filter(|row| row.samples[index] > 0).take(MOST_RUNS);
        let runs: Vec<String> = having.map(|row| row.name.clone()).collect();
        let wanted = (desk.table.revision, runs);
        if self.made.as_ref() == Some(&wanted) {
            return;
        }
        let before = self.entry().cloned();
        let mut entries = Vec::new();
        for run in &wanted.1 {
            // It is being read: what is known stays.
            let Some(series) = desk.source.samples(run, self.kind) else { return };
            entries.extend(series.into_iter().map(|series| Entry { run: run.clone(), series }));
        }
        self.entries = entries;
        self.made = Some(wanted);
        let is_it = |entry: &Entry| {
            before
                .as_ref()
                .is_some_and(|b| b.run == entry.run && b.series.name == entry.series.name)
        };
        let kept = self.entries.iter().position(is_it).unwrap_or(self.chosen);
        self.chosen = kept.min(self.entries.len().saturating_sub(1));
    }

    /// What is chosen.
    pub fn entry(&self) -> Option<&Entry> {
        self.entries.get(self.chosen)
    }

    /// The place of the step that is shown.
    pub fn place(&self) -> usize {
        let last = self.entry().map_or(0, |entry| entry.series.steps.len().saturating_sub(1));
        self.place.map_or(last, |place| place.min(last))
    }

    /// The step that is shown.
    pub fn step(&self) -> Option<i64> {
        self.entry()?.series.steps.get(self.place()).copied()
    }

    /// Shows a step by its place.
    pub fn show(&mut self, place: usize) {
        self.place = Some(place);
    }

    /// A key; true where it meant something.
    pub fn key(&mut self, key: KeyEvent) -> bool {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return false;
        }
        let last = self.entries.len().saturating_sub(1);
        let big = key.modifiers.contains(KeyModifiers::SHIFT);
        match key.code {
            KeyCode::Up | KeyCode::Char('k') => self.chosen = self.chosen.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.chosen = (self.chosen + 1).min(last),
            KeyCode::Left => {
                self.place = Some(self.place().saturating_sub(if big { 10 } else { 1 }));
            }
            KeyCode::Right => self.place = Some(self.place() + if big { 10 } else { 1 }),
            KeyCode::Home => self.place = Some(0),
            KeyCode::End => self.place = None,
            _ => return false,
        }
        true
    }

    /// A click on a name, or the wheel; true where it meant something.
    pub fn mouse(&mut self, event: MouseEvent) -> bool {
        if !self.list.contains(Position::new(event.column, event.row)) {
            return false;
        }
        let last = self.entries.len().saturating_sub(1);
        match event.kind {
            MouseEventKind::Down(MouseButton::Left) => {
                let row = self.top + usize::from(event.row - self.list.y);
                self.chosen = row.min(last);
            }
            MouseEventKind::ScrollUp => self.chosen = self.chosen.saturating_sub(1),
            MouseEventKind::ScrollDown => self.chosen = (self.chosen + 1).min(last),
            _ => return false,
        }
        true
    }

    /// Draws the list at the left; returns what is left of the area. `nothing` is said where there
    /// is nothing to list.
    pub fn draw(
        &mut self,
        desk: &Desk,
        nothing: &str,
        area: Rect,
        buffer: &mut Buffer,
        theme: &Theme,
    ) -> Option<Rect> {
        self.refresh(desk);
        let area = area.intersection(buffer.area);
        if self.entries.is_empty() {
            let inside = Pane::new("", theme).draw(area, buffer);
            let text = if desk.table.loading { "reading…" } else { nothing };
            write(buffer, inside, 0, theme.say(text), theme.style(Role::Dim));
            return None;
        }
        let width = (area.width / 4).clamp(16, 44);
        if area.width < 2 * width || area.height < 3 {
            return Some(area);
        }
        let inside = Pane::new("Names", theme).draw(Rect { width, ..area }, buffer);
        let rows = usize::from(inside.height.max(1));
        self.top = self.top.min(self.chosen).max((self.chosen + 1).saturating_sub(rows));
        self.list = inside;
        let runs: Vec<&str> = self.entries.iter().map(|entry| entry.run.as_str()).collect();
        let several = runs.iter().any(|run| *run != runs[0]);
        let columns = usize::from(inside.width);
        for (row, entry) in (0..inside.height).zip(&self.entries[self.top..]) {
            let chosen = self.top + usize::from(row) == self.chosen;
            let style = theme.style(if chosen { Role::Selected } else { Role::Text });
            let mut end = 0;
            if several {
                let sign = if theme.unicode { "●" } else { "*" };
                end = write(buffer, inside, row, sign, theme.series(desk.colour(&entry.run))) + 1;
            }
            let name = if several {
                format!("{} {}", without_common(&entry.run, &runs), entry.series.name)
            } else {
                entry.series.name.clone()
            };
            let room = columns.saturating_sub(usize::from(end));
            write_at(buffer, inside, end, row, &shown(&name, room), style);
        }
        Some(Rect { x: area.x + width, width: area.width - width, ..area })
    }
}
