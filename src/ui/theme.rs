//! The theme: the source of all colours on the screen.
//!
//! The palette follows Okabe and Ito: its hues remain distinguishable with red-green colour
//! blindness. No information is conveyed by colour alone.

use super::language::Language;
use super::ramp::{self, Ramp};
use ratatui::style::{Color, Modifier, Style};
use std::fmt::Display;

/// The number of colours of the terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ColorDepth {
    None,
    Ansi16,
    Ansi256,
    #[default]
    True,
}

/// The capabilities of the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    pub depth: ColorDepth,
    /// Dark ink on a light background.
    pub light: bool,
    /// Block, box and braille characters may be used.
    pub unicode: bool,
    /// The language of the texts; English if the terminal cannot show the characters of another.
    pub language: Language,
}

impl Default for Theme {
    fn default() -> Self {
        Self { depth: ColorDepth::True, light: false, unicode: true, language: Language::English }
    }
}

/// The role of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextRole {
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

/// A colour for dark backgrounds, one for light ones, and the one of 16 colours for each.
struct Tone {
    dark: [u8; 3],
    light: [u8; 3],
    ansi: [Color; 2],
}

const DIM: Tone = Tone {
    dark: [132, 140, 154],
    light: [101, 109, 118],
    ansi: [Color::DarkGray, Color::DarkGray],
};
const BORDER: Tone =
    Tone { dark: [66, 74, 90], light: [190, 198, 208], ansi: [Color::DarkGray, Color::DarkGray] };
const GOOD: Tone =
    Tone { dark: [64, 192, 144], light: [0, 120, 84], ansi: [Color::Green, Color::Green] };
const BAD: Tone =
    Tone { dark: [240, 120, 72], light: [186, 74, 0], ansi: [Color::Red, Color::Red] };
const WARNING: Tone =
    Tone { dark: [240, 200, 80], light: [138, 100, 0], ansi: [Color::Yellow, Color::Magenta] };
const ACCENT: Tone =
    Tone { dark: [98, 182, 240], light: [0, 104, 168], ansi: [Color::Cyan, Color::Blue] };
const SELECTION: Tone =
    Tone { dark: [44, 58, 84], light: [212, 228, 246], ansi: [Color::Blue, Color::Blue] };

const SERIES: [Tone; 6] = [
    Tone { dark: [98, 182, 240], light: [0, 104, 168], ansi: [Color::LightCyan, Color::Blue] },
    Tone { dark: [240, 168, 56], light: [176, 104, 0], ansi: [Color::Yellow, Color::Red] },
    Tone { dark: [64, 192, 144], light: [0, 120, 84], ansi: [Color::Green, Color::Green] },
    Tone {
        dark: [216, 140, 190],
        light: [160, 70, 126],
        ansi: [Color::LightMagenta, Color::Magenta],
    },
    Tone {
        dark: [240, 228, 96],
        light: [128, 118, 0],
        ansi: [Color::LightYellow, Color::DarkGray],
    },
    Tone { dark: [236, 112, 70], light: [186, 74, 0], ansi: [Color::LightRed, Color::Cyan] },
];

/// The ends of the diverging scale: blue below zero, orange above.
const NEGATIVE: Tone =
    Tone { dark: [72, 160, 248], light: [0, 92, 184], ansi: [Color::LightBlue, Color::Blue] };
const POSITIVE: Tone =
    Tone { dark: [255, 156, 48], light: [204, 88, 0], ansi: [Color::Yellow, Color::Red] };
/// The middle of the diverging scale and the start of the sequential one.
const NOTHING: Tone =
    Tone { dark: [20, 23, 30], light: [244, 245, 247], ansi: [Color::DarkGray, Color::DarkGray] };
/// The end of the sequential scale.
const INK: Tone =
    Tone { dark: [250, 250, 245], light: [16, 18, 24], ansi: [Color::White, Color::Black] };

/// Steps of a truecolor scale between its ends.
const STEPS: f32 = 32.0;

/// With 16 colours, a fraction of a scale below this is drawn as 0.
const FAINT: f32 = 0.25;
/// With 16 colours, a fraction of a scale from this on is bold.
const LARGE: f32 = 0.6;

