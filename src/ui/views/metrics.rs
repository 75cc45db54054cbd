//! The metrics of a command, one chart each.

use super::time_axis::{TimeAxis, XAxis};
use crate::protocol::{MarkKind, MetricSeries, ProbeQuery};
use crate::ui::effect::Effect;
use crate::ui::numbers::short;
use crate::ui::theme::TextRole;
use crate::ui::view::{KeyHelp, View, ViewContext};
use crate::ui::view_id::ViewId;
use crate::ui::widgets::{AxisUnit, ChartLine, ChartState, LineChart, Pane, VerticalMark, write};
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Minimum size of a chart in columns and rows.
const MIN_SIZE: [u16; 2] = [36, 9];

/// The metrics of a command over the steps or the time, one chart per metric.
#[derive(Debug, Default)]
pub(in crate::ui) struct MetricsView {
    /// Index of the first chart of the page.
    first: usize,
    /// Number of charts on a page when it was last drawn.
    page: usize,
    /// A logarithmic y axis.
    log: bool,
    x_axis: XAxis,
}

impl View for MetricsView {
    fn id(&self) -> ViewId {
        ViewId::Metrics
    }

    fn about(&self) -> &'static [&'static str] {
        &[
            "Every number with a name that the command prints is a metric, by the step it is printed for.",
            "Behind each name stand the newest value, the least and the greatest.",
            "An upright line in yellow marks a pause, a checkpoint or a change by hand.",
        ]
    }

    fn keys(&self) -> &'static [KeyHelp] {
        &[
            KeyHelp { keys: "PgUp PgDn", does: "other metrics" },
            KeyHelp { keys: "g", does: "logarithmic y axis" },
            KeyHelp { keys: "t", does: "by step, by time, by time without pauses" },
        ]
    }

    fn probes(&self, _context: &ViewContext) -> Vec<ProbeQuery> {
        Vec::new()
    }

    fn key(&mut self, key: KeyEvent, context: &ViewContext) -> Effect {
        let count = context.run.metrics.iter().count();
        match key.code {
            KeyCode::PageDown if self.first + self.page < count => self.first += self.page,
            KeyCode::PageUp => self.first = self.first.saturating_sub(self.page),
            KeyCode::Home => self.first = 0,
            KeyCode::Char('g') => self.log = !self.log,
            KeyCode::Char('t') => self.x_axis = self.x_axis.next(),
            _ => return Effect::Ignored,
        }
        Effect::Redraw
    }

    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
        let (metrics, theme) = (&context.run.metrics, context.theme);
        let count = metrics.iter().count();
        if count == 0 {
            let inside = Pane::new("Metrics", theme).draw(area, buffer);
            let text = theme.say("no metrics were found in the output yet");
            write(buffer, inside, 0, text, theme.style(TextRole::Dim));
            return;
        }
        let [across, down] = grid(area, count);
        self.page = across * down;
        self.first = self.first.min(count - 1);
        let axis = TimeAxis::of(context.run, self.x_axis);
        for (index, (name, series)) in metrics.iter().skip(self.first).take(self.page).enumerate() {
            let place = cell(area, [across, down], index);
            self.draw_chart(name, series, &axis, place, buffer, context);
        }
    }
}

impl MetricsView {
    fn draw_chart(
        &self,
        name: &str,
        series: &MetricSeries,
        axis: &TimeAxis,
        area: Rect,
        buffer: &mut Buffer,
        context: &ViewContext,
    ) {
        let theme = context.theme;
        let value = |point: Option<(i64, f64)>| point.map_or_else(String::new, |(_, v)| short(v));
        let (last, min, max) = (value(series.last()), value(series.min()), value(series.max()));
        let note = format!("{last}  {min} … {max}");
        let title = crate::protocol::printable(name);
        let inside = Pane::new(&title, theme).note(&note).draw(area, buffer);
        let points = series.points().into_iter().map(|(step, value)| (axis.at(step as f64), value));
        let style = theme.style(TextRole::Warning);
        let marks = context.run.marks.iter().filter(|mark| mark.kind != MarkKind::Resumed);
        let marks = marks.map(|mark| VerticalMark { x: axis.at(mark.step as f64), style });
        let line =
            ChartLine { points: points.collect(), style: theme.series(0), ..ChartLine::default() };
        let chart = LineChart {
            lines: vec![line],
            marks: marks.collect(),
            x_label: theme.say(self.x_axis.label()),
            x_unit: if self.x_axis == XAxis::Step { AxisUnit::Whole } else { AxisUnit::Plain },
            y_unit: AxisUnit::Plain,
            value_text: short,
            log: self.log,
            log_x: false,
            highest: None,
            fixed: None,
            theme: *theme,
        };
        chart.draw(inside, buffer, &mut ChartState::default());
    }
}

/// Columns and rows of the grid of charts: as many as fit, at least one.
fn grid(area: Rect, count: usize) -> [usize; 2] {
    let most = |length: u16, least: u16| usize::from((length / least).max(1));
    let across = most(area.width, MIN_SIZE[0]).min(count);
    let down = most(area.height, MIN_SIZE[1]).min(count.div_ceil(across));
    [across, down]
}

/// The area of a chart in the grid.
fn cell(area: Rect, [across, down]: [usize; 2], index: usize) -> Rect {
    let part = |length: u16, parts: usize, at: usize| (usize::from(length) * at / parts) as u16;
    let (column, row) = (index % across, index / across);
    let (left, right) = (part(area.width, across, column), part(area.width, across, column + 1));
    let (top, bottom) = (part(area.height, down, row), part(area.height, down, row + 1));
    Rect { x: area.x + left, y: area.y + top, width: right - left, height: bottom - top }
}
