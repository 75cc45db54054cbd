//! The languages of the dashboard: texts are written in English where they are used, and looked up
//! in the other language's table as they are drawn.

mod chinese;
mod ideas;

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

/// English and its translation.
type Entry = (&'static str, &'static str);

static CHINESE: LazyLock<HashMap<&str, &str>> =
    LazyLock::new(|| chinese::TABLES.iter().flat_map(|table| table.iter().copied()).collect());

/// Entries with places that a finished sentence can be told by: those with the most letters first.
static PATTERNS: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    /// Fewer letters would fit sentences that they were not meant for.
    const LEAST: usize = 8;
    let letters = |entry: &Entry| entry.0.replace("{}", "").len();
    let entries = chinese::TABLES.iter().flat_map(|table| table.iter().copied());
    let mut patterns: Vec<Entry> =
        entries.filter(|entry| entry.0.contains("{}") && letters(entry) >= LEAST).collect();
    patterns.sort_by_key(|entry| std::cmp::Reverse(letters(entry)));
    patterns
});

impl Language {
    /// The language of a locale such as `zh_CN.UTF-8`; English where there is no table for it.
    #[must_use]
    pub fn of_locale(locale: &str) -> Self {
        if locale.to_lowercase().starts_with("zh") { Self::Chinese } else { Self::English }
    }

    /// A text in this language; itself where the table does not have it.
    #[must_use]
    pub fn say(self, text: &str) -> &str {
        match self {
            Self::English => text,
            Self::Chinese => CHINESE.get(text).copied().unwrap_or(text),
        }
    }

    /// A text in this language, every `{}` replaced by the next value.
    #[must_use]
    pub fn fill(self, text: &str, values: &[&dyn Display]) -> String {
        filled(self.say(text), values.iter())
    }

    /// A finished sentence in this language, wherever it was made: looked up whole, else by the
    /// entry whose places it fills; what fills them is looked up, too.
    #[must_use]
    pub fn tell(self, text: &str) -> String {
        let whole = self.say(text);
        if self == Self::English || whole != text {
            return whole.into();
        }
        let fitting = PATTERNS.iter().find_map(|(english, chinese)| {
            let values = values_of(english, text)?;
            Some(filled(chinese, values.into_iter().map(|value| self.say(value))))
        });
        fitting.unwrap_or_else(|| text.into())
    }
}

/// A pattern with each `{}` replaced by the next value.
fn filled(pattern: &str, mut values: impl Iterator<Item = impl Display>) -> String {
    let mut parts = pattern.split("{}");
    let mut out = parts.next().unwrap_or_default().to_string();
    for part in parts {
        if let Some(value) = values.next() {
            // Writing to a string cannot fail.
            let _ = write!(out, "{value}");
        }
        out.push_str(part);
    }
    out
}

/// What stands in a text where a pattern has its places; `None` where it is of another pattern.
fn values_of<'a>(pattern: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let mut parts = pattern.split("{}");
    let mut rest = text.strip_prefix(parts.next()?)?;
    let mut parts = parts.peekable();
    let mut values = Vec::new();
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        let end = if is_last { rest.strip_suffix(part)?.len() } else { rest.find(part)? };
        values.push(&rest[..end]);
        rest = &rest[end + part.len()..];
    }
    rest.is_empty().then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthStr;

    #[test]
    fn the_locale_chooses() {
        for (locale, language) in [
            ("zh_CN.UTF-8", Language::Chinese),
            ("zh_TW", Language::Chinese),
            ("en_US.UTF-8", Language::English),
            ("C", Language::English),
            ("", Language::English),
        ] {
            assert_eq!(Language::of_locale(locale), language, "{locale}");
        }
    }

    #[test]
    fn texts_are_filled_in_order_and_unknown_ones_stay() {
        assert_eq!(Language::English.fill("{} of {}", &[&1, &"two"]), "1 of two");
        assert_eq!(Language::Chinese.fill("Test image {}", &[&7]), "测试图像 7");
        assert_eq!(Language::Chinese.say("conv20x5"), "conv20x5");
    }

    #[test]
    fn finished_sentences_are_told_with_what_fills_their_places() {
        let chinese = |text: &str| Language::Chinese.tell(text);
        assert_eq!(chinese("This gate is always 0."), "这个门是：恒为 0。");
        assert_eq!(chinese("This gate is NAND."), "这个门是：NAND。");
        assert_eq!(chinese("training"), "训练");
        assert_eq!(chinese("conv20x5 is no sentence"), "conv20x5 is no sentence");
        assert_eq!(Language::English.tell("This gate is NAND."), "This gate is NAND.");
        assert_eq!(values_of("{} or {}!", "a or b or c!"), Some(vec!["a", "b or c"]));
        assert_eq!(values_of("{} or {}!", "a or b"), None);
    }

    #[test]
    fn every_entry_is_there_once_with_as_many_places() {
        let entries = || chinese::TABLES.iter().flat_map(|table| table.iter());
        assert_eq!(entries().count(), CHINESE.len(), "an entry stands in the tables twice");
        for (english, chinese) in entries() {
            let places = |text: &str| text.matches("{}").count();
            assert_eq!(places(english), places(chinese), "{english}");
            assert!(chinese.width() > 0 && chinese != english, "{english}");
        }
    }

    #[test]
    fn the_terms_are_those_of_the_glossary() {
        for (english, chinese) in [
            ("perceptron", "感知机"),
            ("sigmoid neuron", "S 型神经元"),
            ("mini-batch", "小批量"),
            ("learning rate", "学习速率"),
            ("cost function", "代价函数"),
            ("backpropagation", "反向传播"),
            ("regularization", "正则化"),
            ("overfitting", "过度拟合"),
            ("softmax", "柔性最大值"),
        ] {
            assert_eq!(Language::Chinese.say(english), chinese);
        }
    }
}
