//! The rows of the table of runs.

use super::drawing::number;
use super::run_list::{RunList, shown};
use crate::protocol::{CurveQuery, RunRow};
use crate::ui::theme::{TextRole, Theme};
use crate::ui::widgets::{write, write_at};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use std::collections::HashMap;

/// Columns of a sparkline.
const SPARK: usize = 12;
/// Maximum columns of a run's name.
const MAX_NAME_WIDTH: usize = 48;
/// Maximum number of cached sparklines.
const MAX_SPARKS: usize = 4000;

/// Sparklines by run and metric, and the number of values each was made of.
#[derive(Debug, Default)]
pub struct Sparks {
    made: HashMap<(String, String), (u64, String)>,
}

impl Sparks {
    /// A run's metric as a row of bars; made again when the number of its values has changed.
    pub fn of(
        &mut self,
        runs: &RunList,
        run: &str,
        metric: &str,
        count: u64,
        theme: &Theme,
    ) -> String {
        let key = (run.to_owned(), metric.to_owned());
        if let Some((_, spark)) = self.made.get(&key).filter(|(cached, _)| *cached == count) {
            return spark.clone();
        }
        let query = CurveQuery {
            metric: metric.to_owned(),
            runs: vec![run.to_owned()],
            columns: SPARK,
            ..CurveQuery::default()
        };
        let curves = runs.source.curves(&query);
        let Some(curve) = curves.as_ref().and_then(|set| set.curves.first()) else {
            return self.made.get(&key).map_or_else(String::new, |(_, spark)| spark.clone());
        };
        let spark = bars(&curve.raw, theme.unicode);
        if self.made.len() > MAX_SPARKS {
            self.made.clear();
        }
        self.made.insert(key, (count, spark.clone()));
        spark
    }
}

/// A row of bars: the last value in each of [`SPARK`] intervals of x; an interval without a value
/// repeats the bar before it.
fn bars(points: &[(f64, f64)], unicode: bool) -> String {
    let finite: Vec<(f64, f64)> =
        points.iter().copied().filter(|point| point.1.is_finite()).collect();
    let (Some(first), Some(last)) = (finite.first(), finite.last()) else { return String::new() };
    let low = finite.iter().map(|point| point.1).fold(f64::INFINITY, f64::min);
    let high = finite.iter().map(|point| point.1).fold(f64::NEG_INFINITY, f64::max);
    let width = (last.0 - first.0).max(f64::MIN_POSITIVE);
    let mut values = [None; SPARK];
    for (x, y) in &finite {
        let place = ((x - first.0) / width * SPARK as f64) as usize;
        values[place.min(SPARK - 1)] = Some(*y);
    }
    let signs: &[char] = if unicode {
        &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
    } else {
        &['_', '.', '-', '=', '^']
    };
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

/// The visible rows and their area.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// The first row.
    pub top: usize,
    pub rows: usize,
    pub area: Rect,
}

/// Draws the visible rows of the table below its headings.
pub fn draw(
    runs: &RunList,
    sparks: &mut Sparks,
    Window { top, rows, area }: Window,
    buffer: &mut Buffer,
    theme: &Theme,
) {
    let visible: Vec<&RunRow> = runs
        .listed
        .iter()
        .skip(top)
        .take(rows)
        .filter_map(|&place| runs.table.rows.get(place))
        .collect();
    let columns = runs.columns();
    let heads = headings(runs, &columns, &visible, usize::from(area.width));
    let mut column = 2;
    // The name column does not scroll.
    let is_shown = |index: usize| index == 0 || index > runs.skipped;
    for (index, (head, width)) in heads.iter().enumerate().filter(|(index, _)| is_shown(*index)) {
        if column + width > usize::from(area.width) {
            break;
        }
        let is_sorted = sorted_column(runs.sort, columns.len()) == index;
        let arrow = match (is_sorted, runs.reversed) {
            (false, _) => "",
            (true, false) => "↑",
            (true, true) => "↓",
        };
        let role = if is_sorted { TextRole::Accent } else { TextRole::Dim };
        write_at(buffer, area, column as u16, 0, &format!("{head}{arrow}"), theme.style(role));
        column += width + 1;
    }
    if visible.is_empty() {
        let text = match (runs.table.loading, runs.table.rows.is_empty()) {
            (true, _) => "looking for logs…",
            (false, true) => "no logs of a known kind were found; `nntop watch --explain` says why",
            (false, false) => "no run matches the filter",
        };
        write_at(buffer, area, 2, 1, theme.say(text), theme.style(TextRole::Dim));
    }
    for (line, row) in visible.into_iter().enumerate() {
        let y = line as u16 + 1;
        let marked = runs.marked.contains(&row.name);
        let sign = match (marked, runs.pinned.contains(&row.name), theme.unicode) {
            (true, _, true) => "●",
            (true, _, false) => "*",
            (false, true, true) => "▲",
            (false, true, false) => "^",
            (false, false, true) => "○",
            (false, false, false) => "o",
        };
        write(buffer, area, y, sign, theme.series(runs.colour(&row.name)));
        let mut cells = cells(runs, sparks, row, &columns, theme);
        if top + line == runs.cursor {
            cells[0].1 = theme.style(TextRole::Selected);
        }
        let mut column = 2;
        let placed = cells.iter().zip(&heads).enumerate().filter(|(index, _)| is_shown(*index));
        for (_, ((cell, style), (_, width))) in placed {
            if column + width > usize::from(area.width) {
                break;
            }
            write_at(buffer, area, column as u16, y, &shown(cell, *width), *style);
            column += width + 1;
        }
    }
}

