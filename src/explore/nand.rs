//! Section 1.1: a perceptron with two inputs can be a NAND gate and others, but not XOR.

use super::build::{dots, figure, graph, is_on, number, plot, range, table, toggle};
use crate::protocol::{Curve, Explorable, Figure, FigureBody};

const PLANE: [f64; 2] = [-0.5, 1.5];
/// The inputs in the order of a truth table.
const INPUTS: [[bool; 2]; 4] = [[false, false], [false, true], [true, false], [true, true]];

pub(super) fn describe() -> Explorable {
    Explorable {
        id: "perceptron-nand".into(),
        chapter: 1,
        title: "A NAND gate".into(),
        to_try: "With weights −2, −2 and bias 3 it is NAND. Move the bias: which gates appear? \
                 Find AND, OR and NOT. Then try for XOR."
            .into(),
        to_notice: "A perceptron divides the plane by one straight line. NAND needs one, and NAND \
                    is enough to build any circuit; XOR would need two lines, so no weights make \
                    it."
        .into(),
        sliders: vec![
            range("w₁", [-5.0, 5.0], 0.5, -2.0),
            range("w₂", [-5.0, 5.0], 0.5, -2.0),
            range("bias", [-10.0, 10.0], 0.5, 3.0),
            toggle("x₁", true),
            toggle("x₂", false),
        ],
    }
}

/// w·x + b of equation 2.
fn weighted([x1, x2]: [bool; 2], [w1, w2, b]: [f64; 3]) -> f64 {
    let one = |x: bool| f64::from(u8::from(x));
    w1 * one(x1) + w2 * one(x2) + b
}

/// The outputs for all inputs, in the order of the truth table.
fn outputs(weights: [f64; 3]) -> [bool; 4] {
    INPUTS.map(|x| weighted(x, weights) > 0.0)
}

/// The name of the gate with these outputs; `None` if no perceptron computes it.
fn gate(outputs: [bool; 4]) -> Option<&'static str> {
    Some(match outputs.map(u8::from) {
        [0, 0, 0, 0] => "always 0",
        [0, 0, 0, 1] => "AND",
        [0, 0, 1, 0] => "x₁ AND NOT x₂",
        [0, 0, 1, 1] => "x₁",
        [0, 1, 0, 0] => "x₂ AND NOT x₁",
        [0, 1, 0, 1] => "x₂",
        [0, 1, 1, 1] => "OR",
        [1, 0, 0, 0] => "NOR",
        [1, 0, 1, 0] => "NOT x₂",
        [1, 0, 1, 1] => "x₁ OR NOT x₂",
        [1, 1, 0, 0] => "NOT x₁",
        [1, 1, 0, 1] => "x₂ OR NOT x₁",
        [1, 1, 1, 0] => "NAND",
        [1, 1, 1, 1] => "always 1",
        _ => return None,
    })
}

pub(super) fn figures(values: &[f64]) -> Vec<Figure> {
    let weights = [values[0], values[1], values[2]];
    let here = [is_on(values[3]), is_on(values[4])];
    let gate = gate(outputs(weights)).unwrap_or("no gate");
    vec![
        figure("plane", "The plane of inputs", "", plane(weights, here)),
        figure("table", "The truth table", gate, truth(weights, here)),
    ]
}

fn plane(weights: [f64; 3], here: [bool; 2]) -> FigureBody {
    let point = |x: [bool; 2]| (f64::from(u8::from(x[0])), f64::from(u8::from(x[1])));
    let corners = |on: bool| {
        INPUTS.into_iter().filter(move |x| (weighted(*x, weights) > 0.0) == on).map(point)
    };
    let around = |name: &str, x: [bool; 2]| {
        let (x, y) = point(x);
        let ring = (0..=24).map(|step| 0.262 * f64::from(step));
        Curve {
            points: ring.map(|a| (x + 0.09 * a.cos(), y + 0.16 * a.sin())).collect(),
            name: name.into(),
            scatter: false,
        }
    };
    let curves = vec![
        border(weights),
        around("here", here),
        dots("output 1", corners(true)),
        dots("output 0", corners(false)),
    ];
    plot(("x₁", PLANE), ("x₂", PLANE), curves)
}

/// The line on which the weighted input is 0.
fn border([w1, w2, b]: [f64; 3]) -> Curve {
    if w2.abs() > 1e-9 {
        return graph("w·x + b = 0", PLANE, 2, |x| ((-b - w1 * x) / w2).clamp(-99.0, 99.0));
    }
    let x = if w1.abs() > 1e-9 { -b / w1 } else { 99.0 };
    Curve {
        name: "w·x + b = 0".into(), points: vec![(x, PLANE[0]), (x, PLANE[1])], scatter: false
    }
}

fn truth(weights: [f64; 3], here: [bool; 2]) -> FigureBody {
    let bit = |on: bool| u8::from(on).to_string();
    let rows = INPUTS.map(|x| {
        let sum = weighted(x, weights);
        (x == here, vec![bit(x[0]), bit(x[1]), number(sum), bit(sum > 0.0)])
    });
    table(&["x₁", "x₂", "w·x + b", "output"], rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_books_weights_are_nand_and_no_weights_are_xor() {
        assert_eq!(gate(outputs([-2.0, -2.0, 3.0])), Some("NAND"));
        let halves = || (-10..=10).map(|half| f64::from(half) / 2.0);
        let mut found = HashSet::new();
        for (w1, w2) in halves().flat_map(|w1| halves().map(move |w2| (w1, w2))) {
            for b in halves() {
                found.insert(gate(outputs([w1, w2, b])).expect("the gate is linearly separable"));
            }
        }
        assert_eq!(found.len(), 14, "all sixteen except XOR and XNOR: {found:?}");
    }
}
