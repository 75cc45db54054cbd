use super::*;
use crate::protocol::{Card, Event, Frame, Probe, Progress, RunInfo, RunView};
use crate::ui::theme::Theme;
use crossterm::event::KeyModifiers;

/// A view with a run.
struct Rig {
    view: DrawView,
    run: RunView,
}

impl Rig {
    fn new() -> Self {
        let mut run = RunView::default();
        let info = RunInfo { image_width: 28, image_height: 28, ..RunInfo::default() };
        run.apply(&Event::Started(Box::new(info)));
        Self { view: DrawView::default(), run }
    }

    fn with<T>(&mut self, act: impl FnOnce(&mut DrawView, &ViewContext) -> T) -> T {
        let theme = Theme::default();
        let context = ViewContext { digit: 3, ..ViewContext::live(&self.run, &theme) };
        act(&mut self.view, &context)
    }

    fn press(&mut self, code: KeyCode) -> Effect {
        self.with(|view, context| view.key(KeyEvent::from(code), context))
    }

    fn draw_screen(&mut self) {
        self.with(|view, context| {
            let area = Rect::new(0, 0, 120, 37);
            view.render(area, &mut Buffer::empty(area), context);
        });
    }

    fn mouse(&mut self, kind: MouseEventKind, column: u16, row: u16) -> Effect {
        let event = MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE };
        self.with(|view, context| view.mouse(event, Rect::new(0, 0, 120, 37), context))
    }

    fn update(&mut self, event: &Event) -> Effect {
        self.run.apply(event);
        self.with(View::updated)
    }

    fn answer(&mut self, id: u64) -> Effect {
        let outputs = vec![0.1, 0.7, 0.2];
        self.update(&Event::Classified(Classified {
            id,
            outputs,
            prediction: 1,
            votes: Vec::new(),
        }))
    }
}

fn request_id(reaction: &Effect) -> u64 {
    match reaction {
        Effect::Classify { id, pixels } => {
            assert_eq!(pixels.len(), 784);
            *id
        }
        other => panic!("expected a request, not {other:?}"),
    }
}

#[test]
fn one_request_is_pending_at_a_time_and_the_last_stroke_is_answered() {
    let mut rig = Rig::new();
    let first = request_id(&rig.press(KeyCode::Char(' ')));
    rig.press(KeyCode::Right);
    assert_eq!(rig.press(KeyCode::Char(' ')), Effect::Redraw, "one request is pending");
    rig.press(KeyCode::Down);
    assert_eq!(rig.press(KeyCode::Char(' ')), Effect::Redraw);
    let second = request_id(&rig.answer(first));
    assert_ne!(first, second);
    assert!(rig.view.current_answer().is_none(), "the answer is for an earlier stroke");
    assert_eq!(rig.answer(second), Effect::Redraw);
    assert_eq!(rig.view.current_answer().map(|answer| answer.prediction), Some(1));
}

#[test]
fn answers_to_other_clients_are_ignored() {
    let mut rig = Rig::new();
    let id = request_id(&rig.press(KeyCode::Char(' ')));
    rig.answer(id ^ 1);
    assert!(rig.view.answer.is_none());
}

#[test]
fn requests_are_repeated_after_a_lost_answer_and_after_training() {
    let mut rig = Rig::new();
    let id = request_id(&rig.press(KeyCode::Char(' ')));
    let progress = |batch| Event::Progress(Progress { batch, ..Progress::default() });
    let mut again = None;
    for batch in 1..=RETRY_UPDATES {
        if let Effect::Classify { id, .. } = rig.update(&progress(batch)) {
            again = Some(id);
        }
    }
    assert_eq!(again, Some(id));
    rig.answer(id);
    assert_eq!(request_id(&rig.update(&progress(100))), id, "the network has learned since");
}

#[test]
fn a_blank_canvas_is_not_sent() {
    let mut rig = Rig::new();
    rig.press(KeyCode::Char('a'));
    assert_eq!(rig.press(KeyCode::Right), Effect::Redraw, "noise alone");
    rig.press(KeyCode::Char('a'));
    let id = request_id(&rig.press(KeyCode::Char(' ')));
    rig.answer(id);
    assert_eq!(rig.press(KeyCode::Char('u')), Effect::Redraw, "blank again");
    assert_eq!(rig.answer(id), Effect::Redraw);
    assert_eq!(rig.press(KeyCode::Char('U')), Effect::Redraw);
    assert!(rig.view.current_answer().is_some(), "the earlier answer is reused");
}

