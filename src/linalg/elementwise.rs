//! Value by value: what needs no more than loops that the compiler turns into vectors.

use super::kernel;
use crate::nn::Real;

kernel! {
    /// Replaces every z by max(0, z).
    fn rectify(values: &mut [Real]) = rectify_body
}

kernel! {
    /// Multiplies every δ by σ′(z) = a (1 − a), and [settles](settled) it.
    fn times_sigmoid_slope(delta: &mut [Real], a: &[Real]) = times_sigmoid_slope_body
}

kernel! {
    /// Multiplies every δ by tanh′(z) = 1 − a², and [settles](settled) it.
    fn times_tanh_slope(delta: &mut [Real], a: &[Real]) = times_tanh_slope_body
}

kernel! {
    /// Sets every δ to 0 whose a is not above 0.
    fn times_step(delta: &mut [Real], a: &[Real]) = times_step_body
}

kernel! {
    /// Adds number to number.
    fn add(sums: &mut [Real], others: &[Real]) = add_body
}

kernel! {
    /// w becomes `keep` · w − `rate` · g.
    fn descend(weights: &mut [Real], gradient: &[Real], keep: Real, rate: Real) = descend_body
}

/// The least δ that is not taken for 0.
const LEAST: Real = 1e8 * Real::MIN_POSITIVE;

/// 0 for a δ that is too small to move any weight. Behind saturated neurons there are many, and their
/// products would be subnormal, which a processor takes some hundred times as long for.
#[inline(always)]
pub(crate) fn settled(delta: Real) -> Real {
    if delta.abs() < LEAST { 0.0 } else { delta }
}

#[inline(always)]
fn rectify_body<V>(values: &mut [Real]) {
    for z in values {
        *z = z.max(0.0);
    }
}

#[inline(always)]
fn times_sigmoid_slope_body<V>(delta: &mut [Real], a: &[Real]) {
    for (delta, a) in delta.iter_mut().zip(a) {
        *delta = settled(*delta * (a * (1.0 - a)));
    }
}

#[inline(always)]
fn times_tanh_slope_body<V>(delta: &mut [Real], a: &[Real]) {
    for (delta, a) in delta.iter_mut().zip(a) {
        *delta = settled(*delta * (1.0 - a * a));
    }
}

#[inline(always)]
fn times_step_body<V>(delta: &mut [Real], a: &[Real]) {
    for (delta, &a) in delta.iter_mut().zip(a) {
        *delta = if a > 0.0 { *delta } else { 0.0 };
    }
}

#[inline(always)]
fn add_body<V>(sums: &mut [Real], others: &[Real]) {
    for (sum, other) in sums.iter_mut().zip(others) {
        *sum += other;
    }
}

#[inline(always)]
fn descend_body<V>(weights: &mut [Real], gradient: &[Real], keep: Real, rate: Real) {
    for (w, g) in weights.iter_mut().zip(gradient) {
        *w = keep * *w - rate * g;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_small_to_learn_from_is_zero() {
        let (small, fine) = (LEAST / 2.0, LEAST * 2.0);
        let nothing = [settled(small), settled(-small)];
        assert!(nothing.iter().all(|delta| *delta == 0.0), "{nothing:?}");
        assert!((settled(-fine) + fine).abs() < LEAST / 1e3);
        assert!(settled(Real::NAN).is_nan(), "a run that diverged says so");
        let mut delta = vec![1e-10; 20];
        times_sigmoid_slope(&mut delta, &[LEAST; 20]);
        times_tanh_slope(&mut delta, &[0.5; 20]);
        assert!(delta.iter().all(|delta| *delta == 0.0), "{delta:?}");
    }
}
