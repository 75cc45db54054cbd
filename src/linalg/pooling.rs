//! Max-pooling: the maximum of each block of pixels, for all maps at a time.

use super::simd::{LANES, Simd, Vector};
use super::{Real, kernel};

/// The layout of blocks of size × size pixels, each of `maps` values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blocks {
    pub(crate) maps: usize,
    /// Pixels in a row of the input.
    pub(crate) width: usize,
    pub(crate) size: usize,
}

impl Blocks {
    /// The index of the first value of every block, row by row.
    #[inline(always)]
    pub(crate) fn starts(self) -> impl Iterator<Item = usize> {
        let Self { maps, width, size } = self;
        let row = move |y| (0..width / size).map(move |x| (y * width + x) * size * maps);
        (0..).flat_map(row)
    }

    /// The offsets of a block's pixels from its first.
    #[inline(always)]
    pub(crate) fn pixels(self) -> impl Iterator<Item = usize> + Clone {
        let row = move |y| (0..self.size).map(move |x| (y * self.width + x) * self.maps);
        (0..self.size).flat_map(row)
    }

    /// The first map of each vector; the last vector may overlap the one before.
    #[inline(always)]
    fn vectors(self) -> impl Iterator<Item = usize> {
        (0..self.maps.div_ceil(LANES)).map(move |at| (at * LANES).min(self.maps - LANES))
    }
}

kernel! {
    /// a ← the largest x of every block.
    fn max_pool = max_pool_body(simd, a: &mut [Real], x: &[Real], blocks: Blocks) {
        if blocks.size == 2 && blocks.maps >= LANES {
            return max_pool_of_four(simd, a, x, blocks);
        }
        for (a, start) in a.chunks_exact_mut(blocks.maps).zip(blocks.starts()) {
            let x = &x[start..];
            a.copy_from_slice(&x[..blocks.maps]);
            for pixel in blocks.pixels() {
                for (a, &x) in a.iter_mut().zip(&x[pixel..]) {
                    *a = if x > *a { x } else { *a };
                }
            }
        }
    }
}

