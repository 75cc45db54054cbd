//! Finds names with numbers in a line: `loss=0.5`, `loss: 0.5`, `train loss 0.5`, `Epoch [1/5]`.

/// A name and its number.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedNumber<'a> {
    /// The name; empty for a single number in a bracket.
    pub name: &'a str,
    pub value: f64,
    /// The total in `3/10`.
    pub total: Option<f64>,
    /// Whether `=`, `:` or the border of a table's cell was between the name and the number.
    pub joined: bool,
    /// Whether it was in parentheses after another number: a running mean.
    pub mean: bool,
    /// Whether it may be the number of the line: alone in square brackets, or before a colon at the
    /// start.
    pub numbers_line: bool,
}

/// Maximum length of a name in bytes.
const LONGEST_NAME: usize = 64;
/// Maximum number of words of a name.
const MAX_WORDS: usize = 3;
/// Maximum number of pairs in a line.
const MAX_PAIRS: usize = 256;

/// The pairs of a line, in order.
#[must_use]
pub fn find(line: &str) -> Vec<NamedNumber<'_>> {
    let mut pairs: Vec<NamedNumber<'_>> = Vec::new();
    let is_table = line.trim_start().starts_with(['|', '│', '┃']);
    let mut at = 0;
    // Whether the last number was a percentage.
    let mut percent = false;
    // The start of the text that may be a name.
    let mut from = 0;
    while at < line.len() && pairs.len() < MAX_PAIRS {
        let Some((mut value, mut length)) = number_at(line, at) else {
            at += line[at..].chars().next().map_or(1, char::len_utf8);
            continue;
        };
        if line[from..at].trim_end().ends_with([':', '=']) {
            (value, length) = with_thousands(&line[at..], length).unwrap_or((value, length));
        }
        let mut end = at + length;
        if is_word_of_name(line, at, end) {
            at = end;
            continue;
        }
        if is_date_or_version(line, end) || is_line_number(&line[..at]) {
            end = skip_token(line, end);
            (at, from) = (end, end);
            continue;
        }
        let mut total = None;
        if let Some(after) = line[end..].strip_prefix('/') {
            let blanks = after.len() - after.trim_start().len();
            if let Some((whole, length)) = plain_number_at(after, blanks) {
                total = Some(whole);
                end += 1 + blanks + length;
            }
        }
        let is_percent = line[end..].starts_with('%');
        end += unit(&line[end..]);
        end += unit_after_blank(&line[end..]);
        let text = &line[from..at];
        let in_parentheses = text.trim() == "(" && from > 0;
        let after = &line[end..];
        let numbers_line = text.trim_end().ends_with('[') && after.trim_start().starts_with(']')
            || line[..at].trim().is_empty() && after.starts_with([':']);
        let (name, joined) = name_of(text, is_table);
        match pairs.last() {
            Some(last) if in_parentheses => {
                // The percentage after a fraction or another number repeats the value.
                // CatBoost prints the iteration of the best value after it.
                let again = last.total.is_some() || (is_percent && !percent) || last.name == "best";
                if !again && !last.mean && !last.name.is_empty() {
                    let name = last.name;
                    let mean =
                        NamedNumber { name, value, total, joined: false, mean: true, numbers_line };
                    pairs.push(mean);
                }
            }
            _ => pairs.push(NamedNumber { name, value, total, joined, mean: false, numbers_line }),
        }
        percent = is_percent;
        (at, from) = (end, end);
    }
    pairs
}

/// The number at a position, if one starts there and nothing is attached before it.
fn number_at(line: &str, at: usize) -> Option<(f64, usize)> {
    let attached = |before: &str| {
        let mut back = before.chars().rev();
        match back.next() {
            Some(c) if c.is_alphanumeric() || matches!(c, '_' | '@' | '#' | '/' | '.' | '\\') => {
                true
            }
            Some('-' | '+') => {
                back.next().is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | ')'))
            }
            _ => false,
        }
    };
    let sign = line[at..].starts_with(['-', '+']);
    if attached(&line[..at]) {
        return None;
    }
    if sign && line[..at].chars().next_back().is_some_and(char::is_alphanumeric) {
        return None;
    }
    plain_number_at(line, at)
}

