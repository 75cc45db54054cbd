//! Progress bars: tqdm's, and Keras' followed by its metrics.

use super::{pairs, steps};
use crate::logs::number;

/// A redraw of a bar.
#[derive(Clone, Debug, PartialEq)]
pub struct ProgressBar<'a> {
    /// The text before it, such as `Epoch 1/3`.
    pub label: &'a str,
    /// Completed units, and the total if known.
    pub done: f64,
    pub total: Option<f64>,
    /// The metrics in the text before it and after the rate.
    pub metrics: Vec<(&'a str, f64)>,
}

/// Parses a tqdm bar: `label:  8%|▊   | 42/500 [00:12<02:15,  3.4it/s, loss=0.693]`, or without a
/// total `7.50Mtok [00:00, 54.9Gtok/s, loss=0.2]`.
#[must_use]
pub fn tqdm(line: &str) -> Option<ProgressBar<'_>> {
    let (front, state) = line.rsplit_once(" [").filter(|(_, state)| is_state(state))?;
    let metrics = postfix(state.trim_end().trim_end_matches(']'));
    if let Some((head, count)) = front.rsplit_once('|') {
        let (done, total) = count.trim().split_once('/')?;
        let (label, _) = head.rsplit_once('|')?;
        let label = label.trim_end_matches('%').trim_end_matches(|c: char| c.is_ascii_digit());
        let label = label.trim().trim_end_matches(':');
        let (done, total) = (quantity(done)?, quantity(total));
        let (label, mut all) = description(label);
        all.extend(metrics);
        return Some(ProgressBar { label, done, total, metrics: all });
    }
    let (label, count) = front.rsplit_once(": ").unwrap_or(("", front));
    let done = quantity(count.trim())?;
    Some(ProgressBar { label: label.trim(), done, total: None, metrics })
}

/// The text before a bar without its metrics, which change, and these: `Epoch 1 loss=0.5`.
fn description(text: &str) -> (&str, Vec<(&str, f64)>) {
    let is_metric = |pair: &pairs::NamedNumber<'_>| {
        let is_named = pair.joined || steps::is_metric(pair.name, true);
        !pair.name.is_empty() && !pair.mean && is_named && !steps::is_position(pair)
    };
    let found: Vec<_> = pairs::find(text).into_iter().filter(is_metric).collect();
    let Some(start) = found.first().and_then(|first| text.find(first.name)) else {
        return (text, Vec::new());
    };
    let label = text[..start].trim_end_matches([' ', ',', '|', '-', ':', ';', '(', '[']);
    (label, found.into_iter().map(|pair| (pair.name, pair.value)).collect())
}

/// Whether a text is the content of tqdm's brackets: times and a rate.
fn is_state(state: &str) -> bool {
    let clock = state.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b':').count();
    let rate = state.contains("/s") || state.contains("s/");
    clock >= 4 && state[..clock].contains(':') && rate
}

/// The metrics after the rate: `, loss=0.693, acc=91%`.
fn postfix(state: &str) -> Vec<(&str, f64)> {
    state
        .split(", ")
        .filter_map(|part| {
            let (name, value) = part.split_once('=').or_else(|| part.split_once(": "))?;
            let value = number::parse(value.trim().trim_end_matches('%'))?;
            Some((name.trim(), value))
        })
        .collect()
}

/// A count with a unit: `42`, `7.50M`, `1.5ktok`, but not `20.0/s`.
fn quantity(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let number: f64 = text[..digits].parse().ok()?;
    let factor = match text.as_bytes().get(digits) {
        Some(b'k' | b'K') => 1e3,
        Some(b'M') => 1e6,
        Some(b'G') => 1e9,
        Some(b'T') => 1e12,
        _ => 1.0,
    };
    Some(number * factor)
}

/// Parses a line of Keras: `14/14 ━━━━ 0s 7ms/step - accuracy: 0.16 - loss: 2.28`, also without the
/// bar. Only the numbers of a completed epoch are metrics.
#[must_use]
pub fn keras(line: &str) -> Option<ProgressBar<'_>> {
    let (done, rest) = line.split_once('/')?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (done, total) = (done.trim().parse().ok()?, rest[..digits].parse().ok()?);
    let (_, metrics) = rest.split_once("/step - ")?;
    let metrics = pairs::find(metrics);
    let metrics = metrics.iter().filter(|pair| !pair.name.is_empty() && !pair.mean);
    let metrics = metrics.map(|pair| (pair.name, pair.value)).collect();
    Some(ProgressBar { label: "", done, total: Some(total), metrics })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bars_of_all_kinds_are_parsed() {
        let bar = tqdm(
            "Epoch 1/3:  8%|██▌     | 42/500 [1:02:05<11:17:00, 88.69s/it, loss=0.693, note=a b, acc=91%]",
        );
        let bar = bar.expect("a bar");
        assert_eq!((bar.label, bar.done, bar.total), ("Epoch 1/3", 42.0, Some(500.0)));
        assert_eq!(bar.metrics, [("loss", 0.693), ("acc", 91.0)]);
        let bar =
            tqdm("100%|██████████| 10/10 [00:50<00:00,  5.01s/it, loss: 0.33]").expect("a bar");
        assert_eq!(bar.metrics, [("loss", 0.33)]);
        let bar = tqdm("7.50Mtok [00:00, 54.9Gtok/s, loss=0.2]").expect("a bar");
        assert_eq!((bar.done, bar.total), (7.5e6, None));
        let bar = tqdm("  0%|          | 0/108 [00:00<?, ?it/s]").expect("a bar");
        assert_eq!((bar.label, bar.done), ("", 0.0));
        let bar = tqdm("Validation: |          | 0/? [00:00<?, ?it/s]").expect("a bar");
        assert_eq!((bar.label, bar.total), ("Validation", None));
        assert_eq!(tqdm("Epoch [1/5], Step [20/120], Loss: 1.8"), None);
        let bar =
            keras("14/14 ━━━ 0s 7ms/step - accuracy: 0.1629 - val_loss: 2.1987").expect("a bar");
        assert_eq!(bar.metrics, [("accuracy", 0.1629), ("val_loss", 2.1987)]);
    }

    proptest! {
        #[test]
        fn arbitrary_lines_do_not_panic(line in "[0-9/:|,=a-c \\[\\]%.é█it/s]{0,60}") {
            let _ = (tqdm(&line), keras(&line));
        }
    }
}
