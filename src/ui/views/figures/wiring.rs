//! Neurons or gates as boxes, and wires between them that light up.

use crate::protocol::{Neuron, Wire};
use crate::ui::theme::{ColorDepth, Role, Theme};
use crate::ui::widgets::write;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::Marker;
use ratatui::widgets::canvas::{Canvas, Line};
use ratatui::widgets::{Block, BorderType, Widget};
use unicode_width::UnicodeWidthStr;

/// Rows from which on a neuron has a frame around it.
const ROOMY: u16 = 9;

/// Draws a wiring diagram into any area; what comes later from left to right gets its input there.
pub(super) fn draw(
    neurons: &[Neuron],
    wires: &[Wire],
    area: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) {
    let area = area.intersection(buffer.area);
    if area.area() == 0 {
        return;
    }
    let boxes: Vec<Rect> = neurons.iter().map(|neuron| place(neuron, area)).collect();
    // Those that are lit lie on top.
    for lit in [false, true] {
        let ends: Vec<[(f64, f64); 2]> = wires
            .iter()
            .filter(|wire| wire.lit == lit)
            .filter_map(|wire| ends(wire, &boxes, area))
            .collect();
        draw_wires(&ends, lit, area, buffer, theme);
    }
    for wire in wires {
        label(wire, &boxes, area, buffer, theme);
    }
    for (neuron, at) in neurons.iter().zip(&boxes) {
        draw_neuron(neuron, *at, buffer, theme);
    }
}

fn text(neuron: &Neuron) -> String {
    format!("{} {}", neuron.name, neuron.value).trim().to_string()
}

/// The cells of a neuron: its place is that of its middle, as far as it stays inside.
fn place(neuron: &Neuron, area: Rect) -> Rect {
    let [wide, high] = if area.height >= ROOMY { [4, 3] } else { [2, 1] };
    let width = (text(neuron).width() as u16 + wide).min(area.width);
    let height = high.min(area.height);
    let along = |share: f32, room: u16| (share.clamp(0.0, 1.0) * f32::from(room)).round() as u16;
    Rect {
        x: area.x + along(neuron.at[0], area.width - width),
        y: area.y + along(neuron.at[1], area.height - height),
        width,
        height,
    }
}

/// Where a wire starts and ends, in cells from the area's top left corner.
fn ends(wire: &Wire, boxes: &[Rect], area: Rect) -> Option<[(f64, f64); 2]> {
    let (from, to) = (boxes.get(wire.from as usize)?, boxes.get(wire.to as usize)?);
    let middle = |place: &Rect| f64::from(place.y - area.y) + f64::from(place.height) / 2.0;
    let column = |x: u16| f64::from(x.saturating_sub(area.x));
    if from.x < to.x && to.x < from.right() {
        // One above the other: from edge to edge.
        let x = column(from.x) + f64::from(from.width) / 2.0;
        return Some([(x, middle(from)), (x, middle(to))]);
    }
    Some([(column(from.right()), middle(from)), (column(to.x), middle(to))])
}

fn draw_wires(
    wires: &[[(f64, f64); 2]],
    lit: bool,
    area: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) {
    if wires.is_empty() {
        return;
    }
    let marker = match (theme.unicode, theme.depth, lit) {
        // Without colours light is told by the sign.
        (_, ColorDepth::None, true) => Marker::Custom('#'),
        (true, _, _) => Marker::Braille,
        (false, _, _) => Marker::Custom('.'),
    };
    let color = style(lit, theme).fg.unwrap_or_default();
    let height = f64::from(area.height);
    let canvas = Canvas::default()
        .marker(marker)
        .x_bounds([0.0, f64::from(area.width)])
        .y_bounds([0.0, height])
        .paint(|context| {
            for [(x1, y1), (x2, y2)] in wires {
                let (y1, y2) = (height - y1, height - y2);
                context.draw(&Line { x1: *x1, y1, x2: *x2, y2, color });
            }
        });
    // A canvas clears what is under it, and the other wires are to stay.
    let mut layer = Buffer::empty(area);
    canvas.render(area, &mut layer);
    for position in area.positions() {
        if layer[position].symbol() != " " {
            buffer[position].clone_from(&layer[position]);
        }
    }
}

