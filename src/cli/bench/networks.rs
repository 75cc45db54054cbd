//! The networks that are measured, as real runs.

use super::{Line, Speed};
use crate::data::{Dataset, Images};
use crate::engine::{Engine, Model, Options, Spec, build};
use crate::nn::{Activation, Cost, Init, Network};
use crate::protocol::Event;
use anyhow::Context;
use std::sync::Arc;
use std::time::Instant;

/// A row of the table.
struct Row {
    network: &'static str,
    cost: Cost,
    cost_name: &'static str,
    activation: Activation,
    batch: u32,
    /// The learning rate η.
    eta: f64,
    /// Whether a part of an epoch is enough to measure.
    long: bool,
}

impl Row {
    const fn dense(network: &'static str, batch: u32) -> Self {
        Self {
            network,
            cost: Cost::CrossEntropy,
            cost_name: "cross-entropy",
            activation: Activation::Sigmoid,
            batch,
            eta: 0.5,
            long: false,
        }
    }

    const fn convolutional(network: &'static str, batch: u32, eta: f64) -> Self {
        Self {
            network,
            cost: Cost::LogLikelihood,
            cost_name: "log-likelihood",
            activation: Activation::Relu,
            batch,
            eta,
            long: true,
        }
    }
}

const CONVOLUTIONAL: &str = "conv20x5-pool2-conv40x5-pool2-dense100-softmax10";
const DROPOUT: &str = "conv20x5-pool2-conv40x5-pool2-dense1000-drop0.5-dense1000-drop0.5-softmax10";

const ROWS: &[Row] = &[
    Row { cost: Cost::Quadratic, cost_name: "quadratic", eta: 3.0, ..Row::dense("784,30,10", 10) },
    Row::dense("784,100,10", 10),
    Row::dense("784,100,10", 64),
    Row::convolutional(CONVOLUTIONAL, 10, 0.03),
    Row::convolutional(CONVOLUTIONAL, 64, 0.1),
    Row::convolutional(DROPOUT, 64, 0.1),
];

/// How often the test images are asked about.
const ASKS: usize = 15;
/// Training images of a quick measurement that would be long otherwise.
const PART: usize = 4000;

/// Measures every network with every number of threads.
pub(super) fn measure(
    peaks: &[(usize, f64)],
    quick: bool,
    mut print: impl FnMut(Line) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let data = Arc::new(Dataset::embedded());
    for row in ROWS {
        for &(threads, peak) in peaks {
            let spec = row.spec(quick, threads);
            let network = build(&spec, &data)?;
            let images = spec.train_size.map_or(data.train.len(), |size| size as usize);
            let (training, asking) = operations(&network);
            let seconds = train(&spec, &data)?;
            let pace = Pace { threads, peak, images, epoch: data.train.len(), seconds };
            print(Line::Training(row.speed(&pace, training)))?;
            let asks = if row.long { 3 } else { ASKS };
            let seconds = ask(&spec, network, &data, threads, asks)?;
            let images = data.test.len();
            let pace = Pace { images, epoch: images, seconds, ..pace };
            print(Line::Inference(row.speed(&pace, asking)))?;
        }
    }
    Ok(())
}

/// Floating-point operations an image, training and asking: two a multiplication forward, two for
/// the gradient, two to go back through it, which the first layer does not.
fn operations(network: &Network) -> (f64, f64) {
    let counts = network.layers.iter().map(|layer| layer.multiplications() as f64);
    let first = counts.clone().next().unwrap_or(0.0);
    let all: f64 = counts.sum();
    (6.0 * all - 2.0 * first, 2.0 * all)
}

impl Row {
    fn spec(&self, quick: bool, threads: usize) -> Spec {
        let epochs = match (self.long, quick) {
            (true, _) => 1,
            (false, true) => 3,
            (false, false) => 10,
        };
        Spec {
            layers: self.network.into(),
            cost: self.cost,
            activation: self.activation,
            init: Init::Scaled,
            batch: self.batch,
            eta: self.eta,
            epochs,
            train_size: (quick && self.long).then_some(PART as u32),
            threads: Some(threads as u32),
            ..Spec::default()
        }
    }

    /// `operations` are those of an image.
    fn speed(&self, pace: &Pace, operations: f64) -> Speed {
        let images_per_second = pace.images as f64 / pace.seconds;
        let flops = images_per_second * operations;
        Speed {
            network: self.network,
            cost: self.cost_name,
            batch: self.batch,
            threads: pace.threads,
            images: pace.images,
            images_per_second,
            seconds_per_epoch: pace.epoch as f64 / images_per_second,
            gflops: flops / 1e9,
            share_of_peak: flops / pace.peak,
        }
    }
}

/// What was measured.
struct Pace {
    threads: usize,
    /// Floating-point operations a second that so many threads could do.
    peak: f64,
    images: usize,
    /// Images of a whole epoch.
    epoch: usize,
    seconds: f64,
}

/// The median of the seconds that an epoch's mini-batches took.
fn train(spec: &Spec, data: &Arc<Dataset>) -> anyhow::Result<f64> {
    let options = Options { dataset: Some(Arc::clone(data)), ..Options::default() };
    let engine = Engine::spawn(spec.clone(), options)?;
    let mut seconds = Vec::new();
    for event in &engine.events {
        match event {
            Event::EpochEnded(stats) if stats.epoch > 0 => seconds.push(stats.train_seconds),
            Event::Finished(_) => break,
            _ => {}
        }
    }
    drop(engine.join());
    median(seconds).context("no epoch was trained")
}

/// The median of the seconds that one look at every test image takes, shared by so many threads.
fn ask(
    spec: &Spec,
    network: Network,
    data: &Dataset,
    threads: usize,
    times: usize,
) -> anyhow::Result<f64> {
    let image = (data.test.width, data.test.height);
    let classes = data.classes.clone();
    let model = Model { spec: spec.clone(), network, image, classes, epoch: 0 };
    let share = data.test.len().div_ceil(threads);
    let size = data.test.pixels_per_image();
    let parts = data.test.pixels.chunks(share * size).zip(data.test.labels.chunks(share));
    let parts: Vec<Images> = parts
        .map(|(pixels, labels)| {
            let (pixels, labels) = (pixels.to_vec(), labels.to_vec());
            Images { pixels, labels, ..data.test }
        })
        .collect();
    let once = |_| {
        let start = Instant::now();
        std::thread::scope(|scope| {
            for part in &parts {
                scope.spawn(|| std::hint::black_box(model.evaluate(part)));
            }
        });
        start.elapsed().as_secs_f64()
    };
    median((0..times).map(once).collect()).context("nothing was asked")
}

/// The middle value.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
