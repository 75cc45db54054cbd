//! Draws the bodies of figures.

use super::{surface, wiring};
use crate::protocol::{Bar, Cell, Curve, FigureBody, Scale};
use crate::ui::numbers::short;
use crate::ui::theme::TextRole;
use crate::ui::view::ViewContext;
use crate::ui::widgets::{
    AxisUnit, Bars, ChartLine, ChartState, LineChart, NamedBar, Raster, wrap, write, write_at,
    write_right,
};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;
use unicode_width::UnicodeWidthStr;

/// Scatter plots of at most this many points are drawn with characters larger than dots.
const FEW_POINTS: usize = 60;

/// Below this number of rows, a chart has no row for the name of its y axis.
const LOW: u16 = 10;

/// Draws a figure's body. `scroll` is the first visible row of a longer body, and is clamped;
/// `state` is the state of a chart. With the body `before` a change, differences are highlighted.
pub(in crate::ui::views) fn draw(
    body: &FigureBody,
    before: Option<&FigureBody>,
    area: Rect,
    buffer: &mut Buffer,
    context: &ViewContext,
    scroll: &mut usize,
    state: &mut ChartState,
) {
    match body {
        FigureBody::Chart { x_label, y_label, x_scale, y_scale, curves } => {
            let chart = LineChart {
                lines: lines(curves, curves_of(before), context),
                marks: Vec::new(),
                x_label,
                x_unit: x_unit(curves),
                y_unit: AxisUnit::Plain,
                value_text: short,
                log: *y_scale == Scale::Logarithmic,
                log_x: *x_scale == Scale::Logarithmic,
                highest: None,
                fixed: None,
                theme: *context.theme,
            };
            draw_chart(&chart, y_label, area, buffer, state);
        }
        FigureBody::Plot { x_label, y_label, x_range, y_range, curves } => {
            let mut lines = lines(curves, curves_of(before), context);
            // The graph of a function continues, so its value at the right edge is not special.
            for line in &mut lines {
                line.value.clear();
            }
            let chart = LineChart {
                lines,
                marks: Vec::new(),
                x_label,
                x_unit: AxisUnit::Plain,
                y_unit: AxisUnit::Plain,
                value_text: short,
                log: false,
                log_x: false,
                highest: None,
                fixed: Some([*x_range, *y_range]),
                theme: *context.theme,
            };
            draw_chart(&chart, y_label, area, buffer, state);
        }
        FigureBody::Surface {
            x_label,
            y_label,
            x_range,
            y_range,
            width,
            height,
            values,
            paths,
        } => {
            let surface = surface::Surface {
                labels: [x_label, y_label],
                ranges: [*x_range, *y_range],
                size: [*width as usize, *height as usize],
                values,
                paths,
            };
            surface.draw(area, buffer, context.theme);
        }
        FigureBody::Bars { unit, bars } => draw_bars(unit, bars, area, buffer, context, scroll),
        FigureBody::Table { header, rows } => {
            let old = match before {
                Some(FigureBody::Table { rows, .. }) => Some(rows.as_slice()),
                _ => None,
            };
            table(header, rows, old, area, buffer, context, scroll);
        }
        FigureBody::Wiring { neurons, wires } => {
            wiring::draw(neurons, wires, area, buffer, context.theme);
        }
        FigureBody::Images { width, height, diverging, images } => {
            let pictures = Pictures {
                size: [*width as usize, *height as usize],
                diverging: *diverging,
                images,
            };
            pictures.draw(area, buffer, context);
        }
        FigureBody::Text(lines) => {
            let wrapped: Vec<String> =
                lines.iter().flat_map(|line| wrap_kept(line, area.width)).collect();
            let from = window(scroll, wrapped.len(), area.height);
            for (row, line) in (0..area.height).zip(&wrapped[from..]) {
                write(buffer, area, row, line, context.theme.style(TextRole::Text));
            }
        }
    }
}

/// Curves over integers, such as epochs, have ticks only at integers.
fn x_unit(curves: &[Curve]) -> AxisUnit {
    let mut points = curves.iter().flat_map(|curve| &curve.points);
    if points.all(|(x, _)| x.fract() == 0.0) { AxisUnit::Whole } else { AxisUnit::Plain }
}

/// The first visible row of a list; clamps `scroll`.
fn window(scroll: &mut usize, rows: usize, height: u16) -> usize {
    *scroll = (*scroll).min(rows.saturating_sub(usize::from(height)));
    *scroll
}

/// A line that fits is kept with its spaces, because it may be a drawing.
fn wrap_kept(line: &str, width: u16) -> Vec<String> {
    if line.width() <= usize::from(width) { vec![line.to_string()] } else { wrap(line, width) }
}

fn draw_chart(
    chart: &LineChart,
    y_label: &str,
    area: Rect,
    buffer: &mut Buffer,
    state: &mut ChartState,
) {
    let dim = chart.theme.style(TextRole::Dim);
    if area.height < LOW {
        // The name of the y axis is written at the end of the legend, if there is room.
        chart.draw(area, buffer, state);
        let line = area.intersection(buffer.area);
        let start = line.right().saturating_sub(y_label.width() as u16 + 1).max(line.x);
        if line.height > 0 && (start..line.right()).all(|x| buffer[(x, line.y)].symbol() == " ") {
            write_right(buffer, line, 0, y_label, dim);
        }
        return;
    }
    let top = Rect { height: area.height.min(u16::from(!y_label.is_empty())), ..area };
    write(buffer, top, 0, y_label, dim);
    let below = Rect { y: area.y + top.height, height: area.height - top.height, ..area };
    chart.draw(below, buffer, state);
}

