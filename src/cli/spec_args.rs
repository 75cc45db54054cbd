//! Builds the spec from the arguments: defaults, then the spec file, then the command line.

pub(super) mod names;

use super::error::Usage;
use crate::files;
use crate::nn::{Activation, Cost, Init, Penalty};
use crate::spec::{
    ChosenDefault, EarlyStopping, Expansion, Optimizer, PRESETS, Preset, Schedule, Spec,
    SpecifiedFields, preset, toml_problem,
};
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};
use names::{ACTIVATIONS, COSTS, INITS, OPTIMIZERS, PENALTIES, one_of};
use std::path::{Path, PathBuf};

/// Maximum size of a recipe file in bytes.
pub(super) const MAX_RECIPE: u64 = 1 << 20;

/// Everything that determines the result of a run.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Recipe")]
pub(super) struct SpecArgs {
    /// Read the recipe from a file; other arguments override it
    #[arg(long, value_name = "FILE.toml")]
    pub(super) spec: Option<PathBuf>,
    /// A built-in recipe that goes beyond the book; other arguments override it
    #[arg(long, value_name = "NAME", value_parser = presets(), conflicts_with = "spec")]
    pub(super) preset: Option<String>,
    /// Sizes of the layers (784,30,10), or a list of layers (conv20x5-pool2-dense100-softmax10):
    /// denseN, softmaxN, dropP, convMxK, poolS, ltwopoolS, avgpoolS, rnnN and norm
    #[arg(long, allow_hyphen_values = true)]
    #[arg(help_heading = "Network")]
    pub(super) layers: Option<String>,
    /// Sizes of the hidden layers, such as 100 or 100,50; input and output sizes follow the data
    #[arg(long, value_name = "N,...", value_parser = count, value_delimiter = ',', conflicts_with = "layers")]
    #[arg(help_heading = "Network")]
    pub(super) hidden: Vec<u32>,
    /// Layers of the second, third, ... network of an ensemble, if they differ
    #[arg(long, value_name = "LAYERS")]
    #[arg(help_heading = "Network")]
    pub(super) also: Vec<String>,
    /// Passes over the training images [default: 30]
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub(super) epochs: Option<u32>,
    /// Images per mini-batch [default: 10]
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    #[arg(help_heading = "Learning", visible_alias = "batch-size")]
    pub(super) batch: Option<u32>,
    /// Learning rate [default: 3 for chapter 1's networks, otherwise chosen for optimizer and cost]
    #[arg(long, value_name = "X", value_parser = rate, allow_negative_numbers = true)]
    #[arg(help_heading = "Learning", visible_aliases = ["lr", "learning-rate"])]
    pub(super) eta: Option<f64>,
    /// Regularization parameter; implies --regularizer l2 unless another is given [default: 0]
    #[arg(long, value_name = "X", value_parser = parameter, allow_negative_numbers = true)]
    #[arg(help_heading = "Regularization")]
    pub(super) lambda: Option<f64>,
    /// Momentum; implies --optimizer momentum unless another is given [default: 0]
    #[arg(long, value_name = "X", value_parser = fraction, allow_negative_numbers = true)]
    #[arg(help_heading = "Learning")]
    pub(super) momentum: Option<f64>,
    /// Cost: quadratic, cross-entropy or log-likelihood (with softmax outputs) [default: quadratic
    /// for chapter 1's networks, otherwise log-likelihood]
    #[arg(long, ignore_case = true, value_parser = one_of::<Cost>(COSTS))]
    #[arg(help_heading = "Learning", alias = "loss")]
    pub(super) cost: Option<Cost>,
    /// Activation of the hidden layers: sigmoid, tanh or relu [default: sigmoid]
    #[arg(long, ignore_case = true, value_parser = one_of::<Activation>(ACTIVATIONS))]
    #[arg(help_heading = "Network")]
    pub(super) activation: Option<Activation>,
    /// Initial weights: large (unit Gaussians) or scaled (by 1/sqrt(inputs)) [default: large for
    /// chapter 1's networks, else scaled]
    #[arg(long, ignore_case = true, value_parser = one_of::<Init>(INITS))]
    #[arg(help_heading = "Network")]
    pub(super) init: Option<Init>,
    /// Regularizer: l1, l2 or none [default: none]
    #[arg(long, ignore_case = true, value_parser = one_of::<Penalty>(PENALTIES))]
    #[arg(help_heading = "Regularization")]
    pub(super) regularizer: Option<Penalty>,
    /// Optimizer: sgd, momentum, nesterov or adam [default: sgd]
    #[arg(long, ignore_case = true, value_parser = one_of::<Optimizer>(OPTIMIZERS))]
    #[arg(help_heading = "Learning")]
    pub(super) optimizer: Option<Optimizer>,
    /// Fraction of hidden units dropped in each mini-batch [default: 0]
    #[arg(long, value_name = "P", value_parser = fraction, allow_negative_numbers = true)]
    #[arg(help_heading = "Regularization")]
    pub(super) dropout: Option<f64>,
    /// Halve eta after N epochs without improvement, down to 1/128 of its initial value
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    #[arg(help_heading = "Learning")]
    pub(super) halve_after: Option<u32>,
    /// Decay eta linearly to 0 at the end of the run [default: false for chapter 1's
    /// networks, Adam, and where --eta, --halve-after or --stop-after is given, else true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(conflicts_with = "halve_after", help_heading = "Learning")]
    pub(super) anneal: Option<bool>,
    /// Stop after N epochs without improvement on the validation images
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    #[arg(help_heading = "Learning")]
    pub(super) stop_after: Option<u32>,
    /// Augment the training images by: shifts, rotation:DEGREES, scaling:FRACTION,
    /// translation:PIXELS, elastic:ALPHA:SIGMA
    #[arg(long, value_name = "HOW", value_parser = expansion, value_delimiter = ',')]
    #[arg(help_heading = "Data")]
    pub(super) expand: Vec<Expansion>,
    /// Use only the first N training images [default: all]
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    #[arg(help_heading = "Data")]
    pub(super) train_size: Option<u32>,
    /// Train on the validation images too (once a recipe is chosen); nothing is validated then
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(help_heading = "Data")]
    pub(super) all_images: Option<bool>,
    /// Average a saved model's outputs over each image and four copies shifted by one pixel
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(help_heading = "Data")]
    pub(super) test_time_shifts: Option<bool>,
    /// Random seed: same seed, same result [default: 3]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(super) seed: Option<u64>,
    /// Worker threads; does not change the result [default: number of cores]
    #[arg(long, value_name = "N", value_parser = threads, allow_negative_numbers = true)]
    pub(super) threads: Option<u32>,
    /// A data set of your own instead of the embedded MNIST: IDX files, .npz, CSV, parquet, CIFAR
    /// batches or a folder of pictures (see `nntop data`)
    #[arg(long, value_name = "PATH")]
    #[arg(help_heading = "Data")]
    pub(super) data: Option<PathBuf>,
    /// Transpose the images of --data, as EMNIST requires
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(super) transpose: Option<bool>,
}

