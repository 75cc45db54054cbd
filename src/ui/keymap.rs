//! The table of global keys, used for dispatch, the help overlay and the footer.

use super::view_id::ViewId;
use super::views::TABLE;
use crate::protocol::{Activity, Command, Pace, Status, StepAmount};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// The action of a global key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Help,
    Quit,
    QuitNow,
    Detach,
    PauseOrResume,
    StepBatch,
    StepEpoch,
    Stop,
    Save,
    FullSpeed,
    EpochASecond,
    SlowMotion,
    EarlierEpoch,
    LaterEpoch,
    Live,
    Palette,
    Messages,
    Info,
    NextView,
    PreviousView,
    View(ViewId),
    Runs,
    Out,
}

impl Action {
    /// The command of the action, if it is always the same.
    #[must_use]
    pub fn command(self) -> Option<Command> {
        Some(match self {
            Self::StepBatch => Command::Step(StepAmount::Batches(1)),
            Self::StepEpoch => Command::Step(StepAmount::Epochs(1)),
            Self::Save => Command::Save,
            Self::FullSpeed => Command::Pace(Pace::Full),
            Self::EpochASecond => Command::Pace(Pace::SecondsPerEpoch(1.0)),
            Self::SlowMotion => Command::Pace(Pace::BatchesPerSecond(10.0)),
            _ => return None,
        })
    }
}

/// What a dashboard shows, which decides which global keys and commands have a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// No run: a table of runs, a picture, an explorable.
    NoRun,
    /// A saved model, or predictions.
    Saved,
    /// A command, whose steps are known only to its script.
    Command,
    /// A training of nntop.
    Training,
}

/// A key and its action.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// The key as shown in the help.
    pub keys: &'static str,
    pub does: &'static str,
    /// The minimum scope in which the help lists the key.
    pub scope: Scope,
    code: KeyCode,
    action: Action,
}

const fn bind(keys: &'static str, code: KeyCode, action: Action, does: &'static str) -> Binding {
    Binding { keys, does, scope: Scope::NoRun, code, action }
}

impl Binding {
    const fn of(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }
}

/// All global keys, in the order of the help.
pub const BINDINGS: &[Binding] = &[
    bind("space", KeyCode::Char(' '), Action::PauseOrResume, "pause or resume training")
        .of(Scope::Command),
    bind(".", KeyCode::Char('.'), Action::StepBatch, "train one mini-batch, then pause")
        .of(Scope::Command),
    bind(",", KeyCode::Char(','), Action::StepEpoch, "train one epoch, then pause")
        .of(Scope::Training),
    bind("F", KeyCode::Char('F'), Action::FullSpeed, "full speed").of(Scope::Training),
    bind("O", KeyCode::Char('O'), Action::EpochASecond, "one epoch a second").of(Scope::Training),
    bind("M", KeyCode::Char('M'), Action::SlowMotion, "slow motion: ten mini-batches a second")
        .of(Scope::Training),
    bind("[", KeyCode::Char('['), Action::EarlierEpoch, "look at an earlier epoch")
        .of(Scope::Training),
    bind("]", KeyCode::Char(']'), Action::LaterEpoch, "look at a later epoch").of(Scope::Training),
    bind("L", KeyCode::Char('L'), Action::Live, "back to now").of(Scope::Training),
    bind("S", KeyCode::Char('S'), Action::Save, "save a checkpoint").of(Scope::Command),
    bind("s", KeyCode::Char('s'), Action::Stop, "stop the run").of(Scope::Command),
    bind(":", KeyCode::Char(':'), Action::Palette, "type a command"),
    bind("m", KeyCode::Char('m'), Action::Messages, "messages of the run").of(Scope::Saved),
    bind("i", KeyCode::Char('i'), Action::Info, "recipe, data, machine and directory of the run")
        .of(Scope::Saved),
    bind("R", KeyCode::Char('R'), Action::Runs, "table of runs, Esc back"),
    bind("Tab", KeyCode::Tab, Action::NextView, "next view"),
    bind("⇧Tab", KeyCode::BackTab, Action::PreviousView, "previous view"),
    bind("d", KeyCode::Char('d'), Action::Detach, "detach: the run continues").of(Scope::Command),
    bind("?", KeyCode::Char('?'), Action::Help, "this help"),
    bind("Esc", KeyCode::Esc, Action::Out, "one layer out"),
    bind("q", KeyCode::Char('q'), Action::Quit, "quit"),
];

/// Space resumes a run that is paused or about to pause, and pauses any other.
#[must_use]
pub fn pause_or_resume(status: &Status) -> Command {
    let holds = status.activity == Activity::Paused || status.pausing;
    if holds { Command::Resume } else { Command::Pause }
}

/// The action of a global key, if it is one. Views handle keys first.
#[must_use]
pub fn action(key: KeyEvent) -> Option<Action> {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return (key.code == KeyCode::Char('c')).then_some(Action::QuitNow);
    }
    if let KeyCode::Char(character) = key.code
        && let Some(entry) = TABLE.iter().find(|entry| entry.key == character)
    {
        return Some(Action::View(entry.id));
    }
    BINDINGS.iter().find(|binding| binding.code == key.code).map(|binding| binding.action)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_key_is_bound_twice() {
        let codes: HashSet<_> = BINDINGS.iter().map(|binding| binding.code).collect();
        assert_eq!(codes.len(), BINDINGS.len());
        assert!(TABLE.iter().all(|entry| !codes.contains(&KeyCode::Char(entry.key))));
    }

    #[test]
    fn every_binding_triggers_its_action() {
        for binding in BINDINGS {
            assert_eq!(action(KeyEvent::from(binding.code)), Some(binding.action));
        }
        let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(action(ctrl_c), Some(Action::QuitNow));
        assert_eq!(action(KeyEvent::from(KeyCode::Char('3'))), Some(Action::View(ViewId::Weights)));
        assert_eq!(action(KeyEvent::from(KeyCode::Char('0'))), Some(Action::View(ViewId::Explore)));
    }
}
