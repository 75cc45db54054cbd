//! Chapter 2: each of the four equations of backpropagation compared with the definition of what it
//! computes, and the work they save: two passes through the network instead of one per weight.

use super::Experiment;
use crate::data::batch::scale;
use crate::jobs::{ExperimentError, JobContext, Tolerance};
use crate::nn::layer::Dense;
use crate::nn::{Activation, Cost, Executor, ForwardCache, Gradients, Layer, Mode, Network, Real};
use crate::protocol::{Cell, FigureBody};
use crate::rng::{Purpose, Stream, stream};
use crate::spec::{Spec, build};
use ndarray::{Array1, Array2};
use rand::RngExt;
use std::time::Instant;

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "2-equations",
    chapter: 2,
    title: "The four equations of backpropagation, and the work they save",
    expected: "BP1 to BP4 agree with finite differences; a gradient costs about two forward passes \
               instead of one per weight",
    quick_suffices: true,
    run,
};

/// Sizes of the small network on which the equations are checked.
const SIZES: [usize; 4] = [5, 4, 6, 3];
/// Half the step of a difference quotient.
const STEP: f64 = 1e-5;

/// A network of sigmoid neurons in the book's own notation, in double precision.
#[derive(Clone, Debug)]
struct SmallNetwork {
    /// w_jk of each layer: from neuron k of the previous layer to neuron j, shape (units, inputs).
    w: Vec<Array2<f64>>,
    b: Vec<Array1<f64>>,
}

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

fn sigmoid_prime(z: f64) -> f64 {
    sigmoid(z) * (1.0 - sigmoid(z))
}

impl SmallNetwork {
    fn random(stream: &mut Stream) -> Self {
        let mut draw = || stream.random_range(-1.5..1.5);
        let pairs = || SIZES.windows(2);
        Self {
            w: pairs().map(|n| Array2::from_shape_simple_fn((n[1], n[0]), &mut draw)).collect(),
            b: SIZES[1..].iter().map(|&n| Array1::from_shape_simple_fn(n, &mut draw)).collect(),
        }
    }

    /// The weighted inputs z of every layer for an input x. `nudge` (layer, neuron, Δ) adds Δ to
    /// one neuron's weighted input, like the demon of section 2.3.
    fn feed(&self, x: &Array1<f64>, nudge: Option<(usize, usize, f64)>) -> Vec<Array1<f64>> {
        let mut a = x.clone();
        let mut zs = Vec::new();
        for (layer, (w, b)) in self.w.iter().zip(&self.b).enumerate() {
            let mut z = w.dot(&a) + b;
            if let Some((at, neuron, by)) = nudge
                && at == layer
            {
                z[neuron] += by;
            }
            a = z.mapv(sigmoid);
            zs.push(z);
        }
        zs
    }

    /// The quadratic cost of one example (equation 26).
    fn cost(&self, x: &Array1<f64>, y: &Array1<f64>, nudge: Option<(usize, usize, f64)>) -> f64 {
        let zs = self.feed(x, nudge);
        let a = zs[zs.len() - 1].mapv(sigmoid);
        (&a - y).mapv(|d| d * d).sum() / 2.0
    }

    /// δ of every layer: BP1 at the output, then BP2 from layer to layer.
    fn deltas(&self, zs: &[Array1<f64>], y: &Array1<f64>) -> Vec<Array1<f64>> {
        let last = &zs[zs.len() - 1];
        // BP1: δᴸ = ∇ₐC ⊙ σ′(zᴸ).
        let mut deltas = vec![(last.mapv(sigmoid) - y) * last.mapv(sigmoid_prime)];
        for layer in (0..zs.len() - 1).rev() {
            // BP2: δˡ = ((wˡ⁺¹)ᵀ δˡ⁺¹) ⊙ σ′(zˡ).
            let next = &deltas[deltas.len() - 1];
            deltas.push(self.w[layer + 1].t().dot(next) * zs[layer].mapv(sigmoid_prime));
        }
        deltas.reverse();
        deltas
    }

