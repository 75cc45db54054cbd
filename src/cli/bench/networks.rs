//! Benchmarks of training and inference of several networks.

use super::{BenchRecord, COUNTED, Speed};
use crate::data::Dataset;
use crate::model::Model;
use crate::nn::{Activation, Cost, Init, Network};
use crate::protocol::Event;
use crate::spec::{Spec, build};
use crate::train::{RunHandle, RunOptions};
use anyhow::Context;
use std::sync::Arc;
use std::time::Instant;

/// A network to measure.
struct BenchNetwork {
    network: &'static str,
    cost: Cost,
    cost_name: &'static str,
    activation: Activation,
    batch: u32,
    /// The learning rate η.
    eta: f64,
    /// Whether part of an epoch is enough for a measurement.
    long: bool,
}

impl BenchNetwork {
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

const ROWS: &[BenchNetwork] = &[
    BenchNetwork {
        cost: Cost::Quadratic,
        cost_name: "quadratic",
        eta: 3.0,
        ..BenchNetwork::dense("784,30,10", 10)
    },
    BenchNetwork::dense("784,100,10", 10),
    BenchNetwork::dense("784,100,10", 64),
    BenchNetwork::convolutional(CONVOLUTIONAL, 10, 0.03),
    BenchNetwork::convolutional(CONVOLUTIONAL, 64, 0.1),
    BenchNetwork::convolutional(DROPOUT, 64, 0.1),
];

/// Passes over the test images.
const PASSES: usize = 15;
/// Training images in a quick measurement of a slow network.
const QUICK_IMAGES: usize = 4000;

/// Passes over the test images for slow networks.
const SLOW_PASSES: usize = 5;
/// Epochs for slow networks and with --quick: the minimum for a median.
const MIN_EPOCHS: u32 = 3;

/// Measures every selected network with each number of threads.
pub(super) fn measure(
    peaks: &[(usize, f64)],
    quick: bool,
    wanted: impl Fn(&str) -> bool,
    mut print: impl FnMut(BenchRecord) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let data = Arc::new(Dataset::embedded());
    for row in ROWS.iter().filter(|row| wanted(row.network)) {
        for &(threads, peak) in peaks {
            let spec = row.spec(quick, threads);
            let network = build(&spec, &data)?;
            let images = spec.train_size.map_or(data.train.len(), |size| size as usize);
            let (training, inference) = operations(&network);
            let seconds = train(&spec, &data)?;
            let pace = SpeedMeasurement { threads, peak, images, epoch: data.train.len(), seconds };
            print(BenchRecord::Training(row.speed(&pace, training)))?;
            let passes = if row.long { SLOW_PASSES } else { PASSES };
            let seconds = infer(&spec, network, &data, threads, passes)?;
            let images = data.test.len();
            let pace = SpeedMeasurement { threads, peak, images, epoch: images, seconds };
            print(BenchRecord::Inference(row.speed(&pace, inference)))?;
        }
    }
    Ok(())
}

/// Floating-point operations per image for training and inference: two per multiplication in the
/// forward pass, two for the gradient, and two for the backward pass, which the first layer omits.
fn operations(network: &Network) -> (f64, f64) {
    let counts = network.layers.iter().map(|layer| layer.multiplications() as f64);
    let first = counts.clone().next().unwrap_or(0.0);
    let all: f64 = counts.sum();
    (6.0 * all - 2.0 * first, 2.0 * all)
}

impl BenchNetwork {
    fn spec(&self, quick: bool, threads: usize) -> Spec {
        let epochs = if self.long || quick { MIN_EPOCHS } else { 10 };
        Spec {
            layers: self.network.into(),
            cost: self.cost,
            activation: self.activation,
            init: Init::Scaled,
            batch: self.batch,
            eta: self.eta,
            epochs,
            train_size: (quick && self.long).then_some(QUICK_IMAGES as u32),
            threads: Some(threads as u32),
            ..Spec::default()
        }
    }

    /// `operations`: floating-point operations per image.
    fn speed(&self, pace: &SpeedMeasurement, operations: f64) -> Speed {
        let images_per_second = pace.images as f64 / pace.seconds.median();
        let flops = images_per_second * operations;
        Speed {
            network: self.network,
            cost: self.cost_name,
            batch: self.batch,
            threads: pace.threads,
            images: pace.images,
            times: pace.seconds.0.len(),
            images_per_second,
            seconds_per_epoch: pace.epoch as f64 / images_per_second,
            fastest_seconds_per_epoch: pace.seconds.fastest() * pace.epoch as f64
                / pace.images as f64,
            gflops: flops / 1e9,
            share_of_peak: flops / pace.peak,
            flops_counted: COUNTED,
        }
    }
}

/// The timings of one benchmark.
struct SpeedMeasurement {
    threads: usize,
    /// Peak of this number of threads in floating-point operations per second.
    peak: f64,
    images: usize,
    /// Images per epoch.
    epoch: usize,
    seconds: Seconds,
}

/// Seconds of repeated measurements, ascending; not empty.
pub(super) struct Seconds(Vec<f64>);

impl Seconds {
    pub(super) fn of(mut seconds: Vec<f64>) -> Option<Self> {
        seconds.sort_by(f64::total_cmp);
        (!seconds.is_empty()).then_some(Self(seconds))
    }

    pub(super) fn median(&self) -> f64 {
        self.0[self.0.len() / 2]
    }

    fn fastest(&self) -> f64 {
        self.0[0]
    }
}

/// Seconds of each epoch's mini-batches.
fn train(spec: &Spec, data: &Arc<Dataset>) -> anyhow::Result<Seconds> {
    let options = RunOptions { dataset: Some(Arc::clone(data)), ..RunOptions::default() };
    let handle = RunHandle::spawn(spec.clone(), options)?;
    let mut seconds = Vec::new();
    for event in &handle.events {
        match event {
            Event::EpochEnded(stats) if stats.epoch > 0 => seconds.push(stats.train_seconds),
            Event::Finished(_) => break,
            _ => {}
        }
    }
    drop(handle.join());
    Seconds::of(seconds).context("no epoch was trained")
}

/// Seconds of each pass over the test images on this number of threads.
fn infer(
    spec: &Spec,
    network: Network,
    data: &Dataset,
    threads: usize,
    times: usize,
) -> anyhow::Result<Seconds> {
    let model = Model::of(spec.clone(), network, data, 0);
    let once = |_| {
        let start = Instant::now();
        std::hint::black_box(model.evaluate_on(&data.test, threads));
        start.elapsed().as_secs_f64()
    };
    Seconds::of((0..times).map(once).collect()).context("no measurements")
}
