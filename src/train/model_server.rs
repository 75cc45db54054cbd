//! Serves a saved model: evaluates it once, then answers probes as for a finished run.

use super::RunHandle;
use crate::data::{Dataset, Images};
use crate::model::Model;
use crate::model::ensemble::Ensemble;
use crate::model::probes::{Prediction, ProbeTarget, SingleImage, TestOutputs, card, floats};
use crate::nn::{Layer, Real};
use crate::protocol::{
    Activity, Classified, Command, Content, EpochStats, Event, Frame, LogLevel, LogLine, Outcome,
    Probe, ProbeQuery, SavedFile, Status,
};
use crate::spec::dataset;
use crate::spec::describe::{cores, describe, title};
use crate::train::run::SpawnError;
use crossbeam_channel::{Receiver, Sender, unbounded};
use ndarray::{Array2, ArrayView1, s};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread::Builder;

/// Opens a model on a data set like a run ([`RunHandle::spawn`]), but without training. Sends
/// `Started`, an epoch with the model's validation and test accuracy, and `Finished`; then answers
/// probes. Probes about layers are for the first network of an ensemble.
///
/// # Errors
/// If the images do not fit the model, or the system cannot start a thread.
pub fn open_model(model: Model, data: Arc<Dataset>) -> Result<RunHandle, SpawnError> {
    model.check_data(&data)?;
    let (commands, received) = unbounded();
    let (sent, events) = unbounded();
    let trained = Arc::new(OnceLock::from(model.network().clone()));
    let thread = Builder::new()
        .name("nntop-model-server".into())
        .spawn(move || {
            let mut model_server = ModelServer::new(model, data, received, sent);
            model_server.evaluate_all();
            model_server.serve();
            Some(model_server.model.network().clone())
        })
        .map_err(SpawnError::Thread)?;
    Ok(RunHandle { commands, events, trained, thread })
}

/// Opens a saved model with the data set it was trained on.
///
/// # Errors
/// The reason if model or data set cannot be read.
pub fn open_saved(file: &Path) -> Result<RunHandle, String> {
    let model = Model::load(file).map_err(|error| error.to_string())?;
    let data = model.split(dataset::load(model.spec())?);
    open_model(model, data).map_err(|error| error.to_string())
}

/// The state of the thread.
struct ModelServer {
    model: Model,
    data: Arc<Dataset>,
    ensemble: Ensemble,
    /// For inference with the first network on single images.
    single: SingleImage,
    /// `None` until all test images are evaluated.
    test: Option<TestOutputs>,
    watched: Vec<Probe>,
    /// Whether a stop was requested.
    stopped: bool,
    commands: Receiver<Command>,
    events: Sender<Event>,
}

impl ModelServer {
    fn new(
        model: Model,
        data: Arc<Dataset>,
        commands: Receiver<Command>,
        events: Sender<Event>,
    ) -> Self {
        Self {
            ensemble: model.ensemble(cores() as usize, data.test.len()),
            single: SingleImage::new(model.network()),
            model,
            data,
            test: None,
            watched: Vec::new(),
            stopped: false,
            commands,
            events,
        }
    }

    fn send(&self, event: Event) {
        // The receiver may be gone; the loop ends with the senders of commands.
        let _ = self.events.send(event);
    }

    fn enter(&self, activity: Activity) {
        self.send(Event::StatusChanged(Status { activity, ..Status::default() }));
    }

    /// Evaluates the model; sends its description and accuracy.
    fn evaluate_all(&mut self) {
        let networks = self.model.members.count();
        let mut info = describe(self.model.spec(), self.model.network(), &self.data);
        if networks > 1 {
            let kinds = self.model.architectures();
            let titles: Vec<String> = kinds.iter().map(|kind| title(kind)).collect();
            info.title = format!("{networks} × {}", titles.join(" + "));
            info.network = kinds.join(" + ");
            info.parameters = self.model.networks().map(parameters).sum();
        }
        self.send(Event::Started(Box::new(info)));
        self.enter(Activity::Evaluating);
        let data = Arc::clone(&self.data);
        let validation = self.evaluate(&data.validation).map(|_| self.ensemble.combined);
        let Some((outputs, verdicts)) = self.evaluate(&data.test) else {
            return self.send(Event::Finished(Outcome::Stopped));
        };
        let (validation, test) = (validation.unwrap_or_default(), self.ensemble.combined);
        self.test =
            Some(TestOutputs::with_predictions(outputs, verdicts, self.model.spec().readout));
        self.send(Event::EpochEnded(EpochStats {
            epoch: self.model.epoch,
            validation_cost: validation.cost().filter(|cost| cost.is_finite()),
            test_cost: test.cost().filter(|cost| cost.is_finite()),
            validation_accuracy: validation.accuracy(),
            test_accuracy: test.accuracy(),
            ..EpochStats::default()
        }));
        if networks > 1 {
            let alone = format!("test accuracy of the individual networks: {}", self.alone());
            self.send(Event::Log(LogLine { level: LogLevel::Info, text: alone }));
        }
        self.enter(Activity::Finished);
        let how = if networks > 1 { "an ensemble" } else { "a saved model" };
        self.send(Event::Finished(Outcome::Completed(format!("{how} (not training)"))));
    }

