//! Value by value: what needs no more than loops that the compiler turns into vectors.

use super::kernel;
use crate::nn::Real;

kernel! {
    /// Replaces every z by max(0, z).
    fn rectify(values: &mut [Real]) = rectify_body
}

kernel! {
    /// Multiplies every δ by σ′(z) = a (1 − a).
    fn times_sigmoid_slope(delta: &mut [Real], a: &[Real]) = times_sigmoid_slope_body
}

kernel! {
    /// Multiplies every δ by tanh′(z) = 1 − a².
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

#[inline(always)]
fn rectify_body<V>(values: &mut [Real]) {
    for z in values {
        *z = z.max(0.0);
    }
}

#[inline(always)]
fn times_sigmoid_slope_body<V>(delta: &mut [Real], a: &[Real]) {
    for (delta, a) in delta.iter_mut().zip(a) {
        *delta *= a * (1.0 - a);
    }
}

#[inline(always)]
fn times_tanh_slope_body<V>(delta: &mut [Real], a: &[Real]) {
    for (delta, a) in delta.iter_mut().zip(a) {
        *delta *= 1.0 - a * a;
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
