//! A scrollable grid of tiles.

use super::GridShape;
use ratatui::layout::{Position, Rect};

/// Maximum number of visible tiles.
const MAX_COUNT: usize = 256;
/// Maximum height of a row in cells.
const MAX_ROW_HEIGHT: usize = 4;

/// Tiles side by side, row by row.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Grid {
    area: Rect,
    tile: [u16; 2],
    pub columns: usize,
    rows: usize,
}

impl Grid {
    /// Tiles for units of `size` pixels (width, height): the largest ones at which all units are
    /// visible at once, or else tiles of half the size.
    #[must_use]
    pub fn new(area: Rect, size: [usize; 2], units: usize) -> Self {
        // At most 28 columns, the width of MNIST's images: a row of a matrix can be far wider.
        let whole = size[0].clamp(3, 28);
        let half = (whole / 2).max(3);
        // Enlarged by a whole number, or shrunk to at least a third.
        let widths = (2..=6).rev().map(|factor| factor * whole);
        let widths = widths.chain(((whole / 3).max(3)..=whole).rev());
        let mut grids = widths.map(|wide| Self::with_width(area, size, wide));
        let fits =
            |grid: &Self| grid.tile[1] <= area.height.max(2) && grid.columns * grid.rows >= units;
        grids.find(fits).unwrap_or_else(|| Self::with_width(area, size, half))
    }

    /// One row per unit across the whole area, as high as possible with all rows visible, for units
    /// whose inputs are not an image.
    #[must_use]
    pub fn of_rows(area: Rect, units: usize) -> Self {
        let high = (usize::from(area.height) / units.max(1)).clamp(1, MAX_ROW_HEIGHT) as u16;
        Self {
            area,
            tile: [area.width + 1, high],
            columns: 1,
            rows: usize::from(area.height / high).max(1),
        }
    }

    /// Tiles that are `wide` cells wide.
    fn with_width(area: Rect, [width, height]: [usize; 2], wide: usize) -> Self {
        let wide = wide.min(usize::from(area.width).max(1)) as u16;
        let proportion = height as f32 / width.max(1) as f32;
        let high =
            ((f32::from(wide) * proportion / 2.0).ceil() as u16).clamp(1, area.height.max(1));
        let tile = [wide + 1, high + 1];
        Self {
            area,
            tile,
            columns: usize::from((area.width + 1) / tile[0]).max(1),
            rows: usize::from((area.height + 1) / tile[1]).max(1),
        }
    }

    /// Maximum number of visible units.
    #[must_use]
    pub fn count(&self) -> usize {
        (self.columns * self.rows).min(MAX_COUNT)
    }

    /// The shape for a cursor, which only moves by pages if PgUp and PgDn have no other purpose.
    #[must_use]
    pub fn shape(&self, units: usize, pages: bool) -> GridShape {
        let page = if pages { (self.count() / self.columns.max(1)).max(1) } else { 0 };
        GridShape { count: units, columns: self.columns, page, wraps: true }
    }

    /// The cells of the n-th visible unit: its image and a line below it.
    #[must_use]
    pub fn place(&self, index: usize) -> Rect {
        let (column, row) = (index % self.columns, index / self.columns);
        let rect = Rect {
            x: self.area.x + column as u16 * self.tile[0],
            y: self.area.y + row as u16 * self.tile[1],
            width: self.tile[0] - 1,
            height: self.tile[1],
        };
        rect.intersection(self.area)
    }

    /// The index of the visible unit at a position.
    #[must_use]
    pub fn hit(&self, at: Position) -> Option<usize> {
        (0..self.count()).find(|&index| self.place(index).contains(at))
    }

    /// The first visible unit, moved by whole rows until the selected unit is visible.
    #[must_use]
    pub fn scroll(&self, first: usize, selected: usize, units: usize) -> usize {
        let (columns, rows) = (self.columns.max(1), self.rows.max(1));
        let (row, top) = (selected / columns, first / columns);
        let top = top.clamp((row + 1).saturating_sub(rows), row);
        (top * columns).min(units.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_as_large_as_possible() {
        let area = Rect::new(0, 0, 90, 34);
        let tile = |units| Grid::new(area, [28, 28], units).place(0).width;
        assert_eq!(tile(1), 56);
        assert_eq!(tile(6), 28);
        assert_eq!(tile(24), 14);
        assert_eq!([tile(30), tile(40)], [12, 10], "smaller rather than scrolled");
        assert_eq!(tile(1000), 14, "half size, and the rest is scrolled to");
    }

    #[test]
    fn rows_are_as_high_as_possible() {
        let area = Rect::new(2, 1, 60, 33);
        let place = |units, at| Grid::of_rows(area, units).place(at);
        assert_eq!(place(10, 1), Rect::new(2, 4, 60, 3));
        assert_eq!(place(100, 1), Rect::new(2, 2, 60, 1));
        assert_eq!(Grid::of_rows(area, 100).count(), 33);
    }

    #[test]
    fn scrolls_by_rows_to_the_selected_unit() {
        let grid = Grid::new(Rect::new(0, 0, 45, 16), [28, 28], 100);
        assert_eq!((grid.columns, grid.rows), (3, 2));
        assert_eq!(grid.scroll(0, 5, 100), 0);
        assert_eq!(grid.scroll(0, 6, 100), 3);
        assert_eq!(grid.scroll(30, 4, 100), 3);
    }
}
