//! The languages of the dashboard: texts are written in English where they are used, and looked up
//! in the other language's table as they are drawn.

mod chinese;

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
        let mut values = values.iter();
        let mut parts = self.say(text).split("{}");
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
