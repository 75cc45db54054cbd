//! A list of histograms, images or texts of runs, with a selected name and step.

use super::run_list::{RunList, shown, strip_common_path};
use crate::protocol::{SampleContent, SampleKind, SampleSeries};
use crate::ui::theme::{TextRole, Theme};
use crate::ui::widgets::{Pane, write, write_at};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Maximum number of runs whose samples are listed.
const MAX_RUNS: usize = 200;

/// Samples of one name in one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChooserEntry {
    pub run: String,
    pub series: SampleSeries,
}

/// The list and its selection.
#[derive(Debug)]
pub struct Chooser {
    kind: SampleKind,
    entries: Vec<ChooserEntry>,
    chosen: usize,
    /// Index of the selected step; `None` selects the newest.
    place: Option<usize>,
    /// What `entries` were made from: the revision of the table, and the runs.
    made: Option<(u64, Vec<String>)>,
    /// The area of the names when they were last drawn, and the first visible one.
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

    /// Updates the list to the samples of the charted runs.
    pub fn refresh(&mut self, shared: &RunList) {
        let index = match self.kind {
            SampleKind::Histogram => 0,
            SampleKind::Image => 1,
            SampleKind::Text => 2,
        };
        let rows = shared.charted();
        let with_samples = rows.iter().filter(|row| row.samples[index] > 0).take(MAX_RUNS);
        let runs: Vec<String> = with_samples.map(|row| row.name.clone()).collect();
        let wanted = (shared.table.revision, runs);
        if self.made.as_ref() == Some(&wanted) {
            return;
        }
        let before = self.entry().cloned();
        let mut entries = Vec::new();
        for run in &wanted.1 {
            // Keep the list while the samples are being read.
            let Some(series) = shared.source.samples(run, self.kind) else { return };
            entries
                .extend(series.into_iter().map(|series| ChooserEntry { run: run.clone(), series }));
        }
        self.entries = entries;
        self.made = Some(wanted);
        let is_it = |entry: &ChooserEntry| {
            before
                .as_ref()
                .is_some_and(|b| b.run == entry.run && b.series.name == entry.series.name)
        };
        let kept = self.entries.iter().position(is_it).unwrap_or(self.chosen);
        self.chosen = kept.min(self.entries.len().saturating_sub(1));
    }

    /// The selected entry.
    pub fn entry(&self) -> Option<&ChooserEntry> {
        self.entries.get(self.chosen)
    }

    /// The index of the selected step.
    pub fn place(&self) -> usize {
        let last = self.entry().map_or(0, |entry| entry.series.steps.len().saturating_sub(1));
        self.place.map_or(last, |place| place.min(last))
    }

    /// The selected step.
    pub fn step(&self) -> Option<i64> {
        self.entry()?.series.steps.get(self.place()).copied()
    }

    /// Selects a step by its index.
    pub fn show(&mut self, place: usize) {
        self.place = Some(place);
    }

    /// The selected sample; `None` while it is being read.
    pub fn sample(&self, shared: &RunList) -> Option<SampleContent> {
        let entry = self.entry()?;
        shared.source.sample(&entry.run, self.kind, &entry.series.name, self.place())
    }

    /// Draws a frame with the name and step of the selected sample; returns the area inside.
    pub fn draw_pane(&self, area: Rect, buffer: &mut Buffer, theme: &Theme) -> Option<Rect> {
        let ChooserEntry { series, .. } = self.entry()?;
        let (step, place) = (self.step().unwrap_or(0), self.place() + 1);
        let note = theme.fill("step {}, {} of {}", &[&step, &place, &series.steps.len()]);
        let title = shown(&series.name, usize::from(area.width / 2));
        Some(Pane::new(&title, theme).note(&note).draw(area, buffer))
    }

    /// Handles a key; returns whether it was used.
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

    /// Handles a click on a name, or the wheel; returns whether it was used.
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

    /// Draws the list on the left; returns the rest of the area. If the list is empty, shows the
    /// text `nothing`.
    pub fn draw(
        &mut self,
        shared: &RunList,
        nothing: &str,
        area: Rect,
        buffer: &mut Buffer,
        theme: &Theme,
    ) -> Option<Rect> {
        self.refresh(shared);
        let area = area.intersection(buffer.area);
        if self.entries.is_empty() {
            let inside = Pane::new("", theme).draw(area, buffer);
            let text = if shared.table.loading { "reading…" } else { nothing };
            write(buffer, inside, 0, theme.say(text), theme.style(TextRole::Dim));
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
            let style = theme.style(if chosen { TextRole::Selected } else { TextRole::Text });
            let mut end = 0;
            if several {
                let sign = if theme.unicode { "●" } else { "*" };
                end = write(buffer, inside, row, sign, theme.series(shared.colour(&entry.run))) + 1;
            }
            let name = if several {
                format!("{} {}", strip_common_path(&entry.run, &runs), entry.series.name)
            } else {
                entry.series.name.clone()
            };
            let room = columns.saturating_sub(usize::from(end));
            write_at(buffer, inside, end, row, &shown(&name, room), style);
        }
        Some(Rect { x: area.x + width, width: area.width - width, ..area })
    }
}
