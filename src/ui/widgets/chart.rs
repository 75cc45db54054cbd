//! Curves over common axes, with a legend that shows their values.

use super::chart_state::ChartState;
use super::plot::{CurveStyle, Plot};
use super::smoothing::smoothed;
use super::text::cut;
use super::ticks::{self, AxisUnit, Tick, log_ticks, margin_around};
use super::{write, write_at, write_right};
use crate::ui::numbers::exact;
use crate::ui::theme::{ColorDepth, TextRole, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Characters for curves without colours.
const MARKERS: [char; 6] = ['*', 'o', '+', 'x', '#', '%'];
/// Maximum number of ticks of an x axis.
const MAX_TICKS: usize = 11;
/// Minimum rows of a chart per row of its legend.
const ROWS_A_LEGEND_ROW: u16 = 6;
/// Columns between two names in a legend.
const GAP: u16 = 3;

/// One curve.
#[derive(Clone, Debug, Default)]
pub struct ChartLine {
    pub name: String,
    /// A short name for when there is no room; if empty, the name is truncated.
    pub short: String,
    /// Sorted by x; points that are not finite are omitted.
    pub points: Vec<(f64, f64)>,
    /// The value shown in the legend while no x is selected: the newest one.
    pub value: String,
    pub style: Style,
    /// Draw only points, without lines between them.
    pub scatter: bool,
    /// The character for a point that is larger than a dot.
    pub sign: Option<char>,
    /// Highlight the name, because the curve has just changed.
    pub lit: bool,
    /// Drawn faintly, and only in cells without another curve.
    pub faint: bool,
}

/// A vertical line.
#[derive(Clone, Copy, Debug)]
pub struct VerticalMark {
    pub x: f64,
    pub style: Style,
}

/// A chart of lines.
#[derive(Clone, Debug)]
pub struct LineChart<'a> {
    pub lines: Vec<ChartLine>,
    pub marks: Vec<VerticalMark>,
    pub x_label: &'a str,
    pub x_unit: AxisUnit,
    pub y_unit: AxisUnit,
    /// Formats a value in the legend.
    pub value_text: fn(f64) -> String,
    /// A logarithmic y axis; values that are not positive are omitted.
    pub log: bool,
    /// A logarithmic x axis; points with an x that is not positive are omitted.
    pub log_x: bool,
    /// Upper limit of the y axis, if the quantity is bounded.
    pub highest: Option<f64>,
    /// The ranges of the x and y axis, if they do not follow the curves.
    pub fixed: Option<[[f64; 2]; 2]>,
    pub theme: Theme,
}

/// The curves in axis units, smoothed and raw.
struct ChartCurves {
    raw: Vec<Vec<(f64, f64)>>,
    smooth: Vec<Vec<(f64, f64)>>,
}

/// The axes.
struct Axes {
    x: [f64; 2],
    y_axis: YAxis,
}

/// The y axis: its range, its ticks, and its height in rows.
struct YAxis {
    ends: [f64; 2],
    ticks: Vec<Tick>,
    rows: u16,
}

