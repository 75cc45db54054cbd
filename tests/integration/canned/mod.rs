//! A deterministic fake run that answers every probe, for drawing the dashboard in tests.

mod figures;
mod reading;

pub use figures::figures;

use crossterm::event::{KeyCode, KeyEvent, MouseEvent};
use nntop::explore;
use nntop::protocol::{
    Activity, Card, Classified, Content, DigitOrder, DigitQuery, EpochStats, Event, Frame,
    LayerInfo, LayerStats, Moment, PredictionFilter, Probe, ProbeQuery, Progress, RunInfo, RunView,
    Status, Tensor, Update,
};
use nntop::protocol::{Command, Pace};
use nntop::ui::{App, DashboardSetup, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Test images of the canned data set.
const IMAGES: u32 = 500;

/// A deterministic pseudo-random number from 0 to 1.
fn noise(seed: u64) -> f32 {
    let mut bits = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits ^= bits >> 32;
    (bits % 10_000) as f32 / 10_000.0
}

fn layer(name: &str, input: [u32; 3], output: [u32; 3], weights: u64) -> LayerInfo {
    LayerInfo {
        name: name.into(),
        input,
        output,
        activation: "sigmoid".into(),
        weights,
        biases: u64::from(output[0].max(output[2])),
    }
}

/// The description of the run: the network of chapter 1, or a convolutional one.
fn info(convolutional: bool) -> RunInfo {
    let dense = [
        layer("dense30", [1, 1, 784], [1, 1, 30], 23_520),
        layer("dense10", [1, 1, 30], [1, 1, 10], 300),
    ];
    let deep = [
        layer("conv20x5", [1, 28, 28], [20, 24, 24], 500),
        layer("pool2", [20, 24, 24], [20, 12, 12], 0),
        layer("dense100", [20, 12, 12], [1, 1, 100], 288_000),
        layer("softmax10", [1, 1, 100], [1, 1, 10], 1_000),
    ];
    RunInfo {
        title: "784-30-10".into(),
        network: if convolutional { "conv20x5-pool2-dense100-softmax10" } else { "784,30,10" }
            .into(),
        layers: if convolutional { deep.into() } else { dense.into() },
        parameters: 23_860,
        cost: "quadratic".into(),
        optimizer: "SGD".into(),
        learning_rate: 3.0,
        batch_size: 10,
        epochs: 30,
        seed: 1,
        threads: 1,
        data: "MNIST".into(),
        train_size: 50_000,
        validation_size: 10_000,
        test_size: IMAGES,
        image_width: 28,
        image_height: 28,
        classes: (0..10).map(|class| class.to_string()).collect(),
        ..RunInfo::default()
    }
}

fn stats(epoch: u32, layers: &[LayerInfo]) -> EpochStats {
    let learned = 1.0 - (-f64::from(epoch) / 4.0).exp();
    let weighted = layers.iter().zip(0_u32..).filter(|(layer, _)| layer.weights > 0);
    EpochStats {
        epoch,
        train_cost: Some(0.45 - 0.40 * learned),
        validation_cost: Some(0.45 - 0.37 * learned),
        test_cost: Some(0.45 - 0.36 * learned),
        train_accuracy: Some(0.1 + 0.88 * learned),
        validation_accuracy: Some(0.1 + 0.86 * learned),
        test_accuracy: Some(0.1 + 0.85 * learned),
        train_seconds: 0.045,
        samples_per_second: 1_100_000.0,
        learning_rate: 3.0,
        layers: weighted.map(|(_, index)| layer_stats(index, epoch)).collect(),
    }
}

fn layer_stats(layer: u32, epoch: u32) -> LayerStats {
    let speed = 10_f64.powf(f64::from(layer) - 2.5 - 0.04 * f64::from(epoch));
    LayerStats {
        layer,
        bias_gradient_norm: speed,
        weight_gradient_norm: 3.0 * speed,
        update_ratio: 0.1 * speed,
        saturated: 0.2 + 0.1 * f64::from(layer),
        dead: 0.0,
    }
}

/// A digit as seven bars, as on a pocket calculator, slanted according to its index.
fn pixels(index: u32) -> Vec<u8> {
    const SEGMENTS: [u8; 10] = [0x77, 0x24, 0x5d, 0x6d, 0x2e, 0x6b, 0x7b, 0x25, 0x7f, 0x6f];
    const PLACES: [[usize; 4]; 7] = [
        [9, 4, 10, 2],
        [8, 5, 2, 9],
        [18, 5, 2, 9],
        [9, 13, 10, 2],
        [8, 14, 2, 9],
        [18, 14, 2, 9],
        [9, 22, 10, 2],
    ];
    let lit = SEGMENTS[label(index) as usize];
    let mut pixels = vec![0; 28 * 28];
    for (bit, [x, y, width, height]) in PLACES.into_iter().enumerate() {
        if lit >> bit & 1 == 0 {
            continue;
        }
        for row in y..y + height {
            let slant = (28 - row) * (index as usize % 4) / 16;
            for column in x..x + width {
                pixels[row * 28 + column + slant] = 255 - (index % 3) as u8 * 40;
            }
        }
    }
    pixels
}

fn label(index: u32) -> u32 {
    (index * 7 + 3) % 10
}

fn prediction(index: u32) -> u32 {
    if index % 9 == 4 { (label(index) + 5) % 10 } else { label(index) }
}

fn card(index: u32, with_pixels: bool) -> Card {
    Card {
        index,
        label: label(index),
        prediction: prediction(index),
        confidence: 0.5 + 0.5 * noise(u64::from(index)),
        pixels: if with_pixels { pixels(index) } else { Vec::new() },
    }
}

fn digits(query: &DigitQuery) -> Content {
    let matches = |index: &u32| {
        let right = label(*index) == prediction(*index);
        let verdict = match query.filter.verdict {
            PredictionFilter::All => true,
            PredictionFilter::Right => right,
            PredictionFilter::Wrong => !right,
        };
        verdict
            && query.filter.label.is_none_or(|wanted| wanted == label(*index))
            && query.filter.predicted.is_none_or(|wanted| wanted == prediction(*index))
    };
    let mut list: Vec<u32> = (0..IMAGES).filter(matches).collect();
    if query.order == DigitOrder::ConfidentlyWrong {
        list.sort_by_key(|&index| label(index) == prediction(index));
    }
    let window = list.iter().skip(query.offset as usize).take(query.count as usize);
    Content::Digits {
        total: list.len() as u32,
        selected_rank: query
            .selected
            .and_then(|wanted| list.iter().position(|&index| index == wanted))
            .map(|rank| rank as u32),
        cards: window.map(|&index| card(index, query.pixels)).collect(),
    }
}

/// Weights with a different centre for each unit, surrounded by negative weights.
fn weights(layer: &LayerInfo, unit: u32) -> Tensor {
    let convolution = layer.output[0] > 1;
    let shape = if convolution { [layer.input[0], 5, 5] } else { layer.input };
    // An image that is read as a vector is still drawn as an image.
    let [maps, height, width] = if shape == [1, 1, 784] { [1, 28, 28] } else { shape };
    let seed = u64::from(unit);
    let (cx, cy) = (noise(seed) * width as f32, noise(seed + 77) * height as f32);
    let value = |index: u32| {
        let (x, y) = ((index % width) as f32, (index / width % height) as f32);
        let distance = ((x - cx).powi(2) + (y - cy).powi(2)).sqrt() / (0.2 * width as f32);
        (1.0 - distance) * (-0.5 * distance).exp() + 0.1 * noise(u64::from(index) + seed)
    };
    Tensor { shape, values: (0..maps * height * width).map(value).collect() }
}

fn activations(layer: &LayerInfo, index: u32) -> Tensor {
    let count = layer.output.iter().product::<u32>();
    let value = |unit: u32| noise(u64::from(unit) * 31 + u64::from(index)).powi(2);
    Tensor { shape: layer.output, values: (0..count).map(value).collect() }
}

/// The answer of the canned run to a probe.
fn content(what: &ProbeQuery, layers: &[LayerInfo]) -> Content {
    let at = |layer: u32| &layers[layer as usize];
    match what {
        ProbeQuery::Weights { layer, .. }
        | ProbeQuery::Biases { layer }
        | ProbeQuery::Histogram { layer, .. }
            if at(*layer).weights == 0 =>
        {
            Content::Unavailable("this layer has no weights".into())
        }
        ProbeQuery::Weights { layer, first, count } => {
            let [maps, _, width] = at(*layer).output;
            let units = if maps > 1 { maps } else { width };
            let rows = (*first..(first + count).min(units)).map(|unit| weights(at(*layer), unit));
            Content::Weights { rows: rows.collect(), largest: 1.1 }
        }
        ProbeQuery::Biases { layer } => Content::Biases {
            values: (0..at(*layer).biases).map(|unit| 4.0 * noise(unit) - 2.0).collect(),
        },
        ProbeQuery::Histogram { bins, .. } => {
            let count = |bin: u32| {
                let z = 6.0 * (bin as f32 + 0.5) / *bins as f32 - 3.0;
                (1000.0 * (-0.5 * z * z).exp()) as u32
            };
            Content::Histogram { low: -3.0, high: 3.0, counts: (0..*bins).map(count).collect() }
        }
        ProbeQuery::Digits(query) => digits(query),
        ProbeQuery::Digit { index } => Content::Digit {
            card: card(*index, true),
            outputs: (0..10)
                .map(|class| match class {
                    class if class == prediction(*index) => 0.93,
                    class => 0.2 * noise(u64::from(class * 13 + index)),
                })
                .collect(),
            votes: Vec::new(),
        },
        ProbeQuery::Confusion => {
            let mut counts = vec![0; 100];
            (0..IMAGES).for_each(|i| counts[(label(i) * 10 + prediction(i)) as usize] += 1);
            Content::Confusion { classes: 10, counts }
        }
        ProbeQuery::Activations { index } => Content::Activations {
            layers: layers.iter().map(|layer| activations(layer, *index)).collect(),
        },
        ProbeQuery::Gradients => Content::Gradients {
            layers: (0_u32..)
                .zip(layers)
                .filter(|(_, layer)| layer.weights > 0)
                .map(|(index, _)| layer_stats(index, 12))
                .collect(),
        },
        ProbeQuery::Snapshots => Content::Snapshots { epochs: (0..=12).collect() },
    }
}

/// The run after twelve epochs, in the middle of the thirteenth.
pub fn run(convolutional: bool) -> RunView {
    let info = info(convolutional);
    let mut run = RunView::default();
    let layers = info.layers.clone();
    run.apply(&Event::Started(Box::new(info)));
    run.apply(&Event::StatusChanged(Status {
        activity: Activity::Training,
        pace: Pace::SecondsPerEpoch(1.0),
        ..Status::default()
    }));
    (0..=12).for_each(|epoch| run.apply(&Event::EpochEnded(stats(epoch, &layers))));
    run.apply(&Event::Progress(Progress {
        epoch: 12,
        batch: 2500,
        batches: 5000,
        samples_per_second: 1_100_000.0,
        seconds_left: Some(17.5),
        elapsed_seconds: 12.5,
        batch_cost: Some(0.04),
    }));
    run
}

/// A dashboard of the canned run.
pub struct Dashboard {
    app: App,
    layers: Vec<LayerInfo>,
}

impl Dashboard {
    pub fn new(theme: Theme, run: RunView) -> Self {
        Self::with(DashboardSetup { theme, ..DashboardSetup::default() }, run)
    }

    /// A dashboard with the given setup.
    pub fn with(setup: DashboardSetup, run: RunView) -> Self {
        let mut app = App::new(setup);
        let layers = run.info.as_ref().map_or_else(Vec::new, |info| info.layers.clone());
        app.update(Update::Snapshot(Box::new(run)));
        Self { app, layers }
    }

    /// A dashboard without a run, open at an explorable.
    pub fn exploring(theme: Theme, id: &str) -> Self {
        let setup =
            DashboardSetup { theme, explorable: Some(id.into()), ..DashboardSetup::default() };
        Self { app: App::new(setup), layers: Vec::new() }
    }

    /// A dashboard without a run, open at a picture that was read.
    pub fn reading(theme: Theme) -> Self {
        let reading = Some(("letter.png".into(), reading::reading()));
        let setup = DashboardSetup { theme, reading, ..DashboardSetup::default() };
        Self { app: App::new(setup), layers: Vec::new() }
    }

    pub fn press(&mut self, code: KeyCode) {
        let command = self.app.key(KeyEvent::from(code));
        self.classify(command);
    }

    pub fn mouse(&mut self, event: MouseEvent) {
        let command = self.app.mouse(event);
        self.classify(command);
    }

    /// Predicts 8, or 3 if there is little ink.
    fn classify(&mut self, command: Option<Command>) {
        if let Some(Command::Classify { id, pixels }) = command {
            let ink: u32 = pixels.iter().map(|&ink| u32::from(ink)).sum();
            let prediction = if ink > 20_000 { 8 } else { 3 };
            let output = |class: u32| match class {
                class if class == prediction => 0.45 + ink as f32 / 80_000.0,
                class => 0.2 * noise(u64::from(class * 13)),
            };
            let outputs = (0..10).map(output).collect();
            self.send(Event::Classified(Classified { id, outputs, prediction, votes: Vec::new() }));
        }
    }

    /// The screen once all requests have been answered.
    pub fn screen(&mut self, width: u16, height: u16) -> Buffer {
        for _ in 0..4 {
            self.draw(width, height);
            let requests = self.app.changed_probes().into_iter().chain(self.app.explore_request());
            let requests: Vec<Command> = requests.collect();
            if requests.is_empty() {
                break;
            }
            for wish in requests {
                match wish {
                    Command::Watch(probes) => probes.into_iter().for_each(|p| self.answer(p)),
                    Command::Explore { id, values } => self.send(explore::answer(&id, &values)),
                    other => panic!("unexpected request {other:?}"),
                }
            }
        }
        self.draw(width, height)
    }

    /// The screen in its current state.
    pub fn draw(&mut self, width: u16, height: u16) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        self.app.render(&mut buffer);
        buffer
    }

    pub fn send(&mut self, event: Event) {
        let command = self.app.update(Update::Event(event));
        self.classify(command);
    }

    fn answer(&mut self, probe: Probe) {
        let epoch = match probe.at {
            Moment::Live => 12,
            Moment::Epoch(epoch) => epoch,
        };
        let batch = if probe.at == Moment::Live { 2500 } else { 0 };
        let content = content(&probe.what, &self.layers);
        self.send(Event::Frame(Box::new(Frame { probe, epoch, batch, content })));
    }
}
