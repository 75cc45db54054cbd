use super::*;
use crate::rng::{Purpose, stream};
use rand::RngExt;

fn naive(values: &[Real], stride: u32) -> Vec<Term> {
    let pairs = (0..).zip(values).filter(|(_, value)| **value != 0.0);
    pairs.map(|(at, &factor)| Term { offset: stride * at, factor }).collect()
}

#[test]
fn every_value_that_counts_is_listed() {
    let mut stream = stream(7, Purpose::Experiment, 0, 0);
    for len in (0..40).chain([784, 1030]) {
        let mut values: Vec<Real> = (0..len).map(|_| stream.random_range(-1.0..1.0)).collect();
        values.iter_mut().step_by(3).for_each(|value| *value = 0.0);
        values.iter_mut().skip(8).take(9).for_each(|value| *value = -0.0);
        let mut terms = vec![Term::default(); len];
        let count = nonzero(&values, 5, &mut terms);
        assert_eq!(terms[..count], naive(&values, 5), "{len}");
    }
}

#[test]
fn rows_become_columns() {
    for stride in [1, 3, 104, 1000] {
        let mut rows = List::default();
        rows.clear(20);
        rows.push(|_| 0);
        for columns in [[0, 2, 7], [1, 2, 8]] {
            rows.push(|terms| {
                for (term, column) in terms.iter_mut().zip(columns) {
                    *term = Term { offset: (column * stride) as u32, factor: column as Real };
                }
                columns.len()
            });
        }
        let mut list = List::default();
        list.transpose(&rows, (stride, 9), 10, 2.0);
        let found: Vec<Vec<(u32, usize)>> = (list.rows())
            .map(|terms| terms.iter().map(|t| (t.offset, t.factor as usize)).collect())
            .collect();
        let mut expected = vec![vec![]; 9];
        for (column, row) in [(0, 1), (1, 2), (2, 1), (2, 2), (7, 1), (8, 2)] {
            expected[column].push((10 * row, 2 * column));
        }
        assert_eq!(found, expected, "{stride}");
        assert_eq!((rows.count(), list.count()), (6, 6));
    }
}

#[test]
fn ink_is_listed_as_scaled_numbers_are() {
    let mut stream = stream(8, Purpose::Experiment, 0, 0);
    for len in (0..40).chain([784, 1030]) {
        let pixels: Vec<u8> = (0..len)
            .map(|at| if at / 20 % 2 == 0 { stream.random_range(0..=255) } else { 0 })
            .collect();
        let unit = Real::from(255_u8).recip();
        let values: Vec<Real> = pixels.iter().map(|&p| Real::from(p) * unit).collect();
        let mut terms = vec![Term::default(); len];
        let count = ink(&pixels, 30, &mut terms);
        let expected = naive(&values, 30);
        assert_eq!(terms[..count], expected, "{len}");
        let places = (0..).zip(&pixels).filter(|(_, p)| **p != 0);
        let (places, values): (Vec<u16>, Vec<u8>) = places.unzip();
        terms.fill(Term::default());
        expand(&mut terms, &places, &values, 30);
        assert_eq!(terms[..count], expected, "{len}");
    }
}
