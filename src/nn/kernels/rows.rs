//! Sums of rows with factors: what dense layers, and the gradients of convolutions, are made of.
//!
//! Only factors that are not zero are listed: four in five pixels of a digit are background, and of
//! the deltas behind max-pooling three in four are zero.

use super::kernel;
use super::lanes::{LANES, Lanes};
use crate::nn::Real;

/// A row of an array, by the place of its first number, and what it is multiplied by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Term {
    pub(crate) offset: u32,
    pub(crate) factor: Real,
}

/// Writes a term for every value that is not zero; value i has the offset `stride` · i. Returns
/// their number; `terms` is as long as `values` at least.
pub(crate) fn nonzero(values: &[Real], stride: usize, terms: &mut [Term]) -> usize {
    const GROUP: usize = 8;
    let mut end = 0;
    let (groups, rest) = values.as_chunks::<GROUP>();
    for (group, values) in groups.iter().enumerate() {
        // Background comes in long runs. The sign of a zero is shifted out.
        if values.iter().fold(0, |bits, value| bits | value.to_bits() << 1) == 0 {
            continue;
        }
        let window = terms[end..].first_chunk_mut::<GROUP>().expect("a term a value");
        let mut count = 0;
        for (lane, &factor) in values.iter().enumerate() {
            let offset = ((GROUP * group + lane) * stride) as u32;
            window[count % GROUP] = Term { offset, factor };
            count += usize::from(factor != 0.0);
        }
        end += count;
    }
    for (lane, &factor) in rest.iter().enumerate() {
        terms[end] = Term { offset: ((GROUP * groups.len() + lane) * stride) as u32, factor };
        end += usize::from(factor != 0.0);
    }
    end
}

kernel! {
    /// `out` += Σ factor · `source[offset..][..out.len()]`, term after term.
    fn accumulate(out: &mut [Real], terms: &[Term], source: &[Real]) = accumulate_body
}

kernel! {
    /// `out[offset..][..row.len()]` += factor · `row` for every term.
    fn scatter(out: &mut [Real], terms: &[Term], row: &[Real]) = scatter_body
}

/// Numbers that are summed in registers at once: twelve vectors and one that may overlap.
const WIDEST: usize = 13 * LANES;

#[inline(always)]
fn accumulate_body<V: Lanes>(out: &mut [Real], terms: &[Term], source: &[Real]) {
    let mut start = 0;
    for out in out.chunks_mut(WIDEST) {
        let source = &source[start.min(source.len())..];
        start += out.len();
        // So many whole vectors, then one that ends with the row and may overlap the last of them.
        match (out.len() - 1) / LANES {
            0 => accumulate_up_to_a_vector::<V>(out, terms, source),
            1 => accumulate_twice::<V, 1>(out, terms, source),
            2 => accumulate_twice::<V, 2>(out, terms, source),
            3 => accumulate_twice::<V, 3>(out, terms, source),
            4 => accumulate_twice::<V, 4>(out, terms, source),
            5 => accumulate_once::<V, 5>(out, terms, source),
            6 => accumulate_once::<V, 6>(out, terms, source),
            7 => accumulate_once::<V, 7>(out, terms, source),
            8 => accumulate_once::<V, 8>(out, terms, source),
            9 => accumulate_once::<V, 9>(out, terms, source),
            10 => accumulate_once::<V, 10>(out, terms, source),
            11 => accumulate_once::<V, 11>(out, terms, source),
            _ => accumulate_once::<V, 12>(out, terms, source),
        }
    }
}

#[inline(always)]
fn accumulate_up_to_a_vector<V: Lanes>(out: &mut [Real], terms: &[Term], source: &[Real]) {
    let len = out.len();
    if let Ok(out) = <&mut [Real; LANES]>::try_from(&mut *out) {
        let mut sum = V::load(out);
        for term in terms {
            let row = &source[term.offset as usize..][..LANES];
            let row = row.try_into().expect("a slice of so many");
            sum = V::load(row).multiply_add(V::splat(term.factor), sum);
        }
        return sum.store(out);
    }
    for term in terms {
        let row = &source[term.offset as usize..][..len];
        out.iter_mut().zip(row).for_each(|(out, &value)| {
            *out = V::scalar(term.factor, value, *out);
        });
    }
}

