use super::*;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::{env, fs};
use unicode_width::UnicodeWidthStr;

/// Calls and fields whose text is shown.
const SHOWN: &[&str] =
    &["say(", "fill(", "does:", "meaning:", "Pane::new(", "notify(", "pair(", "line("];

#[test]
fn the_language_follows_the_locale() {
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
fn keys_consist_of_the_first_words_of_a_text() {
    for (text, key) in [
        ("waiting for the network…", "waiting-for-the-network"),
        ("{} of {} hold", "_-of-_-hold"),
        ("x₁ good weather", "x1-good-weather"),
        ("momentum μ", "momentum-mu"),
        ("shift →", "shift-right"),
        ("I don't know: {}?", "I-dont-know-_"),
        ("η", "eta"),
        ("", ""),
        ("a b c d e f g h i j k l", "a-b-c-d-e-f-g-h-i-j"),
    ] {
        assert_eq!(id(text), key);
    }
}

#[test]
fn placeholders_are_filled_and_unknown_texts_stay_english() {
    assert_eq!(Language::English.fill("{} of {}", &[&1, &"two"]), "1 of two");
    assert_eq!(Language::Chinese.fill("Test image {}", &[&7]), "测试图像 7");
    assert_eq!(Language::Chinese.say("conv20x5"), "conv20x5");
}

/// The string literals of Rust code, each with the code before it on its line.
fn literals(code: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let code = code.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let (mut before, mut text) = (String::new(), None::<String>);
    let mut characters = code.chars().peekable();
    while let Some(character) = characters.next() {
        match (&mut text, character) {
            (Some(text), '\\') => match characters.next() {
                Some('\n') => while characters.next_if(|c| c.is_whitespace()).is_some() {},
                Some('n') => text.push('\n'),
                Some(escaped) => text.push(escaped),
                None => {}
            },
            (Some(_), '"') => found.push((before.clone(), text.take().unwrap_or_default())),
            (Some(text), other) => text.push(other),
            // Skip comments.
            (None, '/') if characters.peek() == Some(&'/') => {
                while characters.next_if(|c| *c != '\n').is_some() {}
            }
            // The character '"' and similar ones.
            (None, '\'') => {
                if characters.next_if_eq(&'"').is_some() {
                    characters.next();
                }
            }
            (None, '"') => text = Some(String::new()),
            (None, ';' | '{' | '}') => before.clear(),
            (None, other) => before.push(other),
        }
    }
    found
}

/// The code of the dashboard, of the explorables, and of other output to the terminal.
fn sources() -> Vec<String> {
    fn visit(folder: &Path, files: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(&path, files);
            } else if path.extension().is_some_and(|end| end == "rs")
                && path.file_name().is_some_and(|name| name != "tests.rs")
            {
                files.push(fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut files = Vec::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for folder in ["ui", "explore", "cli", "session"] {
        visit(&source.join(folder), &mut files);
    }
    files
}

#[test]
fn every_key_belongs_to_a_text_with_the_same_placeholders() {
    let mut texts: HashMap<String, HashSet<String>> = HashMap::new();
    for (_, text) in sources().iter().flat_map(|code| literals(code)) {
        texts.entry(id(&text)).or_default().insert(text);
    }
    let values = |text: &str| text.matches("{}").count();
    for (key, chinese) in CHINESE.iter() {
        let english = texts.get(key);
        assert!(english.is_some(), "no text of the program has the key {key} = {chinese:?}");
        assert!(chinese.width() > 0, "{key}");
        for text in english.into_iter().flatten() {
            assert_eq!(values(text), values(chinese), "{text:?} and {chinese:?}");
        }
    }
}

#[test]
fn keys_are_unique_across_sections() {
    let sections: HashMap<String, HashMap<String, String>> =
        toml::from_str(include_str!("../locales/zh.toml")).unwrap();
    let count: usize = sections.values().map(HashMap::len).sum();
    assert_eq!(count, CHINESE.len());
}

#[test]
fn every_displayed_text_is_translated() {
    let mut missing = Vec::new();
    for code in sources() {
        for (before, text) in literals(&code) {
            let words = text.replace("{}", "");
            let is_text = words.chars().filter(char::is_ascii_alphabetic).count() >= 3;
            let call = before.rsplit(&[',', '&', '='][..]).next().unwrap_or_default();
            let shown = SHOWN.iter().any(|call_of| call.trim_end().ends_with(call_of));
            if shown && is_text && !CHINESE.contains_key(&id(&text)) {
                missing.push(text);
            }
        }
    }
    assert!(missing.is_empty(), "not in locales/zh.toml: {missing:#?}");
}

#[test]
fn translations_use_the_terms_of_the_glossary() {
    for (english, chinese) in [
        ("perceptron", "感知机"),
        ("sigmoid neuron", "S 型神经元"),
        ("mini-batch", "小批量"),
        ("learning rate", "学习速率"),
        ("backpropagation", "反向传播"),
        ("regularization", "正则化"),
        ("softmax", "柔性最大值"),
    ] {
        assert_eq!(Language::Chinese.say(english), chinese);
    }
}
