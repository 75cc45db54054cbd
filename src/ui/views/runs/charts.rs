//! A chart of runs: its query, its axes, its lines.

use super::drawing::number;
use super::run_list::{RunList, shown, strip_common_path};
use crate::protocol::{CurveQuery, CurveSet, Grouping, RunAxis, RunCurve, Spread};
use crate::ui::numbers::short;
use crate::ui::theme::{TextRole, Theme};
use crate::ui::widgets::{
    AxisUnit, ChartLine, ChartState, LineChart, Pane, VerticalMark, margin_around, write,
};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Maximum number of curves in a chart; the first ones are drawn.
pub const MAX_CURVES: usize = 24;

/// Options that all charts share.
#[derive(Clone, Debug)]
pub struct ChartOptions {
    pub axis: RunAxis,
    /// TensorBoard's smoothing, from 0 to under 1.
    pub smoothing: f64,
    pub log_x: bool,
    pub log_y: bool,
    /// The y axis spans all values instead of the 5th to the 95th percentile.
    pub outliers: bool,
    pub grouping: Grouping,
    pub spread: Spread,
    /// The visible part of the x axis; all of it if `None`.
    pub zoom: Option<[f64; 2]>,
    /// The x at which values are read off.
    pub cursor: Option<f64>,
}

impl ChartOptions {
    /// Converts an x to axis units: its exponent on a logarithmic axis.
    pub fn to_axis(&self, x: f64) -> f64 {
        if self.log_x { x.log10() } else { x }
    }

    /// Converts axis units to an x.
    pub fn of_axis(&self, x: f64) -> f64 {
        if self.log_x { 10_f64.powf(x) } else { x }
    }

    pub fn is_grouped(&self) -> bool {
        self.grouping != Grouping::None
    }

    /// The query for a metric's curves, for a chart with this many columns.
    pub fn query(&self, metric: &str, runs: &RunList, columns: usize) -> CurveQuery {
        let rows = runs.charted();
        let having = rows.iter().filter(|row| row.metrics.iter().any(|facts| facts.name == metric));
        let most = if self.is_grouped() { usize::MAX } else { MAX_CURVES };
        CurveQuery {
            metric: metric.to_owned(),
            runs: having.take(most).map(|row| row.name.clone()).collect(),
            axis: self.axis,
            grouping: self.grouping.clone(),
            spread: self.spread,
            smoothing: self.smoothing,
            range: self.zoom,
            at: self.cursor,
            columns,
        }
    }
}

/// The name of an axis.
pub fn axis_name(axis: RunAxis) -> &'static str {
    match axis {
        RunAxis::Step => "step",
        RunAxis::Epoch => "epoch",
        RunAxis::Relative => "time",
        RunAxis::Process => "time without pauses",
        RunAxis::Wall => "time of day, UTC",
    }
}

/// The unit of an axis.
fn unit(axis: RunAxis) -> AxisUnit {
    match axis {
        RunAxis::Step | RunAxis::Epoch => AxisUnit::Plain,
        RunAxis::Relative | RunAxis::Process => AxisUnit::Duration,
        RunAxis::Wall => AxisUnit::Clock,
    }
}

/// The ranges of the x axis (without zoom) and the y axis; `None` if there is nothing to draw.
fn ranges(set: &CurveSet, options: &ChartOptions) -> Option<([f64; 2], [f64; 2])> {
    let fits = |on: bool, value: f64| value.is_finite() && (!on || value > 0.0);
    let points = || {
        set.curves.iter().flat_map(|curve| {
            let band = curve.band.iter().flatten().flatten();
            curve.raw.iter().chain(band).chain(curve.superseded.iter().flatten())
        })
    };
    let range = |values: &mut dyn Iterator<Item = f64>| {
        values.fold(None, |range: Option<[f64; 2]>, value| {
            let [low, high] = range.unwrap_or([value, value]);
            Some([low.min(value), high.max(value)])
        })
    };
    let x = match set.extent.filter(|extent| fits(options.log_x, extent[0])) {
        Some(extent) => extent,
        None => range(&mut points().map(|point| point.0).filter(|&x| fits(options.log_x, x)))?,
    };
    let x = if x[1] > x[0] { x } else { [x[0], x[0] + x[0].abs().max(1.0)] };
    // While a run is going the axis grows in steps, so that the curves do not move all the time.
    let x = if options.log_x { x } else { [x[0], rounded_up(x)] };
    let is_inside =
        |point: &&(f64, f64)| options.zoom.is_none_or(|[l, h]| (l..=h).contains(&point.0));
    let ys = |all: bool| {
        let visible = points().filter(move |point| all || is_inside(point)).map(|point| point.1);
        range(&mut visible.filter(|&y| fits(options.log_y, y)))
    };
    let y = ys(false).or_else(|| ys(true))?;
    // Padding of 10% around the 5th to 95th percentile shows that the curve continues.
    let y = match set.middle.filter(|_| !options.outliers) {
        Some([low, high]) if fits(options.log_y, low) && high > low => {
            let padding = 0.1 * (high - low);
            [(low - padding).max(y[0]), (high + padding).min(y[1])]
        }
        _ => y,
    };
    let y = if y[1] > y[0] {
        y
    } else {
        let padding = margin_around(y[0]);
        [y[0] - padding, y[0] + padding]
    };
    let y = if options.log_y && y[0] <= 0.0 { [y[1] * 1e-6, y[1]] } else { y };
    Some((x, y))
}

