//! The filter of the digits view, as typed after `/`.

use crate::protocol::{DigitFilter, PredictionFilter};
use crate::ui::theme::Theme;
use std::fmt::Write as _;

/// Why a filter is invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FilterError {
    /// An unknown word.
    Word(String),
    /// A label must be a number from 0 to this.
    Label(u32),
}

impl FilterError {
    /// An explanation of what is valid.
    pub(super) fn text(&self, theme: &Theme) -> String {
        match self {
            Self::Word(word) => {
                let word = format!("{word:?}");
                theme.fill("{} is none of: all right wrong is N said N", &[&word])
            }
            Self::Label(last) => theme.fill("a label is a number from 0 to {}", &[last]),
        }
    }
}

/// Parses a filter such as `wrong is 4 said 9`; labels are given by number.
///
/// # Errors
/// If a word is unknown or a label is out of range.
pub(super) fn parse(text: &str, classes: u32) -> Result<DigitFilter, FilterError> {
    let mut filter = DigitFilter::default();
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        match word {
            "all" => filter.verdict = PredictionFilter::All,
            "right" => filter.verdict = PredictionFilter::Right,
            "wrong" => filter.verdict = PredictionFilter::Wrong,
            "is" => filter.label = Some(label(words.next(), classes)?),
            "said" => filter.predicted = Some(label(words.next(), classes)?),
            other => return Err(FilterError::Word(other.into())),
        }
    }
    Ok(filter)
}

fn label(word: Option<&str>, classes: u32) -> Result<u32, FilterError> {
    let label = word.and_then(|word| word.parse().ok()).filter(|label| *label < classes);
    label.ok_or(FilterError::Label(classes.saturating_sub(1)))
}

/// The filter as text; the inverse of [`parse`].
pub(super) fn describe(filter: DigitFilter) -> String {
    let mut text = match filter.verdict {
        // With a label the verdict is redundant.
        PredictionFilter::All if filter.label.or(filter.predicted).is_some() => String::new(),
        PredictionFilter::All => "all".to_string(),
        PredictionFilter::Right => "right".to_string(),
        PredictionFilter::Wrong => "wrong".to_string(),
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
    fn errors_explain_what_is_valid() {
        let error = |text| parse(text, 10).unwrap_err().text(&Theme::default());
        assert!(error("is 12").contains("0 to 9"));
        assert!(error("wong").contains("wrong"));
        assert!(parse("said", 10).is_err());
    }

    proptest! {
        #[test]
        fn a_described_filter_can_be_parsed(
            verdict in prop_oneof![Just(PredictionFilter::All), Just(PredictionFilter::Right), Just(PredictionFilter::Wrong)],
            label in proptest::option::of(0_u32..10),
            predicted in proptest::option::of(0_u32..10),
        ) {
            let filter = DigitFilter { verdict, label, predicted };
            prop_assert_eq!(parse(&describe(filter), 10), Ok(filter));
        }

        #[test]
        fn any_text_is_parsed_or_explained(text in ".{0,30}") {
            let _ = parse(&text, 10);
        }
    }
}
