//! Guesses the capabilities of a terminal from environment variables.

use super::language::Language;
use super::theme::{ColorDepth, Theme};

/// Environment variables that describe the terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    pub term: String,
    pub colorterm: String,
    /// `TERM_PROGRAM`: the terminal's name, such as `iTerm.app`.
    pub term_program: String,
    /// `WT_SESSION` is set: Windows Terminal.
    pub windows_terminal: bool,
    /// `COLORFGBG`, such as `15;0`: the last number is the background.
    pub colorfgbg: String,
    /// `NO_COLOR` is set and not empty.
    pub no_color: bool,
    /// The effective locale: `LC_ALL`, or else `LC_CTYPE`, or else `LANG`.
    pub locale: String,
    /// The locale of messages: `LC_ALL`, or else `LC_MESSAGES`, or else `LANG`.
    pub messages: String,
}

impl Environment {
    /// Reads the process's environment.
    #[must_use]
    pub fn read() -> Self {
        let get = |name: &str| std::env::var(name).unwrap_or_default();
        let locale = |category| {
            let names = ["LC_ALL", category, "LANG"];
            names.map(get).into_iter().find(|v| !v.is_empty()).unwrap_or_default()
        };
        Self {
            term: get("TERM"),
            colorterm: get("COLORTERM"),
            term_program: get("TERM_PROGRAM"),
            windows_terminal: !get("WT_SESSION").is_empty(),
            colorfgbg: get("COLORFGBG"),
            no_color: !get("NO_COLOR").is_empty(),
            locale: locale("LC_CTYPE"),
            messages: locale("LC_MESSAGES"),
        }
    }

    /// The theme that the terminal most likely supports.
    #[must_use]
    pub fn theme(&self) -> Theme {
        let background = self.colorfgbg.rsplit(';').next().unwrap_or_default();
        Theme {
            depth: self.depth(),
            light: matches!(background, "7" | "15"),
            unicode: self.is_utf8_locale() && self.can_draw() && self.term != "linux",
            language: Language::of_locale(&self.messages),
        }
    }

    /// Whether the locale uses UTF-8.
    #[must_use]
    pub fn is_utf8_locale(&self) -> bool {
        let locale = self.locale.to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    }

    /// Whether frames can be drawn: not on a terminal that cannot move the cursor, or of unknown
    /// type.
    #[must_use]
    pub fn can_draw(&self) -> bool {
        !matches!(self.term.as_str(), "dumb" | "")
    }

    /// Whether the terminal supports OSC queries and titles; the Linux console prints parts of
    /// them.
    #[must_use]
    pub fn understands_osc(&self) -> bool {
        self.can_draw() && self.term != "linux"
    }

    fn depth(&self) -> ColorDepth {
        if self.no_color || !self.can_draw() {
            ColorDepth::None
        } else if matches!(self.colorterm.as_str(), "truecolor" | "24bit") || self.is_truecolor() {
            ColorDepth::True
        } else if self.term.contains("256color") {
            ColorDepth::Ansi256
        } else {
            ColorDepth::Ansi16
        }
    }

    /// Whether the type of the terminal implies 24-bit colours: SSH forwards TERM, but not
    /// COLORTERM.
    fn is_truecolor(&self) -> bool {
        if self.term.ends_with("-direct") {
            return true;
        }
        let name = self.term.strip_prefix("xterm-").unwrap_or(&self.term);
        let named = TRUECOLOR_TERMS.iter().any(|known| {
            name.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        });
        // A multiplexer passes on the variables of the terminal in which it was started. That may
        // be another terminal now, and the multiplexer may not support its colours.
        let inside = ["screen", "tmux"].iter().any(|known| self.term.starts_with(known));
        let by_program =
            self.windows_terminal || TRUECOLOR_PROGRAMS.contains(&self.term_program.as_str());
        named || by_program && !inside
    }
}

/// Values of TERM, complete or before a `-`, that imply 24-bit colours.
const TRUECOLOR_TERMS: &[&str] = &[
    "alacritty",
    "contour",
    "foot",
    "ghostty",
    "iterm",
    "iterm2",
    "kitty",
    "konsole",
    "mintty",
    "mlterm",
    "rio",
    "st",
    "vte",
    "wezterm",
];

/// Values of TERM_PROGRAM that imply 24-bit colours.
const TRUECOLOR_PROGRAMS: &[&str] =
    &["Hyper", "WarpTerminal", "WezTerm", "ghostty", "iTerm.app", "mintty", "rio", "vscode"];

#[cfg(test)]
mod tests {
    use super::*;

    fn theme(term: &str, colorterm: &str, no_color: bool) -> Theme {
        let environment = Environment {
            term: term.into(),
            colorterm: colorterm.into(),
            no_color,
            locale: "C.UTF-8".into(),
            ..Environment::default()
        };
        environment.theme()
    }

    #[test]
    fn the_colour_depth_follows_term_and_colorterm() {
        assert_eq!(theme("xterm-256color", "truecolor", false).depth, ColorDepth::True);
        assert_eq!(theme("xterm-256color", "", false).depth, ColorDepth::Ansi256);
        assert_eq!(theme("xterm", "", false).depth, ColorDepth::Ansi16);
        assert_eq!(theme("dumb", "", false).depth, ColorDepth::None);
        assert_eq!(theme("xterm-256color", "truecolor", true).depth, ColorDepth::None);
        assert!(!theme("dumb", "", false).unicode);
    }

    #[test]
    fn truecolor_is_recognised_without_colorterm() {
        for term in [
            "xterm-kitty",
            "kitty",
            "alacritty",
            "alacritty-direct",
            "foot",
            "foot-extra",
            "xterm-ghostty",
            "ghostty",
            "wezterm",
            "st-256color",
            "konsole-256color",
            "vte-256color",
            "xterm-direct",
            "contour",
            "rio",
        ] {
            assert_eq!(theme(term, "", false).depth, ColorDepth::True, "{term}");
            assert_eq!(theme(term, "", true).depth, ColorDepth::None, "{term} with NO_COLOR");
        }
        for term in ["screen-256color", "tmux-256color", "xterm-256color", "rxvt-256color"] {
            assert_eq!(theme(term, "", false).depth, ColorDepth::Ansi256, "{term}");
        }
        for term in ["screen", "linux", "vt220", "footloose", "stx"] {
            assert_eq!(theme(term, "", false).depth, ColorDepth::Ansi16, "{term}");
        }
    }

    #[test]
    fn a_multiplexer_overrides_the_outer_terminal() {
        let depth = |term: &str, term_program: &str| {
            let (term, term_program) = (term.into(), term_program.into());
            Environment { term, term_program, ..Environment::default() }.theme().depth
        };
        assert_eq!(depth("xterm-256color", "iTerm.app"), ColorDepth::True);
        assert_eq!(depth("xterm-256color", "Apple_Terminal"), ColorDepth::Ansi256);
        assert_eq!(depth("tmux-256color", "iTerm.app"), ColorDepth::Ansi256);
        assert_eq!(depth("screen-256color", "WezTerm"), ColorDepth::Ansi256);
    }

    #[test]
    fn unusable_terminals_are_recognised() {
        let can_draw =
            |term: &str| Environment { term: term.into(), ..Environment::default() }.can_draw();
        assert!(!can_draw("dumb") && !can_draw("") && can_draw("vt100") && can_draw("linux"));
    }
}
