//! TensorBoard's smoothing: an exponential moving average with bias correction.

/// Smooths values, sorted by x. `weight` is from 0 (unchanged) to 0.99 (nearly flat); values that
/// are not finite are kept and ignored.
///
/// sₙ = w sₙ₋₁ + (1 − w) yₙ with s₀ = 0, divided by 1 − wⁿ.
#[must_use]
pub fn smoothed(points: &[(f64, f64)], weight: f64) -> Vec<(f64, f64)> {
    let weight = if weight.is_finite() { weight.clamp(0.0, 0.99) } else { 0.0 };
    let (mut sum, mut debias) = (0.0, 1.0);
    points
        .iter()
        .map(|&(x, y)| {
            if !y.is_finite() {
                return (x, y);
            }
            sum = weight * sum + (1.0 - weight) * y;
            debias *= weight;
            (x, sum / (1.0 - debias))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(y: &[f64], weight: f64) -> Vec<f64> {
        let points: Vec<(f64, f64)> = (0..).map(f64::from).zip(y.iter().copied()).collect();
        smoothed(&points, weight).into_iter().map(|point| point.1).collect()
    }

    #[test]
    fn matches_tensorboard() {
        // Calculated by hand: 1; (0.6·0.4 + 0.4·3) / (1 − 0.36); (0.6·1.44 + 0.4·2) / (1 − 0.216).
        let expected = [1.0, 1.44 / 0.64, 1.664 / 0.784];
        for (value, expected) in values(&[1.0, 3.0, 2.0], 0.6).into_iter().zip(expected) {
            assert!((value - expected).abs() < 1e-12, "{value} {expected}");
        }
        assert_eq!(values(&[4.0, -2.0], 0.0), [4.0, -2.0], "0 leaves the curve as it is");
    }

    #[test]
    fn constants_are_unchanged_and_nan_is_ignored() {
        assert!(values(&[5.0; 40], 0.99).iter().all(|value| (value - 5.0).abs() < 1e-9));
        let gap = values(&[1.0, f64::NAN, 3.0], 0.5);
        assert!(gap[1].is_nan());
        assert!((gap[2] - values(&[1.0, 3.0], 0.5)[1]).abs() < 1e-12);
    }
}
