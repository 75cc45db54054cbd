//! Searches for the polarity, threshold, stroke width and strength of ink.

use super::contrast::{Contrast, DARKEST_INVERTED_PAPER, DARKEST_PAPER, percentile};
use super::parts::{self, Part, PartKind, Parts};
use super::plane::Plane;
use super::{box_lines, rings};

/// Radii of the closing to try, in pixels.
const RADII: [usize; 9] = [2, 3, 5, 8, 12, 18, 27, 40, 60];
/// Ratio of consecutive thresholds.
const STEP: f32 = 1.25;
/// Lowest and highest threshold, of 255.
const LOWEST: f32 = 8.0;
const HIGHEST: f32 = 235.0;
/// A threshold is at most this fraction of the 80th percentile of the ink's strength.
const HIGH: f32 = 0.75;
/// Minimum threshold in standard deviations of the paper's noise.
const ABOVE_NOISE: f32 = 4.0;
/// Minimum 80th percentile of the ink's strength in standard deviations of the paper's noise.
const CLEAR: f32 = 6.5;
/// Radius of the closing for measuring noise, in pixels.
const NOISE_RADIUS: usize = 8;
/// The smallest radius whose score is at least this fraction of the best is chosen.
const AS_GOOD: f32 = 0.88;
/// Similarity from which results at two radii are considered equal.
const STEADY: f32 = 0.9;
/// Planes with more pixels are searched with fewer thresholds.
const LARGE: usize = 300_000;
/// Only this many parts, the longest ones, count in the score.
const MAX_PARTS: usize = 10;
/// A plane with more noise than this (in units of strength, 0 to 255) is blurred first.
const NOISY: f32 = 6.0;
/// If the ink of one polarity is weaker than this fraction of the other's, it is grain.
const WEAK: f32 = 0.3;
/// Strokes thinner than this fraction of the typical stroke are printed lines or dirt.
const THINNEST: f32 = 0.45;
/// Parts weaker than this fraction of the strongest large part were not written with the same pen:
/// printed lines, writing that shows through, smears.
const WEAKEST: f32 = 0.55;
/// A part is large if its outline is at least this fraction of the longest one.
const SUBSTANTIAL: f32 = 0.3;
/// The lines of boxes are also searched for at this fraction of the threshold.
const PALE_LINES: f32 = 0.5;
/// A lower threshold is accepted only if the length of the strokes is at least this multiple of the
/// length at the best threshold.
const SHORTER: f32 = 0.9;
/// The same if the lower threshold gives fewer parts: it fills the holes of grainy strokes.
const SHORTER_WITHOUT_GRAIN: f32 = 0.7;
/// A lower threshold is accepted if length and area of the strokes are at most these multiples of
/// those at the best threshold.
const LITTLE_LONGER: f32 = 1.35;
const LITTLE_WIDER: f32 = 1.8;
/// A lower threshold is also accepted if it adds no strokes, their length is at most this multiple,
/// and their area grows by at most `WIDER_THAN_LONGER` times the growth of their length.
const LONGER: f32 = 2.5;
/// Maximum growth of the strokes' area relative to the growth of their length.
const WIDER_THAN_LONGER: f32 = 1.5;
/// Fraction of a candidate's strength that a more detailed one must reach.
const AS_STRONG: f32 = 0.9;
/// The length of a part counts in the score up to this multiple of the sum of its width and height:
/// only hatching is longer.
const LONGEST: f32 = 1.5;
/// Ink that covers more than this fraction of the picture is probably paper.
const MOST_COVERED: f32 = 0.6;
/// Factor of its score.
const COVERED: f32 = 0.1;
/// Weight in the score of a part that is cut off by the picture's border.
const DEEP: f32 = 0.35;

/// A candidate for the ink.
#[derive(Clone, Debug, Default)]
pub(super) struct InkCandidate {
    /// Light ink on dark paper.
    pub inverted: bool,
    /// Radius of the closing that separates paper from ink.
    pub radius: usize,
    /// The smallest radius with about the same result.
    pub narrowest: usize,
    /// Minimum strength of ink.
    pub threshold: u8,
    /// 80th percentile of the ink's strength.
    pub strongest: u8,
    /// Width of the strokes in pixels.
    pub stroke: f32,
    /// Larger for more likely ink.
    pub score: f32,
    /// Number of ink pixels.
    pub area: f32,
    /// Bounding box of the ink.
    pub bounds: Part,
    /// The largest ring around the ink, which is not part of it.
    pub ring: Option<Part>,
}

