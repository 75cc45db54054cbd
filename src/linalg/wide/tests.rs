#![allow(clippy::float_cmp, reason = "some sums are the same to the bit")]

use super::*;
use crate::linalg::Term;
use crate::linalg::lanes::{LANES, Portable};
use crate::rng::{Purpose, stream};
use ndarray::{Array2, ArrayView2, s};
use rand::RngExt;
use std::ops::Range;

const SAMPLES: usize = 7;
const ROWS: usize = 5;
/// Strips of every width, and what is left behind them.
pub(in crate::linalg) const UNITS: [usize; 12] = [1, 7, 8, 9, 16, 23, 30, 41, 100, 201, 333, 1000];

/// Numbers of which every third is zero.
pub(in crate::linalg) fn numbers(rows: usize, columns: usize, seed: u64) -> Array2<Real> {
    let mut stream = stream(seed, Purpose::Experiment, 0, 0);
    let mut numbers =
        Array2::from_shape_simple_fn((rows, columns), || stream.random_range(-1.0..1.0 as Real));
    numbers.iter_mut().step_by(3).for_each(|number| *number = 0.0);
    numbers
}

/// The entries of each row that are not zero, `stride` apart.
fn list(rows: ArrayView2<Real>, stride: usize) -> List {
    let mut list = List::default();
    list.clear(rows.len());
    for row in rows.rows() {
        list.push(|terms| {
            let used = row.iter().enumerate().filter(|(_, factor)| **factor != 0.0);
            let count = used.clone().count();
            for (term, (at, &factor)) in terms.iter_mut().zip(used) {
                *term = Term { offset: (at * stride) as u32, factor };
            }
            count
        });
    }
    list
}

/// Found by the loops of the equations, in double precision.
pub(in crate::linalg) fn product(a: ArrayView2<Real>, b: ArrayView2<Real>) -> Array2<f64> {
    #[allow(clippy::useless_conversion, reason = "Real is f64 with the feature f64")]
    let wide = |value: Real| f64::from(value);
    Array2::from_shape_fn((a.nrows(), b.ncols()), |(row, column)| {
        let terms = a.row(row).into_iter().zip(b.column(column));
        terms.map(|(&a, &b)| wide(a) * wide(b)).sum()
    })
}

#[allow(clippy::unnecessary_cast, clippy::cast_lossless, reason = "Real is f64 with a feature")]
pub(in crate::linalg) fn close(found: ArrayView2<Real>, expected: &Array2<f64>) {
    assert_eq!(found.dim(), expected.dim());
    for ((at, &found), expected) in found.indexed_iter().zip(expected) {
        assert!((found as f64 - expected).abs() < 1e-4, "{found} for {expected} at {at:?}");
    }
}

/// The rows of an array, cut into strips.
fn cut<'a>(rows: &Array2<Real>, columns: Range<usize>, room: &'a mut Packed) -> Matrix<'a> {
    Matrix::cut(rows.as_slice().unwrap(), rows.ncols(), columns, 1.0, room)
}

#[test]
fn rows_are_added_to_some_columns() {
    for units in UNITS {
        let (x, weights) = (numbers(SAMPLES, ROWS, 1), numbers(ROWS, units, 2));
        let start = numbers(SAMPLES, units, 3);
        let expected = product(x.view(), weights.view()) + start.mapv(f64::from);
        for first in [0, units / 2] {
            let columns = s![.., first..];
            let mut room = Packed::default();
            let ahead = Ahead { values: weights.as_slice().unwrap(), pitch: units, first };
            let jobs = [
                (
                    list(x.view(), units),
                    Matrix::of_rows(weights.as_slice().unwrap(), first, units - first),
                ),
                (list(x.view(), CUT), cut(&weights, first..units, &mut room)),
            ];
            for (list, matrix) in &jobs {
                let [mut out, mut plain] = [start.clone(), start.clone()];
                accumulate_rows(out.slice_mut(columns), list, *matrix, ahead);
                accumulate_body::<[Portable; 2]>(plain.slice_mut(columns), list, *matrix, ahead);
                for out in [out, plain] {
                    close(out.slice(columns), &expected.slice(columns).to_owned());
                    assert_eq!(out.slice(s![.., ..first]), start.slice(s![.., ..first]), "{units}");
                }
            }
        }
    }
}

