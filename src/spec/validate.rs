//! Validation of specs; every error names the argument and valid values.

use super::build::image_shape;
use super::{Expansion, Optimizer, Readout, Schedule, Spec};
use crate::data::Dataset;
use crate::nn::{Activation, Architecture, ArchitectureError, Cost};

/// Upper limits of plausible epochs, mini-batch sizes and threads.
const MAX_EPOCHS: u32 = 1_000_000;
const MAX_BATCH: u32 = 100_000;
const MAX_THREADS: u32 = 1024;

/// Why a spec is invalid.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SpecError {
    #[error("{0}; give sizes such as `784,30,10`, from inputs to outputs")]
    Layers(#[from] ArchitectureError),
    #[error(
        "layers `{layers}`: {found} inputs, but an image of {data} has {size} = {expected} pixels; start with {expected}"
    )]
    Inputs {
        layers: String,
        found: usize,
        expected: usize,
        /// Width and height, and the channels of colour images.
        size: String,
        data: String,
    },
    #[error("layers `{layers}`: {found} outputs, but {reason}; end with {expected}")]
    Outputs { layers: String, found: usize, expected: usize, reason: String },
    #[error("{argument} {found}: give {right}")]
    Argument { argument: &'static str, found: String, right: String },
    #[error(
        "{argument} {found}: the checkpoint was made with {kept}; only epochs and threads may change on resuming"
    )]
    Resume { argument: String, found: String, kept: String },
    #[error("the data set {data} has no {what}; it needs both training and test images")]
    Data { data: String, what: &'static str },
}

/// Returns the error for an argument unless `fine`.
fn check(
    fine: bool,
    argument: &'static str,
    found: impl ToString,
    right: impl Into<String>,
) -> Result<(), SpecError> {
    if fine {
        return Ok(());
    }
    Err(SpecError::Argument { argument, found: found.to_string(), right: right.into() })
}

fn within(count: u32, most: u32, argument: &'static str) -> Result<(), SpecError> {
    let right = format!("a whole number from 1 to {most}");
    check((1..=most).contains(&count), argument, count, right)
}

fn fraction(value: f64, argument: &'static str) -> Result<(), SpecError> {
    check((0.0..1.0).contains(&value), argument, value, "a number from 0 to under 1")
}

impl Spec {
    /// Checks what can be checked without the data.
    ///
    /// # Errors
    /// Names the first invalid argument and valid values.
    pub fn validate(&self) -> Result<(), SpecError> {
        for layers in [&self.layers].into_iter().chain(&self.also) {
            layers.parse::<Architecture>()?;
        }
        within(self.batch, MAX_BATCH, "batch")?;
        check(
            self.epochs <= MAX_EPOCHS,
            "epochs",
            self.epochs,
            format!("a whole number up to {MAX_EPOCHS}"),
        )?;
        let eta = self.eta;
        check(eta.is_finite() && eta > 0.0, "eta", eta, "a number above 0")?;
        let lambda = self.regularizer.lambda;
        check(lambda.is_finite() && lambda >= 0.0, "lambda", lambda, "a number of at least 0")?;
        fraction(self.momentum, "momentum")?;
        fraction(self.dropout, "dropout")?;
        let with_momentum = matches!(self.optimizer, Optimizer::Momentum | Optimizer::Nesterov);
        check(
            self.momentum == 0.0 || with_momentum,
            "momentum",
            self.momentum,
            "0, or an optimizer that has momentum (`momentum` or `nesterov`)",
        )?;
        if let Some(threads) = self.threads {
            within(threads, MAX_THREADS, "threads")?;
        }
        self.validate_functions()?;
        self.validate_schedule()?;
        self.validate_expansions()?;
        if let Some(size) = self.train_size {
            check(size > 0, "train-size", size, "a whole number above 0")?;
            check(
                self.batch <= size,
                "batch",
                self.batch,
                format!("at most the {size} images of train-size"),
            )?;
        }
        Ok(())
    }

    fn validate_functions(&self) -> Result<(), SpecError> {
        check(
            self.activation != Activation::Softmax,
            "activation",
            "softmax",
            "sigmoid, tanh or relu: softmax is for the output layer, and comes with the cost \
             log-likelihood",
        )?;
        let outputs = self.output.unwrap_or(self.activation);
        check(
            outputs != Activation::Softmax,
            "output",
            "softmax",
            "sigmoid, tanh or relu: softmax outputs come with the cost log-likelihood",
        )?;
        // Both logarithms of the cross-entropy need outputs between 0 and 1.
        check(
            self.cost != Cost::CrossEntropy || outputs == Activation::Sigmoid,
            "cost",
            "cross-entropy",
            "quadratic or log-likelihood with these outputs: the cross-entropy needs outputs \
             between 0 and 1, such as those of sigmoid neurons",
        )?;
        check(
            self.cost != Cost::LogLikelihood || self.readout == Readout::OneHot,
            "cost",
            "log-likelihood",
            "quadratic or cross-entropy with this readout: there is one softmax output per class",
        )
    }