/// The parts at one threshold, and those that may be strokes.
#[derive(Clone, Debug)]
pub(super) struct Strokes {
    pub parts: Parts,
    /// Labels of the parts that may be strokes.
    pub kept: Vec<u32>,
    pub score: f32,
    /// The largest ring that was removed.
    ring: Option<Part>,
}

/// Searches for dark ink and for light ink; returns the more likely one first.
pub(super) fn find(plane: &Plane, radii: Option<&[usize]>) -> Vec<InkCandidate> {
    let [dark, light] = [false, true].map(|inverted| {
        let plane = if inverted { &plane.inverted() } else { plane };
        of_polarity(plane, radii.unwrap_or(&RADII), inverted)
    });
    let (dark, light) = match (dark, light) {
        (Some(dark), Some(light)) => (dark, light),
        (dark, light) => return dark.or(light).into_iter().collect(),
    };
    // The paper inside a ring is not ink.
    let is_paper =
        |a: &InkCandidate, b: &InkCandidate| b.ring.is_some_and(|ring| ring.contains(&a.bounds));
    if is_paper(&dark, &light) || is_paper(&light, &dark) {
        return vec![if is_paper(&dark, &light) { light } else { dark }];
    }
    // The much weaker one is grain.
    let weak =
        |a: &InkCandidate, b: &InkCandidate| f32::from(a.strongest) < WEAK * f32::from(b.strongest);
    if weak(&dark, &light) || weak(&light, &dark) {
        return vec![if weak(&dark, &light) { light } else { dark }];
    }
    // Strokes are narrower than the paper between them, so the narrower candidate is first, unless
    // it is a hole in the other or its score is much lower.
    let (narrow, wide) = if (dark.narrowest, -dark.score) <= (light.narrowest, -light.score) {
        (dark, light)
    } else {
        (light, dark)
    };
    let hole = wide.bounds.contains(&narrow.bounds) && wide.score > 3.0 * narrow.score;
    if hole || narrow.score < 0.3 * wide.score { vec![wide, narrow] } else { vec![narrow, wide] }
}

/// Lower limit of the paper's shade.
pub(super) fn darkest_paper(inverted: bool) -> u16 {
    if inverted { DARKEST_INVERTED_PAPER } else { DARKEST_PAPER }
}

fn of_polarity(plane: &Plane, radii: &[usize], inverted: bool) -> Option<InkCandidate> {
    let most = (plane.longer_side() / 4).max(plane.shorter_side() / 2).max(2);
    // Small closings would underestimate the noise.
    let noise = smoothed(plane, NOISE_RADIUS, inverted).noise;
    let mut found: Vec<InkCandidate> = Vec::new();
    for &radius in radii.iter().filter(|radius| **radius <= most) {
        found.extend(
            at_radius(plane, radius, inverted)
                .filter(|found| f32::from(found.strongest) >= CLEAR * noise),
        );
    }
    // At a smaller radius, part of a ring around writing may be missing, so that the ring is taken
    // for ink: discard such candidates.
    if let Some(ring) = found.iter().filter_map(|found| found.ring).max_by_key(Part::longer_side) {
        found.retain(|found| found.ring.is_some() || !found.bounds.contains(&ring));
    }
    // At the right radius the result is stable: the next radius gives about the same.
    let steady: Vec<f32> = (0..found.len())
        .map(|at| {
            let next = found.get(at + 1).map(|next| found[at].similarity(next));
            let before = at.checked_sub(1).map(|before| 0.8 * found[before].similarity(&found[at]));
            next.or(before).unwrap_or(0.5)
        })
        .collect();
    for (found, steady) in found.iter_mut().zip(&steady) {
        found.score *= steady * steady;
    }
    let best = found.iter().map(|found| found.score).fold(0.0, f32::max);
    let first = found.iter().position(|found| found.score >= AS_GOOD * best && best > 0.0)?;
    // Thick places of the strokes need a larger radius.
    let narrowest = found[first].radius;
    let last = (first + 1..found.len())
        .take_while(|at| steady[at - 1] > STEADY && found[*at].radius <= 2 * narrowest)
        .last()
        .unwrap_or(first);
    let score = found[first].score;
    let last = found.swap_remove(last);
    let radius = last.radius.max((1.3 * last.stroke).ceil() as usize);
    Some(InkCandidate { radius, narrowest, score, ..last })
}