    /// The same network in the types of the library.
    fn in_library(&self) -> Network {
        let layer = |(w, b): (&Array2<f64>, &Array1<f64>)| {
            let weights = Array2::from_shape_fn((w.ncols(), w.nrows()), |(k, j)| w[[j, k]] as Real);
            let biases = b.mapv(|b| b as Real);
            Layer::Dense(Dense { weights: weights.into(), biases, activation: Activation::Sigmoid })
        };
        let layers = self.w.iter().zip(&self.b).map(layer).collect();
        Network { layers, cost: Cost::Quadratic }
    }
}

/// (f(+h) − f(−h)) / 2h.
fn quotient(f: impl Fn(f64) -> f64) -> f64 {
    (f(STEP) - f(-STEP)) / (2.0 * STEP)
}

/// The largest difference between two lists, relative to the largest number of the second.
fn difference(found: &[f64], truth: &[f64]) -> f64 {
    let largest = truth.iter().fold(0.0, |most: f64, t| most.max(t.abs()));
    let apart = found.iter().zip(truth).map(|(f, t)| (f - t).abs()).fold(0.0, f64::max);
    apart / largest
}

/// The difference of each of BP1 to BP4 from the derivative that it computes.
fn against_differences(network: &SmallNetwork, x: &Array1<f64>, y: &Array1<f64>) -> [f64; 4] {
    let zs = network.feed(x, None);
    let deltas = network.deltas(&zs, y);
    // δ = ∂C/∂z is a definition (equation 29): nudge z and measure the cost.
    let by_nudge = |layer: usize| -> Vec<f64> {
        let slope = |j| quotient(|h| network.cost(x, y, Some((layer, j, h))));
        (0..SIZES[layer + 1]).map(slope).collect()
    };
    let last = deltas.len() - 1;
    let delta = |layer: usize| deltas[layer].to_vec();
    let bp1 = difference(&delta(last), &by_nudge(last));
    let bp2 = (0..last).map(|l| difference(&delta(l), &by_nudge(l))).fold(0.0, f64::max);

    // BP3: ∂C/∂b = δ. BP4: ∂C/∂w_jk = a_k δ_j, with the activation a of the previous layer.
    let (mut bp3, mut bp4): (f64, f64) = (0.0, 0.0);
    for layer in 0..=last {
        let by_bias = |j: usize| {
            quotient(|h| {
                let mut moved = network.clone();
                moved.b[layer][j] += h;
                moved.cost(x, y, None)
            })
        };
        let slopes: Vec<f64> = (0..SIZES[layer + 1]).map(by_bias).collect();
        bp3 = bp3.max(difference(&delta(layer), &slopes));

        let before = if layer == 0 { x.clone() } else { zs[layer - 1].mapv(sigmoid) };
        let by_weight = |(j, k): (usize, usize)| {
            quotient(|h| {
                let mut moved = network.clone();
                moved.w[layer][[j, k]] += h;
                moved.cost(x, y, None)
            })
        };
        let shape = network.w[layer].raw_dim();
        let slopes = Array2::from_shape_fn(shape, by_weight);
        let products = Array2::from_shape_fn(shape, |(j, k)| before[k] * deltas[layer][j]);
        let (products, slopes): (Vec<f64>, Vec<f64>) =
            (products.into_iter().collect(), slopes.into_iter().collect());
        bp4 = bp4.max(difference(&products, &slopes));
    }
    [bp1, bp2, bp3, bp4]
}

