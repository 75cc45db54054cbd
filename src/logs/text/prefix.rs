//! Removes the time, level and code location that logging libraries put before a message.

use crate::logs::number;

/// Names of log levels.
const LEVELS: [&str; 12] = [
    "INFO", "WARNING", "WARN", "DEBUG", "ERROR", "CRITICAL", "TRACE", "SUCCESS", "FATAL", "NOTICE",
    "I", "W",
];
/// A level is only searched within this many characters from the start.
const FARTHEST_LEVEL: usize = 100;

/// A line's message, and the time before it (seconds since 1970), if any.
#[must_use]
pub fn split(line: &str) -> (&str, Option<f64>) {
    let mut rest = line;
    let mut time = None;
    loop {
        let before = rest;
        rest = rest.trim_start_matches([' ', '\t', '|', ':']);
        rest = rest.strip_prefix("- ").unwrap_or(rest);
        if let Some((inside, after)) = bracket(rest)
            && (is_time(inside) || is_level(inside) || is_date_time(inside).is_some())
        {
            time = time.or(is_date_time(inside));
            rest = after;
        }
        // `[06/01 12:00:00 d2.utils.events]:` and `I0101 12:00:00.5 140 train.py:200]`.
        if let Some((inside, after)) = bracket(rest)
            && let Some((_, after_day)) = inside.split_once(' ')
            && is_day(inside.split(' ').next().unwrap_or_default())
            && clock(after_day).is_some()
        {
            rest = after;
        } else if let Some(after) = absl(rest) {
            rest = after;
        }
        if let Some((seconds, after)) = date_time(rest) {
            time = time.or(seconds);
            rest = after;
        } else if let Some(after) = clock(rest) {
            rest = after;
        }
        if rest == before {
            break;
        }
    }
    (after_level(rest), time)
}

/// The content of a bracket at the start, and the text after it.
fn bracket(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('[')?;
    let end = inside.find(']')?;
    Some((inside[..end].trim(), &inside[end + 1..]))
}

fn is_level(word: &str) -> bool {
    let word = word.trim();
    LEVELS
        .iter()
        .any(|level| level.eq_ignore_ascii_case(word) && (level.len() > 1 || word == *level))
}

fn is_time(text: &str) -> bool {
    clock(text).is_some_and(|rest| rest.trim().is_empty())
}

fn is_date_time(text: &str) -> Option<f64> {
    date_time(text).filter(|(_, rest)| rest.trim().is_empty()).and_then(|(time, _)| time)
}

