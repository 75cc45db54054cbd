//! What a trained network says of images.

use super::Model;
use super::ensemble::Ensemble;
use crate::data::{Dataset, Images};
use crate::spec::describe::cores;
use ndarray::ArrayView1;
use std::ops::Range;

/// How a model does on labelled images.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    pub images: usize,
    /// The book's C, without the regularization term.
    pub cost: Option<f64>,
    /// Fraction of images answered rightly.
    pub accuracy: Option<f64>,
    /// How often the answer that is right (row) was answered by (column).
    pub confusion: Vec<Vec<u32>>,
    /// The accuracy of each network of an ensemble alone; empty for one network.
    pub alone: Vec<f64>,
}

/// What a model says of one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Index of the answer, see [`crate::spec::Readout::names`].
    pub answer: usize,
    /// Its name.
    pub name: String,
    /// How strongly the outputs speak for it, from 0 to 1 where outputs are.
    pub strength: f32,
    /// The output activations; of an ensemble their mean.
    pub outputs: Vec<f64>,
    /// The answer of each network of an ensemble; empty for one network.
    pub votes: Vec<usize>,
}

/// The images are not of the kind that the model was trained on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MismatchError {
    #[error(
        "the model reads images of {}×{} pixels, but those of {data} are {}×{}",
        model.0, model.1, found.0, found.1
    )]
    Size { model: (usize, usize), data: String, found: (usize, usize) },
    #[error("the model knows {model} classes, but {data} has {found}")]
    Classes { model: usize, data: String, found: usize },
}

impl Model {
    /// Whether a data set is of the kind that the model was trained on.
    ///
    /// # Errors
    /// Where the size of its images or the number of its classes differs.
    pub fn check_data(&self, data: &Dataset) -> Result<(), MismatchError> {
        let found = (data.test.width, data.test.height);
        if found != self.image {
            return Err(MismatchError::Size { model: self.image, data: data.name.clone(), found });
        }
        let (model, found) = (self.classes.len(), data.classes.len());
        if found != model {
            return Err(MismatchError::Classes { model, data: data.name.clone(), found });
        }
        Ok(())
    }

    /// Measures the model on labelled images of its size and classes ([`Model::check_data`]), on all
    /// of the machine's cores.
    ///
    /// # Panics
    /// Where size or classes differ.
    #[must_use]
    pub fn evaluate(&self, images: &Images) -> Evaluation {
        self.evaluate_on(images, cores() as usize)
    }

    /// [`Model::evaluate`] on so many threads, which change no bit of it.
    ///
    /// # Panics
    /// Where size or classes differ.
    #[must_use]
    pub fn evaluate_on(&self, images: &Images, threads: usize) -> Evaluation {
        let readout = self.spec.readout;
        let answers = readout.answers(self.classes.len());
        let mut confusion = vec![vec![0; answers]; answers];
        let mut ensemble = self.ensemble(threads, images.len());
        for chunk in chunks(images, &ensemble) {
            let predictions = ensemble.poll(self.networks(), images, chunk.clone());
            for (&verdict, index) in predictions.verdicts.iter().zip(chunk) {
                let right = readout.answer(images.labels[index]) as usize;
                confusion[right][verdict as usize] += 1;
            }
        }
        let alone = || ensemble.alone.iter().filter_map(|metrics| metrics.accuracy()).collect();
        Evaluation {
            images: images.len(),
            cost: ensemble.together.cost(),
            accuracy: ensemble.together.accuracy(),
            confusion,
            alone: if self.others.is_empty() { Vec::new() } else { alone() },
        }
    }

    /// What the model says of each image; labels do not matter.
    ///
    /// # Panics
    /// Where the images are not of the model's size.
    #[must_use]
    pub fn answer(&self, images: &Images) -> Vec<Answer> {
        let readout = self.spec.readout;
        let names = readout.names(&self.classes);
        let mut ensemble = self.ensemble(cores() as usize, images.len());
        let mut answers = Vec::with_capacity(images.len());
        for chunk in chunks(images, &ensemble) {
            let predictions = ensemble.poll(self.networks(), images, chunk);
            let said = predictions.outputs.rows().into_iter().zip(predictions.votes.rows());
            answers.extend(said.zip(predictions.verdicts).map(|((a, votes), &verdict)| {
                let answer = verdict as usize;
                Answer {
                    answer,
                    name: names[answer].clone(),
                    strength: readout.strength(a, verdict),
                    outputs: a.iter().map(|&a| f64::from(a)).collect(),
                    votes: self.votes(votes).into_iter().map(|vote| vote as usize).collect(),
                }
            }));
        }
        answers
    }

    /// Those who are asked about so many images, on as many of the threads as find one.
    pub(crate) fn ensemble(&self, threads: usize, images: usize) -> Ensemble {
        let shifts = self.spec.test_time_shifts.then_some(self.image);
        Ensemble::new(self.networks(), self.spec.readout, shifts, threads.min(images))
    }

    /// Who said what; nobody asks that of one network.
    pub(crate) fn votes(&self, votes: ArrayView1<u32>) -> Vec<u32> {
        if self.others.is_empty() { Vec::new() } else { votes.to_vec() }
    }
}

fn chunks(images: &Images, ensemble: &Ensemble) -> impl Iterator<Item = Range<usize>> + use<> {
    let (count, rows) = (images.len(), ensemble.rows());
    (0..count).step_by(rows).map(move |first| first..(first + rows).min(count))
}
