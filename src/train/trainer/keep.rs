//! What a run leaves on the disk: checkpoints and the model.

use super::Trainer;
use crate::model::{Model, ModelError};
use crate::protocol::{Command, Event, Level, Outcome, Saved};
use crate::train::checkpoint::{CheckpointTrigger, Position, WrittenCheckpoint};
use crate::train::test_outputs_file as outputs_file;
use std::path::Path;
use std::time::{Duration, Instant};

/// How often a model that could not be written is tried again.
const RETRY: Duration = Duration::from_secs(1);

impl Trainer {
    /// Brings what a checkpoint keeps up to date: seconds and the optimizer's memory.
    pub(super) fn synchronize(&mut self) {
        self.state.body.clock = self.meter.clock;
        self.state.body.optimizer.clone_from(self.stepper.optimizer_state());
    }

    /// Writes the checkpoints that are due; what cannot be written is told, and the run goes on.
    pub(super) fn keep_at(&mut self, moment: CheckpointTrigger) {
        if self.checkpointers.is_empty() {
            return;
        }
        self.synchronize();
        for checkpointer in &mut self.checkpointers {
            for told in checkpointer.keep(moment, &self.state) {
                match told {
                    Ok(written) => {
                        let WrittenCheckpoint { path, bytes } = written;
                        tell_saved(&self.channels, self.state.position(), &path, bytes);
                    }
                    Err(error) => self.channels.log(Level::Error, error.to_string()),
                }
            }
        }
    }

    /// Saves on request: a checkpoint and the model, as far as there are places for them.
    pub(super) fn save_now(&mut self) {
        if self.checkpointers.is_empty() && self.save.is_none() {
            let text = "there is nowhere to save to: start with --save or --checkpoint-every";
            return self.channels.log(Level::Warning, text);
        }
        self.keep_at(CheckpointTrigger::Asked);
        if let Err(error) = self.save_model() {
            self.channels.log(Level::Error, error.to_string());
        }
    }

    /// Keeps the last state of a run and returns its outcome: a model that could not be saved
    /// makes it a failure. A diverged network is not worth the good checkpoints it would replace.
    pub(super) fn keep_at_end(&mut self, outcome: Outcome) -> Outcome {
        if let Err(error) = self.watch.write_snapshots() {
            self.channels.log(Level::Error, error.to_string());
        }
        if matches!(outcome, Outcome::Diverged { .. } | Outcome::Failed(_)) {
            return outcome;
        }
        self.keep_outputs();
        self.keep_at(CheckpointTrigger::RunEnded);
        match self.save_model() {
            Ok(()) => outcome,
            Err(error) if self.keep_trying && self.save_later(&error) => outcome,
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }

    /// Keeps what the network said of the test images, for whoever looks at the run later.
    fn keep_outputs(&self) {
        let Some(directory) = &self.own else { return };
        let Position { epoch, batch } = self.state.position();
        if let Some(outputs) = self.watch.outputs_at(epoch, batch) {
            // Without it the run is measured once more when it is looked at.
            let file = outputs_file::file_beside(directory);
            let _ = outputs_file::write(&file, &self.state, &self.data, outputs);
        }
    }

    /// Saves the model as it is now to a file that somebody named.
    pub(super) fn save_as(&self, path: &Path) {
        let (spec, epoch) = (self.state.spec.clone(), self.state.position().epoch);
        let model = Model::of(spec, self.state.body.network.clone(), &self.data, epoch);
        match model.save(path) {
            Ok(bytes) => tell_saved(&self.channels, self.state.position(), path, bytes),
            Err(error) => self.channels.log(Level::Error, error.to_string()),
        }
    }

    /// Tries again every second to write the model, where it was to go, which was kept elsewhere
    /// meanwhile; false where a stop is asked for before that.
    fn save_later(&mut self, error: &ModelError) -> bool {
        let text = format!("{error}; it is tried again every second, and `nntop stop` gives up");
        self.channels.log(Level::Error, text);
        loop {
            let next = Instant::now() + RETRY;
            while let Some(command) = self.channels.wait_until(next) {
                let stop = command == Command::Stop;
                self.handle(command);
                if stop {
                    return false;
                }
                self.show_frames();
            }
            if let Some(model) = self.model()
                && let Some(path) = &self.save
                && let Ok(bytes) = model.write(path)
            {
                if let Some(rescued) = error.rescued() {
                    // There is no need of it any more.
                    let _ = std::fs::remove_file(rescued);
                }
                self.channels.log(Level::Info, "the model is written now");
                tell_saved(&self.channels, self.state.position(), path, bytes);
                return true;
            }
        }
    }

    /// The network as it stands, where there is a place for it.
    fn model(&self) -> Option<Model> {
        self.save.as_ref()?;
        let (spec, epoch) = (self.state.spec.clone(), self.state.position().epoch);
        Some(Model::of(spec, self.state.body.network.clone(), &self.data, epoch))
    }

    fn save_model(&self) -> Result<(), ModelError> {
        let (Some(path), Some(model)) = (&self.save, self.model()) else { return Ok(()) };
        let bytes = model.save(path)?;
        tell_saved(&self.channels, self.state.position(), path, bytes);
        Ok(())
    }
}

fn tell_saved(
    channels: &crate::train::channels::RunChannels,
    at: Position,
    path: &Path,
    bytes: u64,
) {
    let path = path.display().to_string();
    channels.tell(Event::Saved(Saved { path, epoch: at.epoch, batch: at.batch, bytes }));
}
