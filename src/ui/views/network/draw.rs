//! Draws the network view.

use super::column::{UnitColumn, units};
use super::{ForwardPass, all_weights, contributions, rows};
use crate::protocol::{LayerInfo, ProbeQuery};
use crate::ui::numbers::signed;
use crate::ui::theme::{TextRole, Theme};
use crate::ui::view::ViewContext;
use crate::ui::widgets::{Pane, Raster, write, write_at};
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style};
use ratatui::symbols::Marker;
use ratatui::widgets::Widget;
use ratatui::widgets::canvas::{Canvas, Line};
use unicode_width::UnicodeWidthStr;

/// Number of connections drawn between two layers, the strongest ones.
const CONNECTIONS: usize = 40;
/// Number of connections drawn into the selected unit, the strongest ones.
const SELECTED: usize = 16;
/// Columns for the names and values of the outputs.
const OUTPUTS: u16 = 12;
/// Size of the image's pane at twice the size of the image, and the minimum height of the list
/// below it.
const LARGE: [u16; 2] = [58, 30];
const LIST: u16 = 16;
/// Minimum width of a layer's column, including the gap.
const MIN_WIDTH: u16 = 10;

/// Draws the view; returns the columns of the layers.
pub(super) fn draw(
    chosen: Option<(u32, usize)>,
    area: Rect,
    buffer: &mut Buffer,
    context: &ViewContext,
) -> Vec<UnitColumn> {
    let theme = context.theme;
    let Some(pass) = ForwardPass::new(context) else {
        let inside = Pane::new("Network", theme).draw(area, buffer);
        let activations = context.frame(&ProbeQuery::Activations { index: context.digit });
        context.write_missing(activations, inside, buffer);
        return Vec::new();
    };
    let selected = pass.selected(chosen);
    let beside = match area.width {
        160.. if area.height >= LARGE[1] + LIST => LARGE[0],
        100.. => 32,
        60.. => 27,
        _ => 0,
    };
    let [side, main] =
        Layout::horizontal([Constraint::Length(beside), Constraint::Fill(1)]).areas(area);
    if beside > 0 {
        digit_and_contributions(&pass, selected, side, buffer, context);
    }
    let title = theme.fill("Test image {} on its way", &[&context.digit]);
    let inside =
        Pane::new(&title, theme).note(&context.as_of_layers(pass.frame)).draw(main, buffer);
    let columns = lay_out(&pass, selected.0, inside);
    for pair in columns.windows(2) {
        strongest(&pass, pair, inside, buffer, context);
    }
    incoming(&pass, selected, &columns, inside, buffer, context);
    for column in &columns {
        layer(&pass, column, selected, inside, buffer, context);
    }
    columns
}

/// Layers that do nothing in inference, such as dropout, are not drawn.
fn is_drawn(info: &LayerInfo) -> bool {
    info.weights > 0 || info.input != info.output
}

/// Columns for as many layers as fit around the selected one.
fn lay_out(pass: &ForwardPass, selected: u32, inside: Rect) -> Vec<UnitColumn> {
    let drawn: Vec<u32> = (0_u32..)
        .zip(pass.layers)
        .filter(|(index, info)| is_drawn(info) || *index == selected)
        .map(|(index, _)| index)
        .collect();
    let room = inside.width.saturating_sub(OUTPUTS);
    let fit = usize::from(room / MIN_WIDTH).clamp(1, drawn.len().max(1));
    let here = drawn.iter().position(|&layer| layer == selected).unwrap_or(0);
    let first = here.saturating_sub(fit / 2).min(drawn.len().saturating_sub(fit));
    let shown = &drawn[first..(first + fit).min(drawn.len())];
    let top = u16::from(inside.height > 3);
    let mut x = inside.x;
    let mut columns = Vec::with_capacity(shown.len());
    for (at, &layer) in shown.iter().enumerate() {
        let shape = pass.activations[layer as usize].shape;
        let width = share(shape, pass, shown, room);
        // A third of the width is used for the incoming connections.
        let gap = if at == 0 { 2 } else { width / 3 };
        let area = Rect {
            x: x + gap,
            y: inside.y + top,
            width: width.saturating_sub(if at == 0 { width / 3 + 2 } else { gap }),
            height: inside.height - top,
        };
        let mut column = UnitColumn::new(layer, shape, area.intersection(inside));
        // There is no layer beside the last one.
        let last = at + 1 == shown.len();
        let end = if last { inside.right() } else { (x + width).max(column.area.x + 8) };
        let end = end.min(inside.right());
        column.room = end.saturating_sub(column.area.x);
        columns.push(column);
        x += width;
    }
    columns
}

