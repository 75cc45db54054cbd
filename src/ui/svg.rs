//! A picture of a screen: a buffer as SVG, its blocks, dots and lines drawn as shapes so that no
//! font can leave gaps between them.

use super::theme::Theme;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use std::fmt::Write as _;

/// Width of a cell in pixels.
const WIDTH: f32 = 9.0;
/// Height of a cell in pixels.
const HEIGHT: f32 = 18.0;
/// Space around the screen in pixels.
const MARGIN: f32 = 12.0;

/// The buffer as plain lines of text.
#[must_use]
pub fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let mut out = String::new();
    for row in buffer.content.chunks(width) {
        let line: String = row.iter().map(Cell::symbol).collect();
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// The buffer as a whole SVG document.
#[must_use]
pub fn svg(buffer: &Buffer, theme: Theme) -> String {
    let palette = Palette::new(theme);
    let area = buffer.area;
    let width = f32::from(area.width).mul_add(WIDTH, 2.0 * MARGIN);
    let height = f32::from(area.height).mul_add(HEIGHT, 2.0 * MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"'DejaVu Sans Mono',Menlo,Consolas,monospace\" \
         font-size=\"14.5\">\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{}\"/>\n",
        palette.background
    );
    for row in area.top()..area.bottom() {
        for column in area.left()..area.right() {
            let x = f32::from(column - area.left()).mul_add(WIDTH, MARGIN);
            let y = f32::from(row - area.top()).mul_add(HEIGHT, MARGIN);
            if let Some(cell) = buffer.cell((column, row)) {
                Pen { out: &mut out, x, y }.cell(cell, &palette);
            }
        }
    }
    out.push_str("</svg>\n");
    out
}

/// The colours behind the terminal's own names.
struct Palette {
    foreground: &'static str,
    background: &'static str,
}

impl Palette {
    fn new(theme: Theme) -> Self {
        if theme.light {
            Self { foreground: "#24292f", background: "#ffffff" }
        } else {
            Self { foreground: "#d6dae0", background: "#11141a" }
        }
    }
}

/// A colour as SVG writes it; `default` where the cell names none.
fn hex(color: Color, default: &str) -> String {
    let named = match color {
        Color::Reset => return default.into(),
        Color::Rgb(r, g, b) => return format!("#{r:02x}{g:02x}{b:02x}"),
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
fn indexed(index: u8) -> String {
    const NAMED: [u32; 16] = [
        0x00_0000, 0xcd_3131, 0x0d_bc79, 0xe5_e510, 0x24_72c8, 0xbc_3fbc, 0x11_a8cd, 0xcc_cccc,
        0x66_6666, 0xf1_4c4c, 0x23_d18b, 0xf5_f543, 0x3b_8eea, 0xd6_70d6, 0x29_b8db, 0xff_ffff,
    ];
    let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
    match index {
        0..=15 => format!("#{:06x}", NAMED[usize::from(index)]),
        16..=231 => {
            let cube = index - 16;
            let (r, g, b) = (level(cube / 36), level(cube / 6 % 6), level(cube % 6));
            format!("#{r:02x}{g:02x}{b:02x}")
        }
        232..=255 => format!("#{0:02x}{0:02x}{0:02x}", 8 + 10 * (index - 232)),
    }
}

/// Draws one cell at its place.
struct Pen<'a> {
    out: &'a mut String,
    x: f32,
    y: f32,
}

impl Pen<'_> {
    fn cell(&mut self, cell: &Cell, palette: &Palette) {
        let mut ink = hex(cell.fg, palette.foreground);
        let mut paper = hex(cell.bg, palette.background);
        if cell.modifier.contains(Modifier::REVERSED) {
            std::mem::swap(&mut ink, &mut paper);
        }
        if paper != palette.background {
            self.rect([0.0, 0.0, 1.0, 1.0], &paper, 1.0);
        }
        let symbol = cell.symbol();
        let Some(character) = symbol.chars().next().filter(|c| *c != ' ') else { return };
        let opacity = if cell.modifier.contains(Modifier::DIM) { 0.6 } else { 1.0 };
        if !self.shape(character, &ink, opacity) {
            self.text(symbol, &ink, opacity, cell.modifier);
        }
    }

    /// Characters that are shapes; false where it is a letter.
    fn shape(&mut self, character: char, ink: &str, opacity: f32) -> bool {
        let code = u32::from(character);
        // Exact for the handful of codes of each range.
        let eighths = |from: u32| (code - from) as f32 / 8.0;
        match character {
            '▀' => self.rect([0.0, 0.0, 1.0, 0.5], ink, opacity),
            '▁'..='█' => {
                let height = eighths(0x2580);
                self.rect([0.0, 1.0 - height, 1.0, height], ink, opacity);
            }
            '▉'..='▏' => self.rect([0.0, 0.0, 1.0 - eighths(0x2588), 1.0], ink, opacity),
            '▐' => self.rect([0.5, 0.0, 0.5, 1.0], ink, opacity),
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
    fn rect(&mut self, [left, top, width, height]: [f32; 4], fill: &str, opacity: f32) {
        // A hair of overlap hides the seams that anti-aliasing would draw between cells.
        let _ = writeln!(
            self.out,
            "<rect x=\"{:.2}\" y=\"{:.2}\" width=\"{:.2}\" height=\"{:.2}\" fill=\"{fill}\"{}/>",
            left.mul_add(WIDTH, self.x),
            top.mul_add(HEIGHT, self.y),
            width.mul_add(WIDTH, 0.15),
            height.mul_add(HEIGHT, 0.15),
            attribute("fill-opacity", opacity),
        );
    }

    fn braille(&mut self, dots: u32, ink: &str, opacity: f32) {
        const PLACES: [(u8, u8); 8] =
            [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)];
        for (bit, (column, row)) in PLACES.into_iter().enumerate() {
            if dots >> bit & 1 == 1 {
                let _ = writeln!(
                    self.out,
                    "<circle cx=\"{:.2}\" cy=\"{:.2}\" r=\"1.45\" fill=\"{ink}\"{}/>",
                    (f32::from(column) / 2.0 + 0.25).mul_add(WIDTH, self.x),
                    (f32::from(row) / 4.0 + 0.125).mul_add(HEIGHT, self.y),
                    attribute("fill-opacity", opacity),
                );
            }
        }
    }

    /// Lines from the middle of the cell to its edges: up, right, down, left.
    fn lines(&mut self, arms: [bool; 4], ink: &str, opacity: f32) {
        let (x, y) = (self.x + WIDTH / 2.0, self.y + HEIGHT / 2.0);
        let ends = [(x, self.y), (self.x + WIDTH, y), (x, self.y + HEIGHT), (self.x, y)];
        for (end, _) in ends.into_iter().zip(arms).filter(|(_, drawn)| *drawn) {
            let _ = writeln!(
                self.out,
                "<line x1=\"{x:.2}\" y1=\"{y:.2}\" x2=\"{:.2}\" y2=\"{:.2}\" stroke=\"{ink}\" \
                 stroke-width=\"1.1\" stroke-linecap=\"square\"{}/>",
                end.0,
                end.1,
                attribute("stroke-opacity", opacity),
            );
        }
    }

    fn text(&mut self, symbol: &str, ink: &str, opacity: f32, modifier: Modifier) {
        let escaped = symbol.replace('&', "&amp;").replace('<', "&lt;");
        let weight = if modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
        let underline = if modifier.contains(Modifier::UNDERLINED) {
            " text-decoration=\"underline\""
        } else {
            ""
        };
        let _ = writeln!(
            self.out,
            "<text x=\"{:.2}\" y=\"{:.2}\" fill=\"{ink}\"{weight}{underline}{}>{escaped}</text>",
            self.x,
            self.y + HEIGHT * 0.74,
            attribute("fill-opacity", opacity),
        );
    }
}

fn attribute(name: &str, opacity: f32) -> String {
    if opacity < 1.0 { format!(" {name}=\"{opacity:.2}\"") } else { String::new() }
}

/// Which edges a box-drawing character reaches: up, right, down, left.
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
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    #[test]
    fn draws_blocks_as_shapes_and_letters_as_text() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 1));
        buffer.set_string(0, 0, "a▀⣿&", Style::default().fg(Color::Rgb(1, 2, 3)));
        let picture = svg(&buffer, Theme::default());
        assert_eq!(picture.matches("<text").count(), 2);
        assert_eq!(picture.matches("<circle").count(), 8);
        assert!(picture.contains("height=\"9.15\" fill=\"#010203\""));
        assert!(picture.contains("&amp;"));
    }

    #[test]
    fn the_256_colours_are_xterms() {
        assert_eq!(indexed(16), "#000000");
        assert_eq!(indexed(196), "#ff0000");
        assert_eq!(indexed(231), "#ffffff");
        assert_eq!(indexed(244), "#808080");
    }
}