fn curves_of(body: Option<&FigureBody>) -> Option<&[Curve]> {
    match body {
        Some(FigureBody::Chart { curves, .. } | FigureBody::Plot { curves, .. }) => Some(curves),
        _ => None,
    }
}

fn lines(curves: &[Curve], before: Option<&[Curve]>, context: &ViewContext) -> Vec<ChartLine> {
    let sign = if context.theme.unicode { '●' } else { '@' };
    let line = |(index, curve): (usize, &Curve)| ChartLine {
        name: curve.name.clone(),
        sign: (curve.scatter && curve.points.len() <= FEW_POINTS).then_some(sign),
        lit: before.is_some_and(|before| before.get(index) != Some(curve)),
        points: curve.points.clone(),
        value: match curve.points.last() {
            Some((_, y)) if !curve.scatter => short(*y),
            _ => String::new(),
        },
        style: context.theme.series(index),
        scatter: curve.scatter,
        ..ChartLine::default()
    };
    curves.iter().enumerate().map(line).collect()
}

fn draw_bars(
    unit: &str,
    bars: &[Bar],
    area: Rect,
    buffer: &mut Buffer,
    context: &ViewContext,
    scroll: &mut usize,
) {
    let theme = context.theme;
    // Percentages are relative to 100, other values to the largest.
    let least = if unit == "%" { 100.0 } else { 0.0 };
    let largest = bars.iter().map(|bar| bar.value.abs()).fold(least, f64::max);
    let from = window(scroll, bars.len(), area.height);
    let rows = bars[from..].iter().map(|bar| NamedBar {
        name: format!("{} {}", if bar.highlighted { "›" } else { " " }, bar.name),
        share: if largest > 0.0 { bar.value.abs() / largest } else { 0.0 },
        value: format!("{} {unit}", short(bar.value)).trim_end().to_string(),
        style: if bar.highlighted { theme.style(TextRole::Accent) } else { theme.series(0) },
    });
    (&Bars { rows: rows.collect(), theme: *theme }).render(area, buffer);
}

fn table(
    header: &[String],
    rows: &[Vec<Cell>],
    before: Option<&[Vec<Cell>]>,
    area: Rect,
    buffer: &mut Buffer,
    context: &ViewContext,
    scroll: &mut usize,
) {
    let theme = context.theme;
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0).max(header.len());
    let widths: Vec<u16> = (0..columns)
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.text.width());
            let title = header.get(column).map_or(0, |title| title.width());
            cells.max().unwrap_or(0).max(title).min(usize::from(area.width)) as u16
        })
        .collect();
    let mut column = 0;
    for (title, width) in header.iter().zip(&widths) {
        write_at(buffer, area, column, 0, title, theme.style(TextRole::Title));
        column = column.saturating_add(width + 2);
    }
    let top = u16::from(!header.is_empty()).min(area.height);
    let below = Rect { y: area.y + top, height: area.height - top, ..area };
    let from = window(scroll, rows.len(), below.height);
    let changed = |row: usize, column: usize, cell: &Cell| {
        before.is_some_and(|rows| {
            rows.get(row).and_then(|row| row.get(column)).is_none_or(|old| old.text != cell.text)
        })
    };
    for (line, (index, row)) in (0..below.height).zip(rows.iter().enumerate().skip(from)) {
        let mut column = 0;
        for (place, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let role = if cell.highlighted { TextRole::Accent } else { TextRole::Text };
            let mut style = theme.style(role);
            if changed(index, place, cell) {
                style = style.patch(theme.style(TextRole::Selected));
            }
            write_at(buffer, below, column, line, &cell.text, style);
            column = u16::saturating_add(column, width + 2);
        }
    }
}

/// Small images with their names.
struct Pictures<'a> {
    size: [usize; 2],
    diverging: bool,
    images: &'a [(String, Vec<f32>)],
}

impl Pictures<'_> {
    /// Draws the images as large as possible.
    fn draw(&self, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
        let theme = context.theme;
        let values = || self.images.iter().flat_map(|(_, pixels)| pixels);
        let largest = values().fold(f32::MIN_POSITIVE, |most, value| most.max(value.abs()));
        let [width, height] = self.tile(area);
        let across = ((area.width + 1) / (width + 1)).max(1);
        for (at, (name, pixels)) in (0_u16..).zip(self.images) {
            let (column, row) = (at % across, at / across);
            let place = Rect {
                x: area.x + column * (width + 1),
                y: area.y.saturating_add(row.saturating_mul(height + 1)),
                width,
                height: height + 1,
            };
            let place = place.intersection(area);
            if place.area() == 0 {
                return;
            }
            let picture = Rect { height: place.height.min(height), ..place };
            let raster = if self.diverging {
                Raster::heatmap(pixels, self.size, largest, theme)
            } else {
                Raster::image(pixels, self.size, largest, theme)
            };
            (&raster).render(picture, buffer);
            write(buffer, place, height, name, theme.style(TextRole::Dim));
        }
    }

    /// The largest tile, in cells, at which all images fit; a small one if they never do.
    fn tile(&self, area: Rect) -> [u16; 2] {
        let [width, height] = self.size.map(|side| side.max(1) as f64);
        let count = self.images.len().max(1);
        let high = |wide: u16| ((f64::from(wide) * height / width / 2.0).ceil() as u16).max(1);
        let fits = |wide: u16| {
            let across = usize::from((area.width + 1) / (wide + 1)).max(1);
            let rows = count.div_ceil(across);
            rows * usize::from(high(wide) + 1) <= usize::from(area.height)
        };
        let widest = area.width.clamp(1, 2 * self.size[0].clamp(1, 100) as u16);
        let wide = (4..=widest).rev().find(|&wide| fits(wide)).unwrap_or(widest.min(7));
        [wide, high(wide)]
    }
}
