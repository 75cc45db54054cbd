//! How much speaks for a piece being one digit.
//!
//! The logarithm of the network's confidence, less what its shape and its cuts speak against it.
//! The constants were chosen on lines composed of validation images, so that most of them are read
//! whole.

/// Outputs are raised to one over this before they are made probabilities: networks are surer than
/// they are right.
const TEMPERATURE: f64 = 1.5;
/// No piece is less probable: one bad digit is not to outweigh a whole line.
const LEAST: f64 = 2e-4;
/// Against a cut, for every height of a digit that it runs through ink.
const PARTED: f64 = 3.0;
/// Against a piece that is wider than `WIDE`, lower than `LOW` or narrower than `THIN` heights of
/// a digit, for every such height more or less.
const WIDE: f64 = 0.95;
const TOO_WIDE: f64 = 6.0;
const LOW: f64 = 0.7;
const TOO_LOW: f64 = 9.0;
const THIN: f64 = 0.2;
const TOO_THIN: f64 = 2.0;
/// Against every piece: of two ways that are as good the one with fewer pieces is better.
const EACH: f64 = 0.02;

/// What is known of a piece beside what the network says of it; lengths as fractions of the height
/// of a digit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shape {
    pub width: f32,
    pub height: f32,
    /// Ink parted by the cuts on both sides, in pixels of full ink over the height of a digit.
    pub parted: f32,
}

/// The score of a piece, 0 at best, from all outputs of the network and from the output that
/// speaks for what the piece is taken for.
pub(super) fn score(strength: f32, outputs: &[f64], shape: Shape) -> f64 {
    let over = |value: f32, from: f64| (f64::from(value) - from).max(0.0);
    let under = |value: f32, to: f64| (to - f64::from(value)).max(0.0);
    confidence(strength, outputs).max(LEAST).ln()
        - PARTED * f64::from(shape.parted)
        - TOO_WIDE * over(shape.width, WIDE)
        - TOO_LOW * under(shape.height, LOW)
        - TOO_THIN * under(shape.width, THIN)
        - EACH
}

/// The probability of an output, where outputs are probabilities; where their sum is less than 1
/// there is room for the piece being nothing at all.
fn confidence(strength: f32, outputs: &[f64]) -> f64 {
    let soft = |a: f64| a.max(0.0).powf(1.0 / TEMPERATURE);
    let sum: f64 = outputs.iter().map(|a| soft(*a)).sum();
    soft(strength.into()) / sum.max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGIT: Shape = Shape { width: 0.7, height: 1.0, parted: 0.0 };

    #[test]
    fn doubt_cuts_and_odd_shapes_speak_against_a_piece() {
        let sure = score(0.99, &[0.99, 0.01], DIGIT);
        assert!(sure < 0.0 && sure > -0.2, "{sure}");
        for (strength, shape) in [
            (0.6, DIGIT),
            (0.99, Shape { parted: 0.2, ..DIGIT }),
            (0.99, Shape { width: 1.3, ..DIGIT }),
            (0.99, Shape { width: 0.05, ..DIGIT }),
            (0.99, Shape { height: 0.4, ..DIGIT }),
        ] {
            let doubtful = score(strength, &[f64::from(strength), 0.01], shape);
            assert!(doubtful < sure - 0.1, "{strength} {shape:?}: {doubtful}");
        }
    }

    #[test]
    fn nothing_is_less_than_improbable() {
        assert!(score(0.0, &[0.0, f64::NAN], DIGIT) >= LEAST.ln() - EACH);
        // Sigmoid outputs may all be small, and softmax's all but one.
        assert!(score(0.3, &[0.3, 0.1], DIGIT) < score(0.3, &[1e-9, 0.3], DIGIT) + 1e-9);
    }
}
