//! Every view, drawn from a canned run: compared with golden screens, colours included, and swept
//! over every small size.
//!
//! `NNTOP_BLESS=1 cargo test screens` writes the golden files anew; with `NNTOP_PICTURES=DIR`
//! every screen is also written there as SVG.

use super::canned::{self, Dashboard};
use super::languages::CHINESE;
use crossterm::event::KeyCode;
use nntop::protocol::RunView;
use nntop::ui::{ColorDepth, Language, Theme, svg};
use ratatui::buffer::Buffer;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};
use unicode_width::UnicodeWidthStr;

const SIZES: &[(u16, u16)] = &[(40, 12), (80, 24), (120, 40)];

const fn theme(depth: ColorDepth, light: bool, unicode: bool) -> Theme {
    Theme { depth, light, unicode, language: Language::English }
}

/// A terminal whose screens are kept: a suffix of the file's name, what it can show, the sizes.
pub type Kind = (&'static str, Theme, &'static [(u16, u16)]);

pub const TERMINALS: &[Kind] = &[
    ("", theme(ColorDepth::True, false, true), SIZES),
    ("-light", theme(ColorDepth::True, true, true), &[(80, 24)]),
    ("-256", theme(ColorDepth::Ansi256, false, true), &[(80, 24)]),
    ("-16", theme(ColorDepth::Ansi16, false, true), &[(80, 24)]),
    ("-16-light", theme(ColorDepth::Ansi16, true, true), &[(80, 24)]),
    ("-colourless", theme(ColorDepth::None, false, true), &[(80, 24)]),
    ("-zh", CHINESE, SIZES),
    ("-ascii", theme(ColorDepth::None, false, false), &[(80, 24)]),
];

/// What a golden screen shows: its name, the run, the keys that lead there.
pub type Scene = (&'static str, fn() -> RunView, &'static [KeyCode]);

fn dense() -> RunView {
    canned::run(false)
}

fn convolutional() -> RunView {
    canned::run(true)
}

fn book() -> RunView {
    let mut run = canned::run(false);
    for event in canned::figures() {
        run.apply(&event);
    }
    run
}

const fn key(character: char) -> KeyCode {
    KeyCode::Char(character)
}

/// The keys of all views.
const VIEWS: &str = "123456789D0";

pub const SCENES: &[Scene] = &[
    ("overview", dense, &[]),
    ("curves", dense, &[key('2')]),
    ("weights", dense, &[key('3')]),
    ("weights-one", dense, &[key('3'), KeyCode::Right, KeyCode::Enter]),
    ("weights-deep", dense, &[key('3'), key('>')]),
    ("weights-filters", convolutional, &[key('3')]),
    ("digits", dense, &[key('4')]),
    ("digits-wrong", dense, &[key('4'), key('w')]),
    ("digits-sheet", dense, &[key('4'), KeyCode::Enter]),
    ("confusion", dense, &[key('5'), KeyCode::Right, KeyCode::Down]),
    ("gradients", dense, &[key('6')]),
    ("network", dense, &[key('7')]),
    ("network-unit", dense, &[key('7'), KeyCode::Enter]),
    ("network-maps", convolutional, &[key('7'), KeyCode::Left, KeyCode::Left, KeyCode::Left]),
    ("features", convolutional, &[key('8'), KeyCode::Right]),
    ("features-vector", dense, &[key('8'), KeyCode::Down]),
    ("book-chart", book, &[key('9'), KeyCode::Home]),
    ("book-surface", book, &[key('9'), KeyCode::Home, KeyCode::Right]),
    ("book-bars", book, &[key('9'), KeyCode::Home, KeyCode::Right, KeyCode::Right]),
    ("book-images", book, &[key('9'), KeyCode::End, KeyCode::Left]),
    ("book-text", book, &[key('9')]),
    ("draw-blank", dense, &[key('D')]),
    ("draw-test-image", dense, &[key('D'), key('t')]),
    (
        "draw-strokes",
        dense,
        &[
            key('D'),
            key('b'),
            KeyCode::Enter,
            KeyCode::Down,
            KeyCode::Down,
            KeyCode::Down,
            KeyCode::Down,
            KeyCode::Right,
            KeyCode::Right,
            key('x'),
        ],
    ),
    (
        "draw-damaged",
        dense,
        &[
            key('D'),
            key('t'),
            key('a'),
            KeyCode::Right,
            KeyCode::Right,
            KeyCode::Right,
            KeyCode::Down,
            KeyCode::Down,
            KeyCode::Left,
            KeyCode::Down,
            KeyCode::Down,
            KeyCode::Left,
            KeyCode::Left,
            KeyCode::Down,
            KeyCode::End,
        ],
    ),
    ("draw-help", dense, &[key('D'), key('?')]),
    ("explore", dense, &[key('0')]),
    ("explore-circuit", dense, &[key('0'), key('>'), key('>'), KeyCode::Down, KeyCode::Enter]),
    ("explore-moved", dense, &[key('0'), key('>'), key('>'), key('>'), KeyCode::Right]),
    ("explore-list", dense, &[key('0'), key('o'), KeyCode::End]),
    ("scrubbed", dense, &[key('5'), key('['), key('['), key('[')]),
    ("help", dense, &[key('?')]),
];

