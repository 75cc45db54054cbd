//! Numbers as pixels: weights as heatmaps, images in grey or colour.
//!
//! With 256 colours or more a cell shows two pixels, one above the other: the foreground and
//! background colour of an upper half block. With 16 colours a cell shows the mean of the two: its
//! colour is the sign, its shade the magnitude. Without colours, negative values have other
//! characters.

use super::write;
use crate::ui::theme::{ColorDepth, TextRole, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::widgets::Widget;

/// Shades from empty to full.
const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];
/// The same without Unicode.
const ASCII_SHADES: [char; 5] = [' ', '.', '+', '*', '#'];
/// Shades of negative values, if neither colours nor blocks can distinguish them.
const ASCII_NEGATIVE: [char; 5] = [' ', ',', '-', '~', '='];

/// Where the channels of a pixel are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PixelLayout {
    One,
    /// Red, green and blue side by side.
    Interleaved,
    /// All red values first, then green, then blue.
    Planar,
}

/// A grid of numbers, with one or three per pixel.
#[derive(Clone, Copy, Debug)]
pub struct Raster<'a> {
    values: &'a [f32],
    width: usize,
    height: usize,
    channels: PixelLayout,
    /// The value at the end of the scale.
    largest: f32,
    diverging: bool,
    /// Pixels fill the area and need not be square.
    stretched: bool,
    theme: Theme,
}

impl<'a> Raster<'a> {
    /// An image with one number per pixel, or three (red, green, blue) side by side; 255 is the end
    /// of the scale.
    #[must_use]
    pub fn picture(values: &'a [f32], size: [usize; 2], theme: &Theme) -> Self {
        Self::image(values, size, 255.0, theme)
    }

    /// Values around zero, row by row; ±`largest` are the ends of the scale.
    #[must_use]
    pub fn heatmap(
        values: &'a [f32],
        [width, height]: [usize; 2],
        largest: f32,
        theme: &Theme,
    ) -> Self {
        Self {
            values,
            width,
            height,
            channels: PixelLayout::One,
            largest,
            diverging: true,
            stretched: false,
            theme: *theme,
        }
    }

    /// Values around zero for red, green and blue, as three planes of `width` × `height`: black is
    /// −`largest` in all channels, white is `largest`.
    #[must_use]
    pub fn colour_heatmap(
        values: &'a [f32],
        [width, height]: [usize; 2],
        largest: f32,
        theme: &Theme,
    ) -> Self {
        let grey = Self::heatmap(values, [width, height], largest, theme);
        Self { channels: PixelLayout::Planar, ..grey }
    }

    /// Values from 0 (background) to `largest` (ink), row by row; or three per pixel (red, green,
    /// blue), side by side.
    #[must_use]
    pub fn image(
        values: &'a [f32],
        [width, height]: [usize; 2],
        largest: f32,
        theme: &Theme,
    ) -> Self {
        let coloured = width * height > 0 && values.len() == 3 * width * height;
        let channels = if coloured { PixelLayout::Interleaved } else { PixelLayout::One };
        Self {
            values,
            width,
            height,
            channels,
            largest,
            diverging: false,
            stretched: false,
            theme: *theme,
        }
    }

    /// Makes the pixels fill the area, not necessarily square.
    #[must_use]
    pub fn stretched(self) -> Self {
        Self { stretched: true, ..self }
    }

    /// The cells that the image takes in an area: as large as possible with the right proportions,
    /// enlarged by a whole number or shrunk to fit.
    #[must_use]
    pub fn fitted(&self, area: Rect) -> Rect {
        let [columns, rows] = self.pixels(area);
        Rect::new(area.x, area.y, columns as u16, rows.div_ceil(2) as u16).intersection(area)
    }

    /// Columns and rows of drawn pixels, with two rows per cell.
    fn pixels(&self, area: Rect) -> [usize; 2] {
        let each = if self.channels == PixelLayout::Planar { 3 } else { 1 };
        let needed = each * self.width * self.height;
        if needed == 0 || self.values.len() < needed {
            return [0, 0];
        }
        let (columns, rows) = (usize::from(area.width), 2 * usize::from(area.height));
        if self.stretched {
            let whole =
                |room: usize, size: usize| if room >= size { room / size * size } else { room };
            return [whole(columns, self.width), whole(rows, self.height)];
        }
        let factor = (columns / self.width).min(rows / self.height);
        if factor >= 1 {
            return [factor * self.width, factor * self.height];
        }
        // Integer proportions: shrink by the tighter side.
        if columns * self.height <= rows * self.width {
            [columns, (columns * self.height / self.width).max(1).min(rows)]
        } else {
            [(rows * self.width / self.height).max(1).min(columns), rows]
        }
    }

