//! Curves over common axes, with a legend that tells the newest values.

use super::write_at;
use crate::ui::numbers::{power_of_ten, short_integer};
use crate::ui::theme::{ColorDepth, Role, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::Marker;
use ratatui::text::Span;
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Widget};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Signs of curves where there are no colours.
const MARKERS: [char; 6] = ['*', 'o', '+', 'x', '#', '%'];

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
    /// What stands for a point, where it is to be larger than a dot.
    pub sign: Option<char>,
    /// The curve just changed: its name stands out.
    pub lit: bool,
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
    /// The ends of the x and the y axis, where they do not follow the curves.
    pub fixed: Option<[[f64; 2]; 2]>,
    pub theme: Theme,
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

    /// The ends of both axes, and how many steps the upright one is divided into.
    fn bounds(&self, curves: &[Vec<(f64, f64)>], rows: u16) -> Option<([f64; 2], [f64; 2], u16)> {
        if let Some([x, y]) = self.fixed {
            let (y, steps) = rounded(y, (rows / 3).clamp(2, 6));
            return Some((x, y, steps));
        }
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
            let top = y[1].ceil().max(bottom + 1.0);
            return Some((x, [bottom, top], decades((top - bottom) as u16, rows)));
        }
        if y[1] <= y[0] {
            let air = 0.05 * y[0].abs().max(0.1);
            y = [y[0] - air, y[1] + air];
            if let Some(highest) = self.highest {
                y[1] = y[1].min(highest);
            }
        }
        let (y, steps) = rounded(y, (rows / 3).clamp(2, 6));
        Some((x, y, steps))
    }

    fn legend(&self, area: Rect, buffer: &mut Buffer) {
        let named = || self.lines.iter().enumerate().filter(|(_, line)| !line.name.is_empty());
        let width = |line: &Line| 2 + line.name.width() + 1 + line.value.width();
        let whole: usize = named().map(|(_, line)| width(line) + 3).sum();
        if whole > usize::from(area.width) + 3 {
            self.short_legend(area, buffer);
            return;
        }
        let mut column = 0;
        for (index, line) in named() {
            let sample = match self.marker(index) {
                _ if line.sign.is_some() => line.sign.iter().chain(&[' ']).collect(),
                Marker::Custom(sign) => format!("{sign} "),
                _ => "━ ".into(),
            };
            column = write_at(buffer, area, column, 0, &sample, line.style);
            let role = if line.lit { Role::Title } else { Role::Dim };
            column = write_at(buffer, area, column, 0, &line.name, self.theme.style(role));
            if !line.value.is_empty() {
                let text = self.theme.style(Role::Text);
                column = write_at(buffer, area, column + 1, 0, &line.value, text);
            }
            column += 3;
        }
    }

    fn y_labels(&self, [low, high]: [f64; 2], steps: u16) -> Vec<Span<'static>> {
        let dim = self.theme.style(Role::Dim);
        (0..=steps)
            .map(|step| low + (high - low) * f64::from(step) / f64::from(steps))
            .map(|y| if self.log { power_of_ten(y) } else { (self.y_text)(y) })
            .map(|text| Span::styled(format!("{text:>6}"), dim))
            .collect()
    }

    fn x_labels(&self, [low, high]: [f64; 2]) -> Vec<Span<'static>> {
        let dim = self.theme.style(Role::Dim);
        let text = |x: f64| short_integer(if self.log_x { 10_f64.powf(x) } else { x });
        let middle = f64::midpoint(low, high);
        let end = format!("{} {}", self.x_label, text(high));
        // Between whole numbers stands a whole number or none: there is no epoch 3.5.
        let whole = low.fract() == 0.0 && high.fract() == 0.0 && middle.fract() != 0.0;
        let middle = (self.log_x || !whole).then(|| text(middle));
        let labels = [Some(text(low)), middle, Some(end)].into_iter().flatten();
        labels.map(|label| Span::styled(label, dim)).collect()
    }

    /// What a curve is drawn with where colours cannot tell it from the others.
    fn marker(&self, index: usize) -> Marker {
        match (self.theme.depth, self.theme.unicode) {
            (ColorDepth::None, _) => Marker::Custom(MARKERS[index % MARKERS.len()]),
            (_, true) => Marker::Braille,
            (_, false) => Marker::Custom('*'),
        }
    }

    /// A legend in fewer columns: names in their curves' colours, cut as far as need be; values
    /// as long as there is room for some of every name beside them.
    fn short_legend(&self, area: Rect, buffer: &mut Buffer) {
        const SHORTEST: usize = 4;
        let signs = usize::from(self.theme.depth == ColorDepth::None);
        let gap = |value: &str| if value.is_empty() { 0 } else { 1 + value.width() };
        let fits = |columns: usize, values: bool| {
            let width = |line: &Line| {
                let value = if values { line.value.as_str() } else { "" };
                signs + line.name.width().min(columns) + gap(value) + 2
            };
            let named = self.lines.iter().filter(|line| !line.name.is_empty());
            named.map(width).sum::<usize>() <= usize::from(area.width) + 2
        };
        let widest = self.lines.iter().map(|line| line.name.width()).max().unwrap_or(0);
        let (columns, values) = [true, false]
            .into_iter()
            .flat_map(|values| (SHORTEST..=widest).rev().map(move |columns| (columns, values)))
            .find(|&(columns, values)| fits(columns, values))
            .unwrap_or((SHORTEST, false));
        let mut column = 0;
        for (index, line) in self.lines.iter().enumerate().filter(|(_, l)| !l.name.is_empty()) {
            let sign = match self.marker(index) {
                Marker::Custom(sign) if self.theme.depth == ColorDepth::None => sign.to_string(),
                _ => String::new(),
            };
            let text = format!("{sign}{}", cut(&line.name, columns));
            let value = if values { line.value.as_str() } else { "" };
            if column + (text.width() + gap(value)) as u16 > area.width {
                break;
            }
            column = write_at(buffer, area, column, 0, &text, line.style);
            if !value.is_empty() {
                column = write_at(buffer, area, column + 1, 0, value, self.theme.style(Role::Text));
            }
            column += 2;
        }
    }
}

