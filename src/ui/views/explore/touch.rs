//! The mouse on sliders, drawings, the list and the figures.

use super::sliders::{Spot, value_at};
use super::{Explore, Focus};
use crate::protocol::Control;
use crate::ui::view::Reaction;
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

impl Explore {
    pub(super) fn touch(&mut self, event: MouseEvent) -> Reaction {
        let at = Position::new(event.column, event.row);
        match event.kind {
            MouseEventKind::Down(button) => self.take_hold(at, button),
            MouseEventKind::Drag(_) => self.drag(at),
            MouseEventKind::Up(_) => {
                self.held = None;
                Reaction::Ignored
            }
            MouseEventKind::ScrollUp => self.wheel(at, 1.0),
            MouseEventKind::ScrollDown => self.wheel(at, -1.0),
            _ => Reaction::Ignored,
        }
    }

    fn spot(&self, at: Position) -> Option<Spot> {
        self.places.spots.iter().copied().find(|spot| spot.rows.contains(at))
    }

    fn take_hold(&mut self, at: Position, button: MouseButton) -> Reaction {
        if self.places.list.contains(at) {
            self.focus = Focus::Sliders;
            self.open(self.places.first + usize::from(at.y - self.places.list.y));
            return Reaction::Redraw;
        }
        if let Some(&(index, _)) = self.places.figures.iter().find(|(_, area)| area.contains(at)) {
            self.alone = if self.alone.is_some() { None } else { Some(index) };
            self.scroll = 0;
            return Reaction::Redraw;
        }
        let (Some(spot), Some(explorable)) = (self.spot(at), self.list.get(self.open)) else {
            return Reaction::Ignored;
        };
        (self.focus, self.playing) = (Focus::Sliders, false);
        self.hand.select(spot.slider, explorable);
        let slider = &explorable.sliders[spot.slider];
        match slider.control {
            Control::Toggle | Control::Choice(_) => {
                self.hand.press(explorable);
            }
            // The name over a drawing leads to the next preset.
            Control::Curve { .. } | Control::Grid { .. } if !spot.track.contains(at) => {
                self.hand.press(explorable);
            }
            Control::Grid { .. } => {
                let Some((cell, _)) = value_at(slider, spot.track, at) else {
                    return Reaction::Redraw;
                };
                let up = if button == MouseButton::Right { -slider.step } else { slider.step };
                let now = self.hand.values[explorable.place(spot.slider).start + cell];
                self.held = Some((spot, now + up));
                return self.drag(at);
            }
            Control::Range | Control::Time if !spot.track.contains(at) => {}
            _ => {
                self.held = Some((spot, 0.0));
                return self.drag(at);
            }
        }
        Reaction::Redraw
    }

    /// Moves what is held to where the mouse is.
    fn drag(&mut self, at: Position) -> Reaction {
        let (Some((spot, paint)), Some(explorable)) = (self.held, self.list.get(self.open)) else {
            return Reaction::Ignored;
        };
        let slider = &explorable.sliders[spot.slider];
        let Some((index, value)) = value_at(slider, spot.track, at) else {
            return Reaction::Ignored;
        };
        let value = if matches!(slider.control, Control::Grid { .. }) { paint } else { value };
        let earlier = self.hand.cursor;
        self.hand.cursor = index;
        if matches!(slider.control, Control::Curve { .. }) && self.hand.moved == Some(spot.slider) {
            // A quick hand skips columns: the line between is drawn too.
            let from = self.hand.values[explorable.place(spot.slider).start + earlier];
            let span = index.abs_diff(earlier);
            for step in 1..span {
                let share = step as f64 / span as f64;
                let between = if index > earlier { earlier + step } else { earlier - step };
                self.hand.set_at(spot.slider, between, from + share * (value - from), explorable);
            }
        }
        self.hand.set_at(spot.slider, index, value, explorable);
        Reaction::Redraw
    }

    fn wheel(&mut self, at: Position, steps: f64) -> Reaction {
        if self.places.list.contains(at) {
            let next = if steps > 0.0 { self.open.saturating_sub(1) } else { self.open + 1 };
            self.open(next);
            return Reaction::Redraw;
        }
        if self.places.figures.iter().any(|(_, area)| area.contains(at)) {
            self.scroll = self.scroll.saturating_add_signed(-steps as isize);
            return Reaction::Redraw;
        }
        let (Some(spot), Some(explorable)) = (self.spot(at), self.list.get(self.open)) else {
            return Reaction::Ignored;
        };
        self.hand.select(spot.slider, explorable);
        self.hand.step(steps, explorable);
        self.playing = false;
        Reaction::Redraw
    }
}
