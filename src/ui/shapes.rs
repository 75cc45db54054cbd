//! Converts the cells of a screen to shapes, for pictures. Blocks, dots and lines become shapes, so
//! that a font cannot leave gaps between them; everything else becomes text.

use super::theme::Theme;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

/// Width of a cell in pixels.
pub(super) const WIDTH: f32 = 9.0;
/// Height of a cell in pixels.
pub(super) const HEIGHT: f32 = 18.0;
/// Space around the screen in pixels.
pub(super) const MARGIN: f32 = 12.0;
/// Size of the letters (their em square) in pixels.
pub(super) const FONT_SIZE: f32 = 14.5;
/// Baseline of the text from the top of a cell.
pub(super) const BASELINE: f32 = 0.74 * HEIGHT;
/// Width of lines in pixels.
pub(super) const STROKE: f32 = 1.1;
/// Radius of the dots of braille characters in pixels.
pub(super) const DOT: f32 = 1.45;

/// A colour: red, green, blue.
pub(super) type Rgb = [u8; 3];

/// A shape, in pixels from the picture's top left corner.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum DrawnShape<'a> {
    /// Left, top, width, height.
    Rect([f32; 4]),
    /// The centre of a disc.
    Dot([f32; 2]),
    /// The ends of a horizontal or vertical line.
    Line([f32; 2], [f32; 2]),
    /// A character, the top left corner of its cell, and whether it is bold and underlined.
    Text { symbol: &'a str, at: [f32; 2], bold: bool, underlined: bool },
}

/// The colours that the names of terminal colours stand for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Palette {
    pub(super) foreground: Rgb,
    pub(super) background: Rgb,
}

impl Palette {
    pub(super) fn new(theme: Theme) -> Self {
        if theme.light {
            Self { foreground: [0x24, 0x29, 0x2f], background: [0xff; 3] }
        } else {
            Self { foreground: [0xd6, 0xda, 0xe0], background: [0x11, 0x14, 0x1a] }
        }
    }
}

/// Width and height of the picture of a screen, in pixels.
pub(super) fn size(buffer: &Buffer) -> [f32; 2] {
    [
        f32::from(buffer.area.width).mul_add(WIDTH, 2.0 * MARGIN),
        f32::from(buffer.area.height).mul_add(HEIGHT, 2.0 * MARGIN),
    ]
}

/// Calls `draw` with every shape of a screen and its colour and opacity, in drawing order.
pub(super) fn shapes<'a>(
    buffer: &'a Buffer,
    palette: Palette,
    draw: impl FnMut(DrawnShape<'a>, Rgb, f32),
) {
    let area = buffer.area;
    let mut pen = CellPen { draw, palette, corner: [0.0; 2] };
    for row in area.top()..area.bottom() {
        for column in area.left()..area.right() {
            let x = f32::from(column - area.left()).mul_add(WIDTH, MARGIN);
            let y = f32::from(row - area.top()).mul_add(HEIGHT, MARGIN);
            pen.corner = [x, y];
            if let Some(cell) = buffer.cell((column, row)) {
                pen.cell(cell);
            }
        }
    }
}

/// The RGB value of a colour; `default` if it is the terminal's default.
fn rgb(color: Color, default: Rgb) -> Rgb {
    let named = match color {
        Color::Reset => return default,
        Color::Rgb(r, g, b) => return [r, g, b],
        Color::Indexed(index) => return indexed(index),
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
    };
    indexed(named)
}

/// xterm's 256 colours.
fn indexed(index: u8) -> Rgb {
    const NAMED: [u32; 16] = [
        0x00_0000, 0xcd_3131, 0x0d_bc79, 0xe5_e510, 0x24_72c8, 0xbc_3fbc, 0x11_a8cd, 0xcc_cccc,
        0x66_6666, 0xf1_4c4c, 0x23_d18b, 0xf5_f543, 0x3b_8eea, 0xd6_70d6, 0x29_b8db, 0xff_ffff,
    ];
    let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
    match index {
        0..=15 => {
            let [_, r, g, b] = NAMED[usize::from(index)].to_be_bytes();
            [r, g, b]
        }
        16..=231 => {
            let cube = index - 16;
            [level(cube / 36), level(cube / 6 % 6), level(cube % 6)]
        }
        232..=255 => [8 + 10 * (index - 232); 3],
    }
}

/// Draws cells.
struct CellPen<F> {
    draw: F,
    palette: Palette,
    /// The top left corner of the current cell.
    corner: [f32; 2],
}