impl LineChart<'_> {
    /// Draws the chart into any area.
    pub fn draw(&self, area: Rect, buffer: &mut Buffer, state: &mut ChartState) {
        state.plot = Rect::ZERO;
        state.legend.clear();
        let area = area.intersection(buffer.area);
        if area.height < 2 || area.width < 8 {
            return;
        }
        let drawn = self.curves(state.smoothing);
        let rows = self.legend(area, buffer, &drawn, state);
        let below = Rect { y: area.y + rows, height: area.height - rows, ..area };
        let Some(axes) = self.axes(&drawn, below.height, state).filter(|_| below.height >= 4)
        else {
            return;
        };
        let plot = self.draw_axes(&axes, below, buffer);
        if plot.is_empty() {
            return;
        }
        (state.plot, state.shown) = (plot, axes.x);
        self.draw_marks(&axes, plot, buffer, state);
        self.draw_cursor(&drawn, &axes, plot, buffer, state);
        self.draw_curves(&drawn, &axes, plot, buffer, state);
    }

    /// The curves in axis units, without points that cannot be drawn.
    fn curves(&self, smoothing: f64) -> ChartCurves {
        let x = |x: f64| if self.log_x { x.log10() } else { x };
        let y = |y: f64| if self.log { y.log10() } else { y };
        let axes = |points: &[(f64, f64)]| -> Vec<(f64, f64)> {
            let points = points.iter().map(|&(h, v)| (x(h), y(v)));
            points.filter(|(x, y)| x.is_finite() && y.is_finite()).collect()
        };
        let smooth = |line: &ChartLine| {
            let whole = smoothing <= 0.0 || line.scatter;
            if whole { axes(&line.points) } else { axes(&smoothed(&line.points, smoothing)) }
        };
        ChartCurves {
            raw: self.lines.iter().map(|line| axes(&line.points)).collect(),
            smooth: self.lines.iter().map(smooth).collect(),
        }
    }

    /// The ranges of both axes and the ticks of the y axis; `None` if there are no points.
    fn axes(&self, drawn: &ChartCurves, rows: u16, state: &mut ChartState) -> Option<Axes> {
        let visible: Vec<&[(f64, f64)]> = drawn
            .raw
            .iter()
            .enumerate()
            .filter(|(index, _)| !state.hidden.contains(index))
            .map(|(_, points)| points.as_slice())
            .collect();
        let range = |values: &mut dyn Iterator<Item = f64>| {
            let [low, high] =
                values.fold([f64::INFINITY, f64::NEG_INFINITY], |[l, h], v| [l.min(v), h.max(v)]);
            (low <= high).then_some([low, high])
        };
        let all = || drawn.raw.iter().flatten();
        let mut whole = match self.fixed {
            Some([x, _]) => x,
            None => range(&mut all().map(|point| point.0))?,
        };
        if whole[0] >= whole[1] {
            whole[1] = whole[0] + 1.0;
        }
        state.whole = whole;
        let x = state.zoom.unwrap_or(whole);
        let inside = |point: &&(f64, f64)| point.0 >= x[0] && point.0 <= x[1];
        let values = || visible.iter().flat_map(|points| points.iter());
        let y = match self.fixed {
            Some([_, y]) => Some(y),
            None => range(&mut values().filter(inside).map(|point| point.1))
                .or_else(|| range(&mut all().map(|point| point.1))),
        }?;
        Some(Axes { x, y_axis: self.y_axis(y, rows.saturating_sub(2)) })
    }

    /// A y axis around a range in at most `rows` rows. Unless that wastes many rows, its height is
    /// a multiple of the tick distance, so that ticks are evenly spaced on the screen.
    fn y_axis(&self, range: [f64; 2], rows: u16) -> YAxis {
        let axis = |most: usize| {
            let (ends, ticks) = self.rounded(range, most);
            let from_end_to_end = ticks.first().is_some_and(|tick| is_near(tick.at, ends[0]))
                && ticks.last().is_some_and(|tick| is_near(tick.at, ends[1]));
            let gaps = ticks.len().saturating_sub(1) as u16;
            let room = rows.saturating_sub(1);
            let spare = if from_end_to_end && (1..=room).contains(&gaps) { room % gaps } else { 0 };
            YAxis { ends, ticks, rows: rows - spare }
        };
        let most = usize::from((rows.saturating_add(2) / 3).clamp(2, 6)) + 1;
        // Prefer the axis that gives the curves most rows, then the most ticks.
        let score = |axis: &YAxis| {
            let size = (axis.ends[1] - axis.ends[0]).max(f64::MIN_POSITIVE);
            let filled = ((range[1] - range[0]) / size).clamp(0.1, 1.0);
            10.0 * filled * f64::from(axis.rows) / f64::from(rows.max(1))
                + axis.ticks.len().min(5) as f64
        };
        let choices = (2..=most).map(axis);
        choices.max_by(|a, b| score(a).total_cmp(&score(b))).unwrap_or_else(|| axis(most))
    }

    /// The range and the ticks of a y axis around a range.
    fn rounded(&self, [low, high]: [f64; 2], most: usize) -> ([f64; 2], Vec<Tick>) {
        if self.log {
            // Whole decades, so that the ticks are powers of ten.
            let ends = [low.floor(), high.ceil().max(low.floor() + 1.0)];
            return (ends, log_ticks(ends, most));
        }
        if self.fixed.is_some() {
            return ([low, high], ticks::ticks([low, high], most, self.y_unit));
        }
        if high > low {
            return ticks::axis([low, high], most, self.y_unit);
        }
        let padding = margin_around(low);
        let top = self.highest.map_or(high + padding, |highest| (high + padding).min(highest));
        // A quantity that is never negative has no axis below zero.
        let bottom = if low >= 0.0 { (low - padding).max(0.0) } else { low - padding };
        ticks::axis([bottom, top], most, self.y_unit)
    }

    /// Draws the axes; returns the area between them.
    fn draw_axes(&self, axes: &Axes, area: Rect, buffer: &mut Buffer) -> Rect {
        let YAxis { ends, ticks, rows } = &axes.y_axis;
        let widest = ticks.iter().map(|tick| tick.label.width()).max().unwrap_or(0);
        let left = (widest.max(6) as u16 + 1).min(area.width / 2);
        // Remaining rows are left empty at the top.
        let height = (*rows).min(area.height - 2);
        let plot = Rect {
            x: area.x + left,
            y: area.bottom() - 2 - height,
            width: area.width - left,
            height,
        };
        if plot.width < 4 || plot.height == 0 {
            return Rect::ZERO;
        }
        let (dim, border) = (self.theme.style(TextRole::Dim), self.theme.style(TextRole::Border));
        let column = Rect { x: plot.x - 1, width: 1, ..plot };
        for row in 0..plot.height {
            write(buffer, column, row, "│", border);
        }
        for tick in ticks {
            let share = (tick.at - ends[0]) / (ends[1] - ends[0]);
            let row = ((1.0 - share) * f64::from(plot.height - 1)).round() as u16;
            let label = Rect { x: area.x, width: left - 1, ..plot };
            write_right(buffer, label, row, &tick.label, dim);
        }
        let base = Rect { x: plot.x - 1, y: plot.bottom(), width: plot.width + 1, height: 1 };
        write(buffer, base, 0, "└", border);
        write_at(buffer, base, 1, 0, &"─".repeat(usize::from(plot.width)), border);
        let labels = Rect { x: area.x, y: plot.bottom() + 1, width: area.width, height: 1 };
        for (tick, column, start) in self.x_ticks(axes.x, plot, labels) {
            write_at(buffer, base, column + 1, 0, "┬", border);
            write_at(buffer, labels, start, 0, &tick.label, dim);
        }
        if !self.x_label.is_empty() {
            write_right(buffer, base, 0, &format!(" {}", self.x_label), dim);
        }
        plot
    }

    /// The ticks of the x axis, each with its column in the plot and the start of its label: as
    /// many as fit side by side.
    fn x_ticks(&self, x: [f64; 2], plot: Rect, labels: Rect) -> Vec<(Tick, u16, u16)> {
        let most = usize::from(plot.width / 5).clamp(2, MAX_TICKS);
        let places = |count: usize| -> Vec<(Tick, u16, u16)> {
            let ticks =
                if self.log_x { log_ticks(x, count) } else { ticks::ticks(x, count, self.x_unit) };
            let place = |tick: Tick| {
                let share = (tick.at - x[0]) / (x[1] - x[0]);
                let column = (share * f64::from(plot.width - 1)).round() as u16;
                let width = tick.label.width() as u16;
                let middle = plot.x - labels.x + column;
                let start = middle.saturating_sub(width / 2);
                (tick, column, start.min(labels.width.saturating_sub(width)))
            };
            ticks.into_iter().map(place).collect()
        };
        let fits = |places: &Vec<(Tick, u16, u16)>| {
            places
                .windows(2)
                .all(|pair| pair[0].2 + pair[0].0.label.width() as u16 + 1 < pair[1].2 + 1)
        };
        let mut counts = (1..=most).rev();
        counts.find_map(|count| Some(places(count)).filter(&fits)).unwrap_or_default()
    }

    fn draw_marks(&self, axes: &Axes, plot: Rect, buffer: &mut Buffer, state: &ChartState) {
        for mark in &self.marks {
            let x = if self.log_x { mark.x.log10() } else { mark.x };
            draw_vertical_line(x, axes, plot, buffer, mark.style);
        }
        if let Some([from, to]) = state.drag.filter(|[from, to]| from != to) {
            let (from, to) = (from.min(to), from.max(to));
            let chosen = Rect { x: from, width: to - from + 1, ..plot };
            buffer.set_style(chosen.intersection(plot), self.theme.style(TextRole::Selected));
        }
    }

    /// Draws the cursor at the nearest point of a visible curve, with its x in place of the ticks.
    fn draw_cursor(
        &self,
        drawn: &ChartCurves,
        axes: &Axes,
        plot: Rect,
        buffer: &mut Buffer,
        state: &ChartState,
    ) {
        let Some(cursor) = state.cursor else { return };
        let visible = drawn.raw.iter().enumerate().filter(|(at, _)| !state.hidden.contains(at));
        let places = visible.flat_map(|(_, points)| points).map(|point| point.0);
        let distance = |x: f64| (x - cursor).abs();
        let nearest = places.min_by(|a, b| distance(*a).total_cmp(&distance(*b)));
        let style = self.theme.style(TextRole::Accent);
        let Some(x) = nearest else { return };
        let Some(column) = draw_vertical_line(x, axes, plot, buffer, style) else { return };
        let value = if self.log_x { 10_f64.powf(x) } else { x };
        let text = match self.x_unit {
            AxisUnit::Plain | AxisUnit::Percent => exact(value),
            unit => unit.text(value),
        };
        let label = format!(" {text} ");
        let width = (label.width() as u16).min(plot.width);
        let start = column.saturating_sub(width / 2).min(plot.width - width);
        let row = Rect { y: plot.bottom() + 1, height: 1, ..plot };
        write_at(buffer, row, start, 0, &label, style);
    }

    fn draw_curves(
        &self,
        drawn: &ChartCurves,
        axes: &Axes,
        area: Rect,
        buffer: &mut Buffer,
        state: &ChartState,
    ) {
        let share = |value: f64, [low, high]: [f64; 2]| (value - low) / (high - low);
        let mut plot = Plot::new(area);
        for (index, line) in self.lines.iter().enumerate() {
            if state.hidden.contains(&index) {
                continue;
            }
            let points = |points: &[(f64, f64)]| -> Vec<[f64; 2]> {
                points
                    .iter()
                    .map(|&(x, y)| [share(x, axes.x), share(y, axes.y_axis.ends)])
                    .collect()
            };
            let sign = line.sign.or_else(|| self.marker(index));
            let pen = if line.faint {
                let style = line.style.add_modifier(Modifier::DIM);
                CurveStyle { style, sign: sign.map(|_| '.'), behind: true }
            } else {
                CurveStyle { style: line.style, sign, behind: false }
            };
            let joined = !line.scatter && drawn.raw[index].len() > 1;
            if state.smoothing > 0.0 && joined {
                let style = line.style.add_modifier(Modifier::DIM);
                let raw = CurveStyle { style, behind: true, sign: sign.map(|_| '.') };
                plot.add(&points(&drawn.raw[index]), true, raw);
            }
            plot.add(&points(&drawn.smooth[index]), joined, pen);
        }
        plot.draw(buffer);
    }

    /// The value of a curve in the legend: at the cursor, or the newest.
    fn value(&self, index: usize, drawn: &ChartCurves, state: &ChartState) -> String {
        let Some(cursor) = state.cursor else { return self.lines[index].value.clone() };
        let distance = |point: &&(f64, f64)| (point.0 - cursor).abs();
        let nearest = drawn.smooth[index].iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
        nearest.map_or_else(String::new, |&(_, y)| {
            (self.value_text)(if self.log { 10_f64.powf(y) } else { y })
        })
    }

    /// Draws the names of the curves with their values; hidden ones remain clickable. In several
    /// rows if one is not enough and the chart is high enough, otherwise shortened. Returns the
    /// number of rows.
    fn legend(
        &self,
        area: Rect,
        buffer: &mut Buffer,
        drawn: &ChartCurves,
        state: &mut ChartState,
    ) -> u16 {
        let entries: Vec<LegendEntry> = self
            .lines
            .iter()
            .enumerate()
            .filter(|(_, line)| !line.name.is_empty())
            .map(|(index, line)| LegendEntry {
                index,
                line,
                value: self.value(index, drawn, state),
                hidden: state.hidden.contains(&index),
            })
            .collect();
        let rows = legend_rows(&entries, area.width);
        if rows.len() > usize::from((area.height / ROWS_A_LEGEND_ROW).max(1)) {
            self.short_legend(&entries, area, buffer, state);
            return 1;
        }
        for (row, entries) in (0..).zip(&rows) {
            let line = Rect { y: area.y + row, height: 1, ..area };
            self.whole_legend(entries, line, buffer, state);
        }
        rows.len() as u16
    }

    /// Draws full names in a row.
    fn whole_legend(
        &self,
        entries: &[&LegendEntry],
        area: Rect,
        buffer: &mut Buffer,
        state: &mut ChartState,
    ) {
        let mut column = 0;
        for LegendEntry { index, line, value, hidden } in entries {
            let start = column;
            let sample = match (line.sign, self.marker(*index)) {
                _ if *hidden => if self.theme.unicode { "○ " } else { "- " }.into(),
                (Some(sign), _) | (None, Some(sign)) => format!("{sign} "),
                (None, None) => "━ ".into(),
            };
            column = write_at(buffer, area, column, 0, &sample, line.style);
            let role = if line.lit { TextRole::Title } else { TextRole::Dim };
            column = write_at(buffer, area, column, 0, &line.name, self.theme.style(role));
            if !value.is_empty() && !hidden {
                let text = self.theme.style(TextRole::Text);
                column = write_at(buffer, area, column + 1, 0, value, text);
            }
            let place = Rect { x: area.x + start, width: column - start, height: 1, ..area };
            state.legend.push((*index, place));
            column += GAP;
        }
    }

    /// The character that a curve is drawn with if colours cannot distinguish it; `None` for
    /// braille dots.
    fn marker(&self, index: usize) -> Option<char> {
        match (self.theme.depth, self.theme.unicode) {
            (ColorDepth::None, _) => Some(MARKERS[index % MARKERS.len()]),
            (_, true) => None,
            (_, false) => Some('*'),
        }
    }

    /// A shortened legend: names in the colours of their curves, truncated as needed; values are
    /// shown while there is room for part of every name.
    fn short_legend(
        &self,
        entries: &[LegendEntry],
        area: Rect,
        buffer: &mut Buffer,
        state: &mut ChartState,
    ) {
        const MIN_LENGTH: usize = 4;
        let signs = usize::from(self.theme.depth == ColorDepth::None);
        let gap = |value: &str| if value.is_empty() { 0 } else { 1 + value.width() };
        let fits = |columns: usize, values: bool| {
            let width = |(entry, name): (&LegendEntry, String)| {
                let value = if values { entry.value.as_str() } else { "" };
                signs + name.width() + gap(value) + 2
            };
            let names = short_names(entries, columns);
            entries.iter().zip(names).map(width).sum::<usize>() <= usize::from(area.width) + 2
        };
        let widest = entries.iter().map(|entry| entry.line.name.width()).max().unwrap_or(0);
        let (columns, values) = [true, false]
            .into_iter()
            .flat_map(|values| (MIN_LENGTH..=widest).rev().map(move |columns| (columns, values)))
            .find(|&(columns, values)| fits(columns, values))
            .unwrap_or((MIN_LENGTH, false));
        let mut column = 0;
        for (entry, name) in entries.iter().zip(short_names(entries, columns)) {
            let LegendEntry { index, line, value, hidden } = entry;
            let sign =
                self.marker(*index).filter(|_| signs > 0).map_or_else(String::new, String::from);
            let text = format!("{sign}{name}");
            let value = if values && !hidden { value.as_str() } else { "" };
            if column + (text.width() + gap(value)) as u16 > area.width {
                break;
            }
            let start = column;
            let dim = if *hidden { self.theme.style(TextRole::Dim) } else { line.style };
            column = write_at(buffer, area, column, 0, &text, dim);
            if !value.is_empty() {
                column =
                    write_at(buffer, area, column + 1, 0, value, self.theme.style(TextRole::Text));
            }
            let place = Rect { x: area.x + start, width: column - start, height: 1, ..area };
            state.legend.push((*index, place));
            column += 2;
        }
    }
}

