//! Named choices, such as activation functions and costs, with their help texts.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use serde::de::value::{Error as NameError, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};

/// Names with their help texts.
pub(in crate::cli) type NamesWithHelp = &'static [(&'static str, &'static str)];

pub(in crate::cli) const ACTIVATIONS: NamesWithHelp = &[
    ("sigmoid", "1 / (1 + exp(-z)): from 0 to 1"),
    ("tanh", "from -1 to 1"),
    ("relu", "max(0, z)"),
    ("linear", ""),
    ("step", ""),
    ("softmax", ""),
];
pub(super) const INITS: NamesWithHelp = &[
    ("large", "Gaussians of standard deviation 1, as in chapter 1"),
    ("scaled", "Gaussians of standard deviation 1/sqrt(inputs), as in chapter 3"),
];
pub(super) const COSTS: NamesWithHelp = &[
    ("quadratic", "half the squared distance"),
    ("cross-entropy", "for independent sigmoid outputs"),
    ("log-likelihood", "for softmax outputs, which it implies"),
];
pub(super) const OPTIMIZERS: NamesWithHelp = &[
    ("sgd", "stochastic gradient descent"),
    ("momentum", "with --momentum"),
    ("nesterov", "momentum with a look-ahead gradient"),
    ("adam", "Adam, with its usual constants"),
];
pub(super) const PENALTIES: NamesWithHelp = &[
    ("none", "no penalty"),
    ("l1", "the sum of absolute values"),
    ("l2", "the sum of squares: weight decay"),
];

/// Parses a name as in spec files; a misspelt name is answered with the most similar one.
pub(in crate::cli) fn one_of<T>(
    names: &[(&'static str, &'static str)],
) -> impl TypedValueParser<Value = T> + use<T>
where
    T: DeserializeOwned + Clone + Send + Sync + 'static,
{
    let values = names.iter().map(|&(name, about)| {
        // Names without a description are only for spec files.
        PossibleValue::new(name).help(about).hide(about.is_empty())
    });
    PossibleValuesParser::from(values).try_map(|name| named::<T>(&name.to_lowercase()))
}

/// A value of an enum by its name.
fn named<T: DeserializeOwned>(text: &str) -> Result<T, NameError> {
    let name: StrDeserializer<NameError> = text.into_deserializer();
    T::deserialize(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Activation, Cost, Init, Optimizer, Penalty};

    /// Checks that the names in the help are those of spec files.
    fn check<T: DeserializeOwned + std::fmt::Debug>(names: NamesWithHelp) {
        let known: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        for name in &known {
            named::<T>(name).unwrap();
        }
        let refusal = named::<T>("?").unwrap_err().to_string();
        let listed = refusal.matches('`').count() / 2 - 1;
        assert_eq!(listed, known.len(), "{refusal} against {known:?}");
    }

    #[test]
    fn names_match_those_of_spec_files() {
        check::<Activation>(ACTIVATIONS);
        check::<Init>(INITS);
        check::<Cost>(COSTS);
        check::<Optimizer>(OPTIMIZERS);
        check::<Penalty>(PENALTIES);
    }
}
