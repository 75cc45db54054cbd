//! The inputs of a batch without their zeros.

use crate::linalg::{Bytes, List, expand, ink};

/// How a first layer is best told its inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// In a list, by the places of their weights: those of two inputs lie so far apart.
    List { stride: usize },
    /// As they are, sample by sample and input by input.
    Bytes,
}

/// The inputs of a batch, told as bytes.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(super) order: Order,
    pub(super) list: List,
    /// A row a sample, and a row an input.
    pub(super) bytes: Bytes,
    pub(super) turned: Bytes,
    samples: usize,
}

impl Default for Listing {
    fn default() -> Self {
        let [bytes, turned] = [Bytes::default(), Bytes::default()];
        Self { order: Order::Bytes, list: List::default(), bytes, turned, samples: 0 }
    }
}

impl Listing {
    /// Forgets all samples, and gets ready for up to so many of so many inputs.
    pub(crate) fn begin(&mut self, order: Order, samples: usize, inputs: usize) {
        self.order = order;
        self.samples = 0;
        match order {
            Order::List { .. } => self.list.clear(samples * inputs),
            Order::Bytes => {
                self.bytes.clear(samples, inputs);
                self.turned.clear(inputs, samples);
            }
        }
    }

    /// Adds a sample; `pixels` as many as the network has inputs, 0 to 255 for 0 to 1.
    pub(crate) fn push(&mut self, pixels: &[u8]) {
        match self.order {
            Order::List { stride } => self.list.push(|terms| ink(pixels, stride, terms)),
            Order::Bytes => self.add((0..).zip(pixels.iter().copied())),
        }
    }

    /// Adds a sample by the inputs that are not zero: their places and values.
    pub(crate) fn push_ink(&mut self, places: &[u16], values: &[u8]) {
        match self.order {
            Order::List { stride } => self.list.push(|terms| {
                expand(terms, places, values, stride as u32);
                places.len()
            }),
            Order::Bytes => {
                let places = places.iter().map(|&place| usize::from(place));
                self.add(places.zip(values.iter().copied()));
            }
        }
    }

    fn add(&mut self, inputs: impl Iterator<Item = (usize, u8)>) {
        for (input, value) in inputs {
            self.bytes.set(self.samples, input, value);
            self.turned.set(input, self.samples, value);
        }
        self.samples += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::layer::{Dense, Descent};
    use crate::nn::{
        Activation, Cost, Gradients, Init, Layer, LayerGradients, Mode, Network, Real, Tape,
    };
    use crate::rng::{Purpose, stream};
    use ndarray::Array2;
    use rand::RngExt;

    const INPUTS: usize = 75;
    const MODES: [Mode; 2] = [Mode::Inference, Mode::Training { seed: 0, epoch: 0, step: 0 }];

    fn network() -> Network {
        let mut stream = stream(1, Purpose::Experiment, 0, 0);
        let mut dense = |inputs, units| {
            let init = Init::Scaled;
            Layer::Dense(Dense::random(inputs, units, Activation::Sigmoid, init, &mut stream))
        };
        Network {
            layers: vec![dense(INPUTS, 50), dense(50, 60), dense(60, 3)],
            cost: Cost::CrossEntropy,
        }
    }

    /// Pixels of samples, two in three of them background.
    fn samples(count: usize) -> Vec<Vec<u8>> {
        let mut stream = stream(2, Purpose::Experiment, 0, 0);
        let mut pixel =
            || stream.random_range(0..=255_u8).saturating_mul(stream.random_range(0..2));
        (0..count).map(|_| (0..INPUTS).map(|_| pixel()).collect()).collect()
    }

    /// How a batch gets to the first layer.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Way {
        Numbers,
        Pixels,
        Ink,
    }

    type Found = (Array2<Real>, Gradients, Network);

    /// What is found, and what is learned, from a batch.
    fn learn(pixels: &[Vec<u8>], mode: Mode, way: Way, pack: bool) -> Found {
        let mut network = network();
        let (count, outputs) = (pixels.len(), network.outputs());
        let x = Array2::from_shape_fn((count, INPUTS), |(row, at)| {
            Real::from(pixels[row][at]) * Real::from(255_u8).recip()
        });
        let y =
            Array2::from_shape_fn(
                (count, outputs),
                |(row, at)| {
                    if row % outputs == at { 1.0 } else { 0.0 }
                },
            );
        let (mut tape, mut gradients) = (Tape::new(&network, 70), Gradients::zeros(&network));
        if pack {
            tape.pack(&network);
        }
        if way != Way::Numbers {
            let mut listing = Listing::default();
            listing.begin(tape.order(&network, count, mode).unwrap(), count, INPUTS);
            for pixels in pixels {
                if way == Way::Pixels {
                    listing.push(pixels);
                    continue;
                }
                let used = (0..).zip(pixels).filter(|(_, pixel)| **pixel != 0);
                let (places, values): (Vec<u16>, Vec<u8>) = used.unzip();
                listing.push_ink(&places, &values);
            }
            tape.take_listing(&mut listing);
        }
        let told = if way == Way::Numbers { x } else { Array2::zeros((count, INPUTS)) };
        network.forward(told.view(), &mut tape, mode);
        network.deltas(y.view(), &mut tape);
        // Nobody asks for gradients while weights are packed.
        if !pack {
            network.gradients(told.view(), &mut tape, &mut gradients);
        }
        let descent = Descent { rate: 0.5, l1: 0.0, l2: 0.01 };
        network.descend(told.view(), &mut tape, descent, &mut Gradients::zeros(&network));
        tape.unpack(&mut network);
        (tape.outputs().to_owned(), gradients, network)
    }

    fn near(one: &Found, two: &Found) -> bool {
        let arrays = |found: &Found| -> Vec<Real> {
            let gradients = found.1.layers.iter().flat_map(LayerGradients::arrays).flatten();
            let weights = found.2.layers.iter().flat_map(|layer| layer.weights().flatten());
            found.0.iter().chain(gradients).chain(weights).copied().collect()
        };
        let [one, two] = [one, two].map(arrays);
        one.len() == two.len() && one.iter().zip(&two).all(|(a, b)| (a - b).abs() < 1e-5)
    }

    #[test]
    fn nothing_depends_on_how_the_inputs_are_told() {
        for count in [1, 10, 23, 24, 33, 64, 70] {
            let pixels = samples(count);
            for mode in MODES {
                let numbers = learn(&pixels, mode, Way::Numbers, false);
                let told = learn(&pixels, mode, Way::Ink, false);
                assert!(near(&told, &numbers), "{count} {mode:?}");
                assert_eq!(learn(&pixels, mode, Way::Pixels, false), told, "{count} {mode:?}");
                let packed = learn(&pixels, mode, Way::Ink, true);
                assert_eq!(packed.0, told.0, "{count} {mode:?}");
                assert_eq!(packed.2, told.2, "{count} {mode:?}");
            }
        }
    }

    #[test]
    fn many_samples_to_learn_from_are_told_as_bytes() {
        let (network, tape) = (network(), Tape::new(&network(), 64));
        let order = |samples, mode| tape.order(&network, samples, mode);
        assert_eq!(order(64, MODES[0]), Some(Order::List { stride: 50 }));
        assert_eq!(order(10, MODES[1]), Some(Order::List { stride: 50 }));
        assert_eq!(order(64, MODES[1]), Some(Order::Bytes));
    }
}
