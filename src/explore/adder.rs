//! Section 1.1: a circuit of five NAND perceptrons adds two bits; wires that carry a 1 are lit.

use super::build::{figure, is_on, neuron, table, toggle, wire};
use crate::protocol::{Explorable, Figure, FigureBody, Neuron};

pub(super) fn describe() -> Explorable {
    Explorable {
        id: "perceptron-adder".into(),
        chapter: 1,
        title: "Adding with perceptrons".into(),
        to_try: "Switch x₁ and x₂ and follow the lit wires to the sum and the carry. Then merge \
                 the two −2 wires into the lowest perceptron into one of −4."
            .into(),
        to_notice: "Every perceptron is the same NAND gate, and NAND gates compute anything: so \
                    do perceptrons. Two wires of −2 from one place and one wire of −4 are the \
                    same sum, so merging them changes no output."
            .into(),
        sliders: vec![toggle("x₁", true), toggle("x₂", true), toggle("merge −2 and −2", false)],
    }
}

/// A perceptron with weights −2 and −2 and bias 3.
fn nand(a: bool, b: bool) -> bool {
    let sum = -2.0 * f64::from(u8::from(a)) - 2.0 * f64::from(u8::from(b)) + 3.0;
    sum > 0.0
}

/// The output of a gate whose two inputs of weight −2 are merged into one of −4.
fn merged(a: bool) -> bool {
    -4.0 * f64::from(u8::from(a)) + 3.0 > 0.0
}

/// The outputs of the five gates: the shared gate, the two after it, the sum and the carry.
fn gates(a: bool, b: bool, merge: bool) -> [bool; 5] {
    let common = nand(a, b);
    let (upper, lower) = (nand(a, common), nand(common, b));
    let carry = if merge { merged(common) } else { nand(common, common) };
    [common, upper, lower, nand(upper, lower), carry]
}

pub(super) fn figures(values: &[f64]) -> Vec<Figure> {
    let [a, b, merge] = [0, 1, 2].map(|index| is_on(values[index]));
    let caption = "Every gate is a perceptron of bias 3, every wire weighs −2 where nothing else \
                   stands on it. Lit: carries a 1.";
    vec![
        figure("circuit", "x₁ + x₂ in NAND gates", caption, circuit(a, b, merge)),
        figure("sums", "All four sums", "", sums(a, b, merge)),
    ]
}

fn bit(on: bool) -> &'static str {
    if on { "1" } else { "0" }
}

fn circuit(a: bool, b: bool, merge: bool) -> FigureBody {
    let outputs @ [common, upper, lower, sum, carry] = gates(a, b, merge);
    let places = [[0.27, 0.4], [0.6, 0.0], [0.6, 0.52], [0.82, 0.26], [0.6, 1.0]];
    let gate = |(on, at): (bool, [f64; 2])| neuron("NAND", bit(on), at, on);
    let mut neurons: Vec<Neuron> =
        vec![neuron("x₁", bit(a), [0.0, 0.0], a), neuron("x₂", bit(b), [0.0, 0.75], b)];
    neurons.extend(outputs.into_iter().zip(places).map(gate));
    neurons.push(neuron("sum", bit(sum), [1.0, 0.26], sum));
    neurons.push(neuron("carry", bit(carry), [1.0, 1.0], carry));
    let double = if merge { vec!["−4"] } else { vec!["−2"; 2] };
    let mut wires = vec![
        wire(0, 2, "", a),
        wire(1, 2, "", b),
        wire(0, 3, "", a),
        wire(2, 3, "", common),
        wire(2, 4, "", common),
        wire(1, 4, "", b),
        wire(3, 5, "", upper),
        wire(4, 5, "", lower),
        wire(5, 7, "", sum),
        wire(6, 8, "", carry),
    ];
    wires.extend(double.into_iter().map(|weight| wire(2, 6, weight, common)));
    FigureBody::Wiring { neurons, wires }
}

fn sums(a: bool, b: bool, merge: bool) -> FigureBody {
    let rows = [(false, false), (false, true), (true, false), (true, true)].map(|(x, y)| {
        let [.., sum, carry] = gates(x, y, merge);
        let total = format!("{} + {} = {}", bit(x), bit(y), u8::from(x) + u8::from(y));
        let cells = [bit(x), bit(y), bit(carry), bit(sum), &total].map(String::from);
        ((x, y) == (a, b), cells.into())
    });
    table(&["x₁", "x₂", "carry", "sum", ""], rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_replaces_two_wires_of_minus_two_by_one_of_minus_four() {
        let labels = |merge: bool| {
            let FigureBody::Wiring { wires, .. } = circuit(true, true, merge) else { panic!() };
            let double = wires.into_iter().filter(|wire| (wire.from, wire.to) == (2, 6));
            double.map(|wire| wire.label).collect::<Vec<_>>()
        };
        assert_eq!(labels(false), ["−2", "−2"]);
        assert_eq!(labels(true), ["−4"]);
    }

    #[test]
    fn the_circuit_adds_two_bits_merged_or_not() {
        for (a, b, merge) in (0..8_u8).map(|n| (n & 1 != 0, n & 2 != 0, n & 4 != 0)) {
            let [.., sum, carry] = gates(a, b, merge);
            assert_eq!(u8::from(sum) + 2 * u8::from(carry), u8::from(a) + u8::from(b));
        }
    }
}
