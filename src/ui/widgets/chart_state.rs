//! The interactive state of a chart: cursor, zoom, hidden curves and smoothing.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};
use std::collections::BTreeSet;

/// Weights of the smoothing, from none to TensorBoard's maximum.
const SMOOTHING: [f64; 8] = [0.0, 0.3, 0.6, 0.8, 0.9, 0.95, 0.97, 0.99];
/// Factor of the x range per step of the wheel.
const WHEEL: f64 = 0.8;

/// Zoom, cursor, hidden curves and smoothing of a chart.
#[derive(Clone, Debug, Default)]
pub struct ChartState {
    /// The visible x range in axis units (exponents on a logarithmic axis); all of it if `None`.
    pub zoom: Option<[f64; 2]>,
    /// The x whose values the legend shows.
    pub cursor: Option<f64>,
    /// Indices of hidden curves.
    pub hidden: BTreeSet<usize>,
    /// The weight of the smoothing, from 0 to 0.99.
    pub smoothing: f64,
    /// The columns of the current drag.
    pub drag: Option<[u16; 2]>,
    /// The area of the curves when they were last drawn, its x range, and the x range of all
    /// curves.
    pub plot: Rect,
    pub shown: [f64; 2],
    pub whole: [f64; 2],
    /// The areas of the names of the curves when they were last drawn.
    pub legend: Vec<(usize, Rect)>,
}

impl ChartState {
    /// Handles a mouse event: a click on the legend hides a curve, a click on the plot moves the
    /// cursor, a drag or the wheel zooms, the right button resets. Returns whether it was used.
    pub fn mouse(&mut self, event: MouseEvent) -> bool {
        let at = Position::new(event.column, event.row);
        match event.kind {
            MouseEventKind::Down(MouseButton::Left) => {
                if let Some(&(index, _)) = self.legend.iter().find(|(_, place)| place.contains(at))
                {
                    self.toggle(index);
                    return true;
                }
                self.drag = self.plot.contains(at).then_some([at.x; 2]);
                self.drag.is_some()
            }
            MouseEventKind::Drag(MouseButton::Left) => {
                let plot = self.plot;
                let Some(drag) = &mut self.drag else { return false };
                drag[1] = at.x.clamp(plot.x, plot.right().saturating_sub(1).max(plot.x));
                true
            }
            MouseEventKind::Up(MouseButton::Left) => {
                let Some([from, to]) = self.drag.take() else { return false };
                if from == to {
                    self.cursor = Some(self.x_at(from));
                } else {
                    self.zoom = Some([self.x_at(from.min(to)), self.x_at(from.max(to))]);
                }
                true
            }
            MouseEventKind::Down(MouseButton::Right) if self.plot.contains(at) => {
                (self.zoom, self.cursor) = (None, None);
                true
            }
            MouseEventKind::ScrollUp if self.plot.contains(at) => self.zoom_at(at.x, WHEEL),
            MouseEventKind::ScrollDown if self.plot.contains(at) => self.zoom_at(at.x, 1.0 / WHEEL),
            _ => false,
        }
    }

    /// Hides a curve, or shows it again.
    pub fn toggle(&mut self, index: usize) {
        if !self.hidden.remove(&index) {
            self.hidden.insert(index);
        }
    }

    /// Hides the next of `count` curves instead of the hidden one; after the last one, shows all.
    pub fn hide_next(&mut self, count: usize) {
        let next = self.hidden.first().map_or(0, |hidden| hidden + 1);
        self.hidden =
            if next < count && count > 1 { BTreeSet::from([next]) } else { BTreeSet::new() };
    }

    /// More or less smoothing, by a step.
    pub fn smooth(&mut self, more: bool) {
        let here = SMOOTHING.iter().position(|weight| *weight >= self.smoothing).unwrap_or(0);
        let next = if more { here + 1 } else { here.saturating_sub(1) };
        self.smoothing = SMOOTHING[next.min(SMOOTHING.len() - 1)];
    }