/// A date with a time at the start: `2026-11-20 08:00:00,123`, also with `T`, `/` and a zone.
fn date_time(text: &str) -> Option<(Option<f64>, &str)> {
    let bytes = text.as_bytes();
    let digits = |range: std::ops::Range<usize>| {
        bytes.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let is_date = digits(0..4)
        && digits(5..7)
        && digits(8..10)
        && matches!(bytes[4], b'-' | b'/' | b'.')
        && bytes[4] == bytes[7];
    if !is_date {
        return None;
    }
    let after = text.get(10..)?;
    let Some(rest) = after.strip_prefix(['T', ' ', '_']).and_then(clock) else {
        return Some((None, after));
    };
    let stamp = &text[..text.len() - rest.len()];
    Some((number::timestamp(&stamp.replacen('/', "-", 2)), rest))
}

/// The text after a time of day such as `08:00:00,123` or `08:00:00.5+01:00`.
fn clock(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let is_clock = bytes.len() >= 8
        && [0, 1, 3, 4, 6, 7].iter().all(|&at| bytes[at].is_ascii_digit())
        && bytes[2] == b':'
        && bytes[5] == b':';
    if !is_clock {
        return None;
    }
    let mut rest = &text[8..];
    if let Some(fraction) = rest.strip_prefix(['.', ',']) {
        rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    if let Some(zone) = rest.strip_prefix(['+', '-']) {
        let after = zone.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':');
        rest = if zone.len() - after.len() >= 4 { after } else { rest };
    }
    Some(rest.strip_prefix('Z').unwrap_or(rest))
}

/// Whether a word is month and day: `06/01`.
fn is_day(word: &str) -> bool {
    let bytes = word.as_bytes();
    bytes.len() == 5
        && matches!(bytes[2], b'/' | b'-')
        && [0, 1, 3, 4].iter().all(|&at| bytes[at].is_ascii_digit())
}

/// The text after the prefix of Google's logging library: level, month and day, time, thread, and
/// code location.
fn absl(text: &str) -> Option<&str> {
    let day = text.strip_prefix(['I', 'W', 'E'])?;
    let (day, rest) = day.split_once(' ')?;
    if day.len() != 4 || !day.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (place, message) = clock(rest)?.split_once("] ")?;
    place.ends_with(|c: char| c.is_ascii_digit()).then_some(message)
}

/// The text after a log level near the start and the code location (`name:function:42 -`) after it;
/// the whole text if there is no level.
fn after_level(text: &str) -> &str {
    let mut start = 0;
    for word in text.split_inclusive([' ', '|', ':', ']', '[', '\t']) {
        let bare = word.trim_end_matches([' ', '|', ':', ']', '[', '\t']);
        if start > FARTHEST_LEVEL {
            break;
        }
        // A single letter need not be a level.
        if bare.len() > 1 && LEVELS.contains(&bare) {
            let rest =
                text[start + word.len()..].trim_start_matches([' ', '|', ':', ']', '-', '\t']);
            let is_python = word.ends_with(':');
            return after_location(if is_python { after_logger(rest) } else { rest });
        }
        start += word.len();
    }
    text
}

/// The text after the logger's name in Python's default format, `INFO:root:message`.
fn after_logger(text: &str) -> &str {
    let Some((name, message)) = text.split_once(':') else { return text };
    let is_name = !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
    // Not `loss: 0.5` or `loss:0.5`.
    let is_message = message.starts_with(|c: char| !c.is_whitespace() && !c.is_ascii_digit());
    if is_name && is_message { message } else { text }
}

/// The text after `module:function:42 - ` or `file.py:42 - `.
fn after_location(text: &str) -> &str {
    let Some((place, rest)) = text.split_once(" - ") else { return text };
    let line = place.rsplit(':').next().unwrap_or_default();
    let is_place = place.contains(':')
        && !place.contains(' ')
        && !line.is_empty()
        && line.bytes().all(|byte| byte.is_ascii_digit());
    if is_place { rest } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_with_time_and_level_are_removed() {
        for (line, message) in [
            ("2026-11-27 06:08:19,259 - train - INFO - Epoch: 0, x: 1", "Epoch: 0, x: 1"),
            (
                "2026-11-27 06:08:19.253 | INFO     | __main__:<module>:142 - step 0 | loss 2",
                "step 0 | loss 2",
            ),
            ("[2026-11-20 08:00:00,123][INFO] - step 1", "step 1"),
            ("[06:08:19] step 0 loss 2", "step 0 loss 2"),
            ("INFO:train:step 3 loss 1", "step 3 loss 1"),
            ("INFO:loss:0.5", "loss:0.5"),
            ("INFO: epoch: 3, loss: 0.5", "epoch: 3, loss: 0.5"),
            ("[1,  2000] loss: 2.1", "[1,  2000] loss: 2.1"),
            ("Epoch: [0][ 10/100]", "Epoch: [0][ 10/100]"),
            ("08:00:00 loss 3", "loss 3"),
            ("[06/01 12:00:00 d2.events]:  iter: 19", "iter: 19"),
            ("I0101 12:00:00.000 140 train.py:200] [100] loss=2.5", "[100] loss=2.5"),
        ] {
            assert_eq!(split(line).0.trim(), message);
        }
        assert_eq!(split("2026-11-20 08:00:00,5 x").1, Some(1_795_161_600.5));
    }
}
