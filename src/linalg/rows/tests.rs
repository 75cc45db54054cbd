use super::*;
use crate::linalg::lanes::Portable;
use crate::rng::{Purpose, stream};
use rand::RngExt;

fn numbers(count: usize, seed: u64) -> Vec<Real> {
    let mut stream = stream(seed, Purpose::Experiment, 0, 0);
    (0..count).map(|_| stream.random_range(-1.0..1.0)).collect()
}

fn close(found: &[Real], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        let error = (wide(*found) - expected).abs();
        assert!(error < 2e-5, "{found} for {expected}");
    }
}

fn wide(value: Real) -> f64 {
    f64::from(value as f32)
}

const WIDTHS: [usize; 13] = [1, 3, 7, 8, 9, 10, 16, 30, 41, 69, 100, 105, 333];
const COUNTS: [usize; 5] = [0, 1, 2, 7, 3];

/// Rows of 0, 1, 2, … terms: term t of the source's row t.
fn list(width: usize) -> List {
    let mut list = List::default();
    list.clear(COUNTS.iter().sum());
    for count in COUNTS {
        let factors = numbers(count, 1 + count as u64);
        list.push(|terms| {
            for (at, &factor) in factors.iter().enumerate() {
                terms[at] = Term { offset: (at * width) as u32, factor };
            }
            count
        });
    }
    list
}

#[test]
fn rows_of_any_length_are_summed() {
    for width in WIDTHS {
        let (list, start, source) = (list(width), numbers(width, 2), numbers(7 * width, 3));
        let row = |terms: &[Term]| -> Vec<f64> {
            let at = |at: usize| {
                let product = |t: &Term| wide(t.factor) * wide(source[t.offset as usize + at]);
                wide(start[at]) + terms.iter().map(product).sum::<f64>()
            };
            (0..width).map(at).collect()
        };
        let expected: Vec<f64> = list.rows().flat_map(row).collect();
        let mut out = numbers(COUNTS.len() * width, 4);
        sum_rows(&mut out, &start, &list, &source);
        close(&out, &expected);
        sum_rows_body::<[Portable; 2]>(&mut out, &start, &list, &source);
        close(&out, &expected);
        for (terms, expected) in list.rows().zip(expected.chunks(width)) {
            let mut out = start.clone();
            accumulate(&mut out, terms, &source);
            close(&out, expected);
        }
    }
}

#[test]
fn rows_of_any_length_are_scattered() {
    for width in WIDTHS {
        let (list, rows) = (list(width), numbers(COUNTS.len() * width, 2));
        let start = numbers(7 * width, 3);
        let mut expected: Vec<f64> = start.iter().map(|&value| wide(value)).collect();
        for (terms, row) in list.rows().zip(rows.chunks(width)) {
            for term in terms {
                for (at, &value) in row.iter().enumerate() {
                    expected[term.offset as usize + at] -= 0.3 * wide(term.factor) * wide(value);
                }
            }
        }
        let mut out = start.clone();
        scatter_rows(&mut out, &list, &rows, width, -0.3);
        close(&out, &expected);
        let mut out = start.clone();
        scatter_rows_body::<[Portable; 2]>(&mut out, &list, &rows, width, -0.3);
        close(&out, &expected);
        scale_by(&mut out, 0.5);
        for value in &mut expected {
            *value *= 0.5;
        }
        close(&out, &expected);
    }
}
