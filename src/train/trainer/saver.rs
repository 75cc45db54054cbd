//! Writes a run's files: checkpoints, the model and its outputs for the test images.

use crate::data::Dataset;
use crate::model::{Model, ModelError};
use crate::protocol::{Event, LogLevel, SavedFile};
use crate::train::channels::RunChannels;
use crate::train::checkpoint::{
    Checkpoint, CheckpointTrigger, Checkpointer, Position, WrittenCheckpoint,
};
use crate::train::probe_service::ProbeService;
use crate::train::test_outputs_file as outputs_file;
use std::path::{Path, PathBuf};

/// The locations of a run's checkpoints and model.
#[derive(Debug)]
pub(super) struct Saver {
    checkpointers: Vec<Checkpointer>,
    model: Option<PathBuf>,
    /// Whether to retry writing a final model.
    pub(super) keep_trying: bool,
}

impl Saver {
    pub(super) fn new(
        checkpointers: Vec<Checkpointer>,
        model: Option<PathBuf>,
        keep_trying: bool,
    ) -> Self {
        Self { checkpointers, model, keep_trying }
    }

    /// The directory of the run's own checkpoints, if it has one.
    pub(super) fn directory(&self) -> Option<&Path> {
        self.checkpointers.iter().find_map(Checkpointer::own_directory)
    }

    /// Whether any checkpoints are written.
    pub(super) fn writes_checkpoints(&self) -> bool {
        !self.checkpointers.is_empty()
    }

    /// Whether checkpoints or the model are written anywhere.
    pub(super) fn has_target(&self) -> bool {
        self.writes_checkpoints() || self.model.is_some()
    }

    /// Writes the checkpoints that are due; errors are logged, and the run continues.
    pub(super) fn write_checkpoints(
        &mut self,
        trigger: CheckpointTrigger,
        state: &Checkpoint,
        channels: &RunChannels,
    ) {
        for written in self.checkpointers.iter_mut().flat_map(|each| each.keep(trigger, state)) {
            match written {
                Ok(WrittenCheckpoint { path, bytes }) => {
                    announce(channels, state.position(), &path, bytes);
                }
                Err(error) => channels.log(LogLevel::Error, error.to_string()),
            }
        }
    }

    /// Writes the outputs for the test images, so that opening the run later does not compute them
    /// again.
    pub(super) fn write_outputs(&self, state: &Checkpoint, data: &Dataset, watch: &ProbeService) {
        let Some(directory) = self.directory() else { return };
        let Position { epoch, batch } = state.position();
        if let Some(outputs) = watch.outputs_at(epoch, batch) {
            // Without the file they are computed again.
            let file = outputs_file::file_beside(directory);
            let _ = outputs_file::write(&file, state, data, outputs);
        }
    }

    /// Writes the model, if a file was specified.
    pub(super) fn write_model(
        &self,
        state: &Checkpoint,
        data: &Dataset,
        channels: &RunChannels,
    ) -> Result<(), ModelError> {
        let Some(path) = &self.model else { return Ok(()) };
        let bytes = model(state, data).save(path)?;
        announce(channels, state.position(), path, bytes);
        Ok(())
    }

    /// Writes the model to its file after it was saved elsewhere because of `error`; returns false
    /// if that still fails.
    pub(super) fn rewrite_model(
        &self,
        error: &ModelError,
        state: &Checkpoint,
        data: &Dataset,
        channels: &RunChannels,
    ) -> bool {
        let Some(path) = &self.model else { return false };
        let Ok(bytes) = model(state, data).write(path) else { return false };
        if let Some(rescued) = error.rescued() {
            // The copy is no longer needed.
            let _ = std::fs::remove_file(rescued);
        }
        channels.log(LogLevel::Info, "the model was written");
        announce(channels, state.position(), path, bytes);
        true
    }
}

/// Writes the current model to a file requested by a client.
pub(super) fn save_as(path: &Path, state: &Checkpoint, data: &Dataset, channels: &RunChannels) {
    match model(state, data).save(path) {
        Ok(bytes) => announce(channels, state.position(), path, bytes),
        Err(error) => channels.log(LogLevel::Error, error.to_string()),
    }
}

fn model(state: &Checkpoint, data: &Dataset) -> Model {
    Model::of(state.spec.clone(), state.body.network.clone(), data, state.position().epoch)
}

fn announce(channels: &RunChannels, Position { epoch, batch }: Position, path: &Path, bytes: u64) {
    let path = path.display().to_string();
    channels.send(Event::Saved(SavedFile { path, epoch, batch, bytes }));
}
