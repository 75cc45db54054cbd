//! Section 5.2: a chain of four neurons, and its gradient as a product with one factor per layer
//! (equation 122).

use super::build::{
    curve, dots, figure, neuron, number, range, sigmoid, sigmoid_slope, table, toggle, wire,
};
use crate::protocol::{Explorable, Figure, FigureBody, Scale, Slider};

const LAYERS: usize = 4;
const SUBSCRIPTS: [&str; LAYERS] = ["₁", "₂", "₃", "₄"];
/// The target of the chain's output.
const TARGET: f64 = 0.0;
/// The smallest gradient on the logarithmic axis.
const BOTTOM: f64 = 1e-9;

pub(super) fn describe() -> Explorable {
    let weights = SUBSCRIPTS.map(|n| range(&format!("w{n}"), [-20.0, 20.0], 0.25, 1.0));
    let biases = SUBSCRIPTS.map(|n| range(&format!("b{n}"), [-10.0, 10.0], 0.25, 0.0));
    let mut sliders: Vec<Slider> = vec![range("input x", [0.0, 1.0], 0.05, 0.5)];
    sliders.extend(weights);
    sliders.extend(biases);
    sliders.push(toggle("hold every z at 0", false));
    Explorable {
        id: "vanishing-gradient".into(),
        chapter: 5,
        title: "The vanishing gradient".into(),
        to_try: "Look at the product as it is. Raise all four weights to 8: does it help? Then \
                 hold every z at 0 and raise them again."
            .into(),
        to_notice: "Every layer back multiplies by w σ′(z), and σ′ is 1/4 at most: with weights \
                    of about 1 the gradient shrinks at every step. Large weights saturate the \
                    neurons, so σ′ is nearly 0, unless the biases hold z at 0: then it explodes."
            .into(),
        sliders,
    }
}

/// The values of a forward pass.
struct Chain {
    weights: [f64; LAYERS],
    biases: [f64; LAYERS],
    z: [f64; LAYERS],
    a: [f64; LAYERS],
}

impl Chain {
    /// Forward pass: zₗ = wₗ aₗ₋₁ + bₗ. If `held`, the biases −wₗ aₗ₋₁ keep every z at 0 (the
    /// book's way to make the gradient explode).
    fn new(x: f64, weights: [f64; LAYERS], mut biases: [f64; LAYERS], held: bool) -> Self {
        let (mut z, mut a) = ([0.0; LAYERS], [0.0; LAYERS]);
        let mut input = x;
        for layer in 0..LAYERS {
            if held {
                biases[layer] = -weights[layer] * input;
            }
            z[layer] = weights[layer] * input + biases[layer];
            a[layer] = sigmoid(z[layer]);
            input = a[layer];
        }
        Self { weights, biases, z, a }
    }

    /// ∂C/∂a of the output, for the quadratic cost.
    fn error(&self) -> f64 {
        self.a[LAYERS - 1] - TARGET
    }

    /// ∂C/∂bₗ of every layer, by BP2.
    fn gradients(&self) -> [f64; LAYERS] {
        let mut gradients = [0.0; LAYERS];
        let mut product = self.error();
        for layer in (0..LAYERS).rev() {
            product *= sigmoid_slope(self.z[layer]);
            gradients[layer] = product;
            product *= self.weights[layer];
        }
        gradients
    }
}

pub(super) fn figures(values: &[f64]) -> Vec<Figure> {
    let four = |from: usize| [0, 1, 2, 3].map(|index| values[from + index]);
    let chain = Chain::new(values[0], four(1), four(5), values[9] > 0.5);
    let caption = "∂C/∂b₁ = σ′(z₁) w₂ σ′(z₂) w₃ σ′(z₃) w₄ σ′(z₄) ∂C/∂a₄";
    vec![
        figure("chain", "The chain", "", wiring(values[0], &chain)),
        figure("product", "∂C/∂b₁, term by term", caption, product(&chain)),
        figure("gradients", "Gradient over layers", "", gradients(&chain)),
    ]
}

