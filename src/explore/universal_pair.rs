//! Chapter 4, one input: a hidden neuron makes a step, a pair of them a bump.

use super::build::{figure, graph, neuron, number, plot, range, sigmoid, wire};
use super::universal::{StepNeuron, network};
use crate::protocol::{Explorable, Figure, FigureBody};

const INPUTS: [f64; 2] = [0.0, 1.0];

pub(super) fn describe() -> Explorable {
    Explorable {
        id: "universal-pair".into(),
        chapter: 4,
        title: "A step and a bump".into(),
        to_try: "Set w₂ to 0 and raise the steepness: one neuron is a step. Move s₁. Then w₂ = \
                 −w₁: a bump. Move s₁ beyond s₂, or change the size of both weights."
            .into(),
        to_notice: "A steep sigmoid is a step at s = −b/w, so that a hidden neuron needs one \
                    number instead of two. Two steps of opposite weight are a bump: its edges \
                    are s₁ and s₂, its height is the weight."
            .into(),
        sliders: vec![
            range("steepness w", [1.0, 500.0], 1.0, 60.0),
            range("s₁", INPUTS, 0.01, 0.4),
            range("s₂", INPUTS, 0.01, 0.6),
            range("w₁ out", [-1.5, 1.5], 0.05, 0.8),
            range("w₂ out", [-1.5, 1.5], 0.05, -0.8),
        ],
    }
}

pub(super) fn figures(values: &[f64]) -> Vec<Figure> {
    let [weight, s1, s2, w1, w2] = [0, 1, 2, 3, 4].map(|index| values[index]);
    let steps = [(s1, w1), (s2, w2)].map(|(place, out)| StepNeuron { place, weight, out });
    let hidden = |place: f64| move |x: f64| sigmoid(weight * (x - place));
    let neurons =
        vec![graph("upper", INPUTS, 400, hidden(s1)), graph("lower", INPUTS, 400, hidden(s2))];
    let output = vec![
        graph("w₁a₁", INPUTS, 400, |x| steps[0].at(x)),
        graph("w₂a₂", INPUTS, 400, |x| steps[1].at(x)),
        graph("sum", INPUTS, 400, |x| network(&steps, x)),
    ];
    vec![
        figure("network", "The network", "", wiring(&steps)),
        figure("hidden", "Hidden neurons", "", plot(("x", INPUTS), ("a", INPUTS), neurons)),
        figure(
            "output",
            "Weighted output",
            "",
            plot(("x", INPUTS), ("w₁a₁ + w₂a₂", [-1.5, 1.5]), output),
        ),
    ]
}

fn wiring(steps: &[StepNeuron; 2]) -> FigureBody {
    let hidden = |name: &str, step: &StepNeuron, y| {
        let value = format!("s {} b {}", number(step.place), number(-step.weight * step.place));
        neuron(name, value, [0.5, y], step.out != 0.0)
    };
    let neurons = vec![
        neuron("x", "", [0.0, 0.5], true),
        hidden("upper", &steps[0], 0.0),
        hidden("lower", &steps[1], 1.0),
        neuron("output", "", [1.0, 0.5], true),
    ];
    let into = number(steps[0].weight);
    let wires = vec![
        wire(0, 1, &into, steps[0].out != 0.0),
        wire(0, 2, &into, steps[1].out != 0.0),
        wire(1, 3, number(steps[0].out), steps[0].out != 0.0),
        wire(2, 3, number(steps[1].out), steps[1].out != 0.0),
    ];
    FigureBody::Wiring { neurons, wires }
}
