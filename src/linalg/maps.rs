//! Sums over the pixels of feature maps, and operations on every pixel of a map, for batch
//! normalization. Values lie pixel after pixel, the maps of a pixel side by side; means, factors and
//! sums have one number a map.

use super::simd::{LANES, Simd};
use super::{Real, kernel};

/// Maps whose numbers are in registers at once.
const BAND: usize = 2 * LANES;

kernel! {
    /// `sums` += x.
    fn add_pixels(sums: &mut [Real], x: &[Real]) = add_pixels_body
}

kernel! {
    /// `sums` += (x − `mean`)².
    fn add_squares(sums: &mut [Real], x: &[Real], mean: &[Real]) = add_squares_body
}

kernel! {
    /// `deltas` += δ and `covariances` += δ (x − `mean`).
    fn add_deltas(
        deltas: &mut [Real],
        covariances: &mut [Real],
        delta: &[Real],
        x: &[Real],
        mean: &[Real],
    ) = add_deltas_body
}

kernel! {
    /// a = `factor` (x − `mean`) + `offset`.
    fn affine(a: &mut [Real], x: &[Real], mean: &[Real], factor: &[Real], offset: &[Real]) =
        affine_body
}

kernel! {
    /// a += `factor` δ.
    fn add_scaled(a: &mut [Real], delta: &[Real], factor: &[Real]) = add_scaled_body
}

/// Calls `$body::<SIZE>` for band after band of `$maps` maps, with the first map of each: what is as
/// wide as can be stays in registers from pixel to pixel.
macro_rules! by_band {
    ($maps:expr, $body:ident($($arg:expr),*)) => {{
        let mut first = 0;
        while first < $maps {
            first += match $maps - first {
                BAND.. => $body::<BAND>(first, $($arg),*),
                LANES.. => $body::<LANES>(first, $($arg),*),
                _ => $body::<1>(first, $($arg),*),
            };
        }
    }};
}

/// A band's part of what there is for all maps.
#[inline(always)]
fn part<const SIZE: usize>(values: &[Real], first: usize) -> &[Real; SIZE] {
    values[first..].first_chunk().expect("the band lies among the maps")
}

#[inline(always)]
fn part_mut<const SIZE: usize>(values: &mut [Real], first: usize) -> &mut [Real; SIZE] {
    values[first..].first_chunk_mut().expect("the band lies among the maps")
}

#[inline(always)]
fn add_pixels_body<S: Simd>(_simd: S, sums: &mut [Real], x: &[Real]) {
    by_band!(sums.len(), add_pixels_band(sums, x));
}

#[inline(always)]
fn add_pixels_band<const SIZE: usize>(first: usize, sums: &mut [Real], x: &[Real]) -> usize {
    let mut sum = *part::<SIZE>(sums, first);
    for x in x.chunks_exact(sums.len()) {
        let x = part::<SIZE>(x, first);
        (0..SIZE).for_each(|map| sum[map] += x[map]);
    }
    *part_mut(sums, first) = sum;
    SIZE
}

#[inline(always)]
fn add_squares_body<S: Simd>(_simd: S, sums: &mut [Real], x: &[Real], mean: &[Real]) {
    by_band!(sums.len(), add_squares_band(sums, x, mean));
}

#[inline(always)]
fn add_squares_band<const SIZE: usize>(
    first: usize,
    sums: &mut [Real],
    x: &[Real],
    mean: &[Real],
) -> usize {
    let (mut sum, mean) = (*part::<SIZE>(sums, first), *part::<SIZE>(mean, first));
    for x in x.chunks_exact(sums.len()) {
        let x = part::<SIZE>(x, first);
        (0..SIZE).for_each(|map| sum[map] += (x[map] - mean[map]) * (x[map] - mean[map]));
    }
    *part_mut(sums, first) = sum;
    SIZE
}

#[inline(always)]
fn add_deltas_body<S: Simd>(
    _simd: S,
    deltas: &mut [Real],
    covariances: &mut [Real],
    delta: &[Real],
    x: &[Real],
    mean: &[Real],
) {
    by_band!(mean.len(), add_deltas_band(deltas, covariances, delta, x, mean));
}

#[inline(always)]
fn add_deltas_band<const SIZE: usize>(
    first: usize,
    deltas: &mut [Real],
    covariances: &mut [Real],
    delta: &[Real],
    x: &[Real],
    mean: &[Real],
) -> usize {
    let maps = mean.len();
    let mean = *part::<SIZE>(mean, first);
    let mut sum = *part::<SIZE>(deltas, first);
    let mut product = *part::<SIZE>(covariances, first);
    for (delta, x) in delta.chunks_exact(maps).zip(x.chunks_exact(maps)) {
        let (delta, x) = (part::<SIZE>(delta, first), part::<SIZE>(x, first));
        for map in 0..SIZE {
            sum[map] += delta[map];
            product[map] += delta[map] * (x[map] - mean[map]);
        }
    }
    *part_mut(deltas, first) = sum;
    *part_mut(covariances, first) = product;
    SIZE
}