    /// The mean of a channel over one drawn pixel, divided by `largest`.
    fn channel(
        &self,
        channel: usize,
        [column, row]: [usize; 2],
        [columns, rows]: [usize; 2],
    ) -> f32 {
        let span = |at: usize, drawn: usize, size: usize| {
            let from = at * size / drawn;
            from..((at + 1) * size / drawn).max(from + 1).min(size)
        };
        let (xs, ys) = (span(column, columns, self.width), span(row, rows, self.height));
        let count = (xs.len() * ys.len()) as f32;
        let sum: f32 = ys
            .flat_map(|y| xs.clone().map(move |x| (x, y)))
            .map(|(x, y)| y * self.width + x)
            .map(|at| match self.channels {
                PixelLayout::One => self.values[at],
                PixelLayout::Interleaved => self.values[3 * at + channel],
                PixelLayout::Planar => self.values[channel * self.width * self.height + at],
            })
            .sum();
        if self.largest > 0.0 { sum / count / self.largest } else { 0.0 }
    }

    /// The values of one drawn pixel; three equal ones for a single channel.
    fn pixel(&self, place: [usize; 2], drawn: [usize; 2]) -> [f32; 3] {
        match self.channels {
            PixelLayout::One => [self.channel(0, place, drawn); 3],
            _ => [0, 1, 2].map(|channel| self.channel(channel, place, drawn)),
        }
    }

    /// Most weights are small compared with the largest one, so their square root is shown, in the
    /// legend too, to make small ones visible.
    fn scaled(&self, value: f32) -> f32 {
        if self.diverging { value.signum() * value.abs().sqrt() } else { value }
    }

    fn color(&self, pixel: [f32; 3]) -> Color {
        if self.channels != PixelLayout::One && self.theme.depth >= ColorDepth::Ansi256 {
            return self.theme.mixed(pixel.map(|value| {
                if self.diverging { f32::midpoint(self.scaled(value), 1.0) } else { value }
            }));
        }
        self.color_of(grey(pixel))
    }

    fn color_of(&self, value: f32) -> Color {
        let value = self.scaled(value);
        if self.diverging { self.theme.diverging(value) } else { self.theme.sequential(value) }
    }

    fn shade(&self, value: f32) -> char {
        let step = (self.scaled(value).abs().min(1.0) * 4.0).round() as usize;
        // Use blocks if colours show the sign, because blocks show magnitudes better than letters.
        let marked = self.theme.depth == ColorDepth::None || !self.theme.unicode;
        match (self.theme.unicode, marked && self.diverging && value < 0.0) {
            (true, false) => SHADES[step],
            (false, false) => ASCII_SHADES[step],
            (_, true) => ASCII_NEGATIVE[step],
        }
    }
}

/// The lightness of red, green and blue (ITU-R 601); for three equal values, the value.
fn grey([red, green, blue]: [f32; 3]) -> f32 {
    if red.to_bits() == green.to_bits() && green.to_bits() == blue.to_bits() {
        return red;
    }
    0.299 * red + 0.587 * green + 0.114 * blue
}

impl Widget for &Raster<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let area = area.intersection(buffer.area);
        let drawn = self.pixels(area);
        let target = self.fitted(area);
        for y in 0..target.height {
            for x in 0..target.width {
                let (column, top) = (usize::from(x), 2 * usize::from(y));
                let upper = self.pixel([column, top], drawn);
                let has_lower = top + 1 < drawn[1];
                let lower = if has_lower { self.pixel([column, top + 1], drawn) } else { [0.0; 3] };
                let cell = &mut buffer[(target.x + x, target.y + y)];
                if self.theme.has_half_blocks() {
                    // With an odd number of rows, the cell below the last one is empty, not black.
                    let paper = if has_lower { self.color(lower) } else { self.color_of(0.0) };
                    let style = Style::default().fg(self.color(upper)).bg(paper);
                    cell.set_char('▀').set_style(style);
                } else {
                    let mean = f32::midpoint(grey(upper), grey(lower));
                    cell.set_char(self.shade(mean))
                        .set_style(Style::default().fg(self.color_of(mean.signum())));
                }
            }
        }
    }
}

/// The legend of a heatmap: its colours from end to end with their values.
#[derive(Clone, Copy, Debug)]
pub struct Legend {
    pub largest: f32,
    pub theme: Theme,
}

