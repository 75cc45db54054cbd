//! Which digits are listed, as typed after `/`.

use crate::protocol::{DigitFilter, Verdict};
use std::fmt::Write as _;

/// Reads a filter such as `wrong is 4 said 9`; labels are given by number.
///
/// # Errors
/// A sentence that says what would be right.
pub(super) fn parse(text: &str, classes: u32) -> Result<DigitFilter, String> {
    let mut filter = DigitFilter::default();
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        match word {
            "all" => filter.verdict = Verdict::All,
            "right" => filter.verdict = Verdict::Right,
            "wrong" => filter.verdict = Verdict::Wrong,
            "is" => filter.label = Some(label(words.next(), classes)?),
            "said" => filter.predicted = Some(label(words.next(), classes)?),
            other => return Err(format!("{other:?} is none of: all right wrong is N said N")),
        }
    }
    Ok(filter)
}

fn label(word: Option<&str>, classes: u32) -> Result<u32, String> {
    let label = word.and_then(|word| word.parse().ok()).filter(|label| *label < classes);
    label.ok_or_else(|| format!("a label is a number from 0 to {}", classes.saturating_sub(1)))
}

/// A filter in words; the opposite of [`parse`].
pub(super) fn describe(filter: DigitFilter) -> String {
    let mut text = match filter.verdict {
        // A label says enough.
        Verdict::All if filter.label.or(filter.predicted).is_some() => String::new(),
        Verdict::All => "all".to_string(),
        Verdict::Right => "right".to_string(),
        Verdict::Wrong => "wrong".to_string(),
    };
    if let Some(label) = filter.label {
        let _ = write!(text, " is {label}");
    }
    if let Some(predicted) = filter.predicted {
        let _ = write!(text, " said {predicted}");
    }
    text.trim_start().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn says_what_would_be_right() {
        assert!(parse("is 12", 10).unwrap_err().contains("0 to 9"));
        assert!(parse("wong", 10).unwrap_err().contains("wrong"));
        assert!(parse("said", 10).is_err());
    }

    proptest! {
        #[test]
        fn a_described_filter_reads_back(
            verdict in prop_oneof![Just(Verdict::All), Just(Verdict::Right), Just(Verdict::Wrong)],
            label in proptest::option::of(0_u32..10),
            predicted in proptest::option::of(0_u32..10),
        ) {
            let filter = DigitFilter { verdict, label, predicted };
            prop_assert_eq!(parse(&describe(filter), 10), Ok(filter));
        }

        #[test]
        fn any_text_is_a_filter_or_a_sentence(text in ".{0,30}") {
            let _ = parse(&text, 10);
        }
    }
}
