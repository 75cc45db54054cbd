//! Renders a screen as SVG or as plain text.

use super::shapes::{self, BASELINE, DOT, DrawnShape, FONT_SIZE, Palette, Rgb, STROKE};
use super::theme::Theme;
use ratatui::buffer::{Buffer, Cell};
use std::fmt::Write as _;

/// Overlap of rectangles in pixels, which hides the seams that anti-aliasing would leave between
/// cells.
const OVERLAP: f32 = 0.15;

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

/// The buffer as an SVG document.
#[must_use]
pub fn svg(buffer: &Buffer, theme: Theme) -> String {
    let palette = Palette::new(theme);
    let [width, height] = shapes::size(buffer);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"'DejaVu Sans Mono',Menlo,Consolas,monospace\" \
         font-size=\"{FONT_SIZE}\">\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{}\"/>\n",
        hex(palette.background)
    );
    shapes::shapes(buffer, palette, |shape, color, opacity| {
        element(&mut out, &shape, &hex(color), opacity);
    });
    out.push_str("</svg>\n");
    out
}

fn hex([r, g, b]: Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn element(out: &mut String, shape: &DrawnShape, color: &str, opacity: f32) {
    let of = |name: &str| {
        if opacity < 1.0 { format!(" {name}-opacity=\"{opacity:.2}\"") } else { String::new() }
    };
    // Writing to a string cannot fail.
    let _ = match shape {
        DrawnShape::Rect([x, y, width, height]) => writeln!(
            out,
            "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{:.2}\" height=\"{:.2}\" fill=\"{color}\"{}/>",
            width + OVERLAP,
            height + OVERLAP,
            of("fill"),
        ),
        DrawnShape::Dot([x, y]) => writeln!(
            out,
            "<circle cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"{DOT}\" fill=\"{color}\"{}/>",
            of("fill"),
        ),
        DrawnShape::Line([x1, y1], [x2, y2]) => writeln!(
            out,
            "<line x1=\"{x1:.2}\" y1=\"{y1:.2}\" x2=\"{x2:.2}\" y2=\"{y2:.2}\" stroke=\"{color}\" \
             stroke-width=\"{STROKE}\" stroke-linecap=\"square\"{}/>",
            of("stroke"),
        ),
        DrawnShape::Text { symbol, at: [x, y], bold, underlined } => {
            let escaped = symbol.replace('&', "&amp;").replace('<', "&lt;");
            let weight = if *bold { " font-weight=\"bold\"" } else { "" };
            let underline = if *underlined { " text-decoration=\"underline\"" } else { "" };
            writeln!(
                out,
                "<text x=\"{x:.2}\" y=\"{:.2}\" fill=\"{color}\"{weight}{underline}{}>{escaped}</text>",
                y + BASELINE,
                of("fill"),
            )
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::{Color, Style};

    #[test]
    fn blocks_become_shapes_and_letters_text() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 1));
        buffer.set_string(0, 0, "a▀⣿&", Style::default().fg(Color::Rgb(1, 2, 3)));
        let picture = svg(&buffer, Theme::default());
        assert_eq!(picture.matches("<text").count(), 2);
        assert_eq!(picture.matches("<circle").count(), 8);
        assert!(picture.contains("height=\"9.15\" fill=\"#010203\""));
        assert!(picture.contains("&amp;"));
    }
}
