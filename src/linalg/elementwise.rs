//! Elementwise operations: loops that the compiler vectorizes by itself.

use super::{Real, kernel};

kernel! {
    /// Replaces every z by max(0, z).
    fn relu = relu_body(_simd, values: &mut [Real]) {
        for z in values {
            *z = z.max(0.0);
        }
    }
}

kernel! {
    /// Multiplies every δ by σ′(z) = a (1 − a), and [flushes](flush_tiny) it.
    fn times_sigmoid_slope = times_sigmoid_slope_body(_simd, delta: &mut [Real], a: &[Real]) {
        for (delta, a) in delta.iter_mut().zip(a) {
            *delta = flush_tiny(*delta * (a * (1.0 - a)));
        }
    }
}

kernel! {
    /// Multiplies every δ by tanh′(z) = 1 − a², and [flushes](flush_tiny) it.
    fn times_tanh_slope = times_tanh_slope_body(_simd, delta: &mut [Real], a: &[Real]) {
        for (delta, a) in delta.iter_mut().zip(a) {
            *delta = flush_tiny(*delta * (1.0 - a * a));
        }
    }
}

kernel! {
    /// Sets δ to 0 where a ≤ 0.
    fn times_relu_slope = times_relu_slope_body(_simd, delta: &mut [Real], a: &[Real]) {
        for (delta, &a) in delta.iter_mut().zip(a) {
            *delta = if a > 0.0 { *delta } else { 0.0 };
        }
    }
}

kernel! {
    /// Adds `others` to `sums`.
    fn add = add_body(_simd, sums: &mut [Real], others: &[Real]) {
        for (sum, other) in sums.iter_mut().zip(others) {
            *sum += other;
        }
    }
}

kernel! {
    /// Multiplies every value by `factor`.
    fn scale_by = scale_by_body(_simd, values: &mut [Real], factor: Real) {
        for value in values {
            *value *= factor;
        }
    }
}

kernel! {
    /// w ← `decay` · w − `rate` · g.
    fn scale_and_subtract = scale_and_subtract_body(
        _simd, weights: &mut [Real], gradient: &[Real], decay: Real, rate: Real,
    ) {
        for (w, g) in weights.iter_mut().zip(gradient) {
            *w = decay * *w - rate * g;
        }
    }
}

/// The smallest |δ| that is not replaced by 0.
const SMALLEST: Real = 1e8 * Real::MIN_POSITIVE;

/// 0 for a δ that is too small to change any weight. Saturated neurons have many of these; their
/// products would be subnormal numbers, which are about a hundred times slower to compute with.
#[inline(always)]
pub(crate) fn flush_tiny(delta: Real) -> Real {
    if delta.abs() < SMALLEST { 0.0 } else { delta }
}

#[cfg(test)]
mod tests {
    use super::super::reference::{close, numbers, wide};
    use super::super::simd::Portable;
    use super::*;

    /// An in-place kernel, its portable body, and the scalar function it applies.
    type Case = (fn(&mut [Real], &[Real]), fn(&mut [Real], &[Real]), fn(f64, f64) -> f64);

    #[test]
    fn kernels_apply_the_scalar_function_to_every_value() {
        let cases: [Case; 7] = [
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
            (|v, _| scale_by(v, 0.5), |v, _| scale_by_body(Portable, v, 0.5), |v, _| 0.5 * v),
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
    fn negligible_deltas_become_zero() {
        let (small, fine) = (SMALLEST / 2.0, SMALLEST * 2.0);
        let flushed = [flush_tiny(small), flush_tiny(-small)];
        assert!(flushed.iter().all(|delta| *delta == 0.0), "{flushed:?}");
        assert!((flush_tiny(-fine) + fine).abs() < SMALLEST / 1e3);
        assert!(flush_tiny(Real::NAN).is_nan(), "NaN must stay visible");
        let mut delta = vec![1e-10; 20];
        times_sigmoid_slope(&mut delta, &[SMALLEST; 20]);
        times_tanh_slope(&mut delta, &[0.5; 20]);
        assert!(delta.iter().all(|delta| *delta == 0.0), "{delta:?}");
    }
}