fn plain_number_at(line: &str, at: usize) -> Option<(f64, usize)> {
    let rest = line.get(at..)?;
    let unsigned = rest.strip_prefix(['-', '+']).unwrap_or(rest);
    let sign = rest.len() - unsigned.len();
    for word in ["nan", "NaN", "NAN", "infinity", "Infinity", "inf", "Inf", "INF"] {
        if let Some(after) = unsigned.strip_prefix(word) {
            let ends =
                unit(after) > 0 || !after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
            if ends {
                let length = sign + word.len();
                return rest[..length].parse().ok().map(|value| (value, length));
            }
        }
    }
    let bytes = unsigned.as_bytes();
    let digits =
        |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(0);
    let mut length = whole;
    let mut fraction = 0;
    if bytes.get(length) == Some(&b'.') {
        fraction = digits(length + 1);
        if whole + fraction > 0
            && (fraction > 0 || !bytes.get(length + 1).is_some_and(u8::is_ascii_alphabetic))
        {
            length += 1 + fraction;
        }
    }
    if whole + fraction == 0 {
        return None;
    }
    if matches!(bytes.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(length + 1), Some(b'-' | b'+')));
        let exponent = digits((length + 1 + sign).min(bytes.len()));
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    let length = sign + length;
    rest[..length].trim_end_matches('.').parse().ok().map(|value| (value, length))
}

/// Whether a "nan" or "inf" is a word of a name: `number of nan iterations: 0`.
fn is_word_of_name(line: &str, at: usize, end: usize) -> bool {
    let is_digits = line[at..end].contains(|c: char| c.is_ascii_digit());
    let is_value = line[..at].trim_end().ends_with([':', '=', '(', '[']);
    let mut rest = line[end..].trim_start().chars();
    let after = rest.find(|c| !c.is_alphabetic() && !matches!(c, ' ' | '_'));
    let starts_word = line[end..].trim_start().starts_with(char::is_alphabetic);
    !is_digits && !is_value && starts_word && matches!(after, Some(':' | '='))
}

/// Whether the text after a number shows that it is part of a time, date, version or word.
fn is_date_or_version(line: &str, end: usize) -> bool {
    let mut after = line[end..].chars();
    let (first, second) = (after.next(), after.next());
    match (first, second) {
        (Some(':' | '-' | '.'), Some(c)) => c.is_ascii_digit(),
        (Some('_'), _) => true,
        (Some(c), _) if c.is_alphabetic() => unit(&line[end..]) == 0,
        _ => false,
    }
}

/// Whether the text before a number shows that it is a line number of a source file:
/// `train.py:200`.
fn is_line_number(before: &str) -> bool {
    let Some(front) = before.strip_suffix(':') else { return false };
    front.rsplit([' ', '[', '(', '/']).next().is_some_and(is_source_file)
}

/// A whole number with thousands separators: `1,541,000`.
fn with_thousands(text: &str, length: usize) -> Option<(f64, usize)> {
    let first = &text[..length];
    if first.len() > 3 || !first.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut end = length;
    while let Some(group) = text[end..].strip_prefix(',') {
        let digits = group.bytes().take_while(u8::is_ascii_digit).count();
        if digits != 3 {
            break;
        }
        end += 4;
    }
    let number = text[..end].replace(',', "").parse().ok()?;
    (end > length).then_some((number, end))
}

/// The length of a blank and a unit at the start, if followed by the end of a field: ` ms |`, `
/// tok/s`.
fn unit_after_blank(text: &str) -> usize {
    let Some(rest) = text.strip_prefix(' ') else { return 0 };
    let length = unit(rest);
    let after = rest[length..].trim_start();
    if length > 0 && (after.is_empty() || after.starts_with(['|', ',', ';', ')'])) {
        1 + length
    } else {
        0
    }
}

fn skip_token(line: &str, from: usize) -> usize {
    let rest = &line[from..];
    let stop = rest.find(|c: char| c.is_whitespace() || matches!(c, ',' | '|' | ';' | ']' | ')'));
    from + stop.unwrap_or(rest.len())
}

/// Units that may follow a number.
const UNITS: [&str; 27] = [
    "ms", "us", "ns", "s", "sec", "secs", "min", "m", "h", "hr", "it", "x", "MB", "GB", "KB",
    "MiB", "GiB", "M", "K", "k", "B", "G", "tok", "tokens", "samples", "images", "img",
];

/// The length of a unit at the start: a percent sign, or one of the known units.
fn unit(text: &str) -> usize {
    if text.starts_with('%') {
        return 1;
    }
    let letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    if !UNITS.contains(&&text[..letters]) {
        return 0;
    }
    // A rate: `142.01ms/step`, `3.4it/s`.
    match text[letters..].strip_prefix('/') {
        Some(per) => letters + 1 + per.bytes().take_while(u8::is_ascii_alphabetic).count(),
        None => letters,
    }
}

