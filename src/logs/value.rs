//! A value of a configuration or a JSON document.

use std::fmt;

/// Null, a boolean, a number, a text, a list or a map with ordered keys.
#[derive(Clone, Debug, PartialEq)]
pub enum LogValue {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<LogValue>),
    Map(Vec<(String, LogValue)>),
}

impl LogValue {
    /// The number, or the number written as text (`"0.25"`, `"nan"`); `None` for other values.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => super::number::parse(text),
            _ => None,
        }
    }

    /// The value under a key of a map.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, v)| v),
            _ => None,
        }
    }

    /// Parses a word as in YAML and on command lines: `true`, `null`, `0.1`; anything else is text.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "" | "~" | "null" | "Null" | "NULL" | "None" => Self::Null,
            "true" | "True" | "TRUE" => Self::Bool(true),
            "false" | "False" | "FALSE" => Self::Bool(false),
            _ => super::number::parse(word.trim_start_matches('.'))
                .filter(|_| !word.starts_with("..") && !word.contains('_'))
                .map_or_else(
                    || Self::Text(word.to_owned()),
                    |parsed| Self::Number(super::number::parse(word).unwrap_or(parsed)),
                ),
        }
    }

    /// Calls `visit` with every leaf and its path, keys joined by `separator`. Items of a list are
    /// separate leaves (`loss/0`) if `split_lists`; otherwise a list is one leaf.
    pub fn leaves(&self, separator: &str, split_lists: bool, visit: &mut dyn FnMut(&str, &Self)) {
        let mut path = String::new();
        self.walk(separator, split_lists, &mut path, visit);
    }

    fn walk(
        &self,
        separator: &str,
        split_lists: bool,
        path: &mut String,
        visit: &mut dyn FnMut(&str, &Self),
    ) {
        let length = path.len();
        let mut enter = |key: &str, value: &Self| {
            if length > 0 {
                path.push_str(separator);
            }
            path.push_str(key);
            value.walk(separator, split_lists, path, visit);
            path.truncate(length);
        };
        match self {
            Self::Map(entries) => entries.iter().for_each(|(key, value)| enter(key, value)),
            Self::List(items) if split_lists => {
                items.iter().enumerate().for_each(|(i, item)| enter(&i.to_string(), item));
            }
            leaf => visit(path, leaf),
        }
    }
}

/// As shown in a configuration table: text without quotes, whole numbers without a decimal point.
impl fmt::Display for LogValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
            Self::List(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Self::Map(entries) => {
                f.write_str("{")?;
                for (index, (key, value)) in entries.iter().enumerate() {
                    write!(f, "{}{key}: {value}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("}")
            }
        }
    }
}
