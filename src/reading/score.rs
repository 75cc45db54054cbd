//! Scores a piece as one digit: the logarithm of the network's confidence, minus penalties for its
//! shape and cuts.
//!
//! The constants were tuned on lines composed of validation images to maximize the number of lines
//! read without an error.

/// Softmax temperature that compensates for the networks' overconfidence.
const TEMPERATURE: f64 = 1.5;
/// Lower limit of the confidence, so that one bad digit does not outweigh a whole line.
const MIN_CONFIDENCE: f64 = 2e-4;
/// Penalty for ink that is cut through, per height of a digit.
const PARTED: f64 = 3.0;
/// Penalties for pieces wider than `WIDE`, lower than `LOW` or narrower than `THIN`, per unit
/// beyond; all in heights of a digit.
const WIDE: f64 = 0.95;
const TOO_WIDE: f64 = 6.0;
const LOW: f64 = 0.7;
const TOO_LOW: f64 = 9.0;
const THIN: f64 = 0.2;
const TOO_THIN: f64 = 2.0;
/// Penalty per piece, so that fewer pieces are preferred among equally good segmentations.
const EACH: f64 = 0.02;

/// Shape of a piece; lengths as fractions of the height of a digit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct PieceShape {
    pub width: f32,
    pub height: f32,
    /// Ink cut by the cuts on both sides, in pixels of full ink over the height of a digit.
    pub parted: f32,
}

/// The score of a piece, at most 0. `outputs` are all outputs of the network, `strength` is the
/// output of the predicted class.
pub(super) fn score(strength: f32, outputs: &[f64], shape: PieceShape) -> f64 {
    let over = |value: f32, from: f64| (f64::from(value) - from).max(0.0);
    let under = |value: f32, to: f64| (to - f64::from(value)).max(0.0);
    confidence(strength, outputs).max(MIN_CONFIDENCE).ln()
        - PARTED * f64::from(shape.parted)
        - TOO_WIDE * over(shape.width, WIDE)
        - TOO_LOW * under(shape.height, LOW)
        - TOO_THIN * under(shape.width, THIN)
        - EACH
}

/// The predicted class's probability after temperature scaling. Outputs that sum to less than 1 are
/// not normalized, because the piece may not be a digit.
fn confidence(strength: f32, outputs: &[f64]) -> f64 {
    let soft = |a: f64| a.max(0.0).powf(1.0 / TEMPERATURE);
    let sum: f64 = outputs.iter().map(|a| soft(*a)).sum();
    soft(strength.into()) / sum.max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGIT: PieceShape = PieceShape { width: 0.7, height: 1.0, parted: 0.0 };

    #[test]
    fn uncertainty_cuts_and_unusual_shapes_lower_the_score() {
        let sure = score(0.99, &[0.99, 0.01], DIGIT);
        assert!(sure < 0.0 && sure > -0.2, "{sure}");
        for (strength, shape) in [
            (0.6, DIGIT),
            (0.99, PieceShape { parted: 0.2, ..DIGIT }),
            (0.99, PieceShape { width: 1.3, ..DIGIT }),
            (0.99, PieceShape { width: 0.05, ..DIGIT }),
            (0.99, PieceShape { height: 0.4, ..DIGIT }),
        ] {
            let doubtful = score(strength, &[f64::from(strength), 0.01], shape);
            assert!(doubtful < sure - 0.1, "{strength} {shape:?}: {doubtful}");
        }
    }

    #[test]
    fn the_score_is_bounded_below() {
        assert!(score(0.0, &[0.0, f64::NAN], DIGIT) >= MIN_CONFIDENCE.ln() - EACH);
        // Sigmoid outputs may all be small, softmax outputs all but one.
        assert!(score(0.3, &[0.3, 0.1], DIGIT) < score(0.3, &[1e-9, 0.3], DIGIT) + 1e-9);
    }
}
