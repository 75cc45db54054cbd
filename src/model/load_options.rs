//! Facts about a model file that the file itself lacks.

use crate::nn::Activation;

/// Facts missing in a file from another program. Missing options are taken from the file's
/// metadata, or the usual value is assumed and reported.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoadOptions {
    /// The layers, in the form of `--layers`.
    pub layers: Option<String>,
    /// Activation of the hidden layers.
    pub activation: Option<Activation>,
    /// Mean and standard deviation of pixels (from 0 to 1) for the normalization of inputs: one
    /// number, or one per channel; empty if inputs were not normalized.
    pub mean: Vec<f64>,
    pub std: Vec<f64>,
    /// The name of every class, in order of the outputs.
    pub classes: Option<Vec<String>>,
    /// Width and height of the images.
    pub size: Option<(usize, usize)>,
}

impl LoadOptions {
    /// Whether no option except `size` is set. Files of this program need none of them, but `size`
    /// may be meant for a data set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        Self { size: None, ..self.clone() } == Self::default()
    }
}

/// Parses comma-separated numbers, such as one mean per channel.
///
/// # Errors
/// The reason if one of them is not a number.
pub fn parse_numbers(text: &str) -> Result<Vec<f64>, String> {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    let numbers: Option<Vec<f64>> = text.split(',').map(number).collect();
    numbers
        .filter(|numbers| matches!(numbers.len(), 1 | 3))
        .ok_or_else(|| "give a number, or three separated by commas, such as 0.1307".into())
}
