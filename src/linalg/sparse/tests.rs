#![allow(clippy::float_cmp, reason = "values are copied, not computed")]

use super::super::reference::{array, sparse};
use super::super::simd::Portable;
use super::*;

/// Pixels, two thirds background, starting with a long run of it.
fn pixels(len: usize) -> Vec<u8> {
    let pixel = |at: usize| if at > 20 && at.is_multiple_of(3) { (at * 5 % 256) as u8 } else { 0 };
    (0..len).map(pixel).collect()
}

fn expected(values: &[Real], stride: usize) -> Vec<SparseEntry> {
    let entry = |(at, &value)| SparseEntry { offset: (at * stride) as u32, value };
    values.iter().enumerate().map(entry).filter(|entry| entry.value != 0.0).collect()
}

fn scaled(pixels: &[u8]) -> Vec<Real> {
    pixels.iter().map(|&pixel| Real::from(pixel) * Real::from(255_u8).recip()).collect()
}

#[test]
fn rows_hold_the_nonzero_values_for_every_source() {
    for len in (0..40).chain([64, 100, 784, 5000]) {
        let pixels = pixels(len);
        let values = scaled(&pixels);
        let mut rows = SparseRows::default();
        rows.clear(3 * len);
        rows.push_values(&values, 30);
        rows.push_bytes(&pixels, 30);
        let nonzero = (0..).zip(&pixels).filter(|(_, pixel)| **pixel != 0);
        let (indices, bytes): (Vec<u16>, Vec<u8>) = nonzero.unzip();
        rows.push_nonzero(&indices, &bytes, 30);
        let expected = expected(&values, 30);
        for row in rows.iter() {
            assert_eq!(row, expected, "{len}");
        }
        assert_eq!((rows.rows(), rows.count()), (3, 3 * expected.len()));
        let mut portable = vec![SparseEntry::default(); indices.len()];
        scale_bytes_body(Portable, &mut portable, &indices, &bytes, 30);
        assert_eq!(portable, expected);
    }
}

#[test]
fn negative_zero_is_skipped_and_nan_is_kept() {
    let mut values = vec![-0.0; 20];
    values[3] = Real::NAN;
    values[18] = Real::NAN;
    let mut entries = vec![SparseEntry::default(); 20];
    assert_eq!(nonzero(&values, 1, &mut entries), 2);
    assert!(entries[..2].iter().all(|entry| entry.value.is_nan()));
}

#[test]
fn a_transposed_list_has_the_columns_as_rows() {
    for (rows, columns, stride) in [(1, 1, 1), (5, 7, 30), (70, 64, 112)] {
        let x = array(rows, columns, 1);
        let mut transposed = SparseRows::default();
        transposed.transpose(&sparse(x.view(), stride), (stride, columns), 9, 2.0);
        let doubled = x.mapv(|value| 2.0 * value);
        let expected = sparse(doubled.t(), 9);
        assert_eq!(transposed.rows(), columns);
        assert!(transposed.iter().eq(expected.iter()));
        assert_eq!(transposed.count(), expected.count());
    }
}