impl Widget for &Legend {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let low = format!("−{:.2} ", self.largest);
        let style = self.theme.style(TextRole::Dim);
        let start = write(buffer, area, 0, &low, style);
        let steps = area.width.saturating_sub(start).saturating_sub(6).min(21);
        if steps < 3 || area.height == 0 {
            return;
        }
        let values: Vec<f32> =
            (0..steps).map(|step| 2.0 * f32::from(step) / f32::from(steps - 1) - 1.0).collect();
        let doubled = [values.as_slice(), values.as_slice()].concat();
        let raster = Raster::heatmap(&doubled, [usize::from(steps), 2], 1.0, &self.theme);
        let scale = Rect { x: area.x + start, width: steps, height: 1, ..area };
        (&raster).render(scale, buffer);
        super::write_at(buffer, area, start + steps, 0, &format!(" +{:.2}", self.largest), style);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(raster: &Raster, width: u16, height: u16) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        raster.render(buffer.area, &mut buffer);
        buffer
    }

    #[test]
    fn a_cell_shows_two_pixels() {
        let theme = Theme::default();
        let raster = Raster::image(&[0.0, 1.0], [1, 2], 1.0, &theme);
        let buffer = draw(&raster, 1, 1);
        assert_eq!(buffer[(0, 0)].symbol(), "▀");
        assert_eq!(buffer[(0, 0)].fg, theme.sequential(0.0));
        assert_eq!(buffer[(0, 0)].bg, theme.sequential(1.0));
    }

    #[test]
    fn three_values_per_pixel_are_its_colour() {
        let theme = Theme::default();
        let pixels = [255.0, 0.0, 0.0, 0.0, 0.0, 255.0];
        let buffer = draw(&Raster::image(&pixels, [1, 2], 255.0, &theme), 1, 1);
        assert_eq!(buffer[(0, 0)].fg, Color::Rgb(255, 0, 0));
        assert_eq!(buffer[(0, 0)].bg, Color::Rgb(0, 0, 255));
        // Weights are stored as planes, all red ones first; 0 is half of each.
        let weights = [1.0, -1.0, 0.0, 0.0, -1.0, 0.0];
        let buffer = draw(&Raster::colour_heatmap(&weights, [1, 2], 1.0, &theme), 1, 1);
        assert_eq!(buffer[(0, 0)].fg, Color::Rgb(255, 128, 0));
        assert_eq!(buffer[(0, 0)].bg, Color::Rgb(0, 128, 128));
        let theme = Theme { depth: ColorDepth::Ansi256, ..theme };
        let buffer = draw(&Raster::image(&pixels, [1, 2], 255.0, &theme), 1, 1);
        assert_eq!([buffer[(0, 0)].fg, buffer[(0, 0)].bg], [196, 21].map(Color::Indexed));
        let theme = Theme { depth: ColorDepth::None, ..theme };
        let buffer = draw(&Raster::image(&[255.0; 6], [1, 2], 255.0, &theme), 1, 1);
        assert_eq!(buffer[(0, 0)].symbol(), "█");
    }

    #[test]
    fn enlarges_by_whole_numbers_and_shrinks_to_fit() {
        let values = vec![0.5; 28 * 28];
        let theme = Theme::default();
        let raster = Raster::image(&values, [28, 28], 1.0, &theme);
        let fitted = |w, h| raster.fitted(Rect::new(0, 0, w, h)).as_size();
        assert_eq!((fitted(60, 40).width, fitted(60, 40).height), (56, 28));
        assert_eq!((fitted(30, 20).width, fitted(30, 20).height), (28, 14));
        assert_eq!((fitted(7, 10).width, fitted(7, 10).height), (7, 4));
        assert_eq!(raster.fitted(Rect::new(0, 0, 0, 0)).area(), 0);
    }

    #[test]
    fn a_stretched_row_fills_its_area_with_pixels_of_equal_width() {
        let values = [1.0, -1.0, 0.5];
        let raster = Raster::heatmap(&values, [3, 1], 1.0, &Theme::default()).stretched();
        assert_eq!(raster.fitted(Rect::new(2, 1, 11, 3)), Rect::new(2, 1, 9, 3));
        assert_eq!(raster.fitted(Rect::new(0, 0, 2, 1)), Rect::new(0, 0, 2, 1));
        let buffer = draw(&raster, 9, 2);
        assert_eq!(buffer[(2, 1)].bg, buffer[(0, 0)].fg);
        assert_ne!(buffer[(3, 0)].fg, buffer[(2, 0)].fg);
    }

    #[test]
    fn sixteen_colours_show_signs_by_colour_and_magnitudes_by_shade() {
        for light in [false, true] {
            let theme = Theme { depth: ColorDepth::Ansi16, light, ..Theme::default() };
            let values = [1.0, 0.3, -0.3, -1.0].map(|value: f32| value * value.abs());
            let raster = Raster::heatmap(&values, [4, 1], 1.0, &theme);
            let buffer = draw(&raster, 4, 1);
            let cells: Vec<_> =
                (0..4).map(|x| (buffer[(x, 0)].symbol(), buffer[(x, 0)].fg)).collect();
            assert_eq!([cells[0].0, cells[1].0], [cells[3].0, cells[2].0], "{cells:?}");
            assert_ne!(cells[0].0, cells[1].0, "sizes: {cells:?}");
            assert_eq!((cells[0].1, cells[3].1), (cells[1].1, cells[2].1), "{cells:?}");
            assert_ne!(cells[0].1, cells[3].1, "signs: {cells:?}");
        }
    }

    #[test]
    fn signs_differ_without_colours() {
        for unicode in [true, false] {
            let theme = Theme { depth: ColorDepth::None, unicode, ..Theme::default() };
            let raster = Raster::heatmap(&[1.0, -1.0, 1.0, -1.0], [2, 2], 1.0, &theme);
            let buffer = draw(&raster, 2, 1);
            assert_ne!(buffer[(0, 0)].symbol(), buffer[(1, 0)].symbol());
        }
    }
}
