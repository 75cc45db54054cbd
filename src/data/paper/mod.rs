//! Extracts ink from photographs of paper: unevenly lit, ruled, framed, or lying on a table.

mod box_lines;
mod contrast;
mod parts;
mod plane;
mod rings;
mod ruled_paper;
mod search;
mod sheet;
mod tight;

use crate::picture::Picture;
use contrast::Contrast;
pub(in crate::data) use plane::Plane;
use search::{InkCandidate, Strokes};
pub use sheet::Rectification;

/// Maximum longer side, in pixels, of the copy of the picture in which the search starts.
const SEARCHED: usize = 256;
/// Strokes narrower than this, in pixels, are searched for in a larger copy of the picture.
const NARROW: f32 = 2.2;
/// Desired width of strokes, in pixels, in the extracted picture.
const STROKE: f32 = 3.4;
/// If the strokes are wider than `THICK` times the height of the ink, a copy with strokes eroded to
/// `USUAL` times the height is a further candidate: strokes of training images are rarely as thick.
const THICK: f32 = 0.135;
const USUAL: f32 = 0.12;
/// Ink that covers more than this fraction of its bounding box is a filled region, unless the width
/// of the box is at most `NARROW_BOX` times its height, as that of a one.
const FILLED: f32 = 0.75;
const NARROW_BOX: f32 = 0.45;
/// Minimum ink (0 to 255) of a covered pixel.
const COVERED: u8 = 100;
/// Radii of the closing, in pixels, when the search is repeated in a larger copy.
const NARROW_RADII: [usize; 3] = [3, 5, 8];

/// Copies with more pixels than this are searched with a single radius, and only if something was
/// found in a smaller copy.
const LARGE: usize = 900_000;

/// Ink extracted from a picture.
#[derive(Clone, Debug)]
pub(in crate::data) struct Ink {
    pub picture: Picture,
    /// Downsampling factor: a pixel of the ink is a square of this many pixels of the picture per
    /// side.
    pub shrunk: usize,
    /// If the ink was found in a rectified sheet: the perspective transform back to the picture.
    pub straightening: Option<Rectification>,
    /// Whether it is a filled region rather than strokes.
    is_filled: bool,
}

/// Why no ink was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::data) enum NoInk {
    /// The contrast is below 24, or below 7 times the noise; both in shades (0 to 255).
    Faint { contrast: u8, noise: u8 },
    /// More than `most` connected components.
    Specks { most: usize },
    /// Nothing that looks like strokes.
    NoStrokes,
}

/// Finds ink in a picture. Returns at least one candidate, the most likely first. If the picture
/// shows a whole sheet of paper on a table, candidates from the rectified sheet follow.
pub(in crate::data) fn ink_of(shades: Plane) -> Result<Vec<Ink>, NoInk> {
    let copies = copies_of(shades);
    let mut inks = inks(&copies);
    if let Some((sheet, straightening)) = sheet::straightened(&copies[0], &copies[copies.len() - 1])
    {
        let straight = self::inks(&copies_of(sheet)).into_iter();
        inks.extend(straight.map(|ink| Ink { straightening: Some(straightening), ..ink }));
    }
    // Filled regions are usually the insides of boxes or cells; they are kept if nothing else was
    // found.
    if inks.iter().any(|ink| !ink.is_filled) {
        inks.retain(|ink| !ink.is_filled);
    }
    if inks.is_empty() { Err(no_ink(&copies)) } else { Ok(inks) }
}

/// An image pyramid: the picture, then copies of half the size each.
fn copies_of(shades: Plane) -> Vec<Plane> {
    let mut copies = vec![shades];
    while copies[copies.len() - 1].longer_side() > SEARCHED {
        let half = copies[copies.len() - 1].halved();
        copies.push(half);
    }
    copies
}

/// Candidates of one image pyramid, the most likely first. If the paper is ruled, candidates found
/// after the removal of its lines precede those of the unmodified pyramid.
fn inks(copies: &[Plane]) -> Vec<Ink> {
    let without_rules = ruled_paper::without_ruled_lines(copies).map(|(level, plane)| {
        let inks = inks_of_pyramid(&copies_of(plane)).into_iter();
        inks.map(move |ink| Ink { shrunk: ink.shrunk << level, ..ink })
    });
    without_rules.into_iter().flatten().chain(inks_of_pyramid(copies)).collect()
}

