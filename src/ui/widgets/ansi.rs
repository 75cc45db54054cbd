//! Text with escape sequences: colours and attributes such as bold (SGR) are kept, all other
//! control sequences are removed.

use ratatui::style::{Color, Modifier, Style};
use std::iter::Peekable;
use std::str::Chars;

/// Splits a line into styled spans without control characters, so that the line cannot control the
/// terminal.
#[must_use]
pub fn spans(line: &str, base: Style) -> Vec<(String, Style)> {
    let mut spans: Vec<(String, Style)> = Vec::new();
    let mut style = base;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => {
                if let Some(codes) = escape(&mut characters) {
                    style = apply(&codes, style, base);
                }
            }
            '\u{9b}' => {
                if let Some(codes) = control_sequence(&mut characters) {
                    style = apply(&codes, style, base);
                }
            }
            '\t' => push(&mut spans, ' ', style),
            '\u{8}' => {
                if let Some((text, _)) = spans.last_mut() {
                    text.pop();
                }
            }
            character if crate::protocol::is_unprintable(character) => {}
            character => push(&mut spans, character, style),
        }
    }
    spans.retain(|(text, _)| !text.is_empty());
    spans
}

fn push(spans: &mut Vec<(String, Style)>, character: char, style: Style) {
    match spans.last_mut() {
        Some((text, last)) if *last == style => text.push(character),
        _ => spans.push((character.to_string(), style)),
    }
}

/// Skips an escape sequence after ESC; returns its parameters if it is SGR.
fn escape(characters: &mut Peekable<Chars>) -> Option<String> {
    match characters.next()? {
        '[' => control_sequence(characters),
        // OSC, DCS, SOS, PM and APC: text up to BEL or ST.
        ']' | 'P' | 'X' | '^' | '_' => {
            while let Some(character) = characters.next() {
                match character {
                    '\u{7}' | '\u{9c}' => break,
                    '\u{1b}' => {
                        characters.next_if_eq(&'\\');
                        break;
                    }
                    _ => {}
                }
            }
            None
        }
        // Two-character sequences with an intermediate, such as a character set.
        ' '..='/' => {
            characters.next();
            None
        }
        _ => None,
    }
}

/// Skips a control sequence; returns its parameters if it is SGR.
fn control_sequence(characters: &mut Peekable<Chars>) -> Option<String> {
    let mut parameters = String::new();
    while let Some(character) = characters.next_if(|c| matches!(c, ' '..='?')) {
        parameters.push(character);
    }
    match characters.next_if(|c| matches!(c, '@'..='~')) {
        Some('m') if parameters.chars().all(|c| matches!(c, '0'..='9' | ';' | ':')) => {
            Some(parameters)
        }
        _ => None,
    }
}

/// The style after an SGR sequence.
fn apply(parameters: &str, mut style: Style, base: Style) -> Style {
    let numbers: Vec<u16> =
        parameters.split([';', ':']).map(|number| number.parse().unwrap_or(0)).collect();
    let mut rest = &numbers[..];
    while let [code, after @ ..] = rest {
        rest = after;
        match code {
            0 => style = base,
            1 => style = style.add_modifier(Modifier::BOLD),
            2 => style = style.add_modifier(Modifier::DIM),
            3 => style = style.add_modifier(Modifier::ITALIC),
            4 => style = style.add_modifier(Modifier::UNDERLINED),
            7 => style = style.add_modifier(Modifier::REVERSED),
            22 => style = style.remove_modifier(Modifier::BOLD | Modifier::DIM),
            23 => style = style.remove_modifier(Modifier::ITALIC),
            24 => style = style.remove_modifier(Modifier::UNDERLINED),
            27 => style = style.remove_modifier(Modifier::REVERSED),
            30..=37 => style = style.fg(Color::Indexed((code - 30) as u8)),
            40..=47 => style = style.bg(Color::Indexed((code - 40) as u8)),
            90..=97 => style = style.fg(Color::Indexed((code - 82) as u8)),
            100..=107 => style = style.bg(Color::Indexed((code - 92) as u8)),
            39 => style.fg = base.fg,
            49 => style.bg = base.bg,
            38 | 48 => {
                let (color, after) = extended(rest);
                rest = after;
                match (color, code) {
                    (Some(color), 38) => style = style.fg(color),
                    (Some(color), _) => style = style.bg(color),
                    (None, _) => {}
                }
            }
            _ => {}
        }
    }
    style
}

/// Parses a colour after 38 or 48; returns the remaining parameters.
fn extended(numbers: &[u16]) -> (Option<Color>, &[u16]) {
    match numbers {
        [5, index, rest @ ..] => (u8::try_from(*index).ok().map(Color::Indexed), rest),
        [2, red, green, blue, rest @ ..] => {
            let [red, green, blue] = [red, green, blue].map(|&part| part.min(255) as u8);
            (Some(Color::Rgb(red, green, blue)), rest)
        }
        _ => (None, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(line: &str) -> String {
        spans(line, Style::default()).into_iter().map(|(text, _)| text).collect()
    }

    #[test]
    fn colours_become_styles() {
        let found =
            spans("a\x1b[31;1mred\x1b[0m \x1b[38;5;200mx\x1b[48;2;1;2;3my", Style::default());
        let red = Style::new().fg(Color::Indexed(1)).add_modifier(Modifier::BOLD);
        let pink = Style::new().fg(Color::Indexed(200));
        let expected = [
            ("a".to_owned(), Style::default()),
            ("red".to_owned(), red),
            (" ".to_owned(), Style::default()),
            ("x".to_owned(), pink),
            ("y".to_owned(), pink.bg(Color::Rgb(1, 2, 3))),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn other_sequences_are_removed() {
        assert_eq!(text("a\x1b]0;title\x07b\x1b[2Jc\x1b[?1049hd\x1bPq#0\x1b\\e\x1b(Bf"), "abcdef");
        assert_eq!(text("a\u{9b}31mb\u{202e}c\0d"), "abcd");
        assert_eq!(text("12%\x08\x08\x083%"), "3%");
        assert_eq!(
            text("\x1b]52;c;ZXZpbA=="),
            "",
            "an incomplete sequence hides the rest of its line"
        );
    }

    proptest! {
        #[test]
        fn no_control_characters_remain(line in "(\\PC|\\p{Cc}|\x1b[\\[\\]P(]?[0-9;:]{0,6}[a-zA-Z]?){0,40}") {
            prop_assert!(!text(&line).contains(crate::protocol::is_unprintable));
        }
    }
}
