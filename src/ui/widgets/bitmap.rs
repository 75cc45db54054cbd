//! A colour image: two pixels per cell, or shades without half blocks.

use super::Raster;
use crate::protocol::Bitmap;
use crate::ui::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Widget;

/// Draws an image into the top left of an area, enlarged by a whole number or shrunk to fit;
/// returns the cells that it takes.
pub fn draw_bitmap(picture: &Bitmap, area: Rect, buffer: &mut Buffer, theme: &Theme) -> Rect {
    let area = area.intersection(buffer.area);
    let size = [picture.width, picture.height];
    if area.is_empty() || picture.pixels.len() < size[0] * size[1] || size.contains(&0) {
        return Rect::ZERO;
    }
    if !theme.has_half_blocks() {
        let light: Vec<f32> = picture.pixels.iter().map(|pixel| brightness(*pixel)).collect();
        // On dark terminals bright pixels are drawn as ink, on light ones dark pixels.
        let ink: Vec<f32> =
            if theme.light { light.iter().map(|light| 1.0 - light).collect() } else { light };
        let raster = Raster::image(&ink, size, 1.0, theme);
        let target = raster.fitted(area);
        (&raster).render(area, buffer);
        return target;
    }
    let [columns, rows] = fitted(size, area);
    let target = Rect::new(area.x, area.y, columns as u16, rows.div_ceil(2) as u16);
    for y in 0..target.height {
        for x in 0..target.width {
            let (column, top) = (usize::from(x), 2 * usize::from(y));
            let mut style =
                Style::default().fg(theme.color(mean(picture, column, top, [columns, rows])));
            if top + 1 < rows {
                style = style.bg(theme.color(mean(picture, column, top + 1, [columns, rows])));
            }
            buffer[(target.x + x, target.y + y)].set_char('▀').set_style(style);
        }
    }
    target
}

/// Columns and rows of drawn pixels, with two rows per cell.
fn fitted([width, height]: [usize; 2], area: Rect) -> [usize; 2] {
    let (columns, rows) = (usize::from(area.width), 2 * usize::from(area.height));
    let factor = (columns / width).min(rows / height);
    if factor >= 1 {
        [factor * width, factor * height]
    } else if columns * height <= rows * width {
        [columns, (columns * height / width).clamp(1, rows)]
    } else {
        [(rows * width / height).clamp(1, columns), rows]
    }
}

/// The mean colour of a drawn pixel.
fn mean(picture: &Bitmap, column: usize, row: usize, [columns, rows]: [usize; 2]) -> [u8; 3] {
    let span = |at: usize, drawn: usize, size: usize| {
        let from = at * size / drawn;
        from..((at + 1) * size / drawn).max(from + 1).min(size)
    };
    let xs = span(column, columns, picture.width);
    let ys = span(row, rows, picture.height);
    let count = (xs.len() * ys.len()).max(1) as u32;
    let mut sum = [0_u32; 3];
    for y in ys {
        for pixel in &picture.pixels[y * picture.width..][xs.clone()] {
            sum.iter_mut().zip(pixel).for_each(|(sum, &value)| *sum += u32::from(value));
        }
    }
    // Few levels: the difference is not visible, and fewer colour changes are sent on a slow
    // connection.
    sum.map(|sum| 17 * ((sum / count).min(255) as u8 / 16))
}

/// The brightness of a colour, from 0 to 1.
fn brightness([r, g, b]: [u8; 3]) -> f32 {
    (0.299 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b)) / 255.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::Color;

    #[test]
    fn a_cell_shows_two_pixels() {
        let pixels = vec![[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]];
        let picture = Bitmap { width: 2, height: 2, pixels };
        let mut buffer = Buffer::empty(Rect::new(0, 0, 2, 1));
        let drawn = draw_bitmap(&picture, buffer.area, &mut buffer, &Theme::default());
        assert_eq!(drawn, buffer.area);
        let colours = |x| (buffer[(x, 0)].fg, buffer[(x, 0)].bg);
        assert_eq!(colours(0), (Color::Rgb(255, 0, 0), Color::Rgb(0, 0, 255)));
        assert_eq!(colours(1), (Color::Rgb(0, 255, 0), Color::Rgb(255, 255, 255)));
    }

    #[test]
    fn any_size_fits_into_any_area() {
        for (width, height) in [(1, 1), (500, 3), (3, 500), (64, 64)] {
            let picture = Bitmap { width, height, pixels: vec![[9; 3]; width * height] };
            for area in [Rect::new(0, 0, 1, 1), Rect::new(0, 0, 80, 2), Rect::new(0, 0, 3, 40)] {
                let mut buffer = Buffer::empty(area);
                let drawn = draw_bitmap(&picture, area, &mut buffer, &Theme::default());
                assert_eq!(drawn.intersection(area), drawn);
                assert!(!drawn.is_empty());
            }
        }
    }
}
