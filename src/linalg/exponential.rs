//! Vectorized eˣ, σ and tanh.

use super::simd::Simd;
use super::{Real, kernel};

kernel! {
    /// Replaces every x by eˣ, accurate to three units in the last place; x is clamped to the range
    /// in which eˣ is a normal number.
    fn exponentials = exponentials_body(simd, values: &mut [Real]) {
        for x in values {
            *x = exponential(simd, *x);
        }
    }
}

kernel! {
    /// Replaces every z by σ(z) = 1 / (1 + e^−z).
    fn sigmoids = sigmoids_body(simd, values: &mut [Real]) {
        for z in values {
            *z = 1.0 / (1.0 + exponential(simd, -*z));
        }
    }
}

kernel! {
    /// Replaces every z by tanh(z).
    fn tanhs = tanhs_body(simd, values: &mut [Real]) {
        for z in values {
            let square = *z * *z;
            // Near 0 the quotient loses precision by cancellation; the Taylor series does not.
            let series = simd.scalar(square, -17.0 / 315.0, 2.0 / 15.0);
            let series = simd.scalar(simd.scalar(series, square, -1.0 / 3.0), square, 1.0) * *z;
            let quotient = 1.0 - 2.0 / (1.0 + exponential(simd, 2.0 * *z));
            *z = if square < SERIES { series } else { quotient };
        }
    }
}

/// z² below which tanh is computed from its Taylor series.
#[cfg(not(feature = "f64"))]
const SERIES: Real = 0.01;
#[cfg(feature = "f64")]
const SERIES: Real = 1e-6;

#[cfg(feature = "f64")]
#[inline(always)]
fn exponential<S: Simd>(_simd: S, x: Real) -> Real {
    x.exp()
}

/// eˣ = 2ⁿ eʳ with |r| ≤ ½ ln 2, without branches, so that the compiler vectorizes it. NaN stays
/// NaN.
#[cfg(not(feature = "f64"))]
#[inline(always)]
fn exponential<S: Simd>(simd: S, x: Real) -> Real {
    /// 1.5 · 2²³: adding it rounds a small number to an integer, held in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    /// ln 2 in two parts; the first has few bits, so that its product with n is exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    /// Coefficients of eʳ from r⁷ down to r².
    const SERIES: [f32; 6] = [1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5];
    let limited = if x > 88.0 { 88.0 } else { x };
    let limited = if limited < -87.0 { -87.0 } else { limited };
    let shifted = simd.scalar(limited, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = simd.scalar(n, -LN_2[1], simd.scalar(n, -LN_2[0], limited));
    let series = SERIES.iter().fold(0.0, |sum, &next| simd.scalar(sum, r, next));
    let power = simd.scalar(series, r * r, r) + 1.0;
    power * f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000))
}

#[cfg(test)]
mod tests {
    use super::super::reference::{each, sigmoid, wide};
    use super::super::simd::Portable;
    use super::*;

    /// Checks that the relative error is below `relative` for arguments from −`range` to `range`.
    fn check(kernel: fn(&mut [Real]), exact: fn(f64) -> f64, range: f64, relative: f64) {
        let x: Vec<Real> =
            (-4000..=4000).map(|i| (f64::from(i) * range / 4000.0) as Real).collect();
        let mut found = x.clone();
        kernel(&mut found);
        for ((x, &found), exact) in x.iter().zip(&found).zip(each(&x, exact)) {
            let error = (wide(found) - exact).abs() / exact.abs().max(1e-30);
            assert!(error < relative, "{x}: {found} for {exact}");
        }
    }

    #[test]
    fn errors_are_within_the_precision_of_the_type() {
        check(exponentials, f64::exp, 87.0, 4e-7);
        check(sigmoids, sigmoid, 30.0, 6e-7);
        check(tanhs, f64::tanh, 12.0, 3e-6);
        check(|x| exponentials_body(Portable, x), f64::exp, 87.0, 4e-7);
        check(|x| sigmoids_body(Portable, x), sigmoid, 30.0, 6e-7);
        check(|x| tanhs_body(Portable, x), f64::tanh, 12.0, 3e-6);
    }

    #[test]
    fn extremes_stay_in_range_and_nan_stays_nan() {
        let mut values = [Real::INFINITY, Real::NEG_INFINITY, 1e30, -1e30, Real::NAN];
        sigmoids(&mut values);
        let near = |(a, b): (&Real, Real)| (a - b).abs() < 1e-30;
        assert!(values[..4].iter().zip([1.0, 0.0, 1.0, 0.0]).all(near), "{values:?}");
        assert!(values[4].is_nan());
    }
}
