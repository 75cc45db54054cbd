//! Section 1.2: a sigmoid neuron is a perceptron with a smooth step, so that small changes of
//! weight and bias cause small changes of the output (equation 5).

use super::build::{
    curve, dots, figure, graph, number, plot, range, sigmoid, sigmoid_slope, table,
};
use crate::protocol::{Explorable, Figure, FigureBody};

const INPUTS: [f64; 2] = [-2.0, 2.0];
const OUTPUTS: [f64; 2] = [0.0, 1.0];
/// The range of the second figure, in multiples of the chosen changes.
const TIMES: [f64; 2] = [-4.0, 4.0];

pub(super) fn describe() -> Explorable {
    Explorable {
        id: "sigmoid-neuron".into(),
        chapter: 1,
        title: "The sigmoid neuron".into(),
        to_try: "Raise w to 50 and the curve becomes the perceptron's step. Go back to w = 4 and \
                 make Δw and Δb larger and larger."
            .into(),
        to_notice: "The step stands at x = −b/w. While Δw and Δb are small, Δoutput is as good as \
                    linear in them: the straight line touches the true one. It is what makes \
                    learning by small steps possible."
            .into(),
        sliders: vec![
            range("w", [-50.0, 50.0], 0.5, 4.0),
            range("b", [-20.0, 20.0], 0.5, -2.0),
            range("x", INPUTS, 0.05, 0.8),
            range("Δw", [-4.0, 4.0], 0.1, 0.5),
            range("Δb", [-4.0, 4.0], 0.1, 0.2),
        ],
    }
}

/// Δoutput ≈ ∂output/∂w Δw + ∂output/∂b Δb (equation 5).
fn linear_estimate([w, b, x, dw, db]: [f64; 5]) -> f64 {
    sigmoid_slope(w * x + b) * (x * dw + db)
}

/// The actual change of the output.
fn true_change([w, b, x, dw, db]: [f64; 5]) -> f64 {
    sigmoid((w + dw) * x + b + db) - sigmoid(w * x + b)
}

pub(super) fn figures(values: &[f64]) -> Vec<Figure> {
    let all @ [w, b, x, dw, db] = [0, 1, 2, 3, 4].map(|index| values[index]);
    vec![
        figure("curve", "Output over input", "", curves(all)),
        figure(
            "change",
            "Larger changes",
            "The x axis is a factor on Δw and Δb. Where both lines coincide, the linear estimate \
             is accurate.",
            changes(all),
        ),
        figure(
            "numbers",
            "At this x",
            "",
            table(
                &["z", "σ(z)", "Δσ true", "linear", "off by"],
                [(
                    false,
                    [
                        w * x + b,
                        sigmoid(w * x + b),
                        true_change([w, b, x, dw, db]),
                        linear_estimate(all),
                        linear_estimate(all) - true_change(all),
                    ]
                    .map(number)
                    .into(),
                )],
            ),
        ),
    ]
}

fn curves([w, b, x, dw, db]: [f64; 5]) -> FigureBody {
    let step = |x: f64| f64::from(u8::from(w * x + b > 0.0));
    let lines = vec![
        graph("its step", INPUTS, 400, step),
        graph("after Δw, Δb", INPUTS, 200, |x| sigmoid((w + dw) * x + b + db)),
        graph("σ(wx + b)", INPUTS, 200, |x| sigmoid(w * x + b)),
        curve("Δoutput", [(x, sigmoid(w * x + b)), (x, sigmoid((w + dw) * x + b + db))]),
        dots("x", [(x, sigmoid(w * x + b))]),
    ];
    plot(("x", INPUTS), ("output", OUTPUTS), lines)
}

fn changes([w, b, x, dw, db]: [f64; 5]) -> FigureBody {
    let at = |times: f64| [w, b, x, times * dw, times * db];
    let lines = vec![
        graph("true", TIMES, 120, |times| true_change(at(times))),
        graph("linear", TIMES, 120, |times| linear_estimate(at(times)).clamp(-2.0, 2.0)),
        dots("now", [(1.0, true_change(at(1.0)))]),
    ];
    plot(("times", TIMES), ("Δoutput", [-1.0, 1.0]), lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_linear_estimate_is_the_slope_of_the_true_change() {
        for point in [[4.0, -2.0, 0.8], [-3.0, 0.5, -1.0], [0.0, 0.0, 2.0]] {
            let [w, b, x] = point;
            let tiny = [w, b, x, 1e-6, -2e-6];
            let off = (true_change(tiny) - linear_estimate(tiny)).abs();
            assert!(off < 1e-11, "{off:e}");
        }
    }
}
