//! Sums of short runs of an image: the gradient of a convolution over few maps.

use super::entry::SparseEntry;
use super::simd::{LANES, Simd, Vector};
use super::{Real, kernel};

/// Length that short runs are padded to: one vector.
pub(crate) const RUN: usize = LANES;

kernel! {
    /// Run r of `out`, a vector, += Σ value · `source[offset + r · stride..]` over the entries, for
    /// all runs of `out`. The source must hold a whole vector at each such index.
    fn accumulate_runs = accumulate_runs_body(
        simd, out: &mut [Real], entries: &[SparseEntry], source: &[Real], stride: usize,
    ) {
        let mut first = 0;
        while first < out.len() / LANES {
            let (out, source) = (&mut out[first * LANES..], &source[first * stride..]);
            first += match out.len() / LANES {
                1 => some::<S, 1>(simd, out, entries, source, stride),
                2 => some::<S, 2>(simd, out, entries, source, stride),
                3 => some::<S, 3>(simd, out, entries, source, stride),
                4 => some::<S, 4>(simd, out, entries, source, stride),
                5 => some::<S, 5>(simd, out, entries, source, stride),
                6 => some::<S, 6>(simd, out, entries, source, stride),
                _ => some::<S, 7>(simd, out, entries, source, stride),
            };
        }
    }
}

/// Sums the first `RUNS` runs; returns `RUNS`.
#[inline(always)]
fn some<S: Simd, const RUNS: usize>(
    simd: S,
    out: &mut [Real],
    entries: &[SparseEntry],
    source: &[Real],
    stride: usize,
) -> usize {
    let out = out.as_chunks_mut().0.first_chunk_mut::<RUNS>().expect("there are RUNS runs");
    let mut sums = [simd.splat(0.0); RUNS];
    for (sum, out) in sums.iter_mut().zip(&*out) {
        *sum = simd.load(out);
    }
    let reach = (RUNS - 1) * stride + LANES;
    for entry in entries {
        let source = &source[entry.offset as usize..][..reach];
        let factor = simd.splat(entry.value);
        for (run, sum) in sums.iter_mut().enumerate() {
            let values = source[run * stride..].first_chunk().expect("the slice has all runs");
            *sum = simd.load(values).multiply_add(factor, *sum);
        }
    }
    for (out, sum) in out.iter_mut().zip(sums) {
        sum.store(out);
    }
    RUNS
}

#[cfg(test)]
mod tests {
    use super::super::reference::{self, close, numbers};
    use super::super::simd::Portable;
    use super::*;

    #[test]
    fn runs_are_summed_row_by_row() {
        let stride = 11;
        let source = numbers(stride * 14, 1);
        let entries: Vec<SparseEntry> = numbers(9, 2)
            .into_iter()
            .zip(0..)
            .map(|(value, at)| SparseEntry { offset: at * 3, value })
            .collect();
        for runs in 1..=9 {
            let start = numbers(runs * LANES, 3);
            let expected = reference::accumulate_runs(&start, LANES, &entries, &source, stride);
            let [mut out, mut portable] = [start.clone(), start];
            accumulate_runs(&mut out, &entries, &source, stride);
            close(&out, &expected);
            accumulate_runs_body(Portable, &mut portable, &entries, &source, stride);
            close(&portable, &expected);
        }
    }
}