/// Candidates of an image pyramid from which no lines are removed.
fn inks_of_pyramid(copies: &[Plane]) -> Vec<Ink> {
    let mut inks: Vec<(Ink, f32)> = Vec::new();
    for (level, found) in search(copies) {
        // Extract from the smallest copy in which the strokes are wide enough.
        let mut finer = vec![(level, found)];
        while let Some((level, found)) =
            finer.last().cloned().filter(|last| last.0 > 0 && last.1.stroke < STROKE)
        {
            let found =
                InkCandidate { stroke: 2.0 * found.stroke, radius: 2 * found.radius, ..found };
            finer.push((level - 1, found));
        }
        inks.extend(finer.iter().rev().find_map(|(level, found)| {
            let picture = extracted(&copies[*level], found)?;
            let is_filled = is_filled(&picture);
            let ink = Ink { picture, shrunk: 1 << level, straightening: None, is_filled };
            Some((ink, found.stroke))
        }));
    }
    let level = copies.len() - 1;
    if let Some((picture, stroke)) = tight::whole(&copies[level]) {
        let is_filled = is_filled(&picture);
        let ink = Ink { picture, shrunk: 1 << level, straightening: None, is_filled };
        inks.push((ink, stroke));
    }
    let thinner: Vec<Ink> = inks.iter().filter_map(|(ink, stroke)| thinned(ink, *stroke)).collect();
    inks.into_iter().map(|(ink, _)| ink).chain(thinner).collect()
}

/// Whether ink is a filled region rather than strokes.
fn is_filled(picture: &Picture) -> bool {
    let (.., width, height) = picture.bounds();
    let covered = picture.ink.iter().filter(|ink| **ink >= COVERED).count() as f32;
    covered > FILLED * (width * height) as f32 && width as f32 > NARROW_BOX * height as f32
}

/// The ink with its strokes eroded to `USUAL` times its height, if they are too thick.
fn thinned(ink: &Ink, stroke: f32) -> Option<Ink> {
    let Picture { width, height, ink: strengths } = &ink.picture;
    let (.., high) = ink.picture.bounds();
    let high = high as f32;
    if stroke < THICK * high {
        return None;
    }
    let radius = ((stroke - USUAL * high) / 2.0).round().max(1.0) as usize;
    let shades = Plane::new(*width, *height, strengths.clone()).eroded(radius).shades;
    let picture = Picture { width: *width, height: *height, ink: shades };
    (!picture.is_blank()).then_some(Ink { picture, ..*ink })
}

/// Searches the pyramid; returns each candidate with the level it was found in.
fn search(copies: &[Plane]) -> Vec<(usize, InkCandidate)> {
    let mut level = copies.len() - 1;
    let mut found = search::find(&copies[level], None);
    while level > 0 && found.first().is_none_or(|found| found.stroke < NARROW) {
        level -= 1;
        let large = copies[level].shades.len() > LARGE;
        if large && found.is_empty() {
            return Vec::new();
        }
        let radii = if large { &NARROW_RADII[1..2] } else { &NARROW_RADII };
        let finer = search::find(&copies[level], Some(radii));
        // Noise in a larger copy can hide what a smaller one shows.
        match (found.first(), finer.first()) {
            (Some(coarse), Some(fine)) if !fine.sharpens(coarse) => {
                return at_level(level + 1, found);
            }
            (Some(_), None) => return at_level(level + 1, found),
            _ => found = finer,
        }
    }
    at_level(level, found)
}

fn at_level(level: usize, found: Vec<InkCandidate>) -> Vec<(usize, InkCandidate)> {
    found.into_iter().map(|found| (level, found)).collect()
}

