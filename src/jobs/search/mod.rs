//! Hyper-parameter search, grid or random (section 3.5), described by the `[search]` table of a
//! spec.

mod axis;
mod runner;

pub use axis::SearchAxis;
pub use runner::{SearchResult, run};

use crate::rng::{Purpose, stream};
use crate::spec::{Spec, SpecError, SpecifiedFields, toml_problem};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Maximum number of runs of one search.
const MAX_POINTS: usize = 10_000;

/// A spec and the fields that are varied.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    base: toml::Table,
    /// The axes by dotted field name, such as `eta` or `regularizer.lambda`.
    axes: BTreeMap<String, SearchAxis>,
}

/// One combination of the varied hyper-parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchPoint {
    /// Name and value of each varied field, ordered by name.
    pub values: Vec<(String, String)>,
    pub spec: Spec,
}

/// Why a search cannot start.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    #[error("{0}")]
    Syntax(String),
    #[error(
        "there is no [search] table; it names fields and what to try, such as \
         `eta = [0.3, 3.0]` or `\"regularizer.lambda\" = {{ from = 0.1, to = 10.0, scale = \"log\", steps = 5 }}`"
    )]
    NoAxes,
    #[error("search: `{name}`: {problem}")]
    Axis { name: String, problem: String },
    #[error(
        "search: {0} runs are too many: at most {MAX_POINTS}; give fewer values, or --random N"
    )]
    TooMany(usize),
    #[error(
        "search: `all-images` leaves no validation images to compare runs on; remove it until the recipe is chosen"
    )]
    AllImages,
    #[error("search: `also` names layers of an ensemble, and every run is one network; remove it")]
    Also,
    #[error("search: {values}: {source}")]
    Spec { values: String, source: SpecError },
}

impl Search {
    /// Reads a spec file with a `[search]` table.
    ///
    /// # Errors
    /// If the text is not TOML, no field is varied, or a field cannot be varied.
    pub fn parse(text: &str) -> Result<Self, SearchError> {
        let mut base: toml::Table = toml::from_str(text)
            .map_err(|error| SearchError::Syntax(toml_problem(text, &error)))?;
        let Some(toml::Value::Table(table)) = base.remove("search") else {
            return Err(SearchError::NoAxes);
        };
        let mut axes = BTreeMap::new();
        for (name, value) in table {
            let wrong = |problem| SearchError::Axis { name: name.clone(), problem };
            axes.insert(name.clone(), SearchAxis::parse(value).map_err(wrong)?);
        }
        if axes.is_empty() {
            return Err(SearchError::NoAxes);
        }
        Ok(Self { base, axes })
    }

    /// Every combination of the values.
    ///
    /// # Errors
    /// If there are too many, or one of them is invalid.
    pub fn grid(&self) -> Result<Vec<SearchPoint>, SearchError> {
        let choices: Vec<Vec<toml::Value>> = self.axes.values().map(SearchAxis::steps).collect();
        let count = choices.iter().map(Vec::len).try_fold(1_usize, usize::checked_mul);
        let count = count.unwrap_or(usize::MAX);
        if count > MAX_POINTS {
            return Err(SearchError::TooMany(count));
        }
        let combination = |mut index: usize| {
            // The last axis changes fastest, as in nested loops.
            let mut chosen: Vec<toml::Value> = choices
                .iter()
                .rev()
                .map(|values| {
                    let value = values[index % values.len()].clone();
                    index /= values.len();
                    value
                })
                .collect();
            chosen.reverse();
            self.point(chosen)
        };
        (0..count).map(combination).collect()
    }

    /// `count` random points; point i depends only on the seed of the spec and i.
    ///
    /// # Errors
    /// As [`Search::grid`].
    pub fn random(&self, count: usize) -> Result<Vec<SearchPoint>, SearchError> {
        if count > MAX_POINTS {
            return Err(SearchError::TooMany(count));
        }
        let seed = self.base.get("seed").and_then(toml::Value::as_integer).unwrap_or(1) as u64;
        let choice = |index: usize| {
            let mut stream = stream(seed, Purpose::Search, 0, index as u64);
            self.point(self.axes.values().map(|axis| axis.draw(&mut stream)).collect())
        };
        (0..count).map(choice).collect()
    }

    fn point(&self, chosen: Vec<toml::Value>) -> Result<SearchPoint, SearchError> {
        let mut table = self.base.clone();
        for (name, value) in self.axes.keys().zip(&chosen) {
            set(&mut table, name, value.clone())
                .map_err(|problem| SearchError::Axis { name: name.clone(), problem })?;
        }
        let given = SpecifiedFields::named(table.keys().map(String::as_str));
        let mut spec = Spec::deserialize(table)
            .map_err(|error| SearchError::Syntax(error.to_string().trim().replace('\n', " ")))?;
        spec.complete(given);
        let values: Vec<(String, String)> =
            self.axes.keys().cloned().zip(chosen.iter().map(plain)).collect();
        spec.validate().map_err(|source| {
            let values = values.iter().map(|(name, value)| format!("{name} = {value}"));
            SearchError::Spec { values: values.collect::<Vec<_>>().join(", "), source }
        })?;
        if spec.all_images {
            return Err(SearchError::AllImages);
        }
        if !spec.also.is_empty() {
            return Err(SearchError::Also);
        }
        Ok(SearchPoint { values, spec })
    }
}

/// Sets a field by its dotted name, creating tables as needed.
fn set(table: &mut toml::Table, name: &str, value: toml::Value) -> Result<(), String> {
    match name.split_once('.') {
        None => {
            table.insert(name.into(), value);
            Ok(())
        }
        Some((head, rest)) => {
            let inner = table.entry(head).or_insert_with(|| toml::Table::new().into());
            let inner = inner.as_table_mut().ok_or(format!("`{head}` is not a table"))?;
            set(inner, rest, value)
        }
    }
}

/// Formats a value for the table of results.
fn plain(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