/// A layer's share of the width: feature maps get twice as much as vectors.
fn share(shape: [u32; 3], pass: &ForwardPass, shown: &[u32], room: u16) -> u16 {
    let part = |shape: [u32; 3]| if shape[1] > 1 { 2 } else { 1 };
    let whole: u16 = shown.iter().map(|&layer| part(pass.activations[layer as usize].shape)).sum();
    (u32::from(room) * u32::from(part(shape)) / u32::from(whole.max(1))) as u16
}

/// A connection between units of two columns, and its contribution: weight × activation.
struct Edge {
    from: usize,
    to: usize,
    adds: f32,
}

/// Draws the strongest connections between two adjacent layers, in faint colours.
fn strongest(
    pass: &ForwardPass,
    pair: &[UnitColumn],
    inside: Rect,
    buffer: &mut Buffer,
    context: &ViewContext,
) {
    let [before, after] = pair else { return };
    let Some(what) = all_weights(pass.layers, after.layer).filter(|_| before.shape[1] == 1) else {
        return;
    };
    let input = pass.input(after.layer);
    let mut connections: Vec<Edge> = rows(context, &what)
        .iter()
        .enumerate()
        .flat_map(|(to, row)| {
            let pairs = row.values.iter().zip(&input).enumerate();
            pairs.map(move |(from, (weight, input))| Edge { from, to, adds: weight * input })
        })
        .collect();
    connections.sort_by(|a, b| b.adds.abs().total_cmp(&a.adds.abs()));
    connections.truncate(CONNECTIONS);
    lines(&connections, [before, after], inside, buffer, context.theme, 0.45);
}

/// Draws the strongest connections into the selected unit, in bright colours.
fn incoming(
    pass: &ForwardPass,
    (layer, unit): (u32, usize),
    columns: &[UnitColumn],
    inside: Rect,
    buffer: &mut Buffer,
    context: &ViewContext,
) {
    let Some(at) = columns.iter().position(|column| column.layer == layer) else { return };
    let Some(before) = at.checked_sub(1).map(|before| &columns[before]) else { return };
    let Some(adds) = contributions(context, pass, layer, unit) else { return };
    let [_, height, width] = before.shape;
    let map = if height > 1 { (height * width) as usize } else { 1 };
    let mut connections: Vec<Edge> = adds
        .chunks(map)
        .enumerate()
        .map(|(from, adds)| Edge { from, to: unit, adds: adds.iter().sum() })
        .collect();
    connections.sort_by(|a, b| b.adds.abs().total_cmp(&a.adds.abs()));
    connections.truncate(SELECTED);
    lines(&connections, [before, &columns[at]], inside, buffer, context.theme, 1.0);
}

/// Draws connections, the strongest last; `brightness` is that of the strongest, from 0 to 1.
fn lines(
    connections: &[Edge],
    [before, after]: [&UnitColumn; 2],
    inside: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
    brightness: f32,
) {
    let largest = connections.first().map_or(0.0, |connection| connection.adds.abs());
    if largest <= 0.0 || inside.area() == 0 {
        return;
    }
    let middle = |place: Rect, end: u16| {
        let x = f64::from(place.x - inside.x + end) + 0.5;
        let y = f64::from(place.y - inside.y) + f64::from(place.height) / 2.0;
        (x, f64::from(inside.height) - y)
    };
    let marker = if theme.unicode { Marker::Braille } else { Marker::Custom('.') };
    let drawn = connections.iter().rev().filter(|c| c.from < before.shown && c.to < after.shown);
    let canvas = Canvas::default()
        .marker(marker)
        .x_bounds([0.0, f64::from(inside.width)])
        .y_bounds([0.0, f64::from(inside.height)])
        .paint(|painter| {
            for connection in drawn.clone() {
                let from = before.place(connection.from);
                let (x1, y1) = middle(from, from.width.saturating_sub(1));
                let (x2, y2) = middle(after.place(connection.to), 0);
                let share = connection.adds / largest;
                // The weakest must remain visible.
                let color = theme.diverging(brightness * (0.3 * share.signum() + 0.7 * share));
                painter.draw(&Line { x1, y1, x2, y2, color });
                painter.layer();
            }
        });
    canvas.render(inside, buffer);
}

