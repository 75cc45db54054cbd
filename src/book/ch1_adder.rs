//! Section 1.1: NAND gates, and so perceptrons, can compute anything, such as a sum. Sigmoid
//! neurons can too, if the same weights are scaled up (the exercises).

use super::Experiment;
use crate::jobs::{ExperimentError, JobContext, Tolerance};
use crate::nn::perceptron::{Circuit, Perceptron, combinations};
use crate::protocol::{Cell, Curve, FigureBody, Neuron, Scale, Wire};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "1-adder",
    chapter: 1,
    title: "Adders of NAND gates, of perceptrons and of sigmoid neurons",
    expected: "half, full and two-bit adders compute every sum correctly, for any scale c > 0 of \
               the weights; sigmoid neurons do so for large c",
    quick_suffices: true,
    run,
};

/// The number with these bits, lowest first.
fn number(bits: &[bool]) -> u32 {
    bits.iter().rev().fold(0, |sum, &bit| 2 * sum + u32::from(bit))
}

/// A circuit that must compute the sum of its input bits, weighted by their place values.
struct Adder {
    name: &'static str,
    circuit: Circuit,
    places: &'static [u32],
}

impl Adder {
    fn all() -> [Self; 3] {
        [
            Self { name: "half adder", circuit: Circuit::half_adder(), places: &[1, 1] },
            Self { name: "full adder", circuit: Circuit::full_adder(), places: &[1, 1, 1] },
            Self {
                name: "two-bit adder",
                circuit: Circuit::two_bit_adder(),
                places: &[1, 2, 1, 2],
            },
        ]
    }

    fn sum(&self, bits: &[bool]) -> u32 {
        bits.iter().zip(self.places).map(|(&bit, place)| u32::from(bit) * place).sum()
    }

    /// The number of correct sums if every gate is this perceptron, and the total number of sums.
    fn right(&self, gate: &Perceptron) -> (usize, usize) {
        let inputs = combinations(self.circuit.inputs());
        let right = inputs.iter().filter(|x| number(&self.circuit.run(gate, x)) == self.sum(x));
        (right.count(), inputs.len())
    }

    /// The largest distance of an output from its bit if every gate is a sigmoid neuron.
    fn sigmoid_error(&self, gate: &Perceptron) -> f64 {
        let value = |bit: bool| f64::from(u8::from(bit));
        let off = |bits: Vec<bool>| {
            let x: Vec<f64> = bits.iter().map(|&bit| value(bit)).collect();
            let (sum, outputs) = (self.sum(&bits), self.circuit.run_sigmoid(gate, &x));
            let off = |(place, a): (usize, &f64)| (a - value(sum >> place & 1 == 1)).abs();
            outputs.iter().enumerate().map(off).fold(0.0, f64::max)
        };
        combinations(self.circuit.inputs()).into_iter().map(off).fold(0.0, f64::max)
    }
}

fn run(context: &mut JobContext) -> Result<(), ExperimentError> {
    let nand = Perceptron::nand();
    let adders = Adder::all();
    context.figure(
        "half-adder",
        "The half adder at 1 + 1",
        "Five perceptrons, each with weights −2 and −2 and bias 3. Lit: carries a 1.",
        half_adder(),
    );
    context.figure(
        "sums",
        "All sums of two 2-bit numbers",
        "With 14 NAND gates: two half adders make a full adder, and the carry is passed on to the \
         next bit.",
        sums(&adders[2], &nand),
    );
    for adder in &adders {
        let (right, all) = adder.right(&nand);
        let claim = format!("{} of {} NAND perceptrons", adder.name, adder.circuit.gates());
        let (expected, measured) = (format!("{all} of {all} sums"), format!("{right} of {all}"));
        context.claim_text(&claim, expected, measured, right == all);
    }
    context.handle_commands()?;

    // The first exercise: multiply all weights and biases by c > 0. The sign of every z is
    // unchanged.
    let scales: Vec<f64> = (-8..=8).map(|exponent| 10_f64.powi(exponent)).collect();
    let wrong = |c: &f64| {
        let gate = nand.scaled(*c);
        adders.iter().map(|adder| adder.right(&gate)).map(|(right, all)| all - right).sum::<usize>()
    };
    let wrong: usize = scales.iter().map(wrong).sum();
    let claim = "wrong sums of all three adders with weights and biases scaled by c from 1e-8 to \
                 1e8";
    context.claim_number(claim, 0.0, wrong as f64, Tolerance::Within(0.0), "sums");

    // The second exercise: sigmoid neurons, with increasing c.
    let scales: Vec<f64> = (0..=60).map(|step| 10_f64.powf(f64::from(step) / 30.0)).collect();
    let curve = |adder: &Adder| Curve {
        name: adder.name.into(),
        points: scales.iter().map(|&c| (c, adder.sigmoid_error(&nand.scaled(c)))).collect(),
        scatter: false,
    };
    context.figure(
        "sigmoid",
        "Sigmoid neurons instead of perceptrons",
        "Maximum distance of an output from the correct bit, with weights and biases scaled by c: \
         σ(cz) approaches the step function's 0 or 1 unless z is 0.",
        FigureBody::Chart {
            x_label: "c".into(),
            y_label: "maximum distance from the bit".into(),
            x_scale: Scale::Logarithmic,
            y_scale: Scale::Logarithmic,
            curves: adders.iter().map(curve).collect(),
        },
    );
    let farthest = |c: f64| {
        let errors = adders.iter().map(|adder| adder.sigmoid_error(&nand.scaled(c)));
        errors.fold(0.0, f64::max)
    };
    let claim = "sigmoid neurons, c = 1: maximum distance of an output from its bit (not yet an \
                 adder)";
    context.claim_number(claim, 0.5, farthest(1.0), Tolerance::AtLeast, "");
    let claim = "sigmoid neurons, c = 100: maximum distance of an output from its bit";
    context.claim_number(claim, 1e-9, farthest(100.0), Tolerance::AtMost, "");

    // The exception: if w·x + b = 0, the perceptron's output is 0 and σ(c·0) is always 1/2.
    let undecided = Perceptron { weights: vec![-2.0, -2.0], bias: 2.0 };
    let outputs = [1.0, 100.0, 1e6].map(|c| undecided.scaled(c).sigmoid(&[1.0, 0.0]));
    context.claim_text(
        "if w·x + b = 0 (bias 2, input 1 0), a sigmoid neuron stays undecided for every c",
        "0.5 0.5 0.5",
        outputs.map(|a| a.to_string()).join(" "),
        outputs.iter().all(|a| (a - 0.5).abs() < 1e-12) && !undecided.fires(&[true, false]),
    );
    Ok(())
}

