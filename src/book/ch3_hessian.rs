//! Section 3.6: Newton's method with the Hessian of two variables, and why a network has too many
//! variables for it.

use super::Experiment;
use crate::jobs::{ExperimentError, JobContext, Tolerance};
use crate::nn::Layer;
use crate::protocol::{Curve, FigureBody, Scale};
use crate::spec::{Spec, build};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "3-hessian",
    chapter: 3,
    title: "Newton's method, and the second derivatives it would need",
    expected: "a few steps where gradient descent takes hundreds; a trillion second derivatives \
               for a million weights and biases",
    quick_suffices: true,
    run,
};

/// Inputs and targets of one sigmoid neuron, slightly contradictory, so that its cross-entropy has
/// a unique minimum (w, b).
const EXAMPLES: [(f64, f64); 5] = [(-2.0, 0.1), (-1.0, 0.4), (0.5, 0.3), (1.0, 0.8), (3.0, 0.9)];
/// Near enough for Newton's method: from (-1, 1.5) it overshoots and diverges.
const START: [f64; 2] = [-0.5, 1.0];
/// A gradient this short counts as zero.
const FLAT: f64 = 1e-10;

/// C(w, b): the cross-entropy of a = σ(wx + b), averaged over the examples (equation 57).
fn cost([w, b]: [f64; 2]) -> f64 {
    let terms = EXAMPLES.map(|(x, y)| {
        let a = sigmoid(w * x + b);
        -y * a.ln() - (1.0 - y) * (1.0 - a).ln()
    });
    terms.iter().sum::<f64>() / EXAMPLES.len() as f64
}

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// (∂C/∂w, ∂C/∂b), equations 61 and 62.
fn gradient([w, b]: [f64; 2]) -> [f64; 2] {
    let mut sum = [0.0; 2];
    for (x, y) in EXAMPLES {
        let error = (sigmoid(w * x + b) - y) / EXAMPLES.len() as f64;
        sum = [sum[0] + x * error, sum[1] + error];
    }
    sum
}

/// The Hessian: ∂²C/∂w², ∂²C/∂w∂b, ∂²C/∂b².
fn hessian([w, b]: [f64; 2]) -> [f64; 3] {
    let mut sum = [0.0; 3];
    for (x, _) in EXAMPLES {
        let a = sigmoid(w * x + b);
        let slope = a * (1.0 - a) / EXAMPLES.len() as f64;
        sum = [sum[0] + x * x * slope, sum[1] + x * slope, sum[2] + slope];
    }
    sum
}

/// −H⁻¹∇C (equation 105).
fn newton_step([ww, wb, bb]: [f64; 3], [gw, gb]: [f64; 2]) -> [f64; 2] {
    let determinant = ww * bb - wb * wb;
    [-(bb * gw - wb * gb) / determinant, -(ww * gb - wb * gw) / determinant]
}

fn length(vector: [f64; 2]) -> f64 {
    vector[0].hypot(vector[1])
}

/// The points of a descent until the gradient is zero.
fn descend(step: impl Fn([f64; 2]) -> [f64; 2]) -> Vec<[f64; 2]> {
    let mut path = vec![START];
    let mut at = START;
    while length(gradient(at)) > FLAT && path.len() < 100_000 {
        let by = step(at);
        at = [at[0] + by[0], at[1] + by[1]];
        path.push(at);
    }
    path
}

/// The order of convergence, from the last distances to the minimum that exceed rounding errors:
/// with order 2, the number of correct digits doubles in each step.
fn order(path: &[[f64; 2]]) -> f64 {
    let goal = path[path.len() - 1];
    let far = path.iter().map(|at| length([at[0] - goal[0], at[1] - goal[1]]));
    let far: Vec<f64> = far.filter(|&distance| distance > 1e-9).collect();
    match far[..] {
        [.., a, b, c] => (c / b).ln() / (b / a).ln(),
        _ => f64::NAN,
    }
}

fn surface(paths: Vec<Curve>) -> FigureBody {
    const SIDE: u32 = 48;
    let (x_range, y_range) = ([-1.5, 2.0], [-1.5, 2.0]);
    let at = |range: [f64; 2], step: u32| {
        range[0] + (range[1] - range[0]) * f64::from(step) / f64::from(SIDE - 1)
    };
    let points = (0..SIDE).flat_map(|row| (0..SIDE).map(move |column| (row, column)));
    FigureBody::Surface {
        x_label: "weight w".into(),
        y_label: "bias b".into(),
        x_range,
        y_range,
        width: SIDE,
        height: SIDE,
        values: points
            .map(|(row, column)| cost([at(x_range, column), at(y_range, row)]) as f32)
            .collect(),
        paths,
    }
}

