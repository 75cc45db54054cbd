//! What a trained network says of images.

use super::Model;
use crate::data::{Dataset, Images};
use crate::engine::metrics::{Evaluator, Tally};

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
}

/// What a model says of one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Index of the answer, see [`crate::engine::Readout::names`].
    pub answer: usize,
    /// Its name.
    pub name: String,
    /// How strongly the outputs speak for it, from 0 to 1 where outputs are.
    pub strength: f32,
    /// The output activations.
    pub outputs: Vec<f64>,
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

    /// Measures the model on labelled images of its size and classes ([`Model::check_data`]).
    ///
    /// # Panics
    /// Where size or classes differ.
    #[must_use]
    pub fn evaluate(&self, images: &Images) -> Evaluation {
        let readout = self.spec.readout;
        let answers = readout.answers(self.classes.len());
        let mut confusion = vec![vec![0; answers]; answers];
        let mut evaluator = Evaluator::new(&self.network, readout);
        let mut tally = Tally::default();
        let rows = evaluator.rows();
        for first in (0..images.len()).step_by(rows) {
            let chunk = first..(first + rows).min(images.len());
            let outputs = evaluator.measure(&self.network, images, chunk.clone(), &mut tally);
            for (a, index) in outputs.rows().into_iter().zip(chunk) {
                let right = readout.answer(images.labels[index]) as usize;
                confusion[right][readout.predict(a) as usize] += 1;
            }
        }
        Evaluation {
            images: images.len(),
            cost: tally.cost(),
            accuracy: tally.accuracy(),
            confusion,
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
        let mut evaluator = Evaluator::new(&self.network, readout);
        let mut tally = Tally::default();
        let mut answers = Vec::with_capacity(images.len());
        let rows = evaluator.rows();
        for first in (0..images.len()).step_by(rows) {
            let chunk = first..(first + rows).min(images.len());
            let outputs = evaluator.measure(&self.network, images, chunk, &mut tally);
            answers.extend(outputs.rows().into_iter().map(|a| {
                let answer = readout.predict(a);
                Answer {
                    answer: answer as usize,
                    name: names[answer as usize].clone(),
                    strength: readout.strength(a, answer),
                    outputs: a.iter().map(|&a| f64::from(a)).collect(),
                }
            }));
        }
        answers
    }
}
