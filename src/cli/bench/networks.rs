//! The networks that are measured, as real runs.

use super::{Line, Speed};
use crate::data::Dataset;
use crate::engine::{Engine, Model, Options, Spec, build};
use crate::nn::{Cost, Init};
use crate::protocol::Event;
use anyhow::Context;
use std::sync::Arc;
use std::time::Instant;

/// A row of the table.
struct Row {
    network: &'static str,
    cost: Cost,
    cost_name: &'static str,
    batch: u32,
    /// The learning rate η.
    eta: f64,
}

const ROWS: &[Row] = &[
    Row {
        network: "784,30,10",
        cost: Cost::Quadratic,
        cost_name: "quadratic",
        batch: 10,
        eta: 3.0,
    },
    Row {
        network: "784,100,10",
        cost: Cost::CrossEntropy,
        cost_name: "cross-entropy",
        batch: 10,
        eta: 0.5,
    },
    Row {
        network: "784,100,10",
        cost: Cost::CrossEntropy,
        cost_name: "cross-entropy",
        batch: 64,
        eta: 0.5,
    },
];

/// How often the test images are asked about.
const ASKS: usize = 15;

/// Measures every network with every number of threads.
pub(super) fn measure(
    peaks: &[(usize, f64)],
    epochs: u32,
    mut print: impl FnMut(Line) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let data = Arc::new(Dataset::embedded());
    for row in ROWS {
        for &(threads, peak) in peaks {
            let spec = row.spec(epochs, threads);
            let seconds = train(&spec, &data)?;
            let images = data.train.len();
            let (training, asking) = row.operations();
            print(Line::Training(row.speed(threads, peak, images, seconds, training)))?;
            if threads == 1 {
                let seconds = ask(&spec, &data)?;
                print(Line::Inference(row.speed(threads, peak, data.test.len(), seconds, asking)))?;
            }
        }
    }
    Ok(())
}

impl Row {
    fn spec(&self, epochs: u32, threads: usize) -> Spec {
        Spec {
            layers: self.network.into(),
            cost: self.cost,
            init: Init::Scaled,
            batch: self.batch,
            eta: self.eta,
            epochs,
            threads: Some(threads as u32),
            ..Spec::default()
        }
    }

    /// Floating-point operations an image, training and asking: two a weight forward, two for its
    /// gradient, two to go back through it, which the first layer does not.
    fn operations(&self) -> (f64, f64) {
        let sizes: Vec<f64> =
            self.network.split(',').filter_map(|size| size.parse().ok()).collect();
        let weights: Vec<f64> = sizes.windows(2).map(|pair| pair[0] * pair[1]).collect();
        let all: f64 = weights.iter().sum();
        let first = weights.first().copied().unwrap_or(0.0);
        (6.0 * all - 2.0 * first, 2.0 * all)
    }

    fn speed(
        &self,
        threads: usize,
        peak: f64,
        images: usize,
        seconds: f64,
        operations: f64,
    ) -> Speed {
        let images_per_second = images as f64 / seconds;
        let flops = images_per_second * operations;
        Speed {
            network: self.network,
            cost: self.cost_name,
            batch: self.batch,
            threads,
            images_per_second,
            seconds_per_epoch: seconds,
            gflops: flops / 1e9,
            share_of_peak: flops / peak,
        }
    }
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

/// The median of the seconds that one look at every test image takes.
fn ask(spec: &Spec, data: &Dataset) -> anyhow::Result<f64> {
    let network = build(spec, data)?;
    let image = (data.test.width, data.test.height);
    let classes = data.classes.clone();
    let model = Model { spec: spec.clone(), network, image, classes, epoch: 0 };
    let once = |_| {
        let start = Instant::now();
        std::hint::black_box(model.evaluate(&data.test));
        start.elapsed().as_secs_f64()
    };
    median((0..ASKS).map(once).collect()).context("nothing was asked")
}

/// The middle value.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
