//! Groups pieces of ink into lines of writing.

use super::{MAX_PIECES, ReadingError};
use crate::picture::{Component, Components};

/// Pieces smaller than this fraction of a digit's height, in both directions, are specks.
const SPECK: f64 = 0.25;
/// Pieces belong to one digit if they overlap horizontally by this fraction of the narrower one.
const OVERLAP: f64 = 0.6;

/// Pieces of ink above each other that form one digit.
#[derive(Clone, Debug)]
struct PieceGroup {
    pieces: Vec<Component>,
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
}

/// The height of a digit: the ink-weighted median of the heights of the pieces.
pub(super) fn digit_height(pieces: &[Component]) -> usize {
    let mut heights: Vec<(usize, u64)> = pieces.iter().map(|p| (p.height(), p.ink)).collect();
    heights.sort_unstable_by(|a, b| b.cmp(a));
    let half = heights.iter().map(|(_, ink)| ink).sum::<u64>() / 2;
    let mut sum = 0;
    let median = heights.iter().find(|(_, ink)| {
        sum += ink;
        sum > half
    });
    median.map_or(1, |(height, _)| *height)
}

/// The pieces of each line of writing, from top to bottom, without specks.
///
/// # Errors
/// If there are too many pieces for a page of writing.
pub(super) fn lines(
    mut pieces: Components,
) -> Result<(Components, Vec<Vec<Component>>), ReadingError> {
    let least = SPECK * digit_height(&pieces.list) as f64;
    pieces.retain(|piece| piece.width().max(piece.height()) as f64 >= least);
    let found = pieces.list.len();
    if found > MAX_PIECES {
        return Err(ReadingError::Specks { found });
    }
    let lines = group_lines(join(pieces.list.iter().map(|piece| PieceGroup::of(*piece)).collect()));
    let flat =
        |groups: Vec<PieceGroup>| groups.into_iter().flat_map(|group| group.pieces).collect();
    Ok((pieces, lines.into_iter().map(flat).collect()))
}

/// Merges groups until no two of them belong together.
fn join(mut groups: Vec<PieceGroup>) -> Vec<PieceGroup> {
    let mut done: Vec<PieceGroup> = Vec::with_capacity(groups.len());
    while let Some(mut group) = groups.pop() {
        match done.iter().position(|other| group.belongs_to(other)) {
            Some(index) => {
                group.add(done.swap_remove(index));
                groups.push(group);
            }
            None => done.push(group),
        }
    }
    done
}

/// Sorts groups into lines from top to bottom.
fn group_lines(mut groups: Vec<PieceGroup>) -> Vec<Vec<PieceGroup>> {
    groups.sort_by_key(|group| group.top + group.bottom);
    let mut lines: Vec<Vec<PieceGroup>> = Vec::new();
    for group in groups {
        match lines.last_mut() {
            Some(line) if line.iter().any(|other| group.is_beside(other)) => line.push(group),
            _ => lines.push(vec![group]),
        }
    }
    lines
}

impl PieceGroup {
    fn of(piece: Component) -> Self {
        let Component { left, top, right, bottom, .. } = piece;
        Self { pieces: vec![piece], left, top, right, bottom }
    }

    /// Whether the other group is above or below it, and close enough to be part of the same digit.
    fn belongs_to(&self, other: &Self) -> bool {
        let shared = self.right.min(other.right).saturating_sub(self.left.max(other.left));
        let narrower = (self.right - self.left).min(other.right - other.left);
        let gap = self.top.max(other.top).saturating_sub(self.bottom.min(other.bottom));
        let near = gap * 4 <= (self.bottom - self.top).max(other.bottom - other.top);
        near && shared as f64 >= narrower as f64 * OVERLAP
    }

    /// Whether the vertical centre of one is within the vertical extent of the other.
    fn is_beside(&self, other: &Self) -> bool {
        let middle = |group: &Self| usize::midpoint(group.top, group.bottom);
        (self.top..self.bottom).contains(&middle(other))
            || (other.top..other.bottom).contains(&middle(self))
    }

    fn add(&mut self, other: Self) {
        self.pieces.extend(other.pieces);
        self.left = self.left.min(other.left);
        self.top = self.top.min(other.top);
        self.right = self.right.max(other.right);
        self.bottom = self.bottom.max(other.bottom);
    }
}
