//! What a terminal can most likely show, from what its environment says.

use super::language::Language;
use super::theme::{ColorDepth, Theme};

/// What is known of a terminal before anything is drawn on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    pub term: String,
    pub colorterm: String,
    /// `COLORFGBG`, such as `15;0`: the last number is the background.
    pub colorfgbg: String,
    /// `NO_COLOR` is set and not empty.
    pub no_color: bool,
    /// The locale in force: `LC_ALL`, else `LC_CTYPE`, else `LANG`.
    pub locale: String,
    /// The locale of messages: `LC_ALL`, else `LC_MESSAGES`, else `LANG`.
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
            colorfgbg: get("COLORFGBG"),
            no_color: !get("NO_COLOR").is_empty(),
            locale: locale("LC_CTYPE"),
            messages: locale("LC_MESSAGES"),
        }
    }

    /// What the terminal can most likely show.
    #[must_use]
    pub fn theme(&self) -> Theme {
        let locale = self.locale.to_lowercase();
        let background = self.colorfgbg.rsplit(';').next().unwrap_or_default();
        Theme {
            depth: self.depth(),
            light: matches!(background, "7" | "15"),
            unicode: (locale.contains("utf-8") || locale.contains("utf8"))
                && !matches!(self.term.as_str(), "dumb" | "linux"),
            language: Language::of_locale(&self.messages),
        }
    }

    fn depth(&self) -> ColorDepth {
        if self.no_color || matches!(self.term.as_str(), "dumb" | "") {
            ColorDepth::None
        } else if matches!(self.colorterm.as_str(), "truecolor" | "24bit")
            || self.term.ends_with("-direct")
        {
            ColorDepth::True
        } else if self.term.contains("256color") {
            ColorDepth::Ansi256
        } else {
            ColorDepth::Ansi16
        }
    }
}

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
    fn climbs_down_the_colour_ladder() {
        assert_eq!(theme("xterm-256color", "truecolor", false).depth, ColorDepth::True);
        assert_eq!(theme("xterm-256color", "", false).depth, ColorDepth::Ansi256);
        assert_eq!(theme("xterm", "", false).depth, ColorDepth::Ansi16);
        assert_eq!(theme("dumb", "", false).depth, ColorDepth::None);
        assert_eq!(theme("xterm-256color", "truecolor", true).depth, ColorDepth::None);
        assert!(!theme("dumb", "", false).unicode);
    }
}
