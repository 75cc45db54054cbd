//! A table of runs.

mod compare;
mod desk;

pub use compare::Compare;
pub use desk::{Desk, Shared, shown};

use crate::protocol::{CurveQuery, What};
use crate::ui::effect::Effect;
use crate::ui::numbers::short;
use crate::ui::theme::{Role, Theme};
use crate::ui::view::{Context, KeyHelp, View};
use crate::ui::view_id::ViewId;
use crate::ui::widgets::{Pane, write, write_at};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::collections::HashMap;

/// Columns of a sparkline.
const SPARK: usize = 12;
/// Columns of a run's name at most.
const WIDEST_NAME: usize = 48;

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
    /// Sparklines by run and metric, and how many values they were made of.
    sparks: HashMap<(String, String), (u64, String)>,
}

impl Runs {
    #[must_use]
    pub fn new(desk: Shared) -> Self {
        Self { desk, top: 0, rows: 1, typing: false, sparks: HashMap::new() }
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
            KeyCode::Char('u') if key.modifiers.contains(KeyModifiers::CONTROL) => desk.filter.clear(),
            KeyCode::Char(character) if !key.modifiers.contains(KeyModifiers::CONTROL) => {
                desk.filter.push(character);
            }
            _ => return Effect::Ignored,
        }
        desk.refresh();
        Effect::Redraw
    }

    /// The last values of a run's metric as bars of eighths.
    fn spark(&mut self, run: &str, metric: &str, count: u64, theme: &Theme) -> String {
        let key = (run.to_owned(), metric.to_owned());
        if let Some((had, spark)) = self.sparks.get(&key).filter(|(had, _)| *had == count) {
            debug_assert_eq!(*had, count);
            return spark.clone();
        }
        let query = CurveQuery {
            metric: metric.to_owned(),
            runs: vec![run.to_owned()],
            columns: SPARK,
            ..CurveQuery::default()
        };
        let curves = self.desk.borrow().source.curves(&query);
        let Some(curve) = curves.as_ref().and_then(|set| set.curves.first()) else {
            return self.sparks.get(&key).map_or_else(String::new, |(_, spark)| spark.clone());
        };
        let spark = bars(&curve.raw, theme.unicode);
        if self.sparks.len() > 4000 {
            self.sparks.clear();
        }
        self.sparks.insert(key, (count, spark.clone()));
        spark
    }
}

/// A row of bars: the last value in each of so many stretches of x.
fn bars(points: &[(f64, f64)], unicode: bool) -> String {
    let finite: Vec<(f64, f64)> = points.iter().copied().filter(|point| point.1.is_finite()).collect();
    let (Some(first), Some(last)) = (finite.first(), finite.last()) else { return String::new() };
    let low = finite.iter().map(|point| point.1).fold(f64::INFINITY, f64::min);
    let high = finite.iter().map(|point| point.1).fold(f64::NEG_INFINITY, f64::max);
    let width = (last.0 - first.0).max(f64::MIN_POSITIVE);
    let mut values = [None; SPARK];
    for (x, y) in &finite {
        let place = ((x - first.0) / width * SPARK as f64) as usize;
        values[place.min(SPARK - 1)] = Some(*y);
    }
    let signs: &[char] =
        if unicode { &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] } else { &['_', '.', '-', '=', '^'] };
    let mut before = signs[0];
    values
        .into_iter()
        .map(|value| {
            if let Some(value) = value {
                let share = if high > low { (value - low) / (high - low) } else { 0.5 };
                before = signs[((share * signs.len() as f64) as usize).min(signs.len() - 1)];
            }
            before
        })
        .collect()
}

impl View for Runs {
    fn id(&self) -> ViewId {
        ViewId::Runs
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
            format!("{loading}{} of {} runs, {} files", desk.listed.len(), desk.table.rows.len(), desk.table.files)
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
        let table = Rect { height: inside.height - bottom, ..inside };
        self.draw_table(table, buffer, theme);
        if bottom > 0 {
            let desk = self.desk.borrow();
            let line = inside.height - 1;
            let sign = if self.typing { "/" } else { "filter: " };
            let end = write(buffer, inside, line, sign, theme.style(Role::Accent));
            let filter = shown(&desk.filter, usize::from(inside.width / 2));
            let end = write_at(buffer, inside, end, line, &filter, theme.style(Role::Text));
            let end = if self.typing { write_at(buffer, inside, end, line, "▏", theme.style(Role::Accent)) } else { end };
            if let Some(why) = &desk.wrong {
                write_at(buffer, inside, end + 2, line, &shown(why, 60), theme.style(Role::Bad));
            }
        }
    }
}