#[inline(always)]
fn affine_body<S: Simd>(
    _simd: S,
    a: &mut [Real],
    x: &[Real],
    mean: &[Real],
    factor: &[Real],
    offset: &[Real],
) {
    by_band!(mean.len(), affine_band(a, x, mean, factor, offset));
}

#[inline(always)]
fn affine_band<const SIZE: usize>(
    first: usize,
    a: &mut [Real],
    x: &[Real],
    mean: &[Real],
    factor: &[Real],
    offset: &[Real],
) -> usize {
    let maps = mean.len();
    let (mean, offset) = (*part::<SIZE>(mean, first), *part::<SIZE>(offset, first));
    let factor = *part::<SIZE>(factor, first);
    for (a, x) in a.chunks_exact_mut(maps).zip(x.chunks_exact(maps)) {
        let (a, x) = (part_mut::<SIZE>(a, first), part::<SIZE>(x, first));
        (0..SIZE).for_each(|map| a[map] = factor[map] * (x[map] - mean[map]) + offset[map]);
    }
    SIZE
}

#[inline(always)]
fn add_scaled_body<S: Simd>(_simd: S, a: &mut [Real], delta: &[Real], factor: &[Real]) {
    by_band!(factor.len(), add_scaled_band(a, delta, factor));
}

#[inline(always)]
fn add_scaled_band<const SIZE: usize>(
    first: usize,
    a: &mut [Real],
    delta: &[Real],
    factor: &[Real],
) -> usize {
    let maps = factor.len();
    let factor = *part::<SIZE>(factor, first);
    for (a, delta) in a.chunks_exact_mut(maps).zip(delta.chunks_exact(maps)) {
        let (a, delta) = (part_mut::<SIZE>(a, first), part::<SIZE>(delta, first));
        (0..SIZE).for_each(|map| a[map] += factor[map] * delta[map]);
    }
    SIZE
}

#[cfg(test)]
mod tests {
    use super::super::reference::{by_map, close, numbers, wide};
    use super::super::simd::Portable;
    use super::*;

    #[test]
    fn maps_of_any_number_are_what_the_equations_say() {
        for maps in [1, 3, 7, 8, 9, 16, 20, 24, 31, 48] {
            let count = 5 * maps;
            let (x, delta, mean) = (numbers(count, 1), numbers(count, 2), numbers(maps, 3));
            let off = |at: usize, map: usize| wide(x[at]) - wide(mean[map]);
            let sums = by_map(count, maps, |at, _| wide(x[at]));
            let squares = by_map(count, maps, |at, map| off(at, map).powi(2));
            let deltas = by_map(count, maps, |at, _| wide(delta[at]));
            let covariances = by_map(count, maps, |at, map| wide(delta[at]) * off(at, map));
            for portable in [false, true] {
                let mut found = [(); 4].map(|()| vec![0.0; maps]);
                let [sum, square, delta_sum, covariance] = &mut found;
                if portable {
                    add_pixels_body(Portable, sum, &x);
                    add_squares_body(Portable, square, &x, &mean);
                    add_deltas_body(Portable, delta_sum, covariance, &delta, &x, &mean);
                } else {
                    add_pixels(sum, &x);
                    add_squares(square, &x, &mean);
                    add_deltas(delta_sum, covariance, &delta, &x, &mean);
                }
                for (found, expected) in found.iter().zip([&sums, &squares, &deltas, &covariances])
                {
                    close(found, expected);
                }
            }
        }
    }

    #[test]
    fn every_pixel_is_moved_and_scaled_by_its_map() {
        for maps in [1, 3, 7, 8, 9, 16, 20, 24, 31, 48] {
            let count = 5 * maps;
            let (x, delta, mean) = (numbers(count, 1), numbers(count, 2), numbers(maps, 3));
            let (factor, offset) = (numbers(maps, 4), numbers(maps, 5));
            let expected = |at: usize| {
                let [mean, factor, offset] =
                    [&mean, &factor, &offset].map(|values| wide(values[at % maps]));
                factor * (wide(x[at]) - mean) + offset + factor * wide(delta[at])
            };
            let expected: Vec<f64> = (0..count).map(expected).collect();
            let [mut a, mut portable] = [vec![0.0; count], vec![0.0; count]];
            affine(&mut a, &x, &mean, &factor, &offset);
            add_scaled(&mut a, &delta, &factor);
            close(&a, &expected);
            affine_body(Portable, &mut portable, &x, &mean, &factor, &offset);
            add_scaled_body(Portable, &mut portable, &delta, &factor);
            close(&portable, &expected);
        }
    }
}
