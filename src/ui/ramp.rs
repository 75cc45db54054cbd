//! Colour scales for terminals with 256 colours.

/// A scale of xterm's 256 colours for dark and light backgrounds, from 0 to ±1. Chosen by hand,
/// because the nearest colours to a mixture vary irregularly in hue and lightness. With every step
/// the CIELAB lightness moves further from the background.
pub(super) struct Ramp {
    dark: &'static [u8],
    light: &'static [u8],
}

impl Ramp {
    /// The colour index for a fraction from 0 to 1 of the scale.
    pub(super) fn at(&self, share: f32, light: bool) -> u8 {
        let steps = if light { self.light } else { self.dark };
        let step = (share.clamp(0.0, 1.0) * (steps.len() - 1) as f32).round() as usize;
        steps[step]
    }
}

/// The index of the nearest colour: from xterm's 6×6×6 cube, or from its 24 greys if the channels
/// differ by less than 12 of 255.
pub(super) fn nearest(channels: [f32; 3]) -> u8 {
    const LEVELS: [f32; 6] = [0.0, 95.0, 135.0, 175.0, 215.0, 255.0];
    let channels = channels.map(|share| 255.0 * share);
    let [low, high] = [f32::min, f32::max].map(|of| channels.into_iter().reduce(of).unwrap_or(0.0));
    if high - low < 12.0 && (4.0..=246.0).contains(&high) {
        let step = ((f32::midpoint(low, high) - 8.0) / 10.0).round().clamp(0.0, 23.0);
        return 232 + step as u8;
    }
    let level = |channel: f32| {
        let away = |step: &usize| (LEVELS[*step] - channel).abs();
        (0..6).min_by(|a, b| away(a).total_cmp(&away(b))).unwrap_or(0) as u8
    };
    let [red, green, blue] = channels.map(level);
    16 + 36 * red + 6 * green + blue
}

/// Negative values: blue. Lightness 6 to 82 on dark, 94 to 20 on light. On dark, only the darkest
/// steps are pure blue or red: brighter pure colours would stand out more than the large values.
pub(super) const NEGATIVE: Ramp = Ramp {
    dark: &[233, 17, 18, 24, 25, 31, 32, 74, 117],
    light: &[255, 189, 153, 111, 69, 33, 26, 20, 19],
};
/// Positive values: red-brown to orange. Lightness 6 to 78 on dark, 94 to 27 on light.
pub(super) const POSITIVE: Ramp = Ramp {
    dark: &[233, 52, 88, 94, 130, 166, 172, 208, 215],
    light: &[255, 223, 216, 208, 202, 166, 130, 124, 88],
};
/// Pixels: grey.
pub(super) const INK: Ramp = Ramp {
    dark: &[
        233, 234, 235, 236, 237, 238, 239, 240, 241, 242, 243, 244, 245, 246, 247, 248, 249, 250,
        251, 252, 253, 254, 255, 231,
    ],
    light: &[
        255, 254, 253, 252, 251, 250, 249, 248, 247, 246, 245, 244, 243, 242, 241, 240, 239, 238,
        237, 236, 235, 234, 233, 232, 16,
    ],
};

#[cfg(test)]
mod tests {
    use crate::ui::theme::{ColorDepth, Theme};
    use ratatui::style::Color;

    /// Lightness (CIELAB L*, 0 to 100) of one of xterm's fixed colours or of a truecolor one.
    fn lightness(color: Color) -> f64 {
        let [r, g, b] = match color {
            Color::Rgb(r, g, b) => [r, g, b],
            Color::Indexed(index @ 16..=231) => {
                let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
                let cube = index - 16;
                [level(cube / 36), level(cube / 6 % 6), level(cube % 6)]
            }
            Color::Indexed(grey @ 232..) => [8 + 10 * (grey - 232); 3],
            other => panic!("{other} has no fixed lightness"),
        };
        let linear = |channel: u8| {
            let v = f64::from(channel) / 255.0;
            if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        };
        let luminance = 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
        let root =
            if luminance > 0.008_856 { luminance.cbrt() } else { 7.787 * luminance + 16.0 / 116.0 };
        116.0 * root - 16.0
    }

    #[test]
    fn lightness_is_monotonic_in_both_directions() {
        type Scale = (&'static str, fn(&Theme, f32) -> Color);
        let scales: [Scale; 3] = [
            ("negative", |theme, share| theme.diverging(-share)),
            ("positive", Theme::diverging),
            ("sequential", Theme::sequential),
        ];
        for depth in [ColorDepth::Ansi256, ColorDepth::True] {
            for light in [false, true] {
                let theme = Theme { depth, light, ..Theme::default() };
                for (name, scale) in scales {
                    let mut colours: Vec<Color> =
                        (0..=1000_u16).map(|at| scale(&theme, f32::from(at) / 1000.0)).collect();
                    colours.dedup();
                    let place = format!("{name}, {depth:?}, light {light}: {colours:?}");
                    assert!(colours.len() >= 8, "{place}");
                    let away = |pair: &[Color]| {
                        let step = lightness(pair[1]) - lightness(pair[0]);
                        if light { -step } else { step }
                    };
                    assert!(colours.windows(2).all(|pair| away(pair) > 0.0), "{place}");
                    let whole = away(&[colours[0], colours[colours.len() - 1]]);
                    assert!(whole > 40.0, "{place}: {whole}");
                }
                assert_eq!(theme.diverging(0.0), theme.diverging(-0.0));
            }
        }
    }
}
