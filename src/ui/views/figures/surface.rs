//! Draws a function of two variables as a map seen from above, with paths on it.

use crate::protocol::Curve;
use crate::ui::numbers::short;
use crate::ui::theme::{TextRole, Theme};
use crate::ui::widgets::{Raster, write, write_at, write_right};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Widget;
use unicode_width::UnicodeWidthStr;

/// Number of height steps; the edges between steps look like contour lines.
const STEPS: f32 = 14.0;
/// Columns to the left of the map, for the numbers of the y axis.
const MARGIN: u16 = 8;

/// Heights over a grid; the first row has the smallest y.
pub(super) struct Surface<'a> {
    pub labels: [&'a str; 2],
    pub ranges: [[f64; 2]; 2],
    /// Columns and rows of the grid.
    pub size: [usize; 2],
    pub values: &'a [f32],
    pub paths: &'a [Curve],
}

impl Surface<'_> {
    pub(super) fn draw(&self, area: Rect, buffer: &mut Buffer, theme: &Theme) {
        let area = area.intersection(buffer.area);
        let [columns, rows] = self.size;
        if columns == 0 || rows == 0 || self.values.len() < columns * rows {
            return;
        }
        let legend = u16::from(area.height >= 4);
        let axes = area.width > 3 * MARGIN && area.height >= 6;
        let (left, bottom) = if axes { (MARGIN, 1) } else { (0, 0) };
        let map = Rect {
            x: area.x + left,
            y: area.y + legend,
            width: area.width - left,
            height: area.height - legend - bottom,
        };
        if map.area() == 0 {
            return;
        }
        let [low, high] = self.heights();
        if legend == 1 {
            self.legend(area, buffer, theme, [low, high]);
        }
        let pixels = self.pixels(map, [low, high]);
        let size = [usize::from(map.width), 2 * usize::from(map.height)];
        // Heights use the blue half of the diverging colours, so that paths in warm colours stand
        // out.
        let depths: Vec<f32> = pixels.iter().map(|pixel| -pixel).collect();
        (&Raster::heatmap(&depths, size, 1.0, theme)).render(map, buffer);
        for (index, path) in self.paths.iter().enumerate() {
            self.path(path, map, buffer, theme, theme.series(index + 1));
        }
        if axes {
            self.axes(area, map, buffer, theme);
        }
    }

    /// The lowest and the highest finite height.
    fn heights(&self) -> [f32; 2] {
        let finite = || self.values.iter().copied().filter(|value| value.is_finite());
        let low = finite().fold(f32::INFINITY, f32::min);
        let high = finite().fold(f32::NEG_INFINITY, f32::max);
        if low < high { [low, high] } else { [0.0, 1.0] }
    }

    /// The map's pixels, the top row first, as shades from 0 to 1 in steps.
    fn pixels(&self, map: Rect, [low, high]: [f32; 2]) -> Vec<f32> {
        let (across, down) = (usize::from(map.width), 2 * usize::from(map.height));
        let share = |at: usize, count: usize| (at as f32 + 0.5) / count as f32;
        let pixel = |index: usize| {
            let (x, y) = (index % across, index / across);
            let height = self.at(share(x, across), 1.0 - share(y, down));
            // The square root makes the steps of a quadratic bowl equally wide.
            let share = ((height - low) / (high - low)).clamp(0.0, 1.0).sqrt();
            0.08 + 0.8 * (share * STEPS).floor() / STEPS
        };
        (0..across * down).map(pixel).collect()
    }

    /// The height at a position given as fractions of both ranges, interpolated.
    fn at(&self, x: f32, y: f32) -> f32 {
        let [columns, rows] = self.size;
        let place = |share: f32, count: usize| {
            let exact = (share * count as f32 - 0.5).clamp(0.0, (count - 1) as f32);
            let below = exact.floor() as usize;
            (below, (below + 1).min(count - 1), exact.fract())
        };
        let (left, right, along) = place(x, columns);
        let (lower, upper, up) = place(y, rows);
        let row = |row: usize| {
            let value = |column: usize| self.values[row * columns + column];
            value(left) + along * (value(right) - value(left))
        };
        row(lower) + up * (row(upper) - row(lower))
    }

    /// Draws a path, two pixels per cell, with a ring at its start and a disc at its end.
    fn path(&self, path: &Curve, map: Rect, buffer: &mut Buffer, theme: &Theme, style: Style) {
        let pixel = |&(x, y): &(f64, f64)| {
            let share = |value: f64, [low, high]: [f64; 2]| (value - low) / (high - low);
            let x = share(x, self.ranges[0]) * f64::from(map.width);
            let y = (1.0 - share(y, self.ranges[1])) * 2.0 * f64::from(map.height);
            // A diverged path is drawn far outside the map, within the range of `i32`.
            let far = |value: f64| if value.is_finite() { value.clamp(-1e4, 1e4) } else { -1e4 };
            (far(x).floor() as i32, far(y).floor() as i32)
        };
        let points: Vec<(i32, i32)> = path.points.iter().map(pixel).collect();
        if path.scatter {
            for &point in &points {
                plot(point, map, buffer, theme, style);
            }
        } else {
            for pair in points.windows(2) {
                for point in line(pair[0], pair[1]) {
                    plot(point, map, buffer, theme, style);
                }
            }
        }
        for (point, mark) in [(points.first(), 'o'), (points.last(), '●')] {
            if let Some(&(x, y)) = point
                && let Some(at) = cell(map, x, y)
            {
                let background = buffer[at].bg;
                let mark = if theme.unicode || mark == 'o' { mark } else { '@' };
                buffer[at].set_char(mark).set_style(style.bg(background));
            }
        }
    }

    fn legend(&self, area: Rect, buffer: &mut Buffer, theme: &Theme, [low, high]: [f32; 2]) {
        let dim = theme.style(TextRole::Dim);
        let mut column = write(buffer, area, 0, self.labels[1], dim) + 2;
        for (index, path) in self.paths.iter().enumerate().filter(|(_, path)| !path.name.is_empty())
        {
            let sample = if theme.unicode { "● " } else { "@ " };
            let start = write_at(buffer, area, column, 0, sample, theme.series(index + 1));
            column = write_at(buffer, area, start, 0, &path.name, dim) + 2;
        }
        let scale = if theme.light { "pale {} · deep {}" } else { "dark {} · light {}" };
        let scale = theme.fill(scale, &[&short(f64::from(low)), &short(f64::from(high))]);
        if usize::from(column) + scale.width() <= usize::from(area.width) {
            write_right(buffer, area, 0, &scale, dim);
        }
    }

    fn axes(&self, area: Rect, map: Rect, buffer: &mut Buffer, theme: &Theme) {
        let dim = theme.style(TextRole::Dim);
        let [x, y] = self.ranges;
        let number = |value: f64| format!("{:>7}", short(value));
        let side = Rect { width: MARGIN - 1, ..area };
        let top = map.y - area.y;
        write(buffer, side, top, &number(y[1]), dim);
        write(buffer, side, top + map.height / 2, &number(f64::midpoint(y[0], y[1])), dim);
        write(buffer, side, top + map.height - 1, &number(y[0]), dim);
        let below = Rect { x: map.x, y: map.bottom(), width: map.width, height: 1 };
        write(buffer, below, 0, &short(x[0]), dim);
        let middle = short(f64::midpoint(x[0], x[1]));
        write_at(buffer, below, map.width / 2, 0, &middle, dim);
        write_right(buffer, below, 0, &format!("{} {}", self.labels[0], short(x[1])), dim);
    }
}