/// A recipe, and which of its values were chosen automatically.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    pub(super) spec: Spec,
    pub(super) chosen: Vec<ChosenDefault>,
}

impl Recipe {
    /// A recipe in which the user gave every value.
    pub(super) fn given(spec: Spec) -> Self {
        Self { spec, chosen: Vec::new() }
    }
}

impl SpecArgs {
    /// The recipe of file and arguments; missing values are chosen for the network.
    ///
    /// # Errors
    /// If the file cannot be read or has a field that no spec has.
    pub(super) fn assemble(&self) -> Result<Recipe, Usage> {
        let (base, given) = match (&self.spec, self.chosen_preset()) {
            (Some(file), _) => read(file)?,
            (None, Some(preset)) => ((preset.spec)(), SpecifiedFields::ALL),
            (None, None) => (Spec::default(), SpecifiedFields::default()),
        };
        let mut spec = self.assemble_over(base)?;
        let chosen = spec.complete(self.given(given));
        Ok(Recipe { spec, chosen })
    }

    /// Which values are given, by these arguments or `before`.
    fn given(&self, before: SpecifiedFields) -> SpecifiedFields {
        SpecifiedFields {
            cost: before.cost || self.cost.is_some(),
            init: before.init || self.init.is_some(),
            eta: before.eta || self.eta.is_some(),
            batch: before.batch || self.batch.is_some(),
            schedule: before.schedule || self.anneal.is_some() || self.halve_after.is_some(),
        }
    }

