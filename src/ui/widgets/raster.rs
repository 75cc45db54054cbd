//! Numbers as pixels: weights as heatmaps, images as pixel art.
//!
//! With 256 colours or more a cell carries two pixels, the upper half block's ink and paper. With
//! sixteen, a cell carries one pair of pixels: its colour is the sign of their mean, its shade the
//! size. Without colours the shades of negative values are other characters.

use super::write;
use crate::ui::theme::{ColorDepth, Role, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::widgets::Widget;

/// Shades from nothing to full.
const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];
/// The same without Unicode.
const ASCII_SHADES: [char; 5] = [' ', '.', '+', '*', '#'];
/// Shades of values below zero, where neither colours nor blocks tell them apart.
const ASCII_NEGATIVE: [char; 5] = [' ', ',', '-', '~', '='];

/// A grid of numbers.
#[derive(Clone, Copy, Debug)]
pub struct Raster<'a> {
    values: &'a [f32],
    width: usize,
    height: usize,
    /// The value that gets the end of the scale.
    largest: f32,
    diverging: bool,
    /// Numbers of a pixel: 3 for red, green and blue side by side, otherwise 1.
    channels: usize,
    theme: Theme,
}

impl<'a> Raster<'a> {
    /// A picture whose pixels have one number, or three for red, green and blue side by side; 255
    /// is the end of the scale.
    #[must_use]
    pub fn picture(values: &'a [f32], [width, height]: [usize; 2], theme: &Theme) -> Self {
        let has_colors = width * height > 0 && values.len() == 3 * width * height;
        let channels = if has_colors { 3 } else { 1 };
        Self { channels, ..Self::image(values, [width, height], 255.0, theme) }
    }

    /// Values around zero, row by row; ±`largest` get the ends of the scale.
    #[must_use]
    pub fn heatmap(
        values: &'a [f32],
        [width, height]: [usize; 2],
        largest: f32,
        theme: &Theme,
    ) -> Self {
        Self { values, width, height, largest, diverging: true, channels: 1, theme: *theme }
    }

    /// Values from 0 (background) to `largest` (ink), row by row.
    #[must_use]
    pub fn image(
        values: &'a [f32],
        [width, height]: [usize; 2],
        largest: f32,
        theme: &Theme,
    ) -> Self {
        Self { values, width, height, largest, diverging: false, channels: 1, theme: *theme }
    }

    /// The cells it takes within an area: the largest picture of the right proportions, enlarged
    /// by whole numbers or shrunk to fit.
    #[must_use]
    pub fn fitted(&self, area: Rect) -> Rect {
        let [columns, rows] = self.pixels(area);
        Rect::new(area.x, area.y, columns as u16, rows.div_ceil(2) as u16).intersection(area)
    }

    /// Pixels drawn, across and down, at two pixels a cell's height.
    fn pixels(&self, area: Rect) -> [usize; 2] {
        if self.width == 0 || self.height == 0 || self.values.len() < self.width * self.height {
            return [0, 0];
        }
        let (columns, rows) = (usize::from(area.width), 2 * usize::from(area.height));
        let factor = (columns / self.width).min(rows / self.height);
        if factor >= 1 {
            return [factor * self.width, factor * self.height];
        }
        // Integer proportions: shrink by whichever side is tighter.
        if columns * self.height <= rows * self.width {
            [columns, (columns * self.height / self.width).max(1).min(rows)]
        } else {
            [(rows * self.width / self.height).max(1).min(columns), rows]
        }
    }

    /// The mean of the values under one drawn pixel, over `largest`; of a picture with colours its
    /// luminance.
    fn value(&self, column: usize, row: usize, drawn: [usize; 2]) -> f32 {
        let Some([red, green, blue]) = self.mixed(column, row, drawn) else {
            return self.channel(0, column, row, drawn);
        };
        0.299 * red + 0.587 * green + 0.114 * blue
    }

    /// Red, green and blue of one drawn pixel, from 0 to 1.
    fn mixed(&self, column: usize, row: usize, drawn: [usize; 2]) -> Option<[f32; 3]> {
        let channel = |at| self.channel(at, column, row, drawn).clamp(0.0, 1.0);
        (self.channels == 3).then(|| [0, 1, 2].map(channel))
    }

