//! The positions of a layer's units on the screen.

use ratatui::layout::{Position, Rect};

/// Sizes of a feature map's thumbnail in cells, including the gap, the largest first.
const THUMBNAILS: [[u16; 2]; 5] = [[13, 7], [9, 5], [7, 4], [5, 3], [3, 1]];

/// Maximum rows from one dot to the next.
const MAX_SPACING: u16 = 5;

/// The units of a layer in one or more columns.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct UnitColumn {
    /// Index among all layers.
    pub layer: u32,
    /// Shape (maps, height, width) of its output.
    pub shape: [u32; 3],
    /// The area of the units.
    pub area: Rect,
    /// Cells from one unit to the next, horizontally and vertically.
    step: [u16; 2],
    rows: usize,
    /// Maximum number of visible units.
    pub shown: usize,
    /// Columns from its left edge to the next layer, for its name.
    pub room: u16,
}

/// Number of units of a layer: feature maps, or the values of a vector.
pub(super) fn units(shape: [u32; 3]) -> usize {
    let [maps, height, width] = shape;
    if height > 1 { maps as usize } else { (maps * width) as usize }
}

impl UnitColumn {
    /// Lays out a layer in an area: centred, in as few columns as possible.
    pub(super) fn new(layer: u32, shape: [u32; 3], area: Rect) -> Self {
        let count = units(shape).max(1);
        let step = if shape[1] > 1 { thumbnail(count, area) } else { dots(count, area) };
        let across = usize::from(area.width / step[0].max(1)).max(1);
        let down = usize::from(area.height / step[1].max(1)).max(1);
        let columns = count.div_ceil(down).min(across);
        let shown = count.min(columns * down);
        let rows = shown.div_ceil(columns);
        let width = (columns as u16 * step[0]).min(area.width);
        // Dots are spread over the height.
        let apart = if shape[1] > 1 { step[1] } else { MAX_SPACING };
        let height = (rows as u16).saturating_mul(apart).min(area.height);
        let area = Rect {
            x: area.x + (area.width - width) / 2,
            y: area.y + (area.height - height) / 2,
            width,
            height,
        };
        Self { layer, shape, area, step, rows, shown, room: area.width }
    }

    /// The cells of a unit, without the gap.
    pub(super) fn place(&self, unit: usize) -> Rect {
        let (column, row) = (unit / self.rows.max(1), unit % self.rows.max(1));
        let side = |step: u16| match self.shape[1] {
            0 | 1 => 1,
            _ => step - u16::from(step > 2),
        };
        let down = if self.shape[1] > 1 {
            row * usize::from(self.step[1])
        } else {
            row * usize::from(self.area.height) / self.rows.max(1)
        };
        let rect = Rect {
            x: self.area.x.saturating_add(column as u16 * self.step[0]),
            y: self.area.y.saturating_add(down as u16),
            width: side(self.step[0]),
            height: side(self.step[1]),
        };
        rect.intersection(self.area)
    }

    /// The unit at a position on the screen; the gaps to its right and below belong to it.
    pub(super) fn hit(&self, at: Position) -> Option<usize> {
        if !self.area.contains(at) {
            return None;
        }
        let column = usize::from((at.x - self.area.x) / self.step[0]);
        let down = usize::from(at.y - self.area.y);
        let row = if self.shape[1] > 1 {
            down / usize::from(self.step[1])
        } else {
            // The last row that starts at or above the position.
            ((down + 1) * self.rows).saturating_sub(1) / usize::from(self.area.height).max(1)
        };
        let unit = column * self.rows + row;
        (row < self.rows && unit < self.shown).then_some(unit)
    }
}

/// The spacing of units drawn as dots, one per row.
fn dots(count: usize, area: Rect) -> [u16; 2] {
    let height = usize::from(area.height).max(1);
    let roomy = count.div_ceil(height) * 2 <= usize::from(area.width);
    [if roomy { 2 } else { 1 }, 1]
}

fn thumbnail(count: usize, area: Rect) -> [u16; 2] {
    let fits = |[width, height]: &[u16; 2]| {
        let room = usize::from(area.width / width) * usize::from(area.height / height);
        room >= count
    };
    THUMBNAILS.into_iter().find(fits).unwrap_or([3, 1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn units_are_inside_the_area_and_found_by_position(
            maps in 1_u32..50, side in 1_u32..30, vector in any::<bool>(),
            width in 0_u16..60, height in 0_u16..40,
        ) {
            let shape = if vector { [1, 1, maps * side] } else { [maps, side, side] };
            let area = Rect::new(3, 2, width, height);
            let column = UnitColumn::new(0, shape, area);
            prop_assert_eq!(column.area.intersection(area), column.area);
            for unit in 0..column.shown {
                let place = column.place(unit);
                if place.area() > 0 {
                    prop_assert_eq!(column.hit(place.as_position()), Some(unit));
                }
            }
        }
    }
}