fn wiring(x: f64, chain: &Chain) -> FigureBody {
    let learning = chain.gradients();
    let most = learning.iter().fold(0.0, |most: f64, gradient| most.max(gradient.abs()));
    let mut neurons = vec![neuron("x", number(x), [0.0, 0.5], true)];
    for layer in 0..LAYERS {
        let place = [0.25 * (layer + 1) as f64, 0.5];
        // Highlighted if it learns at least a tenth as fast as the fastest layer.
        let lit = learning[layer].abs() > 0.1 * most;
        neurons.push(neuron(
            &format!("a{}", SUBSCRIPTS[layer]),
            number(chain.a[layer]),
            place,
            lit,
        ));
    }
    let wires = (0..LAYERS).map(|layer| wire(layer, layer + 1, "", neurons[layer + 1].lit));
    FigureBody::Wiring { wires: wires.collect(), neurons }
}

fn product(chain: &Chain) -> FigureBody {
    let mut running = chain.error();
    let mut rows =
        vec![(false, vec!["∂C/∂a₄".into(), String::new(), number(running), number(running)])];
    for layer in (0..LAYERS).rev() {
        let slope = sigmoid_slope(chain.z[layer]);
        running *= slope;
        let n = SUBSCRIPTS[layer];
        let z = format!("z{n} = {}", number(chain.z[layer]));
        rows.push((layer == 0, vec![format!("σ′(z{n})"), z, number(slope), number(running)]));
        if layer > 0 {
            running *= chain.weights[layer];
            let bias = format!("b{n} = {}", number(chain.biases[layer]));
            rows.push((
                false,
                vec![format!("w{n}"), bias, number(chain.weights[layer]), number(running)],
            ));
        }
    }
    table(&["factor", "at", "is", "product so far"], rows)
}

fn gradients(chain: &Chain) -> FigureBody {
    let points = chain.gradients().map(|gradient| gradient.abs().max(BOTTOM));
    let points = points.iter().enumerate().map(|(layer, &size)| ((layer + 1) as f64, size));
    FigureBody::Chart {
        x_label: "layer".into(),
        y_label: "|∂C/∂b|".into(),
        x_scale: Scale::Linear,
        y_scale: Scale::Logarithmic,
        curves: vec![curve("", points.clone()), dots("speed of learning", points)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(weights: [f64; LAYERS], biases: [f64; LAYERS]) -> f64 {
        0.5 * Chain::new(0.5, weights, biases, false).error().powi(2)
    }

    #[test]
    fn the_product_is_the_gradient() {
        let (weights, biases) = ([1.5, -2.0, 3.0, 0.5], [0.2, -0.4, 1.0, -0.3]);
        let gradients = Chain::new(0.5, weights, biases, false).gradients();
        for layer in 0..LAYERS {
            let h = 1e-5;
            let at = |sign: f64| {
                let mut moved = biases;
                moved[layer] += sign * h;
                cost(weights, moved)
            };
            let measured = (at(1.0) - at(-1.0)) / (2.0 * h);
            assert!((measured - gradients[layer]).abs() < 1e-9, "{layer}");
        }
    }

    #[test]
    fn the_gradient_vanishes_and_explodes_if_held_at_zero() {
        let ratio = |chain: Chain| chain.gradients()[0].abs() / chain.gradients()[3].abs();
        assert!(ratio(Chain::new(0.5, [1.0; 4], [0.0; 4], false)) < 0.25_f64.powi(3) * 1.01);
        assert!(ratio(Chain::new(0.5, [8.0; 4], [0.0; 4], false)) < 0.01, "saturated");
        let held = ratio(Chain::new(0.5, [8.0; 4], [0.0; 4], true));
        assert!((held - 8.0).abs() < 1e-9, "(8 / 4)³");
    }
}
