//! Draws neurons or gates as boxes, and the wires between them.

use crate::protocol::{Neuron, Wire};
use crate::ui::theme::{ColorDepth, TextRole, Theme};
use crate::ui::widgets::write;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::Marker;
use ratatui::widgets::canvas::{Canvas, Line};
use ratatui::widgets::{Block, BorderType, Widget};
use unicode_width::UnicodeWidthStr;

/// Minimum rows for neurons with a frame.
const ROOMY: u16 = 9;
/// Minimum columns for frames with padding.
const WIDE: u16 = 60;

/// A wire on the screen.
#[derive(Clone, Copy, Debug)]
struct Route {
    /// Its start and end, in cells from the area's top left corner.
    ends: [(f64, f64); 2],
    /// Position of its label along it, from 0 to 1.
    label: f64,
}

/// Draws a wiring diagram into any area. Wires run from left to right.
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
    let routes: Vec<Option<Route>> =
        (0..wires.len()).map(|index| route(wires, index, &boxes, area)).collect();
    // Active wires lie on top.
    for lit in [false, true] {
        let routes: Vec<Route> = wires
            .iter()
            .zip(&routes)
            .filter(|(wire, _)| wire.lit == lit)
            .filter_map(|(_, route)| *route)
            .collect();
        draw_wires(&routes, lit, area, buffer, theme);
    }
    for (wire, route) in wires.iter().zip(&routes) {
        if let Some(route) = route {
            label(wire, *route, area, buffer, theme);
        }
    }
    for (neuron, at) in neurons.iter().zip(&boxes) {
        draw_neuron(neuron, *at, buffer, theme);
    }
}

/// The lines of text in a neuron's box: its name and its value, which may have several lines.
fn lines(neuron: &Neuron) -> Vec<String> {
    let text = format!("{} {}", neuron.name, neuron.value);
    text.trim().lines().map(ToString::to_string).collect()
}

fn widest(lines: &[String]) -> u16 {
    lines.iter().map(|line| line.width()).max().unwrap_or(0) as u16
}

/// The cells of a neuron, centred on its position and kept inside the area.
fn place(neuron: &Neuron, area: Rect) -> Rect {
    let lines = lines(neuron);
    let [width, height] = match (area.height >= ROOMY, area.width >= WIDE) {
        (true, true) => [widest(&lines) + 4, lines.len() as u16 + 2],
        (true, false) => [widest(&lines) + 2, lines.len() as u16 + 2],
        (false, _) => [lines.join(" ").width() as u16 + 2, 1],
    };
    let (width, height) = (width.min(area.width), height.min(area.height));
    let along = |share: f32, room: u16| (share.clamp(0.0, 1.0) * f32::from(room)).round() as u16;
    Rect {
        x: area.x + along(neuron.at[0], area.width - width),
        y: area.y + along(neuron.at[1], area.height - height),
        width,
        height,
    }
}

/// The route of a wire; wires between the same two neurons run side by side.
fn route(wires: &[Wire], index: usize, boxes: &[Rect], area: Rect) -> Option<Route> {
    let wire = &wires[index];
    let (from, to) = (boxes.get(wire.from as usize)?, boxes.get(wire.to as usize)?);
    let alike = |other: &&Wire| (other.from, other.to) == (wire.from, wire.to);
    let before = wires[..index].iter().filter(alike).count() as f64;
    let lane = before - (wires.iter().filter(alike).count() as f64 - 1.0) / 2.0;
    let middle = |place: &Rect| {
        let apart = f64::from(place.height.saturating_sub(1).max(1));
        f64::from(place.y - area.y) + f64::from(place.height) / 2.0 + lane * apart
    };
    let column = |x: u16| f64::from(x.saturating_sub(area.x));
    // Labels are nearer to the start, because several wires often end at the same neuron.
    let label = 0.4 + 0.25 * before;
    if from.x < to.x && to.x < from.right() && from.y != to.y {
        // One box is above the other: the wire joins their horizontal edges.
        let down = from.y < to.y;
        let edge = |place: &Rect, lower: bool| {
            f64::from(if lower { place.bottom() } else { place.y } - area.y)
        };
        let start = (column(from.right()) - 1.5, edge(from, down));
        return Some(Route { ends: [start, (column(to.x) + 1.5, edge(to, !down))], label });
    }
    let ends = [(column(from.right()), middle(from)), (column(to.x), middle(to))];
    Some(Route { ends, label })
}

