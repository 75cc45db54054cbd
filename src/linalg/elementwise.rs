//! Value by value: loops that the compiler turns into vectors by itself.

use super::simd::Simd;
use super::{Real, kernel};

kernel! {
    /// Replaces every z by max(0, z).
    fn relu(values: &mut [Real]) = relu_body
}

kernel! {
    /// Multiplies every δ by σ′(z) = a (1 − a), and [flushes](flush_tiny) it.
    fn times_sigmoid_slope(delta: &mut [Real], a: &[Real]) = times_sigmoid_slope_body
}

kernel! {
    /// Multiplies every δ by tanh′(z) = 1 − a², and [flushes](flush_tiny) it.
    fn times_tanh_slope(delta: &mut [Real], a: &[Real]) = times_tanh_slope_body
}

kernel! {
    /// Sets every δ to 0 whose a is not above 0.
    fn times_relu_slope(delta: &mut [Real], a: &[Real]) = times_relu_slope_body
}

kernel! {
    /// Adds number to number.
    fn add(sums: &mut [Real], others: &[Real]) = add_body
}

kernel! {
    /// w becomes `decay` · w − `rate` · g.
    fn scale_and_subtract(weights: &mut [Real], gradient: &[Real], decay: Real, rate: Real) = scale_and_subtract_body
}

/// The smallest δ that is not taken for 0.
const SMALLEST: Real = 1e8 * Real::MIN_POSITIVE;

/// 0 for a δ that is too small to move any weight. Saturated neurons have many of these, and products
/// of them would be subnormal numbers, which a processor takes about a hundred times as long for.
#[inline(always)]
pub(crate) fn flush_tiny(delta: Real) -> Real {
    if delta.abs() < SMALLEST { 0.0 } else { delta }
}

#[inline(always)]
fn relu_body<S: Simd>(_simd: S, values: &mut [Real]) {
    for z in values {
        *z = z.max(0.0);
    }
}

#[inline(always)]
fn times_sigmoid_slope_body<S: Simd>(_simd: S, delta: &mut [Real], a: &[Real]) {
    for (delta, a) in delta.iter_mut().zip(a) {
        *delta = flush_tiny(*delta * (a * (1.0 - a)));
    }
}

#[inline(always)]
fn times_tanh_slope_body<S: Simd>(_simd: S, delta: &mut [Real], a: &[Real]) {
    for (delta, a) in delta.iter_mut().zip(a) {
        *delta = flush_tiny(*delta * (1.0 - a * a));
    }
}

#[inline(always)]
fn times_relu_slope_body<S: Simd>(_simd: S, delta: &mut [Real], a: &[Real]) {
    for (delta, &a) in delta.iter_mut().zip(a) {
        *delta = if a > 0.0 { *delta } else { 0.0 };
    }
}

#[inline(always)]
fn add_body<S: Simd>(_simd: S, sums: &mut [Real], others: &[Real]) {
    for (sum, other) in sums.iter_mut().zip(others) {
        *sum += other;
    }
}

#[inline(always)]
fn scale_and_subtract_body<S: Simd>(
    _simd: S,
    weights: &mut [Real],
    gradient: &[Real],
    decay: Real,
    rate: Real,
) {
    for (w, g) in weights.iter_mut().zip(gradient) {
        *w = decay * *w - rate * g;
    }
}

#[cfg(test)]
mod tests {
    use super::super::reference::{close, numbers, wide};
    use super::super::simd::Portable;
    use super::*;

    /// A kernel that changes values by others, its portable body, and the function of one value.
    type Case = (fn(&mut [Real], &[Real]), fn(&mut [Real], &[Real]), fn(f64, f64) -> f64);

    #[test]
    fn every_value_is_what_the_function_says() {
        let cases: [Case; 6] = [
            (|v, _| relu(v), |v, _| relu_body(Portable, v), |v, _| v.max(0.0)),
            (
                times_sigmoid_slope,
                |d, a| times_sigmoid_slope_body(Portable, d, a),
                |d, a| d * a * (1.0 - a),
            ),
            (
                times_tanh_slope,
                |d, a| times_tanh_slope_body(Portable, d, a),
                |d, a| d * (1.0 - a * a),
            ),
            (
                times_relu_slope,
                |d, a| times_relu_slope_body(Portable, d, a),
                |d, a| if a > 0.0 { d } else { 0.0 },
            ),
            (add, |v, w| add_body(Portable, v, w), |v, w| v + w),
            (
                |w, g| scale_and_subtract(w, g, 0.5, 0.25),
                |w, g| scale_and_subtract_body(Portable, w, g, 0.5, 0.25),
                |w, g| 0.5 * w - 0.25 * g,
            ),
        ];
        for len in [0, 1, 7, 8, 9, 100] {
            let (start, others) = (numbers(len, 1), numbers(len, 2));
            for (kernel, portable, function) in cases {
                let expected: Vec<f64> =
                    start.iter().zip(&others).map(|(&v, &w)| function(wide(v), wide(w))).collect();
                for kernel in [kernel, portable] {
                    let mut values = start.clone();
                    kernel(&mut values, &others);
                    close(&values, &expected);
                }
            }
        }
    }

    #[test]
    fn deltas_too_small_to_move_a_weight_become_zero() {
        let (small, fine) = (SMALLEST / 2.0, SMALLEST * 2.0);
        let flushed = [flush_tiny(small), flush_tiny(-small)];
        assert!(flushed.iter().all(|delta| *delta == 0.0), "{flushed:?}");
        assert!((flush_tiny(-fine) + fine).abs() < SMALLEST / 1e3);
        assert!(flush_tiny(Real::NAN).is_nan(), "a run that diverged says so");
        let mut delta = vec![1e-10; 20];
        times_sigmoid_slope(&mut delta, &[SMALLEST; 20]);
        times_tanh_slope(&mut delta, &[0.5; 20]);
        assert!(delta.iter().all(|delta| *delta == 0.0), "{delta:?}");
    }
}
