use super::super::reference::{self, array, close, numbers, sparse};
use super::super::simd::Portable;
use super::*;

const WIDTHS: [usize; 13] = [1, 3, 7, 8, 9, 10, 16, 30, 41, 69, 100, 105, 333];

#[test]
fn rows_of_any_length_are_summed() {
    for width in WIDTHS {
        let rows = sparse(array(5, 7, 1).view(), width);
        let (start, source) = (numbers(width, 2), numbers(7 * width, 3));
        let expected = reference::sum_rows(&start, &rows, &source);
        let mut out = numbers(5 * width, 4);
        sum_rows(&mut out, &start, &rows, &source);
        close(&out, &expected);
        sum_rows_body(Portable, &mut out, &start, &rows, &source);
        close(&out, &expected);
        for (entries, expected) in rows.iter().zip(expected.chunks(width)) {
            let [mut out, mut portable] = [start.clone(), start.clone()];
            accumulate(&mut out, entries, &source);
            close(&out, expected);
            accumulate_body(VectorPair(Portable), &mut portable, entries, &source);
            close(&portable, expected);
        }
    }
}

#[test]
fn rows_of_any_length_are_scattered() {
    for width in WIDTHS {
        let rows = sparse(array(5, 7, 1).view(), width);
        let (values, start) = (numbers(5 * width, 2), numbers(7 * width, 3));
        let expected = reference::scatter_rows(&start, &rows, &values, width, -0.3);
        let [mut out, mut portable] = [start.clone(), start.clone()];
        scatter_rows(&mut out, &rows, &values, width, -0.3);
        close(&out, &expected);
        scatter_rows_body(Portable, &mut portable, &rows, &values, width, -0.3);
        close(&portable, &expected);
    }
}