fn draw_wires(wires: &[Route], lit: bool, area: Rect, buffer: &mut Buffer, theme: &Theme) {
    if wires.is_empty() {
        return;
    }
    let marker = match (theme.unicode, theme.depth, lit) {
        // Without colours, active wires have another character.
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
            for Route { ends: [(x1, y1), (x2, y2)], .. } in wires {
                let (y1, y2) = (height - y1, height - y2);
                context.draw(&Line { x1: *x1, y1, x2: *x2, y2, color });
            }
        });
    // A canvas clears its area, so it is drawn into a separate buffer and then copied.
    let mut layer = Buffer::empty(area);
    canvas.render(area, &mut layer);
    for position in area.positions() {
        if layer[position].symbol() != " " {
            buffer[position].clone_from(&layer[position]);
        }
    }
}

fn style(lit: bool, theme: &Theme) -> Style {
    theme.style(if lit { TextRole::Accent } else { TextRole::Border })
}

fn label(wire: &Wire, route: Route, area: Rect, buffer: &mut Buffer, theme: &Theme) {
    let [(x1, y1), (x2, y2)] = route.ends;
    let width = wire.label.width() as u16;
    if width == 0 || width + 2 > area.width {
        return;
    }
    let x = (x1 + route.label * (x2 - x1)) as u16;
    let y = (y1 + route.label * (y2 - y1)) as u16;
    let x = x.saturating_sub(width / 2).min(area.width - width);
    let place = Rect { x: area.x + x, y: area.y + y.min(area.height - 1), width, height: 1 };
    let role = if wire.lit { TextRole::Title } else { TextRole::Dim };
    write(buffer, place, 0, &wire.label, Style::reset().patch(theme.style(role)));
}

fn draw_neuron(neuron: &Neuron, at: Rect, buffer: &mut Buffer, theme: &Theme) {
    let border = style(neuron.lit, theme);
    let role = if neuron.lit { TextRole::Title } else { TextRole::Dim };
    let inside = Style::reset().patch(theme.style(role));
    for position in at.positions() {
        buffer[position].reset();
    }
    if at.height < 3 {
        let line = format!("[{}]", lines(neuron).join(" "));
        write(buffer, at, 0, &line, if neuron.lit { border } else { inside });
        return;
    }
    let kind = if neuron.lit { BorderType::Thick } else { BorderType::Rounded };
    Block::bordered().border_type(kind).border_style(border).render(at, buffer);
    let lines = lines(neuron);
    let padding = (at.width.saturating_sub(widest(&lines)) / 2).max(1);
    let room = Rect {
        x: at.x + padding,
        y: at.y + 1,
        width: at.width.saturating_sub(2 * padding),
        height: at.height - 2,
    };
    for (row, line) in (0..).zip(&lines) {
        write(buffer, room, row, line, inside);
    }
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
    fn a_wire_connects_its_neurons_and_shows_whether_it_is_lit() {
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
            let place = |name: &str| {
                let at = screen.content.iter().position(|cell| cell.symbol() == name).unwrap();
                screen.pos_of(at)
            };
            let ((x, above), (y, below)) = (place("x"), place("y"));
            assert!(x < 15 && above < 5 && y > 15 && below > 5, "x left and above, y opposite");
        }
        let inks = screens
            .map(|b| b.content.iter().filter(|c| c.fg == style(true, &theme).fg.unwrap()).count());
        assert!(inks[0] == 0 && inks[1] > 20, "{inks:?}");
    }

    #[test]
    fn parallel_wires_are_drawn_side_by_side_with_their_labels() {
        let (neurons, wires) = pair(true);
        let twice = [wires[0].clone(), wires[0].clone()];
        let letters = |wires: &[Wire], height| {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 40, height));
            draw(&neurons, wires, buffer.area, &mut buffer, &Theme::default());
            buffer.content.iter().map(ratatui::buffer::Cell::symbol).collect::<String>()
        };
        for height in [6, 12] {
            assert_eq!(letters(&wires, height).matches("−2").count(), 1);
            assert_eq!(letters(&twice, height).matches("−2").count(), 2);
        }
    }

    #[test]
    fn any_area_and_any_wire_can_be_drawn() {
        let (neurons, mut wires) = pair(true);
        wires.push(Wire { from: 9, to: 0, ..Wire::default() });
        for (width, height) in (0..14).flat_map(|w| (0..8).map(move |h| (w, h))) {
            let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
            draw(&neurons, &wires, buffer.area, &mut buffer, &Theme::default());
        }
    }
}