impl InkCandidate {
    /// Whether this candidate from a larger copy is the same ink in more detail.
    pub fn sharpens(&self, coarse: &Self) -> bool {
        self.inverted == coarse.inverted
            && f32::from(self.strongest) >= AS_STRONG * f32::from(coarse.strongest)
            && self.score >= coarse.score
    }

    /// Similarity of two candidates, from 0 to 1.
    fn similarity(&self, other: &Self) -> f32 {
        let ratio = |a: f32, b: f32| a.min(b) / a.max(b).max(1e-3);
        let (a, b) = (&self.bounds, &other.bounds);
        let shared = |low: usize, high: usize| high.saturating_sub(low) as f32;
        let overlap = shared(a.left.max(b.left), a.right.min(b.right))
            * shared(a.top.max(b.top), a.bottom.min(b.bottom));
        let all = |part: &Part| (part.width() * part.height()) as f32;
        ratio(self.area, other.area)
            * (overlap / all(a).max(all(b)).max(1.0))
            * ratio(f32::from(self.strongest), f32::from(other.strongest))
    }
}

/// The contrast of a plane, blurred first if it is noisy.
fn smoothed(plane: &Plane, radius: usize, inverted: bool) -> Contrast {
    let darkest = darkest_paper(inverted);
    let contrast = Contrast::of(plane, radius, darkest);
    if contrast.noise > NOISY {
        return Contrast::of(&plane.blurred(), radius, darkest);
    }
    contrast
}

fn at_radius(plane: &Plane, radius: usize, inverted: bool) -> Option<InkCandidate> {
    let contrast = smoothed(plane, radius, inverted);
    let step = if plane.shades.len() > LARGE { STEP * STEP } else { STEP };
    let mut tried: Vec<(u8, Strokes)> = Vec::new();
    let mut threshold = LOWEST.max(ABOVE_NOISE * contrast.noise);
    while threshold <= HIGHEST {
        let mut strokes = strokes(&contrast, threshold as u8);
        let (strongest, ..) = measure(&contrast, &strokes);
        // At a threshold close to the maximum strength only fragments of strokes are left.
        if threshold > HIGH * f32::from(strongest) {
            strokes.score = 0.0;
        }
        tried.push((threshold as u8, strokes));
        threshold *= step;
    }
    let (at, best) = tried
        .iter()
        .enumerate()
        .max_by(|a, b| a.1.1.score.total_cmp(&b.1.1.score))
        .filter(|(_, (_, strokes))| strokes.score > 0.0)?;
    let (strongest, stroke, bounds) = measure(&contrast, &best.1);
    if f32::from(strongest) < (CLEAR * contrast.noise).max(LOWEST) {
        return None;
    }
    // Lower the threshold as long as the strokes become only a little wider, or wider because they
    // become longer: a stroke in glare is paler than the rest of the digit.
    let (length, thick, pieces) = (best.1.length(), best.1.area(), best.1.kept.len());
    let grains = best.1.parts.list.len();
    let strokes = tried[..at]
        .iter()
        .rev()
        .take_while(|(threshold, strokes)| {
            let longer = strokes.length() / length;
            let wider = strokes.area() / thick;
            let least =
                if strokes.parts.list.len() < grains { SHORTER_WITHOUT_GRAIN } else { SHORTER };
            *threshold > strongest / 6
                && longer >= least
                && (longer <= LITTLE_LONGER && wider <= LITTLE_WIDER
                    || longer <= LONGER
                        && wider <= WIDER_THAN_LONGER * longer
                        && strokes.kept.len() <= pieces)
        })
        .last()
        .unwrap_or(best);
    let (threshold, area) = (strokes.0, strokes.1.area());
    Some(InkCandidate {
        area,
        inverted,
        radius,
        narrowest: radius,
        threshold,
        strongest,
        stroke,
        score: best.1.score,
        bounds,
        ring: best.1.ring,
    })
}

