//! A perceptron is a NAND gate, and scaling its weights does not change its output (section 1.1).

use super::Experiment;
use crate::jobs::{ExperimentError, JobContext};
use crate::nn::perceptron::{Perceptron, combinations};
use crate::protocol::{Cell, FigureBody};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "1-nand",
    chapter: 1,
    title: "A perceptron is a NAND gate",
    expected: "the truth table of NAND, for any scale c > 0 of the weights",
    quick_suffices: true,
    run,
};

/// The book's table: 0 if both inputs are on, otherwise 1.
const NAND: [bool; 4] = [true, true, true, false];

fn run(context: &mut JobContext) -> Result<(), ExperimentError> {
    // Weights −2 and −2, bias 3: z = −2x₁ − 2x₂ + 3 is positive unless both inputs are 1.
    let gate = Perceptron::nand();
    let inputs = combinations(2);
    let outputs: Vec<bool> = inputs.iter().map(|x| gate.fires(x)).collect();
    context.figure(
        "truth-table",
        "NAND",
        "Weights −2 and −2, bias 3. The output is 1 if the weighted input z = w·x + b is above 0.",
        table(&gate, &inputs),
    );
    context.claim_text(
        "a perceptron with weights −2, −2 and bias 3 computes NAND",
        bits(&NAND),
        bits(&outputs),
        outputs == NAND,
    );

    // The exercise: multiply all weights and biases by a positive constant. The sign of z is
    // unchanged.
    context.handle_commands()?;
    let factors: Vec<f64> = (-8..=8).map(|exponent| 10_f64.powi(exponent)).collect();
    let unchanged = factors.iter().all(|&c| {
        let scaled = gate.scaled(c);
        inputs.iter().all(|x| scaled.fires(x) == gate.fires(x))
    });
    context.claim_text(
        "multiplying weights and bias by any c > 0 changes no output",
        "the same table",
        format!(
            "{} for {} scales from 1e-8 to 1e8",
            if unchanged { "the same table" } else { "another table" },
            factors.len()
        ),
        unchanged,
    );
    Ok(())
}

fn table(gate: &Perceptron, inputs: &[Vec<bool>]) -> FigureBody {
    let rows = inputs.iter().map(|x| {
        let values: Vec<f64> = x.iter().map(|&x| f64::from(u8::from(x))).collect();
        let output = gate.fires(x);
        let mut row: Vec<Cell> = x.iter().map(|&x| cell(digit(x), false)).collect();
        row.push(cell(gate.weighted_input(&values).to_string(), false));
        row.push(cell(digit(output), output));
        row
    });
    FigureBody::Table {
        header: ["x₁", "x₂", "z", "output"].map(String::from).into(),
        rows: rows.collect(),
    }
}

fn cell(text: impl Into<String>, highlighted: bool) -> Cell {
    Cell { text: text.into(), highlighted }
}

fn digit(bit: bool) -> &'static str {
    if bit { "1" } else { "0" }
}

fn bits(bits: &[bool]) -> String {
    bits.iter().map(|&bit| digit(bit)).collect::<Vec<_>>().join(" ")
}
