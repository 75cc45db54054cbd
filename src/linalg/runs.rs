//! Sums of short runs of an image: the gradient of a convolution that looks at few maps.

use super::kernel;
use super::lanes::{LANES, Lanes};
use super::listing::Term;
use crate::nn::Real;

/// Numbers a short run is padded to: a vector.
pub(crate) const RUN: usize = LANES;

kernel! {
    /// Run r of `out`, a vector, += Σ factor · `source[offset + r · pitch..]`: as many runs as
    /// `out` has. The source goes on for a vector behind every run's beginning.
    fn accumulate_runs(out: &mut [Real], terms: &[Term], source: &[Real], pitch: usize) = body
}

#[inline(always)]
fn body<V: Lanes>(out: &mut [Real], terms: &[Term], source: &[Real], pitch: usize) {
    let mut first = 0;
    while first < out.len() / LANES {
        let (out, source) = (&mut out[first * LANES..], &source[first * pitch..]);
        first += match out.len() / LANES {
            1 => some::<V, 1>(out, terms, source, pitch),
            2 => some::<V, 2>(out, terms, source, pitch),
            3 => some::<V, 3>(out, terms, source, pitch),
            4 => some::<V, 4>(out, terms, source, pitch),
            5 => some::<V, 5>(out, terms, source, pitch),
            6 => some::<V, 6>(out, terms, source, pitch),
            _ => some::<V, 7>(out, terms, source, pitch),
        };
    }
}

/// The first so many runs at once; returns their number.
#[inline(always)]
fn some<V: Lanes, const RUNS: usize>(
    out: &mut [Real],
    terms: &[Term],
    source: &[Real],
    pitch: usize,
) -> usize {
    let out = out.as_chunks_mut().0.first_chunk_mut::<RUNS>().expect("so many runs");
    let mut sums = [V::splat(0.0); RUNS];
    for (sum, out) in sums.iter_mut().zip(&*out) {
        *sum = V::load(out);
    }
    let reach = (RUNS - 1) * pitch + LANES;
    for term in terms {
        let source = &source[term.offset as usize..][..reach];
        let factor = V::splat(term.factor);
        for (run, sum) in sums.iter_mut().enumerate() {
            let values = source[run * pitch..].first_chunk().expect("within reach");
            *sum = V::load(values).multiply_add(factor, *sum);
        }
    }
    for (out, sum) in out.iter_mut().zip(sums) {
        sum.store(out);
    }
    RUNS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::lanes::Portable;

    #[test]
    fn runs_are_summed_one_below_the_other() {
        let pitch = 11;
        let source: Vec<Real> = (0..pitch * 14).map(|at| (at * 5 % 7) as Real).collect();
        let terms: Vec<Term> =
            (0..9).map(|at| Term { offset: at * 3, factor: at as Real - 4.0 }).collect();
        for runs in 1..=9 {
            let mut out: Vec<Real> = (0..runs * LANES).map(|at| at as Real).collect();
            let expected: Vec<Real> = (0..runs * LANES)
                .map(|at| {
                    let place = at / LANES * pitch + at % LANES;
                    let product = |t: &Term| t.factor * source[t.offset as usize + place];
                    at as Real + terms.iter().map(product).sum::<Real>()
                })
                .collect();
            let mut portable = out.clone();
            accumulate_runs(&mut out, &terms, &source, pitch);
            body::<Portable>(&mut portable, &terms, &source, pitch);
            // Small whole numbers: exact in any order.
            assert_eq!(out, expected);
            assert_eq!(portable, expected);
        }
    }
}
