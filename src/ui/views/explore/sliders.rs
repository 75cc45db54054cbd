//! Draws sliders, and finds the value under the mouse.

use super::slider_values::SliderValues;
use crate::protocol::{Explorable, Slider, SliderKind};
use crate::ui::numbers::exact;
use crate::ui::theme::{TextRole, Theme};
use crate::ui::widgets::{draw_track, share_at, write, write_at, write_right};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use unicode_width::UnicodeWidthStr;

/// Rows of a function's graph.
const CURVE_ROWS: u16 = 6;
/// Columns of a cell of a grid.
const CELL: u16 = 5;
/// Columns of a value.
const VALUE: u16 = 8;
/// Characters for columns of one to eight eighths, from the bottom.
const EIGHTHS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The area of a drawn slider.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SliderArea {
    pub slider: usize,
    /// All of its rows.
    pub rows: Rect,
    /// The area of its values: the line, graph or grid.
    pub track: Rect,
}

/// Rows that all sliders take.
pub(super) fn rows(explorable: &Explorable) -> u16 {
    explorable.sliders.iter().map(height).sum()
}

fn height(slider: &Slider) -> u16 {
    let values = slider.default.len() as u32;
    match &slider.control {
        SliderKind::Curve { .. } => 1 + CURVE_ROWS,
        SliderKind::Grid { width, .. } => 1 + values.div_ceil((*width).max(1)) as u16,
        _ => 1,
    }
}

/// Draws as many sliders as fit, including the selected one; returns their areas.
pub(super) fn draw(
    explorable: &Explorable,
    values: &SliderValues,
    focused: bool,
    area: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) -> Vec<SliderArea> {
    let area = area.intersection(buffer.area);
    let sliders = &explorable.sliders;
    let names = sliders.iter().filter(|s| is_line(s)).map(|slider| slider.name.width() as u16);
    let names = names.max().unwrap_or(0).min(area.width / 2);
    let mut first = 0;
    let ends_at = |first: usize| -> u16 {
        sliders.iter().take(values.selected + 1).skip(first).map(height).sum()
    };
    while first < values.selected && ends_at(first) > area.height {
        first += 1;
    }
    let mut spots = Vec::new();
    let mut row = 0;
    for (index, slider) in sliders.iter().enumerate().skip(first) {
        if row >= area.height {
            break;
        }
        let high = height(slider).min(area.height - row);
        let rows = Rect { y: area.y + row, height: high, ..area };
        let painter = Painter { explorable, values, focused, theme, index, names };
        let track = painter.draw(rows, buffer);
        spots.push(SliderArea { slider: index, rows, track });
        row += high;
    }
    spots
}

fn is_line(slider: &Slider) -> bool {
    matches!(slider.control, SliderKind::Range | SliderKind::Time)
}

/// Draws one slider.
struct Painter<'a> {
    explorable: &'a Explorable,
    values: &'a SliderValues,
    focused: bool,
    theme: &'a Theme,
    index: usize,
    /// Columns of the names on lines.
    names: u16,
}

