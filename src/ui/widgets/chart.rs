//! Curves over common axes, with a legend that tells the newest values.

use super::write_at;
use crate::ui::theme::{Role, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::Marker;
use ratatui::text::Span;
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Widget};
use unicode_width::UnicodeWidthStr;

/// One curve.
#[derive(Clone, Debug, Default)]
pub struct Line {
    pub name: String,
    /// In order of x; points that are not finite are left out.
    pub points: Vec<(f64, f64)>,
    /// The newest value as text, for the legend.
    pub value: String,
    pub style: Style,
    /// Points alone, not joined.
    pub scatter: bool,
}

/// A moment worth a line from top to bottom.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    pub x: f64,
    pub style: Style,
}

/// A chart of lines.
#[derive(Clone, Debug)]
pub struct LineChart<'a> {
    pub lines: Vec<Line>,
    pub marks: Vec<Mark>,
    pub x_label: &'a str,
    /// How a value of the y axis is written.
    pub y_text: fn(f64) -> String,
    /// A logarithmic y axis; values that are not positive are left out.
    pub log: bool,
    /// A logarithmic x axis, likewise.
    pub log_x: bool,
    /// The y axis goes no higher, where the quantity has a bound.
    pub highest: Option<f64>,
    pub theme: Theme,
}

/// A fraction as percent.
#[must_use]
pub fn percent(fraction: f64) -> String {
    format!("{:.1}%", 100.0 * fraction)
}

/// A number in at most six characters.
#[must_use]
pub fn short(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        "0".into()
    } else if !(1e-3..1e4).contains(&size) {
        format!("{value:.0e}")
    } else {
        // Three significant digits, as far as they fall behind the point.
        let decimals = (2.0 - size.log10().floor()).clamp(0.0, 4.0) as usize;
        format!("{value:.decimals$}")
    }
}

impl LineChart<'_> {
    fn transformed(&self) -> Vec<Vec<(f64, f64)>> {
        let x = |x: f64| if self.log_x { x.log10() } else { x };
        let y = |y: f64| if self.log { y.log10() } else { y };
        let finite = |(x, y): &(f64, f64)| x.is_finite() && y.is_finite();
        self.lines
            .iter()
            .map(|line| line.points.iter().map(|&(h, v)| (x(h), y(v))).filter(finite).collect())
            .collect()
    }

    fn bounds(&self, curves: &[Vec<(f64, f64)>]) -> Option<([f64; 2], [f64; 2])> {
        let range = |pick: fn(&(f64, f64)) -> f64| {
            let values = || curves.iter().flatten().map(pick);
            let low = values().min_by(f64::total_cmp)?;
            Some([low, values().max_by(f64::total_cmp)?])
        };
        let mut x = range(|point| point.0)?;
        let mut y = range(|point| point.1)?;
        if x[0] >= x[1] {
            x[1] = x[0] + 1.0;
        }
        if self.log {
            // Whole decades, so that the axis is marked at powers of ten.
            let bottom = y[0].floor();
            return Some((x, [bottom, y[1].ceil().max(bottom + 1.0)]));
        }
        let air = if y[1] > y[0] { 0.05 * (y[1] - y[0]) } else { 0.05 * y[0].abs().max(0.1) };
        y = [y[0] - air, y[1] + air];
        if let Some(highest) = self.highest {
            y[1] = y[1].min(highest);
        }
        Some((x, y))
    }

    fn legend(&self, area: Rect, buffer: &mut Buffer) {
        let mut column = 0;
        let sample = if self.theme.unicode { "━ " } else { "- " };
        for line in self.lines.iter().filter(|line| !line.name.is_empty()) {
            let width = (2 + line.name.width() + 1 + line.value.width()) as u16;
            if column + width > area.width {
                break;
            }
            column = write_at(buffer, area, column, 0, sample, line.style);
            column = write_at(buffer, area, column, 0, &line.name, self.theme.style(Role::Dim));
            column =
                write_at(buffer, area, column + 1, 0, &line.value, self.theme.style(Role::Text));
            column += 3;
        }
    }

    fn y_labels(&self, [low, high]: [f64; 2], rows: u16) -> Vec<Span<'static>> {
        let count = match (self.log, rows >= 12) {
            (true, _) => decades((high - low) as u16, rows) + 1,
            (false, true) => 5,
            (false, false) => 3,
        };
        let dim = self.theme.style(Role::Dim);
        (0..count)
            .map(|step| low + (high - low) * f64::from(step) / f64::from(count - 1))
            .map(|y| if self.log { power_of_ten(y) } else { (self.y_text)(y) })
            .map(|text| Span::styled(format!("{text:>6}"), dim))
            .collect()
    }

    fn x_labels(&self, [low, high]: [f64; 2]) -> Vec<Span<'static>> {
        let dim = self.theme.style(Role::Dim);
        let text = |x: f64| short_integer(if self.log_x { 10_f64.powf(x) } else { x });
        let middle = text(f64::midpoint(low, high));
        let end = format!("{} {}", self.x_label, text(high));
        vec![Span::styled(text(low), dim), Span::styled(middle, dim), Span::styled(end, dim)]
    }
}

