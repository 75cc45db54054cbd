//! The images of one split of a data set, with the labels as they are in the file.

use crate::data::Images;
use std::path::PathBuf;

/// The labels of one split, one per image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Labels {
    Numbers(Vec<i64>),
    Names(Vec<String>),
}

impl Default for Labels {
    fn default() -> Self {
        Self::Numbers(Vec::new())
    }
}

impl Labels {
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Names(names) => names.len(),
        }
    }

    /// Appends other labels; if either are names, all become names.
    pub fn append(&mut self, others: Self) {
        match (self, others) {
            (Self::Numbers(mine), Self::Numbers(others)) => mine.extend(others),
            (Self::Names(mine), others) => mine.extend(others.into_names()),
            (mine, others) => {
                let mut names = std::mem::take(mine).into_names();
                names.extend(others.into_names());
                *mine = Self::Names(names);
            }
        }
    }

    pub fn into_names(self) -> Vec<String> {
        match self {
            Self::Numbers(numbers) => numbers.iter().map(i64::to_string).collect(),
            Self::Names(names) => names,
        }
    }

    /// Converts texts to numbers if all of them are whole numbers.
    pub fn of_texts(texts: Vec<String>) -> Self {
        let number = |text: &String| -> Option<i64> {
            let text = text.trim();
            let whole = text.strip_suffix(".0").unwrap_or(text);
            whole.parse().ok()
        };
        match texts.iter().map(number).collect() {
            Some(numbers) => Self::Numbers(numbers),
            None => Self::Names(texts),
        }
    }
}

/// The images of one split.
#[derive(Clone, Debug)]
pub(super) struct SplitImages {
    /// Their source, for errors.
    pub file: PathBuf,
    /// With empty `labels`.
    pub images: Images,
    pub labels: Labels,
}
