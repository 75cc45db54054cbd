#![allow(clippy::float_cmp, reason = "values are copied or identical to the bit")]

use super::super::reference::{self, close, numbers};
#[cfg(target_arch = "x86_64")]
use super::super::simd::Avx512;
use super::super::simd::{Portable, VectorPair};
use super::*;
use crate::linalg::Matrix;
use ndarray::Array2;

/// Patches of 3 × 3 pixels in an image of 5 × 7.
fn patches(maps: usize) -> Patches {
    Patches { height: 3, width: 5, rows: 3, run: 3 * maps, stride: 7 * maps, step: maps }
}

/// The starts of the patches, and the offsets of the numbers of each.
fn indices(patches: &Patches) -> (Vec<usize>, Vec<usize>) {
    (patches.starts().collect(), patches.offsets().collect())
}

/// Weights in rows that are padded with zeros.
fn weights(rows: usize, columns: usize) -> Matrix {
    Array2::from_shape_vec((rows, columns), numbers(rows * columns, 2)).unwrap().into()
}

#[test]
fn patches_of_any_size_times_any_number_of_columns() {
    for (columns, maps) in (1..=10 * LANES).step_by(3).zip([1, 3].into_iter().cycle()) {
        let patches = patches(maps);
        let (image, biases) = (numbers(35 * maps, 1), numbers(columns, 3));
        let weights = weights(9 * maps, columns);
        let (starts, offsets) = indices(&patches);
        let dense: Vec<Real> = weights.view().iter().copied().collect();
        let expected = reference::patches_times_weights(&image, &patches, &dense, &biases);
        let mut out = vec![0.0; expected.len()];
        patches_times_weights(&mut out, &image, &starts, &offsets, &weights, &biases);
        close(&out, &expected);
        out.fill(0.0);
        let simd = VectorPair(Portable);
        patches_times_weights_body(simd, &mut out, &image, &starts, &offsets, &weights, &biases);
        close(&out, &expected);
    }
}

/// A run that is resumed on another machine must continue with identical results.
#[cfg(target_arch = "x86_64")]
#[test]
fn wide_vectors_add_in_the_same_order_as_narrow_ones() {
    use crate::linalg::simd::Avx2;
    #[target_feature(enable = "avx2,fma")]
    fn with_avx2(
        simd: Avx2,
        out: &mut [Real],
        image: &[Real],
        starts: &[usize],
        offsets: &[usize],
        weights: &Matrix,
        biases: &[Real],
    ) {
        patches_times_weights_body(VectorPair(simd), out, image, starts, offsets, weights, biases);
    }
    #[target_feature(enable = "avx512f,avx512vl,avx512bw")]
    fn with_avx512(
        simd: Avx512,
        out: &mut [Real],
        image: &[Real],
        starts: &[usize],
        offsets: &[usize],
        weights: &Matrix,
        biases: &[Real],
    ) {
        patches_times_weights_body(simd, out, image, starts, offsets, weights, biases);
    }
    let Some(avx512) = Avx512::detect() else { return eprintln!("skipped: no AVX-512 here") };
    let patches = Patches { height: 4, width: 5, rows: 5, run: 60, stride: 108, step: 12 };
    let image = numbers(8 * 108, 1);
    let (starts, offsets) = indices(&patches);
    for columns in [5, 8, 20, 24, 30, 32, 40, 47, 50, 64] {
        let (weights, biases) = (weights(300, columns), numbers(columns, 3));
        let mut outs = [vec![0.0; 20 * columns], vec![1.0; 20 * columns]];
        // SAFETY: the tokens prove that the processor has the instructions.
        unsafe {
            with_avx512(avx512, &mut outs[0], &image, &starts, &offsets, &weights, &biases);
            with_avx2(avx512.avx2(), &mut outs[1], &image, &starts, &offsets, &weights, &biases);
        }
        assert_eq!(outs[0], outs[1]);
    }
}
