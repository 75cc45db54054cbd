//! Candidate cuts between digits: paths from the top to the bottom of a line of writing that cross
//! little ink.

use crate::picture::Picture;

/// Cost, in pixels of full ink, of moving sideways by one column; straight paths through paper are
/// preferred.
const SIDEWAYS: f32 = 0.05;
/// Cost, in pixels of full ink, of staying one column away from the starting column over the height
/// of a digit: a path can bend around a stroke but does not move to the next gap.
const AWAY: f32 = 0.8;
/// Maximum distance from the starting column, as a fraction of the height of a digit.
const REACH: f32 = 0.25;
/// If paths are closer together than this fraction of the height of a digit, only the cheapest is
/// kept.
const APART: f32 = 0.1;
/// Paths that cross more ink than this fraction of the height of a digit run along a stroke and are
/// dropped.
const MAX_INK: f32 = 0.9;
/// Maximum distance in columns of neighbouring paths within the same gap.
const SIDE_BY_SIDE: f32 = 1.5;
/// Tolerance when comparing amounts of ink.
const EQUAL: f32 = 1e-3;

/// A path between pixels: for each row, the first column to its right.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cut {
    pub columns: Vec<usize>,
    /// Ink that it cuts through, in pixels of full ink.
    pub ink: f32,
}

impl Cut {
    /// Mean column.
    fn place(&self) -> f32 {
        self.columns.iter().sum::<usize>() as f32 / self.columns.len().max(1) as f32
    }

    /// A vertical path, for the ends of a line.
    pub fn straight(column: usize, height: usize) -> Self {
        Self { columns: vec![column; height], ink: 0.0 }
    }
}

/// The cuts of a line of writing from left to right, including both ends; `digit` is the height of
/// a digit in pixels.
pub(super) fn cuts(line: &Picture, digit: f32) -> Vec<Cut> {
    let reach = ((REACH * digit).round() as usize).max(1);
    let mut search = CutSearch::new(line, reach, AWAY / digit);
    let found = (1..line.width).map(|column| search.cheapest(column));
    let mut all: Vec<(f32, Cut)> = found.map(|cut| (cut.place(), cut)).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    all.dedup_by(|a, b| a.1.columns == b.1.columns);
    let mut kept = vec![Cut::straight(0, line.height)];
    let valleys = valleys(line, &all, (APART * digit).max(1.0));
    let valleys = valleys.into_iter().map(|at| all[at].1.clone());
    kept.extend(valleys.filter(|cut| cut.ink <= MAX_INK * digit));
    kept.push(Cut::straight(line.width, line.height));
    kept
}

/// Indices of the cuts (given with their mean columns) that are the cheapest within `apart`
/// columns; among equally cheap ones in the same gap, the middle one.
fn valleys(line: &Picture, cuts: &[(f32, Cut)], apart: f32) -> Vec<usize> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < cuts.len() {
        let ink = cuts[at].1.ink;
        let mut end = at + 1;
        let beside = |end: usize| {
            cuts[end].0 - cuts[end - 1].0 <= SIDE_BY_SIDE
                && (ink >= EQUAL || nothing_between(line, &cuts[end - 1].1, &cuts[end].1))
        };
        while end < cuts.len() && beside(end) && (cuts[end].1.ink - ink).abs() < EQUAL {
            end += 1;
        }
        let near = cuts[at].0 - apart..=cuts[end - 1].0 + apart;
        let rivals = cuts.iter().filter(|(place, _)| near.contains(place));
        if rivals.into_iter().all(|(_, other)| other.ink > ink - EQUAL) {
            found.push(usize::midpoint(at, end - 1));
        }
        at = end;
    }
    found
}

/// Whether there is only paper between two paths; a stroke one pixel wide separates two gaps.
fn nothing_between(line: &Picture, left: &Cut, right: &Cut) -> bool {
    (0..line.height).all(|row| {
        let (a, b) = (left.columns[row], right.columns[row]);
        (a.min(b)..a.max(b)).all(|x| line.ink[row * line.width + x] == 0)
    })
}

/// Buffers for finding the cheapest path through a corridor by dynamic programming.
struct CutSearch<'a> {
    line: &'a Picture,
    reach: usize,
    /// Cost per row and column of distance from the starting column.
    away: f32,
    /// Minimum cost to each column of the corridor, in the previous row and in this one.
    above: Vec<f32>,
    here: Vec<f32>,
    /// Back pointers, row-major.
    from: Vec<u8>,
}

impl<'a> CutSearch<'a> {
    fn new(line: &'a Picture, reach: usize, away: f32) -> Self {
        let wide = 2 * reach + 1;
        Self {
            line,
            reach,
            away,
            above: vec![0.0; wide],
            here: vec![0.0; wide],
            from: vec![0; wide * line.height],
        }
    }