    /// The colour of one drawn pixel.
    fn color_at(&self, column: usize, row: usize, drawn: [usize; 2]) -> Color {
        if row >= drawn[1] {
            return self.color(0.0);
        }
        match self.mixed(column, row, drawn) {
            Some(rgb) => self.theme.mixed(rgb),
            None => self.color(self.channel(0, column, row, drawn)),
        }
    }

    /// The mean of the values of a channel under one drawn pixel, over `largest`.
    fn channel(
        &self,
        channel: usize,
        column: usize,
        row: usize,
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
            .map(|(x, y)| self.values[(y * self.width + x) * self.channels + channel])
            .sum();
        if self.largest > 0.0 { sum / count / self.largest } else { 0.0 }
    }

    /// Weights are mostly small beside the largest one: their square root is shown, in the legend
    /// too, so that a small one is seen at all.
    fn scaled(&self, value: f32) -> f32 {
        if self.diverging { value.signum() * value.abs().sqrt() } else { value }
    }

    fn color(&self, value: f32) -> Color {
        let value = self.scaled(value);
        if self.diverging { self.theme.diverging(value) } else { self.theme.sequential(value) }
    }

    fn shade(&self, value: f32) -> char {
        let step = (self.scaled(value).abs().min(1.0) * 4.0).round() as usize;
        // Colours tell signs apart where there are any, and blocks tell sizes better than letters.
        let marked = self.theme.depth == ColorDepth::None || !self.theme.unicode;
        match (self.theme.unicode, marked && self.diverging && value < 0.0) {
            (true, false) => SHADES[step],
            (false, false) => ASCII_SHADES[step],
            (_, true) => ASCII_NEGATIVE[step],
        }
    }
}

impl Widget for &Raster<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let area = area.intersection(buffer.area);
        let drawn = self.pixels(area);
        let target = self.fitted(area);
        for y in 0..target.height {
            for x in 0..target.width {
                let (column, top) = (usize::from(x), 2 * usize::from(y));
                let cell = &mut buffer[(target.x + x, target.y + y)];
                if self.theme.has_half_blocks() {
                    let upper = self.color_at(column, top, drawn);
                    let lower = self.color_at(column, top + 1, drawn);
                    cell.set_char('▀').set_style(Style::default().fg(upper).bg(lower));
                } else {
                    let upper = self.value(column, top, drawn);
                    let lower =
                        if top + 1 < drawn[1] { self.value(column, top + 1, drawn) } else { 0.0 };
                    let mean = f32::midpoint(upper, lower);
                    cell.set_char(self.shade(mean))
                        .set_style(Style::default().fg(self.color(mean.signum())));
                }
            }
        }
    }
}

/// The scale of a heatmap: its colours from end to end with the values they stand for.
#[derive(Clone, Copy, Debug)]
pub struct Legend {
    pub largest: f32,
    pub theme: Theme,
}

impl Widget for &Legend {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let low = format!("−{:.2} ", self.largest);
        let style = self.theme.style(Role::Dim);
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
    fn a_cell_carries_two_pixels() {
        let theme = Theme::default();
        let raster = Raster::image(&[0.0, 1.0], [1, 2], 1.0, &theme);
        let buffer = draw(&raster, 1, 1);
        assert_eq!(buffer[(0, 0)].symbol(), "▀");
        assert_eq!(buffer[(0, 0)].fg, theme.sequential(0.0));
        assert_eq!(buffer[(0, 0)].bg, theme.sequential(1.0));
    }

    #[test]
    fn three_numbers_are_red_green_and_blue() {
        // A red pixel above a blue one.
        let pixels = [255.0, 0.0, 0.0, 0.0, 0.0, 255.0];
        for depth in [ColorDepth::True, ColorDepth::Ansi256] {
            let theme = Theme { depth, ..Theme::default() };
            let buffer = draw(&Raster::picture(&pixels, [1, 2], &theme), 1, 1);
            let cell = &buffer[(0, 0)];
            let expected = match depth {
                ColorDepth::True => (Color::Rgb(255, 0, 0), Color::Rgb(0, 0, 255)),
                _ => (Color::Indexed(196), Color::Indexed(21)),
            };
            assert_eq!((cell.fg, cell.bg), expected);
        }
        let theme = Theme::default();
        let grey = Raster::picture(&pixels[..2], [1, 2], &theme);
        assert_eq!(draw(&grey, 1, 1)[(0, 0)].fg, theme.sequential(1.0));
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
    fn sixteen_colours_tell_signs_by_colour_and_sizes_by_shade() {
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
