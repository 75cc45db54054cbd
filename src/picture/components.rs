//! Connected components of ink.

use super::Picture;
use std::collections::HashSet;

/// Label of a pixel without ink.
const PAPER: u32 = u32::MAX;

/// The connected components of a picture.
#[derive(Clone, Debug, Default)]
pub struct Components {
    /// The label of each pixel, row-major.
    labels: Vec<u32>,
    pub list: Vec<Component>,
}

/// A connected component: its bounding box and amount of ink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Component {
    label: u32,
    pub left: usize,
    pub top: usize,
    /// One past the last column and row.
    pub right: usize,
    pub bottom: usize,
    /// Sum of its pixels.
    pub ink: u64,
}

impl Components {
    /// Finds the pieces of a picture, with 8-connectivity.
    #[must_use]
    pub fn of(picture: &Picture) -> Self {
        let mut labels = vec![PAPER; picture.ink.len()];
        let mut list: Vec<Component> = Vec::new();
        let mut open = Vec::new();
        for start in 0..picture.ink.len() {
            if picture.ink[start] == 0 || labels[start] != PAPER {
                continue;
            }
            let label = list.len() as u32;
            let mut piece = Component::new(label, start % picture.width, start / picture.width);
            labels[start] = label;
            open.push(start);
            while let Some(at) = open.pop() {
                let (x, y) = (at % picture.width, at / picture.width);
                piece.add_pixel(x, y, picture.ink[at]);
                for row in y.saturating_sub(1)..(y + 2).min(picture.height) {
                    for column in x.saturating_sub(1)..(x + 2).min(picture.width) {
                        let next = row * picture.width + column;
                        if picture.ink[next] > 0 && labels[next] == PAPER {
                            labels[next] = label;
                            open.push(next);
                        }
                    }
                }
            }
            list.push(piece);
        }
        Self { labels, list }
    }

    /// Drops pieces from the list; their ink stays in the picture until [`Components::keep_only`].
    pub fn retain(&mut self, keep: impl FnMut(&Component) -> bool) {
        self.list.retain(keep);
    }

    /// A picture of only the given pieces, cropped to their bounding box, and the left column and
    /// top row of that box; an empty picture if there are no pieces.
    #[must_use]
    pub fn cut_out(&self, picture: &Picture, pieces: &[Component]) -> (Picture, (usize, usize)) {
        let labels: HashSet<u32> = pieces.iter().map(|piece| piece.label).collect();
        let least = |of: fn(&Component) -> usize| pieces.iter().map(of).min().unwrap_or(0);
        let most = |of: fn(&Component) -> usize| pieces.iter().map(of).max().unwrap_or(0);
        let (left, top) = (least(|piece| piece.left), least(|piece| piece.top));
        let (right, bottom) = (most(|piece| piece.right), most(|piece| piece.bottom));
        let mut alone = Picture::blank(right - left, bottom - top);
        for row in top..bottom {
            for column in left..right {
                let at = row * picture.width + column;
                if labels.contains(&self.labels[at]) {
                    alone.ink[(row - top) * alone.width + column - left] = picture.ink[at];
                }
            }
        }
        (alone, (left, top))
    }

    /// Removes all ink that belongs to none of the given pieces.
    pub fn keep_only<'a>(
        &self,
        picture: &mut Picture,
        pieces: impl IntoIterator<Item = &'a Component>,
    ) {
        let most = self.labels.iter().filter(|label| **label != PAPER).max();
        let mut kept = vec![false; most.map_or(0, |most| *most as usize + 1)];
        pieces.into_iter().for_each(|piece| kept[piece.label as usize] = true);
        for (ink, label) in picture.ink.iter_mut().zip(&self.labels) {
            if *label != PAPER && !kept[*label as usize] {
                *ink = 0;
            }
        }
    }
}

impl Component {
    fn new(label: u32, x: usize, y: usize) -> Self {
        Self { label, left: x, top: y, right: x + 1, bottom: y + 1, ink: 0 }
    }

    fn add_pixel(&mut self, x: usize, y: usize, ink: u8) {
        self.left = self.left.min(x);
        self.top = self.top.min(y);
        self.right = self.right.max(x + 1);
        self.bottom = self.bottom.max(y + 1);
        self.ink += u64::from(ink);
    }

    #[must_use]
    pub fn width(&self) -> usize {
        self.right - self.left
    }

    #[must_use]
    pub fn height(&self) -> usize {
        self.bottom - self.top
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diagonal_pixels_are_connected_and_other_pieces_are_erased() {
        let ink = vec![
            9, 0, 0, 0, //
            0, 9, 0, 7, //
            0, 0, 0, 7,
        ];
        let mut picture = Picture { width: 4, height: 3, ink };
        let pieces = Components::of(&picture);
        let boxes: Vec<_> =
            pieces.list.iter().map(|p| (p.left, p.top, p.right, p.bottom)).collect();
        assert_eq!(boxes, [(0, 0, 2, 2), (3, 1, 4, 3)]);
        assert_eq!([pieces.list[0].ink, pieces.list[1].ink], [18, 14]);
        let (alone, at) = pieces.cut_out(&picture, &pieces.list[1..]);
        assert_eq!((alone.width, alone.ink, at), (1, vec![7, 7], (3, 1)));
        pieces.keep_only(&mut picture, &pieces.list[1..]);
        assert_eq!(picture.ink, [0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 7]);
    }
}
