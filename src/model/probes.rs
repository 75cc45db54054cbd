//! Answers probes: a view's queries about a network.

use crate::data::Images;
use crate::data::batch::scale;
use crate::nn::{Executor, ForwardCache, Layer, Mode, Network, Real, Shape};
use crate::protocol::{
    Card, Content, DigitFilter, DigitOrder, DigitQuery, LayerStats, NO_PREDICTION,
    PredictionFilter, ProbeQuery, Tensor,
};
use crate::spec::Readout;
use crate::spec::readout::to_f32;
use ndarray::{Array2, ArrayView1, ArrayView2};

/// The outputs of a network for the test set, for lists and confusion matrices.
#[derive(Clone, Debug)]
pub(crate) struct TestOutputs {
    /// Shape (test images, outputs).
    outputs: Array2<Real>,
    /// The prediction for every test image.
    predictions: Vec<u32>,
    readout: Readout,
}

impl TestOutputs {
    pub(crate) fn new(outputs: Array2<Real>, readout: Readout) -> Self {
        let predictions = outputs.rows().into_iter().map(|a| readout.predict(a)).collect();
        Self { outputs, predictions, readout }
    }

    /// From the predictions of an ensemble, one per test image.
    pub(crate) fn with_predictions(
        outputs: Array2<Real>,
        predictions: Vec<u32>,
        readout: Readout,
    ) -> Self {
        Self { outputs, predictions, readout }
    }

    /// The prediction for a test image; the index must be less than the number of images.
    pub(crate) fn prediction(&self, index: usize) -> Prediction<'_> {
        Prediction { answer: self.predictions[index], a: self.outputs.row(index) }
    }

    /// The outputs, shape (test images, outputs).
    pub(crate) fn outputs(&self) -> ArrayView2<'_, Real> {
        self.outputs.view()
    }

    /// Counts of (correct class, predicted class), row by row; images without a prediction are not
    /// counted.
    pub(crate) fn confusion(&self, test: &Images, classes: usize) -> Content {
        let answers = self.readout.answers(classes);
        let mut counts = vec![0_u32; answers * answers];
        let pairs = test.labels.iter().zip(&self.predictions);
        for (&label, &prediction) in pairs.filter(|(_, prediction)| **prediction != NO_PREDICTION) {
            counts[self.readout.answer(label) as usize * answers + prediction as usize] += 1;
        }
        Content::Confusion { classes: answers as u32, counts }
    }

    fn matches(&self, test: &Images, index: usize, filter: DigitFilter) -> bool {
        let answer = self.readout.answer(test.labels[index]);
        let prediction = self.predictions[index];
        let verdict = match filter.verdict {
            PredictionFilter::All => true,
            PredictionFilter::Right => answer == prediction,
            PredictionFilter::Wrong => answer != prediction,
        };
        verdict
            && filter.label.is_none_or(|label| label == answer)
            && filter.predicted.is_none_or(|predicted| predicted == prediction)
    }

    /// How much higher the confidence in the prediction is than that in the correct class.
    fn confidence_in_error(&self, test: &Images, index: usize) -> f32 {
        let a = self.outputs.row(index);
        let answer = self.readout.answer(test.labels[index]);
        self.readout.strength(a, self.predictions[index]) - self.readout.strength(a, answer)
    }

    pub(crate) fn digits(&self, test: &Images, query: &DigitQuery) -> Content {
        let mut list: Vec<usize> =
            (0..test.len()).filter(|&index| self.matches(test, index, query.filter)).collect();
        if query.order == DigitOrder::ConfidentlyWrong {
            list.sort_by_cached_key(|&index| {
                let confidence = self.confidence_in_error(test, index);
                (std::cmp::Reverse(TotalOrder(confidence)), index)
            });
        }
        let selected = query.selected.map(|index| index as usize);
        let rank = selected.and_then(|wanted| list.iter().position(|&index| index == wanted));
        let window = list.iter().skip(query.offset as usize).take(query.count as usize);
        let cards = window
            .map(|&index| card(test, index, self.prediction(index), self.readout, query.pixels));
        Content::Digits {
            total: list.len() as u32,
            selected_rank: rank.map(|rank| rank as u32),
            cards: cards.collect(),
        }
    }
}

