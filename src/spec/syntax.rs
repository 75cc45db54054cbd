//! One-line errors for text that is not TOML or not a valid recipe.

/// The error of a parser, prefixed with its line and column in `text`.
#[must_use]
pub fn toml_problem(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().lines().collect::<Vec<_>>().join(" ");
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else {
        return message;
    };
    let line = 1 + before.matches('\n').count();
    let column = 1 + before.rsplit('\n').next().unwrap_or("").chars().count();
    format!("line {line}, column {column}: {message}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Spec;

    #[test]
    fn errors_have_line_and_column() {
        for (text, place, problem) in [
            ("epochs = 3\ncost = \"none\"\n", "line 2, column 8: ", "unknown variant `none`"),
            ("epochs = \n", "line 1, column ", ""),
            ("tempo = 3\n", "line 1, column 1: ", "unknown field `tempo`"),
        ] {
            let found = toml_problem(text, &toml::from_str::<Spec>(text).unwrap_err());
            assert!(found.starts_with(place) && found.contains(problem), "{found}");
            assert_eq!(found.lines().count(), 1, "{found}");
        }
    }
}
