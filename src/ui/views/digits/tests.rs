use super::*;
use crate::protocol::{Probe, RunView};
use crate::ui::theme::Theme;

/// Answers the view's query from a list of image indices.
fn answer(view: &DigitsView, run: &mut RunView, digit: u32, listed: &[u32]) {
    let theme = Theme::default();
    let context = ViewContext { digit, ..ViewContext::live(run, &theme) };
    let query = view.query(&context);
    let window = listed.iter().skip(query.offset as usize).take(query.count as usize);
    let list = Content::Digits {
        total: listed.len() as u32,
        selected_rank: listed.iter().position(|&index| index == digit).map(|at| at as u32),
        cards: window.map(|&index| Card { index, ..Card::default() }).collect(),
    };
    let probe = Probe::live(ProbeQuery::Digits(query));
    let frame = Frame { probe: probe.clone(), epoch: 1, batch: 0, content: list };
    run.frames.insert(probe, frame);
}

fn press(view: &mut DigitsView, run: &RunView, digit: u32, code: KeyCode) -> Effect {
    let theme = Theme::default();
    let context = ViewContext { digit, ..ViewContext::live(run, &theme) };
    view.key(KeyEvent::from(code), &context)
}

#[test]
fn arrows_move_through_the_list() {
    let (mut view, mut run) = (DigitsView::default(), RunView::default());
    answer(&view, &mut run, 5, &[1, 5, 9]);
    assert_eq!(press(&mut view, &run, 5, KeyCode::Right), Effect::SelectDigit(9));
    assert_eq!(press(&mut view, &run, 5, KeyCode::Left), Effect::SelectDigit(1));
}

#[test]
fn the_selection_stays_when_the_list_changes() {
    let (mut view, mut run) = (DigitsView::default(), RunView::default());
    answer(&view, &mut run, 5, &[1, 5, 9]);
    let theme = Theme::default();
    let context = |run| ViewContext { digit: 5, ..ViewContext::live(run, &theme) };
    assert_eq!(view.updated(&context(&run)), Effect::Ignored);
    // The network has learned 5: it is no longer listed, but stays selected until a key is pressed.
    let mut run = RunView::default();
    answer(&view, &mut run, 5, &[1, 9]);
    assert_eq!(view.updated(&context(&run)), Effect::Ignored);
    assert_eq!(press(&mut view, &run, 5, KeyCode::Right), Effect::SelectDigit(9));
    view.wanted = None;
    assert_eq!(press(&mut view, &run, 5, KeyCode::Left), Effect::SelectDigit(1));
}

#[test]
fn requests_the_part_of_the_list_that_it_moves_to() {
    let (mut view, mut run) = (DigitsView::default(), RunView::default());
    let list: Vec<u32> = (0..500).map(|n| 3 * n).collect();
    answer(&view, &mut run, 0, &list);
    assert_eq!(press(&mut view, &run, 0, KeyCode::End), Effect::Redraw);
    answer(&view, &mut run, 0, &list);
    let theme = Theme::default();
    let context = ViewContext::live(&run, &theme);
    assert_eq!(view.updated(&context), Effect::SelectDigit(3 * 499));
}

/// Ranks come from a session, which may be another user's.
#[test]
fn the_largest_rank_can_be_shown() {
    let mut view = DigitsView { beside: [4, 3], ..DigitsView::default() };
    for sheet in [false, true] {
        view.sheet = sheet;
        view.scroll_to(u32::MAX);
        assert!(view.offset > u32::MAX - 1000, "{}", view.offset);
    }
}

#[test]
fn neighbouring_images_change_by_whole_pages() {
    assert_eq!(neighbours::page([4, 2], 7), 0..8);
    assert_eq!(neighbours::page([4, 2], 8), 8..16);
    assert_eq!(neighbours::page([0, 0], 5), 5..6, "without room, only the image itself");
    let mut view = DigitsView { beside: [4, 2], ..DigitsView::default() };
    for rank in [31, 33, 12, 100, 0, 499] {
        view.scroll_to(rank);
        let page = neighbours::page(view.beside, rank);
        assert!(view.offset <= page.start && page.end <= view.offset + AROUND, "{rank}");
    }
    let (run, theme) = (RunView::default(), Theme::default());
    let context = ViewContext::live(&run, &theme);
    assert!(view.query(&context).pixels);
    view.beside = [0, 0];
    assert!(!view.query(&context).pixels, "they are not drawn");
}
