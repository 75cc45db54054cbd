//! The subset of YAML used for configurations: maps and lists nested by indentation, flow lists and
//! maps on one line, quoted and plain words, comments. Anchors, tags and block scalars are treated
//! as text.

use super::json;
use super::value::LogValue;

/// Maximum nesting depth.
const DEEPEST: usize = 64;

struct YamlLine<'a> {
    indent: usize,
    text: &'a str,
}

/// Parses a document.
///
/// # Errors
/// If a line is neither `key: value` nor an item of a list; the message contains it.
pub fn parse(text: &str) -> Result<LogValue, String> {
    let lines: Vec<YamlLine<'_>> = text
        .lines()
        .map(without_comment)
        .filter(|line| !matches!(line.trim(), "" | "---" | "..."))
        .map(|line| YamlLine { indent: line.len() - line.trim_start().len(), text: line.trim() })
        .collect();
    let mut at = 0;
    let value = block(&lines, &mut at, 0, 0)?;
    match lines.get(at) {
        Some(line) => Err(format!("not understood: {}", line.text)),
        None => Ok(value),
    }
}

fn block(
    lines: &[YamlLine<'_>],
    at: &mut usize,
    indent: usize,
    depth: usize,
) -> Result<LogValue, String> {
    if depth > DEEPEST {
        return Err("nested too deeply".to_owned());
    }
    let Some(first) = lines.get(*at) else { return Ok(LogValue::Map(Vec::new())) };
    let indent = first.indent.max(indent);
    if is_item(first.text) {
        return list(lines, at, indent, depth);
    }
    let mut entries = Vec::new();
    while let Some(line) = lines.get(*at).filter(|line| line.indent == indent) {
        let Some((key, rest)) = key_of(line.text) else {
            return Err(format!("not `key: value`: {}", line.text));
        };
        *at += 1;
        let value = if rest.is_empty() {
            nested(lines, at, indent, depth)?
        } else if matches!(rest, "|" | "|-" | ">" | ">-") {
            LogValue::Text(folded(lines, at, indent))
        } else {
            scalar(rest)
        };
        entries.push((key, value));
    }
    Ok(LogValue::Map(entries))
}

/// The value after `key:`: deeper lines, a list at the same depth, or nothing.
fn nested(
    lines: &[YamlLine<'_>],
    at: &mut usize,
    indent: usize,
    depth: usize,
) -> Result<LogValue, String> {
    match lines.get(*at) {
        Some(line) if line.indent > indent => block(lines, at, line.indent, depth + 1),
        Some(line) if line.indent == indent && is_item(line.text) => {
            list(lines, at, indent, depth + 1)
        }
        _ => Ok(LogValue::Null),
    }
}

fn list(
    lines: &[YamlLine<'_>],
    at: &mut usize,
    indent: usize,
    depth: usize,
) -> Result<LogValue, String> {
    if depth > DEEPEST {
        return Err("nested too deeply".to_owned());
    }
    let mut items = Vec::new();
    while let Some(line) = lines.get(*at).filter(|line| line.indent == indent && is_item(line.text))
    {
        let text = line.text[1..].trim();
        *at += 1;
        if text.is_empty() {
            items.push(nested(lines, at, indent, depth)?);
        } else if let Some((key, rest)) = key_of(text).filter(|_| !text.starts_with(['{', '['])) {
            // A map whose first key follows the dash.
            let mut entries = vec![(key, scalar(rest))];
            if let Some(next) = lines.get(*at).filter(|next| next.indent > indent)
                && let LogValue::Map(more) = block(lines, at, next.indent, depth + 1)?
            {
                entries.extend(more);
            }
            items.push(LogValue::Map(entries));
        } else {
            items.push(scalar(text));
        }
    }
    Ok(LogValue::List(items))
}

fn folded(lines: &[YamlLine<'_>], at: &mut usize, indent: usize) -> String {
    let mut text = Vec::new();
    while let Some(line) = lines.get(*at).filter(|line| line.indent > indent) {
        text.push(line.text);
        *at += 1;
    }
    text.join("\n")
}

fn is_item(text: &str) -> bool {
    text == "-" || text.starts_with("- ")
}

/// Splits `key: value`; the key may be quoted.
fn key_of(text: &str) -> Option<(String, &str)> {
    if let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let end = text[1..].find(quote)? + 1;
        let rest = text[end + 1..].trim_start().strip_prefix(':')?;
        return Some((text[1..end].to_owned(), rest.trim()));
    }
    let colon = text
        .match_indices(':')
        .find(|(at, _)| matches!(text.as_bytes().get(at + 1), None | Some(b' ' | b'\t')))?;
    let key = text[..colon.0].trim();
    (!key.is_empty()).then(|| (key.to_owned(), text[colon.0 + 1..].trim()))
}

fn scalar(text: &str) -> LogValue {
    match text.as_bytes().first() {
        Some(b'"') => json::parse(text).unwrap_or_else(|| LogValue::Text(text.to_owned())),
        Some(b'\'') if text.len() >= 2 && text.ends_with('\'') => {
            LogValue::Text(text[1..text.len() - 1].replace("''", "'"))
        }
        Some(b'[') if text.ends_with(']') => {
            LogValue::List(pieces(&text[1..text.len() - 1]).into_iter().map(scalar).collect())
        }
        Some(b'{') if text.ends_with('}') => {
            let entries = pieces(&text[1..text.len() - 1]).into_iter().filter_map(key_of);
            LogValue::Map(entries.map(|(key, value)| (key, scalar(value))).collect())
        }
        _ => LogValue::from_word(text),
    }
}

/// Splits at commas outside of brackets and quotes.
fn pieces(text: &str) -> Vec<&str> {
    let (mut depth, mut quote, mut start) = (0_usize, None, 0);
    let mut found = Vec::new();
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(character),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                found.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
        // Limits the recursion of `scalar`.
        if depth > DEEPEST {
            return vec![];
        }
    }
    found.push(text[start..].trim());
    found.retain(|piece| !piece.is_empty());
    found
}

fn without_comment(line: &str) -> &str {
    let mut quote = None;
    let mut before = ' ';
    for (at, character) in line.char_indices() {
        match (quote, character) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') if !before.is_alphanumeric() => quote = Some(character),
            (None, '#') if before.is_whitespace() => return &line[..at],
            _ => {}
        }
        before = character;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_configuration_is_parsed_with_its_nesting() {
        let text = "# made by hand\nseed: 3\nmodel:\n  hidden: [32, 16]\n  act: relu # why not\n\
                    data:\n  augment:\n  - flip\n  - crop\nnote: 'a, b: c'\nnothing: null\n\
                    layers:\n- name: dense\n  units: 4\n- {name: out, units: 10}\nrate: 1e-3\n";
        let value = parse(text).expect("a configuration");
        let mut leaves = Vec::new();
        value.leaves(".", true, &mut |path, leaf| leaves.push(format!("{path}={leaf}")));
        assert_eq!(
            leaves,
            [
                "seed=3",
                "model.hidden.0=32",
                "model.hidden.1=16",
                "model.act=relu",
                "data.augment.0=flip",
                "data.augment.1=crop",
                "note=a, b: c",
                "nothing=null",
                "layers.0.name=dense",
                "layers.0.units=4",
                "layers.1.name=out",
                "layers.1.units=10",
                "rate=0.001",
            ]
        );
        assert!(parse("just a sentence\n").is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_text_does_not_panic(text in "[-a: \\[\\]{},'\"#\n0-9é]{0,80}") {
            let _ = parse(&text);
        }
    }
}
