//! Removes rings that are drawn around writing.

use super::parts::{Part, Parts};

/// Maximum width of a ring's stroke as a fraction of its diameter.
const THIN: f32 = 0.07;
/// Minimum length of the writing inside a ring, as a fraction of the ring's diameter. Anything
/// shorter is dirt inside a zero.
const LARGE: f32 = 0.4;
/// Minimum length of each part of that writing, as a fraction of the ring's diameter.
const PIECE: f32 = 0.1;
/// Rings smaller than this fraction of the picture's shorter side are not searched for.
const SHORTEST: f32 = 0.15;
/// Number of directions in which a ring is searched for from the centre of the writing.
const DIRECTIONS: usize = 16;
/// Minimum number of directions in which it is found: its ends may not meet.
const CLOSED: usize = 14;

/// Clears the pixels of rings around other parts in `mask`. Returns the largest ring.
pub(super) fn erase(parts: &Parts, mask: &mut [bool]) -> Option<Part> {
    let least = SHORTEST * parts.width.min(parts.height) as f32;
    let mut largest: Option<Part> = None;
    for (label, ring) in parts.list.iter().enumerate() {
        let diameter = ring.longer_side() as f32;
        if diameter < least.max(12.0) || ring.stroke() > THIN * diameter {
            continue;
        }
        let pieces = parts.list.iter().filter(|part| {
            *part != ring && ring.contains(part) && part.longer_side() as f32 >= PIECE * diameter
        });
        let inside = pieces.copied().reduce(|a, b| Part {
            left: a.left.min(b.left),
            top: a.top.min(b.top),
            right: a.right.max(b.right),
            bottom: a.bottom.max(b.bottom),
            ..a
        });
        let is_around = |inside: &Part| {
            inside.longer_side() as f32 >= LARGE * diameter
                && surrounds(parts, label as u32, ring, inside)
        };
        if inside.as_ref().is_some_and(is_around) {
            if largest.is_none_or(|other| other.longer_side() < ring.longer_side()) {
                largest = Some(*ring);
            }
            for y in ring.top..ring.bottom {
                let row = y * parts.width + ring.left..y * parts.width + ring.right;
                let labels = &parts.labels[row.clone()];
                for (ink, of) in mask[row].iter_mut().zip(labels) {
                    *ink &= *of as usize != label;
                }
            }
        }
    }
    largest
}

/// Whether rays from the centre of `part` hit the ring in at least [`CLOSED`] of the directions.
fn surrounds(parts: &Parts, label: u32, ring: &Part, part: &Part) -> bool {
    let centre = |low: usize, high: usize| (low + high) as f32 / 2.0;
    let (x, y) = (centre(part.left, part.right), centre(part.top, part.bottom));
    let hit = (0..DIRECTIONS).filter(|direction| {
        let (dy, dx) = (*direction as f32 * std::f32::consts::TAU / DIRECTIONS as f32).sin_cos();
        (0..2 * ring.longer_side()).any(|step| {
            let away = step as f32 / 2.0;
            let (x, y) = ((x + away * dx) as usize, (y + away * dy) as usize);
            // The ray is two pixels wide, so that it cannot pass between diagonal neighbours.
            let pixels = x..(x + 2).min(ring.right);
            y < ring.bottom
                && pixels.into_iter().any(|x| parts.labels[y * parts.width + x] == label)
        })
    });
    hit.count() >= CLOSED
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 100;

    /// Whether a ring of this radius around the middle, without a gap for angles below `closed`, is
    /// erased. Asserts that nothing else is.
    fn erased(radius: f32, closed: f32, inner: impl Fn(usize, usize) -> bool) -> bool {
        let ring = |x: usize, y: usize| {
            let (x, y) = (x as f32 - 50.0, y as f32 - 50.0);
            (x.hypot(y) - radius).abs() < 1.5 && y.atan2(x).abs() < closed
        };
        let ink = |at: usize| ring(at % SIZE, at / SIZE) || inner(at % SIZE, at / SIZE);
        let mut mask: Vec<bool> = (0..SIZE * SIZE).map(ink).collect();
        let parts = Parts::of(SIZE, SIZE, ink);
        let before = mask.clone();
        if erase(&parts, &mut mask).is_none() {
            assert_eq!(mask, before);
            return false;
        }
        assert!((0..SIZE * SIZE).all(|at| mask[at] == inner(at % SIZE, at / SIZE)));
        true
    }

    #[test]
    fn a_ring_around_a_digit_is_erased_and_a_zero_with_dirt_is_not() {
        let bar = |x: usize, y: usize| (46..54).contains(&x) && (25..75).contains(&y);
        let dirt = |x: usize, y: usize| (46..54).contains(&x) && (40..56).contains(&y);
        assert!(erased(40.0, 4.0, bar) && erased(40.0, 2.9, bar), "with and without a gap");
        assert!(!erased(40.0, 4.0, dirt) && !erased(40.0, 4.0, |_, _| false));
        // Half a ring is not a ring: the strokes of a four may look like one.
        assert!(!erased(40.0, 1.6, bar));
    }
}