fn run(context: &mut JobContext) -> Result<(), ExperimentError> {
    // Two variables: a neuron's weight and bias.
    let newton = descend(|at| newton_step(hessian(at), gradient(at)));
    let plain = descend(|at| gradient(at).map(|slope| -slope));
    let path = |name: &str, path: &[[f64; 2]]| Curve {
        name: format!("{name}: {} steps", path.len() - 1),
        points: path.iter().map(|&[w, b]| (w, b)).collect(),
        scatter: false,
    };
    context.figure(
        "paths",
        "One neuron's cost over its weight and bias, and two paths down",
        "Five examples, cross-entropy. Newton's step Δw = −H⁻¹∇C goes to the minimum of the \
         quadratic approximation of the cost. (From farther away, such as (-1, 1.5), the \
         approximation is so flat that the step overshoots.)",
        surface(vec![path("gradient descent, η 1", &plain), path("Newton", &newton)]),
    );
    let [there, end] = [&newton, &plain].map(|path| path[path.len() - 1]);
    let apart = length([there[0] - end[0], there[1] - end[1]]);
    let claim = "distance between the end points of both methods";
    context.claim_number(claim, 1e-6, apart, Tolerance::AtMost, "");
    let claim = "steps of gradient descent (η 1) as a multiple of Newton's, to a flat gradient";
    let multiple = (plain.len() - 1) as f64 / (newton.len() - 1) as f64;
    context.claim_number(claim, 10.0, multiple, Tolerance::AtLeast, "times");
    let claim = "order of convergence of Newton's method (2: each step doubles the correct digits)";
    context.claim_number(claim, 2.0, order(&newton), Tolerance::Within(0.3), "");

    // A network has as many variables as weights and biases, and the Hessian their square.
    let network = build(&Spec::default(), &context.data())
        .map_err(|error| ExperimentError::Other(error.to_string()))?;
    let arrays = network.layers.iter().flat_map(Layer::parameters);
    let variables: usize = arrays.map(|(_, array)| array.len()).sum();
    let entries = |variables: f64| variables * variables;
    let sizes: Vec<f64> = (0..=16).map(|half| 10_f64.powf(f64::from(half) / 2.0)).collect();
    context.figure(
        "count",
        "Second derivatives by number of weights and biases",
        &format!(
            "[784, 30, 10] has {variables} weights and biases: {:.0} million second derivatives, \
             4.6 GB in double precision, for one step.",
            entries(variables as f64) / 1e6
        ),
        FigureBody::Chart {
            x_label: "weights and biases".into(),
            y_label: "second derivatives".into(),
            x_scale: Scale::Logarithmic,
            y_scale: Scale::Logarithmic,
            curves: vec![
                Curve {
                    name: "entries of the Hessian".into(),
                    points: sizes.iter().map(|&n| (n, entries(n))).collect(),
                    scatter: false,
                },
                Curve {
                    name: "[784, 30, 10]".into(),
                    points: vec![(variables as f64, entries(variables as f64))],
                    scatter: true,
                },
            ],
        },
    );
    let claim = "second derivatives for a million weights and biases (a trillion)";
    context.claim_number(claim, 1e12, entries(1e6), Tolerance::Within(0.0), "");
    let claim = "second derivatives of [784, 30, 10], which has 23,860 weights and biases";
    let expected = 23_860.0 * 23_860.0;
    context.claim_number(claim, expected, entries(variables as f64), Tolerance::Within(0.0), "");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_match_difference_quotients() {
        let (at, h) = ([0.3, -0.4], 1e-5);
        let moved = |index: usize, by: f64| {
            let mut moved = at;
            moved[index] += by;
            moved
        };
        for index in 0..2 {
            let slope = (cost(moved(index, h)) - cost(moved(index, -h))) / (2.0 * h);
            assert!((gradient(at)[index] - slope).abs() < 1e-9);
        }
        let [ww, wb, bb] = hessian(at);
        let second = |along: usize, by: usize| {
            (gradient(moved(by, h))[along] - gradient(moved(by, -h))[along]) / (2.0 * h)
        };
        assert!((ww - second(0, 0)).abs() < 1e-8);
        assert!((wb - second(0, 1)).abs() < 1e-8 && (wb - second(1, 0)).abs() < 1e-8);
        assert!((bb - second(1, 1)).abs() < 1e-8);
    }

    #[test]
    fn newton_finds_the_minimum_of_a_quadratic_cost_in_one_step() {
        // C = 2w² + wb + b², with its minimum at the origin.
        let at: [f64; 2] = [3.0, -2.0];
        let gradient = [4.0 * at[0] + at[1], at[0] + 2.0 * at[1]];
        let step = newton_step([4.0, 1.0, 2.0], gradient);
        assert!((at[0] + step[0]).abs() < 1e-12 && (at[1] + step[1]).abs() < 1e-12);
    }
}
