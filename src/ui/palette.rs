//! The commands of the command line that `:` opens.

use super::effect::Effect;
use super::keymap::Scope;
use super::theme::Theme;
use super::views::named;
use crate::protocol::{Command, Moment, Pace, StepAmount, Tune};

/// A command.
#[derive(Clone, Copy, Debug)]
pub struct PaletteCommand {
    pub name: &'static str,
    /// Example of the argument; empty if there is none.
    pub argument: &'static str,
    pub does: &'static str,
    /// What a dashboard must show for the command to be listed in it.
    scopes: &'static [Scope],
    parse: fn(&str) -> Option<Effect>,
}

const ALWAYS: &[Scope] = &[Scope::NoRun, Scope::Saved, Scope::Command, Scope::Training];
const NETWORK: &[Scope] = &[Scope::Saved, Scope::Command, Scope::Training];
const RUN: &[Scope] = &[Scope::Command, Scope::Training];
const COMMAND: &[Scope] = &[Scope::Command];
const TRAINING: &[Scope] = &[Scope::Training];

const fn entry(
    name: &'static str,
    argument: &'static str,
    scopes: &'static [Scope],
    does: &'static str,
    parse: fn(&str) -> Option<Effect>,
) -> PaletteCommand {
    PaletteCommand { name, argument, does, scopes, parse }
}

