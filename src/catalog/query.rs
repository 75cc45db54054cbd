//! Queries over runs: `lr<0.01 and val/acc>0.9 and not debug`.
//!
//! ```text
//! query      = all { "or" all }
//! all        = one { ["and"] one }
//! one        = "not" one | "(" query ")" | comparison | word
//! comparison = name ("<" | "<=" | ">" | ">=" | "=" | "==" | "!=" | "~") value
//! ```
//! A name is a hyper-parameter, a metric (its best value; `last:name` is the last one, `count:name`
//! the number of values), `step`, `state`, `name`, `label`, `group`, `tag`, `note` or the last
//! component of a hyper-parameter's name, in this order. `~` matches a regular expression. A single
//! word must occur in the run's name, label, title, group, tags or note. Names and values with
//! blanks must be quoted. A query that starts with `~` is a single regular expression, which must
//! match one of these texts.

use super::metric::{MetricSummary, summarize};
use super::run::Run;
use crate::logs::LogValue;
use regex_lite::Regex;

/// A parsed query.
#[derive(Clone, Debug)]
pub enum Query {
    All(Vec<Query>),
    Any(Vec<Query>),
    Not(Box<Query>),
    /// A text in lower case that must occur in the run's name, label, title, group, tags or note.
    Word(String),
    Compare {
        name: String,
        test: Comparison,
        value: String,
    },
    Match {
        name: String,
        pattern: Regex,
    },
    /// A regular expression that must match one of these texts.
    Anywhere(Regex),
}

/// A comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

/// Maximum nesting depth of queries.
const DEEPEST: usize = 64;

/// Properties of a run beyond its logs: state and notes.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunNotes<'a> {
    pub state: &'a str,
    pub tags: &'a [String],
    pub label: Option<&'a str>,
    pub note: &'a str,
}

/// The view of a run used by queries.
#[derive(Clone, Copy)]
pub struct QueriedRun<'a> {
    pub name: &'a str,
    pub title: Option<&'a str>,
    pub group: Option<&'a str>,
    pub step: Option<i64>,
    pub config: &'a [(String, LogValue)],
    /// Returns the summary of a metric.
    pub metric: &'a dyn Fn(&str) -> Option<MetricSummary>,
    pub extra: RunNotes<'a>,
}

impl std::fmt::Debug for QueriedRun<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subject").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<'a> QueriedRun<'a> {
    /// The texts that words are searched in.
    fn texts(&self) -> impl Iterator<Item = &'a str> {
        let texts = [Some(self.name), self.title, self.group, self.extra.label];
        let tags = self.extra.tags.iter().map(String::as_str);
        texts.into_iter().flatten().chain(tags).chain([self.extra.note])
    }
}

/// Parses a query; an empty one matches every run.
///
/// # Errors
/// A message that says what is wrong.
pub fn parse(text: &str) -> Result<Query, String> {
    if let Some(pattern) = text.trim_start().strip_prefix('~') {
        let pattern = Regex::new(pattern.trim()).map_err(|error| error.to_string())?;
        return Ok(Query::Anywhere(pattern));
    }
    let tokens = tokens(text)?;
    let mut parser = QueryParser { tokens, at: 0 };
    if parser.tokens.is_empty() {
        return Ok(Query::All(Vec::new()));
    }
    let query = parser.any(0)?;
    match parser.tokens.get(parser.at) {
        None => Ok(query),
        Some(token) => Err(format!("`{}` is not expected there", token.text())),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Open,
    Close,
    Operator(&'static str),
    Word { text: String, quoted: bool },
}

impl Token {
    fn text(&self) -> &str {
        match self {
            Self::Open => "(",
            Self::Close => ")",
            Self::Operator(text) => text,
            Self::Word { text, .. } => text,
        }
    }

    fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word { text, quoted: false } if text.eq_ignore_ascii_case(word))
    }
}

const OPERATORS: [&str; 8] = ["<=", ">=", "==", "!=", "<", ">", "=", "~"];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if let Some(operator) = OPERATORS.iter().find(|operator| rest.starts_with(**operator)) {
            tokens.push(Token::Operator(operator));
            rest = &rest[operator.len()..];
        } else if first == '(' || first == ')' {
            tokens.push(if first == '(' { Token::Open } else { Token::Close });
            rest = &rest[1..];
        } else if first == '"' || first == '\'' {
            let end = rest[1..].find(first).ok_or("a quote is not closed")?;
            tokens.push(Token::Word { text: rest[1..=end].to_owned(), quoted: true });
            rest = &rest[end + 2..];
        } else {
            let end = rest
                .find(|c: char| {
                    c.is_whitespace() || matches!(c, '(' | ')' | '<' | '>' | '=' | '!' | '~')
                })
                .unwrap_or(rest.len())
                // A single `!` is part of a word.
                .max(first.len_utf8());
            tokens.push(Token::Word { text: rest[..end].to_owned(), quoted: false });
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    Ok(tokens)
}

