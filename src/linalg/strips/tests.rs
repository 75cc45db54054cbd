#![allow(clippy::float_cmp, reason = "some sums are identical to the bit")]

use super::super::reference::{array, close, product, sparse, wide};
use super::super::simd::{Portable, VectorPair};
use super::*;
use ndarray::{Array2, s};

const SAMPLES: usize = 7;
const ROWS: usize = 5;
/// Layer widths from part of a vector to several strips, with and without a remainder.
pub(in crate::linalg) const UNITS: [usize; 12] = [1, 7, 8, 9, 16, 23, 30, 41, 100, 201, 333, 1000];

/// The rows of an array, copied in strips.
fn copied<'a>(
    rows: &Array2<Real>,
    columns: Range<usize>,
    buffer: &'a mut AlignedBuffer,
) -> Strips<'a> {
    Strips::copy(rows.as_slice().unwrap(), rows.ncols(), columns, 1.0, buffer)
}

fn flat(array: &Array2<f64>) -> Vec<f64> {
    array.iter().copied().collect()
}

#[test]
fn rows_are_accumulated_over_a_range_of_columns() {
    for units in UNITS {
        let (x, weights) = (array(SAMPLES, ROWS, 1), array(ROWS, units, 2));
        let start = array(SAMPLES, units, 3);
        let expected = product(x.view(), weights.view()) + start.mapv(wide);
        for first in [0, units / 2] {
            let columns = s![.., first..];
            let mut buffer = AlignedBuffer::default();
            let values = weights.as_slice().unwrap();
            let next = RowPrefetch { values, stride: units, first };
            let uncopied = Strips::of_rows(values, first, units - first);
            let jobs = [
                (sparse(x.view(), units), uncopied),
                (sparse(x.view(), STRIP_PITCH), copied(&weights, first..units, &mut buffer)),
            ];
            for (rows, strips) in &jobs {
                let [mut out, mut portable] = [start.clone(), start.clone()];
                accumulate_rows(out.slice_mut(columns), rows, *strips, next);
                let into = portable.slice_mut(columns);
                accumulate_rows_body(VectorPair(Portable), into, rows, *strips, next);
                for out in [out, portable] {
                    let expected = expected.slice(columns).to_owned();
                    close(out.slice(columns), &flat(&expected));
                    assert_eq!(out.slice(s![.., ..first]), start.slice(s![.., ..first]), "{units}");
                }
            }
        }
    }
}

#[test]
fn dot_products_are_computed_where_rows_have_entries() {
    for units in UNITS {
        for samples in [1, 4, SAMPLES] {
            // Weights whose rows are padded.
            let (padded, delta) = (array(ROWS, units + 3, 4), array(samples, units, 5));
            let weights = padded.slice(s![.., ..units]);
            let x = array(samples, ROWS, 7);
            let mut expected = product(delta.view(), weights.t());
            for (expected, &x) in expected.iter_mut().zip(&x) {
                *expected = if x == 0.0 { 0.0 } else { *expected };
            }
            let (rows, mut buffer) = (sparse(x.t(), STRIP_PITCH), AlignedBuffer::default());
            let delta = copied(&delta, 0..units, &mut buffer);
            let [mut out, mut portable] = [6, 8].map(|seed| array(samples, ROWS, seed));
            let (values, mut sums) = (padded.as_slice().unwrap(), AlignedBuffer::default());
            dot_rows(out.view_mut(), &rows, values, units + 3, delta, &mut sums);
            close(&out, &flat(&expected));
            let into = portable.view_mut();
            dot_rows_body(VectorPair(Portable), into, &rows, values, units + 3, delta, &mut sums);
            close(&portable, &flat(&expected));
        }
    }
}