#[test]
fn rows_meet_the_rows_that_are_listed() {
    for units in UNITS {
        for samples in [1, 4, SAMPLES] {
            let (weights, delta) = (numbers(ROWS, units, 4), numbers(samples, units, 5));
            let x = numbers(samples, ROWS, 7);
            let mut expected = product(delta.view(), weights.t());
            for (expected, &x) in expected.iter_mut().zip(&x) {
                *expected = if x == 0.0 { 0.0 } else { *expected };
            }
            let (listed, mut room) = (list(x.t(), CUT), Packed::default());
            let delta = cut(&delta, 0..units, &mut room);
            let [mut out, mut plain] = [6, 8].map(|seed| numbers(samples, ROWS, seed));
            let (weights, mut sums) = (weights.as_slice().unwrap(), Packed::default());
            dot_rows(out.view_mut(), &listed, weights, delta, &mut sums);
            dot_body::<[Portable; 2]>(plain.view_mut(), &listed, weights, delta, &mut sums);
            close(out.view(), &expected);
            close(plain.view(), &expected);
        }
    }
}

#[test]
fn products_are_added_to_what_is_kept() {
    for units in UNITS {
        let (x, delta) = (numbers(SAMPLES, ROWS, 8), numbers(SAMPLES, units, 9));
        let (listed, mut room) = (list(x.t(), CUT), Packed::default());
        let cut = cut(&delta, 0..units, &mut room);
        // Rows that are a little longer than they count.
        let (start, pitch) = (numbers(ROWS, units + 3, 10), units + 3);
        for keep in [1.0, 0.5, 0.0] {
            let counted = start.slice(s![.., ..units]);
            let expected = product(x.t(), delta.view())
                + counted.mapv(|kept| f64::from(keep) * f64::from(kept));
            let mut found = start.clone();
            if keep == 0.0 {
                found.slice_mut(s![.., ..units]).fill(Real::NAN);
            }
            let mut plain = found.clone();
            add_products(found.as_slice_mut().unwrap(), pitch, &listed, cut, keep);
            let values = plain.as_slice_mut().unwrap();
            add_products_body::<[Portable; 2]>(values, pitch, &listed, cut, keep);
            for found in [found, plain] {
                close(found.slice(s![.., ..units]), &expected);
                assert_eq!(found.slice(s![.., units..]), start.slice(s![.., units..]));
            }
        }
    }
}

#[test]
fn a_vector_of_numbers_is_added_up() {
    let values: [[Real; LANES]; 2] =
        std::array::from_fn(|half| std::array::from_fn(|lane| (half * LANES + lane) as Real));
    let expected = (LANES * (2 * LANES - 1)) as Real;
    assert!(<[Portable; 2]>::load(&values).sum() == expected);
}

#[cfg(target_arch = "x86_64")]
#[test]
fn vectors_of_any_width_find_the_same_bits() {
    use crate::linalg::lanes::{Avx2, Avx512, has_avx512};
    #[target_feature(enable = "avx2,fma")]
    fn narrow(out: ArrayViewMut2<Real>, list: &List, weights: &[Real], delta: Matrix<'_>) {
        dot_body::<[Avx2; 2]>(out, list, weights, delta, &mut Packed::default());
    }
    #[target_feature(enable = "avx512f,avx512vl,avx512bw")]
    fn roomy(out: ArrayViewMut2<Real>, list: &List, weights: &[Real], delta: Matrix<'_>) {
        dot_body::<Avx512>(out, list, weights, delta, &mut Packed::default());
    }
    if !has_avx512() {
        return eprintln!("skipped: no AVX-512 here");
    }
    for units in UNITS {
        let (weights, delta) = (numbers(ROWS, units, 4), numbers(SAMPLES, units, 5));
        let (listed, mut room) = (list(numbers(ROWS, SAMPLES, 8).view(), CUT), Packed::default());
        let (weights, delta) = (weights.as_slice().unwrap(), cut(&delta, 0..units, &mut room));
        let [mut one, mut two] = [6, 7].map(|seed| numbers(SAMPLES, ROWS, seed));
        // SAFETY: the processor has the features that the functions are compiled for.
        unsafe {
            narrow(one.view_mut(), &listed, weights, delta);
            roomy(two.view_mut(), &listed, weights, delta);
        }
        assert!(one == two, "{units}");
    }
}