/// Draws a layer's name and its units; the brightness of a unit is its activation.
fn layer(
    pass: &ForwardPass,
    column: &UnitColumn,
    selected: (u32, usize),
    inside: Rect,
    buffer: &mut Buffer,
    context: &ViewContext,
) {
    let theme = context.theme;
    let tensor = &pass.activations[column.layer as usize];
    let [_, height, width] = tensor.shape.map(|side| side as usize);
    let largest = tensor.values.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    if column.area.y > inside.y {
        let name = &pass.layers[column.layer as usize].name;
        let role = if column.layer == selected.0 { TextRole::Accent } else { TextRole::Dim };
        let count = units(tensor.shape);
        let more = if column.shown < count {
            theme.fill("{} ({} of {})", &[name, &column.shown, &count])
        } else {
            name.clone()
        };
        // The name of the output layer must not touch the name before it.
        let outputs = column.layer as usize + 1 == pass.layers.len();
        let start = column.area.x.saturating_sub(u16::from(!outputs));
        let room = Rect {
            x: start,
            width: column.room.min(inside.right().saturating_sub(start)),
            ..inside
        };
        let shorter = if more.width() < usize::from(room.width) { &more } else { name };
        write(buffer, room, 0, shorter, theme.style(role));
    }
    for unit in 0..column.shown {
        let place = column.place(unit);
        if place.area() == 0 {
            continue;
        }
        let is_selected = (column.layer, unit) == selected;
        if height > 1 {
            let pixels = &tensor.values[unit * height * width..(unit + 1) * height * width];
            (&Raster::image(pixels, [width, height], largest, theme)).render(place, buffer);
        } else {
            dot(tensor.values[unit] / largest, place, is_selected, buffer, theme);
        }
        if is_selected {
            mark(place, buffer, inside, theme);
        }
    }
    if column.layer as usize + 1 == pass.layers.len() {
        outputs(pass, column, selected, inside, buffer, context);
    }
}

/// Draws a unit as a disc; its brightness is its activation.
fn dot(activation: f32, place: Rect, selected: bool, buffer: &mut Buffer, theme: &Theme) {
    let style = match theme.sequential(0.15 + 0.85 * activation.clamp(0.0, 1.0)) {
        Color::Reset => Style::default(),
        color => Style::default().fg(color),
    };
    let style = if selected { style.patch(theme.style(TextRole::Accent)) } else { style };
    let symbol = match (theme.unicode, activation) {
        (true, 0.5..) => "●",
        (true, _) if selected => "◉",
        (true, 0.1..) => "•",
        (true, _) => "·",
        (false, 0.5..) => "#",
        (false, 0.1..) => "o",
        (false, _) => ".",
    };
    write(buffer, place, 0, symbol, style);
}

/// Draws a pointer before the selected unit.
fn mark(place: Rect, buffer: &mut Buffer, inside: Rect, theme: &Theme) {
    if place.x > inside.x {
        let before = Rect { x: place.x - 1, width: 1, ..place };
        write(buffer, before, place.height / 2, "▶", theme.style(TextRole::Accent));
    }
}

/// Writes the names and activations of the outputs beside them.
fn outputs(
    pass: &ForwardPass,
    column: &UnitColumn,
    selected: (u32, usize),
    inside: Rect,
    buffer: &mut Buffer,
    context: &ViewContext,
) {
    let theme = context.theme;
    let values = &pass.activations[column.layer as usize].values;
    for (unit, value) in values.iter().enumerate().take(column.shown) {
        let place = column.place(unit);
        // Only the rightmost units have room beside them.
        if place.area() == 0 || place.x < column.place(column.shown - 1).x {
            continue;
        }
        let class = unit as u32;
        let (mark, role) = match (class == pass.card.prediction, class == pass.card.label) {
            (true, true) => (" ✓", TextRole::Good),
            (true, false) => (" ✗", TextRole::Bad),
            (false, true) => (" ‹", TextRole::Good),
            (false, false) if (column.layer, unit) == selected => ("", TextRole::Accent),
            (false, false) => ("", TextRole::Dim),
        };
        let text = format!("{:.5} {value:.2}{mark}", context.class(class));
        let start = place.x - inside.x + 2;
        write_at(buffer, inside, start, place.y - inside.y, &text, theme.style(role));
    }
}