/// The beginning of a text, of at most so many columns.
fn cut(text: &str, columns: usize) -> String {
    let mut kept = String::new();
    for character in text.chars() {
        if kept.width() + character.width().unwrap_or(0) > columns {
            break;
        }
        kept.push(character);
    }
    kept.trim_end().into()
}

/// An axis of at most so many steps around a range, from a round number to a round number.
fn rounded([low, high]: [f64; 2], most: u16) -> ([f64; 2], u16) {
    let decade = 10_f64.powf(((high - low) / f64::from(most)).log10().floor());
    let ends = |step: f64| {
        // A hair of tolerance: 0.3 / 0.1 is not 3.
        let (from, to) = ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil());
        ([from * step, to * step], (to - from).max(1.0) as u16)
    };
    [1.0, 2.0, 2.5, 5.0, 10.0, 20.0]
        .into_iter()
        .map(|times| ends(times * decade))
        .find(|(_, steps)| *steps <= most)
        .unwrap_or(([low, high], most))
}

/// Steps that an axis of so many decades is divided into: as many as have room, all alike.
fn decades(count: u16, rows: u16) -> u16 {
    let most = (rows / 3).max(1);
    (1..=count.min(most)).rev().find(|&steps| count.is_multiple_of(steps)).unwrap_or(1)
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
        let Some((x, y, steps)) = self.bounds(&curves, plot.height) else { return };
        if plot.height < 3 {
            return;
        }
        let marks: Vec<[(f64, f64); 2]> =
            self.marks.iter().map(|mark| [(mark.x, y[0]), (mark.x, y[1])]).collect();
        let upright = if self.theme.unicode { Marker::Braille } else { Marker::Custom('|') };
        let set = |data, style, kind, marker| {
            Dataset::default().data(data).style(style).marker(marker).graph_type(kind)
        };
        let mut datasets: Vec<Dataset> = marks
            .iter()
            .zip(&self.marks)
            .map(|(data, mark)| set(data.as_slice(), mark.style, GraphType::Line, upright))
            .collect();
        for (index, (line, data)) in self.lines.iter().zip(&curves).enumerate() {
            let alone = line.scatter || data.len() == 1;
            let kind = if alone { GraphType::Scatter } else { GraphType::Line };
            let marker = line.sign.map_or_else(|| self.marker(index), Marker::Custom);
            datasets.push(set(data, line.style, kind, marker));
        }
        let border = self.theme.style(Role::Border);
        let axis = |bounds, labels| Axis::default().bounds(bounds).labels(labels).style(border);
        let chart = Chart::new(datasets)
            .x_axis(axis(x, self.x_labels(x)))
            .y_axis(axis(y, self.y_labels(y, steps)))
            .legend_position(None);
        chart.render(plot, buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn axes_run_between_round_numbers() {
        let near = |range: [f64; 2], most, wanted: [f64; 2], steps| {
            let (ends, count) = rounded(range, most);
            assert_eq!(count, steps, "{range:?}");
            assert!(ends.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-9), "{ends:?}");
        };
        near([0.821, 0.954], 4, [0.8, 1.0], 4);
        near([0.821, 0.954], 2, [0.8, 1.0], 2);
        near([0.0153, 1.46], 4, [0.0, 1.5], 3);
        near([-2.7, 3.1], 6, [-4.0, 4.0], 4);
        near([0.3, 0.9], 6, [0.3, 0.9], 6);
    }

    proptest! {
        #[test]
        fn an_axis_holds_its_range(low in -1e6..1e6_f64, size in 1e-6..1e6_f64, most in 2..7_u16) {
            let high = low + size;
            let (ends, steps) = rounded([low, high], most);
            let hair = 1e-6 * (low.abs() + size);
            prop_assert!(steps >= 1 && steps <= most);
            prop_assert!(ends[0] <= low + hair && ends[1] >= high - hair, "{ends:?}");
            prop_assert!(ends[0] < ends[1]);
        }
    }
}