/// Steps that an axis of so many decades is divided into: as many as have room, all alike.
fn decades(count: u16, rows: u16) -> u16 {
    let most = (rows / 3).max(1);
    (1..=count.min(most)).rev().find(|&steps| count.is_multiple_of(steps)).unwrap_or(1)
}

/// A power of ten, given its exponent.
fn power_of_ten(exponent: f64) -> String {
    let value = 10_f64.powf(exponent);
    match exponent {
        -4.0..0.0 => format!("{value:.decimals$}", decimals = -exponent.round() as usize),
        0.0..5.0 => format!("{value:.0}"),
        _ => format!("{value:.0e}"),
    }
}

/// Whole numbers whole, others short.
fn short_integer(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e7 { format!("{value:.0}") } else { short(value) }
}

impl Widget for &LineChart<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let area = area.intersection(buffer.area);
        if area.height < 2 || area.width < 8 {
            return;
        }
        self.legend(area, buffer);
        let plot = Rect { y: area.y + 1, height: area.height - 1, ..area };
        let curves = self.transformed();
        let Some((x, y)) = self.bounds(&curves) else { return };
        if plot.height < 3 {
            return;
        }
        let marks: Vec<[(f64, f64); 2]> =
            self.marks.iter().map(|mark| [(mark.x, y[0]), (mark.x, y[1])]).collect();
        let marker = if self.theme.unicode { Marker::Braille } else { Marker::Custom('*') };
        let set = |data, style, kind| {
            Dataset::default().data(data).style(style).marker(marker).graph_type(kind)
        };
        let mut datasets: Vec<Dataset> = marks
            .iter()
            .zip(&self.marks)
            .map(|(data, mark)| set(data.as_slice(), mark.style, GraphType::Line))
            .collect();
        for (line, data) in self.lines.iter().zip(&curves) {
            let alone = line.scatter || data.len() == 1;
            let kind = if alone { GraphType::Scatter } else { GraphType::Line };
            datasets.push(set(data, line.style, kind));
        }
        let border = self.theme.style(Role::Border);
        let axis = |bounds, labels| Axis::default().bounds(bounds).labels(labels).style(border);
        let chart = Chart::new(datasets)
            .x_axis(axis(x, self.x_labels(x)))
            .y_axis(axis(y, self.y_labels(y, plot.height)))
            .legend_position(None);
        chart.render(plot, buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (0.0123, "0.0123"),
            (1.5, "1.50"),
            (31.25, "31.2"),
            (1234.0, "1234"),
            (1e-9, "1e-9"),
            (2.5e7, "2e7"),
        ] {
            assert_eq!(short(value), text);
        }
        assert_eq!(percent(0.9542), "95.4%");
    }
}
