//! What a run leaves on the disk: checkpoints, the model and its outputs for the test images.

use crate::data::Dataset;
use crate::model::{Model, ModelError};
use crate::protocol::{Event, Level, Saved};
use crate::train::channels::RunChannels;
use crate::train::checkpoint::{
    Checkpoint, CheckpointTrigger, Checkpointer, Position, WrittenCheckpoint,
};
use crate::train::probe_service::ProbeService;
use crate::train::test_outputs_file as outputs_file;
use std::path::{Path, PathBuf};

/// Where checkpoints and the model of a run are written to.
#[derive(Debug)]
pub(super) struct Saver {
    checkpointers: Vec<Checkpointer>,
    model: Option<PathBuf>,
    /// Whether a model that cannot be written at the end is tried again.
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

    /// The directory of the run's own checkpoints, where it has one.
    pub(super) fn directory(&self) -> Option<&Path> {
        self.checkpointers.iter().find_map(Checkpointer::own_directory)
    }

    /// Whether any checkpoints are written.
    pub(super) fn keeps_checkpoints(&self) -> bool {
        !self.checkpointers.is_empty()
    }

    /// Whether there is a place for a checkpoint or for the model.
    pub(super) fn has_a_place(&self) -> bool {
        self.keeps_checkpoints() || self.model.is_some()
    }

    /// Writes the checkpoints that are due; what cannot be written is logged, and the run goes on.
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
                Err(error) => channels.log(Level::Error, error.to_string()),
            }
        }
    }

    /// Writes the outputs for the test images, so that the run can be looked at later without
    /// computing them again.
    pub(super) fn write_outputs(&self, state: &Checkpoint, data: &Dataset, watch: &ProbeService) {
        let Some(directory) = self.directory() else { return };
        let Position { epoch, batch } = state.position();
        if let Some(outputs) = watch.outputs_at(epoch, batch) {
            // Without the file they are computed again.
            let file = outputs_file::file_beside(directory);
            let _ = outputs_file::write(&file, state, data, outputs);
        }
    }

    /// Writes the model, where there is a place for it.
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

    /// Writes the model to its place after it was saved elsewhere because of `error`; false where it
    /// still cannot be written.
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
        channels.log(Level::Info, "the model is written now");
        announce(channels, state.position(), path, bytes);
        true
    }
}

/// Writes the model as it is now to a file that somebody named.
pub(super) fn save_as(path: &Path, state: &Checkpoint, data: &Dataset, channels: &RunChannels) {
    match model(state, data).save(path) {
        Ok(bytes) => announce(channels, state.position(), path, bytes),
        Err(error) => channels.log(Level::Error, error.to_string()),
    }
}

fn model(state: &Checkpoint, data: &Dataset) -> Model {
    Model::of(state.spec.clone(), state.body.network.clone(), data, state.position().epoch)
}

fn announce(channels: &RunChannels, Position { epoch, batch }: Position, path: &Path, bytes: u64) {
    let path = path.display().to_string();
    channels.tell(Event::Saved(Saved { path, epoch, batch, bytes }));
}
