//! In Chinese, all labels are translated and no wide character is split.

use super::canned::{self, Dashboard};
use super::explore::settings;
use super::screens::SCENES;
use crossterm::event::KeyCode;
use nntop::explore::list;
use nntop::protocol::RunView;
use nntop::ui::{ColorDepth, Language, Theme};
use proptest::prelude::*;
use ratatui::buffer::Buffer;
use std::collections::BTreeSet;
use unicode_width::UnicodeWidthStr;

pub const CHINESE: Theme =
    Theme { depth: ColorDepth::True, light: false, unicode: true, language: Language::Chinese };

/// Words that are not translated: names of the program, of data, of layers, of keys, of gates, and
/// parts of formulas.
const KEPT: &[&str] = &[
    "nntop", "MNIST", "PNG", "dense", "conv", "pool", "softmax", "SGD", "Tab", "Esc", "Home",
    "End", "PgUp", "PgDn", "NAND", "AND", "NOT", "NOR", "XOR", "log",
];

/// Words that are typed: commands and the filter of the digits view.
const TYPED: &[&str] = &[
    "eta",
    "lambda",
    "momentum",
    "epochs",
    "batches",
    "pace",
    "full",
    "slow",
    "epoch",
    "live",
    "digit",
    "view",
    "draw",
    "explore",
    "sigmoid",
    "neuron",
    "pause",
    "resume",
    "stop",
    "save",
    "digits",
    "safetensors",
    "messages",
    "quit",
    "hold",
    "suspend",
    "end",
    "set",
    "weight",
    "decay",
    "background",
    "light",
    "dark",
    "wrong",
    "said",
    "right",
    "all",
    "book",
];

/// English words on a screen: three or more letters, except the allowed ones.
fn english(buffer: &Buffer, allowed: &[&[&str]]) -> BTreeSet<String> {
    let rows = (0..buffer.area.height).map(|y| {
        (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>() + "\n"
    });
    let text: String = rows.collect();
    let words = text.split(|c: char| !c.is_ascii_alphabetic());
    words
        .filter(|word| word.len() >= 3 && !allowed.iter().any(|list| list.contains(word)))
        .map(String::from)
        .collect()
}

fn assert_chinese(buffer: &Buffer, allowed: &[&[&str]], place: &str) {
    let left = english(buffer, allowed);
    assert!(left.is_empty(), "{place}: {left:?} in\n{buffer:?}");
}

#[test]
fn all_views_are_translated() {
    // The texts in figures of an experiment are not translated.
    for scene in SCENES.iter().filter(|scene| !scene.0.starts_with("book")) {
        // The footer gives an example of a filter.
        let typed: &[&str] = match scene.0 {
            name if name.contains("help") => TYPED,
            name if name.starts_with("digits") => &["wrong", "said"],
            _ => &[],
        };
        let mut dashboard = Dashboard::new(CHINESE, scene.1());
        for (width, height) in [(120, 40), (80, 24)] {
            dashboard.screen(width, height);
            if width == 120 {
                scene.2.iter().for_each(|&code| {
                    dashboard.press(code);
                    dashboard.screen(width, height);
                });
            }
            assert_chinese(&dashboard.screen(width, height), &[KEPT, typed], scene.0);
        }
    }
}

#[test]
fn help_confirmations_and_commands_are_translated() {
    for view in "123456789D0".chars() {
        let mut dashboard = Dashboard::new(CHINESE, canned::run(false));
        for keys in [[view, '?'], [view, ':'], [view, 's'], [view, 'q']] {
            for character in keys {
                dashboard.press(KeyCode::Char(character));
                dashboard.screen(120, 60);
            }
            let place = format!("{keys:?}");
            assert_chinese(&dashboard.screen(120, 60), &[KEPT, TYPED], &place);
            dashboard.press(KeyCode::Esc);
        }
    }
}

#[test]
fn empty_views_are_translated() {
    for view in "123456789D0".chars() {
        let mut dashboard = Dashboard::new(CHINESE, RunView::default());
        dashboard.press(KeyCode::Char(view));
        assert_chinese(&dashboard.draw(120, 40), &[KEPT, &["wrong", "said"]], &view.to_string());
    }
}

#[test]
fn all_explorables_are_translated() {
    for explorable in list() {
        for (name, keys) in settings(explorable) {
            let mut dashboard = Dashboard::exploring(CHINESE, &explorable.id);
            dashboard.screen(120, 50);
            for code in keys {
                dashboard.press(code);
            }
            let place = format!("{} with {name}", explorable.id);
            assert_chinese(&dashboard.screen(120, 50), &[KEPT], &place);
        }
    }
}

/// Checks that every wide character has both its columns.
fn assert_whole(buffer: &Buffer, place: &str) {
    let (width, height) = (buffer.area.width, buffer.area.height);
    for y in 0..height {
        for x in (0..width).filter(|x| buffer[(*x, y)].symbol().width() > 1) {
            let half = (x + 1 < width).then(|| buffer[(x + 1, y)].symbol());
            let blank = half.is_some_and(|half| half.trim().is_empty());
            assert!(blank, "{place} at {width}×{height}: {half:?} after {x}, {y}");
        }
    }
}

#[test]
fn wide_characters_are_never_split() {
    for scene in SCENES {
        let mut dashboard = Dashboard::new(CHINESE, scene.1());
        for &code in scene.2 {
            dashboard.press(code);
            dashboard.screen(80, 24);
        }
        for (width, height) in (1..=81).flat_map(|w| [4, 9, 12, 24].map(|h| (w, h))) {
            assert_whole(&dashboard.draw(width, height), scene.0);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn wide_characters_are_never_split_in_explorables(
        index in 0..list().len(),
        widths in proptest::collection::vec((1_u16..140, 1_u16..48), 8),
        keys in proptest::collection::vec(
            prop_oneof![
                Just(KeyCode::Down), Just(KeyCode::Right), Just(KeyCode::End), Just(KeyCode::Enter),
                Just(KeyCode::Char('f')), Just(KeyCode::Char('o')), Just(KeyCode::Char('7')),
            ],
            0..6,
        ),
    ) {
        let explorable = &list()[index];
        let mut dashboard = Dashboard::exploring(CHINESE, &explorable.id);
        dashboard.screen(80, 24);
        for code in keys {
            dashboard.press(code);
            dashboard.screen(80, 24);
        }
        for (width, height) in widths {
            assert_whole(&dashboard.screen(width, height), &explorable.id);
        }
    }
}