/// A row's whole vectors and the one that ends with it.
struct Row<V, const HEAD: usize> {
    head: [V; HEAD],
    tail: V,
}

impl<V: Lanes, const HEAD: usize> Row<V, HEAD> {
    #[inline(always)]
    fn zero() -> Self {
        Self { head: [V::splat(0.0); HEAD], tail: V::splat(0.0) }
    }

    #[inline(always)]
    fn load(row: &[Real]) -> Self {
        let (head, tail) = Self::parts(row);
        Self { head: std::array::from_fn(|at| V::load(&head[at])), tail: V::load(tail) }
    }

    #[inline(always)]
    fn parts(row: &[Real]) -> (&[[Real; LANES]; HEAD], &[Real; LANES]) {
        let head = row.as_chunks().0.first_chunk().expect("the row is longer than its head");
        (head, row.last_chunk().expect("the row is longer than a vector"))
    }

    /// Where head and tail overlap both hold the same sums.
    #[inline(always)]
    fn store(&self, row: &mut [Real]) {
        let head = row.as_chunks_mut().0.first_chunk_mut();
        let head: &mut [[Real; LANES]; HEAD] = head.expect("the row is longer than its head");
        head.iter_mut().zip(self.head).for_each(|(values, sum)| sum.store(values));
        self.tail.store(row.last_chunk_mut().expect("the row is longer than a vector"));
    }

    #[inline(always)]
    fn add_term(&mut self, term: Term, source: &[Real], len: usize) {
        let (head, tail) = Self::parts(&source[term.offset as usize..][..len]);
        let factor = V::splat(term.factor);
        for (sum, values) in self.head.iter_mut().zip(head) {
            *sum = V::load(values).multiply_add(factor, *sum);
        }
        self.tail = V::load(tail).multiply_add(factor, self.tail);
    }

    #[inline(always)]
    fn add(&mut self, other: &Self) {
        self.head.iter_mut().zip(other.head).for_each(|(sum, other)| *sum = sum.add(other));
        self.tail = self.tail.add(other.tail);
    }
}

#[inline(always)]
fn accumulate_once<V: Lanes, const HEAD: usize>(out: &mut [Real], terms: &[Term], source: &[Real]) {
    let mut sum = Row::<V, HEAD>::load(out);
    for &term in terms {
        sum.add_term(term, source, out.len());
    }
    sum.store(out);
}

/// Narrow rows in two sums, of every other term: one alone would wait for its own last addition.
#[inline(always)]
fn accumulate_twice<V: Lanes, const HEAD: usize>(
    out: &mut [Real],
    terms: &[Term],
    source: &[Real],
) {
    let mut sum = Row::<V, HEAD>::load(out);
    let mut other = Row::<V, HEAD>::zero();
    let (pairs, rest) = terms.as_chunks::<2>();
    for &[first, second] in pairs {
        sum.add_term(first, source, out.len());
        other.add_term(second, source, out.len());
    }
    for &term in rest {
        sum.add_term(term, source, out.len());
    }
    sum.add(&other);
    sum.store(out);
}

#[inline(always)]
fn scatter_body<V: Lanes>(out: &mut [Real], terms: &[Term], row: &[Real]) {
    let mut start = 0;
    for row in row.chunks(WIDEST) {
        let begin = start.min(out.len());
        let out = &mut out[begin..];
        start += row.len();
        match (row.len() - 1) / LANES {
            0 => scatter_up_to_a_vector::<V>(out, terms, row),
            1 => scatter_row::<V, 1>(out, terms, row),
            2 => scatter_row::<V, 2>(out, terms, row),
            3 => scatter_row::<V, 3>(out, terms, row),
            4 => scatter_row::<V, 4>(out, terms, row),
            5 => scatter_row::<V, 5>(out, terms, row),
            6 => scatter_row::<V, 6>(out, terms, row),
            7 => scatter_row::<V, 7>(out, terms, row),
            8 => scatter_row::<V, 8>(out, terms, row),
            9 => scatter_row::<V, 9>(out, terms, row),
            10 => scatter_row::<V, 10>(out, terms, row),
            11 => scatter_row::<V, 11>(out, terms, row),
            _ => scatter_row::<V, 12>(out, terms, row),
        }
    }
}

