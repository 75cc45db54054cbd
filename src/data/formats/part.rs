//! The images of one part of a data set, with their labels as they were written.

use crate::data::Images;
use std::path::PathBuf;

/// The labels of one part, one an image.
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

    /// Adds others behind these; where one of both are names, all become names.
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

    /// Names that are all whole numbers are numbers.
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

/// Images of one part, their labels as they were written.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// If they come from, for errors.
    pub file: PathBuf,
    /// Its `labels` are empty.
    pub images: Images,
    pub labels: Labels,
}