struct QueryParser {
    tokens: Vec<Token>,
    at: usize,
}

impl QueryParser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn any(&mut self, depth: usize) -> Result<Query, String> {
        if depth > DEEPEST {
            return Err("nested too deeply".to_owned());
        }
        let mut parts = vec![self.all(depth)?];
        while self.peek().is_some_and(|token| token.is("or")) {
            self.at += 1;
            parts.push(self.all(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Query::Any(parts) })
    }

    fn all(&mut self, depth: usize) -> Result<Query, String> {
        let mut parts = vec![self.one(depth)?];
        while let Some(token) = self.peek() {
            if token.is("or") || *token == Token::Close {
                break;
            }
            if token.is("and") {
                self.at += 1;
            }
            parts.push(self.one(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Query::All(parts) })
    }

    fn one(&mut self, depth: usize) -> Result<Query, String> {
        if depth > DEEPEST {
            return Err("nested too deeply".to_owned());
        }
        let token = self.peek().cloned().ok_or("something is missing at the end")?;
        self.at += 1;
        if token.is("not") {
            return Ok(Query::Not(Box::new(self.one(depth + 1)?)));
        }
        match token {
            Token::Open => {
                let inner = self.any(depth + 1)?;
                if self.peek() != Some(&Token::Close) {
                    return Err("a parenthesis is not closed".to_owned());
                }
                self.at += 1;
                Ok(inner)
            }
            Token::Word { text, quoted } => {
                if !quoted && (text.eq_ignore_ascii_case("and") || text.eq_ignore_ascii_case("or"))
                {
                    return Err(format!("`{text}` needs an operand on both sides"));
                }
                match self.peek().cloned() {
                    Some(Token::Operator(operator)) => {
                        self.at += 1;
                        self.comparison(text, operator)
                    }
                    _ => Ok(Query::Word(text.to_lowercase())),
                }
            }
            other => Err(format!("`{}` is not expected there", other.text())),
        }
    }

    fn comparison(&mut self, name: String, operator: &str) -> Result<Query, String> {
        let Some(Token::Word { text: value, .. }) = self.peek().cloned() else {
            return Err(format!("`{name}{operator}` needs a value"));
        };
        self.at += 1;
        let test = match operator {
            "<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            ">" => Comparison::Greater,
            ">=" => Comparison::GreaterOrEqual,
            "!=" => Comparison::NotEqual,
            "~" => {
                let pattern = Regex::new(&value).map_err(|error| error.to_string())?;
                return Ok(Query::Match { name, pattern });
            }
            _ => Comparison::Equal,
        };
        Ok(Query::Compare { name, test, value })
    }
}

/// The value of a name.
enum QueryValue {
    Number(f64),
    Text(String),
}

impl Query {
    /// Whether a run matches.
    #[must_use]
    pub fn matches(&self, run: &Run, extra: RunNotes<'_>) -> bool {
        self.accepts(&QueriedRun {
            name: &run.name,
            title: run.title.as_deref(),
            group: run.group.as_deref(),
            step: run.step(),
            config: &run.config,
            metric: &|name| run.metric(name).and_then(summarize),
            extra,
        })
    }

    /// Whether a run matches. A missing value is neither less, greater nor equal, so only `!=` is
    /// true.
    #[must_use]
    pub fn accepts(&self, subject: &QueriedRun<'_>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.accepts(subject)),
            Self::Any(parts) => parts.iter().any(|part| part.accepts(subject)),
            Self::Not(part) => !part.accepts(subject),
            Self::Word(word) => subject.texts().any(|text| text.to_lowercase().contains(word)),
            Self::Anywhere(pattern) => subject.texts().any(|text| pattern.is_match(text)),
            Self::Match { name, pattern } => match find(subject, name) {
                Some(QueryValue::Text(text)) => pattern.is_match(&text),
                Some(QueryValue::Number(number)) => pattern.is_match(&number.to_string()),
                None => false,
            },
            Self::Compare { name, test, value } => match find(subject, name) {
                Some(found) => compare(&found, *test, value),
                None => *test == Comparison::NotEqual,
            },
        }
    }
}