#[test]
fn products_are_added_to_decayed_weights() {
    for units in UNITS {
        let (x, delta) = (array(SAMPLES, ROWS, 8), array(SAMPLES, units, 9));
        let (rows, mut buffer) = (sparse(x.t(), STRIP_PITCH), AlignedBuffer::default());
        let strips = copied(&delta, 0..units, &mut buffer);
        let (start, stride) = (array(ROWS, units + 3, 10), units + 3);
        for decay in [1.0, 0.5, 0.0] {
            let counted = start.slice(s![.., ..units]);
            let expected = product(x.t(), delta.view()) + counted.mapv(|w| wide(decay) * wide(w));
            let mut found = start.clone();
            if decay == 0.0 {
                found.slice_mut(s![.., ..units]).fill(Real::NAN);
            }
            let mut portable = found.clone();
            add_products(found.as_slice_mut().unwrap(), stride, &rows, strips, decay);
            let values = portable.as_slice_mut().unwrap();
            add_products_body(VectorPair(Portable), values, stride, &rows, strips, decay);
            for found in [found, portable] {
                close(found.slice(s![.., ..units]), &flat(&expected));
                let padding = s![.., units..];
                assert_eq!(found.slice(padding), start.slice(padding), "padding is unchanged");
            }
        }
    }
}

#[test]
fn outer_products_are_added_to_decayed_weights() {
    // Five rows are a block of four and a single row.
    for (units, inputs) in UNITS.into_iter().zip([5, 4, 3].into_iter().cycle()) {
        let (x, delta) = (array(SAMPLES, inputs, 8), array(SAMPLES, units, 9));
        let mut buffer = AlignedBuffer::default();
        let strips = copied(&delta, 0..units, &mut buffer);
        let (start, stride) = (array(inputs, units + 3, 10), units + 3);
        for decay in [1.0, 0.5, 0.0] {
            let counted = start.slice(s![.., ..units]);
            let expected = product(x.t(), delta.view()) + counted.mapv(|w| wide(decay) * wide(w));
            let (mut found, mut portable) = (start.clone(), start.clone());
            let (x, values) = (x.as_slice().unwrap(), found.as_slice_mut().unwrap());
            add_outer_products(values, stride, x, strips, decay);
            let values = portable.as_slice_mut().unwrap();
            add_outer_products_body(VectorPair(Portable), values, stride, x, strips, decay);
            for found in [found, portable] {
                close(found.slice(s![.., ..units]), &flat(&expected));
                let padding = s![.., units..];
                assert_eq!(found.slice(padding), start.slice(padding), "padding is unchanged");
            }
        }
    }
}

#[test]
fn the_lanes_of_a_vector_are_summed() {
    let values: [[Real; LANES]; 2] =
        std::array::from_fn(|half| std::array::from_fn(|lane| (half * LANES + lane) as Real));
    let expected = (LANES * (2 * LANES - 1)) as Real;
    assert!(VectorPair(Portable).load(&values).sum() == expected);
}

/// A run that is resumed on another machine must continue with identical results.
#[cfg(target_arch = "x86_64")]
#[test]
fn every_vector_width_gives_identical_bits() {
    use crate::linalg::simd::{Avx2, Avx512};
    #[target_feature(enable = "avx2,fma")]
    fn with_avx2(
        simd: Avx2,
        out: ArrayViewMut2<Real>,
        rows: &SparseRows,
        weights: &[Real],
        delta: Strips<'_>,
    ) {
        let (stride, buffer) = (delta.width(), &mut AlignedBuffer::default());
        dot_rows_body(VectorPair(simd), out, rows, weights, stride, delta, buffer);
    }
    #[target_feature(enable = "avx512f,avx512vl,avx512bw")]
    fn with_avx512(
        simd: Avx512,
        out: ArrayViewMut2<Real>,
        rows: &SparseRows,
        weights: &[Real],
        delta: Strips<'_>,
    ) {
        let (stride, buffer) = (delta.width(), &mut AlignedBuffer::default());
        dot_rows_body(simd, out, rows, weights, stride, delta, buffer);
    }
    let Some(avx512) = Avx512::detect() else { return eprintln!("skipped: no AVX-512 here") };
    for units in UNITS {
        let (weights, delta) = (array(ROWS, units, 4), array(SAMPLES, units, 5));
        let rows = sparse(array(ROWS, SAMPLES, 8).view(), STRIP_PITCH);
        let mut buffer = AlignedBuffer::default();
        let (weights, delta) = (weights.as_slice().unwrap(), copied(&delta, 0..units, &mut buffer));
        let [mut one, mut two] = [6, 7].map(|seed| array(SAMPLES, ROWS, seed));
        // SAFETY: the tokens prove that the processor has the instructions.
        unsafe {
            with_avx2(avx512.avx2(), one.view_mut(), &rows, weights, delta);
            with_avx512(avx512, two.view_mut(), &rows, weights, delta);
        }
        assert!(one == two, "{units}");
    }
}