/// Draws the image, and below it the contributions to the selected unit.
fn digit_and_contributions(
    pass: &ForwardPass,
    selected: (u32, usize),
    area: Rect,
    buffer: &mut Buffer,
    context: &ViewContext,
) {
    let theme = context.theme;
    let info = context.run.info.as_ref();
    let size = info.map_or([0, 0], |info| [info.image_width as usize, info.image_height as usize]);
    let share =
        if area.width == LARGE[0] { Constraint::Length(LARGE[1]) } else { Constraint::Fill(1) };
    let [above, below] = Layout::vertical([share, Constraint::Fill(1)]).areas(area);
    let [above, below] = if area.height < 14 { [area, Rect::ZERO] } else { [above, below] };
    let title = theme.fill("Is {}", &[&context.class(pass.card.label)]);
    let inside = Pane::new(&title, theme).draw(above, buffer);
    let pixels: Vec<f32> = pass.card.pixels.iter().map(|&pixel| f32::from(pixel)).collect();
    (&Raster::image(&pixels, size, 255.0, theme)).render(inside, buffer);
    let (layer, unit) = selected;
    let name = if layer as usize + 1 == pass.layers.len() {
        theme.fill("output {}", &[&context.class(unit as u32)])
    } else {
        theme.fill("unit {} of layer {}", &[&unit, &(layer + 1)])
    };
    let title = theme.fill("For {}", &[&name]);
    let inside = Pane::new(&title, theme).draw(below, buffer);
    let Some(adds) = contributions(context, pass, layer, unit) else {
        filter(selected, inside, buffer, context);
        return;
    };
    let pixels = size[0] * size[1];
    // The sum over the channels of a pixel.
    let adds = if layer == 0 && pass.channels == 3 && adds.len() == 3 * pixels {
        (0..pixels).map(|at| adds[at] + adds[pixels + at] + adds[2 * pixels + at]).collect()
    } else {
        adds
    };
    if layer == 0 && adds.len() == pixels {
        let largest = adds.iter().fold(f32::MIN_POSITIVE, |most, add| most.max(add.abs()));
        (&Raster::heatmap(&adds, size, largest, theme)).render(inside, buffer);
    } else {
        contribution_list(&adds, pass, layer, inside, buffer, theme);
    }
}

/// Draws the filter of a unit of a convolutional layer.
fn filter((layer, unit): (u32, usize), area: Rect, buffer: &mut Buffer, context: &ViewContext) {
    let theme = context.theme;
    let Some(tensor) = rows(context, &super::one(layer, unit)).first() else {
        write(buffer, area, 0, theme.say("no weights of its own"), theme.style(TextRole::Dim));
        return;
    };
    let largest = tensor.values.iter().fold(f32::MIN_POSITIVE, |most, w| most.max(w.abs()));
    (&context.weights_raster(layer, tensor, largest)).render(area, buffer);
}

/// Lists the contributions to a unit, the largest first.
fn contribution_list(
    adds: &[f32],
    pass: &ForwardPass,
    layer: u32,
    area: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) {
    let input = pass.input(layer);
    let mut order: Vec<usize> = (0..adds.len()).collect();
    order.sort_by(|&a, &b| adds[b].abs().total_cmp(&adds[a].abs()));
    let total: f32 = adds.iter().sum();
    let heading = theme.fill("they add up to {}", &[&signed(total)]);
    write(buffer, area, 0, &heading, theme.style(TextRole::Dim));
    for (row, &unit) in (1..area.height).zip(&order) {
        let color = theme.diverging(0.8 * adds[unit].signum());
        let style =
            if color == Color::Reset { Style::default() } else { Style::default().fg(color) };
        let end = write(buffer, area, row, &format!("{:>7}", signed(adds[unit])), style);
        let activation = format!("{:.2}", input[unit]);
        let room = usize::from(area.width.saturating_sub(end + 2));
        // Numbers are omitted rather than truncated.
        let texts =
            [theme.fill("unit {} at {}", &[&unit, &activation]), theme.fill("unit {}", &[&unit])];
        if let Some(text) = texts.iter().find(|text| text.width() <= room) {
            write_at(buffer, area, end + 2, row, text, theme.style(TextRole::Text));
        }
    }
}
