//! What somebody says of a model file that does not say it itself.

use crate::nn::Activation;

/// Answers to what a file from another program leaves open; where they are absent the file's
/// metadata are asked, then a usual value is assumed and told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoadOptions {
    /// The layers as `--layers` takes them.
    pub layers: Option<String>,
    /// Activation of the hidden layers.
    pub activation: Option<Activation>,
    /// Mean and standard deviation of the pixels (from 0 to 1) that inputs were normalized by: one
    /// number, or one a channel; none where they were not.
    pub mean: Vec<f64>,
    pub std: Vec<f64>,
    /// The name of every class, in order of the outputs.
    pub classes: Option<Vec<String>>,
    /// Width and height of the images.
    pub size: Option<(usize, usize)>,
}

impl LoadOptions {
    /// Whether nothing was said that a file of this program says itself. The size of images may be
    /// said of a data set as well.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        Self { size: None, ..self.clone() } == Self::default()
    }
}

/// Reads numbers between commas, such as a mean for every channel.
///
/// # Errors
/// In words, where one of them is no number.
pub fn parse_numbers(text: &str) -> Result<Vec<f64>, String> {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    let numbers: Option<Vec<f64>> = text.split(',').map(number).collect();
    numbers
        .filter(|numbers| matches!(numbers.len(), 1 | 3))
        .ok_or_else(|| "give a number, or three between commas, such as 0.1307".into())
}