kernel! {
    /// `dx` ← the block's δ at the first of its pixels where x equals the maximum a, and 0
    /// elsewhere.
    #[allow(clippy::float_cmp, reason = "the largest value was copied, not computed")]
    fn max_pool_delta = max_pool_delta_body(
        simd, dx: &mut [Real], x: &[Real], a: &[Real], delta: &[Real], blocks: Blocks,
    ) {
        if blocks.size == 2 && blocks.maps >= LANES {
            return max_pool_delta_of_four(simd, dx, x, a, delta, blocks);
        }
        let pairs = a.chunks_exact(blocks.maps).zip(delta.chunks_exact(blocks.maps));
        for ((a, delta), start) in pairs.zip(blocks.starts()) {
            let (dx, x) = (&mut dx[start..], &x[start..]);
            if blocks.maps < LANES {
                for (map, (&a, &delta)) in a.iter().zip(delta).enumerate() {
                    let mut remaining = delta;
                    for pixel in blocks.pixels() {
                        let found = x[pixel + map] == a;
                        dx[pixel + map] = if found { remaining } else { 0.0 };
                        remaining = if found { 0.0 } else { remaining };
                    }
                }
                continue;
            }
            for map in blocks.vectors() {
                let largest = simd.load(vector(a, map));
                let mut remaining = simd.load(vector(delta, map));
                for y in 0..blocks.size {
                    for pixel in 0..blocks.size {
                        let at = (y * blocks.width + pixel) * blocks.maps + map;
                        let (taken, left) = remaining.split(simd.load(vector(x, at)), largest);
                        taken.store(vector_mut(dx, at));
                        remaining = left;
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn vector(values: &[Real], at: usize) -> &[Real; LANES] {
    values[at..].first_chunk().expect("there are at least LANES maps")
}

#[inline(always)]
fn vector_mut(values: &mut [Real], at: usize) -> &mut [Real; LANES] {
    values[at..].first_chunk_mut().expect("there are at least LANES maps")
}

/// [`max_pool_body`] for blocks of 2 × 2 pixels, two rows at a time.
#[inline(always)]
fn max_pool_of_four<S: Simd>(simd: S, a: &mut [Real], x: &[Real], blocks: Blocks) {
    let Blocks { maps, width, .. } = blocks;
    let (pitch, out) = (width * maps, width / 2 * maps);
    for (a, x) in a.chunks_exact_mut(out).zip(x.chunks_exact(2 * pitch)) {
        let (x, below) = x.split_at(pitch);
        let x = x.chunks_exact(2 * maps).zip(below.chunks_exact(2 * maps));
        for (a, (x, below)) in a.chunks_exact_mut(maps).zip(x) {
            for map in blocks.vectors() {
                let mut largest = simd.load(vector(x, map));
                for values in [vector(x, maps + map), vector(below, map), vector(below, maps + map)]
                {
                    largest = simd.load(values).max(largest);
                }
                largest.store(vector_mut(a, map));
            }
        }
    }
}

/// [`max_pool_delta_body`] for blocks of 2 × 2 pixels, two rows at a time.
#[inline(always)]
fn max_pool_delta_of_four<S: Simd>(
    simd: S,
    dx: &mut [Real],
    x: &[Real],
    a: &[Real],
    delta: &[Real],
    blocks: Blocks,
) {
    let Blocks { maps, width, .. } = blocks;
    let (pitch, out) = (width * maps, width / 2 * maps);
    let rows = dx.chunks_exact_mut(2 * pitch).zip(x.chunks_exact(2 * pitch));
    for ((dx, x), (a, delta)) in rows.zip(a.chunks_exact(out).zip(delta.chunks_exact(out))) {
        let (dx, below) = dx.split_at_mut(pitch);
        let dx = dx.chunks_exact_mut(2 * maps).zip(below.chunks_exact_mut(2 * maps));
        let (x, below) = x.split_at(pitch);
        let x = x.chunks_exact(2 * maps).zip(below.chunks_exact(2 * maps));
        let from = a.chunks_exact(maps).zip(delta.chunks_exact(maps));
        for (((dx, dx_below), (x, x_below)), (a, delta)) in dx.zip(x).zip(from) {
            for map in blocks.vectors() {
                let largest = simd.load(vector(a, map));
                let mut remaining = simd.load(vector(delta, map));
                for (dx, x) in [(&mut *dx, x), (&mut *dx_below, x_below)] {
                    for at in [map, maps + map] {
                        let (taken, left) = remaining.split(simd.load(vector(x, at)), largest);
                        taken.store(vector_mut(dx, at));
                        remaining = left;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "values are copied, not computed")]
mod tests {
    use super::super::reference;
    use super::super::simd::Portable;
    use super::*;

    #[test]
    fn each_block_yields_its_maximum_and_routes_its_delta_to_one_pixel() {
        for (maps, size) in [1, 3, 8, 9, 20, 40].into_iter().zip([2, 2, 2, 3, 2, 3]) {
            let blocks = Blocks { maps, width: 6, size };
            // Few different values, so that ties are common.
            let x: Vec<Real> = (0..36 * maps).map(|at| (at * 7 % 5) as Real).collect();
            let expected = reference::max_pool(&x, blocks);
            let delta: Vec<Real> = (0..expected.len()).map(|at| 1.0 + at as Real).collect();
            let expected_dx = reference::max_pool_delta(&x, &delta, blocks);
            let (mut a, mut dx) = (vec![0.0; expected.len()], vec![9.0; x.len()]);
            max_pool(&mut a, &x, blocks);
            max_pool_delta(&mut dx, &x, &a, &delta, blocks);
            assert_eq!((&a, &dx), (&expected, &expected_dx), "{maps} maps");
            a.fill(0.0);
            dx.fill(9.0);
            max_pool_body(Portable, &mut a, &x, blocks);
            max_pool_delta_body(Portable, &mut dx, &x, &a, &delta, blocks);
            assert_eq!((&a, &dx), (&expected, &expected_dx), "{maps} maps");
        }
    }
}
