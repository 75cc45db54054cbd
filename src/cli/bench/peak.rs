//! What this machine's cores can do at most: single-precision multiply-adds in registers.

use std::hint::black_box;
use std::thread;
use std::time::Instant;

/// Enough independent sums to keep both multiply-add units of a core busy.
const SUMS: usize = 12;
/// Single-precision numbers in a 256-bit register.
const LANES: usize = 8;
/// Rounds of a measurement: about a hundredth of a second.
const ROUNDS: usize = 2_000_000;
/// Measurements; the fastest counts, for whatever else runs only slows one down.
const TRIES: usize = 7;

/// Floating-point operations a second of so many cores at once, a multiply-add counting as two.
pub(super) fn measure(threads: usize) -> f64 {
    (0..TRIES).map(|_| once(threads)).fold(0.0, f64::max)
}

fn once(threads: usize) -> f64 {
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| black_box(spin(black_box(0.999_999))));
        }
    });
    let operations = 2 * threads * ROUNDS * SUMS * LANES;
    operations as f64 / start.elapsed().as_secs_f64()
}

#[cfg(target_arch = "x86_64")]
fn spin(factor: f32) -> f32 {
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: the processor was just found to have both features.
        unsafe { spin_fma(factor) }
    } else {
        spin_portable(factor)
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn spin(factor: f32) -> f32 {
    spin_portable(factor)
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
    let mut sums = [[1.0_f32; LANES]; SUMS];
    for _ in 0..ROUNDS {
        for lane in sums.iter_mut().flatten() {
            *lane = *lane * factor + 1e-6;
        }
    }
    sums.iter().flatten().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_sums_with_and_without_vectors() {
        let (fast, portable) = (spin(0.999_999), spin_portable(0.999_999) / LANES as f32);
        assert!((fast / portable - 1.0).abs() < 0.05, "{fast} {portable}");
    }
}