impl Strokes {
    fn kept(&self) -> impl Iterator<Item = &Part> {
        self.kept.iter().map(|&label| &self.parts.list[label as usize])
    }

    fn length(&self) -> f32 {
        self.kept().map(|part| part.outline as f32 / 2.0).sum()
    }

    fn area(&self) -> f32 {
        self.kept().map(|part| part.area as f32).sum()
    }
}

/// Clears in `mask` the lines of boxes that are found only at this lower threshold, because they
/// are paler than the writing. Boxes that reach the picture's border stay. Returns whether there
/// are any.
fn erase_pale_boxes(contrast: &Contrast, threshold: u8, mask: &mut [bool]) -> bool {
    let parts = Parts::above(contrast, threshold);
    if parts.list.len() > parts::MAX_PARTS {
        return false;
    }
    let mut left: Vec<bool> = contrast.strength.iter().map(|at| *at >= threshold).collect();
    let erased = box_lines::erase_box_lines(&parts, &mut left, |part| part.at_border == 0);
    if erased {
        mask.iter_mut().zip(left).for_each(|(ink, left)| *ink &= left);
    }
    erased
}

/// The parts above a threshold that may be strokes, after the removal of printed lines and rings.
pub(super) fn strokes(contrast: &Contrast, threshold: u8) -> Strokes {
    let (width, height) = (contrast.width, contrast.height);
    let mut parts = Parts::above(contrast, threshold);
    if parts.list.len() > parts::MAX_PARTS {
        return Strokes { parts, kept: Vec::new(), score: 0.0, ring: None };
    }
    let mut mask: Vec<bool> = contrast.strength.iter().map(|at| *at >= threshold).collect();
    let pale = PALE_LINES * f32::from(threshold);
    if pale >= LOWEST.max(ABOVE_NOISE * contrast.noise)
        && erase_pale_boxes(contrast, pale as u8, &mut mask)
    {
        parts = Parts::of(width, height, |at| mask[at]);
    }
    if box_lines::erase_box_lines(&parts, &mut mask, |_| true) {
        parts = Parts::of(width, height, |at| mask[at]);
    }
    let ring = rings::erase(&parts, &mut mask);
    if ring.is_some() {
        parts = Parts::of(width, height, |at| mask[at]);
    }
    let kinds = parts.kinds();
    let largest = |kind: PartKind| {
        let of_kind = parts.list.iter().zip(&kinds).filter(move |(_, of)| **of == kind);
        of_kind.map(|(part, _)| part.outline).max().unwrap_or(0)
    };
    let (ink, deep) = (largest(PartKind::Ink), largest(PartKind::Deep));
    // Strokes cut off by the border count only if there are few others.
    let with_deep = deep > 3 * ink;
    let is_ink = |kind: PartKind| kind == PartKind::Ink || kind == PartKind::Deep && with_deep;
    let written = || parts.list.iter().zip(&kinds).filter(|(_, kind)| is_ink(**kind));
    let most = written().map(|(part, _)| part.area).max().unwrap_or(0);
    let substantial = written().filter(|(part, _)| part.area * 6 >= most);
    let stroke = typical_stroke(substantial.map(|(part, _)| part));
    let least = if with_deep { deep } else { ink } / 40;
    let strengths = strengths(contrast, &parts);
    let longest = if with_deep { deep } else { ink } as f32;
    let strongest = (parts.list.iter().zip(&kinds).zip(&strengths))
        .filter(|((part, kind), _)| is_ink(**kind) && part.outline as f32 >= SUBSTANTIAL * longest)
        .map(|(_, strength)| *strength)
        .fold(0.0, f32::max);
    let mut kept = Vec::new();
    let (mut lengths, mut area, mut at_border) = (Vec::new(), 0, 0);
    for (label, (part, kind)) in parts.list.iter().zip(&kinds).enumerate() {
        if matches!(kind, PartKind::Deep | PartKind::Blob) || part.depth > part.area * 3 {
            at_border += part.at_border;
        }
        // Printed lines are thinner than strokes of a pen.
        let same_pen =
            part.stroke() >= THINNEST * stroke && strengths[label] >= WEAKEST * strongest;
        if is_ink(*kind) && part.outline >= least && same_pen {
            kept.push(label as u32);
            let weight = if *kind == PartKind::Deep { DEEP } else { 1.0 };
            let around = LONGEST * (part.width() + part.height()) as f32;
            lengths.push(weight * (part.outline as f32 / 2.0).min(around));
            area += part.area;
        }
    }
    // Something that covers most of the picture, or of its border, is paper.
    let covered = area as f32 / (width * height) as f32;
    let border = at_border as f32 / (2 * (width + height)) as f32;
    let trust =
        (1.0 - border).max(0.0).powi(2) * if covered > MOST_COVERED { COVERED } else { 1.0 };
    // Grain consists of many small parts, writing of a few large ones.
    let small = parts.list.iter().zip(&kinds).filter(|(part, kind)| {
        **kind == PartKind::Speck || **kind == PartKind::Ink && part.outline < least
    });
    let small: usize = small.map(|(part, _)| part.area).sum();
    let trust = trust * (area as f32 / (area + small).max(1) as f32).powi(2);
    lengths.sort_by(|a, b| b.total_cmp(a));
    let all: f32 = lengths.iter().sum();
    let length: f32 = lengths.iter().take(MAX_PARTS).sum();
    let stroke = (area as f32 / all.max(1.0)).max(1.0);
    let score = length * trust * f32::from(threshold).powf(1.5) / stroke.sqrt() / 200.0;
    Strokes { parts, kept, score, ring }
}