/// The name at the end of the text before a number, and [`NamedNumber::joined`].
fn name_of(text: &str, is_table: bool) -> (&str, bool) {
    let mut text = text.trim_end();
    text = text.strip_suffix(['[', '(']).unwrap_or(text).trim_end();
    let bare = text.trim_end_matches(['=', ':']).trim_end();
    let joined = bare.len() < text.len();
    // In a table, a cell contains the number and the previous one the name.
    let cell = bare.trim_end_matches(['|', '│', '┃']).trim_end();
    let in_cell = if is_table { cell } else { bare };
    let (bare, joined) = if in_cell.len() < bare.len() { (in_cell, true) } else { (bare, joined) };
    let start = bare
        .char_indices()
        .rev()
        .find(|(at, c)| {
            let separates = matches!(
                c,
                ',' | '|' | ';' | '\t' | '│' | '┃' | ']' | ')' | '[' | '(' | '{' | '"' | '\''
            );
            // As in `valid_0's auc`.
            let is_within = *c == '\''
                && bare[..*at].ends_with(char::is_alphanumeric)
                && bare[at + 1..].starts_with("s ");
            separates && !is_within
        })
        .map_or(0, |(at, c)| at + c.len_utf8());
    let mut name = &bare[start..];
    for separator in [" - ", ": ", " = ", "  "] {
        name = name.rsplit(separator).next().unwrap_or(name);
    }
    let name = name.trim_matches([' ', '-', ':', '*', '>', '=', '.', '\u{a0}']);
    let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.len() <= LONGEST_NAME
        && name.split_whitespace().count() <= MAX_WORDS
        && !is_source_file(name);
    if is_name { (name, joined) } else { ("", joined) }
}

/// Whether a name is that of a source file, which is followed by a line number.
fn is_source_file(name: &str) -> bool {
    let endings = [".py", ".cc", ".cpp", ".cu", ".rs", ".go", ".js", ".ts", ".ipynb"];
    endings.iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(line: &str) -> String {
        let pairs = find(line);
        let texts: Vec<_> = pairs
            .iter()
            .map(|pair| {
                let total = pair.total.map_or(String::new(), |total| format!("/{total}"));
                format!("{}{}={}{total}", pair.name, if pair.mean { "~" } else { "" }, pair.value)
            })
            .collect();
        texts.join(" ")
    }

    #[test]
    fn names_and_numbers_of_many_layouts_are_found() {
        for (line, pairs) in [
            (
                "epoch 1/30 loss=1.8451 val_loss=2.3104e+00 time=1.2s",
                "epoch=1/30 loss=1.8451 val_loss=2.3104 time=1.2",
            ),
            (
                "step 0: train loss 2.2976, val loss 2.3104",
                "step=0 train loss=2.2976 val loss=2.3104",
            ),
            (
                "iter 0: loss 2.2976, time 26.83ms, mfu -100.00%",
                "iter=0 loss=2.2976 time=26.83 mfu=-100",
            ),
            (
                "Epoch: [0][ 10/100]\tLoss 2.2e+00 (2.3e+00)\tAcc@1  21.88 ( 95.00)",
                "Epoch=0 =10/100 Loss=2.2 Loss~=2.3 Acc@1=21.88 Acc@1~=95",
            ),
            ("Train Epoch: 1 [1280/12800 (10%)]\tLoss: 1.8", "Train Epoch=1 =1280/12800 Loss=1.8"),
            (
                "Test set: Average loss: 0.8652, Accuracy: 381/500 (76%)",
                "Average loss=0.8652 Accuracy=381/500",
            ),
            (
                "Epoch [1/5], Step [20/120], Loss: 1.8451, Acc: 50.00%",
                "Epoch=1/5 Step=20/120 Loss=1.8451 Acc=50",
            ),
            (
                "step:0/600 val_loss:2.3104 train_time:0ms step_avg:nanms",
                "step=0/600 val_loss=2.3104 train_time=0 step_avg=NaN",
            ),
            ("Downloading model-00001-of-00012.safetensors", ""),
            ("│         test_acc          │    0.6399   │", "test_acc=0.6399"),
            ("mAP50-95: 0.31 at 08:00:01 on 2026-11-20 v1.2.3", "mAP50-95=0.31"),
            ("loss -inf, lr -1e-3", "loss=-inf lr=-0.001"),
            (
                "step 1/18865 | loss 11.0 | lr 8.5e-07 | 3056.36 ms | 42.6% bf16 MFU | 171538 tok/s",
                "step=1/18865 loss=11 lr=0.00000085 =3056.36 =42.6 =171538",
            ),
            ("train.py:200] [100] loss=2.5", "=100 loss=2.5"),
            (
                "[10]\tvalid_0's l2: 0.24\tvalid_0's auc: 0.75",
                "=10 valid_0's l2=0.24 valid_0's auc=0.75",
            ),
            ("step: 1  memory: 30.00GiB(32%)  tps: 2,200", "step=1 memory=30 tps=2200"),
            ("Acc 50% (48%) loss=1,5", "Acc=50 Acc~=48 loss=1 =5"),
        ] {
            assert_eq!(shown(line), pairs, "{line}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_lines_do_not_panic(line in "[-+0-9.eE/:|,a-c \\[\\](){}%é│nainf]{0,60}") {
            let _ = find(&line);
        }
    }
}
