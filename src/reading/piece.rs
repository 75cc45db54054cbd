//! Candidate pieces: the ink between two cuts.

use super::cut::Cut;
use crate::picture::{Components, Picture};

/// Components with less than this fraction of the ink between two cuts belong to a neighbouring
/// digit.
const SPLINTER: f64 = 0.1;

/// A piece that may be a digit.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// Indices of the cuts to its left and right.
    pub cuts: [usize; 2],
    /// Position in the line of writing.
    pub left: usize,
    pub top: usize,
    /// Its ink, cropped.
    pub picture: Picture,
}

/// The ink between two cuts, without parts of neighbouring digits; `None` if there is none.
pub(super) fn between(line: &Picture, cuts: &[Cut], ends: [usize; 2]) -> Option<Candidate> {
    let [left, right] = ends.map(|at| &cuts[at].columns);
    let first = left.iter().min().copied().unwrap_or(0);
    let last = right.iter().max().copied().unwrap_or(0).max(first);
    let mut cut = Picture::blank(last - first, line.height);
    for row in 0..line.height {
        for x in left[row]..right[row].max(left[row]) {
            cut.ink[row * cut.width + x - first] = line.ink[row * line.width + x];
        }
    }
    if cut.is_blank() {
        return None;
    }
    remove_splinters(&mut cut);
    let bounds = cut.bounds();
    let picture = cut.crop(bounds);
    Some(Candidate { cuts: ends, left: first + bounds.0, top: bounds.1, picture })
}

/// Removes cuts that have no ink between them and the previous one.
pub(super) fn remove_empty_cuts(line: &Picture, cuts: &mut Vec<Cut>) {
    let mut at = 1;
    while at < cuts.len() {
        if cuts.len() == 2 || between(line, cuts, [at - 1, at]).is_some() {
            at += 1;
        } else {
            // Both ends of the line are kept.
            cuts.remove(if at + 1 == cuts.len() { at - 1 } else { at });
        }
    }
}

/// The largest number of consecutive columns without ink.
pub(super) fn widest_gap(picture: &Picture) -> usize {
    let blank = |x: usize| (0..picture.height).all(|y| picture.ink[y * picture.width + x] == 0);
    let (mut run, mut widest) = (0, 0);
    for x in 0..picture.width {
        run = if blank(x) { run + 1 } else { 0 };
        widest = widest.max(run);
    }
    widest
}

fn remove_splinters(cut: &mut Picture) {
    let pieces = Components::of(cut);
    if pieces.list.len() < 2 {
        return;
    }
    let all: u64 = pieces.list.iter().map(|piece| piece.ink).sum();
    let kept = pieces.list.iter().filter(|piece| piece.ink as f64 >= SPLINTER * all as f64);
    let kept: Vec<_> = kept.collect();
    pieces.keep_only(cut, kept);
}
