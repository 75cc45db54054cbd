//! Draws curves as braille dots. Where several curves share cells, adjacent cells show them in
//! turn, so that each remains visible.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Dots of a braille cell, column by column.
const BITS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// How a curve is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurveStyle {
    pub style: Style,
    /// The character drawn in each cell of the curve; braille dots if absent.
    pub sign: Option<char>,
    /// Drawn only in cells without another curve.
    pub behind: bool,
}

/// One curve's dots.
#[derive(Clone, Debug)]
struct CurveDots {
    pen: CurveStyle,
    /// The dots of each cell, as the bits of a braille character.
    cells: Vec<u8>,
}

/// A plot area. Positions are fractions of its width and height, from 0 at the lower left to 1.
#[derive(Clone, Debug)]
pub struct Plot {
    area: Rect,
    layers: Vec<CurveDots>,
}

impl Plot {
    /// An empty plot that fills an area.
    #[must_use]
    pub fn new(area: Rect) -> Self {
        Self { area, layers: Vec::new() }
    }

    /// Adds a curve: its points, joined by straight lines or alone.
    pub fn add(&mut self, points: &[[f64; 2]], joined: bool, pen: CurveStyle) {
        let cells = vec![0; usize::from(self.area.width) * usize::from(self.area.height)];
        let mut layer = CurveDots { pen, cells };
        let dots: Vec<[i32; 2]> = points.iter().map(|point| self.dot(*point)).collect();
        if joined && dots.len() > 1 {
            for pair in dots.windows(2) {
                self.line(&mut layer, pair[0], pair[1]);
            }
        } else {
            for dot in dots {
                self.set(&mut layer, dot);
            }
        }
        self.layers.push(layer);
    }

    /// The dot at a position, counted from the upper left. Positions far outside are clamped.
    fn dot(&self, [x, y]: [f64; 2]) -> [i32; 2] {
        let along = |share: f64, dots: u16| {
            let exact = share * f64::from(dots.saturating_sub(1));
            exact.clamp(-1e5, 1e5).round() as i32
        };
        [along(x, 2 * self.area.width), along(1.0 - y, 4 * self.area.height)]
    }

    fn set(&self, layer: &mut CurveDots, [x, y]: [i32; 2]) {
        let (width, height) = (i32::from(self.area.width), i32::from(self.area.height));
        if (0..2 * width).contains(&x) && (0..4 * height).contains(&y) {
            let cell = (y / 4) as usize * width as usize + (x / 2) as usize;
            layer.cells[cell] |= BITS[(x % 2) as usize][(y % 4) as usize];
        }
    }

    fn line(&self, layer: &mut CurveDots, from: [i32; 2], to: [i32; 2]) {
        let Some((from, to)) = self.clipped(from.map(f64::from), to.map(f64::from)) else { return };
        let [dx, dy] = [to[0] - from[0], to[1] - from[1]];
        let steps = dx.abs().max(dy.abs()).ceil().max(1.0);
        for step in 0..=steps as u32 {
            let share = f64::from(step) / steps;
            let at = [from[0] + share * dx, from[1] + share * dy];
            self.set(layer, at.map(|at| at.round() as i32));
        }
    }

    /// The part of a line that is inside (Liang and Barsky).
    fn clipped(&self, from: [f64; 2], to: [f64; 2]) -> Option<([f64; 2], [f64; 2])> {
        let size = [f64::from(2 * self.area.width), f64::from(4 * self.area.height)];
        let (mut begin, mut end) = (0.0_f64, 1.0_f64);
        for axis in 0..2 {
            let way = to[axis] - from[axis];
            for (toward, room) in [(-way, from[axis]), (way, size[axis] - 1.0 - from[axis])] {
                if toward == 0.0 {
                    if room < 0.0 {
                        return None;
                    }
                } else if toward < 0.0 {
                    begin = begin.max(room / toward);
                } else {
                    end = end.min(room / toward);
                }
            }
        }
        let at = |share: f64| [0, 1].map(|axis| from[axis] + share * (to[axis] - from[axis]));
        (begin <= end).then(|| (at(begin), at(end)))
    }

    /// Draws all curves.
    pub fn draw(&self, buffer: &mut Buffer) {
        let width = usize::from(self.area.width);
        for at in self.area.intersection(buffer.area).positions() {
            let (x, y) = (usize::from(at.x - self.area.x), usize::from(at.y - self.area.y));
            let here = |layer: &&CurveDots| layer.cells[y * width + x] != 0;
            let mut present: Vec<&CurveDots> =
                self.layers.iter().filter(here).filter(|layer| !layer.pen.behind).collect();
            if present.is_empty() {
                present = self.layers.iter().filter(here).collect();
            }
            if present.is_empty() {
                continue;
            }
            let layer = present[(x + y) % present.len()];
            let bits = layer.cells[y * width + x];
            let braille = char::from_u32(0x2800 + u32::from(bits)).unwrap_or(' ');
            buffer[at].set_char(layer.pen.sign.unwrap_or(braille)).set_style(layer.pen.style);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::Color;
    use std::collections::HashSet;

    fn pen(color: Color) -> CurveStyle {
        CurveStyle { style: Style::default().fg(color), sign: None, behind: false }
    }

    fn draw(plot: &Plot) -> Buffer {
        let mut buffer = Buffer::empty(plot.area);
        plot.draw(&mut buffer);
        buffer
    }

    #[test]
    fn curves_that_share_all_their_cells_are_both_seen() {
        let mut plot = Plot::new(Rect::new(0, 0, 12, 3));
        for color in [Color::Red, Color::Blue, Color::Green] {
            plot.add(&[[0.0, 0.5], [1.0, 0.5]], true, pen(color));
        }
        let buffer = draw(&plot);
        let drawn = buffer.content.iter().filter(|cell| cell.symbol() != " ");
        let colors: HashSet<Color> = drawn.map(|cell| cell.fg).collect();
        assert_eq!(colors, HashSet::from([Color::Red, Color::Blue, Color::Green]));
    }

    #[test]
    fn the_background_shows_in_empty_cells() {
        let mut plot = Plot::new(Rect::new(0, 0, 8, 2));
        plot.add(&[[0.0, 1.0], [1.0, 1.0]], true, CurveStyle { behind: true, ..pen(Color::Gray) });
        plot.add(&[[0.0, 1.0], [0.4, 1.0]], true, pen(Color::Red));
        let buffer = draw(&plot);
        assert_eq!((buffer[(0, 0)].fg, buffer[(7, 0)].fg), (Color::Red, Color::Gray));
    }

    #[test]
    fn lines_are_cut_at_the_edges_and_nothing_outside_is_drawn() {
        let mut plot = Plot::new(Rect::new(0, 0, 10, 4));
        plot.add(&[[-5.0, 0.5], [6.0, 0.5]], true, pen(Color::Red));
        plot.add(&[[0.5, 3.0], [0.6, 1e300]], true, pen(Color::Blue));
        let buffer = draw(&plot);
        let drawn = buffer.content.iter().filter(|cell| cell.fg == Color::Red).count();
        assert_eq!(drawn, 10);
        assert!(buffer.content.iter().all(|cell| cell.fg != Color::Blue));
    }
}
