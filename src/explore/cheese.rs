//! Section 1.1: should you go to the cheese festival? A perceptron weighs the evidence.

use super::build::{figure, is_on, neuron, number, range, table, toggle, wire};
use crate::protocol::{Explorable, Figure, FigureBody};

const EVIDENCE: [&str; 3] = ["good weather", "company", "public transit"];

pub(super) fn describe() -> Explorable {
    Explorable {
        id: "perceptron-cheese".into(),
        chapter: 1,
        title: "The cheese festival".into(),
        to_try: "Switch the three kinds of evidence on and off at threshold 5. Then lower the \
                 threshold to 3 and switch again."
            .into(),
        to_notice: "At threshold 5 the weather alone decides: its weight 6 outvotes both others. \
                    At 3 company and transit together are enough too: a lower threshold is a \
                    greater willingness to go."
            .into(),
        sliders: vec![
            toggle("x₁ good weather", true),
            toggle("x₂ company", false),
            toggle("x₃ public transit", false),
            range("w₁ weather", [-10.0, 10.0], 1.0, 6.0),
            range("w₂ company", [-10.0, 10.0], 1.0, 2.0),
            range("w₃ transit", [-10.0, 10.0], 1.0, 2.0),
            range("threshold", [-10.0, 20.0], 1.0, 5.0),
        ],
    }
}

/// Σ wⱼ xⱼ of equation 1.
fn weighted_sum(x: [bool; 3], w: [f64; 3]) -> f64 {
    x.iter().zip(w).map(|(&x, w)| if x { w } else { 0.0 }).sum()
}

/// Equation 1: whether the sum exceeds the threshold.
fn fires(sum: f64, threshold: f64) -> bool {
    sum > threshold
}

fn bit(on: bool) -> String {
    u8::from(on).to_string()
}

pub(super) fn figures(values: &[f64]) -> Vec<Figure> {
    let x = [0, 1, 2].map(|index| is_on(values[index]));
    let w = [3, 4, 5].map(|index| values[index]);
    let threshold = values[6];
    vec![
        figure("perceptron", "The perceptron", "", wiring(x, w, threshold)),
        figure(
            "decisions",
            "All eight decisions",
            "The highlighted row is the current evidence.",
            decisions(x, w, threshold),
        ),
    ]
}

fn wiring(x: [bool; 3], w: [f64; 3], threshold: f64) -> FigureBody {
    let sum = weighted_sum(x, w);
    let go = fires(sum, threshold);
    let inputs = (0..3)
        .map(|index| neuron(EVIDENCE[index], bit(x[index]), [0.0, 0.5 * index as f64], x[index]));
    let value = format!("{} {} {}", number(sum), if go { ">" } else { "≤" }, number(threshold));
    let decision = if go { "go" } else { "stay at home" };
    let after =
        [neuron("perceptron", value, [0.55, 0.5], go), neuron(decision, bit(go), [1.0, 0.5], go)];
    let mut wires: Vec<_> = (0..3).map(|i| wire(i, 3, number(w[i]), x[i])).collect();
    wires.push(wire(3, 4, "", go));
    FigureBody::Wiring { neurons: inputs.chain(after).collect(), wires }
}

fn decisions(x: [bool; 3], w: [f64; 3], threshold: f64) -> FigureBody {
    let rows = (0..8_u8).map(|row| {
        let evidence = [4, 2, 1].map(|mask| row & mask != 0);
        let sum = weighted_sum(evidence, w);
        let decision = if fires(sum, threshold) { "1 go" } else { "0 stay" };
        let cells = evidence.map(bit).into_iter().chain([number(sum), decision.into()]);
        (evidence == x, cells.collect())
    });
    table(&["x₁", "x₂", "x₃", "Σ wx", "output"], rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The book's two decision models.
    #[test]
    fn thresholds_five_and_three_decide_as_in_the_book() {
        for row in 0..8_u8 {
            let x @ [weather, company, transit] = [4, 2, 1].map(|mask| row & mask != 0);
            let sum = weighted_sum(x, [6.0, 2.0, 2.0]);
            assert_eq!(fires(sum, 5.0), weather);
            assert_eq!(fires(sum, 3.0), weather || company && transit);
        }
    }
}