/// A floating-point number with total order.
#[derive(Clone, Copy, Debug, PartialEq)]
struct TotalOrder(f32);

impl Eq for TotalOrder {}

impl PartialOrd for TotalOrder {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for TotalOrder {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// A prediction and its outputs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prediction<'a> {
    pub answer: u32,
    pub a: ArrayView1<'a, Real>,
}

/// A test image and its prediction.
pub(crate) fn card(
    test: &Images,
    index: usize,
    prediction: Prediction,
    readout: Readout,
    pixels: bool,
) -> Card {
    Card {
        index: index as u32,
        label: readout.answer(test.labels[index]),
        prediction: prediction.answer,
        confidence: readout.strength(prediction.a, prediction.answer),
        pixels: if pixels { test.image(index).to_vec() } else { Vec::new() },
    }
}

/// The network and data that answers to probes are based on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProbeTarget<'a> {
    pub network: &'a Network,
    pub test: &'a Images,
    /// Number of classes of the data set.
    pub classes: usize,
    pub readout: Readout,
    /// `None` until the test set has been evaluated with this network.
    pub outputs: Option<&'a TestOutputs>,
    pub layers: &'a [LayerStats],
}

/// Runs inference on single images, in reused buffers.
#[derive(Debug)]
pub(crate) struct SingleImage {
    x: Array2<Real>,
    cache: ForwardCache,
}

impl SingleImage {
    pub(crate) fn new(network: &Network) -> Self {
        Self { x: Array2::zeros((1, network.inputs())), cache: ForwardCache::new(network, 1) }
    }

    /// The output activations for an image; `pixels` must be as many as the network's inputs.
    pub(crate) fn outputs(&mut self, network: &Network, pixels: &[u8]) -> ArrayView1<'_, Real> {
        scale(pixels, self.x.row_mut(0));
        let one = &mut Executor::Serial;
        network.forward(self.x.view(), &mut self.cache, Mode::Inference, one);
        let outputs: ArrayView2<Real> = self.cache.outputs();
        outputs.index_axis_move(ndarray::Axis(0), 0)
    }
}

