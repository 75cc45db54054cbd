//! The languages of the dashboard. Texts are written in English where they are used; a translation
//! is a file under `locales/`, keyed by [`id`].

mod explorables;

use std::collections::HashMap;
use std::fmt::{Display, Write as _};
use std::sync::LazyLock;

/// A language of the dashboard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    #[default]
    English,
    Chinese,
}

static CHINESE: LazyLock<HashMap<String, String>> =
    LazyLock::new(|| read(include_str!("locales/zh.toml")));

/// Maximum number of words in a key.
const WORDS: usize = 10;

/// Parses a translation: texts by key, over all sections.
fn read(file: &str) -> HashMap<String, String> {
    let sections: HashMap<String, HashMap<String, String>> =
        toml::from_str(file).expect("a test reads every translation");
    sections.into_values().flatten().collect()
}

/// The key of an English text: its first ten words of ASCII letters and digits, joined by `-`. A
/// value `{}` is `_`; subscripts count as digits, Greek letters and arrows by their names.
#[must_use]
pub fn id(text: &str) -> String {
    let mut id = String::with_capacity(text.len());
    let mut words = 0;
    // Whether the next character continues the current word.
    let mut within = false;
    let text = text.replace("{}", "_");
    for character in text.chars() {
        let subscript = (character as u32).checked_sub('₀' as u32).filter(|digit| *digit < 10);
        let named = match character {
            'Δ' => "Delta",
            'σ' => "sigma",
            'δ' => "delta",
            'η' => "eta",
            'λ' => "lambda",
            'μ' => "mu",
            '→' => "right",
            '←' => "left",
            '↑' => "up",
            '↓' => "down",
            _ => "",
        };
        let letter = subscript
            .and_then(|digit| char::from_digit(digit, 10))
            .or(Some(character).filter(|c| c.is_ascii_alphanumeric() || *c == '_'));
        match letter {
            // An apostrophe does not separate words.
            None if named.is_empty() && matches!(character, '\'' | '’') => {}
            None if named.is_empty() => within = false,
            None => {
                if words == WORDS {
                    break;
                }
                let gap = if words > 0 { "-" } else { "" };
                let _ = write!(id, "{gap}{named}");
                words += 1;
                within = false;
            }
            Some(letter) => {
                if !within {
                    if words == WORDS {
                        break;
                    }
                    if words > 0 {
                        id.push('-');
                    }
                    words += 1;
                }
                id.push(letter);
                within = true;
            }
        }
    }
    id
}

impl Language {
    /// The language of a locale such as `zh_CN.UTF-8`; English if there is no translation.
    #[must_use]
    pub fn of_locale(locale: &str) -> Self {
        if locale.to_lowercase().starts_with("zh") { Self::Chinese } else { Self::English }
    }

    /// The translation of a text, or the text itself if it has none.
    #[must_use]
    pub fn say(self, text: &str) -> &str {
        match self {
            Self::English => text,
            Self::Chinese => CHINESE.get(&id(text)).map_or(text, String::as_str),
        }
    }

    /// What separates the items of a list.
    #[must_use]
    pub fn comma(self) -> &'static str {
        match self {
            Self::English => ", ",
            Self::Chinese => "，",
        }
    }

    /// The translation of a text, with each `{}` replaced by the next value.
    #[must_use]
    pub fn fill(self, text: &str, values: &[&dyn Display]) -> String {
        let mut parts = self.say(text).split("{}");
        let mut out = parts.next().unwrap_or_default().to_string();
        let mut values = values.iter();
        for part in parts {
            if let Some(value) = values.next() {
                // Writing to a string cannot fail.
                let _ = write!(out, "{value}");
            }
            out.push_str(part);
        }
        out
    }
}

#[cfg(test)]
mod tests;
