//! Sums over the pixels of maps, and what is done to every pixel of a map: values lie map beside
//! map, pixel after pixel, and there is a number for every map.

use super::kernel;
use super::lanes::LANES;
use crate::nn::Real;

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
fn add_pixels_body<V>(sums: &mut [Real], x: &[Real]) {
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
fn add_squares_body<V>(sums: &mut [Real], x: &[Real], mean: &[Real]) {
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
fn add_deltas_body<V>(
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
fn affine_body<V>(a: &mut [Real], x: &[Real], mean: &[Real], factor: &[Real], offset: &[Real]) {
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
fn add_scaled_body<V>(a: &mut [Real], delta: &[Real], factor: &[Real]) {
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
    use super::*;

    /// As the equations have it, map after map.
    fn expected(maps: usize, x: &[Real], delta: &[Real], mean: &[Real]) -> [Vec<Real>; 4] {
        let of_map = |values: &[Real], map: usize| -> Vec<Real> {
            values.iter().skip(map).step_by(maps).copied().collect()
        };
        let sum = |term: &dyn Fn(Real, Real, Real) -> Real| -> Vec<Real> {
            let pairs = |map| of_map(x, map).into_iter().zip(of_map(delta, map));
            (0..maps).map(|map| pairs(map).map(|(x, d)| term(x, d, mean[map])).sum()).collect()
        };
        [
            sum(&|x, _, _| x),
            sum(&|x, _, mean| (x - mean).powi(2)),
            sum(&|_, delta, _| delta),
            sum(&|x, delta, mean| delta * (x - mean)),
        ]
    }

    fn close(found: &[Real], expected: &[Real]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-3, "{found} for {expected}");
        }
    }

    #[test]
    fn maps_of_any_number_are_what_the_equations_say() {
        for maps in [1, 3, 7, 8, 9, 16, 20, 24, 31, 48] {
            let numbers = |from: usize, count: usize| -> Vec<Real> {
                (from..from + count).map(|at| ((at * 37) % 11) as Real / 4.0 - 1.0).collect()
            };
            let (x, delta, mean) = (numbers(0, 5 * maps), numbers(3, 5 * maps), numbers(9, maps));
            let [sums, squares, deltas, covariances] = expected(maps, &x, &delta, &mean);
            let mut found = [(); 4].map(|()| vec![0.0; maps]);
            add_pixels(&mut found[0], &x);
            add_squares(&mut found[1], &x, &mean);
            let [_, _, found_deltas, found_covariances] = &mut found;
            add_deltas(found_deltas, found_covariances, &delta, &x, &mean);
            close(&found[0], &sums);
            close(&found[1], &squares);
            close(&found[2], &deltas);
            close(&found[3], &covariances);
            let (factor, offset) = (numbers(5, maps), numbers(6, maps));
            let mut a = vec![0.0; x.len()];
            affine(&mut a, &x, &mean, &factor, &offset);
            add_scaled(&mut a, &delta, &factor);
            let known = |at: usize| (mean[at % maps], factor[at % maps], offset[at % maps]);
            let of = |at: usize| {
                let (mean, factor, offset) = known(at);
                factor * (x[at] - mean) + offset + factor * delta[at]
            };
            close(&a, &(0..x.len()).map(of).collect::<Vec<_>>());
        }
    }
}