#[test]
fn distortions_change_the_input_and_not_the_drawing() {
    let mut rig = Rig::new();
    rig.press(KeyCode::Char(' '));
    let (drawn, input) = (rig.view.canvas.picture.clone(), rig.view.input.clone());
    let bounds = |input: &Drawing| {
        let Drawing { width, height, ink, .. } = input.clone();
        crate::picture::Picture { width, height, ink }.bounds()
    };
    assert_eq!(bounds(&input).3, 20, "scaled to the box");
    rig.press(KeyCode::Char('a'));
    rig.press(KeyCode::Down);
    rig.press(KeyCode::Down);
    rig.press(KeyCode::Right);
    assert_eq!(rig.view.canvas.picture, drawn);
    assert_eq!(bounds(&rig.view.input).0, bounds(&input).0 + 1, "one pixel to the right");
    rig.press(KeyCode::Char('r'));
    assert_eq!(rig.view.input, input);
}

#[test]
fn the_selected_test_image_is_copied_to_the_canvas() {
    let mut rig = Rig::new();
    let pixels: Vec<u8> = (0..784).map(|at| if at % 28 == 14 { 200 } else { 0 }).collect();
    let content = Content::Digit {
        card: Card { index: 3, pixels: pixels.clone(), ..Card::default() },
        outputs: Vec::new(),
        votes: Vec::new(),
    };
    let probe = Probe::live(ProbeQuery::Digit { index: 3 });
    rig.update(&Event::Frame(Box::new(Frame { probe, epoch: 1, batch: 0, content })));
    request_id(&rig.press(KeyCode::Char('t')));
    assert_eq!(rig.view.canvas.picture.ink, pixels);
    rig.press(KeyCode::Char('u'));
    assert!(rig.view.canvas.picture.is_blank());
}

#[test]
fn a_network_for_colour_images_gets_colour_input() {
    let mut rig = Rig::new();
    let image_channels = 3;
    let info = RunInfo { image_width: 28, image_height: 28, image_channels, ..RunInfo::default() };
    rig.run.apply(&Event::Started(Box::new(info)));
    rig.press(KeyCode::Char('C'));
    assert!(rig.view.keys().iter().any(|key| key.keys == "C"));
    let Effect::Classify { pixels, .. } = rig.press(KeyCode::Char(' ')) else {
        panic!("expected a request")
    };
    let middle = 3 * (14 * 28 + 14);
    assert_eq!((pixels.len(), &pixels[middle..middle + 3]), (3 * 784, &[220, 40, 40][..]));
    rig.draw_screen();
}

#[test]
fn the_mouse_draws_a_line_erases_and_slides() {
    let mut rig = Rig::new();
    rig.draw_screen();
    let place = rig.view.places.canvas;
    assert_eq!((place.width, place.height), (56, 28), "one pixel per half cell");
    let left = MouseButton::Left;
    request_id(&rig.mouse(MouseEventKind::Down(left), place.x + 10, place.y + 5));
    rig.mouse(MouseEventKind::Drag(left), place.x + 10, place.y + 20);
    rig.mouse(MouseEventKind::Up(left), place.x + 10, place.y + 20);
    let ink = |rig: &Rig, x: usize, y: usize| rig.view.canvas.picture.ink[y * 28 + x];
    assert!((5..=20).all(|y| ink(&rig, 5, y) > 200), "a line without gaps");
    assert_eq!(rig.view.cursor, [5, 20]);
    rig.mouse(MouseEventKind::Down(MouseButton::Right), place.x + 10, place.y + 12);
    assert_eq!(ink(&rig, 5, 12), 0);
    let track = rig.view.places.sliders[0];
    rig.mouse(MouseEventKind::Down(left), track.x, track.y);
    rig.mouse(MouseEventKind::Drag(left), track.right() - 1, track.y);
    assert!((rig.view.sliders.distortion().noise - 0.6).abs() < 1e-6);
    assert_eq!(ink(&rig, 5, 12), 0, "sliding draws nothing");
}

#[test]
fn the_input_of_the_network_is_saved() {
    let mut rig = Rig::new();
    rig.press(KeyCode::Enter);
    (0..9).for_each(|_| drop(rig.press(KeyCode::Down)));
    let Effect::SavePicture(picture) = rig.press(KeyCode::Char('p')) else {
        panic!("nothing saved")
    };
    assert_eq!(picture, rig.view.input);
    assert!(rig.view.down && !picture.is_blank());
}

#[test]
fn huge_image_sizes_of_a_session_allocate_no_memory() {
    let mut rig = Rig::new();
    for (width, height) in [(u32::MAX, u32::MAX), (1 << 31, 1), (0, 28), (1 << 20, 1 << 20)] {
        let info = RunInfo { image_width: width, image_height: height, ..RunInfo::default() };
        rig.run.apply(&Event::Started(Box::new(info)));
        rig.with(DrawView::updated);
        assert_eq!((rig.view.canvas.picture.width, rig.view.canvas.picture.height), (28, 28));
    }
}
