//! Several digits in one picture: the segmentation problem of the book's section 1.4.
//!
//! Ink that hangs together is one piece; pieces that lie over each other (the two strokes of a
//! five) are one digit; specks are nothing. Digits that touch each other stay one.

use crate::data::Picture;

/// Pieces with less ink than this fraction of the median piece are specks.
const SPECK: f64 = 0.1;
/// Pieces belong together when this fraction of the narrower one lies over or under the other.
const OVERLAP: f64 = 0.6;
/// No piece is part of a pixel.
const PAPER: u32 = u32::MAX;

/// A digit found in a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glyph {
    /// The line of writing it stands in, counted from the top.
    pub line: usize,
    pub left: usize,
    pub top: usize,
    /// The digit alone, without its neighbours.
    pub picture: Picture,
}

/// Ink that hangs together.
#[derive(Clone, Debug)]
struct Piece {
    /// Labels of the pixels that belong to it.
    labels: Vec<u32>,
    left: usize,
    top: usize,
    /// One beyond the last column and row.
    right: usize,
    bottom: usize,
    ink: u64,
}

/// Finds the digits of a picture, line by line, from left to right.
#[must_use]
pub fn segment(picture: &Picture) -> Vec<Glyph> {
    let (labels, pieces) = pieces(picture);
    let mut lines = lines(join(without_specks(pieces)));
    for line in &mut lines {
        line.sort_by_key(|piece| piece.left);
    }
    let numbered = lines.iter().enumerate();
    numbered
        .flat_map(|(line, pieces)| pieces.iter().map(move |piece| (line, piece)))
        .map(|(line, piece)| piece.cut(line, picture, &labels))
        .collect()
}

