//! One theme: every colour on the screen comes from here.

use ratatui::style::{Color, Modifier, Style};

/// How many colours the terminal has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ColorDepth {
    None,
    Ansi16,
    Ansi256,
    #[default]
    True,
}

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    pub depth: ColorDepth,
    /// Dark ink on a light background.
    pub light: bool,
    /// Block, box and braille characters may be used.
    pub unicode: bool,
}

impl Default for Theme {
    fn default() -> Self {
        Self { depth: ColorDepth::True, light: false, unicode: true }
    }
}

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Text,
    Dim,
    Title,
    Border,
    Selected,
    Good,
    Bad,
    Warning,
    Accent,
}

impl Theme {
    /// The style of a piece of text.
    #[must_use]
    pub fn style(&self, role: Role) -> Style {
        let style = Style::default();
        match role {
            Role::Title | Role::Accent => style.add_modifier(Modifier::BOLD),
            Role::Selected => style.add_modifier(Modifier::REVERSED),
            _ => style,
        }
    }

    /// The style of the n-th curve of a chart; neighbours differ for colour-blind people too.
    #[must_use]
    pub fn series(&self, _index: usize) -> Style {
        Style::default()
    }

    /// A value from −1 to 1 as a colour, 0 the background: weights.
    #[must_use]
    pub fn diverging(&self, _value: f32) -> Color {
        Color::Reset
    }

    /// A value from 0 to 1 as a colour, 0 the background: pixels.
    #[must_use]
    pub fn sequential(&self, _value: f32) -> Color {
        Color::Reset
    }
}