    /// The preset named by `--preset`.
    pub(super) fn chosen_preset(&self) -> Option<&'static Preset> {
        preset(self.preset.as_deref()?)
    }

    /// The recipe of an interrupted run, with the changes that are allowed when it continues.
    ///
    /// # Errors
    /// If the arguments change anything else.
    pub(super) fn assemble_resumed(&self, started: &Spec) -> Result<Spec, Usage> {
        let spec = self.assemble_over(started.clone())?;
        let Spec { epochs, threads, data, .. } = spec.clone();
        if (Spec { epochs, threads, data, ..started.clone() }) == spec {
            return Ok(spec);
        }
        Err(Usage::value(
            "--resume",
            "the run continues with its own recipe; only --epochs, --threads and --data may differ",
        ))
    }

    /// The recipe `other` with the values of these arguments; values that were chosen for the other
    /// network are chosen again for this one.
    ///
    /// # Errors
    /// As [`SpecArgs::assemble`].
    pub(super) fn assemble_like(&self, other: &Recipe) -> Result<Recipe, Usage> {
        let chosen =
            SpecifiedFields::named(other.chosen.iter().map(|choice| choice.field.as_str()));
        let before = SpecifiedFields {
            cost: !chosen.cost,
            init: !chosen.init,
            eta: !chosen.eta,
            batch: !chosen.batch,
            schedule: !chosen.schedule,
        };
        let mut spec = self.assemble_over(other.spec.clone())?;
        let chosen = spec.complete(self.given(before));
        Ok(Recipe { spec, chosen })
    }

    fn assemble_over(&self, mut spec: Spec) -> Result<Spec, Usage> {
        if let Some(layers) = &self.layers {
            spec.layers.clone_from(layers);
            spec.also.clear();
        }
        if !self.hidden.is_empty() {
            spec.layers = self.with_hidden(&spec.layers);
            spec.also.clear();
        }
        if !self.also.is_empty() {
            spec.also.clone_from(&self.also);
        }
        set(&mut spec.epochs, self.epochs.as_ref());
        set(&mut spec.batch, self.batch.as_ref());
        set(&mut spec.eta, self.eta.as_ref());
        set(&mut spec.cost, self.cost.as_ref());
        set(&mut spec.activation, self.activation.as_ref());
        set(&mut spec.init, self.init.as_ref());
        set(&mut spec.dropout, self.dropout.as_ref());
        set(&mut spec.seed, self.seed.as_ref());
        set(&mut spec.all_images, self.all_images.as_ref());
        set(&mut spec.test_time_shifts, self.test_time_shifts.as_ref());
        spec.train_size = self.train_size.or(spec.train_size);
        spec.threads = self.threads.or(spec.threads);
        spec.data = self.data.clone().or(spec.data);
        set(&mut spec.transpose, self.transpose.as_ref());
        if !self.expand.is_empty() {
            spec.expand.clone_from(&self.expand);
        }
        if let Some(patience) = self.halve_after {
            spec.schedule = Schedule::HalveOnPlateau { patience, stop_at: 128 };
        }
        if let Some(anneal) = self.anneal {
            spec.schedule = if anneal { Schedule::Linear } else { Schedule::Constant };
        }
        if let Some(epochs) = self.stop_after {
            spec.early_stopping = EarlyStopping::NoImprovementIn(epochs);
        }
        self.regularize(&mut spec)?;
        self.optimize(&mut spec)?;
        Ok(spec)
    }

    /// A list of layer sizes: the first and last of `layers` with `--hidden` between them.
    fn with_hidden(&self, layers: &str) -> String {
        let sizes: Option<Vec<u32>> =
            layers.split(',').map(|size| size.trim().parse().ok()).collect();
        let (inputs, outputs) = match sizes.as_deref() {
            Some([inputs, .., outputs]) => (*inputs, *outputs),
            // A list of layers does not contain the input size: use that of the embedded images.
            _ => (784, 10),
        };
        format!("{inputs},{},{outputs}", self.hidden_layers())
    }

    /// The sizes of the hidden layers; those of chapter 1 if none are given.
    pub(super) fn hidden_layers(&self) -> String {
        if self.hidden.is_empty() {
            return "30".into();
        }
        let sizes: Vec<String> = self.hidden.iter().map(u32::to_string).collect();
        sizes.join(",")
    }

    /// --lambda alone implies L2, the book's first regularizer.
    fn regularize(&self, spec: &mut Spec) -> Result<(), Usage> {
        set(&mut spec.regularizer.lambda, self.lambda.as_ref());
        set(&mut spec.regularizer.penalty, self.regularizer.as_ref());
        let lambda = spec.regularizer.lambda;
        match (self.regularizer, self.lambda) {
            (None, Some(_)) if lambda > 0.0 && spec.regularizer.penalty == Penalty::None => {
                spec.regularizer.penalty = Penalty::L2;
            }
            (Some(Penalty::None), Some(_)) if lambda > 0.0 => {
                return Err(Usage::value("--lambda", "means nothing with --regularizer none"));
            }
            (Some(Penalty::L1 | Penalty::L2), None) if lambda == 0.0 => {
                return Err(Usage::value("--regularizer", "needs --lambda, such as --lambda 5"));
            }
            _ => {}
        }
        Ok(())
    }

    /// --momentum alone implies momentum-based gradient descent.
    fn optimize(&self, spec: &mut Spec) -> Result<(), Usage> {
        set(&mut spec.momentum, self.momentum.as_ref());
        set(&mut spec.optimizer, self.optimizer.as_ref());
        let uses = |optimizer| matches!(optimizer, Optimizer::Momentum | Optimizer::Nesterov);
        match (self.optimizer, self.momentum) {
            (None, Some(momentum)) if momentum > 0.0 && spec.optimizer == Optimizer::Sgd => {
                spec.optimizer = Optimizer::Momentum;
            }
            (Some(optimizer), Some(momentum)) if momentum > 0.0 && !uses(optimizer) => {
                return Err(Usage::value(
                    "--momentum",
                    "means nothing with this --optimizer; take momentum or nesterov",
                ));
            }
            (Some(optimizer), None) if uses(optimizer) && spec.momentum == 0.0 => {
                return Err(Usage::value(
                    "--optimizer",
                    "needs --momentum, such as --momentum 0.9",
                ));
            }
            _ => {}
        }
        Ok(())
    }
}

