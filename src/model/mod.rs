//! Trained networks: files (safetensors, and the JSON of the book's network2.py), ensembles,
//! evaluation, and answers to probes.

pub(crate) mod ensemble;
mod error;
pub(crate) mod evaluate;
pub(crate) mod evaluator;
mod imported;
mod input;
mod join;
mod load_options;
mod members;
pub(crate) mod metrics;
mod network2;
pub(crate) mod probes;
mod safetensors;
mod tensors;

pub use error::ModelError;
pub use evaluate::{Answer, Evaluation, MismatchError};
pub use join::JoinError;
pub use load_options::{LoadOptions, parse_numbers};
pub use members::{Member, Members};

use self::ensemble::Ensemble;
use self::input::{begins_as_json, is_json, read};
use crate::data::{Dataset, Images};
use crate::files::atomic;
use crate::nn::Network;
use crate::protocol::NO_PREDICTION;
use crate::spec::describe::cores;
use crate::spec::{Spec, build, dataset};
use ndarray::ArrayView1;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A trained network or ensemble with everything needed to use it: the meaning of inputs and
/// outputs, and the spec of each network.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    pub members: Members,
    /// Width and height of an image in pixels.
    pub image: (usize, usize),
    /// 1 (grey) or 3 (red, green, blue); times width and height it is the number of inputs.
    pub channels: usize,
    /// The name of each class, in order of its label.
    pub classes: Vec<String>,
    /// Completed epochs.
    pub epoch: u32,
}

impl Model {
    /// A model of a single network that was trained on `data`.
    #[must_use]
    pub fn of(spec: Spec, network: Network, data: &Dataset, epoch: u32) -> Self {
        Self {
            members: Members::one(spec, network),
            image: (data.train.width, data.train.height),
            channels: data.train.channels,
            classes: data.classes.clone(),
            epoch,
        }
    }

    /// Reads a model: network2's JSON or safetensors, recognised by content.
    ///
    /// # Errors
    /// If the file is missing, has another format, is damaged or inconsistent; the error names file
    /// and reason.
    pub fn load(file: &Path) -> Result<Self, ModelError> {
        Self::from_bytes(file, &read(file)?)
    }

    /// As [`Model::load`], for a file that may come from another program; returns the model and the
    /// assumptions, one sentence each.
    ///
    /// # Errors
    /// As [`Model::load`]; also if `options` are set for a file of this program, which contains
    /// these facts.
    pub fn load_with(
        file: &Path,
        options: &LoadOptions,
    ) -> Result<(Self, Vec<String>), ModelError> {
        Self::decode(file, &read(file)?, options)
    }