    /// Copies zoom, cursor and smoothing from a chart with the same x axis.
    pub fn follow(&mut self, other: &Self) {
        (self.zoom, self.cursor, self.smoothing) = (other.zoom, other.cursor, other.smoothing);
    }

    /// The x of a column of the screen.
    fn x_at(&self, column: u16) -> f64 {
        let last = f64::from(self.plot.width.saturating_sub(1).max(1));
        let share = f64::from(column.saturating_sub(self.plot.x)) / last;
        self.shown[0] + share.clamp(0.0, 1.0) * (self.shown[1] - self.shown[0])
    }

    /// Scales the visible range by a factor around a column, within the range of all curves.
    fn zoom_at(&mut self, column: u16, factor: f64) -> bool {
        let middle = self.x_at(column);
        let [low, high] = self.shown.map(|end| middle + factor * (end - middle));
        let [first, last] = self.whole;
        // The minimum is a thousandth of the whole range.
        if high - low < 1e-3 * (last - first) {
            return true;
        }
        let whole = low <= first && high >= last;
        self.zoom = (!whole).then(|| [low.max(first), high.min(last)]);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::KeyModifiers;

    fn state() -> ChartState {
        ChartState {
            plot: Rect::new(10, 2, 101, 10),
            shown: [0.0, 100.0],
            whole: [0.0, 100.0],
            legend: vec![(0, Rect::new(10, 1, 8, 1)), (1, Rect::new(20, 1, 8, 1))],
            ..ChartState::default()
        }
    }

    fn mouse(state: &mut ChartState, kind: MouseEventKind, column: u16, row: u16) -> bool {
        state.mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE })
    }

    const LEFT: MouseButton = MouseButton::Left;

    #[test]
    fn clicks_move_the_cursor_drags_zoom_and_the_right_button_resets() {
        let mut state = state();
        mouse(&mut state, MouseEventKind::Down(LEFT), 40, 5);
        mouse(&mut state, MouseEventKind::Up(LEFT), 40, 5);
        assert_eq!((state.cursor, state.zoom), (Some(30.0), None));
        mouse(&mut state, MouseEventKind::Down(LEFT), 60, 5);
        mouse(&mut state, MouseEventKind::Drag(LEFT), 30, 9);
        mouse(&mut state, MouseEventKind::Up(LEFT), 30, 9);
        assert_eq!(state.zoom, Some([20.0, 50.0]), "from right to left, too");
        mouse(&mut state, MouseEventKind::Down(MouseButton::Right), 60, 5);
        assert_eq!((state.cursor, state.zoom), (None, None));
        assert!(!mouse(&mut state, MouseEventKind::Down(LEFT), 2, 5), "beside the plot");
    }

    #[test]
    fn the_wheel_zooms_around_the_pointer_within_the_whole_range() {
        let mut state = state();
        mouse(&mut state, MouseEventKind::ScrollUp, 60, 5);
        assert_eq!(state.zoom, Some([10.0, 90.0]));
        state.shown = [10.0, 90.0];
        for _ in 0..3 {
            mouse(&mut state, MouseEventKind::ScrollDown, 60, 5);
            state.shown = state.zoom.unwrap_or(state.whole);
        }
        assert_eq!(state.zoom, None);
    }

    #[test]
    fn curves_are_hidden_by_clicks_and_by_key() {
        let mut state = state();
        mouse(&mut state, MouseEventKind::Down(LEFT), 21, 1);
        assert!(state.hidden.contains(&1));
        mouse(&mut state, MouseEventKind::Down(LEFT), 21, 1);
        assert!(state.hidden.is_empty());
        let mut seen = Vec::new();
        for _ in 0..4 {
            state.hide_next(3);
            seen.push(state.hidden.first().copied());
        }
        assert_eq!(seen, [Some(0), Some(1), Some(2), None]);
    }

    #[test]
    fn smoothing_goes_from_nothing_to_99_percent() {
        let mut state = ChartState::default();
        (0..20).for_each(|_| state.smooth(true));
        assert_eq!(state.smoothing.to_string(), "0.99");
        (0..20).for_each(|_| state.smooth(false));
        assert_eq!(state.smoothing.to_string(), "0");
    }
}
