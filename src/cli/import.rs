//! Arguments that describe a model of another program.

use super::error::Usage;
use super::model_arg;
use super::output;
use super::spec_args::names::{ACTIVATIONS, one_of};
use crate::model::{LoadOptions, Model, parse_numbers};
use crate::nn::Activation;
use clap::Args;
use std::path::Path;

/// What a safetensors file of another program (PyTorch, Keras) does not contain
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Models of other programs")]
pub(super) struct ImportArgs {
    /// Layers, as for `train --layers`; required if there are convolutions
    #[arg(long, allow_hyphen_values = true)]
    layers: Option<String>,
    /// Activation of the hidden layers: sigmoid, tanh or relu
    #[arg(long, value_parser = one_of::<Activation>(ACTIVATIONS))]
    activation: Option<Activation>,
    /// Mean used to normalize the inputs (which are from 0 to 1): one value, or one per channel
    #[arg(long, value_name = "X[,X,X]", value_parser = numbers, allow_hyphen_values = true)]
    mean: Option<NumberList>,
    /// Standard deviation used to normalize the inputs: one value, or one per channel
    #[arg(long, value_name = "X[,X,X]", value_parser = numbers, allow_hyphen_values = true)]
    std: Option<NumberList>,
    /// Class names in the order of the outputs
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    classes: Option<Vec<String>>,
}

/// Numbers of one argument.
#[derive(Clone, Debug)]
struct NumberList(Vec<f64>);

fn numbers(text: &str) -> Result<NumberList, String> {
    parse_numbers(text).map(NumberList)
}

impl ImportArgs {
    /// Reads a model; prints what was assumed on standard error.
    pub(super) fn load(&self, file: &Path, size: Option<(u32, u32)>) -> Result<Model, Usage> {
        let numbers =
            |given: &Option<NumberList>| given.clone().map_or(Vec::new(), |given| given.0);
        let options = LoadOptions {
            layers: self.layers.clone(),
            activation: self.activation,
            mean: numbers(&self.mean),
            std: numbers(&self.std),
            classes: self.classes.clone(),
            size: size.map(|(width, height)| (width as usize, height as usize)),
        };
        if options.is_empty() && (!file.is_file() || model_arg::is_checkpoint(file)) {
            return model_arg::load(file);
        }
        let (model, notes) =
            Model::load_with(file, &options).map_err(|error| Usage::value("<MODEL>", error))?;
        for note in notes {
            // Standard error may be closed.
            let _ = writeln!(output::err(), "note: {}: {note}", file.display());
        }
        Ok(model)
    }
}