    /// The cheapest path around a column.
    fn cheapest(&mut self, column: usize) -> Cut {
        let wide = self.above.len();
        for row in 0..self.line.height {
            for at in 0..wide {
                let stay =
                    self.away * at.abs_diff(self.reach) as f32 + self.between(column, at, row);
                let (mut best, mut from) = (f32::INFINITY, 1);
                for (step, before) in [(1_u8, Some(at)), (0, at.checked_sub(1)), (2, Some(at + 1))]
                {
                    let Some(before) = before.filter(|before| *before < wide && row > 0) else {
                        continue;
                    };
                    let cost = self.above[before] + self.sideways(column, before, at, row);
                    if cost < best {
                        (best, from) = (cost, step);
                    }
                }
                self.here[at] = stay + if row == 0 { 0.0 } else { best };
                self.from[row * wide + at] = from;
            }
            std::mem::swap(&mut self.above, &mut self.here);
        }
        self.walk_back(column)
    }

    /// Ink cut by a path to the left of a pixel; infinite outside of the line.
    fn between(&self, column: usize, at: usize, row: usize) -> f32 {
        let inside = self.x(column, at).filter(|x| (1..self.line.width).contains(x));
        inside.map_or(f32::INFINITY, |x| {
            let right = row * self.line.width + x;
            f32::from(self.line.ink[right - 1].min(self.line.ink[right])) / 255.0
        })
    }

    /// Converts a corridor position to a column of the line.
    fn x(&self, column: usize, at: usize) -> Option<usize> {
        (column + at).checked_sub(self.reach)
    }

    /// Cost of moving from a column in the previous row to one in this row.
    fn sideways(&self, column: usize, before: usize, at: usize, row: usize) -> f32 {
        if before == at {
            return 0.0;
        }
        // The pixel between the columns is separated from the pixel below it.
        let inside = self.x(column, before.min(at)).filter(|x| *x < self.line.width);
        let Some(x) = inside else { return f32::INFINITY };
        let below = row * self.line.width + x;
        let ink = self.line.ink[below].min(self.line.ink[below - self.line.width]);
        SIDEWAYS + f32::from(ink) / 255.0
    }

    fn walk_back(&self, column: usize) -> Cut {
        let wide = self.above.len();
        let cost = |at: &usize| self.above[*at];
        let mut at = (0..wide).min_by(|a, b| cost(a).total_cmp(&cost(b))).unwrap_or(self.reach);
        let mut columns = vec![0; self.line.height];
        let mut ink = 0.0;
        for row in (0..self.line.height).rev() {
            columns[row] = self.x(column, at).unwrap_or(0);
            ink += self.between(column, at, row);
            let before = match self.from[row * wide + at] {
                0 => at - 1,
                2 => at + 1,
                _ => at,
            };
            if row > 0 {
                let sideways = self.sideways(column, before, at, row);
                ink += if before == at { 0.0 } else { sideways - SIDEWAYS };
            }
            at = before;
        }
        Cut { columns, ink }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `#` is ink.
    fn picture(rows: &[&str]) -> Picture {
        let ink = rows.iter().flat_map(|row| row.bytes().map(|c| if c == b'#' { 255 } else { 0 }));
        Picture { width: rows[0].len(), height: rows.len(), ink: ink.collect() }
    }

    #[test]
    fn a_cut_bends_around_overhanging_strokes() {
        let line = picture(&[
            "######...####",
            "....#..###...",
            "....#..#.....",
            "...#..#......",
            "..#..#.......",
            "..#..#.......",
            ".#..#..####..",
            ".#..########.",
            ".#...#######.",
        ]);
        let free = cuts(&line, 9.0).into_iter().filter(|cut| cut.ink < 1e-3);
        let inner: Vec<Cut> = free.filter(|cut| (1..13).contains(&cut.columns[0])).collect();
        assert!(!inner.is_empty());
        for cut in inner {
            let (top, bottom) = (cut.columns[0], cut.columns[8]);
            assert!((6..=9).contains(&top) && bottom < top, "{cut:?}");
        }
    }

    #[test]
    fn touching_strokes_are_cut_where_they_are_thin() {
        let line = picture(&[
            ".####..####.",
            "##..####..##",
            "##..#..#..##",
            "##..#..#..##",
            "##..#..#..##",
            ".####..####.",
        ]);
        let cuts = cuts(&line, 6.0);
        let best = &cuts[1..cuts.len() - 1];
        let best = best.iter().min_by(|a, b| a.ink.total_cmp(&b.ink)).unwrap();
        assert!((best.ink - 1.0).abs() < 1e-3 && best.columns.iter().all(|x| *x == 6), "{best:?}");
        assert_eq!((cuts[0].columns[0], cuts[cuts.len() - 1].columns[0]), (0, 12));
    }
}