impl Runs {
    fn draw_table(&mut self, area: Rect, buffer: &mut Buffer, theme: &Theme) {
        let (columns, visible, names, config) = {
            let desk = self.desk.borrow();
            let visible: Vec<_> = desk
                .listed
                .iter()
                .skip(self.top)
                .take(self.rows)
                .filter_map(|&place| desk.table.rows.get(place).cloned())
                .collect();
            let names = visible.iter().map(|row| row.name.chars().count()).max().unwrap_or(4);
            let config: Vec<String> = desk
                .table
                .rows
                .first()
                .map_or_else(Vec::new, |row| row.config.iter().map(|(name, _)| name.clone()).collect());
            (desk.columns(), visible, names, config)
        };
        let room = usize::from(area.width);
        let name_width = names.clamp(4, WIDEST_NAME.min((room / 3).max(8)));
        // Each cell: its heading and width.
        let mut heads: Vec<(String, usize)> =
            vec![("run".to_owned(), name_width), ("state".to_owned(), 7), ("step".to_owned(), 8)];
        for metric in &columns {
            heads.push((shown(metric, 14), 14_usize.min(metric.chars().count().max(8))));
            heads.push(("best".to_owned(), 8));
        }
        heads.push((String::new(), SPARK));
        for name in &config {
            heads.push((shown(name, 14), 12));
        }
        let (sort, reversed) = {
            let desk = self.desk.borrow();
            (desk.sort, desk.reversed)
        };
        let mut column = 2;
        for (index, (head, width)) in heads.iter().enumerate() {
            if column + width > room {
                break;
            }
            let is_sorted = sorted_column(sort, columns.len()) == index;
            let arrow = match (is_sorted, reversed) {
                (false, _) => "",
                (true, false) => "↑",
                (true, true) => "↓",
            };
            let role = if is_sorted { Role::Accent } else { Role::Dim };
            let text = format!("{head}{arrow}");
            write_at(buffer, area, column as u16, 0, &text, theme.style(role));
            column += width + 1;
        }
        if visible.is_empty() {
            let desk = self.desk.borrow();
            let text = match (desk.table.loading, desk.table.rows.is_empty()) {
                (true, _) => "looking for logs…",
                (false, true) => "no logs of a known kind were found; `nntop watch --explain` says why",
                (false, false) => "no run matches the filter",
            };
            write_at(buffer, area, 2, 1, theme.say(text), theme.style(Role::Dim));
        }
        let cursor = self.desk.borrow().cursor;
        for (line, row) in visible.iter().enumerate() {
            let y = line as u16 + 1;
            let (colour, marked, pinned) = {
                let desk = self.desk.borrow();
                (desk.colour(&row.name), desk.marked.contains(&row.name), desk.pinned.contains(&row.name))
            };
            let selected = self.top + line == cursor;
            let sign = match (marked, pinned, theme.unicode) {
                (true, _, true) => "●",
                (true, _, false) => "*",
                (false, true, true) => "▲",
                (false, true, false) => "^",
                (false, false, true) => "○",
                (false, false, false) => "o",
            };
            write(buffer, area, y, sign, theme.series(colour));
            let text = if selected { theme.style(Role::Selected) } else { theme.style(Role::Text) };
            let state = match row.state {
                "running" => Role::Good,
                "failed" => Role::Bad,
                "stalled" => Role::Warning,
                _ => Role::Dim,
            };
            let mut cells = vec![
                (shown(&row.name, name_width), text),
                (theme.say(row.state).to_owned(), theme.style(state)),
                (row.step.map_or_else(String::new, |step| step.to_string()), theme.style(Role::Text)),
            ];
            let mut spark = String::new();
            for metric in &columns {
                let facts = row.metrics.iter().find(|facts| facts.name == *metric);
                let role = |value: f64| if value.is_finite() { Role::Text } else { Role::Bad };
                let last = facts.map(|facts| facts.last);
                cells.push((
                    last.map_or_else(|| "–".to_owned(), number),
                    theme.style(last.map_or(Role::Dim, role)),
                ));
                let best = facts.and_then(|facts| facts.best);
                cells.push((best.map_or_else(|| "–".to_owned(), number), theme.style(Role::Dim)));
                if let Some(facts) = facts.filter(|_| spark.is_empty()) {
                    spark = self.spark(&row.name, metric, facts.count, theme);
                }
            }
            cells.push((spark, theme.series(colour)));
            for (_, value) in &row.config {
                cells.push((shown(value, 12), theme.style(Role::Text)));
            }
            let mut column = 2;
            for ((cell, style), (_, width)) in cells.iter().zip(&heads) {
                if column + width > room {
                    break;
                }
                write_at(buffer, area, column as u16, y, cell, *style);
                column += width + 1;
            }
        }
    }
}

/// The cell of the table that a sorted column stands in.
fn sorted_column(sort: usize, metrics: usize) -> usize {
    match sort {
        0..=2 => sort,
        _ if sort - 3 < metrics => 4 + 2 * (sort - 3),
        // Behind the sparkline.
        _ => 3 + 2 * metrics + 1 + (sort - 3 - metrics),
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