impl<'a, F: FnMut(DrawnShape<'a>, Rgb, f32)> CellPen<F> {
    fn cell(&mut self, cell: &'a Cell) {
        let mut ink = rgb(cell.fg, self.palette.foreground);
        let mut paper = rgb(cell.bg, self.palette.background);
        if cell.modifier.contains(Modifier::REVERSED) {
            std::mem::swap(&mut ink, &mut paper);
        }
        if paper != self.palette.background {
            self.rect([0.0, 0.0, 1.0, 1.0], paper, 1.0);
        }
        let symbol = cell.symbol();
        let Some(character) = symbol.chars().next().filter(|c| *c != ' ') else { return };
        let opacity = if cell.modifier.contains(Modifier::DIM) { 0.6 } else { 1.0 };
        if !self.shape(character, ink, opacity) {
            let bold = cell.modifier.contains(Modifier::BOLD);
            let underlined = cell.modifier.contains(Modifier::UNDERLINED);
            let text = DrawnShape::Text { symbol, at: self.corner, bold, underlined };
            (self.draw)(text, ink, opacity);
        }
    }

    /// Draws a character that is a shape; returns false if it is not one.
    fn shape(&mut self, character: char, ink: Rgb, opacity: f32) -> bool {
        let code = u32::from(character);
        // The casts are exact for the codes of each range.
        let eighths = |from: u32| (code - from) as f32 / 8.0;
        match character {
            '▀' => self.rect([0.0, 0.0, 1.0, 0.5], ink, opacity),
            '▁'..='█' => {
                let height = eighths(0x2580);
                self.rect([0.0, 1.0 - height, 1.0, height], ink, opacity);
            }
            '▉'..='▏' => self.rect([0.0, 0.0, 1.0 - eighths(0x2588), 1.0], ink, opacity),
            '▐' => self.rect([0.5, 0.0, 0.5, 1.0], ink, opacity),
            '▔' => self.rect([0.0, 0.0, 1.0, 0.125], ink, opacity),
            '░'..='▓' => {
                let share = (code - 0x2590) as f32 / 4.0;
                self.rect([0.0, 0.0, 1.0, 1.0], ink, share * opacity);
            }
            '\u{2800}'..='\u{28ff}' => self.braille(code - 0x2800, ink, opacity),
            _ => match arms(character) {
                Some(arms) => self.lines(arms, ink, opacity),
                None => return false,
            },
        }
        true
    }

    /// A rectangle in fractions of the cell: left, top, width, height.
    fn rect(&mut self, [left, top, width, height]: [f32; 4], color: Rgb, opacity: f32) {
        let [x, y] = self.corner;
        let place =
            [left.mul_add(WIDTH, x), top.mul_add(HEIGHT, y), width * WIDTH, height * HEIGHT];
        (self.draw)(DrawnShape::Rect(place), color, opacity);
    }

    fn braille(&mut self, dots: u32, ink: Rgb, opacity: f32) {
        const PLACES: [(u8, u8); 8] =
            [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)];
        let [x, y] = self.corner;
        for (bit, (column, row)) in PLACES.into_iter().enumerate() {
            if dots >> bit & 1 == 1 {
                let middle = [
                    (f32::from(column) / 2.0 + 0.25).mul_add(WIDTH, x),
                    (f32::from(row) / 4.0 + 0.125).mul_add(HEIGHT, y),
                ];
                (self.draw)(DrawnShape::Dot(middle), ink, opacity);
            }
        }
    }

    /// Lines from the centre of the cell to its edges: up, right, down, left.
    fn lines(&mut self, arms: [bool; 4], ink: Rgb, opacity: f32) {
        let [left, top] = self.corner;
        let [x, y] = [left + WIDTH / 2.0, top + HEIGHT / 2.0];
        let ends = [[x, top], [left + WIDTH, y], [x, top + HEIGHT], [left, y]];
        for (end, _) in ends.into_iter().zip(arms).filter(|(_, drawn)| *drawn) {
            (self.draw)(DrawnShape::Line([x, y], end), ink, opacity);
        }
    }
}

/// The edges that a box-drawing character reaches: up, right, down, left.
fn arms(character: char) -> Option<[bool; 4]> {
    let edges = match character {
        '─' | '━' => "rl",
        '│' | '┃' => "ud",
        '┌' | '╭' | '┏' => "rd",
        '┐' | '╮' | '┓' => "dl",
        '└' | '╰' | '┗' => "ur",
        '┘' | '╯' | '┛' => "ul",
        '├' => "urd",
        '┤' => "udl",
        '┬' => "rdl",
        '┴' => "url",
        '┼' => "urdl",
        '╴' => "l",
        '╵' => "u",
        '╶' => "r",
        '╷' => "d",
        _ => return None,
    };
    Some(['u', 'r', 'd', 'l'].map(|edge| edges.contains(edge)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_256_colours_are_xterms() {
        assert_eq!(indexed(16), [0; 3]);
        assert_eq!(indexed(196), [255, 0, 0]);
        assert_eq!(indexed(231), [255; 3]);
        assert_eq!(indexed(244), [128; 3]);
        assert_eq!(indexed(1), [0xcd, 0x31, 0x31]);
    }
}