/// The headings, with the width of each column.
fn headings(
    runs: &RunList,
    metrics: &[String],
    visible: &[&RunRow],
    room: usize,
) -> Vec<(String, usize)> {
    let names = visible.iter().map(|row| row.display_name().chars().count()).max().unwrap_or(0);
    let name_width = names.clamp(4, MAX_NAME_WIDTH.min((room / 3).max(8)));
    let states = visible.iter().map(|row| row.state.len()).max().unwrap_or(0).max(7);
    let mut heads: Vec<(String, usize)> =
        vec![("run".to_owned(), name_width), ("state".to_owned(), states), ("step".to_owned(), 8)];
    for metric in metrics {
        heads.push((shown(metric, 14), 14_usize.min(metric.chars().count().max(8))));
        heads.push(("best".to_owned(), 8));
    }
    heads.push((String::new(), SPARK));
    let config = runs.table.rows.first().map_or(&[][..], |row| &row.config);
    heads.extend(config.iter().map(|(name, _)| (shown(name, 12), 12)));
    heads
}

/// The cells of a row, in the order of the headings.
fn cells(
    runs: &RunList,
    sparks: &mut Sparks,
    row: &RunRow,
    metrics: &[String],
    theme: &Theme,
) -> Vec<(String, Style)> {
    let state = match row.state {
        "running" => TextRole::Good,
        "held" | "interrupted" => TextRole::Warning,
        "failed" => TextRole::Bad,
        "stalled" => TextRole::Warning,
        "ended" => TextRole::Dim,
        _ => TextRole::Text,
    };
    let plain = theme.style(TextRole::Text);
    let mut cells = vec![
        (row.display_name().to_owned(), plain),
        (theme.say(row.state).to_owned(), theme.style(state)),
        (row.step.map_or_else(String::new, |step| step.to_string()), plain),
    ];
    let mut spark = String::new();
    for metric in metrics {
        let facts = row.metrics.iter().find(|facts| facts.name == *metric);
        let role = |value: f64| if value.is_finite() { TextRole::Text } else { TextRole::Bad };
        let last = facts.map(|facts| facts.last);
        let style = theme.style(last.map_or(TextRole::Dim, role));
        cells.push((last.map_or_else(|| "–".to_owned(), number), style));
        let best = facts.and_then(|facts| facts.best);
        cells.push((best.map_or_else(|| "–".to_owned(), number), theme.style(TextRole::Dim)));
        if let Some(facts) = facts.filter(|_| spark.is_empty()) {
            spark = sparks.of(runs, &row.name, metric, facts.count, theme);
        }
    }
    cells.push((spark, theme.series(runs.colour(&row.name))));
    cells.extend(row.config.iter().map(|(_, value)| (value.clone(), plain)));
    cells
}

/// The index, among the headings, of the column that the table is sorted by; for a metric that of
/// its best value.
fn sorted_column(sort: usize, metrics: usize) -> usize {
    match sort {
        0..=2 => sort,
        _ if sort - 3 < metrics => 4 + 2 * (sort - 3),
        // After the sparkline.
        _ => 3 + 2 * metrics + 1 + (sort - 3 - metrics),
    }
}