    fn validate_schedule(&self) -> Result<(), SpecError> {
        if let Schedule::HalveOnPlateau { patience, stop_at } = self.schedule {
            within(patience, MAX_EPOCHS, "schedule: patience")?;
            within(stop_at, u32::MAX, "schedule: stop-at")?;
        }
        if let super::EarlyStopping::NoImprovementIn(epochs) = self.early_stopping {
            within(epochs, MAX_EPOCHS, "early-stopping")?;
        }
        let judged = matches!(self.schedule, Schedule::HalveOnPlateau { .. })
            || self.early_stopping != super::EarlyStopping::Never;
        check(
            !(self.all_images && judged),
            "all-images",
            true,
            "false, or neither halve-after nor stop-after: no validation images are left to measure improvement on",
        )
    }

    fn validate_expansions(&self) -> Result<(), SpecError> {
        for expansion in &self.expand {
            match *expansion {
                Expansion::Shifts => {}
                Expansion::Rotation(degrees) => check(
                    degrees > 0.0 && degrees <= 180.0,
                    "expand: rotation",
                    degrees,
                    "degrees above 0, up to 180",
                )?,
                Expansion::Scaling(fraction) => check(
                    fraction > 0.0 && fraction < 1.0,
                    "expand: scaling",
                    fraction,
                    "a fraction between 0 and 1",
                )?,
                Expansion::Translation(pixels) => check(
                    pixels > 0.0 && pixels <= 1000.0,
                    "expand: translation",
                    pixels,
                    "pixels above 0, up to 1000",
                )?,
                Expansion::Elastic { alpha, sigma } => {
                    let fine = alpha.is_finite() && alpha > 0.0;
                    check(fine, "expand: elastic alpha", alpha, "a number above 0")?;
                    let fine = sigma > 0.0 && sigma <= 100.0;
                    check(fine, "expand: elastic sigma", sigma, "pixels above 0, up to 100")?;
                }
            }
        }
        Ok(())
    }

    /// Checks that a run with the spec `kept` can be resumed with this one.
    ///
    /// # Errors
    /// Names the first argument that differs, unless it cannot affect the result.
    pub fn validate_resumes(&self, kept: &Self) -> Result<(), SpecError> {
        // All fields are compared generically, so that new fields are included.
        let fields = |spec: &Self| match serde_json::to_value(spec) {
            Ok(serde_json::Value::Object(fields)) => fields,
            _ => serde_json::Map::new(),
        };
        let (mine, theirs) = (fields(self), fields(kept));
        // If η depends on the length of the run, the number of epochs affects every step.
        let free: &[&str] = match self.schedule {
            Schedule::Linear => &["threads", "data"],
            _ => &["epochs", "threads", "data"],
        };
        for (argument, found) in mine.iter().filter(|(name, _)| !free.contains(&name.as_str())) {
            let kept = theirs.get(argument).cloned().unwrap_or_default();
            if *found != kept {
                let (argument, found) = (argument.clone(), found.to_string());
                return Err(SpecError::Resume { argument, found, kept: kept.to_string() });
            }
        }
        Ok(())
    }

    /// Checks what depends on the data.
    ///
    /// # Errors
    /// As [`Spec::validate`].
    pub fn validate_for(&self, data: &Dataset) -> Result<(), SpecError> {
        for (what, empty) in
            [("training images", data.train.is_empty()), ("test images", data.test.is_empty())]
        {
            if empty {
                return Err(SpecError::Data { data: data.name.clone(), what });
            }
        }
        for layers in [&self.layers].into_iter().chain(&self.also) {
            self.validate_ends(layers, data)?;
        }
        let kept = if self.all_images { 0 } else { data.validation.len() };
        let available = data.train.len() + data.validation.len() - kept;
        if let Some(size) = self.train_size {
            check(
                size as usize <= available,
                "train-size",
                size,
                format!("at most the {available} training images of {}", data.name),
            )?;
        }
        check(
            self.batch as usize <= available,
            "batch",
            self.batch,
            format!("at most the {available} training images of {}", data.name),
        )
    }

    /// Checks that the inputs are the pixels of an image and the outputs those of the readout.
    fn validate_ends(&self, layers: &str, data: &Dataset) -> Result<(), SpecError> {
        let architecture: Architecture = layers.parse()?;
        let layers = layers.to_owned();
        let outputs = architecture.outputs();
        let (width, height) = (data.train.width, data.train.height);
        let channels = data.train.channels;
        if let Some(inputs) = architecture.inputs()
            && inputs != width * height * channels
        {
            return Err(SpecError::Inputs {
                layers,
                found: inputs,
                expected: width * height * channels,
                size: match channels {
                    1 => format!("{width}×{height}"),
                    _ => format!("{width}×{height}×{channels}"),
                },
                data: data.name.clone(),
            });
        }
        architecture.check(image_shape((width, height), channels))?;
        let classes = data.classes.len();
        if let Readout::Is(class) = self.readout {
            let right = format!("a class from 0 to {}", classes.saturating_sub(1));
            check(usize::from(class) < classes, "readout: is", class, right)?;
        }
        let expected = self.readout.outputs(classes);
        if outputs != expected {
            let reason = match self.readout {
                Readout::OneHot => format!("{} has {classes} classes", data.name),
                Readout::Binary => format!("{classes} classes in binary are {expected} bits"),
                Readout::Is(_) => "a yes-or-no readout has one output".into(),
            };
            return Err(SpecError::Outputs { layers, found: outputs, expected, reason });
        }
        Ok(())
    }
}