fn show(scene: &Scene, theme: Theme, (width, height): (u16, u16)) -> Buffer {
    let mut dashboard = Dashboard::new(theme, scene.1());
    dashboard.screen(width, height);
    for &code in scene.2 {
        dashboard.press(code);
        dashboard.screen(width, height);
    }
    dashboard.screen(width, height)
}

/// The letters of a screen, then the colours of every run of cells that look alike.
fn describe(buffer: &Buffer) -> String {
    let mut text = String::new();
    let mut styles = String::new();
    for y in 0..buffer.area.height {
        let cells = (0..buffer.area.width).map(|x| &buffer[(x, y)]);
        // What follows a wide character is its second half.
        let mut wide = false;
        let line: String = cells
            .clone()
            .map(ratatui::buffer::Cell::symbol)
            .filter(|symbol| !std::mem::replace(&mut wide, symbol.width() > 1))
            .collect();
        text += line.trim_end();
        text.push('\n');
        let mut last = None;
        for (x, cell) in cells.enumerate() {
            let style = (cell.fg, cell.bg, cell.modifier);
            if last != Some(style) {
                let _ = write!(styles, "{y},{x} {} {} {:?};", cell.fg, cell.bg, cell.modifier);
                last = Some(style);
            }
        }
        styles.push('\n');
    }
    // Colours by their fingerprint: a page of numbers helps nobody read a difference.
    format!("{text}colours {:016x}\n", fingerprint(&styles))
}

/// FNV-1a: the same on every machine and of every version of the standard library.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Writes a screen as SVG where somebody wants pictures.
pub fn save_picture(name: &str, buffer: &Buffer, theme: Theme) {
    if let Some(directory) = env::var_os("NNTOP_PICTURES") {
        let path = Path::new(&directory).join(format!("{name}.svg"));
        fs::write(path, svg(buffer, theme)).unwrap();
    }
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/screens").join(format!("{name}.txt"))
}

#[test]
fn every_view_looks_as_it_did_on_every_terminal() {
    let different: Vec<String> = TERMINALS
        .iter()
        .flat_map(|(suffix, theme, sizes)| sizes.iter().map(move |size| (suffix, theme, size)))
        .flat_map(|(suffix, theme, size)| {
            SCENES.iter().filter_map(|scene| difference(scene, suffix, *theme, *size))
        })
        .collect();
    assert!(different.is_empty(), "bless with NNTOP_BLESS=1 if right:\n{}", different.join("\n"));
}

/// The screen, where it is not the golden one.
fn difference(scene: &Scene, suffix: &str, theme: Theme, size: (u16, u16)) -> Option<String> {
    let name = format!("{}-{}x{}{suffix}", scene.0, size.0, size.1);
    difference_of(&name, &show(scene, theme, size), theme)
}

/// A drawn screen, where it is not the golden one of its name.
pub fn difference_of(name: &str, buffer: &Buffer, theme: Theme) -> Option<String> {
    save_picture(name, buffer, theme);
    let screen = describe(buffer);
    let path = golden(name);
    if env::var_os("NNTOP_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &screen).unwrap();
    }
    let differs = fs::read_to_string(&path).unwrap_or_default() != screen;
    differs.then(|| format!("{name}:\n{screen}"))
}

#[test]
fn no_size_and_no_terminal_is_too_small() {
    let plain = theme(ColorDepth::None, true, false);
    for scene in SCENES {
        for theme in [Theme::default(), plain] {
            let mut dashboard = Dashboard::new(theme, scene.1());
            for &code in scene.2 {
                dashboard.press(code);
                dashboard.screen(80, 24);
            }
            let widths = (0..=13).chain([16, 21, 30]);
            for (width, height) in widths.flat_map(|w| (0..=15).map(move |h| (w, h))) {
                let buffer = dashboard.draw(width, height);
                let ascii = buffer.content.iter().all(|cell| cell.symbol().is_ascii());
                assert!(theme.unicode || ascii, "{} at {width}×{height}", scene.0);
            }
            dashboard.screen(1, 1);
        }
    }
}

#[test]
fn a_run_that_told_nothing_yet_is_drawn_too() {
    for view in VIEWS.chars() {
        let mut dashboard = Dashboard::new(Theme::default(), RunView::default());
        dashboard.press(key(view));
        for code in [KeyCode::Down, KeyCode::Right, KeyCode::End, KeyCode::Enter, key('>')] {
            dashboard.press(code);
            for (width, height) in [(1, 1), (40, 12), (120, 40)] {
                dashboard.draw(width, height);
            }
        }
    }
}

#[test]
fn any_keys_in_any_order_at_any_size_leave_a_screen() {
    let codes = [
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::PageDown,
        KeyCode::PageUp,
        KeyCode::Enter,
        KeyCode::Esc,
        key('<'),
        key('>'),
        key('w'),
        key('o'),
        key(' '),
        key('t'),
        key('a'),
        key('u'),
        key('['),
        key(']'),
    ];
    for convolutional in [false, true] {
        for view in VIEWS.chars() {
            let mut dashboard = Dashboard::new(Theme::default(), canned::run(convolutional));
            dashboard.press(key(view));
            for step in 0..90_usize {
                // A walk that meets every pair of keys sooner or later.
                let at = (step * step * 31 + step * 7) % 65_537 % codes.len();
                dashboard.press(codes[at]);
                let (width, height) = [(80, 24), (40, 12), (7, 3), (120, 40)][step % 4];
                dashboard.screen(width, height);
            }
        }
    }
}
