//! Mouse handling for sliders, drawings, the list and the figures.

use super::sliders::{SliderArea, value_at};
use super::{ExploreFocus, ExploreView};
use crate::protocol::SliderKind;
use crate::ui::effect::Effect;
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

/// Handles a mouse event.
pub(super) fn touch(view: &mut ExploreView, event: MouseEvent) -> Effect {
    let at = Position::new(event.column, event.row);
    if view.alone.is_some() && view.chart.mouse(event) {
        return Effect::Redraw;
    }
    match event.kind {
        MouseEventKind::Down(button) => mouse_down(view, at, button),
        MouseEventKind::Drag(_) => drag(view, at),
        MouseEventKind::Up(_) => {
            view.held = None;
            Effect::Ignored
        }
        MouseEventKind::ScrollUp => wheel(view, at, 1.0),
        MouseEventKind::ScrollDown => wheel(view, at, -1.0),
        _ => Effect::Ignored,
    }
}

fn spot(view: &ExploreView, at: Position) -> Option<SliderArea> {
    view.places.spots.iter().copied().find(|spot| spot.rows.contains(at))
}

fn mouse_down(view: &mut ExploreView, at: Position, button: MouseButton) -> Effect {
    if view.places.list.contains(at) {
        view.focus = ExploreFocus::Sliders;
        view.open(view.places.first + usize::from(at.y - view.places.list.y));
        return Effect::Redraw;
    }
    if let Some(&(index, _)) = view.places.figures.iter().find(|(_, area)| area.contains(at)) {
        view.alone = if view.alone.is_some() { None } else { Some(index) };
        view.scroll = 0;
        return Effect::Redraw;
    }
    let (Some(spot), Some(explorable)) = (spot(view, at), view.list.get(view.open)) else {
        return Effect::Ignored;
    };
    (view.focus, view.playing) = (ExploreFocus::Sliders, false);
    view.sliders.select(spot.slider, explorable);
    let slider = &explorable.sliders[spot.slider];
    match slider.control {
        SliderKind::Toggle | SliderKind::Choice(_) => {
            view.sliders.press(explorable);
        }
        // A click on the name of a drawing selects the next preset.
        SliderKind::Curve { .. } | SliderKind::Grid { .. } if !spot.track.contains(at) => {
            view.sliders.press(explorable);
        }
        SliderKind::Grid { .. } => {
            let Some((cell, _)) = value_at(slider, spot.track, at) else {
                return Effect::Redraw;
            };
            let up = if button == MouseButton::Right { -slider.step } else { slider.step };
            let now = view.sliders.values[explorable.place(spot.slider).start + cell];
            view.held = Some((spot, now + up));
            return drag(view, at);
        }
        SliderKind::Range | SliderKind::Time if !spot.track.contains(at) => {}
        _ => {
            view.held = Some((spot, 0.0));
            return drag(view, at);
        }
    }
    Effect::Redraw
}

/// Moves the dragged slider to the position of the mouse, or sets the cell of a grid under it.
fn drag(view: &mut ExploreView, at: Position) -> Effect {
    let (Some((spot, paint)), Some(explorable)) = (view.held, view.list.get(view.open)) else {
        return Effect::Ignored;
    };
    let slider = &explorable.sliders[spot.slider];
    let Some((index, value)) = value_at(slider, spot.track, at) else {
        return Effect::Ignored;
    };
    let value = if matches!(slider.control, SliderKind::Grid { .. }) { paint } else { value };
    let earlier = view.sliders.cursor;
    view.sliders.cursor = index;
    if matches!(slider.control, SliderKind::Curve { .. }) && view.sliders.moved == Some(spot.slider)
    {
        // A fast drag skips columns, so set the values in between, too.
        let from = view.sliders.values[explorable.place(spot.slider).start + earlier];
        let span = index.abs_diff(earlier);
        for step in 1..span {
            let share = step as f64 / span as f64;
            let between = if index > earlier { earlier + step } else { earlier - step };
            view.sliders.set_at(spot.slider, between, from + share * (value - from), explorable);
        }
    }
    view.sliders.set_at(spot.slider, index, value, explorable);
    Effect::Redraw
}

fn wheel(view: &mut ExploreView, at: Position, steps: f64) -> Effect {
    if view.places.list.contains(at) {
        let next = if steps > 0.0 { view.open.saturating_sub(1) } else { view.open + 1 };
        view.open(next);
        return Effect::Redraw;
    }
    if view.places.figures.iter().any(|(_, area)| area.contains(at)) {
        view.scroll = view.scroll.saturating_add_signed(-steps as isize);
        return Effect::Redraw;
    }
    let (Some(spot), Some(explorable)) = (spot(view, at), view.list.get(view.open)) else {
        return Effect::Ignored;
    };
    view.sliders.select(spot.slider, explorable);
    view.sliders.step(steps, explorable);
    view.playing = false;
    Effect::Redraw
}