/// The names of the presets with their descriptions.
fn presets() -> PossibleValuesParser {
    PRESETS.iter().map(|preset| PossibleValue::new(preset.name).help(preset.about)).into()
}

fn set<T: Clone>(field: &mut T, given: Option<&T>) {
    if let Some(value) = given {
        field.clone_from(value);
    }
}

/// The recipe of a file, and which fields the file contains.
fn read(file: &Path) -> Result<(Spec, SpecifiedFields), Usage> {
    let wrong = |problem: String| Usage::value("--spec", format!("{}: {problem}", file.display()));
    let text = files::read::text(file, MAX_RECIPE)
        .map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let problem = |error: &toml::de::Error| wrong(toml_problem(&text, error));
    let spec = toml::from_str(&text).map_err(|error| problem(&error))?;
    let fields: toml::Table = toml::from_str(&text).map_err(|error| problem(&error))?;
    Ok((spec, SpecifiedFields::named(fields.keys().map(String::as_str))))
}

pub(super) fn count(text: &str) -> Result<u32, String> {
    whole(text, 1_000_000)
}

fn threads(text: &str) -> Result<u32, String> {
    whole(text, 1024)
}

fn whole(text: &str, most: u32) -> Result<u32, String> {
    let value = text.parse().ok().filter(|value| (1..=most).contains(value));
    value.ok_or_else(|| format!("give a whole number from 1 to {most}"))
}

fn rate(text: &str) -> Result<f64, String> {
    real(text, |x| x > 0.0 && x <= 1e6, "give a number above 0, at most 1000000")
}

fn parameter(text: &str) -> Result<f64, String> {
    real(text, |x| (0.0..=1e6).contains(&x), "give a number from 0 to 1000000")
}

fn fraction(text: &str) -> Result<f64, String> {
    real(text, |x| (0.0..1.0).contains(&x), "give a number from 0 to under 1")
}

fn fraction_above_0(text: &str) -> Result<f64, String> {
    real(text, |x| x > 0.0 && x < 1.0, "give a number between 0 and 1")
}

fn real(text: &str, right: impl Fn(f64) -> bool, advice: &str) -> Result<f64, String> {
    text.parse().ok().filter(|x| right(*x)).ok_or_else(|| advice.into())
}

fn expansion(text: &str) -> Result<Expansion, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let above_0 = |text: &str| real(text, |x| x > 0.0 && x <= 1000.0, "give numbers above 0");
    match parts[..] {
        ["shifts"] => Ok(Expansion::Shifts),
        ["rotation", degrees] => Ok(Expansion::Rotation(above_0(degrees)?)),
        ["scaling", share] => Ok(Expansion::Scaling(fraction_above_0(share)?)),
        ["translation", pixels] => Ok(Expansion::Translation(above_0(pixels)?)),
        ["elastic", alpha, sigma] => {
            Ok(Expansion::Elastic { alpha: above_0(alpha)?, sigma: above_0(sigma)? })
        }
        _ => Err("give shifts, rotation:DEGREES, scaling:FRACTION, translation:PIXELS or \
                  elastic:ALPHA:SIGMA, such as rotation:15"
            .into()),
    }
}

#[cfg(test)]
mod tests;