impl Theme {
    /// The style of a role.
    #[must_use]
    pub fn style(&self, role: TextRole) -> Style {
        let style = Style::default();
        match role {
            TextRole::Text => style,
            TextRole::Dim if self.depth == ColorDepth::None => style.add_modifier(Modifier::DIM),
            TextRole::Dim => style.fg(self.tone(&DIM)),
            TextRole::Title => style.add_modifier(Modifier::BOLD),
            TextRole::Border => style.fg(self.tone(&BORDER)),
            TextRole::Selected if self.depth <= ColorDepth::Ansi16 => {
                style.add_modifier(Modifier::REVERSED)
            }
            TextRole::Selected => style.bg(self.tone(&SELECTION)).add_modifier(Modifier::BOLD),
            TextRole::Good => style.fg(self.tone(&GOOD)),
            TextRole::Bad => style.fg(self.tone(&BAD)).add_modifier(Modifier::BOLD),
            TextRole::Warning => style.fg(self.tone(&WARNING)),
            TextRole::Accent => style.fg(self.tone(&ACCENT)).add_modifier(Modifier::BOLD),
        }
    }

    /// The style of the n-th curve of a chart.
    #[must_use]
    pub fn series(&self, index: usize) -> Style {
        Style::default().fg(self.tone(&SERIES[index % SERIES.len()]))
    }

    /// The colour of a value from −1 to 1 (a weight); 0 is the background.
    #[must_use]
    pub fn diverging(&self, value: f32) -> Color {
        if value < 0.0 {
            self.scale(&NEGATIVE, &ramp::NEGATIVE, -value)
        } else {
            self.scale(&POSITIVE, &ramp::POSITIVE, value)
        }
    }

    /// The colour of a value from 0 to 1 (a pixel); 0 is the background.
    #[must_use]
    pub fn sequential(&self, value: f32) -> Color {
        self.scale(&INK, &ramp::INK, value)
    }

    /// The colour of red, green and blue from 0 to 1; a grey with 16 colours.
    #[must_use]
    pub fn mixed(&self, channels: [f32; 3]) -> Color {
        let channels =
            channels.map(|share| if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 });
        match self.depth {
            ColorDepth::True => {
                let [red, green, blue] = channels.map(|share| (255.0 * share).round() as u8);
                Color::Rgb(red, green, blue)
            }
            ColorDepth::Ansi256 => Color::Indexed(ramp::nearest(channels)),
            _ => self.sequential(channels.iter().sum::<f32>() / 3.0),
        }
    }

    /// Text on the colour of a value from −1 to 1. The 16 colours are too strong for a background,
    /// so the text itself is coloured, and bold if the value is large.
    #[must_use]
    pub fn shaded(&self, value: f32) -> Style {
        match self.depth {
            ColorDepth::None => Style::default(),
            ColorDepth::Ansi16 if value.abs() < FAINT => Style::default(),
            ColorDepth::Ansi16 => {
                let style = Style::default().fg(self.diverging(value));
                if value.abs() < LARGE { style } else { style.add_modifier(Modifier::BOLD) }
            }
            _ => Style::default().bg(self.diverging(value)),
        }
    }

    /// The translation of a text.
    #[must_use]
    pub fn say<'a>(&self, text: &'a str) -> &'a str {
        self.language().say(text)
    }

    /// The translation of a text, with each `{}` replaced by the next value.
    #[must_use]
    pub fn fill(&self, text: &str, values: &[&dyn Display]) -> String {
        self.language().fill(text, values)
    }

    /// The language of the texts.
    #[must_use]
    pub fn language(&self) -> Language {
        if self.unicode { self.language } else { Language::English }
    }

    /// Whether a cell can show two pixels of different colours.
    #[must_use]
    pub fn has_half_blocks(&self) -> bool {
        self.unicode && self.depth >= ColorDepth::Ansi256
    }

    /// The colour at a fraction, from 0 to 1, of a scale.
    fn scale(&self, end: &Tone, ramp: &Ramp, share: f32) -> Color {
        // NaN is drawn as 0.
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        match self.depth {
            ColorDepth::None => Color::Reset,
            ColorDepth::Ansi16 if share < FAINT => self.tone(&NOTHING),
            ColorDepth::Ansi16 => self.tone(end),
            ColorDepth::Ansi256 => Color::Indexed(ramp.at(share, self.light)),
            ColorDepth::True => {
                // Few steps: the difference is not visible, and fewer cells change on a slow
                // connection.
                let share = (share * STEPS).round() / STEPS;
                let (from, to) = (self.rgb(&NOTHING), self.rgb(end));
                let mix =
                    |a: u8, b: u8| (f32::from(a) + share * (f32::from(b) - f32::from(a))) as u8;
                let [r, g, b] = [0, 1, 2].map(|channel| mix(from[channel], to[channel]));
                Color::Rgb(r, g, b)
            }
        }
    }

    fn rgb(&self, tone: &Tone) -> [u8; 3] {
        if self.light { tone.light } else { tone.dark }
    }

    fn tone(&self, tone: &Tone) -> Color {
        match self.depth {
            ColorDepth::Ansi16 => tone.ansi[usize::from(self.light)],
            _ => self.color(self.rgb(tone)),
        }
    }

    /// The nearest colour to red, green and blue; the terminal's default with 16 colours or none.
    #[must_use]
    pub fn color(&self, [r, g, b]: [u8; 3]) -> Color {
        match self.depth {
            ColorDepth::True => Color::Rgb(r, g, b),
            ColorDepth::Ansi256 => Color::Indexed(nearest_of_256([r, g, b])),
            ColorDepth::None | ColorDepth::Ansi16 => Color::Reset,
        }
    }
}

