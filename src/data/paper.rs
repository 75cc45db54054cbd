//! From shades of grey to ink: the paper may be the darker or the lighter one, unevenly lit, and
//! noisy.

use crate::picture::{Picture, Pieces};
use image::GrayImage;

/// Ink fainter than this, as a fraction of the strongest, is paper unless it lies along ink.
const FAINT: f64 = 0.15;
/// Ink along a stroke, its soft edge, is kept down to this fraction of the strongest.
const EDGE: f64 = 0.02;
/// Deviations of the paper's noise that ink stands out by: a stroke, its edge, the strongest ink.
const STROKE: f64 = 3.5;
const SOFT: f64 = 2.0;
const STRONG: f64 = 6.0;
/// Shades that ink differs from paper by at least, of 255.
const CONTRAST: f64 = 8.0;
/// The strongest ink is what so much of all clear ink does not exceed: one bright speck is not it.
const STRONGEST: f64 = 0.95;
/// Ink that hangs together with less than this fraction of what the largest such piece holds is
/// dirt.
const DIRT: f64 = 0.02;
/// Places looked at in each direction, at most, to learn what the paper is like.
const SAMPLES: u32 = 96;
/// With fewer places than this there is no telling how the light falls.
const ENOUGH: usize = 64;
/// Rounds of fitting the paper's shade and leaving out what is not paper.
const ROUNDS: usize = 8;
/// The shade of paper is 1, x, y, x², xy, y² times as many coefficients.
const TERMS: usize = 6;

/// A place and its shade; coordinates run from −1 to 1.
type Sample = ([f64; 2], f64);

/// What the paper is like.
#[derive(Clone, Copy, Debug)]
struct Paper {
    coefficients: [f64; TERMS],
    /// Deviation of its shades.
    noise: f64,
    size: [u32; 2],
}

/// Takes what differs from the paper as ink; `None` where nothing does.
pub(super) fn ink_of(shades: &GrayImage) -> Option<Picture> {
    let paper = Paper::of(shades)?;
    let difference = |x: u32, y: u32| f64::from(shades.get_pixel(x, y)[0]) - paper.shade(x, y);
    let sign = polarity(shades, &paper);
    let strongest = strongest(shades, &paper, sign)?;
    let (width, height) = (shades.width() as usize, shades.height() as usize);
    let strengths = shades.enumerate_pixels().map(|(x, y, _)| {
        (sign * difference(x, y) * 255.0 / strongest).round().clamp(0.0, 255.0) as u8
    });
    let mut picture = Picture { width, height, ink: strengths.collect() };
    let noise = paper.noise * 255.0 / strongest;
    keep_strokes(
        &mut picture,
        (255.0 * FAINT).max(STROKE * noise),
        (255.0 * EDGE).max(SOFT * noise),
    );
    remove_dirt(&mut picture);
    (!picture.is_blank()).then_some(picture)
}

/// −1 where most ink is darker than the paper, else 1.
fn polarity(shades: &GrayImage, paper: &Paper) -> f64 {
    let clear = (STROKE * paper.noise).max(2.0);
    let balance: f64 = shades
        .enumerate_pixels()
        .map(|(x, y, shade)| f64::from(shade[0]) - paper.shade(x, y))
        .filter(|difference| difference.abs() > clear)
        .sum();
    if balance < 0.0 { -1.0 } else { 1.0 }
}

/// How far the strongest ink is from paper; `None` where nothing stands out.
fn strongest(shades: &GrayImage, paper: &Paper, sign: f64) -> Option<f64> {
    let clear = CONTRAST.max(STRONG * paper.noise);
    let mut counts = [0_usize; 256];
    for (x, y, shade) in shades.enumerate_pixels() {
        let strength = sign * (f64::from(shade[0]) - paper.shade(x, y));
        if strength >= clear {
            counts[strength.round().min(255.0) as usize] += 1;
        }
    }
    let all: usize = counts.iter().sum();
    let mut left = (all as f64 * STRONGEST).ceil() as usize;
    let strongest = counts.iter().position(|count| {
        left = left.saturating_sub(*count);
        left == 0
    });
    strongest.filter(|_| all > 0).map(|strength| strength as f64)
}

