//! Perceptrons, and circuits built from them (section 1.1).

/// A neuron with weighted inputs, used with the step function or the sigmoid.
#[derive(Clone, Debug, PartialEq)]
pub struct Perceptron {
    /// One weight per input.
    pub weights: Vec<f64>,
    /// The negative of the threshold.
    pub bias: f64,
}

impl Perceptron {
    /// The book's NAND gate: weights −2 and −2, bias 3.
    #[must_use]
    pub fn nand() -> Self {
        Self { weights: vec![-2.0, -2.0], bias: 3.0 }
    }

    /// The weighted input z = w·x + b.
    ///
    /// # Panics
    /// If the number of inputs differs from that of the weights.
    #[must_use]
    pub fn weighted_input(&self, x: &[f64]) -> f64 {
        assert_eq!(x.len(), self.weights.len(), "a perceptron has one weight per input");
        self.weights.iter().zip(x).map(|(w, x)| w * x).sum::<f64>() + self.bias
    }

    /// The step function: whether w·x + b > 0 (equation 2).
    #[must_use]
    pub fn fires(&self, x: &[bool]) -> bool {
        let x: Vec<f64> = x.iter().map(|&x| f64::from(u8::from(x))).collect();
        self.weighted_input(&x) > 0.0
    }

    /// The sigmoid neuron with the same weights and bias: σ(w·x + b), from 0 to 1 (equation 4).
    #[must_use]
    pub fn sigmoid(&self, x: &[f64]) -> f64 {
        sigmoid(self.weighted_input(x))
    }

    /// All weights and the bias multiplied by c.
    #[must_use]
    pub fn scaled(&self, c: f64) -> Self {
        Self { weights: self.weights.iter().map(|w| c * w).collect(), bias: c * self.bias }
    }
}

/// σ(z) = 1 / (1 + e⁻ᶻ) (equation 3).
#[must_use]
pub fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// A circuit of identical gates with two inputs each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circuit {
    inputs: usize,
    /// The wires that each gate reads. Wires are numbered: the circuit's inputs, then the outputs
    /// of the gates in order. A gate reads only wires of lower numbers than its output.
    gates: Vec<[usize; 2]>,
    /// The wires of the circuit's outputs, lowest bit first.
    outputs: Vec<usize>,
}

impl Circuit {
    /// The book's adder of five NAND gates: from x₁, x₂ to the sum x₁ ⊕ x₂ and the carry x₁x₂.
    #[must_use]
    pub fn half_adder() -> Self {
        let mut circuit = Self::new(2);
        let [sum, not_carry] = circuit.exclusive_or(0, 1);
        let carry = circuit.gate(not_carry, not_carry);
        circuit.outputs = vec![sum, carry];
        circuit
    }

    /// A full adder of nine NAND gates: from x₁, x₂ and a carry to sum and carry.
    #[must_use]
    pub fn full_adder() -> Self {
        let mut circuit = Self::new(3);
        let [sum, carry] = circuit.full(0, 1, 2);
        circuit.outputs = vec![sum, carry];
        circuit
    }

    /// Adds two numbers of two bits (a₀, a₁, b₀, b₁, lowest bit first) with 14 NAND gates; the sum
    /// has three bits.
    #[must_use]
    pub fn two_bit_adder() -> Self {
        let mut circuit = Self::new(4);
        let [low, not_carry] = circuit.exclusive_or(0, 2);
        let carry = circuit.gate(not_carry, not_carry);
        let [high, overflow] = circuit.full(1, 3, carry);
        circuit.outputs = vec![low, high, overflow];
        circuit
    }

    fn new(inputs: usize) -> Self {
        Self { inputs, gates: Vec::new(), outputs: Vec::new() }
    }

    /// Adds a gate and returns the wire of its output.
    fn gate(&mut self, a: usize, b: usize) -> usize {
        self.gates.push([a, b]);
        self.inputs + self.gates.len() - 1
    }

    /// Adds a ⊕ b from four NAND gates; returns it, and the first gate: not (a and b).
    fn exclusive_or(&mut self, a: usize, b: usize) -> [usize; 2] {
        let nand = self.gate(a, b);
        let (left, right) = (self.gate(a, nand), self.gate(b, nand));
        [self.gate(left, right), nand]
    }

    /// Adds a full adder; returns sum and carry.
    fn full(&mut self, a: usize, b: usize, carry: usize) -> [usize; 2] {
        let [half, first] = self.exclusive_or(a, b);
        let [sum, second] = self.exclusive_or(half, carry);
        [sum, self.gate(first, second)]
    }

