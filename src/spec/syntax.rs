//! One-line errors for files that are not TOML, or not a recipe.

/// The error of a parser, preceded by its line and column in `text`.
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
    fn a_problem_is_told_with_its_place() {
        for (text, place, problem) in [
            ("epochs = 3\ncost = \"none\"\n", "line 2, column 8: ", "unknown variant `none`"),
            ("epochs = \n", "line 1, column ", ""),
            ("tempo = 3\n", "line 1, column 1: ", "unknown field `tempo`"),
        ] {
            let said = toml_problem(text, &toml::from_str::<Spec>(text).unwrap_err());
            assert!(said.starts_with(place) && said.contains(problem), "{said}");
            assert_eq!(said.lines().count(), 1, "{said}");
        }
    }
}
