//! Text from untrusted sources, made safe to print.
//!
//! A file, a socket or an argument can hold escape sequences that retitle the terminal, move its
//! cursor or fill its clipboard, and line breaks that forge a line of a log. Printing replaces
//! every such character by a visible escape as Rust writes it, such as `\u{1b}` or `\n`.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt::{self, Write};

/// Text from outside the program: a name, a path, a message of another process. It can only be
/// printed escaped; [`Untrusted::raw`] is for comparing and storing.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Untrusted(String);

impl Untrusted {
    /// The original text. Not for printing.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.0
    }

    /// The text in one line, with unprintable characters escaped.
    #[must_use]
    pub fn printable(&self) -> Cow<'_, str> {
        printable(&self.0)
    }
}

impl<T: Into<String>> From<T> for Untrusted {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.printable())
    }
}

impl fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.printable())
    }
}

/// A text in one line without control characters: each one that could act on a terminal or hide
/// other text becomes a visible escape. Printable text is returned unchanged, so the function is
/// idempotent.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, |character, out| match character {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        other => push(out, format_args!("\\u{{{:x}}}", u32::from(other))),
    })
}

/// JSON text with the characters that [`printable`] escapes written as `\uXXXX`. They occur only
/// within strings, whose value stays the same.
#[must_use]
pub fn printable_json(json: &str) -> Cow<'_, str> {
    escaped(json, |character, out| {
        for unit in character.encode_utf16(&mut [0; 2]) {
            push(out, format_args!("\\u{unit:04x}"));
        }
    })
}

fn escaped(text: &str, escape: impl Fn(char, &mut String)) -> Cow<'_, str> {
    if !text.contains(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_unprintable(character) {
            escape(character, &mut out);
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

fn push(out: &mut String, text: fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(text);
}

/// Whether a terminal may act on a character, or reorder or hide text around it: C0, DEL and C1
/// controls, line and paragraph separators, bidirectional controls, and invisible tags.
#[must_use]
pub fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_become_visible() {
        for (text, expected) in [
            ("\x1b]0;title\x07", r"\u{1b}]0;title\u{7}"),
            ("a\nb\r\tc", r"a\nb\r\tc"),
            ("\u{9b}31m \x7f", r"\u{9b}31m \u{7f}"),
            ("\u{202e}gnp.\u{2066}\u{200f}", r"\u{202e}gnp.\u{2066}\u{200f}"),
            ("\u{2028}\u{feff}\u{e0041}", r"\u{2028}\u{feff}\u{e0041}"),
        ] {
            assert_eq!(printable(text), expected);
            assert_eq!(Untrusted::from(text).to_string(), expected);
            assert_eq!(format!("{:?}", Untrusted::from(text)), format!("\"{expected}\""));
        }
    }

    #[test]
    fn text_of_every_language_is_unchanged() {
        for text in ["784-30-10 · η = 3", "手写数字", "עברית", "👩‍🔬", r"C:\new", ""]
        {
            assert!(matches!(printable(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn every_unprintable_character_is_escaped() {
        for character in (0..=0x10_ffff).filter_map(char::from_u32) {
            let text = character.to_string();
            assert!(!printable(&text).contains(char::is_control), "{:x}", u32::from(character));
            assert_eq!(printable(&printable(&text)), printable(&text));
        }
    }

    #[test]
    fn escaped_json_has_the_same_value() {
        let text = "\u{9b}31m \u{202e} \u{e0041} \x7f é";
        let json = serde_json::to_string(text).unwrap();
        let escaped = printable_json(&json);
        assert_eq!(escaped, "\"\\u009b31m \\u202e \\udb40\\udc41 \\u007f é\"");
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
    }

    #[test]
    fn untrusted_text_is_padded_by_its_escaped_width() {
        assert_eq!(format!("{:>4}|", Untrusted::from("a\n")), r" a\n|");
        let text = Untrusted::from("a\x1bb");
        assert_eq!(serde_json::to_string(&text).unwrap(), r#""a\u001bb""#);
        assert_eq!(text.raw(), "a\x1bb");
    }
}