    /// As [`Model::load`], for bytes that were already read; `file` is used in errors.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn from_bytes(file: &Path, bytes: &[u8]) -> Result<Self, ModelError> {
        Self::decode(file, bytes, &LoadOptions::default()).map(|(model, _)| model)
    }

    fn decode(
        file: &Path,
        bytes: &[u8],
        options: &LoadOptions,
    ) -> Result<(Self, Vec<String>), ModelError> {
        if begins_as_json(bytes) || bytes.is_empty() && is_json(file) {
            let model = network2::decode(file, bytes)?;
            return if options.is_empty() {
                Ok((model, Vec::new()))
            } else {
                Err(ModelError::SelfDescribed { file: file.into() })
            };
        }
        safetensors::decode(file, bytes, options)
    }

    /// The contents of a file; equal models give equal bytes.
    ///
    /// # Errors
    /// If the format of that file name cannot represent the model.
    pub fn to_bytes(&self, file: &Path) -> Result<Vec<u8>, ModelError> {
        if is_json(file) { network2::encode(file, self) } else { safetensors::encode(file, self) }
    }

    /// Checks, before training, that the format of the file name can represent this number of
    /// networks of a recipe. Does not check the recipe.
    ///
    /// # Errors
    /// If it cannot.
    pub fn check_format(
        file: &Path,
        spec: &Spec,
        networks: u32,
        data: &Dataset,
    ) -> Result<(), ModelError> {
        Self::check_ending(file)?;
        if !is_json(file) {
            return Ok(());
        }
        let Ok(network) = build(spec, data) else { return Ok(()) };
        let mut model = Self::of(spec.clone(), network, data, 0);
        if networks > 1 {
            let member = model.members.first().clone();
            model.members.push(member);
        }
        model.to_bytes(file).map(drop)
    }

    /// Checks that a file name has the extension of a model or none (like a device), so that a text
    /// or picture is not overwritten by mistake.
    ///
    /// # Errors
    /// If the extension is a different one.
    pub fn check_ending(file: &Path) -> Result<(), ModelError> {
        let Some(ending) = file.extension() else { return Ok(()) };
        let is_known =
            ["safetensors", "json"].iter().any(|known| ending.eq_ignore_ascii_case(known));
        if is_known { Ok(()) } else { Err(ModelError::Ending { file: file.into() }) }
    }

    /// The spec of the first network; all networks share inputs, outputs and readout.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        &self.members.first().spec
    }

    /// The first network.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.members.first().network
    }

    /// All networks in order.
    pub fn networks(&self) -> impl Iterator<Item = &Network> + Clone {
        self.members.iter().map(|member| &member.network)
    }

    /// The specs of all networks in order.
    fn specs(&self) -> impl Iterator<Item = &Spec> {
        self.members.iter().map(|member| &member.spec)
    }

    /// The distinct architectures of its networks, in order.
    #[must_use]
    pub fn architectures(&self) -> Vec<&str> {
        let mut architectures: Vec<&str> = Vec::new();
        for layers in self.specs().map(|spec| spec.layers.as_str()) {
            if !architectures.contains(&layers) {
                architectures.push(layers);
            }
        }
        architectures
    }

    /// Splits the data set as for training: images that a network was trained on are not used for
    /// validation.
    #[must_use]
    pub fn split(&self, data: Arc<Dataset>) -> Arc<Dataset> {
        match self.specs().find(|spec| spec.all_images) {
            Some(spec) => dataset::split(spec, data),
            None => data,
        }
    }

    /// Combines the networks of all models into an ensemble; the number of completed epochs is that
    /// of the first model.
    ///
    /// # Errors
    /// If there are none or too many, or they differ in image size, classes or readout.
    pub fn join(models: impl IntoIterator<Item = Self>) -> Result<Self, JoinError> {
        join::join(models)
    }

    /// Checks that a data set fits the model.
    ///
    /// # Errors
    /// If the image size or the number of classes differs.
    pub fn check_data(&self, data: &Dataset) -> Result<(), MismatchError> {
        let found = (data.test.width, data.test.height);
        if found != self.image {
            return Err(MismatchError::Size { model: self.image, data: data.name.clone(), found });
        }
        let found = data.test.channels;
        if found != self.channels {
            let data = data.name.clone();
            return Err(MismatchError::Channels { model: self.channels, data, found });
        }
        let (model, found) = (self.classes.len(), data.classes.len());
        if found != model {
            return Err(MismatchError::Classes { model, data: data.name.clone(), found });
        }
        Ok(())
    }

    /// Evaluates the model on labelled images, using all cores.
    ///
    /// # Panics
    /// If the images do not fit the model: see [`Model::check_data`].
    #[must_use]
    pub fn evaluate(&self, images: &Images) -> Evaluation {
        self.evaluate_on(images, cores() as usize)
    }

    /// As [`Model::evaluate`], on a number of threads that does not affect the result.
    ///
    /// # Panics
    /// If the images do not fit the model: see [`Model::check_data`].
    #[must_use]
    pub fn evaluate_on(&self, images: &Images, threads: usize) -> Evaluation {
        let readout = self.spec().readout;
        let answers = readout.answers(self.classes.len());
        let mut confusion = vec![vec![0; answers]; answers];
        let mut ensemble = self.ensemble(threads, images.len());
        for chunk in chunks(images, &ensemble) {
            let predictions = ensemble.evaluate(self.networks(), images, chunk.clone());
            for (&verdict, index) in predictions.verdicts.iter().zip(chunk) {
                // NaN outputs give no prediction.
                if verdict == NO_PREDICTION {
                    continue;
                }
                let right = readout.answer(images.labels[index]) as usize;
                confusion[right][verdict as usize] += 1;
            }
        }
        let individual =
            || ensemble.individual.iter().filter_map(|metrics| metrics.accuracy()).collect();
        Evaluation {
            images: images.len(),
            cost: ensemble.combined.cost(),
            accuracy: ensemble.combined.accuracy(),
            confusion,
            individual: if self.members.is_ensemble() { individual() } else { Vec::new() },
        }
    }

    /// Predicts each image; labels are ignored.
    ///
    /// # Panics
    /// If the images do not have the model's size.
    #[must_use]
    pub fn answer(&self, images: &Images) -> Vec<Answer> {
        let readout = self.spec().readout;
        let names = readout.names(&self.classes);
        let mut ensemble = self.ensemble(cores() as usize, images.len());
        let mut answers = Vec::with_capacity(images.len());
        for chunk in chunks(images, &ensemble) {
            let predictions = ensemble.evaluate(self.networks(), images, chunk);
            let rows = predictions.outputs.rows().into_iter().zip(predictions.votes.rows());
            answers.extend(rows.zip(predictions.verdicts).map(|((a, votes), &verdict)| {
                let answer = verdict as usize;
                Answer {
                    answer,
                    name: names.get(answer).cloned().unwrap_or_default(),
                    strength: readout.strength(a, verdict),
                    outputs: a.iter().map(|&a| f64::from(a)).collect(),
                    votes: self.votes(votes).into_iter().map(|vote| vote as usize).collect(),
                }
            }));
        }
        answers
    }

    /// The workers for inference on `images` images with at most `threads` threads.
    pub(crate) fn ensemble(&self, threads: usize, images: usize) -> Ensemble {
        let shifts = self.spec().test_time_shifts.then_some(self.image);
        Ensemble::new(self.networks(), self.spec().readout, shifts, threads.min(images))
    }

    /// The votes of the members; empty for a single network.
    pub(crate) fn votes(&self, votes: ArrayView1<u32>) -> Vec<u32> {
        if self.members.is_ensemble() { votes.to_vec() } else { Vec::new() }
    }

    /// Writes the model atomically and returns the number of bytes.
    ///
    /// # Errors
    /// If it could not be written; no partial file is left.
    pub fn write(&self, file: &Path) -> Result<u64, ModelError> {
        let bytes = self.to_bytes(file)?;
        let wrap = |source| ModelError::Write { file: file.into(), source };
        atomic::write(file, &bytes).map_err(wrap)?;
        Ok(bytes.len() as u64)
    }

    /// Writes the model atomically and returns the number of bytes. If that fails, the model is
    /// saved in the system's temporary directory instead, so that no training is lost, and the
    /// error names that file.
    ///
    /// # Errors
    /// If it could not be written to `file`.
    pub fn save(&self, file: &Path) -> Result<u64, ModelError> {
        let bytes = match self.to_bytes(file) {
            Ok(bytes) => bytes,
            Err(error) => return Err(self.kept_as_safetensors(error)),
        };
        match atomic::write(file, &bytes) {
            Ok(()) => Ok(bytes.len() as u64),
            Err(source) => Err(match rescue(file, &bytes) {
                Some(rescued) => ModelError::Rescued { file: file.into(), rescued, source },
                None => ModelError::Write { file: file.into(), source },
            }),
        }
    }

    /// Saves the model in the temporary directory; returns the error with that file's name.
    fn kept_as_safetensors(&self, error: ModelError) -> ModelError {
        let file = Path::new("model.safetensors");
        let bytes = safetensors::encode(file, self);
        match bytes.ok().and_then(|bytes| rescue(file, &bytes)) {
            Some(rescued) => ModelError::Kept { rescued, source: Box::new(error) },
            None => error,
        }
    }
}

fn chunks(images: &Images, ensemble: &Ensemble) -> impl Iterator<Item = Range<usize>> + use<> {
    let (count, rows) = (images.len(), ensemble.rows());
    (0..count).step_by(rows).map(move |first| first..(first + rows).min(count))
}

/// Writes the bytes to a file in the temporary directory, if possible.
fn rescue(file: &Path, bytes: &[u8]) -> Option<PathBuf> {
    let extension = if is_json(file) { ".json" } else { ".safetensors" };
    let kept = tempfile::Builder::new()
        .prefix("nntop-rescued-")
        .suffix(extension)
        .disable_cleanup(true)
        .tempfile()
        .ok()?;
    atomic::write(kept.path(), bytes).ok()?;
    Some(kept.path().into())
}

#[cfg(test)]
mod tests;