/// Labels every pixel with the piece it belongs to, diagonal neighbours included.
fn pieces(picture: &Picture) -> (Vec<u32>, Vec<Piece>) {
    let mut labels = vec![PAPER; picture.ink.len()];
    let mut pieces = Vec::new();
    let mut open = Vec::new();
    for start in 0..picture.ink.len() {
        if picture.ink[start] == 0 || labels[start] != PAPER {
            continue;
        }
        let label = pieces.len() as u32;
        let mut piece = Piece::new(label, start % picture.width, start / picture.width);
        labels[start] = label;
        open.push(start);
        while let Some(at) = open.pop() {
            let (x, y) = (at % picture.width, at / picture.width);
            piece.take(x, y, picture.ink[at]);
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
        pieces.push(piece);
    }
    (labels, pieces)
}

fn without_specks(pieces: Vec<Piece>) -> Vec<Piece> {
    // Noise may outnumber digits, so the median is that of the ink: half of it lies in pieces of
    // this size or larger.
    let mut sizes: Vec<u64> = pieces.iter().map(|piece| piece.ink).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    let half = sizes.iter().sum::<u64>() / 2;
    let mut sum = 0;
    let median = sizes.iter().find(|&&ink| {
        sum += ink;
        sum > half
    });
    let least = median.map_or(0.0, |&ink| ink as f64 * SPECK);
    pieces.into_iter().filter(|piece| piece.ink as f64 >= least).collect()
}

/// Joins pieces that lie over each other, until none do.
fn join(mut pieces: Vec<Piece>) -> Vec<Piece> {
    let mut done: Vec<Piece> = Vec::with_capacity(pieces.len());
    while let Some(mut piece) = pieces.pop() {
        match done.iter().position(|other| piece.belongs_to(other)) {
            Some(index) => {
                piece.add(done.swap_remove(index));
                pieces.push(piece);
            }
            None => done.push(piece),
        }
    }
    done
}

/// Lines of writing from the top, by what stands beside what.
fn lines(mut pieces: Vec<Piece>) -> Vec<Vec<Piece>> {
    pieces.sort_by_key(|piece| piece.top + piece.bottom);
    let mut lines: Vec<Vec<Piece>> = Vec::new();
    for piece in pieces {
        match lines.last_mut() {
            Some(line) if line.iter().any(|other| piece.stands_beside(other)) => line.push(piece),
            _ => lines.push(vec![piece]),
        }
    }
    lines
}

impl Piece {
    fn new(label: u32, x: usize, y: usize) -> Self {
        Self { labels: vec![label], left: x, top: y, right: x + 1, bottom: y + 1, ink: 0 }
    }

    fn take(&mut self, x: usize, y: usize, ink: u8) {
        self.left = self.left.min(x);
        self.top = self.top.min(y);
        self.right = self.right.max(x + 1);
        self.bottom = self.bottom.max(y + 1);
        self.ink += u64::from(ink);
    }

    fn width(&self) -> usize {
        self.right - self.left
    }

    fn height(&self) -> usize {
        self.bottom - self.top
    }

    /// Whether it lies over or under the other, no further away than strokes of one digit are.
    fn belongs_to(&self, other: &Self) -> bool {
        let shared = self.right.min(other.right).saturating_sub(self.left.max(other.left));
        let narrower = self.width().min(other.width());
        let gap = self.top.max(other.top).saturating_sub(self.bottom.min(other.bottom));
        let near = gap * 4 <= self.height().max(other.height());
        near && shared as f64 >= narrower as f64 * OVERLAP
    }

    /// Whether the middle of one lies within the height of the other.
    fn stands_beside(&self, other: &Self) -> bool {
        let middle = |piece: &Self| usize::midpoint(piece.top, piece.bottom);
        (self.top..self.bottom).contains(&middle(other))
            || (other.top..other.bottom).contains(&middle(self))
    }

    fn add(&mut self, other: Self) {
        self.labels.extend(other.labels);
        self.left = self.left.min(other.left);
        self.top = self.top.min(other.top);
        self.right = self.right.max(other.right);
        self.bottom = self.bottom.max(other.bottom);
        self.ink += other.ink;
    }

    fn cut(&self, line: usize, picture: &Picture, labels: &[u32]) -> Glyph {
        let rows = self.top..self.bottom;
        let pixels = rows.flat_map(|y| (self.left..self.right).map(move |x| (x, y)));
        let ink = pixels.map(|(x, y)| {
            let at = y * picture.width + x;
            if self.labels.contains(&labels[at]) { picture.ink[at] } else { 0 }
        });
        let picture = Picture { width: self.width(), height: self.height(), ink: ink.collect() };
        Glyph { line, left: self.left, top: self.top, picture }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `#` is ink.
    fn picture(rows: &[&str]) -> Picture {
        let ink = rows.iter().flat_map(|row| row.bytes().map(|c| if c == b'#' { 255 } else { 0 }));
        Picture { width: rows[0].len(), height: rows.len(), ink: ink.collect() }
    }

    fn places(glyphs: &[Glyph]) -> Vec<(usize, usize, usize)> {
        glyphs.iter().map(|glyph| (glyph.line, glyph.left, glyph.top)).collect()
    }

    #[test]
    fn digits_are_found_line_by_line_from_left_to_right() {
        let glyphs = segment(&picture(&[
            "..........",
            ".##....##.",
            ".##..#.##.",
            ".....#....",
            ".....#....",
            "..........",
            "..........",
            "..##......",
            "..##..###.",
            "......###.",
        ]));
        assert_eq!(places(&glyphs), [(0, 1, 1), (0, 5, 2), (0, 7, 1), (1, 2, 7), (1, 6, 8)]);
    }

    #[test]
    fn strokes_over_each_other_are_one_digit_and_specks_are_none() {
        let glyphs = segment(&picture(&[
            "######......",
            "............",
            "##..........",
            "####......##",
            "...##...####",
            "...##...####",
            "####....####",
            "............",
            "...........#",
        ]));
        assert_eq!(places(&glyphs), [(0, 0, 0), (0, 8, 3)]);
        assert_eq!((glyphs[0].picture.width, glyphs[0].picture.height), (6, 7));
        assert_eq!((glyphs[1].picture.width, glyphs[1].picture.height), (4, 4));
    }

    #[test]
    fn a_neighbour_within_the_box_is_left_out() {
        let glyphs = segment(&picture(&[
            "####........",
            "#...........",
            "#.......####",
            "#..........#",
            "#..........#",
            "##########.#",
            "...........#",
        ]));
        assert_eq!(glyphs.len(), 2);
        assert_eq!((glyphs[0].picture.width, glyphs[1].picture.width), (10, 4));
        let ink = |glyph: &Glyph| glyph.picture.ink.iter().filter(|ink| **ink > 0).count();
        assert_eq!((ink(&glyphs[0]), ink(&glyphs[1])), (18, 8));
    }

    proptest! {
        #[test]
        fn any_picture_is_cut_into_pieces_that_lie_within_it(
            width in 1_usize..20, height in 1_usize..20, seed: Vec<u8>,
        ) {
            let ink = (0..width * height).map(|at| seed.get(at).copied().unwrap_or(0));
            let picture = Picture { width, height, ink: ink.collect() };
            let glyphs = segment(&picture);
            prop_assert_eq!(glyphs.is_empty(), picture.ink.iter().all(|ink| *ink == 0));
            for glyph in glyphs {
                prop_assert!(glyph.left + glyph.picture.width <= width);
                prop_assert!(glyph.top + glyph.picture.height <= height);
                prop_assert!(glyph.picture.ink.iter().any(|ink| *ink > 0));
            }
        }
    }
}
