//! Every explorable, drawn with its sliders at their defaults and at both ends.

use super::canned::Dashboard;
use super::screens::save_picture;
use crossterm::event::KeyCode;
use nntop::explore::{explore, list};
use nntop::protocol::{Explorable, Figure};
use nntop::ui::{ColorDepth, Theme};
use ratatui::buffer::Buffer;

const SIZES: [(u16, u16); 2] = [(80, 24), (120, 40)];

fn letters(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in 0..buffer.area.height {
        text.extend((0..buffer.area.width).map(|x| buffer[(x, y)].symbol()));
        text.push('\n');
    }
    text
}

fn cells_drawn(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

/// All figures are shown with their titles, as far as the titles fit.
fn assert_shown(screen: &str, figures: &[Figure], place: &str) {
    for figure in figures {
        let title: String = figure.title.chars().take(12).collect();
        assert!(screen.contains(&title), "{place}: no figure {:?} in\n{screen}", figure.title);
    }
    assert!(!screen.contains("NaN") && !screen.contains("inf"), "{place}:\n{screen}");
}

/// The keys that move the sliders to their ends, all together and one by one.
pub fn settings(explorable: &Explorable) -> Vec<(String, Vec<KeyCode>)> {
    let mut settings = vec![("defaults".to_string(), Vec::new())];
    for (name, end) in [("lowest", KeyCode::Home), ("highest", KeyCode::End)] {
        let mut all = Vec::new();
        for (index, slider) in explorable.sliders.iter().enumerate() {
            // A grid takes one Down per row.
            let mut keys = vec![KeyCode::Down; downs(explorable, index)];
            keys.push(end);
            settings.push((format!("{} {name}", slider.name), keys));
            all.extend(vec![
                KeyCode::Down;
                if index == 0 {
                    0
                } else {
                    downs(explorable, index) - downs(explorable, index - 1)
                }
            ]);
            all.push(end);
        }
        settings.push((format!("all {name}"), all));
    }
    settings
}

/// The number of Downs from the first slider to another.
fn downs(explorable: &Explorable, slider: usize) -> usize {
    use nntop::protocol::SliderKind;
    let rows = |slider: &nntop::protocol::Slider| match &slider.control {
        SliderKind::Grid { width, .. } => slider.default.len().div_ceil(*width as usize),
        _ => 1,
    };
    explorable.sliders[..slider].iter().map(rows).sum()
}

#[test]
fn every_explorable_can_be_drawn_at_both_ends_of_every_slider() {
    for explorable in list() {
        let figures = explore(&explorable.id, &[]).unwrap().figures;
        for (name, keys) in settings(explorable) {
            for (width, height) in SIZES {
                let place = format!("{} with {name} at {width}×{height}", explorable.id);
                let mut dashboard = Dashboard::exploring(Theme::default(), &explorable.id);
                dashboard.screen(width, height);
                for &code in &keys {
                    dashboard.press(code);
                }
                let buffer = dashboard.screen(width, height);
                if name == "defaults" {
                    let file = format!("explore-{}-{width}x{height}", explorable.id);
                    save_picture(&file, &buffer, Theme::default());
                }
                let screen = letters(&buffer);
                assert_shown(&screen, &figures, &place);
                assert!(cells_drawn(&screen) > 500, "{place}:\n{screen}");
            }
        }
    }
}

#[test]
fn a_single_figure_fills_the_area() {
    for explorable in list() {
        let figures = explore(&explorable.id, &[]).unwrap().figures;
        let mut dashboard = Dashboard::exploring(Theme::default(), &explorable.id);
        dashboard.screen(80, 24);
        for (index, figure) in figures.iter().enumerate().filter(|_| figures.len() > 1) {
            dashboard.press(KeyCode::Char('f'));
            let screen = letters(&dashboard.screen(80, 24));
            assert_shown(&screen, std::slice::from_ref(figure), &explorable.id);
            let count = format!("{} of {}", index + 1, figures.len());
            assert!(screen.contains(&count), "{}:\n{screen}", explorable.id);
        }
    }
}

#[test]
fn ascii_terminals_get_ascii() {
    let plain = Theme { depth: ColorDepth::None, unicode: false, ..Theme::default() };
    for explorable in list() {
        let mut dashboard = Dashboard::exploring(plain, &explorable.id);
        for (width, height) in [(40, 12), (80, 24), (7, 3), (120, 40)] {
            let screen = letters(&dashboard.screen(width, height));
            assert!(screen.is_ascii(), "{}:\n{screen}", explorable.id);
        }
    }
}

#[test]
fn moved_and_changed_parts_are_highlighted() {
    let theme = Theme::default();
    let mut dashboard = Dashboard::exploring(theme, "sigmoid-neuron");
    let before = letters(&dashboard.screen(120, 40));
    assert!(!before.contains(" changed "));
    dashboard.press(KeyCode::Right);
    let after = letters(&dashboard.screen(120, 40));
    assert_eq!(after.matches(" changed ").count(), 3, "{after}");
}
