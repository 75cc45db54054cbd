//! Sums over the pixels of maps, and what is done to every pixel of a map: values lie map beside
//! map, pixel after pixel, and there is a number for every map.

use super::kernel;
use crate::nn::Real;

kernel! {
    /// `sums` += x.
    fn add_pixels(sums: &mut [Real], x: &[Real]) = add_pixels_body
}

kernel! {
    /// `sums` += (x − `mean`)².
    fn add_squares(sums: &mut [Real], x: &[Real], mean: &[Real]) = add_squares_body
}

kernel! {
    /// `sums` += δ (x − `mean`).
    fn add_covariances(sums: &mut [Real], delta: &[Real], x: &[Real], mean: &[Real]) =
        add_covariances_body
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

#[inline(always)]
fn add_pixels_body<V>(sums: &mut [Real], x: &[Real]) {
    for x in x.chunks_exact(sums.len()) {
        sums.iter_mut().zip(x).for_each(|(sum, x)| *sum += x);
    }
}

#[inline(always)]
fn add_squares_body<V>(sums: &mut [Real], x: &[Real], mean: &[Real]) {
    for x in x.chunks_exact(sums.len()) {
        let terms = x.iter().zip(mean).map(|(x, mean)| x - mean);
        sums.iter_mut().zip(terms).for_each(|(sum, away)| *sum += away * away);
    }
}

#[inline(always)]
fn add_covariances_body<V>(sums: &mut [Real], delta: &[Real], x: &[Real], mean: &[Real]) {
    let pixels = delta.chunks_exact(sums.len()).zip(x.chunks_exact(sums.len()));
    for (delta, x) in pixels {
        let terms = delta.iter().zip(x).zip(mean).map(|((delta, x), mean)| delta * (x - mean));
        sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
    }
}

#[inline(always)]
fn affine_body<V>(a: &mut [Real], x: &[Real], mean: &[Real], factor: &[Real], offset: &[Real]) {
    let maps = mean.len();
    for (a, x) in a.chunks_exact_mut(maps).zip(x.chunks_exact(maps)) {
        let known = mean.iter().zip(factor).zip(offset);
        for ((a, x), ((mean, factor), offset)) in a.iter_mut().zip(x).zip(known) {
            *a = factor * (x - mean) + offset;
        }
    }
}

#[inline(always)]
fn add_scaled_body<V>(a: &mut [Real], delta: &[Real], factor: &[Real]) {
    let maps = factor.len();
    for (a, delta) in a.chunks_exact_mut(maps).zip(delta.chunks_exact(maps)) {
        let pairs = delta.iter().zip(factor);
        a.iter_mut().zip(pairs).for_each(|(a, (delta, factor))| *a += factor * delta);
    }
}
