//! Predictions of any classifier, served like a finished run.

use super::RunHandle;
use super::run::SpawnError;
use crate::data::PredictedDataset;
use crate::model::probes::{TestOutputs, card, floats};
use crate::nn::Real;
use crate::protocol::{
    Activity, Command, Content, EpochStats, Event, Frame, LogLevel, LogLine, NO_PREDICTION,
    Outcome, Probe, ProbeQuery, RunInfo, RunKind, Status,
};
use crate::spec::Readout;
use crossbeam_channel::{Receiver, Sender, unbounded};
use ndarray::Array2;
use std::sync::Arc;
use std::thread::Builder;

/// Opens predictions like a model ([`super::open_model`]), but without a network. Sends `Started`,
/// the accuracy, the assumptions about the table, and `Finished`; then answers probes about the
/// test images.
///
/// # Errors
/// If the system cannot start a thread.
pub fn open_predictions(predictions: PredictedDataset) -> Result<RunHandle, SpawnError> {
    let (commands, received) = unbounded();
    let (sent, events) = unbounded();
    let trained = Arc::default();
    let thread = Builder::new()
        .name("nntop-predictions".into())
        .spawn(move || {
            let server = PredictionsServer::new(predictions, sent);
            server.send_all();
            server.serve(&received);
            None
        })
        .map_err(SpawnError::Thread)?;
    Ok(RunHandle { commands, events, trained, thread })
}

/// The state of the thread.
struct PredictionsServer {
    predictions: PredictedDataset,
    outputs: TestOutputs,
    events: Sender<Event>,
}

impl PredictionsServer {
    fn new(mut predictions: PredictedDataset, events: Sender<Event>) -> Self {
        let outputs = std::mem::take(&mut predictions.outputs);
        let shape = (predictions.answers.len(), predictions.data.classes.len());
        #[allow(clippy::useless_conversion, reason = "Real is f64 with the feature f64")]
        let outputs: Vec<Real> = outputs.into_iter().map(Real::from).collect();
        let outputs = Array2::from_shape_vec(shape, outputs)
            .expect("predictions have an output for each class of each image");
        let answers = predictions.answers.iter().map(|answer| answer.unwrap_or(NO_PREDICTION));
        let outputs = TestOutputs::with_predictions(outputs, answers.collect(), Readout::OneHot);
        Self { predictions, outputs, events }
    }

    fn send(&self, event: Event) {
        // The receiver may be gone; the loop ends with the senders of commands.
        let _ = self.events.send(event);
    }

    /// Sends a description of the predictions and their accuracy.
    fn send_all(&self) {
        let PredictedDataset { data, answers, .. } = &self.predictions;
        self.send(Event::Started(Box::new(RunInfo {
            kind: RunKind::Predictions,
            title: data.name.clone(),
            data: data.name.clone(),
            test_size: data.test.len() as u32,
            image_width: data.test.width as u32,
            image_height: data.test.height as u32,
            image_channels: data.test.channels as u32,
            classes: data.classes.clone(),
            ..RunInfo::default()
        })));
        for note in &data.notes {
            self.send(Event::Log(LogLine { level: LogLevel::Info, text: note.clone() }));
        }
        let pairs = data.test.labels.iter().zip(answers);
        let right = pairs.filter(|(label, answer)| **answer == Some(u32::from(**label))).count();
        self.send(Event::EpochEnded(EpochStats {
            test_accuracy: Some(right as f64 / answers.len().max(1) as f64),
            ..EpochStats::default()
        }));
        let activity = Activity::Finished;
        self.send(Event::StatusChanged(Status { activity, ..Status::default() }));
        self.send(Event::Finished(Outcome::Completed("predictions (not training)".into())));
    }

    /// Answers probes until all senders of commands are dropped; the answers never change.
    fn serve(&self, commands: &Receiver<Command>) {
        for command in commands {
            if let Command::Watch(probes) = command {
                for probe in probes {
                    self.answer(probe);
                }
            }
        }
    }

    fn answer(&self, probe: Probe) {
        let data = &self.predictions.data;
        let content = match &probe.what {
            ProbeQuery::Digits(query) => self.outputs.digits(&data.test, query),
            ProbeQuery::Confusion => self.outputs.confusion(&data.test, data.classes.len()),
            ProbeQuery::Digit { index } => self.digit(*index as usize),
            ProbeQuery::Snapshots => Content::Snapshots { epochs: Vec::new() },
            _ => Content::Unavailable("the predictions do not include the network".into()),
        };
        self.send(Event::Frame(Box::new(Frame { probe, epoch: 0, batch: 0, content })));
    }

    fn digit(&self, index: usize) -> Content {
        let test = &self.predictions.data.test;
        if index >= test.len() {
            let count = test.len();
            return Content::Unavailable(format!(
                "there are {count} images, none numbered {index}"
            ));
        }
        let prediction = self.outputs.prediction(index);
        Content::Digit {
            card: card(test, index, prediction, Readout::OneHot, true),
            outputs: floats(prediction.a.iter()),
            votes: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Dataset, Images};
    use crate::protocol::{DigitFilter, DigitQuery, PredictionFilter};

    fn predictions() -> PredictedDataset {
        let test = Images {
            width: 2,
            height: 1,
            channels: 3,
            pixels: (0..24).collect(),
            labels: vec![0, 1, 1, 0],
        };
        let classes = vec!["cat".into(), "dog".into()];
        PredictedDataset {
            data: Dataset { name: "predictions.csv".into(), classes, test, ..Dataset::default() },
            outputs: vec![0.9, 0.1, 0.7, 0.3, 0.2, 0.8, f32::NAN, 0.5],
            answers: vec![Some(0), Some(0), Some(1), None],
        }
    }

    #[test]
    fn predictions_answer_probes_and_missing_ones_are_not_counted() {
        let handle = open_predictions(predictions()).unwrap();
        let wrong = DigitFilter { verdict: PredictionFilter::Wrong, ..DigitFilter::default() };
        let query = DigitQuery { filter: wrong, count: 9, ..DigitQuery::default() };
        let probes = [
            ProbeQuery::Confusion,
            ProbeQuery::Digits(query),
            ProbeQuery::Digit { index: 1 },
            ProbeQuery::Digit { index: 9 },
            ProbeQuery::Weights { layer: 0, first: 0, count: 1 },
        ];
        handle.commands.send(Command::Watch(probes.map(Probe::live).to_vec())).unwrap();
        let mut frames = Vec::new();
        let mut accuracy = None;
        for event in &handle.events {
            match event {
                Event::EpochEnded(stats) => accuracy = stats.test_accuracy,
                Event::Frame(frame) => frames.push(frame.content),
                _ => {}
            }
            if frames.len() == 5 {
                break;
            }
        }
        assert_eq!(accuracy, Some(0.5));
        assert_eq!(frames[0], Content::Confusion { classes: 2, counts: vec![1, 0, 1, 1] });
        let Content::Digits { total, cards, .. } = &frames[1] else { panic!("{:?}", frames[1]) };
        assert_eq!((*total, cards[0].index, cards[1].index), (2, 1, 3));
        assert_eq!((cards[1].prediction, cards[1].confidence), (NO_PREDICTION, 0.0));
        let Content::Digit { card, outputs, .. } = &frames[2] else { panic!("{:?}", frames[2]) };
        assert_eq!((card.pixels.len(), card.label, &outputs[..]), (6, 1, &[0.7, 0.3][..]));
        for frame in &frames[3..] {
            assert!(matches!(frame, Content::Unavailable(_)), "{frame:?}");
        }
        assert!(handle.join().is_none());
    }
}