/// Keeps ink from `stroke` on, and beside it what is at least `edge`.
fn keep_strokes(picture: &mut Picture, stroke: f64, edge: f64) {
    let Picture { width, height, .. } = *picture;
    let is_stroke: Vec<bool> = picture.ink.iter().map(|ink| f64::from(*ink) >= stroke).collect();
    let beside_stroke = |at: usize| {
        let (x, y) = (at % width, at / width);
        let rows = y.saturating_sub(1)..(y + 2).min(height);
        let columns = x.saturating_sub(1)..(x + 2).min(width);
        rows.into_iter().any(|row| columns.clone().any(|column| is_stroke[row * width + column]))
    };
    for (at, ink) in picture.ink.iter_mut().enumerate() {
        if !is_stroke[at] && (f64::from(*ink) < edge || !beside_stroke(at)) {
            *ink = 0;
        }
    }
}

fn remove_dirt(picture: &mut Picture) {
    let pieces = Pieces::of(picture);
    let largest = pieces.list.iter().map(|piece| piece.ink).max().unwrap_or(0);
    let least = largest as f64 * DIRT;
    let kept: Vec<_> = pieces.list.iter().filter(|piece| piece.ink as f64 >= least).collect();
    if kept.len() < pieces.list.len() {
        pieces.keep_only(picture, kept);
    }
}

impl Paper {
    /// Paper is what the picture's border shows most of; how its shade changes is fitted to all
    /// places that are like it. `None` for a picture without pixels.
    fn of(shades: &GrayImage) -> Option<Self> {
        let size = [shades.width(), shades.height()];
        let (mut border, inner) = samples(shades);
        let middle = median(border.iter().map(|(_, shade)| *shade))?;
        let flat = median(border.iter().map(|(_, shade)| (shade - middle).abs()))?;
        let mut paper = Self { coefficients: [middle, 0.0, 0.0, 0.0, 0.0, 0.0], noise: 0.0, size };
        if flat == 0.0 || border.len() + inner.len() < ENOUGH {
            return Some(paper);
        }
        paper.noise = 1.5 * flat;
        // The border alone first, for it is paper mostly; a plane is all that it can tell.
        paper.fit(&border, 3);
        border.extend(inner);
        paper.fit(&border, TERMS);
        Some(paper)
    }

    /// Fits so many terms, by least squares over what differs from the fit by little.
    fn fit(&mut self, samples: &[Sample], terms: usize) {
        for round in 0..ROUNDS {
            // The first fit is coarse: it must not leave out the paper's own light and shade.
            let within = if round == 0 { 6.0 } else { 3.0 } * self.noise.max(0.5);
            let near = samples.iter().filter(|sample| self.residual(sample).abs() <= within);
            let Some(found) = least_squares(near.copied(), terms) else { return };
            self.coefficients = found;
            let off = median(samples.iter().map(|sample| self.residual(sample).abs()));
            self.noise = 1.4826 * off.unwrap_or(0.0);
        }
    }

    fn residual(&self, (place, shade): &Sample) -> f64 {
        shade - self.at(*place)
    }

    fn at(&self, place: [f64; 2]) -> f64 {
        terms(place).iter().zip(&self.coefficients).map(|(term, c)| term * c).sum()
    }

    fn shade(&self, x: u32, y: u32) -> f64 {
        self.at([place(x, self.size[0]), place(y, self.size[1])])
    }
}

/// −1 at the first pixel, 1 at the last.
fn place(at: u32, size: u32) -> f64 {
    2.0 * f64::from(at) / f64::from(size.max(2) - 1) - 1.0
}

fn terms([x, y]: [f64; 2]) -> [f64; TERMS] {
    [1.0, x, y, x * x, x * y, y * y]
}