/// The difference of the bias gradients of the same network in the library from BP3.
fn library_difference(network: &SmallNetwork, x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    let deltas = network.deltas(&network.feed(x, None), y);
    let library = network.in_library();
    let row = |values: &Array1<f64>| values.mapv(|v| v as Real).insert_axis(ndarray::Axis(0));
    let (mut cache, mut gradients) = (ForwardCache::new(&library, 1), Gradients::zeros(&library));
    library.forward(row(x).view(), &mut cache, Mode::Inference, &mut Executor::Serial);
    library.backward(
        row(x).view(),
        row(y).view(),
        &mut cache,
        &mut gradients,
        &mut Executor::Serial,
    );
    #[allow(clippy::useless_conversion, reason = "Real is f64 with the feature f64")]
    let found = |layer: usize| gradients.layers[layer].biases.iter().map(|&g| f64::from(g));
    let differences = deltas
        .iter()
        .enumerate()
        .map(|(layer, delta)| difference(&found(layer).collect::<Vec<_>>(), &delta.to_vec()));
    differences.fold(0.0, f64::max)
}

/// Multiplications of one forward pass and of one gradient by backpropagation.
fn multiplications(sizes: &[usize]) -> (usize, usize) {
    let products: Vec<usize> = sizes.windows(2).map(|pair| pair[0] * pair[1]).collect();
    let forward: usize = products.iter().sum();
    // Forward once, BP2 through every layer but the first, BP4 once for every weight.
    let backpropagation = forward + products[1..].iter().sum::<usize>() + forward;
    (forward, backpropagation)
}

/// Seconds for the gradient of one image: by backpropagation, and by changing one weight or bias
/// after another, with a forward pass each. The third value is the number of forward passes.
fn seconds(network: &mut Network, pixels: &[u8]) -> (f64, f64, usize) {
    let (inputs, outputs) = (network.inputs(), network.outputs());
    let (mut x, mut y) = (Array2::zeros((1, inputs)), Array2::zeros((1, outputs)));
    scale(pixels, x.row_mut(0));
    y[[0, 0]] = 1.0;
    let (mut cache, mut gradients) = (ForwardCache::new(network, 1), Gradients::zeros(network));

    // A single run is too short to measure, so it is repeated, and the best of several series is
    // used.
    let repetitions = 100;
    let mut series = || {
        let start = Instant::now();
        for _ in 0..repetitions {
            network.forward(x.view(), &mut cache, Mode::Inference, &mut Executor::Serial);
            network.backward(x.view(), y.view(), &mut cache, &mut gradients, &mut Executor::Serial);
        }
        start.elapsed().as_secs_f64() / f64::from(repetitions)
    };
    let backpropagation = (0..10).map(|_| series()).fold(f64::INFINITY, f64::min);

    let start = Instant::now();
    let mut passes = 0;
    let mut cost_after = |network: &Network| {
        network.forward(x.view(), &mut cache, Mode::Inference, &mut Executor::Serial);
        passes += 1;
        network.cost.sum(cache.outputs(), y.view())
    };
    let unmoved = cost_after(network);
    let step: Real = 1e-2;
    let mut steepest: f64 = 0.0;
    for layer in 0..network.layers.len() {
        for array in 0..network.layers[layer].parameters().len() {
            for index in 0..network.layers[layer].parameters()[array].1.len() {
                nudge(&mut network.layers[layer], array, index, step);
                steepest = steepest.max((cost_after(network) - unmoved).abs());
                nudge(&mut network.layers[layer], array, index, -step);
            }
        }
    }
    std::hint::black_box(steepest);
    (backpropagation, start.elapsed().as_secs_f64(), passes)
}

/// Adds to one weight or bias.
fn nudge(layer: &mut Layer, array: usize, index: usize, by: Real) {
    let mut arrays = layer.parameters_mut();
    let values = &mut arrays[array].1;
    // Rows may be padded, so an array need not be one slice.
    match *values.shape() {
        [_, columns] => values[[index / columns, index % columns].as_slice()] += by,
        _ => values[[index].as_slice()] += by,
    }
}

fn table(header: &[&str], rows: &[[String; 3]]) -> FigureBody {
    let cell = |text: &String| Cell { text: text.clone(), highlighted: false };
    FigureBody::Table {
        header: header.iter().map(ToString::to_string).collect(),
        rows: rows.iter().map(|row| row.iter().map(cell).collect()).collect(),
    }
}

