//! Queries the terminal for its background colour (OSC 11). The reply arrives between the keys,
//! possibly late or never.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Requests the background colour.
pub(super) const QUERY: &str = "\x1b]11;?\x1b\\";

/// Maximum length of a reply: `11;rgba:ffff/ffff/ffff/ffff`.
const MAX_LENGTH: usize = 40;

/// Filters replies out of the keys. The input library does not support OSC and passes its bytes on
/// as keys: Alt-`]`, the characters of the reply, then Alt-`\` or Ctrl-G.
#[derive(Debug, Default)]
pub(super) struct ReplyFilter {
    /// The incomplete reply.
    reply: Option<String>,
}

/// Classification of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyClass {
    /// A key that the user pressed.
    Key(KeyEvent),
    /// Part of a reply.
    Swallowed,
    /// The end of a reply with the background colour.
    Background { light: bool },
}

impl ReplyFilter {
    /// Filters the next key.
    pub(super) fn take(&mut self, key: KeyEvent) -> KeyClass {
        let Some(reply) = &mut self.reply else {
            if key.code == KeyCode::Char(']') && key.modifiers.contains(KeyModifiers::ALT) {
                self.reply = Some(String::new());
                return KeyClass::Swallowed;
            }
            return KeyClass::Key(key);
        };
        let alt = key.modifiers.contains(KeyModifiers::ALT);
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('\\') if alt => {}
            KeyCode::Char('g') if control => {}
            KeyCode::Char(character) if !alt && !control && can_follow(reply, character) => {
                reply.push(character);
                return KeyClass::Swallowed;
            }
            // Not a reply: the user pressed Alt-] and typed on.
            _ => {
                self.reply = None;
                return KeyClass::Key(key);
            }
        }
        let reply = self.reply.take().unwrap_or_default();
        is_light(&reply).map_or(KeyClass::Swallowed, |light| KeyClass::Background { light })
    }
}

/// Whether a character can follow in a reply: a number, `;`, then any characters up to the maximum
/// length.
fn can_follow(reply: &str, character: char) -> bool {
    reply.len() < MAX_LENGTH
        && (character.is_ascii_digit() || character == ';' || reply.contains(';'))
}

/// Whether the colour of a reply such as `11;rgb:ffff/ffff/ffff` is light.
fn is_light(reply: &str) -> Option<bool> {
    let color = reply.strip_prefix("11;")?;
    let channels: Vec<f64> = match color.strip_prefix('#') {
        Some(digits) if digits.is_ascii() && digits.len().is_multiple_of(3) => {
            let width = (digits.len() / 3).max(1);
            (0..3).map(|at| channel(digits.get(at * width..(at + 1) * width)?)).collect()
        }
        Some(_) => None,
        None => {
            let values = color.strip_prefix("rgb:").or_else(|| color.strip_prefix("rgba:"))?;
            values.split('/').take(3).map(channel).collect()
        }
    }?;
    let [red, green, blue] = channels[..] else { return None };
    // Rec. 601 luma without gamma correction: perceived medium grey is about 0.5.
    Some(0.299 * red + 0.587 * green + 0.114 * blue > 0.5)
}

/// A channel of one to four hexadecimal digits, scaled to 0 to 1.
fn channel(digits: &str) -> Option<f64> {
    if digits.is_empty() || digits.len() > 4 {
        return None;
    }
    let value = u32::from_str_radix(digits, 16).ok()?;
    let most = 16_u32.pow(digits.len() as u32) - 1;
    Some(f64::from(value) / f64::from(most))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(text: &str) -> Vec<KeyEvent> {
        let mut keys = Vec::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            keys.push(match character {
                '\x1b' => {
                    let next = characters.next().unwrap();
                    KeyEvent::new(KeyCode::Char(next), KeyModifiers::ALT)
                }
                '\x07' => KeyEvent::new(KeyCode::Char('g'), KeyModifiers::CONTROL),
                other => KeyEvent::from(KeyCode::Char(other)),
            });
        }
        keys
    }

    fn filter(text: &str) -> (String, Vec<bool>) {
        let mut filter = ReplyFilter::default();
        let (mut typed, mut backgrounds) = (String::new(), Vec::new());
        for key in keys(text) {
            match filter.take(key) {
                KeyClass::Key(key) => typed.extend(key.code.as_char()),
                KeyClass::Swallowed => {}
                KeyClass::Background { light } => backgrounds.push(light),
            }
        }
        (typed, backgrounds)
    }

    #[test]
    fn a_reply_is_parsed_and_its_keys_are_removed() {
        for (reply, light) in [
            ("rgb:ffff/ffff/ffff\x1b\\", true),
            ("rgb:1e1e/1e1e/2e2e\x07", false),
            ("rgb:fd/f6/e3\x1b\\", true),
            ("rgba:0000/2b2b/3636/ffff\x07", false),
            ("#ffffff\x07", true),
            ("#002b36\x1b\\", false),
        ] {
            let (typed, backgrounds) = filter(&format!("3\x1b]11;{reply}s"));
            assert_eq!((typed.as_str(), backgrounds), ("3s", vec![light]), "{reply}");
        }
    }

    #[test]
    fn other_input_keeps_the_colours_and_all_keys() {
        assert_eq!(filter("\x1b]11;rgb:zz/zz/zz\x1b\\q"), ("q".into(), vec![]));
        assert_eq!(filter("\x1b]10;rgb:ff/ff/ff\x1b\\q"), ("q".into(), vec![]));
        assert_eq!(filter("\x1b]11;#12345\x07q"), ("q".into(), vec![]));
        let endless = format!("\x1b]11;{}q", "x".repeat(MAX_LENGTH - 3));
        assert_eq!(filter(&endless).0, "q");
        assert_eq!(filter("\x1b]sy").0, "sy", "the user pressed Alt-]");
        let mut filter = ReplyFilter::default();
        filter.take(keys("\x1b]")[0]);
        let escape = KeyEvent::from(KeyCode::Esc);
        assert_eq!(filter.take(escape), KeyClass::Key(escape));
        assert_eq!(filter.take(escape), KeyClass::Key(escape));
    }

    proptest! {
        #[test]
        fn any_reply_is_handled(reply in "[ -~]{0,60}") {
            is_light(&reply);
            is_light(&format!("11;{reply}"));
            is_light(&format!("11;#{reply}"));
            is_light(&format!("11;rgb:{reply}"));
        }
    }
}