/// 1 + 1 in the book's circuit: the gates from left to right, with their outputs.
fn half_adder() -> FigureBody {
    // Only the first gate, not (1 and 1), and the sum are 0.
    let places: [(&str, bool, [f32; 2]); 9] = [
        ("x₁", true, [0.0, 0.14]),
        ("x₂", true, [0.0, 0.7]),
        ("NAND", false, [0.32, 0.42]),
        ("NAND", true, [0.56, 0.14]),
        ("NAND", true, [0.56, 0.58]),
        ("NAND", false, [0.78, 0.3]),
        ("NAND", true, [0.78, 0.95]),
        ("sum", false, [1.0, 0.3]),
        ("carry", true, [1.0, 0.95]),
    ];
    let wires: [(u32, u32, &str); 11] = [
        (0, 2, ""),
        (1, 2, ""),
        (0, 3, ""),
        (2, 3, ""),
        (2, 4, ""),
        (1, 4, ""),
        (3, 5, ""),
        (4, 5, ""),
        (2, 6, "−2 −2"),
        (5, 7, ""),
        (6, 8, ""),
    ];
    let lit = |from: u32| places[from as usize].1;
    let wire = |(from, to, label): (u32, u32, &str)| Wire {
        from,
        to,
        label: label.into(),
        lit: lit(from),
    };
    let neuron = |(name, on, at): (&str, bool, [f32; 2])| Neuron {
        name: name.into(),
        value: digit(on).into(),
        at,
        lit: on,
    };
    FigureBody::Wiring { neurons: places.map(neuron).into(), wires: wires.map(wire).into() }
}

fn sums(adder: &Adder, gate: &Perceptron) -> FigureBody {
    let row = |bits: Vec<bool>| {
        let output = adder.circuit.run(gate, &bits);
        let binary = |bits: &[bool]| bits.iter().rev().map(|&bit| digit(bit)).collect::<String>();
        let right = number(&output) == adder.sum(&bits);
        let sum = format!("{} + {} = {}", number(&bits[..2]), number(&bits[2..]), number(&output));
        [binary(&bits[..2]), binary(&bits[2..]), binary(&output), sum]
            .map(|text| Cell { text, highlighted: !right })
            .into()
    };
    FigureBody::Table {
        header: ["a", "b", "a + b", ""].map(String::from).into(),
        rows: combinations(4).into_iter().map(row).collect(),
    }
}

fn digit(bit: bool) -> &'static str {
    if bit { "1" } else { "0" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_bit_comes_first() {
        assert_eq!(number(&[false, true, true]), 6);
        let two_bit = &Adder::all()[2];
        assert_eq!(two_bit.sum(&[true, true, false, true]), 3 + 2);
    }

    #[test]
    fn a_gate_that_is_not_nand_adds_incorrectly() {
        let or = Perceptron { weights: vec![2.0, 2.0], bias: -1.0 };
        for adder in Adder::all() {
            let (right, all) = adder.right(&or);
            assert!(right < all, "{}", adder.name);
            assert!(adder.sigmoid_error(&or.scaled(100.0)) > 0.5, "{}", adder.name);
        }
    }
}
