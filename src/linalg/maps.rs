//! Sums over the pixels of feature maps, and operations on every pixel, for batch normalization.
//! The layout is (pixels, maps); means, factors and sums have one number per map.

use super::simd::LANES;
use super::{Real, kernel};

/// Number of maps in the widest band.
const BAND: usize = 2 * LANES;

/// `SIZE` consecutive maps, from this index on.
struct MapBand<const SIZE: usize>(usize);

/// Calls `$body`, which returns the size of its band, for one band of maps after the other. Sizes
/// are constants, so that the values of each map stay in registers from pixel to pixel.
macro_rules! by_band {
    ($maps:expr, $body:ident($($arg:expr),* $(,)?)) => {{
        let mut first = 0;
        while first < $maps {
            first += match $maps - first {
                BAND.. => $body(MapBand::<BAND>(first), $($arg),*),
                LANES.. => $body(MapBand::<LANES>(first), $($arg),*),
                _ => $body(MapBand::<1>(first), $($arg),*),
            };
        }
    }};
}

kernel! {
    /// `sums` += Σ x over the pixels.
    fn add_pixels = add_pixels_body(_simd, sums: &mut [Real], x: &[Real]) {
        by_band!(sums.len(), sum_band([&mut *sums], [x], [], |[x], []| [x]));
    }
}

kernel! {
    /// `sums` += Σ (x − `mean`)² over the pixels.
    fn add_squares = add_squares_body(_simd, sums: &mut [Real], x: &[Real], mean: &[Real]) {
        by_band!(sums.len(), sum_band([&mut *sums], [x], [mean], |[x], [mean]| [
            (x - mean) * (x - mean)
        ]));
    }
}

kernel! {
    /// `deltas` += Σ δ and `covariances` += Σ δ (x − `mean`) over the pixels.
    fn add_deltas = add_deltas_body(
        _simd,
        deltas: &mut [Real],
        covariances: &mut [Real],
        delta: &[Real],
        x: &[Real],
        mean: &[Real],
    ) {
        by_band!(mean.len(), sum_band(
            [&mut *deltas, &mut *covariances], [delta, x], [mean],
            |[delta, x], [mean]| [delta, delta * (x - mean)]
        ));
    }
}

kernel! {
    /// a = `factor` (x − `mean`) + `offset`.
    fn affine = affine_body(
        _simd, a: &mut [Real], x: &[Real], mean: &[Real], factor: &[Real], offset: &[Real],
    ) {
        by_band!(mean.len(), map_band(
            &mut *a, x, [mean, factor, offset],
            |_, x, [mean, factor, offset]| factor * (x - mean) + offset
        ));
    }
}

kernel! {
    /// a += `factor` δ.
    fn add_scaled = add_scaled_body(_simd, a: &mut [Real], delta: &[Real], factor: &[Real]) {
        by_band!(factor.len(), map_band(
            &mut *a, delta, [factor], |a, delta, [factor]| a + factor * delta
        ));
    }
}

/// Adds the terms of every pixel to `sums`. `term` returns one term per sum, given the values of a
/// pixel and of its map.
#[inline(always)]
fn sum_band<const SIZE: usize, const SUMS: usize, const PIXELS: usize, const MAPS: usize>(
    MapBand(first): MapBand<SIZE>,
    sums: [&mut [Real]; SUMS],
    pixels: [&[Real]; PIXELS],
    maps: [&[Real]; MAPS],
    term: impl Fn([Real; PIXELS], [Real; MAPS]) -> [Real; SUMS],
) -> usize {
    let count = sums[0].len();
    let sums = sums.map(|sums| part_mut::<SIZE>(sums, first));
    let mut totals = sums.each_ref().map(|sums| **sums);
    let maps = maps.map(|values| *part::<SIZE>(values, first));
    for pixel in (first..pixels[0].len()).step_by(count) {
        let pixels = pixels.map(|values| part::<SIZE>(values, pixel));
        for map in 0..SIZE {
            let terms = term(pixels.map(|values| values[map]), maps.map(|values| values[map]));
            totals.iter_mut().zip(terms).for_each(|(total, term)| total[map] += term);
        }
    }
    sums.into_iter().zip(totals).for_each(|(sums, totals)| *sums = totals);
    SIZE
}

/// Replaces every pixel's a by `value` of a, x and the map's numbers.
#[inline(always)]
fn map_band<const SIZE: usize, const MAPS: usize>(
    MapBand(first): MapBand<SIZE>,
    a: &mut [Real],
    x: &[Real],
    maps: [&[Real]; MAPS],
    value: impl Fn(Real, Real, [Real; MAPS]) -> Real,
) -> usize {
    let count = maps[0].len();
    let maps = maps.map(|values| *part::<SIZE>(values, first));
    for (a, x) in a.chunks_exact_mut(count).zip(x.chunks_exact(count)) {
        let (a, x) = (part_mut::<SIZE>(a, first), part::<SIZE>(x, first));
        for map in 0..SIZE {
            a[map] = value(a[map], x[map], maps.map(|values| values[map]));
        }
    }
    SIZE
}

/// The band's part of an array with one number per map.
#[inline(always)]
fn part<const SIZE: usize>(values: &[Real], first: usize) -> &[Real; SIZE] {
    values[first..].first_chunk().expect("the band is within the maps")
}

#[inline(always)]
fn part_mut<const SIZE: usize>(values: &mut [Real], first: usize) -> &mut [Real; SIZE] {
    values[first..].first_chunk_mut().expect("the band is within the maps")
}

#[cfg(test)]
mod tests {
    use super::super::reference::{by_map, close, numbers, wide};
    use super::super::simd::Portable;
    use super::*;

    #[test]
    fn sums_match_the_equations_for_any_number_of_maps() {
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
    fn every_pixel_is_shifted_and_scaled_by_its_map() {
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
