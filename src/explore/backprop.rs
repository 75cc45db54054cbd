//! Section 2.4: the four equations of backpropagation on a small network. Each gradient is compared
//! with the difference quotient of its weight.

use super::build::{
    choice, figure, neuron, number, range, sigmoid, sigmoid_slope, table, time, wire,
};
use crate::protocol::{Explorable, Figure, FigureBody};

/// The step of the difference quotients.
const NUDGE: f64 = 1e-5;

pub(super) fn describe() -> Explorable {
    Explorable {
        id: "backpropagation".into(),
        chapter: 2,
        title: "Backpropagation".into(),
        to_try: "Press p: activations go forward, errors come back. Then change a weight and \
                 compare each gradient with the one measured by nudging that weight."
            .into(),
        to_notice: "One pass forward and one back give all gradients at once; nudging needs two \
                    passes for every single weight. A saturated neuron (a near 0 or 1) has a \
                    small δ and learns slowly, and so does a weight whose input is small."
            .into(),
        sliders: vec![
            range("x₁", [0.0, 1.0], 0.05, 0.9),
            range("x₂", [0.0, 1.0], 0.05, 0.3),
            choice("target y", &["0", "1"]),
            range("w₁₁", [-5.0, 5.0], 0.1, 1.2),
            range("w₂₂", [-5.0, 5.0], 0.1, -0.8),
            range("v₁", [-5.0, 5.0], 0.1, 1.5),
            range("v₂", [-5.0, 5.0], 0.1, 0.7),
            range("bias", [-5.0, 5.0], 0.1, 0.2),
            time("steps", 5, 5),
        ],
    }
}

/// Two inputs, two hidden neurons, one output.
#[derive(Clone, Copy)]
struct TinyNetwork {
    x: [f64; 2],
    y: f64,
    /// Weights to hidden neuron j from input k.
    w: [[f64; 2]; 2],
    /// Weights to the output from hidden neuron j.
    v: [f64; 2],
    /// The bias of every neuron.
    bias: f64,
}

/// The values of a forward and backward pass.
struct ForwardBackward {
    hidden: [f64; 2],
    output: f64,
    delta_output: f64,
    delta_hidden: [f64; 2],
}

impl TinyNetwork {
    fn new(values: &[f64]) -> Self {
        Self {
            x: [values[0], values[1]],
            y: values[2],
            w: [[values[3], 0.5], [-0.4, values[4]]],
            v: [values[5], values[6]],
            bias: values[7],
        }
    }

    fn z_hidden(&self) -> [f64; 2] {
        [0, 1].map(|j| self.w[j][0] * self.x[0] + self.w[j][1] * self.x[1] + self.bias)
    }

    fn z_output(&self) -> f64 {
        let [a1, a2] = self.z_hidden().map(sigmoid);
        self.v[0] * a1 + self.v[1] * a2 + self.bias
    }

    /// C = ½ (y − a)².
    fn cost(&self) -> f64 {
        0.5 * (self.y - sigmoid(self.z_output())).powi(2)
    }

    fn pass(&self) -> ForwardBackward {
        let output = sigmoid(self.z_output());
        // BP1, then BP2.
        let delta_output = (output - self.y) * sigmoid_slope(self.z_output());
        let z = self.z_hidden();
        let delta_hidden = [0, 1].map(|j| self.v[j] * delta_output * sigmoid_slope(z[j]));
        ForwardBackward { hidden: z.map(sigmoid), output, delta_output, delta_hidden }
    }

    /// The difference quotient of a weight, from two forward passes.
    fn nudged(&self, change: impl Fn(&mut Self, f64)) -> f64 {
        let at = |step: f64| {
            let mut net = *self;
            change(&mut net, step);
            net.cost()
        };
        (at(NUDGE) - at(-NUDGE)) / (2.0 * NUDGE)
    }
}

/// The name of each weight, its gradient by BP4, and its difference quotient.
fn gradients(net: &TinyNetwork) -> Vec<(String, f64, f64)> {
    let pass = net.pass();
    let names = [["w₁₁", "w₁₂"], ["w₂₁", "w₂₂"]];
    let mut all = Vec::new();
    for (j, k) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let measured = net.nudged(|net, step| net.w[j][k] += step);
        all.push((names[j][k].to_string(), net.x[k] * pass.delta_hidden[j], measured));
    }
    for (j, name) in ["v₁", "v₂"].into_iter().enumerate() {
        let measured = net.nudged(|net, step| net.v[j] += step);
        all.push((name.to_string(), pass.hidden[j] * pass.delta_output, measured));
    }
    all
}

pub(super) fn figures(values: &[f64]) -> Vec<Figure> {
    let net = TinyNetwork::new(values);
    let step = values[8] as u32;
    let rows = gradients(&net).into_iter().map(|(name, gradient, measured)| {
        let known = step >= 5;
        let shown = if known { number(gradient) } else { "…".into() };
        (false, vec![name, shown, number(measured)])
    });
    vec![
        figure("network", "Forward and back", caption(step), wiring(&net, step)),
        figure("gradients", "Gradients", "", table(&["", "by BP4", "by nudging"], rows)),
    ]
}

fn caption(step: u32) -> &'static str {
    match step {
        0 => "The inputs.",
        1 => "Forward: aₗ = σ(w a + b), the hidden layer.",
        2 => "Forward: the output.",
        3 => "BP1: δ = (a − y) σ′(z) at the output.",
        4 => "BP2: δ of the hidden layer, back through the weights.",
        _ => "BP3 and BP4: ∂C/∂b = δ, ∂C/∂w = a (in) × δ (out).",
    }
}

fn wiring(net: &TinyNetwork, step: u32) -> FigureBody {
    let pass = net.pass();
    let known = |from: u32, name: &str, value: f64| {
        if step >= from { format!("{name} {}", number(value)) } else { String::new() }
    };
    let hidden = |j: usize| {
        let value = [known(1, "a", pass.hidden[j]), known(4, "δ", pass.delta_hidden[j])].join("\n");
        neuron(["h₁", "h₂"][j], value.trim(), [0.45, j as f64], step == 1 || step == 4)
    };
    let output = [known(2, "a", pass.output), known(3, "δ", pass.delta_output)].join("\n");
    let neurons = vec![
        neuron("x₁", number(net.x[0]), [0.0, 0.0], step == 0),
        neuron("x₂", number(net.x[1]), [0.0, 1.0], step == 0),
        hidden(0),
        hidden(1),
        neuron("out", output.trim(), [1.0, 0.5], step == 2 || step == 3),
    ];
    let first = [1, 5].contains(&step);
    let second = [2, 4, 5].contains(&step);
    let mut wires = vec![
        wire(0, 2, number(net.w[0][0]), first),
        wire(1, 3, number(net.w[1][1]), first),
        wire(0, 3, "", first),
        wire(1, 2, "", first),
    ];
    wires.extend((0..2).map(|j| wire(2 + j, 4, number(net.v[j]), second)));
    FigureBody::Wiring { neurons, wires }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backpropagation_and_difference_quotients_agree() {
        for values in [
            vec![0.9, 0.3, 0.0, 1.2, -0.8, 1.5, 0.7, 0.2, 5.0],
            vec![0.1, 1.0, 1.0, -4.0, 3.0, -2.5, 5.0, -1.0, 5.0],
        ] {
            for (name, gradient, measured) in gradients(&TinyNetwork::new(&values)) {
                assert!((gradient - measured).abs() < 1e-9, "{name}: {gradient} {measured}");
            }
        }
    }
}