/// A curve in the legend.
struct LegendEntry<'a> {
    index: usize,
    line: &'a ChartLine,
    value: String,
    hidden: bool,
}

impl LegendEntry<'_> {
    /// Columns of its full name, its value and the sample before it.
    fn width(&self) -> usize {
        let value = if self.value.is_empty() || self.hidden { 0 } else { 1 + self.value.width() };
        2 + self.line.name.width() + value
    }

    /// Its name, at most `columns` wide.
    fn name(&self, columns: usize) -> String {
        let ChartLine { name, short, .. } = self.line;
        if name.width() > columns && !short.is_empty() {
            cut(short, columns)
        } else {
            cut(name, columns)
        }
    }
}

/// Names of at most `columns` columns; if their beginnings are equal, their ends are used.
fn short_names(entries: &[LegendEntry], columns: usize) -> Vec<String> {
    let beginnings: Vec<String> = entries.iter().map(|entry| entry.name(columns)).collect();
    let is_unique = |name: &String| beginnings.iter().filter(|other| *other == name).count() == 1;
    let end = |entry: &LegendEntry| {
        let skipped = entry.line.name.chars().rev().scan(1, |width, character| {
            *width += character.width().unwrap_or(0);
            (*width <= columns).then_some(character)
        });
        let end: Vec<char> = skipped.collect();
        std::iter::once('…').chain(end.into_iter().rev()).collect()
    };
    let name = |(entry, name): (&LegendEntry, &String)| {
        if is_unique(name) { name.clone() } else { end(entry) }
    };
    entries.iter().zip(&beginnings).map(name).collect()
}