impl Painter<'_> {
    fn slider(&self) -> &Slider {
        &self.explorable.sliders[self.index]
    }

    fn values(&self) -> &[f64] {
        self.values.values.get(self.explorable.place(self.index)).unwrap_or_default()
    }

    fn is_selected(&self) -> bool {
        self.focused && self.values.selected == self.index
    }

    /// Draws it; returns the area of its values.
    fn draw(&self, rows: Rect, buffer: &mut Buffer) -> Rect {
        let slider = self.slider();
        let moved = self.values.moved == Some(self.index);
        let role = match (moved, self.is_selected()) {
            (true, _) => TextRole::Accent,
            (false, true) => TextRole::Title,
            (false, false) => TextRole::Text,
        };
        if self.is_selected() {
            write(buffer, rows, 0, "›", self.theme.style(TextRole::Accent));
        }
        write_at(buffer, rows, 2, 0, &slider.name, self.theme.style(role));
        self.write_value(rows, buffer, moved);
        match &slider.control {
            SliderKind::Range | SliderKind::Time => self.line(rows, buffer),
            SliderKind::Toggle | SliderKind::Choice(_) => Rect { height: 1, ..rows },
            SliderKind::Curve { .. } => self.curve(below(rows), buffer),
            SliderKind::Grid { width, .. } => self.grid(below(rows), *width as u16, buffer),
        }
    }

    /// The value as text at the right of the first row.
    fn write_value(&self, rows: Rect, buffer: &mut Buffer, moved: bool) {
        let slider = self.slider();
        let typed = self.values.typed.as_ref().filter(|_| self.is_selected());
        let typing = typed.is_some();
        let at = if self.is_selected() { self.values.cursor } else { 0 };
        let value = self.values().get(at).copied().unwrap_or(0.0);
        let text = match &slider.control {
            _ if typing => format!("{}_", typed.map_or("", String::as_str)),
            SliderKind::Toggle if value > 0.5 => format!("{} ━●", self.theme.say("on ")),
            SliderKind::Toggle => format!("{} ○─", self.theme.say("off")),
            SliderKind::Choice(names) => {
                format!("‹ {} ›", names.get(value as usize).map_or("", String::as_str))
            }
            SliderKind::Curve { presets } | SliderKind::Grid { presets, .. } => {
                let named = presets.iter().find(|(_, values)| values == self.values());
                let name = named.map_or_else(|| self.theme.say("drawn"), |(name, _)| name.as_str());
                if self.is_selected() {
                    format!("{name} · {}", self.number(value))
                } else {
                    name.into()
                }
            }
            _ => self.number(value),
        };
        let role = match (typing, moved) {
            (true, _) => TextRole::Selected,
            (false, true) => TextRole::Accent,
            (false, false) => TextRole::Text,
        };
        write_right(buffer, rows, 0, &text, self.theme.style(role));
    }

    /// A value with the unit of its slider.
    fn number(&self, value: f64) -> String {
        format!("{} {}", exact(value), self.slider().unit).trim_end().into()
    }

    fn line(&self, rows: Rect, buffer: &mut Buffer) -> Rect {
        let slider = self.slider();
        let left = 2 + self.names + 1;
        let width = rows.width.saturating_sub(left + VALUE);
        let track = Rect { x: rows.x + left.min(rows.width), width, height: 1, ..rows };
        let value = self.values().first().copied().unwrap_or(slider.low);
        let share = (value - slider.low) / (slider.high - slider.low);
        let lit = self.is_selected() || self.values.moved == Some(self.index);
        draw_track(share, lit, track, buffer, self.theme);
        track
    }

    /// A function drawn as columns.
    fn curve(&self, area: Rect, buffer: &mut Buffer) -> Rect {
        let slider = self.slider();
        let values = self.values();
        let columns = usize::from(area.width.saturating_sub(4));
        let track = Rect { x: area.x + 2.min(area.width), width: columns as u16, ..area };
        if columns == 0 || values.is_empty() {
            return track;
        }
        for column in 0..columns {
            let at = column * values.len() / columns;
            let share = (values[at] - slider.low) / (slider.high - slider.low);
            let eighths = (share * f64::from(8 * track.height)).round() as u16;
            let here = self.is_selected() && at == self.values.cursor;
            let style =
                if here { self.theme.style(TextRole::Accent) } else { self.theme.series(0) };
            for row in 0..track.height {
                let filled = eighths.saturating_sub(8 * (track.height - 1 - row)).min(8);
                let character = match filled {
                    0 => '·',
                    _ if !self.theme.unicode => '#',
                    eighths => EIGHTHS[usize::from(eighths - 1)],
                };
                let style = if filled == 0 { self.theme.style(TextRole::Border) } else { style };
                let text = character.to_string();
                write_at(buffer, track, column as u16, row, &text, style);
            }
        }
        track
    }

    /// Numbers in cells, coloured like weights.
    fn grid(&self, area: Rect, width: u16, buffer: &mut Buffer) -> Rect {
        let slider = self.slider();
        let width = width.max(1);
        let largest = slider.low.abs().max(slider.high.abs()).max(f64::MIN_POSITIVE);
        let track = Rect { x: area.x + 2, width: (width * CELL).min(area.width), ..area };
        for (at, value) in self.values().iter().enumerate() {
            let (column, row) = (at as u16 % width, at as u16 / width);
            let here = self.is_selected() && at == self.values.cursor;
            let style = if here {
                self.theme.style(TextRole::Selected)
            } else {
                self.theme.shaded((0.6 * value / largest) as f32)
            };
            let mark = if here { "›" } else { " " };
            let text = format!("{mark}{:>3} ", self.number(*value));
            write_at(buffer, track, column * CELL, row, &text, style);
        }
        track
    }
}

fn below(rows: Rect) -> Rect {
    Rect { y: rows.y + 1, height: rows.height.saturating_sub(1), ..rows }
}

/// The value at a position on a line, graph or grid: its index in the slider, and for lines and
/// graphs the new value.
pub(super) fn value_at(slider: &Slider, track: Rect, at: Position) -> Option<(usize, f64)> {
    if track.area() == 0 {
        return None;
    }
    let count = slider.default.len();
    let x = at.x.clamp(track.x, track.right() - 1) - track.x;
    let y = at.y.clamp(track.y, track.bottom() - 1) - track.y;
    let on_scale = |share: f64| {
        let steps = (share * (slider.high - slider.low) / slider.step).round();
        slider.low + steps * slider.step
    };
    match &slider.control {
        SliderKind::Range | SliderKind::Time => Some((0, on_scale(share_at(track, at.x)))),
        SliderKind::Curve { .. } => {
            let index = usize::from(x) * count / usize::from(track.width);
            let up = f64::from(track.height - 1 - y) / f64::from((track.height - 1).max(1));
            Some((index, on_scale(up)))
        }
        SliderKind::Grid { width, .. } => {
            let index = usize::from(y) * *width as usize + usize::from(x / CELL);
            (index < count && x / CELL < *width as u16).then_some((index, 0.0))
        }
        SliderKind::Toggle | SliderKind::Choice(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_click_on_a_line_selects_the_value_under_it() {
        let slider =
            Slider { low: -1.0, high: 1.0, step: 0.5, default: vec![0.0], ..Slider::default() };
        let track = Rect::new(10, 3, 21, 1);
        let value = |x| value_at(&slider, track, Position::new(x, 3)).unwrap().1;
        let values = [0, 10, 20, 24, 99].map(value).to_vec();
        assert_eq!(values, [-1.0, -1.0, 0.0, 0.5, 1.0]);
    }

    #[test]
    fn a_click_on_a_graph_selects_index_and_value() {
        let slider = Slider {
            low: 0.0,
            high: 1.0,
            step: 0.1,
            default: vec![0.0; 10],
            control: SliderKind::Curve { presets: Vec::new() },
            ..Slider::default()
        };
        let track = Rect::new(0, 0, 20, 6);
        assert_eq!(value_at(&slider, track, Position::new(19, 0)), Some((9, 1.0)));
        assert_eq!(value_at(&slider, track, Position::new(0, 5)), Some((0, 0.0)));
    }
}
