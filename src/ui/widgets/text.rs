//! Running text, broken into lines.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Breaks text at spaces into lines of at most `width` columns. A word that is longer than a line,
/// and writing without spaces, is broken between characters. Never empty.
#[must_use]
pub fn wrap(text: &str, width: u16) -> Vec<String> {
    let width = usize::from(width).max(1);
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("starts with one line and only grows");
        let gap = usize::from(!line.is_empty());
        if line.width() + gap + word.width() <= width {
            line.push_str(&" "[..gap]);
            line.push_str(word);
        } else {
            if gap == 1 {
                lines.push(String::new());
            }
            push_broken(&mut lines, word, width);
        }
    }
    lines
}

/// Appends a word to the last line, character by character, with as many more lines as it takes.
fn push_broken(lines: &mut Vec<String>, word: &str, width: usize) {
    for character in word.chars() {
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

    proptest! {
        #[test]
        fn no_line_is_too_long_and_nothing_is_lost(text in "[a-z代价 ]{0,60}", width in 2_u16..20) {
            let lines = wrap(&text, width);
            prop_assert!(lines.iter().all(|line| line.width() <= usize::from(width)));
            let letters = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(letters(&lines.join(" ")), letters(&text));
        }
    }
}
