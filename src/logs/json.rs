//! JSON as written by training scripts: also accepts bare `NaN` and `Infinity`, and dictionaries
//! printed by Python (`{'loss': 0.5, 'done': True}`).

use super::number;
use super::value::LogValue;

/// Maximum nesting depth.
const DEEPEST: usize = 64;

/// Parses a document, which may only be followed by whitespace.
#[must_use]
pub fn parse(text: &str) -> Option<LogValue> {
    let mut parser = JsonParser { text, at: 0 };
    let value = parser.value(0)?;
    parser.blanks();
    (parser.at == text.len()).then_some(value)
}

/// Parses the document at the start of a text; also returns its length in bytes.
#[must_use]
pub fn parse_prefix(text: &str) -> Option<(LogValue, usize)> {
    let mut parser = JsonParser { text, at: 0 };
    let value = parser.value(0)?;
    Some((value, parser.at))
}

struct JsonParser<'a> {
    text: &'a str,
    at: usize,
}

impl JsonParser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Option<LogValue> {
        if depth > DEEPEST {
            return None;
        }
        self.blanks();
        match self.peek()? {
            b'{' => self.map(depth),
            b'[' => self.list(depth, b']'),
            b'(' => self.list(depth, b')'),
            quote @ (b'"' | b'\'') => self.string(quote).map(LogValue::Text),
            _ => self.word(),
        }
    }

    fn map(&mut self, depth: usize) -> Option<LogValue> {
        self.at += 1;
        let mut entries = Vec::new();
        loop {
            self.blanks();
            match self.peek()? {
                b'}' => {
                    self.at += 1;
                    return Some(LogValue::Map(entries));
                }
                b',' if !entries.is_empty() => self.at += 1,
                quote @ (b'"' | b'\'') => {
                    let key = self.string(quote)?;
                    self.blanks();
                    if self.peek()? != b':' {
                        return None;
                    }
                    self.at += 1;
                    entries.push((key, self.value(depth + 1)?));
                    self.blanks();
                    if !matches!(self.peek()?, b',' | b'}') {
                        return None;
                    }
                }
                _ => return None,
            }
        }
    }

    fn list(&mut self, depth: usize, end: u8) -> Option<LogValue> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.blanks();
            let next = self.peek()?;
            if next == end {
                self.at += 1;
                return Some(LogValue::List(items));
            }
            if next == b',' && !items.is_empty() {
                self.at += 1;
                continue;
            }
            items.push(self.value(depth + 1)?);
            self.blanks();
            let next = self.peek()?;
            if next != b',' && next != end {
                return None;
            }
        }
    }

    fn string(&mut self, quote: u8) -> Option<String> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            let stop = rest.bytes().position(|byte| byte == quote || byte == b'\\')?;
            out.push_str(&rest[..stop]);
            self.at += stop + 1;
            if rest.as_bytes()[stop] == quote {
                return Some(out);
            }
            let escaped = self.text[self.at..].chars().next()?;
            self.at += escaped.len_utf8();
            match escaped {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                'r' => out.push('\r'),
                'b' => out.push('\u{8}'),
                'f' => out.push('\u{c}'),
                'u' => out.push(self.unicode()?),
                'x' => out.push(char::from(u8::try_from(self.hex(2)?).ok()?)),
                other => out.push(other),
            }
        }
    }

    fn hex(&mut self, digits: usize) -> Option<u32> {
        let text = self.text.get(self.at..self.at + digits)?;
        self.at += digits;
        u32::from_str_radix(text, 16).ok()
    }

    /// Parses the character of `\uXXXX`, or of a surrogate pair.
    fn unicode(&mut self) -> Option<char> {
        let first = self.hex(4)?;
        if !(0xd800..0xdc00).contains(&first) {
            return Some(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        if !self.text[self.at..].starts_with("\\u") {
            return Some(char::REPLACEMENT_CHARACTER);
        }
        self.at += 2;
        let second = self.hex(4)?;
        let pair = 0x10000 + ((first - 0xd800) << 10) + (second.wrapping_sub(0xdc00) & 0x3ff);
        Some(char::from_u32(pair).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// Parses a number, `true`, `null`, `NaN`, or Python's `True`, `None`, `nan`.
    fn word(&mut self) -> Option<LogValue> {
        let rest = &self.text[self.at..];
        let end = rest
            .bytes()
            .position(|byte| !(byte.is_ascii_alphanumeric() || b"+-._".contains(&byte)))
            .unwrap_or(rest.len());
        let word = &rest[..end];
        let value = match word {
            "true" | "True" => LogValue::Bool(true),
            "false" | "False" => LogValue::Bool(false),
            "null" | "None" => LogValue::Null,
            _ => LogValue::Number(number::parse(word)?),
        };
        self.at += end;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_of_json_and_python_and_nested_maps_are_parsed() {
        let value =
            parse(r#"{"a": [1, -2.5e3, NaN], "b": {"c": null}, "d": "\u00e9\ud83d\ude00\n"}"#);
        let Some(LogValue::Map(entries)) = value else { panic!("a map") };
        assert!(matches!(&entries[0].1, LogValue::List(items) if items.len() == 3));
        assert_eq!(entries[2].1, LogValue::Text("é😀\n".to_owned()));
        let python = parse("{'loss': '0.693', 'done': True, 'x': (1, 2), 'y': nan}");
        assert_eq!(python.as_ref().and_then(|v| v.get("loss")?.number()), Some(0.693));
        assert_eq!(parse_prefix("{} tail"), Some((LogValue::Map(Vec::new()), 2)));
        for invalid in ["{", "{\"a\"", "[1,", "{\"a\": 1", "nul", "{,}", "1 2", "\"\\"] {
            assert_eq!(parse(invalid), None, "{invalid}");
        }
        assert_eq!(parse(&"[".repeat(1000)), None);
    }

    proptest! {
        #[test]
        fn arbitrary_text_does_not_panic(text in ".{0,64}") {
            let _ = parse(&text);
            let _ = parse(&format!("{{\"a\": [{text}"));
        }
    }
}