/// The end of an axis, rounded up by at most 5% of its width.
fn rounded_up([low, high]: [f64; 2]) -> f64 {
    let step = ((high - low) / 20.0).log2().floor().exp2();
    let end = low + ((high - low) / step).ceil() * step;
    if end.is_finite() { end.max(high) } else { high }
}

/// A chart to draw.
#[derive(Clone, Copy, Debug)]
pub struct MetricChart<'a> {
    pub metric: &'a str,
    pub set: &'a CurveSet,
    pub options: &'a ChartOptions,
    /// Whether its frame is highlighted.
    pub lit: bool,
    /// The columns of the current drag.
    pub drag: Option<[u16; 2]>,
}

impl MetricChart<'_> {
    /// Draws the chart; returns the area and x range of the curves.
    pub fn draw(
        &self,
        area: Rect,
        runs: &RunList,
        buffer: &mut Buffer,
        theme: &Theme,
    ) -> ChartState {
        let options = self.options;
        let title = shown(self.metric, usize::from(area.width.saturating_sub(8)));
        let inside = Pane::new(&title, theme).lit(self.lit).draw(area, buffer);
        let Some((x, y)) = ranges(self.set, options) else {
            write(buffer, inside, 0, theme.say("no values to draw"), theme.style(TextRole::Dim));
            return ChartState::default();
        };
        let window =
            options.zoom.filter(|zoom| zoom[0] < x[1] && zoom[1] > x[0] && zoom[1] > zoom[0]);
        let shown = window.unwrap_or(x);
        let mut lines = Vec::new();
        for curve in &self.set.curves {
            lines.extend(self.lines(curve, shown, y, inside, runs, theme));
        }
        let mark = |x| VerticalMark { x, style: theme.style(TextRole::Accent) };
        let axis = theme.say(axis_name(options.axis));
        let x_label = match options.cursor {
            Some(at) => format!("{axis} {}", self.read_x(at)),
            None => axis.to_owned(),
        };
        let log = |on: bool, range: [f64; 2]| if on { range.map(f64::log10) } else { range };
        let chart = LineChart {
            lines,
            marks: options.cursor.into_iter().map(mark).collect(),
            x_label: &x_label,
            x_unit: unit(options.axis),
            y_unit: AxisUnit::Plain,
            value_text: short,
            log: options.log_y,
            log_x: options.log_x,
            highest: None,
            fixed: Some([log(options.log_x, x), log(options.log_y, y)]),
            theme: *theme,
        };
        let mut state = ChartState {
            zoom: window.map(|window| log(options.log_x, window)),
            drag: self.drag,
            ..ChartState::default()
        };
        chart.draw(inside, buffer, &mut state);
        state
    }

    /// The x of the point nearest to `at`, or `at` if there is none, as text.
    fn read_x(&self, at: f64) -> String {
        let near = self.set.curves.iter().filter_map(|curve| curve.near);
        let distance = |near: &[f64; 3]| (near[0] - at).abs();
        let x = near.min_by(|a, b| distance(a).total_cmp(&distance(b))).map_or(at, |near| near[0]);
        match self.options.axis {
            RunAxis::Step if x.fract() == 0.0 => format!("{x}"),
            RunAxis::Step | RunAxis::Epoch => short(x),
            axis => unit(axis).text(x),
        }
    }

    /// The lines of a curve: superseded parts, its band, its faint raw values, and itself.
    fn lines(
        &self,
        curve: &RunCurve,
        x: [f64; 2],
        y: [f64; 2],
        area: Rect,
        runs: &RunList,
        theme: &Theme,
    ) -> Vec<ChartLine> {
        let options = self.options;
        let colour = if options.is_grouped() {
            self.set.curves.iter().position(|other| other.name == curve.name).unwrap_or(0)
        } else {
            runs.colour(&curve.name)
        };
        let style = theme.series(colour);
        // Values outside the range are drawn at the edge.
        let clip = |points: &[(f64, f64)]| -> Vec<(f64, f64)> {
            let inside = |y_: f64| if y_.is_nan() { y_ } else { y_.clamp(y[0], y[1]) };
            points.iter().map(|&(x, value)| (x, inside(value))).collect()
        };
        let plain = |points: &[(f64, f64)]| ChartLine {
            points: clip(points),
            style,
            ..ChartLine::default()
        };
        let faint = |points: &[(f64, f64)]| ChartLine { faint: true, ..plain(points) };
        let mut lines = Vec::new();
        for piece in &curve.superseded {
            lines.push(ChartLine { style: theme.style(TextRole::Border), ..faint(piece) });
        }
        if let Some([low, high]) = &curve.band {
            let points = shade(low, high, x, y, [area.width, area.height]);
            lines.push(ChartLine {
                points,
                style,
                scatter: true,
                faint: true,
                ..ChartLine::default()
            });
        }
        let smoothed = options.smoothing > 0.0 && curve.band.is_none();
        if smoothed {
            lines.push(faint(&curve.raw));
        }
        let main = if smoothed { &curve.smooth } else { &curve.raw };
        let value = match (options.cursor, curve.near) {
            (Some(_), Some([_, _, smooth])) => Some(smooth),
            (Some(_), None) => None,
            (None, _) => main.last().map(|point| point.1),
        };
        // The legend above the charts names the curves, so the chart names them only beside values
        // at the cursor, if they are means, or if there is a single curve.
        let names: Vec<&str> = self.set.curves.iter().map(|curve| curve.name.as_str()).collect();
        let has_name =
            options.cursor.is_some() || options.is_grouped() || self.set.curves.len() == 1;
        let name = if options.is_grouped() {
            shown(&curve.name, 24)
        } else if has_name {
            let row = runs.table.rows.iter().find(|row| row.name == curve.name);
            let label = row.and_then(|row| row.label.as_deref());
            shown(label.unwrap_or_else(|| strip_common_path(&curve.name, &names)), 24)
        } else {
            String::new()
        };
        let name = if curve.members > 1 { format!("{name} ×{}", curve.members) } else { name };
        lines.push(ChartLine {
            name,
            value: value.map_or_else(String::new, number),
            ..plain(main)
        });
        lines
    }
}