    fn alone(&self) -> String {
        let accuracies = self.ensemble.individual.iter().filter_map(|metrics| metrics.accuracy());
        let texts: Vec<String> = accuracies.map(|a| format!("{:.2}%", 100.0 * a)).collect();
        texts.join(", ")
    }

    /// Evaluates images: the mean outputs of all networks, and the predictions of each for the
    /// votes. `None` if stopped meanwhile.
    fn evaluate(&mut self, images: &Images) -> Option<(Array2<Real>, Vec<u32>)> {
        self.ensemble.clear();
        let mut outputs = Array2::zeros((images.len(), self.model.network().outputs()));
        let mut verdicts = Vec::with_capacity(images.len());
        for first in (0..images.len()).step_by(self.ensemble.rows()) {
            while let Ok(command) = self.commands.try_recv() {
                self.apply(command);
            }
            if self.stopped {
                return None;
            }
            let chunk = first..(first + self.ensemble.rows()).min(images.len());
            let predictions = self.ensemble.evaluate(self.model.networks(), images, chunk.clone());
            outputs.slice_mut(s![chunk, ..]).assign(&predictions.outputs);
            verdicts.extend_from_slice(predictions.verdicts);
        }
        Some((outputs, verdicts))
    }

    /// Handles commands and answers probes until all senders of commands are dropped.
    fn serve(&mut self) {
        self.answer();
        while let Ok(command) = self.commands.recv() {
            self.apply(command);
        }
    }

    fn apply(&mut self, command: Command) {
        match command {
            Command::Watch(probes) => {
                self.watched = probes;
                if self.test.is_some() {
                    self.answer();
                }
            }
            Command::Classify { id, pixels } => self.classify(id, &pixels),
            Command::Stop => self.stopped = true,
            Command::SaveAs(path) => self.save_as(Path::new(&path)),
            _ => {}
        }
    }

    fn save_as(&self, path: &Path) {
        match self.model.save(path) {
            Ok(bytes) => {
                let (path, epoch) = (path.display().to_string(), self.model.epoch);
                self.send(Event::Saved(SavedFile { path, epoch, batch: 0, bytes }));
            }
            Err(error) => {
                let (level, text) = (LogLevel::Error, error.to_string());
                self.send(Event::Log(LogLine { level, text }));
            }
        }
    }

    /// Answers every watched probe; the answers never change.
    fn answer(&mut self) {
        for probe in std::mem::take(&mut self.watched) {
            if let Some(content) = self.look(&probe.what) {
                let frame = Frame { probe, epoch: self.model.epoch, batch: 0, content };
                self.send(Event::Frame(Box::new(frame)));
            }
        }
    }

    fn look(&mut self, what: &ProbeQuery) -> Option<Content> {
        if let &ProbeQuery::Digit { index } = what
            && (index as usize) < self.data.test.len()
        {
            return Some(self.digit(index as usize));
        }
        let subject = ProbeTarget {
            network: self.model.network(),
            test: &self.data.test,
            classes: self.data.classes.len(),
            readout: self.model.spec().readout,
            outputs: self.test.as_ref(),
            layers: &[],
        };
        subject.answer(what, &mut self.single)
    }

    /// A test image, with the outputs of every network.
    fn digit(&mut self, index: usize) -> Content {
        let data = Arc::clone(&self.data);
        let readout = self.model.spec().readout;
        self.evaluate_one(&data.test, index, |prediction, votes| Content::Digit {
            card: card(&data.test, index, prediction, readout, true),
            outputs: floats(prediction.a.iter()),
            votes,
        })
    }

    fn classify(&mut self, id: u64, pixels: &[u8]) {
        let (width, height) = self.model.image;
        let channels = self.model.channels;
        // Hand-drawn images are grey.
        let pixels: Vec<u8> = if pixels.len() == width * height {
            pixels.iter().flat_map(|&shade| std::iter::repeat_n(shade, channels)).collect()
        } else {
            pixels.to_vec()
        };
        if pixels.len() != width * height * channels {
            let text = format!(
                "an image to classify has {} pixels, but this model takes {width} × {height}",
                pixels.len()
            );
            return self.send(Event::Log(LogLine { level: LogLevel::Warning, text }));
        }
        let image = Images { width, height, channels, pixels, labels: vec![0] };
        let classified = self.evaluate_one(&image, 0, |prediction, votes| Classified {
            id,
            outputs: floats(prediction.a.iter()),
            prediction: prediction.answer,
            votes,
        });
        self.send(Event::Classified(classified));
    }

    /// Evaluates every network on one image.
    fn evaluate_one<T>(
        &mut self,
        images: &Images,
        index: usize,
        then: impl FnOnce(Prediction, Vec<u32>) -> T,
    ) -> T {
        let predictions = self.ensemble.evaluate(self.model.networks(), images, index..index + 1);
        let votes: ArrayView1<u32> = predictions.votes.row(0);
        let prediction =
            Prediction { answer: predictions.verdicts[0], a: predictions.outputs.row(0) };
        then(prediction, self.model.votes(votes))
    }
}

fn parameters(network: &crate::nn::Network) -> u64 {
    let weights = |layer: &Layer| layer.weights().map(|array| array.len()).sum::<usize>();
    network.layers.iter().map(|layer| (weights(layer) + layer.biases().len()) as u64).sum()
}

#[cfg(test)]
mod tests;
