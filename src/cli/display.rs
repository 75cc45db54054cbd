//! Options of the dashboard: what the terminal can show, and the rate of output.

use crate::ui::{ColorDepth, Environment, Language, Limits, TerminalExtras, Theme};
use clap::{Args, ValueEnum};

/// How the dashboard is drawn.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Display")]
pub(super) struct DisplayArgs {
    /// Colours to use
    #[arg(long, value_enum, default_value_t, global = true, value_name = "DEPTH")]
    color: Color,
    /// Background of the terminal [default: ask the terminal, then COLORFGBG, then dark]
    #[arg(long, value_enum, global = true)]
    background: Option<Background>,
    /// Draw with ASCII characters only
    #[arg(long, global = true)]
    ascii: bool,
    /// Language of the dashboard [default: from the locale, otherwise English]
    #[arg(long, value_enum, global = true, value_name = "LANGUAGE")]
    lang: Option<Lang>,
    /// Maximum frames per second, from 0.1 to 60
    #[arg(long, value_parser = frames, global = true, value_name = "N")]
    fps: Option<f64>,
    /// Send at most 3 KB per second, for slow lines
    #[arg(long, global = true)]
    low_bandwidth: bool,
    /// Ring the bell and show a notification (OSC 9) when the run ends
    #[arg(long, global = true)]
    pub(super) notify: bool,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Color {
    /// Whatever the terminal says it supports
    #[default]
    Auto,
    Truecolor,
    #[value(name = "256")]
    Ansi256,
    #[value(name = "16")]
    Ansi16,
    None,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Background {
    Dark,
    Light,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Lang {
    En,
    /// 中文
    Zh,
}

impl DisplayArgs {
    /// The theme for this terminal.
    pub(super) fn theme(&self) -> Theme {
        self.over(Environment::read().theme())
    }

    /// The theme for output to a file, a pipe or a page: without colours, so that values are shown
    /// by characters.
    pub(super) fn text_theme(&self) -> Theme {
        Theme { depth: ColorDepth::None, ..self.theme() }
    }

    /// The extra escape sequences for this terminal.
    pub(super) fn extras(&self) -> TerminalExtras {
        let understands_osc = Environment::read().understands_osc();
        TerminalExtras {
            ask_background: understands_osc
                && self.background.is_none()
                && self.theme().depth != ColorDepth::None,
            title: understands_osc,
            notify: self.notify,
        }
    }

    /// The theme for a picture: all colours and characters, whatever the terminal supports.
    pub(super) fn picture_theme(&self) -> Theme {
        let guessed = Environment::read().theme();
        self.over(Theme { depth: ColorDepth::True, light: false, unicode: true, ..guessed })
    }

    /// The values of the arguments, with `guessed` for those that are missing.
    fn over(&self, guessed: Theme) -> Theme {
        Theme {
            depth: match self.color {
                Color::Auto => guessed.depth,
                Color::Truecolor => ColorDepth::True,
                Color::Ansi256 => ColorDepth::Ansi256,
                Color::Ansi16 => ColorDepth::Ansi16,
                Color::None => ColorDepth::None,
            },
            light: self.background.map_or(guessed.light, |b| matches!(b, Background::Light)),
            unicode: guessed.unicode && !self.ascii,
            language: match self.lang {
                Some(Lang::En) => Language::English,
                Some(Lang::Zh) => Language::Chinese,
                None => guessed.language,
            },
        }
    }

    pub(super) fn limits(&self) -> Limits {
        let limits = if self.low_bandwidth { Limits::low_bandwidth() } else { Limits::default() };
        let frames_per_second = self.fps.unwrap_or(limits.frames_per_second);
        Limits { frames_per_second, ..limits }
    }
}

fn frames(text: &str) -> Result<f64, String> {
    let frames: f64 = text.parse().map_err(|_| "not a number".to_string())?;
    if (0.1..=60.0).contains(&frames) { Ok(frames) } else { Err("not from 0.1 to 60".into()) }
}
