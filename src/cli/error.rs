//! Errors of the command line: wrong arguments, and a closed pipe, which is not an error.

use super::output::err;
use crate::protocol::printable;
use crate::spec::SpecError;
use crate::train::SpawnError;
use clap::error::{ContextKind, ContextValue};
use std::fmt::Display;
use std::io;
use std::process::ExitCode;

/// A wrong argument, or a bad file named by one; the program exits with code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(String);

impl Usage {
    /// Worded like clap's own errors.
    pub(super) fn value(argument: &str, problem: impl Display) -> Self {
        Self(format!("invalid value for '{argument}': {problem}"))
    }

    /// Any other problem with the request.
    pub(super) fn because(problem: impl Display) -> Self {
        Self(problem.to_string())
    }
}

impl From<SpecError> for Usage {
    /// An error that already names the argument.
    fn from(error: SpecError) -> Self {
        Self(error.to_string())
    }
}

/// The error of a run that could not be started; a recipe that cannot be trained is a wrong
/// argument.
pub(super) fn of_spawn(error: SpawnError) -> anyhow::Error {
    match error {
        SpawnError::Spec(error) => Usage::from(error).into(),
        error => error.into(),
    }
}

/// An error and its causes in one line, without repetition.
pub(super) fn in_words(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Many errors already include their cause.
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Prints clap's message: help, version, or an error. Quoted arguments are escaped; the colours are
/// clap's.
pub(super) fn of_arguments(mut error: clap::Error) -> ExitCode {
    let quoted: Vec<(ContextKind, ContextValue)> =
        error.context().filter_map(|(kind, value)| Some((kind, printable_value(value)?))).collect();
    for (kind, value) in quoted {
        error.insert(kind, value);
    }
    // A value parser may quote its input, and that text cannot be replaced inside the error.
    let source = std::error::Error::source(&error).map(ToString::to_string);
    let printed = match source.filter(|text| *text != printable(text)) {
        Some(problem) => {
            let quoted = |kind| error.get(kind).map_or_else(String::new, ToString::to_string);
            let (value, argument) =
                (quoted(ContextKind::InvalidValue), quoted(ContextKind::InvalidArg));
            writeln!(err(), "error: invalid value '{value}' for '{argument}': {problem}")
        }
        None => error.print(),
    };
    // If it cannot be printed, nothing more can be done.
    let _ = printed;
    ExitCode::from(error.exit_code() as u8)
}

fn printable_value(value: &ContextValue) -> Option<ContextValue> {
    match value {
        ContextValue::String(text) => Some(ContextValue::String(printable(text).into())),
        ContextValue::Strings(texts) => {
            let texts = texts.iter().map(|text| printable(text).into());
            Some(ContextValue::Strings(texts.collect()))
        }
        // The other kinds hold the program's own words and numbers.
        _ => None,
    }
}

/// Whether the error is a closed pipe: the reader has gone, which is not a failure.
pub(super) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>();
        io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn a_cause_is_not_repeated() {
        let full = || io::Error::other("no room");
        let named = Err::<(), _>(full()).context("x.json: no room").unwrap_err();
        assert_eq!(in_words(&named), "x.json: no room");
        let unnamed = Err::<(), _>(full()).context("x.json cannot be written").unwrap_err();
        assert_eq!(in_words(&unnamed), "x.json cannot be written: no room");
    }
}
