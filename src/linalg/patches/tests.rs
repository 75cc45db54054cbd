#![allow(clippy::float_cmp, reason = "values are copied, or the same to the bit")]

use super::super::reference::{self, close, numbers};
#[cfg(target_arch = "x86_64")]
use super::super::simd::Avx512;
use super::super::simd::{Pair, Portable};
use super::*;

/// Patches of 3 × 3 pixels in an image of 5 × 7.
fn patches(maps: usize) -> Patches {
    Patches { height: 3, width: 5, rows: 3, run: 3 * maps, stride: 7 * maps, step: maps }
}

#[test]
fn patches_of_any_size_times_any_number_of_columns() {
    for (columns, maps) in (1..=10).map(|vectors| vectors * LANES).zip([1, 3].into_iter().cycle()) {
        let patches = patches(maps);
        let (image, biases) = (numbers(35 * maps, 1), numbers(columns, 3));
        let weights = numbers(9 * maps * columns, 2);
        let starts: Vec<usize> = patches.starts().collect();
        let expected = reference::patches_times_weights(&image, &patches, &weights, &biases);
        let mut packed = Vec::new();
        pack_bands(&weights, columns, &mut packed);
        let mut out = vec![0.0; expected.len()];
        patches_times_weights(&mut out, &image, &starts, patches, &packed, &biases);
        close(&out, &expected);
        let simd = Pair(Portable);
        pack_bands_of(&weights, columns, widest_band(16), &mut packed);
        patches_times_weights_body(simd, &mut out, &image, &starts, patches, &packed, &biases);
        close(&out, &expected);
    }
}

#[test]
fn unfolded_patches_lie_one_after_the_other() {
    for maps in [1, 2, 3, 5] {
        let patches = patches(maps);
        let mut image = numbers(35 * maps, 1);
        let expected = reference::unfold(&image, &patches);
        image.resize(35 * maps + LANES, 9.0);
        for kernel in [unfold, |out: &mut [Real], image: &[Real], patches| {
            unfold_body(Portable, out, image, patches);
        }] {
            let mut out = vec![0.0; expected.len() + LANES];
            kernel(&mut out, &image, patches);
            assert_eq!(out[..expected.len()], expected);
        }
        let starts: Vec<usize> = patches.unfolded().starts().collect();
        assert_eq!(starts[1], 9 * maps);
    }
}

#[test]
fn padding_is_stripped() {
    for kept in [1, 7, 8, 9, 20] {
        let columns = padded(kept);
        let rows = numbers(3 * columns, 1);
        let expected: Vec<Real> =
            rows.chunks(columns).flat_map(|row| row[..kept].to_vec()).collect();
        let [mut out, mut portable] = [vec![0.0; 3 * kept], vec![0.0; 3 * kept]];
        strip_padding(&mut out, kept, &rows, columns);
        assert_eq!(out, expected);
        strip_padding_body(Portable, &mut portable, kept, &rows, columns);
        assert_eq!(portable, expected);
    }
}

/// So a run that moves to another machine goes on as it began.
#[cfg(target_arch = "x86_64")]
#[test]
fn wide_vectors_add_in_the_same_order_as_narrow_ones() {
    use crate::linalg::simd::Avx2;
    #[target_feature(enable = "avx2,fma")]
    fn narrow(
        simd: Avx2,
        out: &mut [Real],
        image: &[Real],
        starts: &[usize],
        patches: Patches,
        packed: &[Real],
        biases: &[Real],
    ) {
        patches_times_weights_body(Pair(simd), out, image, starts, patches, packed, biases);
    }
    #[target_feature(enable = "avx512f,avx512vl,avx512bw")]
    fn roomy(
        simd: Avx512,
        out: &mut [Real],
        image: &[Real],
        starts: &[usize],
        patches: Patches,
        packed: &[Real],
        biases: &[Real],
    ) {
        patches_times_weights_body(simd, out, image, starts, patches, packed, biases);
    }
    let Some(avx512) = Avx512::detect() else { return eprintln!("skipped: no AVX-512 here") };
    let patches = Patches { height: 4, width: 5, rows: 5, run: 60, stride: 108, step: 12 };
    let image = numbers(8 * 108, 1);
    let starts: Vec<usize> = patches.starts().collect();
    for vectors in 1..=8 {
        let columns = vectors * LANES;
        let (weights, biases) = (numbers(300 * columns, 2), numbers(columns, 3));
        let mut packed = Vec::new();
        let mut outs = [vec![0.0; 20 * columns], vec![1.0; 20 * columns]];
        // SAFETY: the tokens prove that the processor has the instructions.
        unsafe {
            pack_bands_of(&weights, columns, widest_band(32), &mut packed);
            roomy(avx512, &mut outs[0], &image, &starts, patches, &packed, &biases);
            pack_bands_of(&weights, columns, widest_band(16), &mut packed);
            narrow(avx512.avx2(), &mut outs[1], &image, &starts, patches, &packed, &biases);
        }
        assert_eq!(outs[0], outs[1]);
    }
}
