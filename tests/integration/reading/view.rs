//! The view of a picture that was read, compared with golden screens.

use crate::canned::Dashboard;
use crate::golden::Golden;
use crate::screens::{add_body, save_picture, sections};
use crossterm::event::KeyCode;
use nntop::ui::Theme;

/// The golden screens, and the keys that lead to them.
pub const SCENES: &[(&str, &[KeyCode])] = &[
    ("read", &[]),
    ("read-second", &[KeyCode::Down, KeyCode::End]),
    ("read-line", &[KeyCode::PageDown, KeyCode::Right]),
];

#[test]
fn the_view_matches_its_golden_screens() {
    let mut different = Vec::new();
    for (name, keys) in SCENES {
        let mut golden = Golden::default();
        for (title, terminal, (width, height)) in sections() {
            let mut dashboard = Dashboard::reading(terminal.theme);
            keys.iter().for_each(|&code| dashboard.press(code));
            let screen = dashboard.screen(width, height);
            let picture = format!("{name}-{title}").replace([' ', ',', '·'], "");
            save_picture(&picture, &screen, terminal.theme);
            add_body(&mut golden, &title, terminal, (width, height), &screen);
        }
        different.extend(golden.difference(name));
    }
    assert!(different.is_empty(), "bless with NNTOP_BLESS=1 if right:\n{}", different.join("\n"));
}

#[test]
fn any_size_and_any_keys_can_be_drawn() {
    let keys = [
        KeyCode::Down,
        KeyCode::Right,
        KeyCode::End,
        KeyCode::PageDown,
        KeyCode::Up,
        KeyCode::PageUp,
        KeyCode::Char('?'),
        KeyCode::Esc,
        KeyCode::Char(' '),
    ];
    for (width, height) in (0..24).flat_map(|width| (0..20).map(move |height| (5 * width, height)))
    {
        let mut dashboard = Dashboard::reading(Theme::default());
        for &code in keys.iter().cycle().take(20) {
            dashboard.press(code);
            dashboard.screen(width, height);
        }
    }
}