/// The reason why nothing was found in a pyramid.
fn no_ink(copies: &[Plane]) -> NoInk {
    let sharp = Contrast::of(&copies[0], 3, contrast::DARKEST_PAPER);
    let threshold = contrast::percentile(sharp.strength.iter().copied(), 0.998) / 2;
    let clear = f32::from(threshold) > 4.0 * sharp.noise && threshold >= 16;
    if clear && parts::Parts::above(&sharp, threshold).list.len() > parts::MAX_PARTS {
        return NoInk::Specks { most: parts::MAX_PARTS };
    }
    let smallest = &copies[copies.len() - 1];
    let closed = smallest.closed((smallest.shorter_side() / 6).max(2));
    let away = smallest.shades.iter().zip(&closed.shades).map(|(shade, paper)| paper - shade);
    let contrast = contrast::percentile(away, 0.998);
    let blurred = copies[0].blurred();
    let grain = copies[0].shades.iter().zip(&blurred.shades).map(|(a, b)| a.abs_diff(*b));
    // The blurred picture contains part of the noise, so the difference has about 0.85 of it.
    let noise = (1.4826 * f32::from(contrast::percentile(grain, 0.5)) / 0.85).round() as u8;
    if contrast < 24 || f32::from(contrast) < 7.0 * f32::from(noise) {
        NoInk::Faint { contrast, noise }
    } else {
        NoInk::NoStrokes
    }
}

/// Converts the whole picture to ink without a search. Paper is the median shade of the border; ink
/// is darker or lighter, whichever deviates more in total, and the largest deviation becomes 255.
/// `None` if all pixels have the same shade.
pub(in crate::data) fn untouched(plane: &Plane) -> Option<Picture> {
    let Plane { width, height, .. } = *plane;
    let border = plane.shades.iter().enumerate().filter(|(at, _)| {
        let (x, y) = (at % width, at / width);
        x == 0 || y == 0 || x + 1 == width || y + 1 == height
    });
    let paper = contrast::percentile(border.map(|(_, shade)| *shade), 0.5);
    let darker: u64 = plane.shades.iter().map(|&at| u64::from(paper.saturating_sub(at))).sum();
    let lighter: u64 = plane.shades.iter().map(|&at| u64::from(at.saturating_sub(paper))).sum();
    let away = |shade: u8| {
        if darker > lighter { paper.saturating_sub(shade) } else { shade.saturating_sub(paper) }
    };
    let strongest = plane.shades.iter().map(|&shade| away(shade)).max().filter(|at| *at > 0)?;
    let ink = plane
        .shades
        .iter()
        .map(|&shade| (u32::from(away(shade)) * 255 / u32::from(strongest)) as u8)
        .collect();
    Some(Picture { width, height, ink })
}

/// The ink of a candidate, scaled so that [`InkCandidate::strongest`] becomes 255.
fn extracted(plane: &Plane, found: &InkCandidate) -> Option<Picture> {
    let mut plane = if found.inverted { plane.inverted() } else { plane.clone() };
    let darkest = search::darkest_paper(found.inverted);
    let mut contrast = Contrast::of(&plane, found.radius, darkest);
    if contrast.noise * 4.0 > f32::from(found.threshold) && found.stroke > 3.0 {
        plane = plane.blurred();
        contrast = Contrast::of(&plane, found.radius, darkest);
    }
    let threshold =
        found.threshold.max((3.5 * contrast.noise).min(f32::from(found.strongest) * 0.6) as u8);
    let Strokes { parts, kept, .. } = search::strokes(&contrast, threshold);
    let mut is_kept = vec![false; parts.list.len()];
    for &label in &kept {
        is_kept[label as usize] = true;
    }
    let stroke: Vec<bool> = parts
        .labels
        .iter()
        .map(|&label| is_kept.get(label as usize).copied().unwrap_or(false))
        .collect();
    let (width, height) = (plane.width, plane.height);
    let beside = |at: usize| {
        let (x, y) = (at % width, at / width);
        (y.saturating_sub(1)..(y + 2).min(height)).any(|row| {
            (x.saturating_sub(1)..(x + 2).min(width)).any(|column| stroke[row * width + column])
        })
    };
    let edge = f32::from(threshold) / 2.0;
    let full = f32::from(found.strongest.max(1));
    let ink: Vec<u8> = contrast
        .strength
        .iter()
        .enumerate()
        .map(|(at, &strength)| {
            let strength = f32::from(strength);
            if stroke[at] || strength >= edge && parts.labels[at] == parts::NONE && beside(at) {
                (255.0 * strength / full).round().clamp(1.0, 255.0) as u8
            } else {
                0
            }
        })
        .collect();
    let picture = Picture { width, height, ink };
    (!picture.is_blank()).then_some(picture)
}

#[cfg(test)]
mod tests;
