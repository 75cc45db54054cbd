//! Opens a run that has ended: probes are answered from the network of its last checkpoint and from
//! the snapshots of its epochs, as for a live run.

use super::RunHandle;
use super::checkpoint::{BEST, Checkpoint, Position};
use super::probe_service::{LiveState, ProbeService};
use super::snapshots::{self, Snapshots};
use super::test_outputs_file as outputs_file;
use crate::data::Dataset;
use crate::model::Model;
use crate::model::evaluator::Evaluator;
use crate::protocol::{Classified, Command, Event, LogLevel, LogLine, SavedFile};
use crate::spec::describe::cores;
use crate::spec::{build, dataset};
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread::Builder;

/// Opens a run that has ended from the directory of its checkpoints. Its events are `Frame`,
/// `Classified` and `Log`. The test images are evaluated in the background, and the outputs are
/// saved beside the checkpoints for later.
///
/// # Errors
/// The reason if there is no valid checkpoint, or the system cannot start a thread.
pub fn open_run(checkpoints: &Path) -> Result<RunHandle, String> {
    // A run that diverged in its first epochs may have only its best checkpoint.
    let checkpoint = Checkpoint::load(checkpoints)
        .or_else(|error| Checkpoint::load(&checkpoints.join(BEST)).map_err(|_| error))
        .map_err(|error| error.to_string())?;
    let (commands, received) = unbounded();
    let (sent, events) = unbounded();
    let trained = Arc::new(OnceLock::from(checkpoint.network().clone()));
    let directory = checkpoints.to_path_buf();
    let thread = Builder::new()
        .name("nntop-archive".into())
        .spawn(move || {
            let network = checkpoint.network().clone();
            match open(&directory, checkpoint, sent.clone()) {
                Ok(archive) => archive.serve(&received),
                Err(text) => {
                    let text = format!("images cannot be evaluated: {text}");
                    // The receiver may be gone.
                    let _ = sent.send(Event::Log(LogLine { level: LogLevel::Warning, text }));
                    received.iter().for_each(drop);
                }
            }
            Some(network)
        })
        .map_err(|error| format!("the system cannot start a thread: {error}"))?;
    Ok(RunHandle { commands, events, trained, thread })
}

/// The state of the thread.
#[derive(Debug)]
struct Archive {
    checkpoint: Checkpoint,
    data: Arc<Dataset>,
    probes: ProbeService,
    /// One per core.
    evaluators: Vec<Evaluator>,
    /// The file to save the outputs for the test images to; `None` once they are saved.
    unsaved: Option<PathBuf>,
    events: Sender<Event>,
}

/// Loads the images and the saved outputs, or returns the reason for the failure.
fn open(
    directory: &Path,
    checkpoint: Checkpoint,
    events: Sender<Event>,
) -> Result<Archive, String> {
    let data = dataset::load(&checkpoint.spec)?;
    checkpoint.check_data(&data).map_err(|error| error.to_string())?;
    let fresh = build(&checkpoint.spec, &data).map_err(|error| error.to_string())?;
    checkpoint.check_network(&fresh).map_err(|error| error.to_string())?;
    let network = checkpoint.network();
    let readout = checkpoint.spec.readout;
    let accuracy = |epoch| checkpoint.accuracy_at(epoch);
    let snapshots = Snapshots::open(Some(snapshots::directory_beside(directory)), accuracy);
    let mut probes = ProbeService::new(network, readout, snapshots);
    let file = outputs_file::file_beside(directory);
    let position = checkpoint.position();
    let unsaved = if let Some(outputs) = outputs_file::read(&file, &checkpoint, &data) {
        probes.set_outputs(position.epoch, position.batch, outputs);
        None
    } else {
        probes.measure_live(network, &data.test);
        Some(file)
    };
    let evaluators = (0..cores()).map(|_| Evaluator::new(network, readout)).collect();
    Ok(Archive { checkpoint, data, probes, evaluators, unsaved, events })
}

impl Archive {
    /// Handles commands and answers probes until all senders of commands are dropped.
    fn serve(mut self, commands: &Receiver<Command>) {
        loop {
            while let Ok(command) = commands.try_recv() {
                self.apply(command);
            }
            self.work();
            self.answer();
            if self.probes.is_busy() {
                continue;
            }
            self.keep_outputs();
            match commands.recv() {
                Ok(command) => self.apply(command),
                Err(_) => return,
            }
        }
    }

    fn send(&self, event: Event) {
        // The receiver may be gone; the loop ends with the senders of commands.
        let _ = self.events.send(event);
    }

    fn warn(&self, text: String) {
        self.send(Event::Log(LogLine { level: LogLevel::Warning, text }));
    }

    fn apply(&mut self, command: Command) {
        match command {
            Command::Watch(probes) => self.probes.set(probes),
            Command::Classify { id, pixels } => self.classify(id, &pixels),
            Command::SaveAs(path) => self.save_as(Path::new(&path)),
            _ => {}
        }
    }

    /// Saves the last network of the run as a model.
    fn save_as(&self, path: &Path) {
        let Checkpoint { spec, .. } = &self.checkpoint;
        let Position { epoch, batch } = self.checkpoint.position();
        let network = self.checkpoint.network().clone();
        match Model::of(spec.clone(), network, &self.data, epoch).save(path) {
            Ok(bytes) => {
                let path = path.display().to_string();
                self.send(Event::Saved(SavedFile { path, epoch, batch, bytes }));
            }
            Err(error) => {
                let (level, text) = (LogLevel::Error, error.to_string());
                self.send(Event::Log(LogLine { level, text }));
            }
        }
    }

    fn live(checkpoint: &Checkpoint) -> LiveState<'_> {
        let position = checkpoint.position();
        LiveState {
            network: checkpoint.network(),
            epoch: position.epoch,
            batch: position.batch,
            layers: &checkpoint.body.layers,
        }
    }

    fn work(&mut self) {
        let Self { checkpoint, data, probes, evaluators, .. } = self;
        probes.work(evaluators, Self::live(checkpoint), data);
    }

    fn answer(&mut self) {
        let Self { checkpoint, data, probes, events, .. } = self;
        probes.answer(Self::live(checkpoint), data, |frame| {
            let _ = events.send(Event::Frame(Box::new(frame)));
        });
    }

    /// Saves the outputs for the test images once they are available.
    fn keep_outputs(&mut self) {
        let position = self.checkpoint.position();
        let Some(outputs) = self.probes.outputs_at(position.epoch, position.batch) else { return };
        if let Some(file) = self.unsaved.take() {
            // If this fails, they are computed again the next time.
            let _ = outputs_file::write(&file, &self.checkpoint, &self.data, outputs);
        }
    }

    fn classify(&mut self, id: u64, pixels: &[u8]) {
        let network = self.checkpoint.network();
        let expected = network.inputs();
        if pixels.len() != expected {
            let found = pixels.len();
            return self.warn(format!(
                "an image to classify has {found} pixels, but this network takes {expected}"
            ));
        }
        let (outputs, prediction) = self.probes.classify(network, pixels);
        let classified = Classified { id, outputs, prediction, votes: Vec::new() };
        self.send(Event::Classified(classified));
    }
}
