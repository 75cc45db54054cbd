#![allow(clippy::float_cmp, reason = "some sums are the same to the bit")]

use super::*;
use crate::nn::kernels::lanes::{LANES, Portable};
use crate::rng::{Purpose, stream};
use ndarray::{Array2, ArrayView2, Axis, s};
use rand::RngExt;

const SAMPLES: usize = 7;
const ROWS: usize = 5;
/// Strips of every width, and what is left behind them.
const UNITS: [usize; 9] = [1, 7, 8, 16, 23, 100, 201, 333, 1000];

/// Numbers of which every third is zero.
fn numbers(rows: usize, columns: usize, seed: u64) -> Array2<Real> {
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
fn product(a: ArrayView2<Real>, b: ArrayView2<Real>) -> Array2<f64> {
    #[allow(clippy::useless_conversion, reason = "Real is f64 with the feature f64")]
    let wide = |value: Real| f64::from(value);
    Array2::from_shape_fn((a.nrows(), b.ncols()), |(row, column)| {
        let terms = a.row(row).into_iter().zip(b.column(column));
        terms.map(|(&a, &b)| wide(a) * wide(b)).sum()
    })
}

#[allow(clippy::unnecessary_cast, clippy::cast_lossless, reason = "Real is f64 with a feature")]
fn close(found: ArrayView2<Real>, expected: &Array2<f64>) {
    assert_eq!(found.dim(), expected.dim());
    for ((at, &found), expected) in found.indexed_iter().zip(expected) {
        assert!((found as f64 - expected).abs() < 1e-4, "{found} for {expected} at {at:?}");
    }
}

#[test]
fn rows_are_added_to_some_columns() {
    for units in UNITS {
        let (x, weights) = (numbers(SAMPLES, 2 * ROWS, 1), numbers(2 * ROWS, units, 2));
        let start = numbers(SAMPLES, units, 3);
        let expected = product(x.view(), weights.view()) + start.mapv(f64::from);
        let half = |columns| list(x.slice(columns), units);
        for first in [0, units / 2] {
            let expected = expected.slice(s![.., first..]).to_owned();
            let mut out = start.clone();
            let mut plain = start.clone();
            // A list whose rows are those of two chunks, one after the other.
            let mut both = half(s![.., ..ROWS]);
            let second = half(s![.., ROWS..]);
            both.terms.resize(100, Term::default());
            for terms in second.rows(0) {
                both.push(|room| {
                    room[..terms.len()].copy_from_slice(terms);
                    terms.len()
                });
            }
            for (chunk, weights) in weights.axis_chunks_iter(Axis(0), ROWS).enumerate() {
                let source = &weights.to_slice().unwrap()[first..];
                let columns = s![.., first..];
                accumulate_rows(out.slice_mut(columns), &both, chunk * SAMPLES, source);
                let plain = plain.slice_mut(columns);
                accumulate_body::<[Portable; 2]>(plain, &both, chunk * SAMPLES, source);
            }
            close(out.slice(s![.., first..]), &expected);
            close(plain.slice(s![.., first..]), &expected);
            assert_eq!(out.slice(s![.., ..first]), start.slice(s![.., ..first]), "{units}");
        }
    }
}

#[test]
fn rows_meet_the_rows_that_are_listed() {
    for units in UNITS {
        for samples in [1, 4, SAMPLES] {
            let (weights, delta) = (numbers(ROWS, units, 4), numbers(samples, units, 5));
            let (weights_values, delta_values) =
                (weights.as_slice().unwrap(), delta.as_slice().unwrap());
            let x = numbers(samples, ROWS, 7);
            let mut expected = product(delta.view(), weights.t());
            for (expected, &x) in expected.iter_mut().zip(&x) {
                *expected = if x == 0.0 { 0.0 } else { *expected };
            }
            let listed = list(x.t(), 1);
            let (mut out, mut sums) = (numbers(samples, ROWS, 6), vec![9.0; 5]);
            dot_rows(out.view_mut(), &listed, weights_values, delta_values, &mut sums);
            close(out.view(), &expected);
            let view = out.view_mut();
            dot_body::<[Portable; 2]>(view, &listed, weights_values, delta_values, &mut sums);
            close(out.view(), &expected);
        }
    }
}

#[test]
fn products_are_added_to_what_is_kept() {
    for units in UNITS {
        let (x, delta) = (numbers(SAMPLES, ROWS, 8), numbers(SAMPLES, units, 9));
        let start = numbers(ROWS, units, 10);
        let listed = list(x.t(), 1);
        let delta_values = delta.as_slice().unwrap();
        for step in [Step { keep: 0.5, rate: -0.1 }, Step { keep: 0.0, rate: 2.0 }] {
            let expected = product(x.t(), delta.view()) * f64::from(step.rate)
                + start.mapv(|kept| f64::from(step.keep) * f64::from(kept));
            let mut found = start.clone();
            if step.keep == 0.0 {
                found.fill(Real::NAN);
            }
            let mut plain = found.clone();
            add_products(found.as_slice_mut().unwrap(), &listed, delta_values, units, step);
            close(found.view(), &expected);
            let plain_values = plain.as_slice_mut().unwrap();
            add_products_body::<[Portable; 2]>(plain_values, &listed, delta_values, units, step);
            close(plain.view(), &expected);
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
    use crate::nn::kernels::lanes::{Avx2, Avx512, has_avx512};
    #[target_feature(enable = "avx2,fma")]
    fn narrow(out: ArrayViewMut2<Real>, list: &List, weights: &[Real], delta: &[Real]) {
        dot_body::<[Avx2; 2]>(out, list, weights, delta, &mut Vec::new());
    }
    #[target_feature(enable = "avx512f,avx512vl")]
    fn roomy(out: ArrayViewMut2<Real>, list: &List, weights: &[Real], delta: &[Real]) {
        dot_body::<Avx512>(out, list, weights, delta, &mut Vec::new());
    }
    if !has_avx512() {
        return;
    }
    for units in UNITS {
        let (weights, delta) = (numbers(ROWS, units, 4), numbers(SAMPLES, units, 5));
        let (weights, delta) = (weights.as_slice().unwrap(), delta.as_slice().unwrap());
        let listed = list(numbers(ROWS, SAMPLES, 8).view(), 1);
        let [mut one, mut two] = [6, 7].map(|seed| numbers(SAMPLES, ROWS, seed));
        // SAFETY: the processor has the features that the functions are compiled for.
        unsafe {
            narrow(one.view_mut(), &listed, weights, delta);
            roomy(two.view_mut(), &listed, weights, delta);
        }
        assert!(one == two, "{units}");
    }
}