/// Dots that shade the band between two curves: in each column one at either curve, and one every
/// half row between them.
fn shade(
    low: &[(f64, f64)],
    high: &[(f64, f64)],
    x: [f64; 2],
    y: [f64; 2],
    [width, height]: [u16; 2],
) -> Vec<(f64, f64)> {
    let columns = usize::from(width.max(1));
    let distance = (y[1] - y[0]) / (2.0 * f64::from(height.max(1)));
    let mut points = Vec::new();
    for column in 0..columns {
        let at = x[0] + (x[1] - x[0]) * column as f64 / columns as f64;
        let (Some(bottom), Some(top)) = (value_at(low, at), value_at(high, at)) else { continue };
        let (bottom, top) = (bottom.clamp(y[0], y[1]), top.clamp(y[0], y[1]));
        points.extend([(at, bottom), (at, top)]);
        // At multiples of the distance, so that the dots of adjacent columns are aligned.
        let first = (bottom / distance).ceil() as i64;
        let last = (top / distance).floor() as i64;
        points.extend((first..=last.min(first + 1000)).map(|step| (at, step as f64 * distance)));
    }
    points
}

/// The value of a curve at an x between its ends, interpolated.
fn value_at(curve: &[(f64, f64)], x: f64) -> Option<f64> {
    let after = curve.partition_point(|point| point.0 <= x);
    let &(x0, y0) = curve.get(after.checked_sub(1)?)?;
    match curve.get(after) {
        Some(&(x1, y1)) if x1 > x0 => Some(y0 + (y1 - y0) * (x - x0) / (x1 - x0)),
        Some(_) => Some(y0),
        None => (x <= x0).then_some(y0),
    }
}