#[inline(always)]
fn scatter_up_to_a_vector<V: Lanes>(out: &mut [Real], terms: &[Term], row: &[Real]) {
    for term in terms {
        let out = &mut out[term.offset as usize..][..row.len()];
        out.iter_mut().zip(row).for_each(|(out, &value)| {
            *out = V::scalar(term.factor, value, *out);
        });
    }
}

#[inline(always)]
fn scatter_row<V: Lanes, const HEAD: usize>(out: &mut [Real], terms: &[Term], row: &[Real]) {
    let values = Row::<V, HEAD>::load(row);
    for term in terms {
        let out = &mut out[term.offset as usize..][..row.len()];
        let factor = V::splat(term.factor);
        // All is loaded before anything is stored: head and tail may overlap.
        let mut sum = Row::<V, HEAD>::load(out);
        for (sum, values) in sum.head.iter_mut().zip(values.head) {
            *sum = values.multiply_add(factor, *sum);
        }
        sum.tail = values.tail.multiply_add(factor, sum.tail);
        sum.store(out);
    }
}

#[cfg(test)]
#[allow(clippy::unnecessary_cast, reason = "Real is f64 with the feature f64")]
mod tests {
    use super::*;
    use crate::nn::kernels::lanes::Portable;
    use crate::rng::{Purpose, stream};
    use rand::RngExt;

    fn numbers(count: usize, seed: u64) -> Vec<Real> {
        let mut stream = stream(seed, Purpose::Experiment, 0, 0);
        (0..count).map(|_| stream.random_range(-1.0..1.0)).collect()
    }

    fn close(found: &[Real], expected: &[f64]) {
        for (found, expected) in found.iter().zip(expected) {
            let error = (f64::from(*found as f32) - expected).abs();
            assert!(error < 2e-5, "{found} for {expected}");
        }
    }

    #[test]
    fn nonzero_lists_every_value_that_counts() {
        for len in 0..40 {
            let mut values = numbers(len, 7);
            values.iter_mut().step_by(3).for_each(|value| *value = 0.0);
            values.iter_mut().skip(8).take(9).for_each(|value| *value = 0.0);
            let mut terms = vec![Term::default(); len];
            let count = nonzero(&values, 5, &mut terms);
            let naive = values.iter().enumerate().filter(|(_, value)| **value != 0.0);
            let naive = naive.map(|(at, &factor)| Term { offset: 5 * at as u32, factor });
            assert!(terms[..count].iter().copied().eq(naive), "{len}");
        }
    }

    #[test]
    fn rows_of_any_length_are_summed_and_scattered() {
        for len in (1..70).chain([96, 97, 100, 104, 105, 208, 333]) {
            for count in [0, 1, 2, 7] {
                let factors = numbers(count, 1);
                let terms: Vec<Term> = factors
                    .iter()
                    .enumerate()
                    .map(|(at, &factor)| Term { offset: (at * len) as u32, factor })
                    .collect();
                let (start, source) = (numbers(len, 2), numbers(count * len, 3));
                let naive: Vec<f64> = (0..len)
                    .map(|at| {
                        let sum = terms.iter().enumerate().map(|(row, term)| {
                            f64::from(term.factor as f32) * f64::from(source[row * len + at] as f32)
                        });
                        f64::from(start[at] as f32) + sum.sum::<f64>()
                    })
                    .collect();
                let mut out = start.clone();
                accumulate(&mut out, &terms, &source);
                close(&out, &naive);
                let mut portable = start.clone();
                accumulate_body::<Portable>(&mut portable, &terms, &source);
                close(&portable, &naive);

                let mut spread = source.clone();
                scatter(&mut spread, &terms, &start);
                let naive: Vec<f64> = (0..count * len)
                    .map(|at| {
                        let factor = f64::from(terms[at / len].factor as f32);
                        f64::from(source[at] as f32) + factor * f64::from(start[at % len] as f32)
                    })
                    .collect();
                close(&spread, &naive);
            }
        }
    }
}