fn run(context: &mut JobContext) -> Result<(), ExperimentError> {
    // A random small network, input and target.
    let mut stream = stream(context.seed(), Purpose::Experiment, 2, 0);
    let network = SmallNetwork::random(&mut stream);
    let x = Array1::from_shape_simple_fn(SIZES[0], || stream.random_range(0.0..1.0));
    let y = Array1::from_shape_simple_fn(SIZES[3], || stream.random_range(0.0..1.0));

    // Compare each equation with the slope that it computes.
    let [bp1, bp2, bp3, bp4] = against_differences(&network, &x, &y);
    let library = library_difference(&network, &x, &y);
    let equations = [
        ("BP1", "δᴸ = ∇ₐC ⊙ σ′(zᴸ)", bp1),
        ("BP2", "δˡ = ((wˡ⁺¹)ᵀ δˡ⁺¹) ⊙ σ′(zˡ)", bp2),
        ("BP3", "∂C/∂bˡⱼ = δˡⱼ", bp3),
        ("BP4", "∂C/∂wˡⱼₖ = aˡ⁻¹ₖ δˡⱼ", bp4),
    ];
    let rows =
        equations.map(|(name, text, apart)| [name.into(), text.into(), format!("{apart:.0e}")]);
    context.figure(
        "equations",
        "Each of the four equations compared with finite differences",
        "A random network of 5, 4, 6 and 3 neurons: the largest difference from the slope of the \
         cost, relative to the largest slope.",
        table(&["", "equation", "off by"], &rows),
    );
    for (name, text, apart) in equations {
        let claim = format!("{name}, {text}: deviation from the finite difference");
        context.claim_number(&claim, 1e-7, apart, Tolerance::AtMost, "");
    }
    let claim = "difference of the library's gradient of the same network from these equations";
    context.claim_number(claim, 1e-5, library, Tolerance::AtMost, "");
    context.handle_commands()?;

    // The work they save, on chapter 1's network and a real digit.
    let data = context.data();
    let spec = Spec { seed: context.seed(), ..Spec::default() };
    let mut network = build(&spec, &data).map_err(|e| ExperimentError::Other(e.to_string()))?;
    let (forward, backward) = multiplications(&[784, 30, 10]);
    let (by_backpropagation, by_passes, passes) = seconds(&mut network, data.train.image(0));
    let millis = |seconds: f64| format!("{:.3} ms", 1e3 * seconds);
    let rows = [
        ["backpropagation".into(), backward.to_string(), millis(by_backpropagation)],
        [format!("{passes} forward passes"), (forward * passes).to_string(), millis(by_passes)],
    ];
    context.figure(
        "cost",
        "One image's gradient in [784, 30, 10], by both methods",
        "Changing one weight at a time takes one forward pass per weight, and one for the \
         unchanged network.",
        table(&["way", "multiplications", "measured"], &rows),
    );
    context.claim_number(
        "cost of backpropagation in forward passes, counted in multiplications",
        2.0,
        backward as f64 / forward as f64,
        Tolerance::Within(0.1),
        "passes",
    );
    context.claim_number(
        "measured time of one pass per weight as a multiple of backpropagation",
        1000.0,
        by_passes / by_backpropagation,
        Tolerance::AtLeast,
        "times",
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_relative_and_quotients_are_slopes() {
        assert!((difference(&[1.0, 2.2], &[1.0, 2.0]) - 0.1).abs() < 1e-12);
        assert!((quotient(|h| (1.0 + h) * (1.0 + h)) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn backpropagation_takes_two_passes_of_multiplications() {
        // 2·3 + 3·1 forward, 3·1 back, 2·3 + 3·1 for the weights.
        assert_eq!(multiplications(&[2, 3, 1]), (9, 21));
    }
}