/// For each part, the mean strength of those of its pixels that are at least as strong as its mean,
/// which excludes blurred edges.
fn strengths(contrast: &Contrast, parts: &Parts) -> Vec<f32> {
    let mean = |least: &[f32]| -> Vec<f32> {
        let mut sums = vec![(0.0_f32, 0.0_f32); parts.list.len()];
        for (label, strength) in parts.labels.iter().zip(&contrast.strength) {
            let strength = f32::from(*strength);
            if let Some(sum) = sums.get_mut(*label as usize)
                && least.get(*label as usize).is_none_or(|least| strength >= *least)
            {
                *sum = (sum.0 + strength, sum.1 + 1.0);
            }
        }
        sums.into_iter().map(|(sum, count)| sum / count.max(1.0)).collect()
    };
    mean(&mean(&[]))
}

/// Area-weighted median of the stroke widths.
fn typical_stroke<'a>(parts: impl Iterator<Item = &'a Part>) -> f32 {
    let mut strokes: Vec<(f32, usize)> = parts.map(|part| (part.stroke(), part.area)).collect();
    strokes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = strokes.iter().map(|(_, area)| area).sum::<usize>() / 2;
    let mut sum = 0;
    let middle = strokes.iter().find(|(_, area)| {
        sum += area;
        sum > half
    });
    middle.map_or(0.0, |(stroke, _)| *stroke)
}

/// 80th percentile of the strength, stroke width in pixels, and bounding box of the ink.
fn measure(contrast: &Contrast, strokes: &Strokes) -> (u8, f32, Part) {
    let mut is_kept = vec![false; strokes.parts.list.len()];
    for &label in &strokes.kept {
        is_kept[label as usize] = true;
    }
    let labels = strokes.parts.labels.iter().zip(&contrast.strength);
    let inside =
        labels.filter(|(label, _)| is_kept.get(**label as usize).copied().unwrap_or(false));
    let strongest = percentile(inside.map(|(_, strength)| *strength), 0.8);
    let mut bounds =
        Part { left: usize::MAX, top: usize::MAX, right: 0, bottom: 0, ..Part::default() };
    for part in strokes.kept() {
        bounds.left = bounds.left.min(part.left);
        bounds.top = bounds.top.min(part.top);
        bounds.right = bounds.right.max(part.right);
        bounds.bottom = bounds.bottom.max(part.bottom);
    }
    let stroke = 2.0 * strokes.area() / strokes.length().max(0.5) / 2.0;
    (strongest, stroke, bounds)
}