/// The cell that holds a pixel of the map.
fn cell(map: Rect, x: i32, y: i32) -> Option<(u16, u16)> {
    let inside =
        (0..i32::from(map.width)).contains(&x) && (0..2 * i32::from(map.height)).contains(&y);
    inside.then(|| (map.x + x as u16, map.y + (y / 2) as u16))
}

fn plot((x, y): (i32, i32), map: Rect, buffer: &mut Buffer, theme: &Theme, style: Style) {
    let Some(at) = cell(map, x, y) else { return };
    let cell = &mut buffer[at];
    let ink = style.fg.unwrap_or_default();
    if !theme.has_half_blocks() {
        cell.set_char('*').set_style(style);
    } else if y % 2 == 0 {
        cell.set_fg(ink);
    } else {
        cell.set_bg(ink);
    }
}

/// The pixels of a straight line, both ends included.
fn line(from: (i32, i32), to: (i32, i32)) -> impl Iterator<Item = (i32, i32)> {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let steps = dx.abs().max(dy.abs()).max(1);
    (0..=steps).map(move |step| {
        let along = |start: i32, whole: i32| {
            start + (f64::from(whole) * f64::from(step) / f64::from(steps)).round() as i32
        };
        (along(from.0, dx), along(from.1, dy))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOWL: [f32; 9] = [2.0, 1.0, 2.0, 1.0, 0.0, 1.0, 2.0, 1.0, 2.0];

    fn surface(paths: &[Curve]) -> Surface<'_> {
        Surface {
            labels: ["v1", "v2"],
            ranges: [[-1.0, 1.0]; 2],
            size: [3, 3],
            values: &BOWL,
            paths,
        }
    }

    #[test]
    fn the_minimum_is_the_darkest() {
        let map = Rect::new(0, 0, 9, 5);
        let pixels = surface(&[]).pixels(map, [0.0, 2.0]);
        let darkest = pixels.iter().copied().fold(f32::INFINITY, f32::min);
        assert!((pixels[5 * 9 + 4] - darkest).abs() < 1e-6);
        assert!(pixels[0] > darkest + 0.5);
    }

    #[test]
    fn a_path_goes_up_where_y_grows() {
        let points = vec![(0.0, -0.9), (0.0, 0.9)];
        let paths = [Curve { points, ..Curve::default() }];
        let mut buffer = Buffer::empty(Rect::new(0, 0, 21, 10));
        let map = buffer.area;
        surface(&paths).path(&paths[0], map, &mut buffer, &Theme::default(), Style::default());
        assert_eq!(buffer[(10, 9)].symbol(), "o");
        assert_eq!(buffer[(10, 0)].symbol(), "●");
    }

    #[test]
    fn a_diverged_path_can_be_drawn() {
        let points = vec![(0.0, 0.0), (1e300, f64::INFINITY), (f64::NAN, f64::NAN)];
        let paths = [Curve { points, ..Curve::default() }];
        let mut buffer = Buffer::empty(Rect::new(0, 0, 40, 12));
        surface(&paths).draw(buffer.area, &mut buffer, &Theme::default());
    }
}