fn find(subject: &QueriedRun<'_>, name: &str) -> Option<QueryValue> {
    if let Some((_, setting)) = subject.config.iter().find(|(known, _)| known == name) {
        return Some(match setting {
            LogValue::Number(number) => QueryValue::Number(*number),
            other => QueryValue::Text(other.to_string()),
        });
    }
    let summary = subject.metric;
    if let Some(summary) = summary(name) {
        return Some(QueryValue::Number(summary.best.unwrap_or(summary.last)));
    }
    match name.split_once(':') {
        Some(("last", name)) => {
            return summary(name).map(|summary| QueryValue::Number(summary.last));
        }
        Some(("best", name)) => return summary(name).and_then(|s| s.best).map(QueryValue::Number),
        Some(("count", name)) => {
            return summary(name).map(|summary| QueryValue::Number(summary.count as f64));
        }
        _ => {}
    }
    match name {
        "step" => subject.step.map(|step| QueryValue::Number(step as f64)),
        "state" => Some(QueryValue::Text(subject.extra.state.to_owned())),
        "name" => Some(QueryValue::Text(subject.name.to_owned())),
        "label" => subject.extra.label.map(|label| QueryValue::Text(label.to_owned())),
        "group" => subject.group.map(|group| QueryValue::Text(group.to_owned())),
        "tag" => Some(QueryValue::Text(subject.extra.tags.join(" "))),
        "note" => Some(QueryValue::Text(subject.extra.note.to_owned())),
        // The last component of a nested name is enough: `lr` for `optim.lr`.
        _ => {
            let is_last_component =
                |known: &str| known.strip_suffix(name).is_some_and(|front| front.ends_with('.'));
            let (_, setting) = subject.config.iter().find(|(known, _)| is_last_component(known))?;
            Some(
                setting
                    .number()
                    .map_or_else(|| QueryValue::Text(setting.to_string()), QueryValue::Number),
            )
        }
    }
}

fn compare(found: &QueryValue, test: Comparison, value: &str) -> bool {
    let number = crate::logs::number::parse(value);
    let ordering = match (found, number) {
        (QueryValue::Number(found), Some(value)) => found.partial_cmp(&value),
        (QueryValue::Number(found), None) => Some(found.to_string().as_str().cmp(value)),
        (QueryValue::Text(found), _) => Some(found.to_lowercase().cmp(&value.to_lowercase())),
    };
    match (ordering, test) {
        (None, test) => test == Comparison::NotEqual,
        (Some(ordering), Comparison::Less) => ordering.is_lt(),
        (Some(ordering), Comparison::LessOrEqual) => ordering.is_le(),
        (Some(ordering), Comparison::Greater) => ordering.is_gt(),
        (Some(ordering), Comparison::GreaterOrEqual) => ordering.is_ge(),
        (Some(ordering), Comparison::Equal) => ordering.is_eq(),
        (Some(ordering), Comparison::NotEqual) => ordering.is_ne(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::LogRecord;
    use proptest::prelude::*;

    fn run() -> Run {
        let mut run = Run::new("sweep/mlp-3".to_owned());
        for (step, value) in [(0, 0.5), (1, 0.95), (2, 0.9)] {
            run.apply(0, &LogRecord::Scalar { name: "val/acc", step, wall_time: f64::NAN, value });
            run.apply(
                0,
                &LogRecord::Scalar { name: "loss", step, wall_time: f64::NAN, value: f64::NAN },
            );
        }
        run.config = vec![
            ("act".to_owned(), LogValue::Text("ReLU".to_owned())),
            ("optim.lr".to_owned(), LogValue::Number(0.005)),
        ];
        run
    }

    #[test]
    fn runs_are_found_by_settings_metrics_and_words() {
        let tags = ["good".to_owned()];
        let extra =
            RunNotes { state: "ended", tags: &tags, label: Some("baseline"), note: "rerun later" };
        for (query, expected) in [
            ("", true),
            ("lr<0.01 and val/acc>0.9 and not debug", true),
            ("optim.lr >= 0.005", true),
            ("lr < 0.005", false),
            ("last:val/acc == 0.9", true),
            ("count:val/acc > 3", false),
            ("act = relu", true),
            ("act != relu", false),
            ("nothing > 1", false),
            ("nothing != 1", true),
            ("loss < 1 or loss >= 1", false),
            ("debug or (MLP good)", true),
            ("name ~ '^sweep/.*[0-9]$'", true),
            ("state = ended step = 2", true),
            ("not (sweep or x)", false),
            ("tag ~ ^goo", true),
            ("baseline later", true),
            ("note ~ ^rerun", true),
            ("label = baseline", true),
            ("~ ^sweep/mlp-[0-9](x|$)", true),
            ("~^mlp", false),
        ] {
            let parsed = parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
            assert_eq!(parsed.matches(&run(), extra), expected, "{query}");
        }
    }

    #[test]
    fn an_invalid_query_is_an_error_with_a_reason() {
        for query in ["lr <", "and", "(a", "a or", "'open", "< 3", "name ~ '('", "a) b", "~("] {
            assert!(parse(query).is_err(), "{query}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_queries_do_not_panic(text in "[a-c<>=!~() \"'é]{0,24}") {
            if let Ok(query) = parse(&text) {
                let _ = query.matches(&run(), RunNotes::default());
            }
        }
    }
}