    /// Number of input bits.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Number of gates.
    #[must_use]
    pub fn gates(&self) -> usize {
        self.gates.len()
    }

    /// The output bits if every gate is this perceptron.
    ///
    /// # Panics
    /// If the number of bits differs from that of the inputs, or the gate does not have two inputs.
    #[must_use]
    pub fn run(&self, gate: &Perceptron, bits: &[bool]) -> Vec<bool> {
        self.evaluate(bits, |x| gate.fires(&x))
    }

    /// The outputs if every gate is the sigmoid neuron with this perceptron's weights and bias.
    ///
    /// # Panics
    /// As [`Circuit::run`].
    #[must_use]
    pub fn run_sigmoid(&self, gate: &Perceptron, x: &[f64]) -> Vec<f64> {
        self.evaluate(x, |x| gate.sigmoid(&x))
    }

    fn evaluate<T: Copy>(&self, inputs: &[T], gate: impl Fn([T; 2]) -> T) -> Vec<T> {
        assert_eq!(inputs.len(), self.inputs, "one value per input");
        let mut wires = inputs.to_vec();
        for &[a, b] in &self.gates {
            let output = gate([wires[a], wires[b]]);
            wires.push(output);
        }
        self.outputs.iter().map(|&wire| wires[wire]).collect()
    }
}

/// Every combination of `bits` bits; the first bit changes fastest.
#[must_use]
pub fn combinations(bits: usize) -> Vec<Vec<bool>> {
    (0..1_usize << bits).map(|n| (0..bits).map(|bit| n >> bit & 1 == 1).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn number(bits: &[bool]) -> usize {
        bits.iter().enumerate().map(|(place, &bit)| usize::from(bit) << place).sum()
    }

    #[test]
    fn nand_matches_the_truth_table_of_the_book() {
        for (x, expected) in [
            ([false, false], true),
            ([false, true], true),
            ([true, false], true),
            ([true, true], false),
        ] {
            assert_eq!(Perceptron::nand().fires(&x), expected);
        }
    }

    #[test]
    fn adders_compute_sums() {
        let nand = Perceptron::nand();
        for circuit in [Circuit::half_adder(), Circuit::full_adder()] {
            for bits in combinations(circuit.inputs()) {
                let ones = bits.iter().filter(|&&bit| bit).count();
                assert_eq!(number(&circuit.run(&nand, &bits)), ones, "{bits:?}");
            }
        }
        let adder = Circuit::two_bit_adder();
        for bits in combinations(4) {
            let sum = number(&bits[..2]) + number(&bits[2..]);
            assert_eq!(number(&adder.run(&nand, &bits)), sum, "{bits:?}");
        }
        let gates = [Circuit::half_adder(), Circuit::full_adder(), adder].map(|c| c.gates());
        assert_eq!(gates, [5, 9, 14]);
    }

    proptest! {
        #[test]
        fn scaling_a_perceptron_does_not_change_its_output(
            weights in vec(-5_i32..=5, 1..8),
            bias in -5_i32..=5,
            exponent in -20_i32..20,
        ) {
            // Small integers and powers of two are exact, so z = 0 stays 0.
            let weights = weights.iter().map(|&w| f64::from(w)).collect();
            let neuron = Perceptron { weights, bias: f64::from(bias) };
            let scaled = neuron.scaled(2_f64.powi(exponent));
            for x in combinations(neuron.weights.len()) {
                prop_assert_eq!(neuron.fires(&x), scaled.fires(&x));
            }
        }

        #[test]
        fn sigmoid_neurons_approach_perceptrons_as_c_grows(
            weights in vec(-3.0..3.0_f64, 1..6),
            bias in -3.0..3.0_f64,
            c in 1.0..1e4_f64,
        ) {
            let neuron = Perceptron { weights, bias };
            for bits in combinations(neuron.weights.len()) {
                let x: Vec<f64> = bits.iter().map(|&bit| f64::from(u8::from(bit))).collect();
                let z = neuron.weighted_input(&x);
                let step = f64::from(u8::from(neuron.fires(&bits)));
                let distance = (neuron.scaled(c).sigmoid(&x) - step).abs();
                // |σ(cz) − step(z)| = σ(−c|z|) < e^(−c|z|), which goes to 0 unless z is 0.
                prop_assert!(distance <= (-c * z.abs()).exp() + 1e-9, "{distance} at z = {z}");
            }
        }
    }
}
