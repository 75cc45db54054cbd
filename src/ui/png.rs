//! Renders a screen as PNG.

use super::shapes::{self, BASELINE, DOT, DrawnShape, FONT_SIZE, Palette, Rgb, STROKE, WIDTH};
use super::theme::Theme;
use ab_glyph::{Font, FontRef, Glyph, InvalidFont, PxScale, point};
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageError};
use ratatui::buffer::Buffer;

/// The font: a subset of DejaVu Sans Mono without Chinese characters.
static FONT: &[u8] = include_bytes!("../../data/font/mono.ttf");

/// Maximum number of cells of a picture that is drawn at twice the resolution.
const DENSE: u32 = 20_000;

/// Why the picture cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    #[error("the built-in font cannot be read: {0}")]
    Font(#[from] InvalidFont),
    #[error("a PNG file cannot be made: {0}")]
    Image(#[from] ImageError),
}

/// Renders a buffer as a PNG file.
///
/// # Errors
/// If the picture is too large for the format.
pub fn png(buffer: &Buffer, theme: Theme) -> Result<Vec<u8>, PngError> {
    let palette = Palette::new(theme);
    let scale = if buffer.area.area() <= DENSE { 2.0 } else { 1.0 };
    let [width, height] = shapes::size(buffer).map(|side| (side * scale) as usize);
    let font = FontRef::try_from_slice(FONT)?;
    let pixels = palette.background.repeat(width * height);
    let mut canvas = PixelBuffer { pixels, width, height, scale };
    shapes::shapes(buffer, palette, |shape, color, opacity| {
        canvas.draw(&shape, color, opacity, &font);
    });
    let mut file = Vec::new();
    PngEncoder::new(&mut file).write_image(
        &canvas.pixels,
        width as u32,
        height as u32,
        ExtendedColorType::Rgb8,
    )?;
    Ok(file)
}

/// The picture that is being drawn.
struct PixelBuffer {
    /// RGB, row by row.
    pixels: Vec<u8>,
    width: usize,
    height: usize,
    /// Pixels per unit of length.
    scale: f32,
}

impl PixelBuffer {
    fn draw(&mut self, shape: &DrawnShape, color: Rgb, opacity: f32, font: &FontRef) {
        let half = STROKE / 2.0;
        match *shape {
            DrawnShape::Rect(place) => self.rect(place, color, opacity),
            DrawnShape::Dot(middle) => self.dot(middle, color, opacity),
            DrawnShape::Line([x1, y1], [x2, y2]) => {
                let (left, top) = (x1.min(x2), y1.min(y2));
                let (width, height) = ((x1 - x2).abs(), (y1 - y2).abs());
                let place = if width < height {
                    [left - half, top, STROKE, height]
                } else {
                    [left, top - half, width, STROKE]
                };
                self.rect(place, color, opacity);
            }
            DrawnShape::Text { symbol, at, bold, underlined } => {
                for character in symbol.chars().take(1) {
                    self.letter(character, at, color, opacity, font);
                    if bold {
                        // The font has no bold letters, so they are drawn twice with a small
                        // offset.
                        self.letter(character, [at[0] + 0.45, at[1]], color, opacity, font);
                    }
                }
                if underlined {
                    let place = [at[0], at[1] + BASELINE + 1.5, WIDTH, 1.0];
                    self.rect(place, color, opacity);
                }
            }
        }
    }

    /// Mixes a colour into a partially covered pixel.
    fn blend(&mut self, x: usize, y: usize, color: Rgb, coverage: f32) {
        if x >= self.width || y >= self.height || coverage <= 0.0 {
            return;
        }
        let at = 3 * (y * self.width + x);
        for (pixel, ink) in self.pixels[at..at + 3].iter_mut().zip(color) {
            let mixed =
                f32::from(*pixel) + coverage.min(1.0) * (f32::from(ink) - f32::from(*pixel));
            *pixel = mixed.round() as u8;
        }
    }

    fn rect(&mut self, place: [f32; 4], color: Rgb, opacity: f32) {
        let [left, top, width, height] = place.map(|length| length * self.scale);
        let (right, bottom) = (left + width, top + height);
        // The covered part of the pixel that begins at `at`.
        let covered = |at: usize, from: f32, to: f32| {
            let at = at as f32;
            ((at + 1.0).min(to) - at.max(from)).clamp(0.0, 1.0)
        };
        for y in top.floor() as usize..bottom.ceil() as usize {
            for x in left.floor() as usize..right.ceil() as usize {
                let coverage = covered(x, left, right) * covered(y, top, bottom);
                self.blend(x, y, color, coverage * opacity);
            }
        }
    }

    fn dot(&mut self, middle: [f32; 2], color: Rgb, opacity: f32) {
        let [x, y] = middle.map(|length| length * self.scale);
        let radius = DOT * self.scale;
        for row in (y - radius).floor() as usize..=(y + radius).ceil() as usize {
            for column in (x - radius).floor() as usize..=(x + radius).ceil() as usize {
                let distance = (column as f32 + 0.5 - x).hypot(row as f32 + 0.5 - y);
                self.blend(column, row, color, (radius + 0.5 - distance).min(1.0) * opacity);
            }
        }
    }

    fn letter(
        &mut self,
        character: char,
        [x, y]: [f32; 2],
        color: Rgb,
        opacity: f32,
        font: &FontRef,
    ) {
        // The library scales by the line height, the shapes by the em square.
        let units = font.units_per_em().unwrap_or(2048.0);
        let size = PxScale::from(FONT_SIZE * self.scale * font.height_unscaled() / units);
        let position = point(x * self.scale, (y + BASELINE) * self.scale);
        let glyph = Glyph { id: font.glyph_id(character), scale: size, position };
        let Some(outline) = font.outline_glyph(glyph) else { return };
        let bounds = outline.px_bounds();
        outline.draw(|column, row, coverage| {
            let x = bounds.min.x + column as f32;
            let y = bounds.min.y + row as f32;
            if x >= 0.0 && y >= 0.0 {
                self.blend(x as usize, y as usize, color, coverage * opacity);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::RgbImage;
    use ratatui::layout::Rect;
    use ratatui::style::{Color, Style};

    fn drawn(symbols: &str) -> RgbImage {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 10, 1));
        buffer.set_string(0, 0, symbols, Style::default().fg(Color::Rgb(255, 255, 255)));
        let file = png(&buffer, Theme::default()).unwrap();
        assert!(file.starts_with(b"\x89PNG"));
        image::load_from_memory(&file).unwrap().to_rgb8()
    }

    /// The mean of a cell's red channel.
    fn brightness(picture: &RgbImage, column: u32) -> f64 {
        let (left, top) = (24 + 18 * column, 24);
        let pixels = (0..36).flat_map(|y| (0..18).map(move |x| (left + x, top + y)));
        pixels.map(|(x, y)| f64::from(picture.get_pixel(x, y)[0])).sum::<f64>() / (18.0 * 36.0)
    }

    #[test]
    fn cells_are_drawn_at_their_position() {
        let picture = drawn("█▀ a▄⣿─");
        assert_eq!(picture.dimensions(), (2 * (90 + 24), 2 * (18 + 24)));
        assert!(brightness(&picture, 0) > 254.0);
        let half = brightness(&picture, 1);
        assert!((half - 136.0).abs() < 2.0, "{half}");
        assert!(brightness(&picture, 2) < 18.0, "a blank is the background");
        for (column, what) in [(3, "a letter"), (5, "dots"), (6, "a line")] {
            let ink = brightness(&picture, column);
            assert!((20.0..160.0).contains(&ink), "{what}: {ink}");
        }
    }

    #[test]
    fn the_font_has_every_character_of_the_dashboard() {
        let font = FontRef::try_from_slice(FONT).unwrap();
        for character in "aZ0~äηλμσδ∂∇·×÷−…–—←↑→↓⇧≤≥≈√∘●○◉▲▶▼◀✓✗‹›ₐ₁⁻ᵀ".chars()
        {
            // Superscripts such as ᵀ and ᴸ only occur in formulas of the explorables.
            let known = font.glyph_id(character).0 != 0;
            assert!(known || character == 'ᵀ', "{character} is missing");
        }
    }
}