impl ProbeTarget<'_> {
    /// Answers a probe; `None` if the test set must be evaluated first.
    pub(crate) fn answer(&self, what: &ProbeQuery, single: &mut SingleImage) -> Option<Content> {
        Some(match what {
            ProbeQuery::Weights { layer: layer_index, first, count } => match self
                .layer(*layer_index)
            {
                Ok(layer) => {
                    weights(layer, self.input_shape(*layer_index), *first as usize, *count as usize)
                }
                Err(unavailable) => unavailable,
            },
            ProbeQuery::Biases { layer } => match self.layer(*layer) {
                Ok(layer) => Content::Biases { values: floats(layer.biases().iter()) },
                Err(unavailable) => unavailable,
            },
            ProbeQuery::Histogram { layer, bins } => match self.layer(*layer) {
                Ok(layer) => histogram(layer, *bins),
                Err(unavailable) => unavailable,
            },
            ProbeQuery::Digits(query) => self.outputs?.digits(self.test, query),
            ProbeQuery::Confusion => self.outputs?.confusion(self.test, self.classes),
            ProbeQuery::Digit { index } => self.digit(*index as usize, single),
            ProbeQuery::Activations { index } => self.activations(*index as usize, single),
            ProbeQuery::Gradients => Content::Gradients { layers: self.layers.to_vec() },
            // A single network has no past epochs.
            ProbeQuery::Snapshots => Content::Snapshots { epochs: Vec::new() },
        })
    }

    fn layer(&self, index: u32) -> Result<&Layer, Content> {
        let count = self.network.layers.len();
        self.network.layers.get(index as usize).ok_or_else(|| {
            Content::Unavailable(format!("this network has {count} layers, none numbered {index}"))
        })
    }

    /// The shape of a layer's input: the image, or the output of the previous layer. A dense layer
    /// itself stores only its number of inputs.
    fn input_shape(&self, layer: u32) -> Shape {
        match (layer as usize).checked_sub(1) {
            Some(before) => self.network.layers[before].output(),
            None => crate::spec::build::image_shape(
                (self.test.width, self.test.height),
                self.test.channels,
            ),
        }
    }

    fn image(&self, index: usize) -> Result<&[u8], Content> {
        if index < self.test.len() {
            return Ok(self.test.image(index));
        }
        let count = self.test.len();
        Err(Content::Unavailable(format!("there are {count} test images, none numbered {index}")))
    }

    fn digit(&self, index: usize, single: &mut SingleImage) -> Content {
        match self.image(index) {
            Ok(pixels) => {
                let outputs = single.outputs(self.network, pixels);
                let prediction = Prediction { answer: self.readout.predict(outputs), a: outputs };
                Content::Digit {
                    card: card(self.test, index, prediction, self.readout, true),
                    outputs: floats(outputs.iter()),
                    votes: Vec::new(),
                }
            }
            Err(unavailable) => unavailable,
        }
    }

    fn activations(&self, index: usize, single: &mut SingleImage) -> Content {
        match self.image(index) {
            Ok(pixels) => {
                single.outputs(self.network, pixels);
                let layers = self.network.layers.iter().enumerate().map(|(index, layer)| {
                    let shape = layer.output();
                    Tensor {
                        shape: [shape.maps as u32, shape.height as u32, shape.width as u32],
                        values: floats(
                            shape
                                .maps_first(&single.cache.activations(index).row(0).to_vec())
                                .iter(),
                        ),
                    }
                });
                Content::Activations { layers: layers.collect() }
            }
            Err(unavailable) => unavailable,
        }
    }
}

pub(crate) fn floats<'a>(values: impl Iterator<Item = &'a Real>) -> Vec<f32> {
    values.copied().map(to_f32).collect()
}

/// The largest number of weights in an answer; further units are omitted.
const MAX_WEIGHTS: usize = 400_000;

/// The incoming weights of units `first..first + count`, one row per unit, in the shape of the
/// layer's input.
fn weights(layer: &Layer, input: Shape, first: usize, count: usize) -> Content {
    let units = first..first.saturating_add(count).min(layer.units());
    let rows = units.map(|unit| {
        let (own, values) = layer.unit_weights(unit);
        let whole = own.maps == values.len() || own.width == values.len();
        let (shape, values) = if whole && input.len() == values.len() {
            (input, input.maps_first(&values))
        } else {
            (own, values)
        };
        let shape = [shape.maps as u32, shape.height as u32, shape.width as u32];
        Tensor { shape, values: floats(values.iter()) }
    });
    let mut budget = MAX_WEIGHTS;
    let fits = |row: &Tensor| {
        let rest = budget.checked_sub(row.values.len());
        budget = rest.unwrap_or(0);
        rest.is_some()
    };
    let rows = rows.take_while(fits).collect();
    let largest = layer
        .weights()
        .flat_map(IntoIterator::into_iter)
        .fold(0.0, |largest: Real, w| largest.max(w.abs()));
    Content::Weights { rows, largest: to_f32(largest) }
}

/// The largest number of bins of a histogram.
const MAX_BINS: u32 = 1000;

fn histogram(layer: &Layer, bins: u32) -> Content {
    let bins = bins.clamp(1, MAX_BINS) as usize;
    let values = || layer.weights().flat_map(IntoIterator::into_iter).filter(|w| w.is_finite());
    let low = values().fold(Real::INFINITY, |low, &w| low.min(w));
    let high = values().fold(Real::NEG_INFINITY, |high, &w| high.max(w));
    let mut counts = vec![0; bins];
    let width = (high - low) / bins as Real;
    for &w in values() {
        let bin = if width > 0.0 { ((w - low) / width) as usize } else { 0 };
        counts[bin.min(bins - 1)] += 1;
    }
    Content::Histogram { low: to_f32(low), high: to_f32(high), counts }
}