/// Places of the border, and of what lies within it.
fn samples(shades: &GrayImage) -> (Vec<Sample>, Vec<Sample>) {
    let (width, height) = shades.dimensions();
    let places = |size: u32| {
        let count = size.min(SAMPLES);
        (0..count).map(move |at| if count < 2 { 0 } else { at * (size - 1) / (count - 1) })
    };
    let sample = |x: u32, y: u32| {
        ([place(x, width), place(y, height)], f64::from(shades.get_pixel(x, y)[0]))
    };
    let edge = |x: u32, y: u32| x == 0 || y == 0 || x + 1 == width || y + 1 == height;
    let all = places(height).flat_map(|y| places(width).map(move |x| (x, y)));
    let (border, inner): (Vec<_>, Vec<_>) = all.partition(|(x, y)| edge(*x, *y));
    let taken = |places: Vec<(u32, u32)>| places.into_iter().map(|(x, y)| sample(x, y)).collect();
    (taken(border), taken(inner))
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

/// The coefficients of the first `count` terms with the smallest sum of squared residuals; `None`
/// where the samples do not decide them.
fn least_squares(samples: impl Iterator<Item = Sample>, count: usize) -> Option<[f64; TERMS]> {
    // The normal equations, the right side in the last column.
    let mut rows = [[0.0; TERMS + 1]; TERMS];
    for (place, shade) in samples {
        let terms = terms(place);
        for (row, term) in rows.iter_mut().zip(terms).take(count) {
            row.iter_mut().zip(terms).take(count).for_each(|(sum, other)| *sum += term * other);
            row[TERMS] += term * shade;
        }
    }
    for pivot in 0..count {
        let largest = (pivot..count)
            .max_by(|a, b| rows[*a][pivot].abs().total_cmp(&rows[*b][pivot].abs()))?;
        rows.swap(pivot, largest);
        let head = rows[pivot];
        if head[pivot].abs() < 1e-6 {
            return None;
        }
        for row in (0..count).filter(|row| *row != pivot) {
            let factor = rows[row][pivot] / head[pivot];
            rows[row].iter_mut().zip(head).for_each(|(value, above)| *value -= factor * above);
        }
    }
    let mut found = [0.0; TERMS];
    let solved = rows.iter().enumerate().take(count).map(|(at, row)| row[TERMS] / row[at]);
    found.iter_mut().zip(solved).for_each(|(coefficient, value)| *coefficient = value);
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};
    use rand_distr::{Distribution, Normal};

    /// A ring of ink on paper lit from a side and darker towards a corner.
    fn photograph(noise: f64, darker: bool) -> GrayImage {
        let mut random = stream(1, Purpose::Augmentation, 0, 0);
        let normal = Normal::new(0.0, noise).unwrap();
        GrayImage::from_fn(120, 90, |x, y| {
            let (right, down) = (f64::from(x) / 120.0, f64::from(y) / 90.0);
            let paper = 110.0 + 90.0 * right - 30.0 * right * down;
            let away = (f64::from(x) - 60.0).hypot(f64::from(y) - 45.0);
            let ink = if (20.0..28.0).contains(&away) { 70.0 } else { 0.0 };
            let shade = if darker { paper - ink } else { paper + ink - 60.0 };
            image::Luma([(shade + normal.sample(&mut random)).round().clamp(0.0, 255.0) as u8])
        })
    }

    #[test]
    fn uneven_light_and_noise_are_no_ink() {
        for (noise, darker) in [(0.0, true), (4.0, true), (8.0, false)] {
            let picture = ink_of(&photograph(noise, darker)).unwrap();
            // The edge of the ring is half in a pixel: noise may add one, and no more.
            let (left, top, width, height) = picture.bounds();
            let off =
                [left.abs_diff(33), top.abs_diff(18), width.abs_diff(55), height.abs_diff(55)];
            let most = usize::from(noise > 0.0);
            assert!(off.iter().all(|off| *off <= most), "noise {noise}: {:?}", picture.bounds());
            let inked = picture.ink.iter().filter(|ink| **ink > 0).count() as f64;
            let ring = std::f64::consts::PI * (28.0_f64.powi(2) - 20.0_f64.powi(2));
            assert!((0.85 * ring..1.15 * ring).contains(&inked), "{inked} of {ring:.0}");
        }
    }

    #[test]
    fn noise_alone_is_nothing() {
        let mut random = stream(2, Purpose::Augmentation, 0, 0);
        let normal = Normal::new(128.0, 9.0).unwrap();
        let paper =
            GrayImage::from_fn(80, 60, |_, _| image::Luma([normal.sample(&mut random) as u8]));
        assert_eq!(ink_of(&paper), None);
    }
}
