//! Line breaking of text.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Characters that cannot begin a line.
const CLOSING: &str = "。，、；：？！）》」』】〕”’…—·%．,.;:?!)]}";
/// Characters that cannot end a line.
const OPENING: &str = "（《「『【〔“‘([{";

/// Breaks text into lines of at most `width` columns: at spaces, and between characters of scripts
/// without spaces, so that no line begins with closing or ends with opening punctuation. A word
/// that is longer than a line is broken anywhere. Never empty.
#[must_use]
pub fn wrap(text: &str, width: u16) -> Vec<String> {
    let width = usize::from(width).max(1);
    let mut lines = vec![String::new()];
    for TextPiece { text, after_space } in pieces(text) {
        let line = lines.last_mut().expect("starts with one line and only grows");
        let gap = usize::from(after_space && !line.is_empty());
        if line.width() + gap + text.width() <= width {
            line.push_str(&" "[..gap]);
            line.push_str(&text);
        } else {
            if !line.is_empty() {
                lines.push(String::new());
            }
            push_broken(&mut lines, &text, width);
        }
    }
    lines
}

/// The beginning of a text, at most `columns` wide.
#[must_use]
pub fn cut(text: &str, columns: usize) -> String {
    let mut kept = String::new();
    for character in text.chars() {
        if kept.width() + character.width().unwrap_or(0) > columns {
            break;
        }
        kept.push(character);
    }
    kept.trim_end().into()
}

/// A text of at most `columns`: one that is longer ends with an ellipsis.
#[must_use]
pub fn shortened(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.into();
    }
    cut(text, columns.saturating_sub(1)) + "…"
}

/// A part of a text that is not broken.
struct TextPiece {
    text: String,
    after_space: bool,
}

/// Words, and single characters of scripts without spaces, each with its punctuation.
fn pieces(text: &str) -> Vec<TextPiece> {
    let mut pieces: Vec<TextPiece> = Vec::new();
    for word in text.split_whitespace() {
        let mut after_space = true;
        let mut last = None;
        for character in word.chars() {
            let joined = last.is_some_and(|last| is_joined(last, character));
            match pieces.last_mut() {
                Some(piece) if joined => piece.text.push(character),
                _ => pieces.push(TextPiece { text: character.into(), after_space }),
            }
            (after_space, last) = (false, Some(character));
        }
    }
    pieces
}

/// Whether two characters of a word must stay on one line.
fn is_joined(before: char, after: char) -> bool {
    let is_wide = |c: char| c.width().unwrap_or(0) > 1;
    CLOSING.contains(after)
        || OPENING.contains(before)
        || !(is_wide(before) || is_wide(after) || CLOSING.contains(before) && !before.is_ascii())
}

/// Appends a piece to the last line, character by character, with as many further lines as needed.
fn push_broken(lines: &mut Vec<String>, piece: &str, width: usize) {
    for character in piece.chars() {
        let line = lines.last_mut().expect("starts with one line and only grows");
        let wide = character.width().unwrap_or(0);
        if !line.is_empty() && line.width() + wide > width {
            lines.push(character.to_string());
        } else {
            line.push(character);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn breaks_at_spaces_and_between_wide_characters() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("反向传播算法", 5), ["反向", "传播", "算法"]);
        assert_eq!(wrap("", 5), [""]);
    }

    #[test]
    fn punctuation_stays_with_its_word() {
        assert_eq!(wrap("误差降到 0，新点增大。", 8), ["误差降到", "0，新点", "增大。"]);
        assert_eq!(wrap("与非门（NAND）。移动", 12), ["与非门", "（NAND）。移", "动"]);
        assert_eq!(wrap("a word, (and more)", 7), ["a word,", "(and", "more)"]);
    }

    proptest! {
        #[test]
        fn no_line_is_too_long_and_nothing_is_lost(text in "[a-z代价。，（） ]{0,60}", width in 2_u16..20) {
            let lines = wrap(&text, width);
            prop_assert!(lines.iter().all(|line| line.width() <= usize::from(width)));
            let letters = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(letters(&lines.join(" ")), letters(&text));
        }

        #[test]
        fn no_line_begins_with_closing_punctuation(text in "([a-z]{1,3}|[代价函数]{1,6})([。，] ?([代价]{1,5}|[a-z]{1,3})){0,8}") {
            for line in wrap(&text, 12) {
                prop_assert!(!line.starts_with(['。', '，']), "{:?}", line);
            }
        }
    }
}
