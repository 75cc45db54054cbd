//! The peak of this machine: single-precision multiply-adds in registers.

use std::hint::black_box;
use std::thread;
use std::time::Instant;

/// Number of independent sums; enough to keep both multiply-add units of a core busy.
const SUMS: usize = 12;
/// Rounds per measurement: about a hundredth of a second.
const ROUNDS: usize = 2_000_000;
/// Number of measurements; the fastest counts, because other load only slows them down.
const TRIES: usize = 7;

/// A loop of multiply-adds; its result depends on all of them, so that none is optimised away.
#[derive(Clone, Copy)]
struct MultiplyAddLoop {
    /// Single-precision numbers in a register.
    lanes: usize,
    run: fn(f32) -> f32,
}

/// Floating-point operations per second on `threads` cores with the widest registers of this
/// processor; a multiply-add counts as two.
pub(super) fn measure(threads: usize) -> f64 {
    let tries = spins().flat_map(|spin| (0..TRIES).map(move |_| once(spin, threads)));
    tries.fold(0.0, f64::max)
}

fn once(spin: MultiplyAddLoop, threads: usize) -> f64 {
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| black_box((spin.run)(black_box(0.999_999))));
        }
    });
    let operations = 2 * threads * ROUNDS * SUMS * spin.lanes;
    operations as f64 / start.elapsed().as_secs_f64()
}

/// The loops for the instruction sets of this processor.
fn spins() -> impl Iterator<Item = MultiplyAddLoop> {
    let portable = MultiplyAddLoop { lanes: 8, run: spin_portable };
    #[cfg(target_arch = "x86_64")]
    {
        let fma = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let fma = fma.then_some(MultiplyAddLoop {
            lanes: 8,
            // SAFETY: the processor was just found to have the features.
            run: |factor| unsafe { spin_fma(factor) },
        });
        let avx512 = is_x86_feature_detected!("avx512f").then_some(MultiplyAddLoop {
            lanes: 16,
            // SAFETY: as above.
            run: |factor| unsafe { spin_avx512(factor) },
        });
        // The portable code is never faster than these.
        let portable = fma.is_none().then_some(portable);
        [portable, fma, avx512].into_iter().flatten()
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::iter::once(portable)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn spin_avx512(factor: f32) -> f32 {
    use std::arch::x86_64::{
        __m512, _mm512_add_ps, _mm512_cvtss_f32, _mm512_fmadd_ps, _mm512_set1_ps,
    };
    let (factor, term) = (_mm512_set1_ps(factor), _mm512_set1_ps(1e-6));
    let mut sums: [__m512; SUMS] = [_mm512_set1_ps(1.0); SUMS];
    for _ in 0..ROUNDS {
        for sum in &mut sums {
            *sum = _mm512_fmadd_ps(*sum, factor, term);
        }
    }
    _mm512_cvtss_f32(sums.into_iter().fold(term, |a, b| _mm512_add_ps(a, b)))
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn spin_fma(factor: f32) -> f32 {
    use std::arch::x86_64::{
        __m256, _mm256_add_ps, _mm256_cvtss_f32, _mm256_fmadd_ps, _mm256_set1_ps,
    };
    let (factor, term) = (_mm256_set1_ps(factor), _mm256_set1_ps(1e-6));
    let mut sums: [__m256; SUMS] = [_mm256_set1_ps(1.0); SUMS];
    for _ in 0..ROUNDS {
        for sum in &mut sums {
            *sum = _mm256_fmadd_ps(*sum, factor, term);
        }
    }
    _mm256_cvtss_f32(sums.into_iter().fold(term, |a, b| _mm256_add_ps(a, b)))
}

fn spin_portable(factor: f32) -> f32 {
    let mut sums = [[1.0_f32; 8]; SUMS];
    for _ in 0..ROUNDS {
        for lane in sums.iter_mut().flatten() {
            *lane = *lane * factor + 1e-6;
        }
    }
    sums.iter().map(|lanes| lanes[0]).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_instruction_sets_compute_the_same_sums() {
        let portable = spin_portable(0.999_999);
        for spin in spins() {
            let sum = (spin.run)(0.999_999);
            assert!((sum / portable - 1.0).abs() < 0.05, "{} lanes: {sum} {portable}", spin.lanes);
        }
    }
}
