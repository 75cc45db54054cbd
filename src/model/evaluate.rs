//! Results of inference with a model.

/// The evaluation of a model on labelled images.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    pub images: usize,
    /// The book's C, without the regularization term.
    pub cost: Option<f64>,
    /// Fraction of images classified correctly.
    pub accuracy: Option<f64>,
    /// Confusion matrix: correct class (row), predicted class (column).
    pub confusion: Vec<Vec<u32>>,
    /// The accuracy of each network of an ensemble; empty for a single network.
    pub individual: Vec<f64>,
}

/// The prediction of a model for one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Index of the predicted class, see [`crate::spec::Readout::names`].
    pub answer: usize,
    /// Its name.
    pub name: String,
    /// The confidence, from 0 to 1 if outputs are.
    pub strength: f32,
    /// The output activations; for an ensemble, their mean.
    pub outputs: Vec<f64>,
    /// The prediction of each network of an ensemble; empty for a single network.
    pub votes: Vec<usize>,
}

/// Why images do not have the shape that the model was trained on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MismatchError {
    #[error(
        "the model reads images of {}×{} pixels, but those of {data} are {}×{}",
        model.0, model.1, found.0, found.1
    )]
    Size { model: (usize, usize), data: String, found: (usize, usize) },
    #[error(
        "the model reads images of {model} channels (1 is grey, 3 is colour), but those of {data} \
         have {found}"
    )]
    Channels { model: usize, data: String, found: usize },
    #[error("the model has {model} classes, but {data} has {found}")]
    Classes { model: usize, data: String, found: usize },
}
