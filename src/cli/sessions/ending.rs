//! The state of a run as a sentence and as an exit code.

use super::super::REFUTED;
use crate::session::{RunState, RunSummary};
use crate::ui::Language;
use std::process::ExitCode;

/// The exit code of a run that has ended.
pub(super) fn exit_code(summary: &RunSummary) -> ExitCode {
    if let Some(code) = summary.exit_code {
        // The exit code of a command is passed on.
        return ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX));
    }
    match summary.state {
        RunState::Diverged
        | RunState::Failed
        | RunState::Interrupted
        | RunState::Unreachable
        | RunState::Unreadable => ExitCode::FAILURE,
        _ if summary.claims_holding < summary.claims => ExitCode::from(REFUTED),
        _ => ExitCode::SUCCESS,
    }
}

/// The state of a run as a sentence for the terminal.
pub(super) fn sentence(summary: &RunSummary, language: Language) -> String {
    let RunSummary { name, state, epoch, epochs, on_resume, .. } = summary;
    let mut parts = vec![match &summary.experiment {
        Some(id) => language.fill(
            "{} {}, {} of {} claims hold",
            &[&language.say(state.word()), id, &summary.claims_holding, &summary.claims],
        ),
        None if summary.networks > 1 => language
            .fill("{}, {} networks that vote", &[&language.say(state.word()), &summary.networks]),
        None if *epochs == 0 => match summary.exit_code {
            Some(code) => language.fill("{}, exit code {}", &[&language.say(state.word()), &code]),
            None => language.say(state.word()).into(),
        },
        None if *epochs == 1 => {
            language.fill("{} after {} of 1 epoch", &[&language.say(state.word()), epoch])
        }
        None => {
            language.fill("{} after {} of {} epochs", &[&language.say(state.word()), epoch, epochs])
        }
    }];
    let accuracy = summary.best_accuracy.filter(|_| summary.experiment.is_none());
    parts.extend(accuracy.map(|accuracy| {
        language.fill("best validation accuracy {}", &[&format!("{:.2}%", 100.0 * accuracy)])
    }));
    let hint = match state {
        RunState::Interrupted | RunState::Stopped | RunState::Checkpointed => {
            let then = language.say(on_resume);
            language.fill("; `nntop resume {}` {}", &[name, &then])
        }
        _ if summary.live => language.fill("; `nntop attach {}` shows it", &[name]),
        _ => String::new(),
    };
    format!("{name}: {}{hint}", parts.join(language.comma()))
}