/// The entries of each row of a legend, as many as fit.
fn legend_rows<'a>(entries: &'a [LegendEntry<'a>], width: u16) -> Vec<Vec<&'a LegendEntry<'a>>> {
    let mut rows: Vec<Vec<&LegendEntry>> = vec![Vec::new()];
    let mut end = 0;
    for entry in entries {
        let needed = entry.width();
        if end > 0 && end + needed > usize::from(width) {
            rows.push(Vec::new());
            end = 0;
        }
        end += needed + usize::from(GAP);
        if let Some(row) = rows.last_mut() {
            row.push(entry);
        }
    }
    rows
}

/// Whether two numbers of an axis are equal up to rounding.
fn is_near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 * a.abs().max(b.abs()).max(1e-6)
}

/// Draws a vertical line at an x of the axis; returns its column in the plot if it is visible.
fn draw_vertical_line(
    x: f64,
    axes: &Axes,
    plot: Rect,
    buffer: &mut Buffer,
    style: Style,
) -> Option<u16> {
    let share = (x - axes.x[0]) / (axes.x[1] - axes.x[0]);
    if !(0.0..=1.0).contains(&share) {
        return None;
    }
    let column = (share * f64::from(plot.width - 1)).round() as u16;
    for row in 0..plot.height {
        write_at(buffer, plot, column, row, "│", style);
    }
    Some(column)
}

#[cfg(test)]
mod tests;