/// The nearest of xterm's 240 fixed colours: from the 6×6×6 cube or the 24 greys.
fn nearest_of_256(rgb: [u8; 3]) -> u8 {
    const LEVELS: [i32; 6] = [0, 95, 135, 175, 215, 255];
    let channels = rgb.map(i32::from);
    let distance = |other: [i32; 3]| -> i32 {
        channels.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum()
    };
    let steps = channels.map(|channel| {
        (0..6_u8).min_by_key(|&step| (LEVELS[usize::from(step)] - channel).abs()).unwrap_or(0)
    });
    let cube = steps.map(|step| LEVELS[usize::from(step)]);
    let grey_step = ((channels.iter().sum::<i32>() / 3 - 8 + 5) / 10).clamp(0, 23);
    let grey = 8 + 10 * grey_step;
    if distance([grey; 3]) < distance(cube) {
        232 + grey_step as u8
    } else {
        16 + 36 * steps[0] + 6 * steps[1] + steps[2]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colours_only_resets_are_used() {
        let theme = Theme { depth: ColorDepth::None, ..Theme::default() };
        for role in
            [TextRole::Text, TextRole::Dim, TextRole::Selected, TextRole::Bad, TextRole::Accent]
        {
            let style = theme.style(role);
            assert!(matches!(style.fg, None | Some(Color::Reset)), "{role:?}");
            assert!(style.bg.is_none(), "{role:?}");
        }
        assert_eq!(theme.diverging(-1.0), Color::Reset);
    }

    #[test]
    fn all_colours_are_visible_on_a_light_background() {
        let invisible = [Color::White, Color::Gray, Color::Yellow, Color::LightYellow];
        let theme = Theme { depth: ColorDepth::Ansi16, light: true, ..Theme::default() };
        let roles = [
            TextRole::Text,
            TextRole::Dim,
            TextRole::Good,
            TextRole::Bad,
            TextRole::Warning,
            TextRole::Accent,
        ];
        let texts = roles.iter().filter_map(|&role| theme.style(role).fg);
        let series = (0..SERIES.len()).filter_map(|index| theme.series(index).fg);
        let scales = [-1.0, -0.1, 0.1, 1.0].map(|value| theme.diverging(value));
        for color in texts.chain(series).chain(scales).chain([theme.sequential(1.0)]) {
            assert!(!invisible.contains(&color), "{color}");
        }
    }

    #[test]
    fn sixteen_colours_distinguish_sign_and_magnitude() {
        for light in [false, true] {
            let theme = Theme { depth: ColorDepth::Ansi16, light, ..Theme::default() };
            let styles = [-1.0, -0.4, 0.0, 0.4, 1.0].map(|value| theme.shaded(value));
            for (index, style) in styles.iter().enumerate() {
                assert!(!styles[..index].contains(style), "{light}: {styles:?}");
            }
        }
    }

    #[test]
    fn text_on_a_coloured_background_is_readable() {
        let few = Theme { depth: ColorDepth::Ansi16, ..Theme::default() };
        assert_eq!((few.shaded(1.0).bg, few.shaded(0.1).fg), (None, None));
        assert_eq!(few.shaded(-1.0).fg, Some(few.diverging(-1.0)));
        assert_eq!(Theme::default().shaded(0.5).bg, Some(Theme::default().diverging(0.5)));
    }

    #[test]
    fn finds_the_nearest_fixed_colour() {
        assert_eq!(nearest_of_256([255, 0, 0]), 196);
        assert_eq!(nearest_of_256([255, 255, 255]), 231);
        assert_eq!(nearest_of_256([128, 128, 128]), 244);
        assert_eq!(nearest_of_256([0, 0, 0]), 16);
    }

    #[test]
    fn nan_has_the_colour_of_zero() {
        let theme = Theme::default();
        assert_eq!(theme.diverging(f32::NAN), theme.diverging(0.0));
        assert_eq!(theme.sequential(f32::INFINITY), theme.sequential(0.0));
    }
}
