//! The track of a slider: a line with a knob.

use super::{write, write_at};
use crate::ui::theme::{TextRole, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Draws a knob at a fraction of the track; nothing if the track has fewer than 3 columns.
pub fn draw_track(share: f64, lit: bool, track: Rect, buffer: &mut Buffer, theme: &Theme) {
    if track.width < 3 || track.height == 0 {
        return;
    }
    let knob = (share.clamp(0.0, 1.0) * f64::from(track.width - 1)).round() as u16;
    let (full, rest, ball) = if theme.unicode { ("━", "─", "●") } else { ("=", "-", "O") };
    let style = theme.style(if lit { TextRole::Accent } else { TextRole::Text });
    write(buffer, track, 0, &full.repeat(usize::from(knob)), style);
    let after = rest.repeat(usize::from(track.width - knob - 1));
    write_at(buffer, track, knob + 1, 0, &after, theme.style(TextRole::Border));
    write_at(buffer, track, knob, 0, ball, style);
}

/// The fraction of a track at a column of the screen.
#[must_use]
pub fn share_at(track: Rect, column: u16) -> f64 {
    let last = track.width.saturating_sub(1).max(1);
    let at = column.clamp(track.x, track.right().saturating_sub(1).max(track.x)) - track.x;
    f64::from(at) / f64::from(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_click_sets_the_knob_to_its_column() {
        let track = Rect::new(4, 0, 11, 1);
        let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 1));
        draw_track(0.3, true, track, &mut buffer, &Theme::default());
        let knob = (0..20).find(|&x| buffer[(x, 0)].symbol() == "●").unwrap();
        assert!((share_at(track, knob) - 0.3).abs() < 1e-9);
        assert!(share_at(track, 0).abs() < 1e-9 && (share_at(track, 99) - 1.0).abs() < 1e-9);
    }
}