impl PaletteCommand {
    /// Whether the command has a meaning in a dashboard.
    pub(super) fn is_for(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

/// All commands, in the order of the help.
pub const ENTRIES: &[PaletteCommand] = &[
    entry("eta", "0.5", TRAINING, "change the learning rate η, above 0", |text| {
        number(text).filter(|eta| *eta > 0.0).map(|eta| tune(Tune::LearningRate(eta)))
    }),
    entry("lambda", "5", TRAINING, "change the regularization λ, at least 0", |text| {
        number(text).filter(|l| *l >= 0.0).map(|l| tune(Tune::Regularization(l)))
    }),
    entry("momentum", "0.9", TRAINING, "change the momentum μ, from 0 to under 1", |text| {
        number(text).filter(|m| (0.0..1.0).contains(m)).map(|m| tune(Tune::Momentum(m)))
    }),
    entry("epochs", "5", TRAINING, "train N epochs, then pause", |text| {
        count(text).map(|n| Effect::Send(Command::Step(StepAmount::Epochs(n))))
    }),
    entry("batches", "100", RUN, "train N mini-batches, then pause", |text| {
        count(text).map(|n| Effect::Send(Command::Step(StepAmount::Batches(n))))
    }),
    entry("pace", "full|2", TRAINING, "full speed, or N seconds per epoch", |text| match text {
        "full" => Some(Effect::Send(Command::Pace(Pace::Full))),
        _ => number(text)
            .filter(|seconds| *seconds > 0.0)
            .map(|seconds| Effect::Send(Command::Pace(Pace::SecondsPerEpoch(seconds)))),
    }),
    entry("slow", "10", TRAINING, "slow motion: N mini-batches per second", |text| {
        number(text)
            .filter(|rate| *rate > 0.0)
            .map(|rate| Effect::Send(Command::Pace(Pace::BatchesPerSecond(rate))))
    }),
    entry("epoch", "3", TRAINING, "look at the run as it was after this epoch", |text| {
        text.parse().ok().map(|epoch| Effect::Show(Moment::Epoch(epoch)))
    }),
    entry("live", "", TRAINING, "back to now", |text| bare(text, Effect::Show(Moment::Live))),
    entry("digit", "42", NETWORK, "select a test image by its index", |text| {
        text.parse().ok().map(Effect::SelectDigit)
    }),
    entry("view", "draw", NETWORK, "open a view by its name", |text| {
        named(text).map(Effect::OpenView)
    }),
    entry(
        "explore",
        "sigmoid-neuron",
        ALWAYS,
        "open an explorable, by its id or a prefix of it",
        |text| Some(Effect::Explore(text.into())),
    ),
    entry("background", "light|dark", ALWAYS, "colours for a light or a dark background", |text| {
        match text {
            "light" => Some(Effect::Background { light: true }),
            "dark" => Some(Effect::Background { light: false }),
            _ => None,
        }
    }),
    entry("messages", "", NETWORK, "messages of the run", |text| bare(text, Effect::Messages)),
    entry("pause", "", RUN, "pause training", |text| bare(text, Effect::Send(Command::Pause))),
    entry("hold", "", COMMAND, "have the script wait between two steps", |text| {
        bare(text, Effect::Send(Command::Hold))
    }),
    entry("suspend", "", COMMAND, "stop its processes; they keep their memory", |text| {
        bare(text, Effect::Send(Command::Suspend))
    }),
    entry("end", "", COMMAND, "write a checkpoint, then end the command", |text| {
        bare(text, Effect::Send(Command::EndAtCheckpoint))
    }),
    entry("set", "weight_decay 0.1", COMMAND, "change a value that the script offers", |text| {
        let (name, value) = text.rsplit_once([' ', '='])?;
        let name = name.trim_end_matches([' ', '=']).trim();
        let value = number(value)?;
        let change = || Command::SetNamed { name: name.into(), value };
        (!name.is_empty()).then(|| Effect::Send(change()))
    }),
    entry("resume", "", RUN, "resume training", |text| bare(text, Effect::Send(Command::Resume))),
    entry("stop", "", RUN, "end the run; it can still be browsed", |text| {
        bare(text, Effect::Send(Command::Stop))
    }),
    entry(
        "save",
        "digits.safetensors",
        NETWORK,
        "save the model; without a name a checkpoint",
        |text| {
            let as_model = || Command::SaveAs(text.into());
            Some(Effect::Send(if text.is_empty() { Command::Save } else { as_model() }))
        },
    ),
    entry("quit", "", ALWAYS, "leave the dashboard", |text| bare(text, Effect::Quit)),
];

/// Why a line is not a valid command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaletteError {
    /// There is no such command; with the most similar one.
    Unknown(String, Option<&'static str>),
    /// The name is ambiguous.
    Ambiguous(String, Vec<&'static str>),
    /// The argument of this command is wrong.
    Argument { name: &'static str, does: &'static str, example: &'static str },
}

impl PaletteError {
    /// An explanation of the error and how to fix it.
    #[must_use]
    pub fn text(&self, theme: &Theme) -> String {
        match self {
            Self::Unknown(name, None) => {
                theme.fill("there is no command {}; ? lists them", &[&format!("{name:?}")])
            }
            Self::Unknown(name, Some(closest)) => theme.fill(
                "there is no command {}; did you mean {}?",
                &[&format!("{name:?}"), &format!("{closest:?}")],
            ),
            Self::Ambiguous(name, names) => {
                let or = format!(" {} ", theme.say("or"));
                theme.fill("{} could be {}", &[&format!("{name:?}"), &names.join(&or)])
            }
            Self::Argument { name, does, example } => {
                let example = format!(":{name} {example}");
                theme.fill("{}: {}, such as `{}`", &[name, &theme.say(does), &example.trim_end()])
            }
        }
    }
}

/// Parses a command line.
///
/// # Errors
/// If it is not a command, or its argument is invalid.
pub fn parse(line: &str) -> Result<Effect, PaletteError> {
    let line = line.trim();
    let (name, argument) = line.split_once(' ').unwrap_or((line, ""));
    let candidates: Vec<&PaletteCommand> = match ENTRIES.iter().find(|entry| entry.name == name) {
        Some(exact) => vec![exact],
        None => ENTRIES.iter().filter(|e| !name.is_empty() && e.name.starts_with(name)).collect(),
    };
    match candidates.as_slice() {
        [entry] => (entry.parse)(argument.trim()).ok_or(PaletteError::Argument {
            name: entry.name,
            does: entry.does,
            example: entry.argument,
        }),
        [] => Err(PaletteError::Unknown(name.into(), closest(name))),
        several => {
            let names = several.iter().map(|entry| entry.name).collect();
            Err(PaletteError::Ambiguous(name.into(), names))
        }
    }
}

/// The command whose name is most similar to a misspelt one.
fn closest(name: &str) -> Option<&'static str> {
    /// Minimum Jaro similarity, from 0 to 1; the same as in clap.
    const SIMILAR: f64 = 0.7;
    let score = |entry: &PaletteCommand| strsim::jaro(entry.name, name);
    let closest = ENTRIES.iter().max_by(|a, b| score(a).total_cmp(&score(b)))?;
    (score(closest) > SIMILAR).then_some(closest.name)
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

fn count(text: &str) -> Option<u32> {
    text.parse().ok().filter(|count| *count > 0)
}

fn tune(change: Tune) -> Effect {
    Effect::Send(Command::Set(change))
}

fn bare(text: &str, effect: Effect) -> Option<Effect> {
    text.is_empty().then_some(effect)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn commands_can_be_abbreviated_and_errors_give_examples() {
        assert_eq!(parse("eta 0.5"), Ok(tune(Tune::LearningRate(0.5))));
        let error = |line| parse(line).unwrap_err().text(&Theme::default());
        assert_eq!(error(" ep 3"), "\"ep\" could be epochs or epoch");
        assert_eq!(parse("lam 5"), Ok(tune(Tune::Regularization(5.0))));
        assert!(error("eta -1").contains("above 0"));
        assert!(parse("momentum 1").is_err());
        assert!(parse("").is_err());
        assert!(parse("pause now").is_err());
        assert!(error("etta 1").contains("did you mean \"eta\"?"));
        assert!(error("momemtum 0.5").contains("\"momentum\""));
        assert!(error("xyz").contains("? lists them"));
    }

    #[test]
    fn every_example_in_the_help_is_valid() {
        for entry in ENTRIES {
            for argument in entry.argument.split('|') {
                let line = format!("{} {argument}", entry.name);
                assert!(parse(&line).is_ok(), "{line}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_line_is_parsed_or_explained(line in ".{0,40}") {
            if let Err(error) = parse(&line) {
                prop_assert!(!error.text(&Theme::default()).is_empty());
            }
        }
    }
}