fn style(lit: bool, theme: &Theme) -> Style {
    theme.style(if lit { Role::Accent } else { Role::Border })
}

fn label(wire: &Wire, boxes: &[Rect], area: Rect, buffer: &mut Buffer, theme: &Theme) {
    let Some([(x1, y1), (x2, y2)]) = ends(wire, boxes, area) else { return };
    let width = wire.label.width() as u16;
    if width == 0 || width + 2 > area.width {
        return;
    }
    // Nearer to where it comes from: wires meet where they go.
    let x = (x1 + 0.4 * (x2 - x1)) as u16;
    let y = (y1 + 0.4 * (y2 - y1)) as u16;
    let x = x.saturating_sub(width / 2).min(area.width - width);
    let place = Rect { x: area.x + x, y: area.y + y.min(area.height - 1), width, height: 1 };
    let role = if wire.lit { Role::Title } else { Role::Dim };
    write(buffer, place, 0, &wire.label, Style::reset().patch(theme.style(role)));
}

fn draw_neuron(neuron: &Neuron, at: Rect, buffer: &mut Buffer, theme: &Theme) {
    let border = style(neuron.lit, theme);
    let role = if neuron.lit { Role::Title } else { Role::Dim };
    let inside = Style::reset().patch(theme.style(role));
    for position in at.positions() {
        buffer[position].reset();
    }
    if at.height < 3 {
        let line = format!("[{}]", text(neuron));
        write(buffer, at, 0, &line, if neuron.lit { border } else { inside });
        return;
    }
    let kind = if neuron.lit { BorderType::Thick } else { BorderType::Rounded };
    Block::bordered().border_type(kind).border_style(border).render(at, buffer);
    let room = Rect { x: at.x + 2, y: at.y + 1, width: at.width.saturating_sub(4), height: 1 };
    write(buffer, room, 0, &text(neuron), inside);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(lit: bool) -> (Vec<Neuron>, Vec<Wire>) {
        let neuron = |name: &str, at| Neuron { name: name.into(), at, lit, ..Neuron::default() };
        let wire = Wire { from: 0, to: 1, label: "−2".into(), lit };
        (vec![neuron("x", [0.0, 0.0]), neuron("y", [1.0, 1.0])], vec![wire])
    }

    #[test]
    fn a_wire_runs_between_its_neurons_and_tells_whether_it_is_lit() {
        let theme = Theme::default();
        let screens = [false, true].map(|lit| {
            let (neurons, wires) = pair(lit);
            let mut buffer = Buffer::empty(Rect::new(0, 0, 30, 11));
            draw(&neurons, &wires, buffer.area, &mut buffer, &theme);
            buffer
        });
        let letters =
            |b: &Buffer| b.content.iter().map(ratatui::buffer::Cell::symbol).collect::<String>();
        for screen in &screens {
            assert!(letters(screen).contains("−2"));
            assert_eq!((screen[(2, 1)].symbol(), screen[(27, 9)].symbol()), ("x", "y"));
        }
        let inks = screens
            .map(|b| b.content.iter().filter(|c| c.fg == style(true, &theme).fg.unwrap()).count());
        assert!(inks[0] == 0 && inks[1] > 20, "{inks:?}");
    }

    #[test]
    fn no_area_is_too_small_and_no_wire_leads_astray() {
        let (neurons, mut wires) = pair(true);
        wires.push(Wire { from: 9, to: 0, ..Wire::default() });
        for (width, height) in (0..14).flat_map(|w| (0..8).map(move |h| (w, h))) {
            let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
            draw(&neurons, &wires, buffer.area, &mut buffer, &Theme::default());
        }
    }
}
