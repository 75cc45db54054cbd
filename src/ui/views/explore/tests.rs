use super::*;
use crate::protocol::{Curve, FigureBody, RunView, Slider};
use crate::ui::theme::Theme;
use crossterm::event::{MouseButton, MouseEventKind};

fn list() -> Vec<Explorable> {
    let line = |name: &str, control| Slider {
        name: name.into(),
        low: 0.0,
        high: 10.0,
        step: 1.0,
        default: vec![2.0],
        control,
        ..Slider::default()
    };
    let explorable = |id: &str| Explorable {
        id: id.into(),
        title: id.into(),
        sliders: vec![line("w", SliderKind::Range), line("step", SliderKind::Time)],
        ..Explorable::default()
    };
    vec![explorable("first"), explorable("second")]
}

/// The hub's answer: a curve of the first value, one of the second.
fn answer(view: &mut ExploreView, command: Command) -> bool {
    let Command::Explore { id, values } = command else { panic!("another request") };
    if id.is_empty() {
        return view.answered(&Event::Explorables(list()), Language::English);
    }
    let curve = |value: f64| Curve { points: vec![(0.0, value)], ..Curve::default() };
    let body = FigureBody::Plot {
        x_label: String::new(),
        y_label: String::new(),
        x_range: [0.0, 1.0],
        y_range: [0.0, 10.0],
        curves: vec![curve(values[0]), curve(values[1])],
    };
    let figures = vec![Figure { id: "f".into(), body, ..Figure::default() }];
    view.answered(&Event::Explored(Box::new(Explored { id, values, figures })), Language::English)
}

fn settle(view: &mut ExploreView) {
    while let Some(request) = view.explore_request() {
        answer(view, request);
    }
}

fn opened(id: &str) -> ExploreView {
    let mut view = ExploreView::opened(id);
    settle(&mut view);
    view
}

#[test]
fn an_id_or_a_prefix_of_it_opens_an_explorable_before_and_after_the_list_arrives() {
    for id in ["second", "sec"] {
        let mut view = opened(id);
        assert_eq!(view.explorable().unwrap().id, "second", "{id}");
        assert!(view.open_explorable("fir") && !view.open_explorable("third"));
        assert_eq!(view.explorable().unwrap().id, "first");
    }
}

fn press(view: &mut ExploreView, code: KeyCode) -> Effect {
    let (run, theme) = (RunView::default(), Theme::default());
    let context = ViewContext::live(&run, &theme);
    view.key(KeyEvent::from(code), &context)
}

fn draw(view: &mut ExploreView, width: u16, height: u16) -> Buffer {
    let (run, theme) = (RunView::default(), Theme::default());
    let context = ViewContext::live(&run, &theme);
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    view.render(buffer.area, &mut buffer, &context);
    buffer
}

#[test]
fn requests_the_list_and_then_the_figures() {
    let mut view = ExploreView::opened("second");
    let request = view.explore_request().unwrap();
    assert_eq!(request, Command::Explore { id: String::new(), values: Vec::new() });
    assert_eq!(view.explore_request(), None, "one request at a time");
    answer(&mut view, request);
    let request = view.explore_request().unwrap();
    assert_eq!(request, Command::Explore { id: "second".into(), values: vec![2.0, 2.0] });
    answer(&mut view, request);
    assert_eq!(view.explore_request(), None);
}

#[test]
fn fast_moves_request_only_the_last_value() {
    let mut view = opened("first");
    press(&mut view, KeyCode::Right);
    let request = view.explore_request().unwrap();
    for _ in 0..3 {
        press(&mut view, KeyCode::Right);
    }
    assert_eq!(view.explore_request(), None, "an answer is pending");
    answer(&mut view, request);
    let last = view.explore_request().unwrap();
    assert_eq!(last, Command::Explore { id: "first".into(), values: vec![6.0, 2.0] });
}

#[test]
fn playback_stops_at_the_end() {
    let mut view = opened("first");
    press(&mut view, KeyCode::Char('p'));
    settle(&mut view);
    assert!(!view.playing);
    assert_eq!(view.sliders.values[1..], [10.0]);
    press(&mut view, KeyCode::Char('p'));
    assert!(view.playing);
    assert_eq!(view.sliders.values[1..], [0.0], "from the beginning");
    press(&mut view, KeyCode::Right);
    assert!(!view.playing, "moving a slider stops the playback");
}

#[test]
fn digits_type_a_value_and_r_resets() {
    let mut view = opened("first");
    assert_eq!(press(&mut view, KeyCode::Char('7')), Effect::Ignored, "digits are global keys");
    press(&mut view, KeyCode::Char('='));
    for character in "7.5".chars() {
        press(&mut view, KeyCode::Char(character));
    }
    press(&mut view, KeyCode::Enter);
    assert_eq!(view.sliders.values[..1], [7.5]);
    press(&mut view, KeyCode::Char('r'));
    assert_eq!(view.sliders.values, [2.0, 2.0]);
    press(&mut view, KeyCode::Char('o'));
    assert_eq!(press(&mut view, KeyCode::Char('3')), Effect::Ignored, "digits are global keys");
}

#[test]
fn changes_are_highlighted() {
    let mut view = opened("first");
    assert!(view.before.is_empty());
    press(&mut view, KeyCode::Right);
    settle(&mut view);
    assert_eq!(view.sliders.moved, Some(0));
    assert_ne!(view.before[0].body, view.shown.as_ref().unwrap().figures[0].body);
    press(&mut view, KeyCode::Char('>'));
    settle(&mut view);
    assert!(view.before.is_empty(), "another explorable is no change");
}

#[test]
fn dragging_continues_beyond_the_line_of_the_slider() {
    let mut view = opened("first");
    draw(&mut view, 80, 21);
    let spot = view.places.spots[0];
    let event =
        |kind, column, row| MouseEvent { kind, column, row, modifiers: KeyModifiers::empty() };
    let (left, right) = (spot.track.x, spot.track.right() - 1);
    touch::touch(&mut view, event(MouseEventKind::Down(MouseButton::Left), right, spot.track.y));
    assert_eq!(view.sliders.values[..1], [10.0]);
    touch::touch(&mut view, event(MouseEventKind::Drag(MouseButton::Left), left, spot.track.y + 9));
    assert_eq!(view.sliders.values[..1], [0.0]);
    touch::touch(&mut view, event(MouseEventKind::Up(MouseButton::Left), left, spot.track.y));
    touch::touch(&mut view, event(MouseEventKind::Drag(MouseButton::Left), right, spot.track.y));
    assert_eq!(view.sliders.values[..1], [0.0], "let go");
}

#[test]
fn any_size_can_be_drawn() {
    let mut view = opened("first");
    for (width, height) in (0..70).step_by(3).flat_map(|w| (0..24).map(move |h| (w, h))) {
        draw(&mut view, width, height);
    }
}
